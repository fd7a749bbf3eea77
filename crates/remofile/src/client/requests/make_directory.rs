//! The request that creates a directory.

use crate::client::Client;
use crate::error::Result;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::Request;

impl Client {
    /// Creates a directory; with `update` an existing one is no failure, with `parents` missing parents
    /// are created.
    ///
    /// # Errors
    /// `already-exists`, `not-found`, `not-a-directory`, ...
    pub fn make_directory(&mut self, path: &RemotePath, update: bool, parents: bool) -> Result<()> {
        self.ask(&Request::MakeDirectory { path: path.clone(), update, parents }).map(drop)
    }
}
