//! The pieces of a file that have come and wait to be written.

use crate::carrier::{KeptPayload, Payload};
use crate::store::StoreResult;
use crate::transfer::items_bytes;
use remofile_protocol::wire::{ErrorCode, Failure, Item};
use std::collections::VecDeque;

/// The queue of pieces of one operation, with the credit that comes back as they are written.
#[derive(Default)]
pub(super) struct Pieces {
    queue: VecDeque<Piece>,
    bytes: usize,
    released: u64,
    is_finished: bool,
}

/// The items of one message, whose payload has their bytes.
pub(super) struct Piece {
    items: Vec<Item>,
    payload: KeptPayload,
    credit: u64,
}

impl Pieces {
    pub(super) fn push(&mut self, items: Vec<Item>, payload: Payload<'_>, credit: u64) {
        let piece = Piece { items, payload: payload.keep(), credit };
        self.bytes += piece.memory_bytes();
        self.queue.push_back(piece);
    }

    /// Takes the next piece.
    pub(super) fn pop(&mut self) -> Option<Piece> {
        let piece = self.queue.pop_front()?;
        self.bytes -= piece.memory_bytes();
        Some(piece)
    }

    /// Records that a piece is written.
    pub(super) fn release(&mut self, credit: u64) {
        self.released += credit;
    }

    /// Returns the credit of what was written since the last call.
    pub(super) fn take_released(&mut self) -> u64 {
        std::mem::take(&mut self.released)
    }

    /// Records that no more will come.
    pub(super) fn finish(&mut self) {
        self.is_finished = true;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Reports whether no more will come.
    pub(super) fn is_finished(&self) -> bool {
        self.is_finished
    }

    /// Reports whether there is something to write, or an end.
    pub(super) fn has_work(&self) -> bool {
        self.is_finished || !self.queue.is_empty()
    }

    pub(super) fn memory_bytes(&self) -> u64 {
        self.bytes as u64
    }
}

impl Piece {
    fn memory_bytes(&self) -> usize {
        items_bytes(&self.items) + self.payload.memory_bytes()
    }

    /// Returns the credit that it took.
    pub(super) fn credit(&self) -> u64 {
        self.credit
    }

    /// Gives each item with its bytes to `write`. Returns the credit of the piece.
    ///
    /// # Errors
    /// `bad-request` if there are fewer bytes than the items say; those of `write`.
    pub(super) fn write(self, mut write: impl FnMut(Item, &[u8]) -> StoreResult<()>) -> StoreResult<u64> {
        let mut payload: &[u8] = &self.payload;
        for item in self.items {
            let Some((bytes, rest)) = payload.split_at_checked(item.payload_bytes() as usize) else {
                return Err(Failure::new(ErrorCode::BadRequest).because("items without their bytes"));
            };
            payload = rest;
            write(item, bytes)?;
        }
        Ok(self.credit)
    }
}
