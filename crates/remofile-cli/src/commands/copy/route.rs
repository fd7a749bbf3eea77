//! The way of a copy: which of its operands are at which server.

use crate::args::{Copy, RemoteOperand, ServerName, hint};
use crate::failed::{Failed, Result};
use crate::output::text::shell_word;
use remofile::store::exists;
use std::path::{Path, PathBuf};

/// The way of a copy.
#[derive(Debug, PartialEq)]
pub(super) struct Route {
    /// The server of the sources; `None` if they are local.
    pub(super) source: Option<ServerName>,
    /// The server of the destination; `None` if it is local.
    pub(super) destination: Option<ServerName>,
    /// The operands as plain paths, the destination last.
    pub(super) paths: Vec<PathBuf>,
    /// The directory that relative sources are taken from.
    pub(super) base: Option<PathBuf>,
}

/// An operand: a path, and the server that it is at, if it names one.
struct Operand<'a> {
    written: &'a Path,
    server: Option<ServerName>,
    path: PathBuf,
}

impl<'a> Operand<'a> {
    fn parse(written: &'a Path, is_profile: &dyn Fn(&str) -> bool) -> Result<Self> {
        let remote = match written.to_str() {
            Some(text) => RemoteOperand::parse(text, is_profile).map_err(Failed::usage)?,
            None => None,
        };
        if let Some(ServerName::Profile(name)) = remote.as_ref().map(|remote| &remote.server)
            && !is_profile(name)
            && exists(written)
        {
            let word = shell_word(&written.display().to_string()).into_owned();
            return Err(Failed::usage(format!(
                "{word} is a path at the server of the profile {name:?}, which there is not: the local file is ./{word}"
            )));
        }
        Ok(match remote {
            Some(RemoteOperand { server, path }) => Self { written, server: Some(server), path: path.into() },
            None => Self { written, server: None, path: written.to_owned() },
        })
    }

    /// Reports whether it is a local path without doubt: one that begins with a dot.
    fn is_plainly_local(&self) -> bool {
        let first = self.written.to_str().and_then(|text| text.split('/').next());
        self.server.is_none() && matches!(first, Some("." | ".."))
    }
}

impl Route {
    /// Tells the way by the operands: a plain path is local if any of them names a server.
    ///
    /// # Errors
    /// [`Failed::Usage`] if an operand cannot be one, or if the sources are in several places.
    pub(super) fn of(copy: &Copy, is_profile: &dyn Fn(&str) -> bool) -> Result<Self> {
        let base = copy.transfer.relative_directory.as_deref();
        Self::of_operands(&copy.paths, base, copy.transfer.files_from.is_some(), is_profile)
    }

