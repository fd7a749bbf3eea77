//! One connection of the native carrier: records in, messages out, and back.

use super::buffer::{InBuffer, MessageWriter, OutBuffer};
use super::error::LinkError;
use super::line::{Line, MOST_AT_REST};
use super::payload::Payload;
use remofile_protocol::transport::{Opener, Sealer};
use remofile_protocol::wire::Header;
use socket2::Socket;
use std::fmt;
use std::os::fd::{AsFd, BorrowedFd};

/// A connection after its handshake.
pub struct Link {
    stream: Socket,
    sealer: Sealer,
    opener: Opener,
    input: InBuffer,
    output: OutBuffer,
}

/// The keys of both directions of a connection.
pub struct RecordKeys {
    /// For what is sent.
    pub sealer: Sealer,
    /// For what is received.
    pub opener: Opener,
}

/// A message as it was received.
#[derive(Debug)]
pub struct Message<'a> {
    /// Header of the message.
    pub header: Header,
    /// Payload; empty if there is none.
    pub payload: Payload<'a>,
}

impl Link {
    /// Creates a link over a connection whose handshake is over. `received` are bytes that came behind it; payloads of
    /// at most `send_payload` bytes are sent and `receive_payload` received.
    #[must_use]
    pub fn new(
        stream: impl Into<Socket>,
        keys: RecordKeys,
        send_payload: u32,
        receive_payload: u32,
        received: &[u8],
    ) -> Self {
        Self {
            stream: stream.into(),
            sealer: keys.sealer,
            opener: keys.opener,
            input: InBuffer::new(receive_payload as usize, received),
            output: OutBuffer::new(send_payload as usize),
        }
    }

    /// Begins a message with payload: [`Link::finish`] queues it.
    pub fn message(&mut self) -> MessageWriter<'_> {
        self.output.message()
    }

    /// Queues the message that was begun last, of which `payload` bytes were written.
    pub fn finish(&mut self, header: &Header, payload: usize) {
        self.output.finish(header, payload, &mut self.sealer);
    }

    /// Queues a message without payload.
    pub fn push(&mut self, header: &Header) {
        self.output.message();
        self.finish(header, 0);
    }
}

impl Line for Link {
    type Message<'a> = Message<'a>;

    fn receive(&mut self) -> Result<Option<Message<'_>>, LinkError> {
        let opened = loop {
            // Records that were read before come first: the socket does not announce them again.
            if let Some(opened) = self.input.open(&mut self.opener)? {
                break opened;
            }
            if !self.input.fill(&mut self.stream)? {
                return Ok(None);
            }
        };
        let header = Header::decode(&self.input.bytes()[opened.header])?;
        Ok(Some(Message { header, payload: Payload::received(&mut self.input, opened.payload) }))
    }

    fn has_room(&self) -> bool {
        self.output.has_room()
    }

    fn may_rest(&self) -> bool {
        self.input.waiting() <= MOST_AT_REST && self.output.is_empty()
    }

    fn rest(&mut self) {
        self.input.rest();
        self.output.rest();
    }

    fn received_bytes(&self) -> u64 {
        self.input.total()
    }

    fn sent_bytes(&self) -> u64 {
        self.output.total()
    }

    fn is_flushed(&self) -> bool {
        self.output.is_empty()
    }

    fn flush(&mut self) -> Result<bool, LinkError> {
        self.output.send(&mut self.stream)
    }
}

/// Leaves out the buffers, which hold users' content.
impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("stream", &self.stream).finish_non_exhaustive()
    }
}

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
