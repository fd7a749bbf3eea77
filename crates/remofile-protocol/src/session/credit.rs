//! Byte credit: how much payload may be on its way.

use super::SessionError;
use crate::limits::{CREDIT_WINDOW_BYTES, INITIAL_CREDIT_BYTES};
use crate::wire::OperationId;

/// The bytes that this side may still send in one operation.
#[derive(Debug)]
pub(super) struct SendCredit(u64);

impl SendCredit {
    pub(super) fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    pub(super) fn available(&self) -> u64 {
        self.0
    }

    pub(super) fn add(&mut self, bytes: u64) {
        self.0 = self.0.saturating_add(bytes);
    }

    /// Takes credit for a message.
    pub(super) fn take(&mut self, operation: OperationId, bytes: u64) -> Result<(), SessionError> {
        match self.0.checked_sub(bytes) {
            None => Err(SessionError::BeyondCredit { operation, excess: bytes - self.0 }),
            Some(rest) => {
                self.0 = rest;
                Ok(())
            }
        }
    }
}

/// The window of bytes that this side lets its peer send in one operation.
#[derive(Debug)]
pub(super) struct ReceiveWindow {
    /// Bytes that may still come.
    allowed: u64,
    /// Bytes that came and were not yet consumed.
    held: u64,
    /// The size to which the window is kept open, in bytes.
    size: u64,
}

impl ReceiveWindow {
    /// A window of an operation that starts with the initial credit.
    pub(super) fn initial() -> Self {
        Self { allowed: INITIAL_CREDIT_BYTES, held: 0, size: INITIAL_CREDIT_BYTES }
    }

    /// A window that was granted with the request.
    pub(super) fn granted(bytes: u64) -> Self {
        Self { allowed: bytes, held: 0, size: bytes }
    }

    /// Widens the window to its full size; gives the credit to grant for that.
    pub(super) fn open(&mut self) -> u64 {
        self.open_to(CREDIT_WINDOW_BYTES)
    }

    /// Widens the window to a size; gives the credit to grant for that.
    pub(super) fn open_to(&mut self, size: u64) -> u64 {
        self.size = size.max(self.size);
        self.refill(1)
    }

    /// Keeps the window open no further than to a size from now on. What was granted before may still come.
    pub(super) fn narrow_to(&mut self, size: u64) {
        self.size = size.min(self.size);
    }

    pub(super) fn receive(&mut self, operation: OperationId, bytes: u64) -> Result<(), SessionError> {
        match self.allowed.checked_sub(bytes) {
            None => Err(SessionError::BeyondCredit { operation, excess: bytes - self.allowed }),
            Some(rest) => {
                self.allowed = rest;
                self.held += bytes;
                Ok(())
            }
        }
    }

    /// Marks bytes as consumed; gives the credit to grant, 0 while a quarter is not yet used.
    pub(super) fn consume(&mut self, bytes: u64) -> u64 {
        self.held = self.held.saturating_sub(bytes);
        self.refill(self.size / 4)
    }

    fn refill(&mut self, least: u64) -> u64 {
        let missing = self.size.saturating_sub(self.allowed + self.held);
        if missing < least.max(1) {
            return 0;
        }
        self.allowed += missing;
        missing
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_peer_beyond_its_credit_is_found() {
        let mut window = ReceiveWindow::granted(10);
        assert!(window.receive(OperationId(1), 10).is_ok());
        let error = window.receive(OperationId(1), 1).unwrap_err();
        assert_eq!(error, SessionError::BeyondCredit { operation: OperationId(1), excess: 1 });
    }

    #[test]
    fn a_window_that_is_narrowed_is_filled_again_when_less_is_under_way() {
        let mut window = ReceiveWindow::granted(100);
        window.receive(OperationId(1), 60).unwrap();
        window.narrow_to(40);
        assert_eq!(window.consume(60), 0, "as much as fills it may still come");
        window.receive(OperationId(1), 40).unwrap();
        assert_eq!(window.consume(40), 40);
        assert_eq!(window.open_to(100), 60);
    }

    proptest! {
        /// Whatever is sent and consumed, what is on its way and held never exceeds the window, and a
        /// sender that is consumed from is never starved.
        #[test]
        fn both_sides_keep_the_same_account(steps in prop::collection::vec((0u64..3_000_000, any::<bool>()), 1..200)) {
            let (mut credit, mut window) = (SendCredit::new(INITIAL_CREDIT_BYTES), ReceiveWindow::initial());
            credit.add(window.open());
            let mut held = 0u64;
            for (bytes, consume) in steps {
                if consume {
                    let bytes = bytes.min(held);
                    held -= bytes;
                    credit.add(window.consume(bytes));
                } else if credit.take(OperationId(1), bytes).is_ok() {
                    window.receive(OperationId(1), bytes).unwrap();
                    held += bytes;
                }
                prop_assert!(held + credit.available() <= CREDIT_WINDOW_BYTES);
                prop_assert_eq!(credit.available(), window.allowed);
            }
            credit.add(window.consume(held));
            prop_assert!(credit.available() >= CREDIT_WINDOW_BYTES / 2);
        }
    }
}
