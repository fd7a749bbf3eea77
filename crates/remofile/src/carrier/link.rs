//! One connection of the native carrier: records in, messages out, and back.

use super::buffer::{InBuffer, MessageWriter, OutBuffer};
use remofile_protocol::transport::{Opener, Sealer, Tampered};
use remofile_protocol::wire::{Header, MalformedMessage};
use std::fmt;
use std::io;
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};

/// A connection after its handshake.
pub struct Link {
    stream: TcpStream,
    sealer: Sealer,
    opener: Opener,
    input: InBuffer,
    output: OutBuffer,
}

/// A message as it was received.
#[derive(Debug)]
pub struct Message<'a> {
    /// What it says.
    pub header: Header,
    /// Its payload, empty where it has none.
    pub payload: &'a [u8],
}

/// Why a connection is of no more use.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The peer closed it between two records.
    #[error("the peer closed the connection")]
    Closed,
    /// It broke.
    #[error(transparent)]
    Lost(io::Error),
    /// A record was changed on the way.
    #[error(transparent)]
    Tampered(#[from] Tampered),
    /// A record that is too long or has no header.
    #[error("a record makes no sense")]
    Malformed,
    /// A header that makes no sense.
    #[error(transparent)]
    Header(#[from] MalformedMessage),
}

impl Link {
    /// A link over a connection whose handshake is over. `received` are bytes that came behind it;
    /// payloads of at most `send_payload` bytes are sent and `receive_payload` received.
    #[must_use]
    pub fn new(
        stream: TcpStream,
        (sealer, opener): (Sealer, Opener),
        send_payload: u32,
        receive_payload: u32,
        received: &[u8],
    ) -> Self {
        Self {
            stream,
            sealer,
            opener,
            input: InBuffer::new(receive_payload as usize, received),
            output: OutBuffer::new(send_payload as usize),
        }
    }

    /// The next message, if it has arrived.
    ///
    /// # Errors
    /// [`LinkError`]; the link is then of no more use.
    pub fn receive(&mut self) -> Result<Option<Message<'_>>, LinkError> {
        let opened = loop {
            if let Some(opened) = self.input.open(&mut self.opener)? {
                break opened;
            }
            if !self.input.fill(&mut self.stream)? {
                return Ok(None);
            }
        };
        let bytes = self.input.bytes();
        Ok(Some(Message { header: Header::decode(&bytes[opened.header])?, payload: &bytes[opened.payload] }))
    }

    /// Begins a message with payload, and gives what seals it.
    pub fn message(&mut self) -> (MessageWriter<'_>, &mut Sealer) {
        (self.output.message(), &mut self.sealer)
    }

    /// Queues a message without payload.
    pub fn push(&mut self, header: &Header) {
        self.output.message().finish(header, &mut self.sealer);
    }

    /// Whether a small message may be queued behind those that wait.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.output.has_room()
    }

    /// How many bytes were ever read from the connection.
    #[must_use]
    pub fn received_bytes(&self) -> u64 {
        self.input.total()
    }

    /// How many bytes the connection has ever taken.
    #[must_use]
    pub fn sent_bytes(&self) -> u64 {
        self.output.total()
    }

    /// Whether everything was sent.
    #[must_use]
    pub fn is_flushed(&self) -> bool {
        self.output.is_empty()
    }

    /// Sends what the socket takes; whether that was everything.
    ///
    /// # Errors
    /// [`LinkError::Lost`].
    pub fn flush(&mut self) -> Result<bool, LinkError> {
        self.output.send(&mut self.stream)
    }
}

/// Without the buffers: they hold what users send.
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
