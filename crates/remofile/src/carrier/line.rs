//! What every kind of connection has, whatever its messages look like.

use super::error::LinkError;
use std::os::fd::AsFd;

/// What is kept of a message that has not come whole while a line rests, in bytes at most.
pub(super) const MOST_AT_REST: usize = 1024;

/// A connection that takes and gives whole messages, and never waits.
pub trait Line: AsFd {
    /// A message as it was received.
    type Message<'a>
    where
        Self: 'a;

    /// The next message, if it has arrived. A call does a bounded amount of work, whatever comes: where that was not
    /// enough it gives nothing, and [`Line::has_more`] tells so.
    ///
    /// # Errors
    /// [`LinkError`]; the connection is then of no more use.
    fn receive(&mut self) -> Result<Option<Self::Message<'_>>, LinkError>;

    /// Whether the last call of [`Line::receive`] gave nothing although more has come: it is to be called again, as the
    /// socket may have nothing left to wait for.
    fn has_more(&self) -> bool {
        false
    }

    /// Whether a small message may be queued behind those that wait.
    fn has_room(&self) -> bool;

    /// Whether it could rest: so little of a message has come that it can be kept for long.
    fn may_rest(&self) -> bool;

    /// Frees its buffers, but for what has come of a message. They are there again when they are needed.
    fn rest(&mut self);

    /// How many bytes were ever read from the connection.
    fn received_bytes(&self) -> u64;

    /// How many bytes the connection has ever taken.
    fn sent_bytes(&self) -> u64;

    /// Whether everything was sent.
    fn is_flushed(&self) -> bool;

    /// Sends what the socket takes; whether that was everything.
    ///
    /// # Errors
    /// [`LinkError::Lost`].
    fn flush(&mut self) -> Result<bool, LinkError>;
}
