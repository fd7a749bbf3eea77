//! Remote paths as they are written on a command line.

use crate::args::hint;
use crate::failed::{Failed, Result};
use crate::output::prompt;
use crate::output::text::harmless;
use remofile::RemoteSource;
use remofile::protocol::path::{InvalidPath, RemotePath};
use std::borrow::Cow;
use std::path::Path;

/// A remote path; one that does not begin with a slash is taken from the root directory.
pub(super) fn from_root(text: &str) -> Result<RemotePath> {
    from_directory(&RemotePath::root(), text)
}

/// Remote paths, taken from the root directory if need be; the root directory if there are none.
pub(super) fn all_from_root(texts: &[String]) -> Result<Vec<RemotePath>> {
    match texts {
        [] => Ok(vec![RemotePath::root()]),
        texts => texts.iter().map(|text| from_root(text)).collect(),
    }
}

/// A remote path; one that does not begin with a slash is taken from a directory.
pub(super) fn from_directory(directory: &RemotePath, text: &str) -> Result<RemotePath> {
    let parsed = match text.strip_prefix('/') {
        Some(_) => RemotePath::parse(&plain(text)),
        None => RemotePath::parse(&plain(&format!("{directory}/{text}"))),
    };
    if text.is_empty() {
        return Err(Failed::usage("a remote path is empty (the root directory is '/')"));
    }
    parsed.map_err(|error| unusable(text, &error))
}

/// The path with one slash where several are, and without names that stand for the directory itself, as shells make them.
fn plain(text: &str) -> Cow<'_, str> {
    let is_plain = !text.contains("//") && !text.contains("/./") && !text.ends_with("/.") && !text.starts_with("./");
    if is_plain {
        return Cow::Borrowed(text);
    }
    let names: Vec<&str> = text.split('/').filter(|name| !matches!(*name, "" | ".")).collect();
    let (start, end) =
        (if text.starts_with('/') { "/" } else { "" }, if text.ends_with('/') && !names.is_empty() { "/" } else { "" });
    Cow::Owned(format!("{start}{}{end}", names.join("/")))
}

/// A remote source, or a pattern of such; a relative one is taken from a directory, which is no part of the
/// pattern.
pub(super) fn source(directory: &RemotePath, text: &str) -> Result<RemoteSource> {
    if text.is_empty() {
        return Err(Failed::usage("a remote path is empty (the root directory is '/')"));
    }
    RemoteSource::within(directory, &plain(text)).map_err(|error| unusable(text, &error))
}

/// A remote path that something is to be done to which cannot be undone: it must be absolute.
pub(super) fn absolute(text: &str) -> Result<RemotePath> {
    if text.starts_with('/') || text.is_empty() {
        return from_root(text);
    }
    let meant = from_root(text)?;
    let write = hint(text).unwrap_or_else(|| format!("write '{meant}' if that is meant"));
    Err(Failed::usage(format!("the remote path {text:?} is not absolute: {write}")))
}

/// The paths of something that cannot be undone, of which those that are not absolute are made so if the user of a terminal says
/// that they are meant. `deed` is what is to be done to all.
pub(super) fn confirmed(texts: &[String], json: bool, deed: impl FnOnce(&[String]) -> String) -> Result<Vec<String>> {
    let absolute = |text: &String| match text.starts_with('/') || text.is_empty() || hint(text).is_some() {
        true => text.clone(),
        false => from_root(text).map_or_else(|_| text.clone(), |path| path.to_string()),
    };
    let meant: Vec<String> = texts.iter().map(absolute).collect();
    if json || meant == texts {
        return Ok(texts.to_vec());
    }
    let relative: Vec<&str> =
        texts.iter().zip(&meant).filter(|(text, meant)| text != meant).map(|(text, _)| text.as_str()).collect();
    let are_not = if relative.len() == 1 { "is not absolute" } else { "are not absolute" };
    let question = format!("{} {are_not}: {}? [y/N] ", relative.join(" and "), deed(&meant));
    Ok(if prompt::confirms(&harmless(&question))? { meant } else { texts.to_vec() })
}

/// A remote directory, which must be absolute.
pub(super) fn absolute_directory(text: &str) -> Result<RemotePath> {
    match RemotePath::parse(&plain(text)) {
        Ok(path) => Ok(path),
        Err(InvalidPath::NotAbsolute(_)) => Err(Failed::usage(format!(
            "the remote directory {text:?} is not absolute: write '/{}'",
            text.trim_start_matches("./")
        ))),
        Err(error) => Err(unusable(text, &error)),
    }
}

/// A remote path that is to be made: NAME in DIRECTORY (`/` if there is none), or an absolute NAME alone.
pub(super) fn new_path(name: &str, directory: Option<&str>) -> Result<RemotePath> {
    let path = match directory {
        None => from_root(name)?,
        Some(directory) if name.starts_with('/') => {
            return Err(Failed::usage(format!(
                "{name:?} is absolute: leave out {directory:?}, which would be its directory; several are made one after the other"
            )));
        }
        Some(directory) => {
            let relative = plain(name);
            let relative = relative.strip_suffix('/').unwrap_or(&relative);
            absolute_directory(directory)?.join(relative).map_err(|error| unusable(name, &error))?
        }
    };
    if path.is_root() { Err(unusable(name, &InvalidPath::Root)) } else { Ok(path) }
}

/// The text of an argument that is a remote path.
pub(super) fn text(path: &Path) -> Result<&str> {
    path.to_str().ok_or_else(|| Failed::usage(format!("the remote path {path:?} is not UTF-8")))
}

fn unusable(text: &str, error: &InvalidPath) -> Failed {
    Failed::usage(format!("the remote path {text:?} cannot be used: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_paths_are_taken_from_the_root() {
        for (text, path) in [
            ("/", "/"),
            ("a", "/a"),
            ("a/b/", "/a/b"),
            ("/a", "/a"),
            ("//m///", "/m"),
            ("/a//b", "/a/b"),
            ("./a/./b", "/a/b"),
            ("//", "/"),
            (".", "/"),
        ] {
            assert_eq!(from_root(text).unwrap().as_str(), path);
        }
        for text in ["", "..", "../x", "/..", "/a/../../b", "a\nb"] {
            assert!(matches!(from_root(text), Err(Failed::Usage(_))), "{text:?}");
        }
    }

    #[test]
    fn a_relative_directory_is_refused_and_the_right_one_named() {
        assert!(absolute_directory("dst").unwrap_err().message().contains("write '/dst'"));
        assert_eq!(absolute_directory("/dst/").unwrap().as_str(), "/dst");
    }

    #[test]
    fn new_paths_are_a_name_in_a_directory_or_absolute() {
        assert_eq!(new_path("a", None).unwrap().as_str(), "/a");
        assert_eq!(new_path("a", Some("/d")).unwrap().as_str(), "/d/a");
        assert_eq!(new_path("a/b", Some("/")).unwrap().as_str(), "/a/b");
        assert_eq!(new_path("/d/a", None).unwrap().as_str(), "/d/a");
        for (name, directory) in
            [("/a", Some("/d")), ("a", Some("d")), ("/", None), ("..", Some("/d")), ("", Some("/"))]
        {
            assert!(new_path(name, directory).is_err(), "{name} {directory:?}");
        }
    }
}