    fn of_operands(
        paths: &[PathBuf],
        base: Option<&Path>,
        are_listed: bool,
        is_profile: &dyn Fn(&str) -> bool,
    ) -> Result<Self> {
        let parse = |path| Operand::parse(path, is_profile);
        let operands = paths.iter().map(|path| parse(path)).collect::<Result<Vec<_>>>()?;
        let base = base.map(parse).transpose()?;
        let Some((destination, sources)) =
            operands.split_last().filter(|(_, sources)| are_listed || !sources.is_empty())
        else {
            return Err(Failed::usage("there is no destination: 'copy SOURCE... DESTINATION'"));
        };
        let plain = |operands: &[Operand<'_>]| operands.iter().map(|operand| operand.path.clone()).collect();
        let (paths, base_path) = (plain(&operands), base.as_ref().map(|base| base.path.clone()));
        if operands.iter().chain(&base).all(|operand| operand.server.is_none()) {
            refuse_local(sources, destination, base.is_some())?;
            let server = Some(ServerName::Default);
            return Ok(Self { source: server.clone(), destination: server, paths, base: base_path });
        }
        let source = one_place(sources, base.as_ref())?;
        Ok(Self { source, destination: destination.server.clone(), paths, base: base_path })
    }
}

/// Returns the server of all sources; `None` if they are local.
fn one_place(sources: &[Operand<'_>], base: Option<&Operand<'_>>) -> Result<Option<ServerName>> {
    // Relative sources are where the directory is that they are taken from.
    let place = |source: &Operand<'_>| source.server.clone().or_else(|| base?.server.clone());
    let Some((first, others)) = sources.split_first() else { return Ok(base.and_then(|base| base.server.clone())) };
    let Some(other) = others.iter().find(|other| place(other) != place(first)) else { return Ok(place(first)) };
    Err(Failed::usage(match (place(first), place(other)) {
        (Some(one), Some(two)) => {
            format!("the sources are at two servers ({one} and {two}): copy them one after the other")
        }
        _ => {
            let (local, remote) = if place(first).is_none() { (first, other) } else { (other, first) };
            let (local, remote) = (local.written.display(), remote.written.display());
            format!(
                "{local} is a local file and {remote} is at a server: copy them one after the other (a path at the default \
                 server is written ':/path')"
            )
        }
    }))
}

/// Refuses operands none of which names a server, if one of them is a local path without doubt, or if all are relative and a
/// source is a local file: whoever types these may mean the system's `cp`.
fn refuse_local(sources: &[Operand<'_>], destination: &Operand<'_>, has_base: bool) -> Result<()> {
    let is_local = Operand::is_plainly_local;
    let is_relative = |operand: &Operand<'_>| operand.written.is_relative();
    let are_relative = !has_base && is_relative(destination) && sources.iter().all(is_relative);
    let may_be_local = are_relative && sources.iter().any(|source| exists(source.written));
    if may_be_local || sources.iter().any(is_local) || is_local(destination) {
        let words: Vec<&Path> = sources.iter().chain([destination]).map(|operand| operand.written).collect();
        return Err(both_local(&words));
    }
    Ok(())
}

fn both_local(words: &[&Path]) -> Failed {
    let missing = words.iter().filter(|path| !exists(path)).filter_map(|path| path.to_str());
    if let Some((text, hint)) = missing.into_iter().find_map(|text| Some((text, hint(text)?))) {
        return Failed::usage(format!("{text} is no path at a server, and no local file: {hint}"));
    }
    let line: Vec<String> = words.iter().map(|path| shell_word(&path.display().to_string()).into_owned()).collect();
    Failed::usage(format!(
        "no path is marked as one at a server: write ':/path' or 'NAME:/path' for that; between local paths the system copies: \
         cp {}",
        line.join(" ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(line: &str) -> Result<Route> {
        let paths: Vec<PathBuf> = line.split(' ').map(PathBuf::from).collect();
        Route::of_operands(&paths, None, false, &|name| name == "nas")
    }

    fn told(line: &str) -> String {
        let Route { source, destination, paths, .. } = route(line).unwrap();
        let place = |server: Option<ServerName>| server.map_or("here".to_owned(), |server| server.to_string());
        let paths: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
        format!("{} -> {}: {}", place(source), place(destination), paths.join(" "))
    }

    #[test]
    fn the_operands_tell_the_way() {
        for (line, expected) in [
            ("a :/b", "here -> the default server: a /b"),
            ("a b nas:/c/", "here -> nas:: a b /c/"),
            ("/a nas:x", "here -> nas:: /a /x"),
            (":/a .", "the default server -> here: /a ."),
            ("nas:/a nas:/b /c", "nas: -> here: /a /b /c"),
            ("nas:/a nas:/b", "nas: -> nas:: /a /b"),
            ("nas:/a work:/b", "nas: -> work:: /a /b"),
            ("nas:/a remofile://h:7/b", "nas: -> remofile://h:7: /a /b"),
            ("/a /b", "the default server -> the default server: /a /b"),
            ("a b", "the default server -> the default server: a b"),
            ("./nas:/a nas:/b", "here -> nas:: ./nas:/a /b"),
            ("nas:/a ./b:c", "nas: -> here: /a ./b:c"),
        ] {
            assert_eq!(told(line), expected, "{line}");
        }
    }

    #[test]
    fn a_directory_that_sources_are_taken_from_tells_where_they_are() {
        let paths = ["a", "b"].map(PathBuf::from);
        let found = Route::of_operands(&paths, Some(Path::new("nas:/d")), false, &|name| name == "nas").unwrap();
        assert_eq!(found.source, Some(ServerName::Profile("nas".to_owned())));
        assert_eq!((found.destination, found.base), (None, Some("/d".into())));
    }

    #[test]
    fn what_is_in_several_places_or_in_none_is_refused() {
        for (line, part) in [
            ("nas:/a work:/b .", "two servers (nas: and work:)"),
            ("nas:/a b :/c", "b is a local file and nas:/a is at a server"),
            ("./a ./b", "cp ./a ./b"),
            ("./a /b", "':/path'"),
            ("a", "no destination"),
            ("nas:/a", "no destination"),
            ("remofile://h:0/a b", "is no port"),
        ] {
            let message = route(line).unwrap_err().message();
            assert!(message.contains(part), "{line}: {message}");
        }
    }
}
