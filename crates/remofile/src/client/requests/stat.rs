//! The stat request.

use crate::client::Client;
use crate::error::{Error, Result};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Entry, Request};

impl Client {
    /// Returns the entry that a path names. Links that stay inside the root directory are followed.
    ///
    /// # Errors
    /// `not-found`, ...
    pub fn stat(&mut self, path: &RemotePath) -> Result<Entry> {
        let done = self.ask(&Request::Stat { path: path.clone() })?;
        done.entry.ok_or_else(|| Error::Protocol("an answer without an entry".to_owned()))
    }
}
