//! The inbox of a handshake: one unit (a greeting or a frame) at a time, within bounds.

use super::HandshakeError;
use super::frame::{Head, MAX_HEAD_BYTES, MIN_HEAD_BYTES, Parsed};
use super::greeting::{self, GREETING_BYTES, Greeting};
use crate::limits::{MAX_ZMTP_HANDSHAKE_BYTES, MAX_ZMTP_HANDSHAKE_FRAME_BYTES};
use zeroize::{Zeroize, Zeroizing};

/// Holds the beginning of a unit; never more than a unit.
pub(super) struct Inbox {
    held: Zeroizing<Vec<u8>>,
    total: usize,
}

impl Inbox {
    pub(super) fn new() -> Self {
        // Room for the largest unit at once: its bytes may be secret, and growing would leave copies.
        Self { held: Zeroizing::new(Vec::with_capacity(MAX_HEAD_BYTES + MAX_ZMTP_HANDSHAKE_FRAME_BYTES)), total: 0 }
    }

    /// Takes the peer's greeting from `bytes`, when all of it is there.
    pub(super) fn greeting(&mut self, bytes: &mut &[u8]) -> Result<Option<Greeting>, HandshakeError> {
        let complete = self.fill(bytes, GREETING_BYTES)?;
        greeting::check_beginning(&self.held)?;
        if !complete {
            return Ok(None);
        }
        let greeting = greeting::read(&self.held)?;
        self.held.zeroize();
        Ok(Some(greeting))
    }

    /// Takes the body of the next command from `bytes`, when all of it is there.
    pub(super) fn command(&mut self, bytes: &mut &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, HandshakeError> {
        let mut needed = MIN_HEAD_BYTES;
        loop {
            let complete = self.fill(bytes, needed)?;
            let head = match Head::read(&self.held, MAX_ZMTP_HANDSHAKE_FRAME_BYTES)? {
                Parsed::Incomplete(more) if complete => {
                    needed = more;
                    continue;
                }
                Parsed::Incomplete(_) => return Ok(None),
                Parsed::Head(head) => head,
            };
            if !head.command {
                return Err(HandshakeError::OutOfOrder);
            }
            needed = head.frame_bytes();
            if self.held.len() == needed {
                let body = Zeroizing::new(self.held.get(head.bytes..).unwrap_or_default().to_vec());
                self.held.zeroize();
                return Ok(Some(body));
            }
            if !complete || bytes.is_empty() {
                return Ok(None);
            }
        }
    }

    /// Moves bytes until `wanted` are held; whether they are.
    fn fill(&mut self, bytes: &mut &[u8], wanted: usize) -> Result<bool, HandshakeError> {
        let taken = wanted.saturating_sub(self.held.len()).min(bytes.len());
        let (now, later) = bytes.split_at(taken);
        self.total += taken;
        if self.total > MAX_ZMTP_HANDSHAKE_BYTES {
            return Err(HandshakeError::TooLong);
        }
        self.held.extend_from_slice(now);
        *bytes = later;
        Ok(self.held.len() >= wanted)
    }

    /// Bytes that were set aside.
    #[cfg(test)]
    pub(super) fn reserved_bytes(&self) -> usize {
        self.held.capacity()
    }
}
