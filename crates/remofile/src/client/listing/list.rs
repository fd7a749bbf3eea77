//! The list request.

use crate::client::Client;
use crate::error::Result;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Element, Listed, Request};

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
        let request = Request::List {
            path: directory.clone(),
            recursive,
            rules: Vec::new(),
            targets: false,
            unflushed: true,
            extras: false,
        };
        self.list_on(&request, each)
    }

    /// The same, with what links lead to: an [`Element::Link`] for each whose target can be told.
    ///
    /// # Errors
    /// As [`Client::list`].
    pub fn list_with_targets(
        &mut self,
        directory: &RemotePath,
        recursive: bool,
        each: &mut dyn FnMut(Element) -> Result<()>,
    ) -> Result<()> {
        let request = Request::List {
            path: directory.clone(),
            recursive,
            rules: Vec::new(),
            targets: true,
            unflushed: true,
            extras: false,
        };
        self.list_on(&request, each)
    }
}
