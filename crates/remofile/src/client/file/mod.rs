//! Remote files as files.

mod ahead;
mod in_place;
mod options;
mod parts;
mod rewriting;
mod write_buffer;

pub use options::OpenOptions;

use crate::client::{Client, Interrupt, OnWaiting, Wait};
use crate::error::{Error, Result};
use in_place::InPlace;
use options::OpenMode;
use parts::Remote;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::Version;
use rewriting::Rewriting;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::time::Duration;

impl Client {
    /// Opens a remote file as a file. It borrows nothing: several may be open, and this client goes on making calls; what
    /// they do at once goes over connections of their own. An open file holds nothing on the server between calls, no lease
    /// and no descriptor, and outlives lost connections.
    ///
    /// Links are followed inside the root directory, but a file that is rewritten takes the place of the link itself.
    ///
    /// # Errors
    /// [`Error::Usage`] for options that contradict each other; `not-found`, `not-a-file`, `already-exists`,
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
        let remote = Remote::new(self.sibling(), path.clone());
        let (inner, append) = match mode {
            OpenMode::Read => (Inner::InPlace(Box::new(InPlace::open_to_read(remote)?)), false),
            OpenMode::InPlace { append, create } => {
                (Inner::InPlace(Box::new(InPlace::open_to_write(remote, create)?)), append)
            }
            OpenMode::Rewrite { create, must_be_new } => {
                (Inner::Rewriting(Box::new(Rewriting::open(remote, create, must_be_new)?)), false)
            }
        };
        let (is_read, is_written) = (options.is_read(), options.is_written());
        Ok(RemoteFile { inner, position: 0, is_read, is_written, append })
    }
}

/// An open remote file.
///
/// It is read ahead and written behind: a write is sent when enough of them wait, or on [`Write::flush`], and its
/// error is reported by a later call. [`RemoteFile::close`] reports all errors. A file that is changed in place and
/// dropped without it is flushed, and only the log reports errors. A file that is rewritten (see [`OpenOptions`]) is
/// seen by others when it is closed, and not at all if it is dropped.
///
/// All bytes that are read are of one version: if another program changes the file meanwhile, reading fails with
/// `source-changed`, until this side writes to it. While another client uploads or changes something, reading and
/// writing fail with [`Error::Busy`], or wait as [`crate::ClientOptions::wait`] says; bytes that wait to be written
/// are kept and may be flushed later.
///
/// The errors of [`Read`], [`Write`] and [`Seek`] carry an [`Error`], which [`io::Error::downcast`] gives back.
#[derive(Debug)]
pub struct RemoteFile {
    inner: Inner,
    position: u64,
    is_read: bool,
    is_written: bool,
    append: bool,
}

#[derive(Debug)]
enum Inner {
    InPlace(Box<InPlace>),
    Rewriting(Box<Rewriting>),
    /// The file is closed.
    Closed,
}

impl RemoteFile {
    /// Returns the path of the file on the server.
    #[must_use]
    pub fn path(&self) -> &str {
        match &self.inner {
            Inner::InPlace(file) => file.path(),
            Inner::Rewriting(file) => file.path(),
            Inner::Closed => "",
        }
    }

    /// Returns the size of the file in bytes, including bytes that were written and not sent yet.
    ///
    /// # Errors
    /// Those of the temporary file of one that is rewritten.
    pub fn size(&self) -> Result<u64> {
        match &self.inner {
            Inner::InPlace(file) => Ok(file.size()),
            Inner::Rewriting(file) => file.size(),
            Inner::Closed => Err(closed()),
        }
    }

    /// Returns the version that was read or written last; `None` for a file that is rewritten.
    #[must_use]
    pub fn version(&self) -> Option<Version> {
        match &self.inner {
            Inner::InPlace(file) => file.version(),
            Inner::Rewriting(_) | Inner::Closed => None,
        }
    }

    /// Returns the position at which the next byte is read or written.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Sets timeout, lease wait and interrupt of later calls of this file, as [`Client::set_limits`] does for a client.
    pub fn set_limits(&mut self, timeout: Option<Duration>, wait: Wait, interrupt: Interrupt) {
        match &mut self.inner {
            Inner::InPlace(file) => file.client().set_limits(timeout, wait, interrupt),
            Inner::Rewriting(file) => file.client().set_limits(timeout, wait, interrupt),
            Inner::Closed => {}
        }
    }

    /// Sets the function that receives the holders of the lease that later calls of this file wait for, as
    /// [`Client::set_on_waiting`] does for a client.
    pub fn set_on_waiting(&mut self, on_waiting: OnWaiting) {
        match &mut self.inner {
            Inner::InPlace(file) => file.client().set_on_waiting(on_waiting),
            Inner::Rewriting(file) => file.client().set_on_waiting(on_waiting),
            Inner::Closed => {}
        }
    }

