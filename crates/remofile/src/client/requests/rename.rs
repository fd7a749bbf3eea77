//! The move request.

use crate::client::Client;
use crate::error::Result;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::Request;

impl Client {
    /// Renames a file or directory, atomically; with `replace` a file in the way is replaced. Where the two paths are on different file
    /// systems, the server copies it, and removes it once the copy is whole and on the disk.
    ///
    /// # Errors
    /// `already-exists`, `not-found`, `into-itself`, `cross-device` by a server that does not copy, ...
    pub fn rename(&mut self, source: &RemotePath, destination: &RemotePath, replace: bool) -> Result<()> {
        let (source, destination) = (source.clone(), destination.clone());
        self.ask(&Request::Move { source, destination, replace }).map(drop)
    }
}
