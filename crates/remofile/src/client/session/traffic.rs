//! The traffic of connections.

use std::ops::{Add, Sub};

/// The bytes that connections have sent and received.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Traffic {
    pub(crate) sent_bytes: u64,
    pub(crate) received_bytes: u64,
}

impl Add for Traffic {
    type Output = Self;

    fn add(self, more: Self) -> Self {
        let (sent_bytes, received_bytes) =
            (self.sent_bytes + more.sent_bytes, self.received_bytes + more.received_bytes);
        Self { sent_bytes, received_bytes }
    }
}

impl Sub for Traffic {
    type Output = Self;

    /// The traffic since an earlier one.
    fn sub(self, before: Self) -> Self {
        let sent_bytes = self.sent_bytes - before.sent_bytes;
        Self { sent_bytes, received_bytes: self.received_bytes - before.received_bytes }
    }
}
