//! The request for a symbolic link.

use crate::client::Client;
use crate::error::Result;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::Request;

impl Client {
    /// Makes a symbolic link; with `replace` it takes the place of a file or link.
    ///
    /// # Errors
    /// `outside-root` for a target that is absolute or leads out of the root directory, `already-exists`, ...
    pub fn make_link(&mut self, path: &RemotePath, target: &str, replace: bool) -> Result<()> {
        self.ask(&Request::MakeLink { path: path.clone(), target: target.to_owned(), replace }).map(drop)
    }
}
