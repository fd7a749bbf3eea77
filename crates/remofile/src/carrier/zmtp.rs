//! One connection of the ZeroMQ carrier: frames in, messages out, and back.

mod output;

use super::buffer::{MessageWriter, ensure};
use super::error::LinkError;
use super::line::{Line, MOST_AT_REST};
use super::socket::moved;
use output::Output;
use remofile_protocol::limits::MAX_HEADER_BYTES;
use remofile_protocol::transport::Tampered;
use remofile_protocol::wire::Header;
use remofile_protocol::zmtp::{Command, FrameError, FrameOpener, FrameSealer, OpenedFrame, Peer};
use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Read};
use std::net::TcpStream;
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd};

/// Frames in a message at most. Well-meant messages have four at most.
const MAX_PARTS: usize = 8;

/// Bytes that are read ahead beyond the frame at hand.
const READ_AHEAD: usize = 64 * 1024;

/// Bytes that one call reads at most. `COMMANDS_A_CALL` bounds the commands that it takes. Then the driver of the
/// link looks at its clock, at its wakers, and at what it has to send, however much comes.
const BYTES_A_CALL: usize = 2 * 1024 * 1024;
const COMMANDS_A_CALL: usize = 64;

/// A connection after ZeroMQ's handshake.
pub struct ZmtpLink {
    stream: TcpStream,
    sealer: FrameSealer,
    opener: FrameOpener,
    max_message: usize,
    input: Input,
    output: Output,
    /// The context of the last ping that is not answered yet: one pong answers all that came before it.
    ping: Option<Vec<u8>>,
    /// True if the last call of `receive` ended before it had seen everything that has come.
    has_more: bool,
    /// A payload that is being written, behind room for the head of its frame.
    payload: Vec<u8>,
    max_payload: usize,
}

#[derive(Default)]
struct Input {
    bytes: Vec<u8>,
    /// Position of the message at hand.
    start: usize,
    /// Bytes of the message that were looked at.
    seen: usize,
    end: usize,
    /// Frames of the message so far, relative to its start.
    parts: Vec<Range<usize>>,
    /// True if the message was given to the caller, and is forgotten with the next look.
    given: bool,
    total: u64,
}

/// The beginning of a message that was read elsewhere, by the lobby.
pub struct Begun {
    /// Bytes received since the message began, and commands before it. Frames that were looked at are opened.
    pub bytes: Vec<u8>,
    /// Number of the bytes that were looked at.
    pub seen: usize,
    /// Positions of the bodies of the frames that the message has so far.
    pub parts: Vec<Range<usize>>,
}

/// The frames of a message as they were received.
#[derive(Debug, Clone, Copy)]
pub struct Frames<'a> {
    bytes: &'a [u8],
    parts: &'a [Range<usize>],
}

impl<'a> Frames<'a> {
    /// Returns the number of frames, at least one.
    #[must_use]
    pub fn count(&self) -> usize {
        self.parts.len()
    }

    /// Returns all frames, in order.
    pub fn iter(&self) -> impl Iterator<Item = &'a [u8]> + '_ {
        self.parts.iter().map(|part| &self.bytes[part.clone()])
    }
}

impl ZmtpLink {
    /// Creates a link to a peer. Payloads of at most `send_payload` bytes are sent, and messages of at most
    /// `receive_message` bytes received.
    #[must_use]
    pub fn new(stream: TcpStream, peer: Peer, send_payload: u32, receive_message: usize) -> Self {
        let Peer { sealer, mut opener, rest, .. } = peer;
        opener.set_limit(receive_message);
        let input = Input { end: rest.len(), bytes: rest, ..Input::default() };
        Self {
            stream,
            sealer,
            opener,
            max_message: receive_message,
            input,
            output: Output::default(),
            ping: None,
            has_more: false,
            payload: Vec::new(),
            max_payload: send_payload as usize,
        }
    }

