//! The remove request.

use crate::client::Client;
use crate::client::reports::Removed;
use crate::error::Result;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::Request;

impl Client {
    /// Removes a file, a link or a directory; one with contents only if `recursive`.
    ///
    /// # Errors
    /// `not-found`, `not-empty`, ...
    pub fn remove(&mut self, path: &RemotePath, recursive: bool) -> Result<Removed> {
        let done = self.ask(&Request::Remove { path: path.clone(), recursive })?;
        Ok(Removed { files: done.files, directories: done.directories })
    }
}
