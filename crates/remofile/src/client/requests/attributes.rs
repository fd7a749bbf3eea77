//! The request for permission bits and times.

use crate::client::Client;
use crate::error::Result;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Request, Timestamp};

impl Client {
    /// Sets the permission bits (0o777) and the time of last modification of a file or directory, those that are given.
    /// Links are followed.
    ///
    /// # Errors
    /// `not-found`, `permission-denied`, `unsupported`, ...
    pub fn set_attributes(&mut self, path: &RemotePath, mode: Option<u32>, modified: Option<Timestamp>) -> Result<()> {
        self.ask(&Request::SetAttributes { path: path.clone(), mode, modified }).map(drop)
    }
}
