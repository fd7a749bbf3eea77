//! The replies of a conversation that wait to be sent, and the memory they take.

use super::{Conversation, ConversationError, Frames, ProtocolState};
use crate::server::bandwidth::Direction;
use std::time::Duration;

/// Largest reply that is sent even if the server's memory is used up, in bytes, as long as it is the only one of
/// its peer.
const SMALL_REPLY_BYTES: u64 = 64 * 1024;

impl Conversation {
    /// Counts messages of protocol 1 in the bandwidth of the principal, which has all of it in small ones.
    pub(super) fn count(&self, direction: Direction, frames: impl Iterator<Item = usize>) {
        self.peer.grant.bandwidth.spend(direction, frames.map(|bytes| bytes as u64).sum());
    }

    /// Returns the time until the next answer of protocol 1 may leave, if it has to wait: its peer asks for nothing more before.
    pub(super) fn wait_for_bandwidth(&self) -> Option<Duration> {
        let bandwidth = &self.peer.grant.bandwidth;
        let waits = matches!(self.protocol, ProtocolState::Protocol1(_)) && !self.replies.is_empty();
        let wait = || bandwidth.wait(Direction::Sent).max(bandwidth.wait(Direction::Received));
        waits.then(wait).flatten()
    }

    /// Counts new replies. Over a socket of the user's own, messages of a peer are taken before it has taken its
    /// answers: so it may have as many replies as fit in the memory of a session.
    pub(super) fn count_replies(&mut self) -> Result<(), ConversationError> {
        let new: u64 = self.replies.iter().skip(self.counted).map(reply_bytes).sum();
        self.counted = self.replies.len();
        let bytes = self.memory.bytes() + new;
        if self.counted <= 1 && new <= SMALL_REPLY_BYTES {
            // A peer that takes its small answers is not given up because others hold the memory.
            self.memory.resize_anyway(bytes);
            return Ok(());
        }
        Ok(self.memory.resize(bytes)?)
    }

    /// Returns the next reply. It is counted until the one behind it is asked for: then it has left.
    pub(super) fn next_reply(&mut self) -> Option<Frames> {
        let left = std::mem::take(&mut self.leaving);
        // There is always room for less.
        let _less = self.memory.resize(self.memory.bytes().saturating_sub(left));
        let reply = self.replies.pop_front()?;
        if let Some(counted) = self.counted.checked_sub(1) {
            (self.counted, self.leaving) = (counted, reply_bytes(&reply));
        }
        Some(reply)
    }
}

/// Returns the memory that a reply takes, in bytes.
fn reply_bytes(frames: &Frames) -> u64 {
    let frames = frames.iter().map(|frame| size_of::<Vec<u8>>() + frame.capacity());
    (size_of::<Frames>() + frames.sum::<usize>()) as u64
}
