//! The remove request, for one path and for many.

use crate::client::Client;
use crate::client::reports::Removed;
use crate::error::Result;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Done, Request};

impl Client {
    /// Removes a file, a link or a directory; one with contents only if `recursive`.
    ///
    /// # Errors
    /// `not-found`, `not-empty`, ...
    pub fn remove(&mut self, path: &RemotePath, recursive: bool) -> Result<Removed> {
        let done = self.ask(&Request::Remove { path: path.clone(), recursive })?;
        Ok(removed(&done))
    }

    /// Removes files, links and directories as [`Client::remove`] does, without waiting for one before the next. Calls
    /// `on_outcome` with the index of each and what came of it, in their order; a failure of one is none of the others.
    ///
    /// # Errors
    /// Those of the connection: of the paths whose outcome was not told, some may be removed.
    ///
    /// # Examples
    /// ```no_run
    /// use remofile::{Client, ClientOptions};
    ///
    /// # fn example(options: ClientOptions) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut client = Client::connect(options)?;
    /// let paths = ["/old.txt".parse()?, "/older.txt".parse()?];
    /// client.remove_each(&paths, false, &mut |index, outcome| match outcome {
    ///     Ok(_) => println!("{} is removed", paths[index]),
    ///     Err(error) => println!("{error}"),
    /// })?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn remove_each(
        &mut self,
        paths: &[RemotePath],
        recursive: bool,
        on_outcome: &mut dyn FnMut(usize, Result<Removed>),
    ) -> Result<()> {
        let requests: Vec<_> = paths.iter().map(|path| Request::Remove { path: path.clone(), recursive }).collect();
        self.ask_each(&requests, &mut |number, outcome| on_outcome(number, outcome.map(|done| removed(&done))))
    }
}

fn removed(done: &Done) -> Removed {
    Removed { files: done.files, directories: done.directories }
}
