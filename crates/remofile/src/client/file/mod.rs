//! Remote files as files.

mod ahead;
mod appending;
mod following;
mod in_place;
mod opening;
mod options;
mod parts;
mod ranges;
mod rewriting;
mod sending;
mod staged;
mod streaming;
mod whole;
mod write_buffer;

pub use options::OpenOptions;
pub use ranges::FileRange;

use crate::client::{Interrupt, OnWaiting, Wait};
use crate::error::{Error, Result};
use in_place::InPlace;
use remofile_protocol::wire::Version;
use rewriting::Rewriting;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::time::Duration;
use streaming::Streaming;

/// An open remote file.
///
/// It is read ahead and written behind: a write is sent when enough of them wait, or on [`Write::flush`], and its
/// error is reported by a later call. [`RemoteFile::close`] reports all errors. A file that is changed in place and
/// dropped without it is flushed, and only the log reports errors. A file that is rewritten (see [`OpenOptions`]) is
/// seen by others when it is closed, and not at all if it is dropped.
///
/// All bytes that are read are of the version that was opened, up to the size that it had: one that is replaced meanwhile
/// is read to its end as long as the server keeps it open, and one that grows, or gets another time, is read on. If what
/// was read is not in the file any more, reading fails with `source-changed` as soon as the server knows (at the end, of
/// a file that is read from one end to the other), until this side writes to it. See [`OpenOptions::strict`]. While another client uploads or changes something, reading and
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
    is_followed: bool,
}

#[derive(Debug)]
enum Inner {
    InPlace(Box<InPlace>),
    /// Written anew at the server.
    Streaming(Box<Streaming>),
    /// Written anew on this side, since the server knows no better.
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
            Inner::Streaming(file) => file.path(),
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
            Inner::Streaming(file) => Ok(file.size()),
            Inner::Rewriting(file) => file.size(),
            Inner::Closed => Err(closed()),
        }
    }

    /// Returns the version that was read or written last; `None` for a file that is rewritten.
    #[must_use]
    pub fn version(&self) -> Option<Version> {
        match &self.inner {
            Inner::InPlace(file) => file.version(),
            Inner::Streaming(_) | Inner::Rewriting(_) | Inner::Closed => None,
        }
    }

    /// Returns the position at which the next byte is read or written.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Sets timeout, lease wait and interrupt of later calls of this file, as
    /// [`Client::set_limits`](crate::Client::set_limits) does for a client.
    pub fn set_limits(&mut self, timeout: Option<Duration>, wait: Wait, interrupt: Interrupt) {
        match &mut self.inner {
            Inner::InPlace(file) => file.client().set_limits(timeout, wait, interrupt),
            Inner::Streaming(file) => file.client().set_limits(timeout, wait, interrupt),
            Inner::Rewriting(file) => file.client().set_limits(timeout, wait, interrupt),
            Inner::Closed => {}
        }
    }

    /// Sets how many calls of siblings wait for later calls of this file, as
    /// [`Client::set_waited_by`](crate::Client::set_waited_by) does for a client.
    pub fn set_waited_by(&mut self, calls: usize) {
        match &mut self.inner {
            Inner::InPlace(file) => file.client().set_waited_by(calls),
            Inner::Streaming(file) => file.client().set_waited_by(calls),
            Inner::Rewriting(file) => file.client().set_waited_by(calls),
            Inner::Closed => {}
        }
    }

    /// Sets the function that receives the holders of the lease that later calls of this file wait for, as
    /// [`Client::set_on_waiting`](crate::Client::set_on_waiting) does for a client.
    pub fn set_on_waiting(&mut self, on_waiting: OnWaiting) {
        match &mut self.inner {
            Inner::InPlace(file) => file.client().set_on_waiting(on_waiting),
            Inner::Streaming(file) => file.client().set_on_waiting(on_waiting),
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
            Inner::Streaming(file) => file.set_len(length),
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
            Inner::Streaming(file) => file.finish(None)?,
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
            Inner::Streaming(file) => file.finish(Some(version)),
            Inner::Rewriting(file) => file.finish(Some(version)),
            Inner::InPlace(_) | Inner::Closed => Err(Error::Usage("only a file that is rewritten replaces a version")),
        };
        self.inner = Inner::Closed;
        closed
    }

    /// Returns the number of bytes at the position that are on this side already.
    #[must_use]
    pub fn buffered(&self) -> usize {
        match &self.inner {
            Inner::InPlace(file) => file.buffered(self.position),
            Inner::Streaming(_) | Inner::Rewriting(_) | Inner::Closed => 0,
        }
    }

    /// Reads at least as many bytes as are wanted, unless the file ends before, and further ones up to `most` that are on
    /// this side then. So a buffer of a caller is filled with what costs nothing. A file that is followed gives what there
    /// is, and waits only if that is nothing.
    ///
    /// # Errors
    /// As [`Read::read`].
    pub fn read_ahead(&mut self, wanted: usize, most: usize) -> Result<Vec<u8>> {
        let (wanted, mut bytes) = (wanted.clamp(1, most.max(1)), Vec::new());
        loop {
            let known = self.buffered().min(most - bytes.len());
            let missing = if known == 0 { wanted.saturating_sub(bytes.len()).min(most) } else { known };
            if missing == 0 || (self.is_followed && known == 0 && !bytes.is_empty()) {
                return Ok(bytes);
            }
            let before = bytes.len();
            let room = bytes.try_reserve(missing);
            room.map_err(|_| own(io::ErrorKind::OutOfMemory.into()))?;
            bytes.resize(before + missing, 0);
            let count = self.read_some(&mut bytes[before..])?;
            bytes.truncate(before + count);
            if count == 0 {
                return Ok(bytes);
            }
        }
    }

    /// Reads parts of the file in one flight, whatever the position, which stays. A part ends with the file.
    ///
    /// # Errors
    /// As [`Read::read`]: of the first part that has one.
    pub fn read_ranges(&mut self, ranges: &[Range<u64>]) -> Result<Vec<Vec<u8>>> {
        if !self.is_read {
            return Err(Error::Usage("the file is not open to be read"));
        }
        if let Inner::InPlace(file) = &mut self.inner {
            return file.read_ranges(ranges);
        }
        let position = self.position;
        let parts = ranges.iter().map(|range| {
            let (mut bytes, length) = (Vec::new(), range.end.saturating_sub(range.start));
            self.position = range.start;
            Read::by_ref(self).take(length).read_to_end(&mut bytes).map(|_| bytes).map_err(own)
        });
        let parts = parts.collect::<Result<_>>();
        self.position = position;
        parts
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
            Inner::InPlace(file) if self.is_followed => return file.follow(&mut self.position, buffer),
            Inner::InPlace(file) => file.read(self.position, buffer)?,
            Inner::Streaming(file) => file.read(self.position, buffer)?,
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
            Inner::Streaming(file) => file.write(self.position, bytes)?,
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

    /// Sends the bytes that wait. Nobody sees those of a file that is rewritten before it is closed.
    fn flush(&mut self) -> io::Result<()> {
        match &mut self.inner {
            Inner::InPlace(file) => Ok(file.flush()?),
            Inner::Streaming(file) => Ok(file.flush()?),
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

/// Returns the library's own error, which its traits carry.
fn own(error: io::Error) -> Error {
    error.downcast::<Error>().unwrap_or_else(|source| Error::System { what: "the file cannot be read", source })
}

fn closed() -> Error {
    Error::Usage("the file is closed")
}
