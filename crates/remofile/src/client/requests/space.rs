//! The request for the room of a disk.

use crate::client::Client;
use crate::error::{Error, Result};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{DiskSpace, ErrorCode, Failure, Request};

impl Client {
    /// Asks for the room of the disk that a path is on. A token with a quota is told of its quota as if that were the disk.
    ///
    /// # Errors
    /// `unsupported` by a server that cannot tell, `not-found`, ...
    pub fn disk_space(&mut self, path: &RemotePath) -> Result<DiskSpace> {
        if !self.server()?.hashes_files {
            let why = "the server cannot tell the room of its disk";
            return Err(Error::Remote(Failure::new(ErrorCode::Unsupported).because(why)));
        }
        let done = self.ask(&Request::Space { path: path.clone() })?;
        done.space.map(|space| *space).ok_or_else(|| Error::Protocol("an answer without the room of a disk".to_owned()))
    }
}
