//! A file that is rewritten at the server: sent while it is written, visible when it is closed.

use super::ahead::Ahead;
use super::parts::Remote;
use super::sending::{Sending, Sent};
use super::staged::StagedRemote;
use super::write_buffer::{Spot, WriteBuffer};
use crate::client::Client;
use crate::error::{Error, Result};
use remofile_protocol::wire::{ErrorCode, Failure, Version};
use std::time::Duration;

/// Bytes that are sent at once, at first and at most. As many may be on their way while those after them are written. The
/// first ones fit, with the credit that their items cost, in the credit that a stage begins with.
const FIRST: usize = 960 * 1024;
const MOST: usize = 8 * 1024 * 1024;

/// Fewest bytes, on a slow line: a program that writes waits no longer than these take.
const LEAST: usize = 64 * 1024;

/// Times within which bytes are sent so that there may be more of them, and beyond which there are to be fewer.
const QUICK: Duration = Duration::from_millis(250);
const SLOW: Duration = Duration::from_secs(1);

/// Most pieces that wait.
const MOST_PIECES: usize = 1024;

#[derive(Debug)]
pub(super) struct Streaming {
    /// The bytes that are on their way.
    sending: Option<Sending>,
    remote: StagedRemote,
    /// Size of the file with the bytes that wait.
    size: u64,
    /// Size of the file at the server, once what is on its way has come there.
    sent_size: u64,
    buffer: WriteBuffer,
    /// The memory of the one that was sent last.
    spare: WriteBuffer,
    /// Bytes that wait at most.
    limit: usize,
    ahead: Ahead,
    is_over: bool,
}

/// A file that was opened, or the way to one that the server does not stage.
pub(super) enum Opened {
    Streaming(Box<Streaming>),
    Unsupported(Box<Remote>),
}

impl Streaming {
    /// Begins a file at the server, if that knows how.
    ///
    /// # Errors
    /// `already-exists`, `not-found`, `not-a-file`, `permission-denied`, `read-only`, `outside-root` for a link that leads
    /// out, ...
    pub(super) fn open(mut remote: Remote, create: bool, must_be_new: bool) -> Result<Opened> {
        let knows = remote.client().server().map(|server| server.stages_files);
        remote.client().lend();
        // What is staged goes with its server, and what was sent of it is not here any more: where another server is to go on,
        // the file is kept on this side until it is closed.
        if !knows? || remote.client().has_several_servers() {
            return Ok(Opened::Unsupported(Box::new(remote)));
        }
        let path = remote.path().clone();
        let mut staged = StagedRemote::new(remote.into_client(), path.clone());
        match staged.begin(!must_be_new, create) {
            Ok(()) => {}
            Err(Error::Remote(failure))
                if matches!(failure.code, ErrorCode::Unsupported | ErrorCode::OutOfResources) =>
            {
                tracing::debug!("{path} is kept on this side until it is closed: {failure}");
                return Ok(Opened::Unsupported(Box::new(Remote::new(staged.into_client(), path, false))));
            }
            Err(error) => return Err(error),
        }
        Ok(Opened::Streaming(Box::new(Self {
            sending: None,
            remote: staged,
            size: 0,
            sent_size: 0,
            buffer: WriteBuffer::default(),
            spare: WriteBuffer::default(),
            limit: FIRST,
            ahead: Ahead::new(),
            is_over: false,
        })))
    }

    pub(super) fn client(&mut self) -> &mut Client {
        self.remote.client()
    }

    pub(super) fn path(&self) -> &str {
        self.remote.path().as_str()
    }

