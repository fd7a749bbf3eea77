//! The place in the queue of a thread that waits for its turn.

use super::queue::Grant;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Thread;

/// The place in the queue of a thread that waits for its turn.
pub(super) struct Ticket {
    pub(super) grant: Mutex<Option<Grant>>,
    pub(super) thread: Thread,
}

impl Ticket {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { grant: Mutex::new(None), thread: std::thread::current() })
    }

    pub(super) fn take(&self) -> Option<Grant> {
        self.grant.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
