//! Opening a remote file: the options decide how its content moves.

use super::OpenOptions;
use super::in_place::InPlace;
use super::options::OpenMode;
use super::parts::Remote;
use super::rewriting::Rewriting;
use super::streaming::{Opened, Streaming};
use super::{Inner, RemoteFile};
use crate::client::Client;
use crate::error::Result;
use remofile_protocol::path::RemotePath;

impl Client {
    /// Opens a remote file as a file. It borrows nothing: several may be open, and this client goes on making calls; what
    /// they do at once goes over connections of their own. An open file holds no lease on the server between calls, and
    /// outlives lost connections; one that is rewritten is lost with its server.
    ///
    /// Links are followed inside the root directory; one that leads out is neither followed nor replaced.
    ///
    /// # Errors
    /// [`Error::Usage`](crate::Error::Usage) for options that contradict each other; `not-found`, `not-a-file`, `already-exists`,
    /// `permission-denied`, `read-only`, ...; `unsupported` if the server cannot do it: one of protocol 1 has only files
    /// that are read or created.
    ///
    /// # Examples
    /// ```no_run
    /// use remofile::{Client, ClientOptions, OpenOptions};
    /// use std::io::{Read, Seek, SeekFrom, Write};
    ///
    /// # fn example(options: ClientOptions) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut client = Client::connect(options)?;
    /// let mut log = client.open(&"/server.log".parse()?, OpenOptions::new().read(true))?;
    /// log.seek(SeekFrom::End(-100))?;
    /// let mut end = String::new();
    /// log.read_to_string(&mut end)?;
    ///
    /// let mut report = client.open(&"/report.txt".parse()?, OpenOptions::new().rewrite())?;
    /// report.write_all(end.as_bytes())?;
    /// report.close()?; // Now others see it.
    /// # Ok(())
    /// # }
    /// ```
    pub fn open(&mut self, path: &RemotePath, options: OpenOptions) -> Result<RemoteFile> {
        let mode = options.mode()?;
        self.lend();
        let remote = Remote::new(self.sibling(), path.clone(), options.is_strict());
        let (inner, append) = match mode {
            OpenMode::Read => (Inner::InPlace(Box::new(InPlace::open_to_read(remote)?)), false),
            OpenMode::InPlace { append, create } => {
                (Inner::InPlace(Box::new(InPlace::open_to_write(remote, create)?)), append)
            }
            OpenMode::Rewrite { create, must_be_new } => (open_to_rewrite(remote, create, must_be_new)?, false),
        };
        let (is_read, is_written) = (options.is_read(), options.is_written());
        let is_followed = options.is_followed();
        Ok(RemoteFile { inner, position: 0, is_read, is_written, append, is_followed })
    }
}

/// Opens a file that is written anew: at the server, or on this side if the server is an old one, or can have no more open.
fn open_to_rewrite(remote: Remote, create: bool, must_be_new: bool) -> Result<Inner> {
    Ok(match Streaming::open(remote, create, must_be_new)? {
        Opened::Streaming(file) => Inner::Streaming(file),
        Opened::Unsupported(remote) => Inner::Rewriting(Box::new(Rewriting::open(*remote, create, must_be_new)?)),
    })
}
