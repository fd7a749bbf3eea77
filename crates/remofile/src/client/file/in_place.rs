//! A file that is read and changed where it is: read ahead, written behind.

use super::ahead::Ahead;
use super::parts::{Change, Changed, Remote};
use super::write_buffer::{Spot, WriteBuffer};
use crate::client::Client;
use crate::client::servers::repeated::is_not_begun;
use crate::error::{Error, Result};
use remofile_protocol::wire::{ErrorCode, Failure, Version};

/// Most bytes of writes that wait. With the credit that their items cost they fit in the credit that a write begins
/// with.
const MOST_BUFFERED: usize = 960 * 1024;

/// Most pieces that wait.
const MOST_PIECES: usize = 1024;

#[derive(Debug)]
pub(super) struct InPlace {
    pub(super) remote: Remote,
    /// Size of the file on the server, in bytes.
    pub(super) size: u64,
    pub(super) ahead: Ahead,
    /// True if bytes of the current version were read, which must not be mixed with those of another.
    pub(super) has_read: bool,
    write_buffer: WriteBuffer,
    /// Bytes that wait to be appended.
    tail: Vec<u8>,
    /// The reason why bytes that were to be appended are missing, or may be missing.
    lost: Option<Lost>,
}

#[derive(Debug)]
enum Lost {
    /// The server has refused it.
    Refused(Failure),
    /// The bytes may or may not have been appended: the connection was lost.
    Uncertain(String),
}

impl InPlace {
    /// Opens a file to read it; its first bytes come with the answer.
    pub(super) fn open_to_read(remote: Remote) -> Result<Self> {
        let mut file = Self::new(remote);
        file.fetch(0, 1)?;
        Ok(file)
    }

    /// Opens a file to change it, perhaps after it was created.
    pub(super) fn open_to_write(remote: Remote, create: bool) -> Result<Self> {
        let mut file = Self::new(remote);
        // An empty write: a server that does not know the request says so now, and one that refuses it tells why.
        file.size = file.remote.write(Change { create, ..Change::default() })?.entry.size;
        Ok(file)
    }

    fn new(remote: Remote) -> Self {
        Self {
            remote,
            size: 0,
            ahead: Ahead::new(),
            has_read: false,
            write_buffer: WriteBuffer::default(),
            tail: Vec::new(),
            lost: None,
        }
    }

    pub(super) fn client(&mut self) -> &mut Client {
        self.remote.client()
    }

    pub(super) fn path(&self) -> &str {
        self.remote.path().as_str()
    }

    pub(super) fn version(&self) -> Option<Version> {
        self.remote.version()
    }

    /// Returns the size of the file with the bytes that wait to be written.
    pub(super) fn size(&self) -> u64 {
        self.write_buffer.end().max(self.size.saturating_add(self.tail.len() as u64))
    }

    /// Reports whether bytes wait to be written.
    pub(super) fn is_dirty(&self) -> bool {
        self.write_buffer.bytes() > 0 || !self.tail.is_empty()
    }

    /// Returns the number of bytes from an offset on that are on this side and in the file.
    pub(super) fn buffered(&self, offset: u64) -> usize {
        let in_file = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        if self.is_dirty() { 0 } else { self.ahead.at(offset).len().min(in_file) }
    }

    pub(super) fn read(&mut self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        if !self.tail.is_empty() {
            self.flush()?;
        }
        let wanted = buffer.len() as u64;
        let until = match self.write_buffer.at(offset) {
            Spot::Buffered(bytes) => return Ok(copy(bytes, buffer)),
            Spot::Free(until) => until,
        };
        let limit = until.map_or(wanted, |until| wanted.min(until - offset));
        let in_file = limit.min(self.size.saturating_sub(offset)) as usize;
        if limit == 0 {
            return Ok(0);
        }
        if in_file == 0 {
            // Between the end of the file and what will be written behind it.
            let zeros = if until.is_some() { limit as usize } else { 0 };
            buffer[..zeros].fill(0);
            return Ok(zeros);
        }
        if self.ahead.at(offset).is_empty() {
            self.fetch(offset, in_file)?;
        }
        Ok(copy(self.ahead.at(offset), &mut buffer[..in_file]))
    }

