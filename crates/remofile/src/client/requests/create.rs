//! The request that creates an empty file.

use crate::client::Client;
use crate::error::Result;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::Request;

impl Client {
    /// Creates an empty file; with `update` an existing file is no failure, and its time is set to now.
    ///
    /// # Errors
    /// `already-exists`, `not-found` (no such directory), ...
    pub fn create_file(&mut self, path: &RemotePath, update: bool) -> Result<()> {
        self.ask(&Request::CreateFile { path: path.clone(), update }).map(drop)
    }
}
