//! Directories that a destination lacks: made with `--parents`, and otherwise named with it.

use crate::failed::Result;
use remofile::protocol::path::RemotePath;
use remofile::protocol::wire::{ErrorCode, Failure, Kind};
use remofile::store::{exists, make_local_directory};
use remofile::{Client, Error};
use std::path::Path;

/// The advice where a directory is missing.
pub(super) const PARENTS: &str = "'--parents' makes it";

/// Makes the remote directory of a destination: the destination itself, or with `may_name` that which it is in, if the
/// destination is no directory yet.
pub(super) fn make_remote(client: &mut Client, destination: &RemotePath, may_name: bool) -> Result<()> {
    let is_directory = client.stat(destination).is_ok_and(|entry| entry.kind == Kind::Directory);
    let directory = if may_name { destination.parent() } else { Some(destination.clone()) };
    match directory.filter(|directory| !is_directory && !directory.is_root()) {
        Some(directory) => Ok(client.make_directory(&directory, true, true).map(drop)?),
        None => Ok(()),
    }
}

/// Makes a local directory and those above it.
pub(super) fn make_local(directory: &Path) -> Result<()> {
    if directory.as_os_str().is_empty() || exists(directory) {
        return Ok(());
    }
    if let Some(parent) = directory.parent() {
        make_local(parent)?;
    }
    make_local_directory(directory).map_err(|failure| Error::Local(failure.at(directory.display())).into())
}

/// Adds to the error of a directory that is missing what makes it.
pub(super) fn explain(error: Error, is_it: impl Fn(&str) -> bool) -> Error {
    let explain = |failure: Failure| match &failure.path {
        Some(path) if failure.code == ErrorCode::NotFound && failure.detail.is_none() && is_it(path) => {
            failure.because(PARENTS)
        }
        _ => failure,
    };
    match error {
        Error::Remote(failure) => Error::Remote(explain(failure)),
        Error::Local(failure) => Error::Local(explain(failure)),
        other => other,
    }
}
