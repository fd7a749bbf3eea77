//! Shell patterns in remote paths: the entries that match them.

use crate::failed::{Failed, Result};
use remofile::protocol::path::RemotePath;
use remofile::protocol::wire::{Entry, ErrorCode, Failure, Kind, Listed};
use remofile::transfer::{Pattern, is_pattern};
use remofile::{Client, Error};

/// The name that stands for any number of directories.
const DIRECTORIES: &str = "**";

/// Replaces patterns by what matches them, in their order. A path that exists is no pattern, whatever is in its names.
///
/// # Errors
/// `no-match` if nothing matches a pattern; what ends the call.
pub(super) fn expand(client: &mut Client, paths: Vec<RemotePath>) -> Result<Vec<RemotePath>> {
    expand_each(client, paths, &mut |failure| Err(Error::Remote(failure).into()))
}

/// The same, but `fail` gets the failure of a pattern that nothing matches, and says whether the others are looked for.
pub(super) fn expand_each(
    client: &mut Client,
    paths: Vec<RemotePath>,
    fail: &mut dyn FnMut(Failure) -> Result<()>,
) -> Result<Vec<RemotePath>> {
    let mut expanded = Vec::with_capacity(paths.len());
    for path in paths {
        if !stands_for_many(client, &path)? {
            expanded.push(path);
            continue;
        }
        let matches = find(client, &path)?;
        if matches.is_empty() {
            fail(Failure::new(ErrorCode::NoMatch).at(&path))?;
        }
        expanded.extend(matches);
    }
    Ok(expanded)
}

/// Reports whether a path stands for whatever matches it: a file may be called like a pattern.
///
/// # Errors
/// What ends the call.
pub(super) fn stands_for_many(client: &mut Client, path: &RemotePath) -> Result<bool> {
    Ok(is_pattern(path.as_str()) && !exists(client, path)?)
}

fn exists(client: &mut Client, path: &RemotePath) -> Result<bool> {
    match client.stat(path) {
        Ok(_) => Ok(true),
        // Portable names have no asterisks.
        Err(Error::Remote(failure)) if matches!(failure.code, ErrorCode::NotFound | ErrorCode::InvalidName) => {
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}

fn find(client: &mut Client, pattern: &RemotePath) -> Result<Vec<RemotePath>> {
    let mut found = vec![RemotePath::root()];
    let mut names = pattern.names().peekable();
    while let Some(name) = names.next() {
        let mut next = Vec::new();
        for directory in found {
            if name == DIRECTORIES {
                let is_last = names.peek().is_none();
                let entries = list(client, &directory, true)?;
                next.extend(entries.into_iter().filter(|entry| is_last || is_directory(entry)).map(|entry| entry.path));
                next.insert(0, directory);
            } else if is_pattern(name) {
                let pattern = Pattern::parse(&join(&RemotePath::root(), name)?).map_err(Error::Remote)?;
                let entries = list(client, &directory, false)?;
                let matching = entries
                    .into_iter()
                    .filter(|entry| entry.path.names().last().is_some_and(|name| pattern.admits_name(name)));
                next.extend(matching.map(|entry| entry.path));
            } else {
                next.push(join(&directory, name)?);
            }
        }
        found = next;
    }
    found.retain(|path| !path.is_root());
    if pattern.names().last().is_some_and(|name| !is_pattern(name)) {
        let mut there = Vec::new();
        for path in found {
            if exists(client, &path)? {
                there.push(path);
            }
        }
        found = there;
    }
    Ok(found)
}

fn join(directory: &RemotePath, name: &str) -> Result<RemotePath> {
    directory.join(name).map_err(|error| Failed::usage(error.to_string()))
}

/// Lists a directory. One that is not there, or is none, has nothing in it that matches.
fn list(client: &mut Client, directory: &RemotePath, recursive: bool) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    let listed = client.list(directory, recursive, &mut |listed| {
        if let Listed::Entry(entry) = listed {
            entries.push(entry);
        }
        Ok(())
    });
    match listed {
        Ok(()) => Ok(entries),
        Err(Error::Remote(failure)) if matches!(failure.code, ErrorCode::NotFound | ErrorCode::NotADirectory) => {
            Ok(Vec::new())
        }
        Err(error) => Err(error.into()),
    }
}

fn is_directory(entry: &Entry) -> bool {
    entry.kind == Kind::Directory
}
