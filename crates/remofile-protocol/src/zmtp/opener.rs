//! The opener of the frames that follow the handshake: it opens them where they are.

use super::frame::{Head, Parsed};
use super::salsa_box::short_nonce;
use super::sealer::{Direction, INNER_COMMAND, INNER_MORE, MESSAGE, OVERHEAD_BYTES, TAG_AT};
use super::{Command, FrameError, Mechanism};
use std::fmt;
use std::ops::Range;

/// Longest body until [`FrameOpener::set_limit`] says otherwise, in bytes.
const FIRST_LIMIT_BYTES: usize = 1024;

/// The opened frame that a buffer begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenedFrame {
    /// No whole frame.
    Incomplete {
        /// Bytes, counted from the beginning of the buffer, that must be there before another look
        /// can tell more. Never more than the limit, the head and what CURVE adds.
        needed: usize,
    },
    /// A frame of a message.
    Frame {
        /// Bytes of the buffer that the frame has; drop them before the next look.
        consumed: usize,
        /// The range of the body in the buffer.
        body: Range<usize>,
        /// True if more frames of the same message follow.
        more: bool,
    },
    /// A command.
    Command {
        /// Bytes of the buffer that the command has; drop them before the next look.
        consumed: usize,
        /// The command.
        command: Command,
    },
}

/// Reads the frames that this side receives.
pub struct FrameOpener {
    max_body_bytes: usize,
    direction: Option<Direction>,
}

impl FrameOpener {
    pub(super) fn null() -> Self {
        Self { max_body_bytes: FIRST_LIMIT_BYTES, direction: None }
    }

    pub(super) fn curve(direction: Direction) -> Self {
        Self { max_body_bytes: FIRST_LIMIT_BYTES, direction: Some(direction) }
    }

    /// Returns the protection of the connection.
    #[must_use]
    pub fn mechanism(&self) -> Mechanism {
        if self.direction.is_some() { Mechanism::Curve } else { Mechanism::Null }
    }

    /// From now on bodies of up to `max_body_bytes` are accepted. Until this is called it is 1 KiB.
    /// Commands are bound by [`super::MAX_COMMAND_BYTES`] as well.
    pub fn set_limit(&mut self, max_body_bytes: usize) {
        // Far above what memory holds, and far below where adding heads could overflow.
        self.max_body_bytes = max_body_bytes.min(usize::MAX >> 2);
    }

    /// Looks at the beginning of `buffer`. A CURVE message is opened in place, and only once: after a
    /// frame or a command, drop `consumed` bytes before the next call.
    ///
    /// # Errors
    /// [`FrameError`] as soon as the beginning cannot become a frame that is allowed. The connection
    /// cannot go on.
    pub fn next(&mut self, buffer: &mut [u8]) -> Result<OpenedFrame, FrameError> {
        let overhead = if self.direction.is_some() { OVERHEAD_BYTES } else { 0 };
        let head = match Head::read(buffer, self.max_body_bytes + overhead)? {
            Parsed::Incomplete(needed) => return Ok(OpenedFrame::Incomplete { needed }),
            Parsed::Head(head) => head,
        };
        self.check_early(&head)?;
        let consumed = head.frame_bytes();
        let Some(frame) = buffer.get_mut(head.bytes..consumed) else {
            return Ok(OpenedFrame::Incomplete { needed: consumed });
        };
        let (more, command) = match &mut self.direction {
            None => (head.more, head.command),
            Some(direction) => open(direction, frame)?,
        };
        let body = head.bytes + overhead..consumed;
        if command {
            let said = frame.get(overhead..).unwrap_or_default();
            return Ok(OpenedFrame::Command { consumed, command: Command::read(said)? });
        }
        Ok(OpenedFrame::Frame { consumed, body, more })
    }

    /// Refuses what a head alone can be refused for.
    fn check_early(&self, head: &Head) -> Result<(), FrameError> {
        match self.direction {
            None if head.command && head.body_bytes > super::MAX_COMMAND_BYTES => Err(FrameError::TooLong),
            None => Ok(()),
            Some(_) if head.command || head.more => Err(FrameError::Unprotected),
            Some(_) if head.body_bytes < OVERHEAD_BYTES => Err(FrameError::Unprotected),
            Some(_) => Ok(()),
        }
    }
}

/// Opens a CURVE message in place, which is at least as long as its overhead. Whether more frames
/// follow, and whether it is a command.
fn open(direction: &mut Direction, message: &mut [u8]) -> Result<(bool, bool), FrameError> {
    let (head, sealed) = message.split_at_mut_checked(TAG_AT).ok_or(FrameError::Unprotected)?;
    let counter = head.strip_prefix(MESSAGE).ok_or(FrameError::Unprotected)?;
    let nonce = counter.iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte));
    if direction.nonce.checked_add(1) != Some(nonce) {
        return Err(FrameError::Tampered);
    }
    let text = direction.key.open(&short_nonce(direction.prefix, nonce), sealed).ok_or(FrameError::Tampered)?;
    direction.nonce = nonce;
    let flags = *text.first().ok_or(FrameError::Flags)?;
    let (more, command) = (flags & INNER_MORE != 0, flags & INNER_COMMAND != 0);
    if flags & !(INNER_MORE | INNER_COMMAND) != 0 || (more && command) {
        return Err(FrameError::Flags);
    }
    Ok((more, command))
}

impl fmt::Debug for FrameOpener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FrameOpener({:?}, up to {} bytes)", self.mechanism(), self.max_body_bytes)
    }
}
