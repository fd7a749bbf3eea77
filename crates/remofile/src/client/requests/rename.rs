//! The move request, for one path and for many.

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

    /// Renames files and directories as [`Client::rename`] does, each from the first path to the second, without waiting for one
    /// before the next. Calls `on_outcome` with the index of each and what came of it, in their order; a failure of one is none
    /// of the others.
    ///
    /// # Errors
    /// Those of the connection: of those whose outcome was not told, some may be renamed.
    pub fn rename_each(
        &mut self,
        moves: &[(RemotePath, RemotePath)],
        replace: bool,
        on_outcome: &mut dyn FnMut(usize, Result<()>),
    ) -> Result<()> {
        let request = |(source, destination): &(RemotePath, RemotePath)| {
            let (source, destination) = (source.clone(), destination.clone());
            Request::Move { source, destination, replace }
        };
        let requests: Vec<_> = moves.iter().map(request).collect();
        self.ask_each(&requests, &mut |number, outcome| on_outcome(number, outcome.map(drop)))
    }
}
