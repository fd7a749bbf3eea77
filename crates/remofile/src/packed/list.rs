//! Lists of packed things.

use super::pack::Pack;
use super::writing::{Reader, Writer};
use std::collections::VecDeque;

/// Things in one block.
pub(super) const BLOCK_THINGS: usize = 64;

/// A list of things, most of them packed.
pub(crate) struct Packed<T> {
    pub(super) blocks: VecDeque<Block>,
    /// The last things, fewer than a block.
    pub(super) last: Vec<T>,
    /// Memory of the blocks, in bytes.
    bytes: usize,
}

pub(super) struct Block {
    pub(super) bytes: Box<[u8]>,
    /// Number of things up to its end.
    end: usize,
}

impl Block {
    fn memory_bytes(&self) -> usize {
        // A list that grows has room for twice as many.
        self.bytes.len() + 2 * size_of::<Self>()
    }
}

impl<T> Default for Packed<T> {
    fn default() -> Self {
        Self { blocks: VecDeque::new(), last: Vec::new(), bytes: 0 }
    }
}

impl<T> Packed<T> {
    pub(crate) fn len(&self) -> usize {
        self.packed_len() + self.last.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn packed_len(&self) -> usize {
        self.blocks.back().map_or(0, |block| block.end)
    }

    /// Returns the memory that the list takes, in bytes, but for what its last things hold elsewhere.
    pub(crate) fn memory_bytes(&self) -> u64 {
        (self.bytes + self.last.capacity() * size_of::<T>()) as u64
    }

    /// Returns the index of the first thing of a block.
    pub(super) fn begin(&self, block: usize) -> usize {
        block.checked_sub(1).map_or(0, |before| self.blocks[before].end)
    }

    /// Returns the block that has a thing, if it is in one.
    pub(super) fn block_of(&self, index: usize) -> Option<usize> {
        let block = self.blocks.partition_point(|block| block.end <= index);
        (block < self.blocks.len()).then_some(block)
    }
}

impl<T: Pack> Packed<T> {
    pub(crate) fn push(&mut self, thing: T) {
        self.last.push(thing);
        if self.last.len() == BLOCK_THINGS {
            self.close_block();
        }
    }

    /// Takes the last thing. What it took of the memory is free with its block.
    pub(crate) fn pop(&mut self) -> Option<T> {
        if self.last.is_empty() {
            let block = self.blocks.pop_back()?;
            self.bytes -= block.memory_bytes();
            self.last = unpack(&block.bytes);
        }
        self.last.pop()
    }

    fn close_block(&mut self) {
        if self.last.is_empty() {
            return;
        }
        let end = self.len();
        let block = Block { bytes: pack(&self.last), end };
        self.bytes += block.memory_bytes();
        self.blocks.push_back(block);
        self.last.clear();
    }

    /// Returns the things of a block, in their order.
    pub(super) fn block(&self, block: usize) -> Vec<T> {
        self.blocks.get(block).map(|block| unpack(&block.bytes)).unwrap_or_default()
    }

    /// Appends a list as it is.
    pub(crate) fn append(&mut self, mut other: Self) {
        if other.is_empty() {
            return;
        }
        self.close_block();
        let before = self.len();
        let moved = other.blocks.drain(..).map(|block| Block { end: before + block.end, ..block });
        self.blocks.extend(moved);
        self.bytes += other.bytes;
        self.last = other.last;
    }

    /// Changes one thing.
    pub(crate) fn change(&mut self, index: usize, change: impl FnOnce(&mut T)) {
        let Some(block) = self.block_of(index) else {
            let at = index.wrapping_sub(self.packed_len());
            return self.last.get_mut(at).map_or((), change);
        };
        let (mut things, first) = (self.block(block), self.begin(block));
        if let Some(thing) = things.get_mut(index - first) {
            change(thing);
        }
        self.bytes -= self.blocks[block].memory_bytes();
        self.blocks[block].bytes = pack(&things);
        self.bytes += self.blocks[block].memory_bytes();
    }

    /// Returns the number of things at the beginning of which something is true, in a list in such an order.
    pub(crate) fn partition_point(&self, mut is_before: impl FnMut(&T) -> bool) -> usize {
        let (mut low, mut high) = (0, self.blocks.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            match first(&self.blocks[middle].bytes) {
                Some(thing) if is_before(&thing) => low = middle + 1,
                _ => high = middle,
            }
        }
        // It is in the block before, or at its end.
        let Some(block) = low.checked_sub(1) else {
            return if self.blocks.is_empty() { self.last.partition_point(is_before) } else { 0 };
        };
        let things: Vec<T> = self.block(block);
        let at = things.partition_point(&mut is_before);
        let is_last = at == things.len() && block + 1 == self.blocks.len();
        self.begin(block) + at + if is_last { self.last.partition_point(is_before) } else { 0 }
    }
}

fn pack<T: Pack>(things: &[T]) -> Box<[u8]> {
    let mut bytes = Vec::new();
    for (at, thing) in things.iter().enumerate() {
        thing.pack(at.checked_sub(1).map(|before| &things[before]), &mut Writer::new(&mut bytes));
    }
    bytes.into()
}

pub(super) fn unpack<T: Pack>(bytes: &[u8]) -> Vec<T> {
    let (mut things, mut reader) = (Vec::with_capacity(BLOCK_THINGS), Reader::new(bytes));
    while !reader.is_at_end() {
        let thing = T::unpack(things.last(), &mut reader);
        debug_assert!(thing.is_some(), "what was packed here");
        let Some(thing) = thing else { break };
        things.push(thing);
    }
    things
}

fn first<T: Pack>(bytes: &[u8]) -> Option<T> {
    T::unpack(None, &mut Reader::new(bytes))
}
