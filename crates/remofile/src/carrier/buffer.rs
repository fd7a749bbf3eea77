//! The buffers on both sides of a link: allocated once, never zeroed again.

use super::error::LinkError;
use super::kept::{KeptPayload, Spares};
use super::socket::{moved, write};
use remofile_protocol::limits::MAX_HEADER_BYTES;
use remofile_protocol::transport::{LENGTH_BYTES, Opener, Sealer, TAG_BYTES, Tampered};
use remofile_protocol::wire::{Header, write_number};
use socket2::Socket;
use std::io::{self, Read};
use std::ops::Range;

/// Bytes of the header's length at the end of a body.
const HEADER_LENGTH_BYTES: usize = 4;

/// Most bytes of a record beside its payload.
const OVERHEAD: usize = LENGTH_BYTES + NUMBER_BYTES + MAX_HEADER_BYTES + HEADER_LENGTH_BYTES + TAG_BYTES;

/// Most bytes of a message's number.
const NUMBER_BYTES: usize = 9;

/// Bytes that processors move at once.
const CACHE_LINE_BYTES: usize = 64;

/// Bytes that are read ahead beyond the record at hand: small messages arrive many at a time, and the rest of a
/// large one is cheap to move.
const READ_AHEAD: usize = 64 * 1024;

/// Returns the start of a record whose payload lies at the beginning of a cache line: the kernel copies between
/// files and sockets and there faster (a tenth of a transfer's time, measured).
fn aligned_start(buffer: &[u8]) -> usize {
    (buffer.as_ptr() as usize + LENGTH_BYTES).wrapping_neg() % CACHE_LINE_BYTES
}

/// Sealed records that wait to be sent.
pub struct OutBuffer {
    bytes: Vec<u8>,
    sent: usize,
    end: usize,
    max_payload: usize,
    /// Most bytes of payload that can be cut.
    content: usize,
    header: Vec<u8>,
    /// Bytes sent so far.
    total: u64,
}

impl OutBuffer {
    /// Creates a buffer for messages with payloads of at most `max_payload` bytes.
    #[must_use]
    pub fn new(max_payload: usize) -> Self {
        Self { bytes: Vec::new(), sent: 0, end: 0, max_payload, content: max_payload, header: Vec::new(), total: 0 }
    }

    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// Reports whether everything was sent.
    pub(super) fn is_empty(&self) -> bool {
        self.sent == self.end
    }

    /// Reports whether a message without payload has room behind those that wait.
    pub(super) fn has_room(&self) -> bool {
        self.is_empty() || self.end <= READ_AHEAD
    }

    /// Has later messages carry no more than this, but for what cannot be cut.
    pub(super) fn limit_content(&mut self, bytes: usize) {
        self.content = self.content.min(bytes);
    }

    /// Frees the memory; everything was sent.
    pub(super) fn rest(&mut self) {
        debug_assert!(self.is_empty());
        (self.bytes, self.header, self.sent, self.end) = (Vec::new(), Vec::new(), 0, 0);
    }

    /// Begins a message; its payload is written in place.
    pub fn message(&mut self) -> MessageWriter<'_> {
        if self.is_empty() {
            let start = aligned_start(&self.bytes);
            (self.sent, self.end) = (start, start);
        }
        let whole = MessageWriter::new(&mut self.bytes, self.end + LENGTH_BYTES, self.max_payload);
        MessageWriter { content: self.content, ..whole }
    }

    /// Ends the message that was begun last: `payload` bytes of it were written. Adds its header, behind its number if it
    /// has one, and seals it.
    pub fn finish(&mut self, number: Option<u64>, header: &Header, payload: usize, sealer: &mut Sealer) {
        let start = self.end;
        self.header.clear();
        if let Some(number) = number {
            write_number(number, &mut self.header);
        }
        header.encode(&mut self.header);
        let header_bytes = self.header.len();
        // Behind the payload, which is in its place before the header is known.
        let header_at = start + LENGTH_BYTES + payload;
        let length_at = header_at + header_bytes;
        let end = length_at + HEADER_LENGTH_BYTES + TAG_BYTES;
        ensure(&mut self.bytes, end);
        self.bytes[header_at..length_at].copy_from_slice(&self.header);
        let header_length = u32::try_from(header_bytes).expect("headers are far below 4 GiB").to_be_bytes();
        self.bytes[length_at..length_at + HEADER_LENGTH_BYTES].copy_from_slice(&header_length);
        sealer.seal(&mut self.bytes[start..end]);
        self.end = end;
    }

    pub(super) fn send(&mut self, stream: &mut Socket) -> Result<bool, LinkError> {
        while !self.is_empty() {
            match moved(|| write(stream, &self.bytes[self.sent..self.end]))? {
                None => return Ok(false),
                Some(0) => return Err(LinkError::Lost(io::ErrorKind::WriteZero.into())),
                Some(count) => {
                    self.sent += count;
                    self.total += count as u64;
                }
            }
        }
        Ok(true)
    }
}

