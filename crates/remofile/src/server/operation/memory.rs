//! What an operation holds in memory.

use super::{Flushing, Operation, Waiting};
use crate::transfer::{ALLOCATION_BYTES, items_bytes};
use remofile_protocol::wire::{Item, Mark, Part, Selected};

/// What a thread that flushes takes, in bytes.
const FLUSH_BYTES: u64 = 64 * 1024;

impl Operation {
    /// What it holds in memory beside its request, in bytes.
    pub(in crate::server) fn memory_bytes(&self) -> u64 {
        match self {
            Self::Waiting(waiting) => waiting.held_bytes as u64,
            Self::Listing(listing) => listing.memory_bytes(),
            Self::Receiving(intake) => intake.memory_bytes(),
            Self::Counting { census, sending } => census.memory_bytes() + sending.packer.memory_bytes(),
            Self::Sending(sending) => sending.packer.memory_bytes(),
            Self::Flushing(Flushing { .. }) => FLUSH_BYTES,
            Self::Removing(removal) => removal.memory_bytes(),
            Self::Reading(_) | Self::Editing(_) | Self::Holding | Self::Over => 0,
        }
    }

    /// Whether it will hold less without the client's help.
    pub(in crate::server) fn is_busy(&self) -> bool {
        matches!(self, Self::Receiving(intake) if intake.is_busy())
    }
}

impl Waiting {
    /// Keeps items until the operation begins.
    pub(super) fn keep(&mut self, items: Vec<Item>, payload: &[u8]) {
        self.held_bytes += items_bytes(&items) + payload.len() + ALLOCATION_BYTES;
        self.early.push((items, payload.to_vec()));
    }

    /// Keeps sources until the operation begins.
    pub(super) fn keep_selected(&mut self, files: Vec<Selected>) {
        self.held_bytes += files.iter().map(selected_bytes).sum::<usize>();
        self.selected.extend(files);
    }
}

fn selected_bytes(file: &Selected) -> usize {
    let marks = file.known.as_ref().map_or(0, |known| known.marks.capacity());
    // A list that grows has room for twice as many.
    2 * size_of::<Selected>()
        + file.path.as_str().len()
        + file.name.len()
        + 2 * ALLOCATION_BYTES
        + marks * size_of::<Mark>()
        + file.parts.capacity() * size_of::<Part>()
}
