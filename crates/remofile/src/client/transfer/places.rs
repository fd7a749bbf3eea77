//! Checks whether source and destination lie in each other, where client and server are on one machine.

use crate::client::RemoteSource;
use crate::error::{Error, Result};
use crate::store::{exists, places, real_path_to_be};
use remofile_protocol::handshake::Place;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{ErrorCode, Failure};
use std::path::Path;

/// Returns the remote path of a local directory that lies in the server's root, or would if it were made.
pub(crate) fn remote_path(theirs: &[Place], local: &Path) -> Option<RemotePath> {
    let root = theirs.first()?;
    let local = real_path_to_be(local)?;
    // A destination need not exist yet; what is above it does.
    let missing = usize::from(!exists(&local));
    let depth = missing + places(local.ancestors().nth(missing)?).iter().position(|place| place == root)?;
    let below = local.strip_prefix(local.ancestors().nth(depth)?).ok()?.to_str()?.to_owned();
    if below.is_empty() { Some(RemotePath::root()) } else { RemotePath::root().join(&below).ok() }
}

/// Refuses to send a local directory to a place in it: there would be no end of it.
pub(crate) fn refuse_upload_into_itself(theirs: &[Place], source: &Path, destination: &RemotePath) -> Result<()> {
    let holds_root = holds_root(theirs, source);
    let is_above = remote_path(theirs, source).is_some_and(|source| destination.is_within(&source));
    if holds_root || is_above { Err(into_itself(source.display(), destination)) } else { Ok(()) }
}

/// Refuses to fetch a remote directory to a place in it.
pub(crate) fn refuse_download_into_itself(theirs: &[Place], sources: &[&RemotePath], destination: &Path) -> Result<()> {
    let Some(place) = remote_path(theirs, destination) else { return Ok(()) };
    match sources.iter().find(|source| place.is_within(source)) {
        Some(source) => Err(into_itself(source, &destination.display())),
        None => Ok(()),
    }
}

/// Refuses to copy a file onto itself or, with `is_whole`, a directory to a place in it, where both are of one root.
pub(crate) fn refuse_relay_into_itself(sources: &[RemoteSource], directory: &RemotePath, is_whole: bool) -> Result<()> {
    for RemoteSource { path, name } in sources {
        let own = || path.file_name().map(|name| name.to_string());
        let copy = name.clone().or_else(own).and_then(|name| directory.join(&name).ok());
        if copy.as_ref() == Some(path) {
            let why = "source and destination are the same file";
            return Err(Error::Local(Failure::new(ErrorCode::IntoItself).at(path).because(why)));
        }
        if is_whole && directory.is_within(path) {
            return Err(into_itself(path, directory));
        }
    }
    Ok(())
}

/// Reports whether a local directory is the server's root, or holds it.
pub(crate) fn holds_root(theirs: &[Place], local: &Path) -> bool {
    places(local).first().is_some_and(|place| theirs.contains(place))
}

/// Returns the error for a source that lies in the destination of a sync which deletes: the sync would delete it.
pub(crate) fn deletes_itself(source: impl std::fmt::Display) -> Error {
    let why = "it is inside the destination, and would be deleted: delete nothing, or choose another";
    Error::Local(Failure::new(ErrorCode::IntoItself).at(source).because(why))
}

fn into_itself(source: impl std::fmt::Display, destination: &dyn std::fmt::Display) -> Error {
    let why = format!("the destination {destination} is inside it: choose another");
    Error::Local(Failure::new(ErrorCode::IntoItself).at(source).because(why))
}
