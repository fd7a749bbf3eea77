//! The look request.

use crate::client::Client;
use crate::error::{Error, Result};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Entry, Request};

/// The entry that a path names itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looked {
    /// Its entry.
    pub entry: Entry,
    /// The target of a link; `None` for anything else, and where it leads out of what the client may see or is no text.
    pub target: Option<String>,
}

impl Client {
    /// Returns the entry of what a path names itself: a link is not followed.
    ///
    /// # Errors
    /// `not-found`, ...
    pub fn lstat(&mut self, path: &RemotePath) -> Result<Looked> {
        let done = self.ask(&Request::Look { path: path.clone() })?;
        let entry = done.entry.ok_or_else(|| Error::Protocol("an answer without an entry".to_owned()))?;
        Ok(Looked { entry, target: done.target })
    }
}
