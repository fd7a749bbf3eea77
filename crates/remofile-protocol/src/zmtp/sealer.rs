//! The sealer of the frames that follow the handshake: it seals them where they are.

use super::frame::{COMMAND, MAX_HEAD_BYTES, MORE, write_head};
use super::salsa_box::{SalsaBox, TAG_BYTES, short_nonce};
use super::{MAX_CONTEXT_BYTES, Mechanism, command};
use std::fmt;

/// The beginning of every CURVE message.
pub(super) const MESSAGE: &[u8; 8] = b"\x07MESSAGE";

/// The offsets of the nonce, the tag and the inner flags of a CURVE message, counted from its beginning.
pub(super) const NONCE_AT: usize = MESSAGE.len();
pub(super) const TAG_AT: usize = NONCE_AT + 8;
pub(super) const FLAGS_AT: usize = TAG_AT + TAG_BYTES;

/// Bytes of a CURVE message that are not the body it carries.
pub(super) const OVERHEAD_BYTES: usize = FLAGS_AT + 1;

/// The flags inside a CURVE message: not those of a frame.
pub(super) const INNER_MORE: u8 = 1;
pub(super) const INNER_COMMAND: u8 = 2;

/// One direction of a CURVE connection.
pub(super) struct Direction {
    pub(super) key: SalsaBox,
    pub(super) prefix: &'static [u8; 16],
    /// Of the last box in this direction, those of the handshake included.
    pub(super) nonce: u64,
}

impl Direction {
    pub(super) const TO_SERVER: &'static [u8; 16] = b"CurveZMQMESSAGEC";
    pub(super) const TO_CLIENT: &'static [u8; 16] = b"CurveZMQMESSAGES";
}

/// Makes the frames that this side sends.
pub struct FrameSealer(Option<Direction>);

impl FrameSealer {
    /// Bytes in front of a body that sealing may use.
    pub const PREFIX_BYTES: usize = MAX_HEAD_BYTES + OVERHEAD_BYTES;

    pub(super) fn null() -> Self {
        Self(None)
    }

    pub(super) fn curve(direction: Direction) -> Self {
        Self(Some(direction))
    }

    /// Returns the protection of the connection.
    #[must_use]
    pub fn mechanism(&self) -> Mechanism {
        if self.0.is_some() { Mechanism::Curve } else { Mechanism::Null }
    }

    /// Makes a frame of a body in place: `frame` is [`FrameSealer::PREFIX_BYTES`] of scratch and the
    /// body. Afterwards the frame is what is from the returned index on. `more`: whether another frame
    /// of the same message follows.
    ///
    /// Frames must be sent in the order in which they were sealed.
    ///
    /// # Panics
    /// If `frame` is shorter than the scratch.
    pub fn seal(&mut self, frame: &mut [u8], more: bool) -> usize {
        self.seal_as(frame, more, false)
    }

    /// A ping without a context and without a demand, ready to be sent.
    pub fn ping(&mut self) -> Vec<u8> {
        self.command(b"\x04PING\0\0")
    }

    /// The answer to a ping, ready to be sent. `context` is the ping's, at most
    /// [`MAX_CONTEXT_BYTES`]; what is beyond is left out.
    pub fn pong(&mut self, context: &[u8]) -> Vec<u8> {
        let context = context.get(..MAX_CONTEXT_BYTES).unwrap_or(context);
        self.command(&[b"\x04PONG", context].concat())
    }

    /// An error, ready to be sent, after which the connection is to be closed. Of `reason` the first
    /// 255 bytes are sent, and what is not printable ASCII is replaced.
    pub fn error(&mut self, reason: &str) -> Vec<u8> {
        self.command(&command::write_error(reason))
    }

    fn command(&mut self, body: &[u8]) -> Vec<u8> {
        let mut frame = [&[0; Self::PREFIX_BYTES], body].concat();
        let start = self.seal_as(&mut frame, false, true);
        frame.drain(..start);
        frame
    }

    #[expect(clippy::indexing_slicing, clippy::expect_used, reason = "the frame is this side's own")]
    fn seal_as(&mut self, frame: &mut [u8], more: bool, command: bool) -> usize {
        let body_bytes = frame.len() - Self::PREFIX_BYTES;
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        let Some(direction) = &mut self.0 else {
            return write_head(frame, Self::PREFIX_BYTES, flag(more, MORE) | flag(command, COMMAND), body_bytes);
        };
        direction.nonce = direction.nonce.checked_add(1).expect("no connection lasts for 2^64 messages");
        let message = &mut frame[MAX_HEAD_BYTES..];
        message[..NONCE_AT].copy_from_slice(MESSAGE);
        message[NONCE_AT..TAG_AT].copy_from_slice(&direction.nonce.to_be_bytes());
        message[FLAGS_AT] = flag(more, INNER_MORE) | flag(command, INNER_COMMAND);
        let nonce = short_nonce(direction.prefix, direction.nonce);
        let tag = direction.key.seal(&nonce, &mut message[FLAGS_AT..]);
        message[TAG_AT..FLAGS_AT].copy_from_slice(&tag);
        // The flags are inside: those of the frame itself are always empty, as libzmq has it.
        write_head(frame, MAX_HEAD_BYTES, 0, OVERHEAD_BYTES + body_bytes)
    }
}

impl fmt::Debug for FrameSealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FrameSealer({:?})", self.mechanism())
    }
}
