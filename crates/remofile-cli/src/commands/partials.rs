//! `remofile partials`

use super::{Context, paths};
use crate::args::Partials;
use crate::exit::Exit;
use crate::failed::Result;
use crate::output::partials::{PartialColumns, Style};
use crate::output::time::Clock;
use crate::output::{self, json, text::harmless};
use remofile::protocol::handshake::Right;
use remofile::protocol::path::RemotePath;
use remofile::protocol::wire::{ErrorCode, Failure, PartialEntry};
use remofile::{Client, Error, LocalPartials};
use std::io::IsTerminal;

pub(super) fn run(partials: &Partials, context: Context) -> Result<Exit> {
    let paths: Vec<RemotePath> = partials.paths.iter().map(|path| paths::from_root(path)).collect::<Result<_>>()?;
    let mut place = match &partials.local {
        Some(directory) => Place::Local(LocalPartials::open(directory)?),
        None => Place::Server(Box::new(context.connect(&partials.connection, None)?)),
    };
    let found = select(place.list()?, &paths)?;
    if partials.clear && partials.dry_run {
        place.refuse_early(&paths)?;
    }
    let shown = match (partials.clear && !partials.dry_run, partials.connection.json) {
        (false, is_json) => {
            let told = serde_json::json!({"cleared": found.len(), "dry_run": true});
            let end = if partials.clear && is_json { format!("{told}\n") } else { String::new() };
            list(&found, partials, &place) + &end
        }
        (true, is_json) => {
            let cleared = place.clear(&found, paths.is_empty())?;
            if is_json { format!("{}\n", serde_json::json!({"cleared": cleared})) } else { String::new() }
        }
    };
    output::data(&shown)?;
    Ok(Exit::Success)
}

/// A place where interrupted transfers left partials.
enum Place {
    Server(Box<Client>),
    Local(LocalPartials),
}

impl Place {
    fn list(&mut self) -> Result<Vec<PartialEntry>> {
        Ok(match self {
            Self::Server(client) => client.partials()?,
            Self::Local(partials) => partials.list()?,
        })
    }

    /// Refuses what the server would refuse to clear.
    fn refuse_early(&mut self, paths: &[RemotePath]) -> Result<()> {
        match self {
            Self::Server(client) => {
                Ok(client.refuse_without(&[Right::Remove], paths.first().unwrap_or(&RemotePath::root()))?)
            }
            Self::Local(_) => Ok(()),
        }
    }

    /// Clears these, or all there are by now.
    fn clear(&mut self, found: &[PartialEntry], all: bool) -> Result<u64> {
        let paths: Vec<RemotePath> = found.iter().map(|partial| partial.path.clone()).collect();
        let paths = if all { &[] } else { &paths[..] };
        Ok(match self {
            Self::Server(client) => client.clear_partials(paths)?,
            Self::Local(partials) => partials.clear(paths)?,
        })
    }

    /// A path as it is shown, and given: relative to a local directory.
    fn show<'a>(&self, path: &'a RemotePath) -> &'a str {
        match self {
            Self::Server(_) => path.as_str(),
            Self::Local(_) => path.as_relative(),
        }
    }
}

/// Those of these files, and of the files below these directories; all if none is named.
fn select(found: Vec<PartialEntry>, paths: &[RemotePath]) -> Result<Vec<PartialEntry>> {
    if paths.is_empty() {
        return Ok(found);
    }
    for path in paths {
        // The server of `nas:` is asked for all that it has, which may be nothing.
        if !path.is_root() && !found.iter().any(|partial| partial.path.is_within(path)) {
            let nothing = Failure::new(ErrorCode::NotFound).at(path).because("nothing is kept of it");
            return Err(Error::Remote(nothing).into());
        }
    }
    Ok(found.into_iter().filter(|partial| paths.iter().any(|path| partial.path.is_within(path))).collect())
}

fn list(found: &[PartialEntry], partials: &Partials, place: &Place) -> String {
    if partials.connection.json {
        return found
            .iter()
            .map(|partial| format!("{}\n", json::partial(partial, place.show(&partial.path))))
            .collect();
    }
    let style = if partials.long { Style::Long(Clock::local()) } else { Style::Short };
    let mut columns = PartialColumns::new(style);
    let is_terminal = std::io::stdout().is_terminal();
    for partial in found {
        let path = place.show(&partial.path);
        let path = if is_terminal { harmless(path).into_owned() } else { path.to_owned() };
        columns.push(partial, path);
    }
    columns.into_text()
}

#[cfg(test)]
mod tests {
    use super::*;
    use remofile::protocol::wire::Timestamp;

    fn kept(path: &str) -> PartialEntry {
        let (modified, touched) = (Timestamp::new(0, 0), Timestamp::new(0, 0));
        PartialEntry { path: path.parse().unwrap(), size: 2, modified, received: 1, touched, marks: Vec::new() }
    }

    #[test]
    fn a_path_stands_for_a_file_or_all_below_a_directory() {
        let select = |paths: &[&str]| {
            let paths: Vec<RemotePath> = paths.iter().map(|path| path.parse().unwrap()).collect();
            let found = select(vec![kept("/a"), kept("/d/b"), kept("/d/c"), kept("/dd")], &paths)?;
            Ok::<_, crate::failed::Failed>(found.iter().map(|kept| kept.path.to_string()).collect::<Vec<_>>())
        };
        assert_eq!(select(&[]).unwrap().len(), 4);
        assert_eq!(select(&["/d"]).unwrap(), ["/d/b", "/d/c"]);
        assert_eq!(select(&["/d/c", "/a"]).unwrap(), ["/a", "/d/c"]);
        assert_eq!(select(&["/"]).unwrap().len(), 4);
        assert!(super::select(Vec::new(), &[RemotePath::root()]).unwrap().is_empty());
        assert!(select(&["/a", "/x"]).unwrap_err().message().starts_with("/x: "));
    }
}
