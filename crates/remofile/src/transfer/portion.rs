//! The items of a message that are to be passed on.

use remofile_protocol::wire::{Item, credit_bytes};
use std::collections::VecDeque;

/// Items that came in one message, with their payload.
#[derive(Debug)]
pub struct Portion {
    pub(super) items: VecDeque<Item>,
    payload: Vec<u8>,
    /// Bytes of the payload that were passed on.
    taken: usize,
    pub(super) credit: u64,
}

impl Portion {
    /// Takes the items of a message.
    #[must_use]
    pub fn new(items: Vec<Item>, payload: &[u8]) -> Self {
        let credit = credit_bytes(&items, payload.len());
        Self { items: items.into(), payload: payload.to_vec(), taken: 0, credit }
    }

    /// Takes items without payload, for which the sender gets so much credit back when they are passed on.
    #[must_use]
    pub fn of(items: Vec<Item>, credit: u64) -> Self {
        Self { items: items.into(), payload: Vec::new(), taken: 0, credit }
    }

    /// Returns the next bytes of the payload.
    pub(super) fn next_bytes(&mut self, length: usize) -> &[u8] {
        let from = self.taken.min(self.payload.len());
        self.taken = (from + length).min(self.payload.len());
        &self.payload[from..self.taken]
    }
}