/// The payload of a message that is being written, in place. Dropped, it was never begun.
pub struct MessageWriter<'a> {
    bytes: &'a mut Vec<u8>,
    start: usize,
    payload: usize,
    max_payload: usize,
    content: usize,
}

/// The payload that a message has room for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct MessageRoom {
    whole: usize,
    content: usize,
}

impl<'a> MessageWriter<'a> {
    /// Writes a payload of at most `max_payload` bytes, which is put into `bytes` from `start`.
    #[must_use]
    pub fn new(bytes: &'a mut Vec<u8>, start: usize, max_payload: usize) -> Self {
        Self { bytes, start, payload: 0, max_payload, content: max_payload }
    }

    /// Writes a payload elsewhere that a message with this much room will take.
    pub(crate) fn within(bytes: &'a mut Vec<u8>, room: MessageRoom) -> Self {
        Self { content: room.content, ..Self::new(bytes, 0, room.whole) }
    }

    /// Returns the room that is left.
    pub(crate) fn limits(&self) -> MessageRoom {
        MessageRoom { whole: self.whole_room(), content: self.room() }
    }

    /// Returns the number of payload bytes written so far.
    #[must_use]
    pub fn payload_bytes(&self) -> usize {
        self.payload
    }

    /// Returns the number of payload bytes that still fit, of what can be cut: over several connections messages are kept short.
    #[must_use]
    pub fn room(&self) -> usize {
        self.content.saturating_sub(self.payload)
    }

    /// Returns the number of payload bytes that still fit, of what cannot be cut.
    #[must_use]
    pub fn whole_room(&self) -> usize {
        self.max_payload - self.payload
    }

    /// Returns the space for the next `length` bytes of payload, at most [`MessageWriter::whole_room`].
    pub fn space(&mut self, length: usize) -> &mut [u8] {
        let length = length.min(self.whole_room());
        let at = self.start + self.payload;
        ensure(self.bytes, at + length);
        &mut self.bytes[at..at + length]
    }

    /// Counts bytes that were put into [`MessageWriter::space`].
    pub fn advance(&mut self, length: usize) {
        debug_assert!(length <= self.whole_room());
        self.payload += length;
    }

    /// Takes payload back, to `length` bytes.
    pub fn truncate(&mut self, length: usize) {
        self.payload = self.payload.min(length);
    }

    /// Appends payload that lies elsewhere. Returns the number of bytes that fitted.
    pub fn append(&mut self, bytes: &[u8]) -> usize {
        let space = self.space(bytes.len());
        let length = space.len();
        space.copy_from_slice(&bytes[..length]);
        self.advance(length);
        length
    }
}

/// Makes a buffer at least `length` bytes long. It never gets shorter, so that nothing is zeroed twice.
pub(super) fn ensure(bytes: &mut Vec<u8>, length: usize) {
    if bytes.len() >= length {
        return;
    }
    if bytes.len() > length / 2 {
        bytes.resize(length, 0);
        return;
    }
    // New memory is zero already, where `resize` sets what it adds: in builds for tests byte by byte.
    let mut longer = vec![0; length];
    longer[..bytes.len()].copy_from_slice(bytes);
    *bytes = longer;
}

/// Received bytes that are no whole record yet.
pub(super) struct InBuffer {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    max_record: usize,
    /// Bytes read so far.
    total: u64,
    spares: Spares,
}

/// A record's parts in the buffer.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) payload: Range<usize>,
    pub(super) header: Range<usize>,
}

impl InBuffer {
    pub(super) fn new(max_payload: usize, received: &[u8]) -> Self {
        let max_record = max_payload + OVERHEAD;
        Self {
            bytes: received.to_vec(),
            start: 0,
            end: received.len(),
            max_record,
            total: 0,
            spares: Spares::default(),
        }
    }