    /// Cuts the file, or makes it longer by zeros. The position stays.
    ///
    /// # Errors
    /// [`Error::Usage`] if it is not open to be written; `no-space`, `file-too-large`, ...
    pub fn set_len(&mut self, length: u64) -> Result<()> {
        self.must_be_written()?;
        match &mut self.inner {
            Inner::InPlace(file) => file.set_len(length),
            Inner::Rewriting(file) => file.set_len(length),
            Inner::Closed => Err(closed()),
        }
    }

    /// Ends the work on the file: sends the bytes that wait, or uploads the file that was rewritten.
    ///
    /// # Errors
    /// The error of that, and any error of an earlier write that was not reported. `already-exists` if the file had to
    /// be new and the name was taken meanwhile.
    pub fn close(mut self) -> Result<()> {
        let closed = self.try_close();
        self.inner = Inner::Closed;
        closed
    }

    /// Closes the file as [`RemoteFile::close`] does, but leaves it open if that fails: it may be tried again, or
    /// aborted. A file that is closed already is no failure.
    ///
    /// # Errors
    /// As [`RemoteFile::close`].
    pub fn try_close(&mut self) -> Result<()> {
        match &mut self.inner {
            Inner::InPlace(file) => file.flush()?,
            Inner::Rewriting(file) => file.finish(None)?,
            Inner::Closed => {}
        }
        self.inner = Inner::Closed;
        Ok(())
    }

    /// Closes a file that is rewritten as [`RemoteFile::close`] does, but only in place of the version that
    /// [`RemoteFile::version`] returned before, when the file was read. The server checks the version as it puts the
    /// new file in place of the old, so that nothing that others write meanwhile is lost. An older server that cannot
    /// do so is asked for the version directly before.
    ///
    /// # Errors
    /// `source-changed` if there is another version or nothing: then nothing was replaced. [`Error::Usage`] for a file
    /// that is not rewritten. Otherwise as [`RemoteFile::close`].
    pub fn close_in_place_of(mut self, version: Version) -> Result<()> {
        let closed = match &mut self.inner {
            Inner::Rewriting(file) => file.finish(Some(version)),
            Inner::InPlace(_) | Inner::Closed => Err(Error::Usage("only a file that is rewritten replaces a version")),
        };
        self.inner = Inner::Closed;
        closed
    }

    /// Ends the work on the file without sending the bytes that wait. Nothing remains of a file that is rewritten.
    pub fn abort(mut self) {
        self.inner = Inner::Closed;
    }

    fn must_be_written(&self) -> Result<()> {
        if self.is_written { Ok(()) } else { Err(Error::Usage("the file is not open to be written")) }
    }

    fn read_some(&mut self, buffer: &mut [u8]) -> Result<usize> {
        if !self.is_read {
            return Err(Error::Usage("the file is not open to be read"));
        }
        let count = match &mut self.inner {
            Inner::InPlace(file) => file.read(self.position, buffer)?,
            Inner::Rewriting(file) => file.read(self.position, buffer)?,
            Inner::Closed => return Err(closed()),
        };
        self.position += count as u64;
        Ok(count)
    }

    fn write_some(&mut self, bytes: &[u8]) -> Result<usize> {
        self.must_be_written()?;
        let count = match &mut self.inner {
            Inner::InPlace(file) if self.append => {
                let count = file.append(bytes)?;
                self.position = file.size();
                return Ok(count);
            }
            Inner::InPlace(file) => file.write(self.position, bytes)?,
            Inner::Rewriting(file) => file.write(self.position, bytes)?,
            Inner::Closed => return Err(closed()),
        };
        self.position += count as u64;
        Ok(count)
    }

    fn seek_to(&mut self, to: SeekFrom) -> Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(by) => self.size()?.checked_add_signed(by),
        };
        let position = position.filter(|position| i64::try_from(*position).is_ok());
        self.position = position.ok_or(Error::Usage("no file has such a position"))?;
        Ok(self.position)
    }
}

impl Read for RemoteFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(self.read_some(buffer)?)
    }
}

impl Write for RemoteFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(self.write_some(bytes)?)
    }

    /// Sends the bytes that wait. A file that is rewritten stays on this side until it is closed.
    fn flush(&mut self) -> io::Result<()> {
        match &mut self.inner {
            Inner::InPlace(file) => Ok(file.flush()?),
            Inner::Rewriting(_) | Inner::Closed => Ok(()),
        }
    }
}

impl Seek for RemoteFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        Ok(self.seek_to(to)?)
    }
}

impl Drop for RemoteFile {
    fn drop(&mut self) {
        if let Inner::InPlace(file) = &mut self.inner
            && file.is_dirty()
            && let Err(error) = file.flush()
        {
            tracing::warn!("bytes that were written to {} are lost: {error}", file.path());
        }
    }
}

fn closed() -> Error {
    Error::Usage("the file is closed")
}
