//! The interface of all connections, whatever their messages look like.

use super::error::LinkError;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

/// The most bytes of an incomplete message that a resting line keeps.
pub(super) const MOST_AT_REST: usize = 1024;

/// A connection that takes and gives whole messages, and never waits.
pub trait Line: AsFd {
    /// A message as it was received.
    type Message<'a>
    where
        Self: 'a;

    /// Returns the next message, if it has arrived. A call does a bounded amount of work, whatever comes: if that was
    /// not enough it returns nothing, and [`Line::has_more`] is true.
    ///
    /// # Errors
    /// [`LinkError`]; the connection is then of no more use.
    fn receive(&mut self) -> Result<Option<Self::Message<'_>>, LinkError>;

    /// Reports whether the last call of [`Line::receive`] returned nothing although more has come. It is then to be
    /// called again, as the socket may have nothing left to wait for.
    fn has_more(&self) -> bool {
        false
    }

    /// Reports whether a small message may be queued behind those that wait.
    fn has_room(&self) -> bool;

    /// Reports whether it could rest: so little of a message has come that it can be kept for long.
    fn may_rest(&self) -> bool;

    /// Frees its buffers, but for what has come of a message. They are there again when they are needed.
    fn rest(&mut self);

    /// Returns the number of bytes read from the connection so far.
    fn received_bytes(&self) -> u64;

    /// Returns the number of bytes that the connection has taken so far.
    fn sent_bytes(&self) -> u64;

    /// Reports whether everything was sent.
    fn is_flushed(&self) -> bool;

    /// Gives each socket there is to wait for: whether it may be read, and whether it has something to send.
    fn sockets<'a>(&'a self, each: &mut dyn FnMut(BorrowedFd<'a>, bool, bool)) {
        each(self.as_fd(), true, !self.is_flushed());
    }

    /// Returns the time after which [`Line::flush`] is to be called although nothing has happened; `None` if there is none.
    fn due_in(&self) -> Option<Duration> {
        None
    }

    /// Sends as much as the socket takes. Returns true if that was everything, or more may be queued all the same.
    ///
    /// # Errors
    /// [`LinkError::Lost`].
    fn flush(&mut self) -> Result<bool, LinkError>;
}
