//! Entries of directories, as Python has them.

use remofile::protocol::wire::{Kind, Timestamp};

pub(crate) fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::File => "file",
        Kind::Directory => "directory",
        Kind::Link => "link",
        Kind::Special => "special",
    }
}

/// As Python computes `st_mtime`, to the last bit.
pub(crate) fn seconds_of(time: Timestamp) -> f64 {
    time.seconds() as f64 + 1e-9 * f64::from(time.nanoseconds())
}