    fn fetch(&mut self, offset: u64, wanted: usize) -> Result<()> {
        let length = self.ahead.plan(offset, wanted);
        let buffer = self.ahead.buffer();
        let (entry, bytes) = self.remote.read(offset, length, self.has_read, buffer)?;
        self.size = entry.size;
        // Without a byte there is nothing that could be mixed with another version.
        self.has_read |= !bytes.is_empty();
        self.ahead.put(offset, bytes);
        Ok(())
    }

    /// Takes bytes to write at an offset. Returns the number of bytes taken.
    pub(super) fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<usize> {
        self.refuse_if_lost()?;
        if self.write_buffer.bytes() >= MOST_BUFFERED || self.write_buffer.count() >= MOST_PIECES {
            self.flush()?;
        }
        let count = bytes.len().min(MOST_BUFFERED - self.write_buffer.bytes());
        if offset.checked_add(count as u64).is_none_or(|end| i64::try_from(end).is_err()) {
            return Err(Error::Local(Failure::new(ErrorCode::FileTooLarge).at(self.path())));
        }
        self.write_buffer.insert(offset, &bytes[..count]);
        Ok(count)
    }

    /// Takes bytes to append. Returns the number of bytes taken.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<usize> {
        self.refuse_if_lost()?;
        if self.tail.len() >= MOST_BUFFERED {
            self.flush()?;
        }
        let count = bytes.len().min(MOST_BUFFERED - self.tail.len());
        self.tail.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    /// Sends the bytes that wait. Bytes that could not be sent wait on, except those that were to be appended.
    pub(super) fn flush(&mut self) -> Result<()> {
        self.refuse_if_lost()?;
        if !self.tail.is_empty() {
            return self.flush_tail();
        }
        if self.write_buffer.bytes() > 0 { self.send(None) } else { Ok(()) }
    }

    /// Cuts the file, or makes it longer by zeros, and sends the bytes that wait.
    pub(super) fn set_len(&mut self, length: u64) -> Result<()> {
        self.flush_appended()?;
        let before = self.write_buffer.clone();
        self.write_buffer.cut(length);
        // If the cut fails, the file keeps its end, and the bytes written there still have to be sent.
        self.send(Some(length)).inspect_err(|_| self.write_buffer = before)
    }

    fn flush_appended(&mut self) -> Result<()> {
        self.refuse_if_lost()?;
        if self.tail.is_empty() { Ok(()) } else { self.flush_tail() }
    }

    fn send(&mut self, length: Option<u64>) -> Result<()> {
        let pieces: Vec<(u64, &[u8])> = self.write_buffer.pieces().collect();
        let Changed { entry, was_another } =
            self.remote.write(Change { length, pieces: &pieces, ..Change::default() })?;
        self.size = entry.size;
        if was_another {
            self.ahead.forget();
            self.has_read = false;
        }
        if let Some(length) = length {
            self.ahead.cut(length);
        }
        for (offset, bytes) in pieces {
            self.ahead.patch(offset, bytes);
        }
        self.write_buffer.clear();
        Ok(())
    }

    fn flush_tail(&mut self) -> Result<()> {
        match self.remote.append(&self.tail) {
            Ok(Changed { entry, was_another }) => {
                self.size = entry.size;
                if was_another {
                    self.ahead.forget();
                    self.has_read = false;
                }
                self.tail.clear();
                Ok(())
            }
            // The operation did not begin, so appending once more cannot append twice.
            Err(error) if is_not_begun(&error) => Err(error),
            Err(error) => {
                self.lost = Some(match &error {
                    Error::Remote(failure) => Lost::Refused(failure.clone()),
                    error => Lost::Uncertain(error.to_string()),
                });
                self.tail.clear();
                Err(error)
            }
        }
    }

    /// Fails if bytes that were to be appended are missing, or may be missing.
    fn refuse_if_lost(&self) -> Result<()> {
        match &self.lost {
            None => Ok(()),
            Some(Lost::Refused(failure)) => Err(Error::Remote(failure.clone())),
            Some(Lost::Uncertain(why)) => Err(Error::System {
                what: "bytes that were appended may be missing",
                source: std::io::Error::other(why.clone()),
            }),
        }
    }
}

pub(super) fn copy(from: &[u8], buffer: &mut [u8]) -> usize {
    let count = from.len().min(buffer.len());
    buffer[..count].copy_from_slice(&from[..count]);
    count
}
