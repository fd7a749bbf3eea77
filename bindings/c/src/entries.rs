//! Paths at the server, and what C sees of entries.

use crate::flags::{REMOFILE_SPECIAL, kind_number};
use crate::types::{self, Metadata};
use remofile::Error;
use remofile::protocol::path::RemotePath;
use remofile::protocol::wire::{Entry, Failure};

/// Returns a path at the server.
pub(crate) fn remote(path: &str) -> Result<RemotePath, Error> {
    RemotePath::parse(path).map_err(|invalid| Error::Local(Failure::from(invalid).at(path)))
}

/// Returns what C sees of an entry.
pub(crate) fn metadata(entry: &Entry) -> Metadata {
    Metadata {
        struct_size: size_of::<Metadata>(),
        kind: kind_number(entry.kind),
        mode: entry.mode.unwrap_or(types::REMOFILE_NO_MODE),
        size: entry.size,
        modified_seconds: entry.modified.seconds(),
        modified_nanoseconds: entry.modified.nanoseconds(),
    }
}

/// Returns what C sees of something of which nothing is known.
pub(crate) fn no_metadata() -> Metadata {
    Metadata {
        struct_size: size_of::<Metadata>(),
        kind: REMOFILE_SPECIAL,
        mode: types::REMOFILE_NO_MODE,
        size: 0,
        modified_seconds: 0,
        modified_nanoseconds: 0,
    }
}