    /// Goes on with a message that was begun, before anything is received.
    pub fn resume(&mut self, begun: Begun) {
        let Begun { bytes, seen, parts } = begun;
        let (start, seen) = if parts.is_empty() { (seen, 0) } else { (0, seen) };
        self.input = Input { start, seen, end: bytes.len(), bytes, parts, ..Input::default() };
    }

    /// Returns the connection itself, to wait for.
    #[must_use]
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Sets the largest payload that is sent, in bytes.
    pub fn set_send_payload(&mut self, bytes: u32) {
        self.max_payload = bytes as usize;
    }

    /// Begins a message with payload: [`ZmtpLink::finish`] queues it.
    pub fn message(&mut self) -> MessageWriter<'_> {
        MessageWriter::new(&mut self.payload, FrameSealer::PREFIX_BYTES, self.max_payload)
    }

    /// Queues the message that was begun last, of which `payload` bytes were written.
    pub fn finish(&mut self, header: &Header, payload: usize) {
        let mut frame = vec![0; FrameSealer::PREFIX_BYTES];
        header.encode(&mut frame);
        // The header comes first, so that the receiver knows what the payload is for.
        self.seal(frame, payload > 0);
        if payload > 0 {
            let mut frame = std::mem::replace(&mut self.payload, std::mem::take(&mut self.output.spare));
            frame.truncate(FrameSealer::PREFIX_BYTES + payload);
            self.seal(frame, false);
        }
    }

    /// Queues a message of these frames.
    pub fn push(&mut self, frames: &[impl AsRef<[u8]>]) {
        for (number, body) in frames.iter().enumerate() {
            let frame = [&[0; FrameSealer::PREFIX_BYTES], body.as_ref()].concat();
            self.seal(frame, number + 1 < frames.len());
        }
    }

    fn seal(&mut self, mut frame: Vec<u8>, more: bool) {
        let start = self.sealer.seal(&mut frame, more);
        self.output.push(frame, start);
    }

    /// Queues the answer to pings, unless one still waits: a peer that does not read gets no more than that.
    fn queue_pong(&mut self) {
        if self.output.until_pong == 0
            && let Some(context) = self.ping.take()
        {
            let pong = self.sealer.pong(&context);
            self.output.push(pong, 0);
            self.output.until_pong = self.output.frames.len();
        }
    }

    /// Looks at the bytes that have been read, for a complete message.
    fn look(&mut self, commands_left: &mut usize) -> Result<Looked, LinkError> {
        let input = &mut self.input;
        loop {
            // Commands between the frames of a message are kept with it, and so count as a part of it.
            if input.seen > self.max_message {
                return Err(LinkError::Malformed);
            }
            let at = input.start + input.seen;
            match self.opener.next(&mut input.bytes[at..input.end]).map_err(unfit)? {
                OpenedFrame::Incomplete { needed } => return Ok(Looked::Needs(input.seen + needed)),
                OpenedFrame::Frame { consumed, body, more } => {
                    input.parts.push(input.seen + body.start..input.seen + body.end);
                    input.seen += consumed;
                    if !more {
                        return Ok(Looked::Whole);
                    }
                    if input.parts.len() == MAX_PARTS {
                        return Err(LinkError::Malformed);
                    }
                }
                OpenedFrame::Command { consumed, command } => {
                    input.seen += consumed;
                    match command {
                        Command::Ping { context, .. } => self.ping = Some(context),
                        Command::Pong | Command::Other => {}
                        Command::Error(_) => return Err(LinkError::Closed),
                    }
                    if input.parts.is_empty() {
                        (input.start, input.seen) = (input.start + input.seen, 0);
                    }
                    match commands_left.checked_sub(1) {
                        None => return Ok(Looked::Enough),
                        Some(left) => *commands_left = left,
                    }
                }
            }
        }
    }
}

fn unfit(error: FrameError) -> LinkError {
    match error {
        FrameError::Tampered | FrameError::Unprotected => Tampered.into(),
        FrameError::Flags | FrameError::TooLong | FrameError::Command => LinkError::Malformed,
    }
}

