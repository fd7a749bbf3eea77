//! A file by the directory that it is in and its name there, so that another store of this machine can give it one of its own.

use rustix::fd::OwnedFd;

/// A regular file of a local store.
#[derive(Debug)]
pub struct NamedFile {
    pub(in crate::store) directory: OwnedFd,
    /// The name on the disk.
    pub(in crate::store) name: Vec<u8>,
}