    pub(super) fn total(&self) -> u64 {
        self.total
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns the number of bytes that have come of an incomplete record.
    pub(super) fn waiting(&self) -> usize {
        self.end - self.start
    }

    /// Frees the memory, but for what has come of a record.
    pub(super) fn rest(&mut self) {
        self.bytes = self.bytes[self.start..self.end].to_vec();
        (self.start, self.end) = (0, self.bytes.len());
        // Payloads that are free later go with those.
        self.spares = Spares::default();
    }

    /// Gives a payload away, with the buffer it is in unless that is much larger; goes on with another one.
    pub(super) fn hand_over(&mut self, payload: Range<usize>) -> KeptPayload {
        if payload.len() < self.bytes.len() / 2 {
            return self.bytes[payload].to_vec().into();
        }
        let rest = &self.bytes[self.start..self.end];
        let mut next = self.spares.take();
        ensure(&mut next, CACHE_LINE_BYTES + rest.len());
        let start = aligned_start(&next);
        let end = start + rest.len();
        next[start..end].copy_from_slice(rest);
        (self.start, self.end) = (start, end);
        KeptPayload::in_buffer(std::mem::replace(&mut self.bytes, next), payload, &self.spares)
    }

    /// Opens the next record if it is complete.
    pub(super) fn open(&mut self, opener: &mut Opener) -> Result<Option<Opened>, LinkError> {
        let Some(total) = self.record_bytes()? else {
            return Ok(None);
        };
        if self.end - self.start < total {
            return Ok(None);
        }
        let record = self.bytes.get_mut(self.start..self.start + total).ok_or(LinkError::Malformed)?;
        let body: &[u8] = opener.open(record)?;
        let (rest, header_bytes) = body.split_last_chunk::<HEADER_LENGTH_BYTES>().ok_or(LinkError::Malformed)?;
        let payload_bytes = rest.len().checked_sub(be_u32(header_bytes)).ok_or(LinkError::Malformed)?;
        let start = self.start + LENGTH_BYTES;
        let (header_at, end) = (start + payload_bytes, start + rest.len());
        self.start += total;
        Ok(Some(Opened { payload: start..header_at, header: header_at..end }))
    }

    fn record_bytes(&self) -> Result<Option<usize>, LinkError> {
        let received = &self.bytes[self.start..self.end];
        if received.len() < LENGTH_BYTES {
            return Ok(None);
        }
        let total = LENGTH_BYTES + be_u32(received);
        // Checked before there is memory for it. No peer sends one that long: its length was changed on the way.
        if total > self.max_record {
            return Err(Tampered.into());
        }
        Ok(Some(total))
    }

    /// Reads the bytes that have come. Returns false if there are none.
    pub(super) fn fill(&mut self, stream: &mut Socket) -> Result<bool, LinkError> {
        // The buffer grows with the record at hand, not to the largest that may come.
        let record_bytes = self.record_bytes()?.unwrap_or(0);
        ensure(&mut self.bytes, CACHE_LINE_BYTES + record_bytes + READ_AHEAD);
        let start = aligned_start(&self.bytes);
        self.bytes.copy_within(self.start..self.end, start);
        (self.start, self.end) = (start, start + self.end - self.start);
        let wanted = start + record_bytes + READ_AHEAD;
        match moved(|| stream.read(&mut self.bytes[self.end..wanted]))? {
            None => Ok(false),
            // An end between two records is a close; within a record it is a loss.
            Some(0) if self.end == self.start => Err(LinkError::Closed),
            Some(0) => Err(LinkError::Lost(io::ErrorKind::UnexpectedEof.into())),
            Some(count) => {
                self.end += count;
                self.total += count as u64;
                Ok(true)
            }
        }
    }
}

fn be_u32(bytes: &[u8]) -> usize {
    bytes.iter().take(4).fold(0, |sum, &byte| sum << 8 | usize::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_at_rest_keeps_none_of_the_payloads_that_were_handed_over() {
        let mut input = InBuffer::new(1 << 20, &[7; 1 << 16]);
        input.start = input.end;
        let kept = input.hand_over(0..1 << 16);
        (input.bytes, input.start, input.end) = (vec![7; 1 << 16], 0, 0);
        let late = input.hand_over(0..1 << 16);
        drop(kept);
        input.rest();
        assert_eq!(input.spares.take().capacity(), 0, "thousands of sessions rest");
        drop(late);
        assert_eq!(input.spares.take().capacity(), 0, "nor what comes back then");
    }
}
