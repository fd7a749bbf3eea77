//! One connection of a session: sealed records on one socket.

use super::buffer::{InBuffer, MessageWriter, Opened, OutBuffer};
use super::error::LinkError;
use super::socket::suit_long_line;
use remofile_protocol::transport::{Opener, Sealer};
use remofile_protocol::wire::Header;
use socket2::Socket;
use std::any::Any;
use std::io;

/// Most bytes of payload in a message where a session has several connections over a long line: a longer one would keep those
/// behind it waiting if its connection is slow.
const MESSAGE_BYTES: usize = 32 * 1024;

/// The keys of both directions of a connection.
pub struct RecordKeys {
    /// For what is sent.
    pub sealer: Sealer,
    /// For what is received.
    pub opener: Opener,
}

/// A connection of a session.
pub(super) struct Lane {
    pub(super) stream: Socket,
    sealer: Sealer,
    opener: Opener,
    pub(super) input: InBuffer,
    pub(super) output: OutBuffer,
    /// The number of the last message that came over it, if it had one.
    pub(super) last: Option<u64>,
    /// True if the message that proves its handshake has come.
    pub(super) is_proved: bool,
    /// True if the socket did not take all that there was to send.
    is_full: bool,
    /// True if an answer takes long.
    is_long: bool,
    /// The reason why it is of no more use.
    pub(super) broken: Option<LinkError>,
    /// Held for as long as it is there.
    _seat: Option<Box<dyn Any + Send>>,
}

impl Lane {
    pub(super) fn new(stream: Socket, keys: RecordKeys, input: InBuffer, output: OutBuffer) -> Self {
        let RecordKeys { sealer, opener } = keys;
        Self {
            stream,
            sealer,
            opener,
            input,
            output,
            last: None,
            is_proved: false,
            is_full: false,
            is_long: false,
            broken: None,
            _seat: None,
        }
    }

    /// Gives it something to hold for as long as it is there.
    pub(super) fn hold(&mut self, seat: Box<dyn Any + Send>) {
        self._seat = Some(seat);
    }

    /// Tells it that an answer takes long.
    pub(super) fn is_long(&mut self) {
        self.is_long = true;
    }

    /// Makes it one of several.
    pub(super) fn share(&mut self) {
        if self.is_long {
            suit_long_line(&self.stream);
            self.output.limit_content(MESSAGE_BYTES);
        }
    }

    /// Reports whether it may be sent something.
    pub(super) fn has_room(&self) -> bool {
        self.broken.is_none() && !self.is_full && self.output.has_room()
    }

    pub(super) fn message(&mut self) -> MessageWriter<'_> {
        self.output.message()
    }

    /// Queues the message that was begun last.
    pub(super) fn finish(&mut self, number: Option<u64>, header: &Header, payload: usize) {
        self.output.finish(number, header, payload, &mut self.sealer);
    }

    /// Sends as much as the socket takes. Returns true if that was everything.
    pub(super) fn flush(&mut self) -> Result<bool, LinkError> {
        let is_flushed = self.output.send(&mut self.stream)?;
        self.is_full = !is_flushed;
        Ok(is_flushed)
    }

    /// Opens the next record that has come.
    pub(super) fn open(&mut self) -> Result<Option<Opened>, LinkError> {
        loop {
            // Records that were read before come first: the socket does not announce them again.
            if let Some(opened) = self.input.open(&mut self.opener)? {
                return Ok(Some(opened));
            }
            if !self.input.fill(&mut self.stream)? {
                return Ok(None);
            }
        }
    }

    /// Takes note of the end of it. What is queued for it is lost.
    pub(super) fn fail(&mut self, error: LinkError) {
        self.broken = Some(error);
    }

    /// Returns the reason why the session, which cannot do without it, is lost.
    pub(super) fn loss(&mut self) -> LinkError {
        match self.broken.take() {
            None | Some(LinkError::Closed) => LinkError::Lost(io::ErrorKind::UnexpectedEof.into()),
            Some(error) => error,
        }
    }
}
