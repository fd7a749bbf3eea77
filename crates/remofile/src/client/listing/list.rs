//! The list request.

use crate::client::Client;
use crate::client::listing::handler::ListHandler;
use crate::error::Result;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Listed, Request};

impl Client {
    /// Lists a directory, an element at a time, sorted by name; with `recursive` every directory is
    /// followed by its contents.
    ///
    /// # Errors
    /// The callback's error, which ends the listing; `not-found`, `not-a-directory`, ...
    pub fn list(
        &mut self,
        directory: &RemotePath,
        recursive: bool,
        each: &mut dyn FnMut(Listed) -> Result<()>,
    ) -> Result<()> {
        let request =
            Request::List { path: directory.clone(), recursive, rules: Vec::new(), targets: false, unflushed: true };
        let mut told = self.options.on_waiting.clone();
        self.call(request, &mut ListHandler::new(each, &mut told)).map(drop)
    }
}