    /// Returns the size of the file with the bytes that wait to be sent.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    pub(super) fn read(&mut self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        let until = match self.buffer.at(offset) {
            Spot::Buffered(bytes) => {
                let count = bytes.len().min(buffer.len());
                buffer[..count].copy_from_slice(&bytes[..count]);
                return Ok(count);
            }
            Spot::Free(until) => until.unwrap_or(self.size),
        };
        let limit = usize::try_from(until.saturating_sub(offset)).unwrap_or(usize::MAX).min(buffer.len());
        if limit == 0 {
            return Ok(0);
        }
        self.settle()?;
        let at_server = usize::try_from(self.sent_size.saturating_sub(offset)).unwrap_or(usize::MAX).min(limit);
        if at_server == 0 {
            // Between the end of what was sent and what waits behind it.
            buffer[..limit].fill(0);
            return Ok(limit);
        }
        if self.ahead.at(offset).is_empty() {
            let length = self.ahead.plan(offset, at_server);
            let space = self.ahead.buffer();
            let bytes = self.remote.read(offset, length, space)?;
            if bytes.is_empty() {
                // What was to come behind it could not be sent yet.
                buffer[..at_server].fill(0);
                return Ok(at_server);
            }
            self.ahead.put(offset, bytes);
        }
        let bytes = self.ahead.at(offset);
        let count = bytes.len().min(at_server);
        buffer[..count].copy_from_slice(&bytes[..count]);
        Ok(count)
    }

    /// Takes bytes to write at an offset. Returns the number of bytes taken.
    pub(super) fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<usize> {
        if self.buffer.bytes() >= self.limit || self.buffer.count() >= MOST_PIECES {
            self.send_behind()?;
        }
        let count = bytes.len().min(self.limit.saturating_sub(self.buffer.bytes()));
        let end = offset.checked_add(count as u64).filter(|end| i64::try_from(*end).is_ok());
        let end = end.ok_or_else(|| Error::Local(Failure::new(ErrorCode::FileTooLarge).at(self.path())))?;
        self.buffer.insert(offset, &bytes[..count]);
        if count > 0 {
            self.size = self.size.max(end);
        }
        Ok(count)
    }

    /// Sends the bytes that wait. Those that could not be sent wait on.
    pub(super) fn flush(&mut self) -> Result<()> {
        self.settle()?;
        if self.buffer.bytes() > 0 { self.send(None) } else { Ok(()) }
    }

    /// Cuts the file, or makes it longer by zeros, and sends the bytes that wait.
    pub(super) fn set_len(&mut self, length: u64) -> Result<()> {
        self.settle()?;
        let before = self.buffer.clone();
        self.buffer.cut(length);
        // If the cut fails, the file keeps its end, and the bytes written there still have to be sent.
        self.send(Some(length)).inspect_err(|_| self.buffer = before)?;
        self.ahead.cut(length);
        self.size = length;
        Ok(())
    }

    /// Makes the file visible. With `replaces`, only in place of this version of the file.
    pub(super) fn finish(&mut self, replaces: Option<Version>) -> Result<()> {
        self.settle()?;
        let pieces: Vec<(u64, &[u8])> = self.buffer.pieces().collect();
        self.remote.commit(self.size, replaces, &pieces)?;
        self.is_over = true;
        Ok(())
    }

    /// Sends the bytes that wait, and waits for that.
    fn send(&mut self, length: Option<u64>) -> Result<()> {
        let pieces: Vec<(u64, &[u8])> = self.buffer.pieces().collect();
        self.remote.write(length, &pieces)?;
        self.sent_size = length.unwrap_or(self.sent_size);
        self.note_sent();
        self.buffer.clear();
        Ok(())
    }

    /// Has the bytes that wait sent while others are written, as soon as those before them have been.
    fn send_behind(&mut self) -> Result<()> {
        self.settle()?;
        self.note_sent();
        let empty = std::mem::take(&mut self.spare);
        match Sending::start(self.remote.sibling(), &mut self.buffer, empty) {
            Ok(sending) => self.sending = Some(sending),
            // Without a thread it takes longer.
            Err(_) => self.send(None)?,
        }
        Ok(())
    }

    /// Takes note that the bytes that wait are at the server, or on their way there.
    fn note_sent(&mut self) {
        self.sent_size = self.sent_size.max(self.buffer.end());
        for (offset, bytes) in self.buffer.pieces() {
            self.ahead.patch(offset, bytes);
        }
    }

    /// Waits for what is on its way. What could not be sent waits again, below what was written since.
    fn settle(&mut self) -> Result<()> {
        let Some(sending) = &mut self.sending else { return Ok(()) };
        let context = self.remote.client().context();
        let Sent { mut buffer, result, took } = sending.wait(&context)?;
        self.sending = None;
        match &result {
            Ok(()) => {
                self.spare = buffer;
                self.limit = match took {
                    quick if quick < QUICK => (self.limit * 2).min(MOST),
                    slow if slow > SLOW => (self.limit / 2).max(LEAST),
                    _ => self.limit,
                };
            }
            Err(_) => {
                self.buffer.pieces().for_each(|(offset, bytes)| buffer.insert(offset, bytes));
                self.buffer = buffer;
            }
        }
        result
    }
}

impl Drop for Streaming {
    fn drop(&mut self) {
        // Ends what is on its way, so that nothing comes to the server after the end.
        self.sending = None;
        if !self.is_over {
            self.remote.discard();
        }
    }
}
