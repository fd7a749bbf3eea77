//! `remofile move`

use super::{Context, paths};
use crate::args::Move;
use crate::exit::Exit;
use crate::failed::{Failed, Result};
use remofile::protocol::path::RemotePath;
use remofile::protocol::wire::{ErrorCode, Kind};
use remofile::{Client, Error};

pub(super) fn run(arguments: &Move, context: Context) -> Result<Exit> {
    let source = paths::from_root(&arguments.source)?;
    let destination = paths::from_root(&arguments.destination)?;
    let mut client = context.connect(&arguments.connection, None)?;
    let destination = new_path(&mut client, &source, destination)?;
    client.rename(&source, &destination, arguments.replace)?;
    Ok(Exit::Success)
}

/// Returns the new path of the source: in the destination, if that is a directory.
fn new_path(client: &mut Client, source: &RemotePath, destination: RemotePath) -> Result<RemotePath> {
    let (_, name) = source.split().map_err(|error| Failed::usage(error.to_string()))?;
    let is_directory = match client.stat(&destination) {
        Ok(entry) => entry.kind == Kind::Directory,
        Err(Error::Remote(failure)) if failure.code == ErrorCode::NotFound => false,
        Err(error) => return Err(error.into()),
    };
    if !is_directory {
        return Ok(destination);
    }
    destination.child(&name).map_err(|error| Failed::usage(error.to_string()))
}
