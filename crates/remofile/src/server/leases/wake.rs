//! The way to those who wait.

use crate::carrier::Waker;

/// The way to somebody who waits; a test has one of its own.
pub(in crate::server) trait Wake: Clone {
    fn wake(&self);
}

impl Wake for Waker {
    fn wake(&self) {
        Self::wake(self);
    }
}