enum Looked {
    Whole,
    /// Incomplete: this many bytes of the message have to be there.
    Needs(usize),
    /// Interrupted, because so many commands have come that others have their turn.
    Enough,
}

impl Input {
    /// Forgets a message that was given to the caller.
    fn forget(&mut self) {
        if std::mem::take(&mut self.given) {
            self.start += std::mem::take(&mut self.seen);
            self.parts.clear();
        }
    }

    /// Returns the number of bytes that have come of an incomplete message.
    fn waiting(&self) -> usize {
        if self.given { self.end - self.start - self.seen } else { self.end - self.start }
    }

    /// Frees the memory, but for what has come of a message.
    fn rest(&mut self) {
        self.forget();
        self.bytes = self.bytes[self.start..self.end].to_vec();
        (self.start, self.end) = (0, self.bytes.len());
        self.parts.shrink_to_fit();
    }

    fn fill(&mut self, stream: &mut TcpStream, needed: usize) -> Result<bool, LinkError> {
        if self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        ensure(&mut self.bytes, needed + READ_AHEAD);
        match moved(|| stream.read(&mut self.bytes[self.end..]))? {
            None => Ok(false),
            Some(0) if self.end == 0 => Err(LinkError::Closed),
            Some(0) => Err(LinkError::Lost(io::ErrorKind::UnexpectedEof.into())),
            Some(count) => {
                self.end += count;
                self.total += count as u64;
                Ok(true)
            }
        }
    }
}

impl Line for ZmtpLink {
    type Message<'a> = Frames<'a>;

    fn receive(&mut self) -> Result<Option<Frames<'_>>, LinkError> {
        self.input.forget();
        self.has_more = false;
        let (mut commands_left, most) = (COMMANDS_A_CALL, self.input.total + BYTES_A_CALL as u64);
        loop {
            match self.look(&mut commands_left)? {
                Looked::Whole => break,
                Looked::Needs(_) if self.input.total >= most => {
                    self.has_more = true;
                    return Ok(None);
                }
                Looked::Needs(needed) => {
                    if !self.input.fill(&mut self.stream, needed)? {
                        return Ok(None);
                    }
                }
                Looked::Enough => {
                    self.has_more = true;
                    return Ok(None);
                }
            }
        }
        let input = &mut self.input;
        input.given = true;
        Ok(Some(Frames { bytes: &input.bytes[input.start..input.end], parts: &input.parts }))
    }

    fn has_more(&self) -> bool {
        self.has_more
    }

    fn has_room(&self) -> bool {
        self.output.queued <= READ_AHEAD
    }

    fn may_rest(&self) -> bool {
        self.is_flushed() && self.input.waiting() <= MOST_AT_REST
    }

    fn rest(&mut self) {
        self.input.rest();
        (self.payload, self.output.spare, self.output.frames) = (Vec::new(), Vec::new(), VecDeque::new());
    }

    fn received_bytes(&self) -> u64 {
        self.input.total
    }

    fn sent_bytes(&self) -> u64 {
        self.output.total
    }

    fn is_flushed(&self) -> bool {
        self.output.frames.is_empty() && self.ping.is_none()
    }

    fn flush(&mut self) -> Result<bool, LinkError> {
        self.queue_pong();
        Ok(self.output.send(&mut self.stream)? && self.ping.is_none())
    }
}

/// Returns the most bytes of a message of protocol 2 with this payload.
#[must_use]
pub fn message_bytes(payload: u32) -> usize {
    payload as usize + MAX_HEADER_BYTES
}

/// Leaves out the buffers, which hold users' content.
impl fmt::Debug for ZmtpLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ZmtpLink").field("stream", &self.stream).finish_non_exhaustive()
    }
}

impl AsFd for ZmtpLink {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

#[cfg(test)]
mod tests;
