//! The scan, which goes over the local file and looks for blocks at every offset.

use super::blocks::Blocks;
use super::runs::{Run, Runs};
use super::table::{Filter, Table};
use super::view::View;
use crate::error::{Error, Result};
use crate::store::Extent;
use remofile_protocol::block::{Signature, Window, strong};
use std::ops::Range;

/// Blocks that may be different (a change in place) where a run breaks off, before its continuation is looked for
/// at every offset. That takes ten times as long as a look at a block.
pub(super) const MOST_LEAP: u64 = 4;
/// Smallest block with which the scan leaps. Smaller ones are few, and bytes that are leapt over now are not
/// searched with smaller ones later.
const LEAST_LEAP_BYTES: u64 = 4096;

/// Cost of a window that passes the filter by chance, in bytes gone over.
const CHANCE_BYTES: u64 = 64;

/// Runs after which a level ends, whatever else there is (96 MiB).
const MOST_RUNS: usize = 1 << 22;

/// The blocks that a scan looks for.
pub(super) struct SoughtBlocks<'a> {
    pub(super) blocks: &'a Blocks,
    /// Signatures of all blocks, in order.
    pub(super) signatures: &'a [Signature],
    pub(super) table: &'a Table,
    pub(super) seed: u64,
}

/// The findings of a scan.
#[derive(Debug)]
pub(super) struct ScanFindings {
    /// The parts of the local file that are blocks.
    pub(super) local: Runs,
    /// Offset of each block in the local file, if it is there.
    pub(super) places: Vec<Option<u64>>,
    /// Bytes of which the strong hash was computed.
    pub(super) hashed: u64,
}

/// A scan over parts of the local file.
pub(super) struct Scan<'a, 'v> {
    wanted: SoughtBlocks<'a>,
    view: &'a mut View<'v>,
    /// True if no block consists of zeros, so that holes hold none.
    skips_holes: bool,
    budget: Budget,
    found: ScanFindings,
}

impl<'a, 'v> Scan<'a, 'v> {
    /// Prepares to go over parts of the file with `bytes` bytes in all. `found` is added to.
    pub(super) fn new(wanted: SoughtBlocks<'a>, view: &'a mut View<'v>, found: ScanFindings, bytes: u64) -> Self {
        let skips_holes = !wanted.table.has_weak(Window::of(&[]).weak());
        Self { wanted, view, skips_holes, budget: Budget::of(bytes / 4), found }
    }

    /// Returns the bytes that a view must be able to hold for a scan.
    pub(super) fn needed_bytes(block_bytes: u32) -> usize {
        block_bytes as usize * (MOST_LEAP as usize + 1)
    }

    /// Goes over a part. `before` and `behind` are where the remote file would go on if the part were new
    /// bytes in it, and where it would come to its end.
    pub(super) fn part(&mut self, part: Range<u64>, before: Option<u64>, behind: Option<u64>) -> Result<()> {
        let mut at = part.start;
        let mut expected = before.and_then(|offset| self.wanted.blocks.starting_at(offset));
        while self.found.local.len() < MOST_RUNS {
            // The block that follows in the other file is by far the most probable one, and cheap to try.
            while let Some(block) = expected {
                (at, expected) = self.follow(at, block, part.end)?;
            }
            (at, expected) = self.search(at, part.end)?;
            if expected.is_none() && part.end - at < self.block_bytes() {
                break;
            }
        }
        self.end(at..part.end, behind)
    }

    pub(super) fn finish(self) -> ScanFindings {
        self.found
    }

    fn block_bytes(&self) -> u64 {
        self.wanted.blocks.block_bytes().into()
    }

    /// Looks for this block at this place, or, some blocks on, for one behind it. Returns the place to go on, and the
    /// block to expect there.
    fn follow(&mut self, at: u64, block: u32, end: u64) -> Result<(u64, Option<u32>)> {
        let remote = self.wanted.blocks.place(block).start;
        let leaps = if self.block_bytes() < LEAST_LEAP_BYTES { 0 } else { MOST_LEAP };
        for leap in 0..=leaps {
            let ahead = leap * self.block_bytes();
            let Some(block) = self.wanted.blocks.starting_at(remote + ahead) else { break };
            if self.is_at(at, ahead, block, end)? {
                self.leap_over(at..at + ahead);
                return Ok(self.take(at + ahead, block));
            }
        }
        Ok((at, None))
    }

    /// As [`Scan::part`], of a part that the look ahead has leapt over: its blocks were changed in place.
    pub(super) fn leapt(&mut self, part: Range<u64>) -> Result<()> {
        // Nothing is read ahead: what comes behind it is known.
        self.view.need(part.clone(), part.end)?;
        self.leap_over(part);
        Ok(())
    }

    /// Looks for any block in the places of those that are leapt over, as whole blocks are often copied.
    fn leap_over(&mut self, over: Range<u64>) {
        for at in over.step_by(self.wanted.blocks.block_bytes() as usize) {
            let window = Window::of(self.view.bytes(at..at + self.block_bytes()));
            match self.confirm(at, window) {
                Ok(block) => {
                    self.take(at, block);
                }
                Err(cost) => {
                    self.budget.spend(cost);
                }
            }
        }
    }

    /// Looks for any block from here on. Returns the place to go on, and the block to expect there: none if there is
    /// less than a block left.
    pub(super) fn search(&mut self, mut at: u64, end: u64) -> Result<(u64, Option<u32>)> {
        let block_bytes = self.block_bytes();
        let mut rolled = None;
        while end - at >= block_bytes {
            let has_read = self.view.need(at..at + block_bytes, end)?;
            if has_read && self.skips_holes {
                // Asked only after a read, since each question is a system call.
                let hole = self.hole(at)?.min(end - at);
                if hole > block_bytes {
                    // The first block that may be something begins within the hole and ends a byte behind it.
                    (at, rolled) = (at + hole - block_bytes + 1, None);
                    continue;
                }
            }
            let ahead = self.view.ahead(at, end);
            let mut window = rolled.take().unwrap_or_else(|| Window::of(&ahead[..block_bytes as usize]));
            let nexts = &ahead[block_bytes as usize..];
            let (steps, passes) = roll(&mut window, ahead, nexts, self.wanted.table.filter());
            at += steps as u64;
            self.budget.allowed += steps as u64;
            let is_exhausted = match passes.then(|| self.confirm(at, window)) {
                Some(Ok(block)) => return Ok(self.take(at, block)),
                Some(Err(cost)) => self.budget.spend(cost),
                None => false,
            };
            if is_exhausted {
                let next = end.min((at + 1).next_multiple_of(block_bytes));
                self.budget.allowed += next - at;
                at = next;
            } else {
                rolled = self.step(&mut window, at, end)?.then_some(window);
                at += 1;
            }
        }
        Ok((at, None))
    }

    /// Moves the window a byte on, unless it is at the end.
    fn step(&mut self, window: &mut Window, at: u64, end: u64) -> Result<bool> {
        let next = at + self.block_bytes();
        if next == end {
            return Ok(false);
        }
        self.view.need(at..next + 1, end)?;
        window.roll(self.view.bytes(at..at + 1)[0], self.view.bytes(next..next + 1)[0]);
        Ok(true)
    }

    /// Returns the block at this place, if there is one; otherwise the cost of finding that out.
    fn confirm(&mut self, at: u64, window: Window) -> std::result::Result<u32, u64> {
        let weak = window.weak();
        // The filter lets some windows pass by chance: the strong hash is computed only if the weak one is there.
        if !self.wanted.table.has_weak(weak) {
            return Err(CHANCE_BYTES);
        }
        let bytes = self.view.bytes(at..at + self.block_bytes());
        self.found.hashed += self.block_bytes();
        let equal = self.wanted.table.equal(Signature { weak, strong: strong(bytes, self.wanted.seed) });
        nearest(self.wanted.blocks, equal, at).ok_or(self.block_bytes())
    }

    /// Looks at the end of a part for the short block that the remote file has there.
    fn end(&mut self, rest: Range<u64>, behind: Option<u64>) -> Result<()> {
        let Some(block) = behind.and_then(|offset| self.wanted.blocks.short_ending_at(offset)) else { return Ok(()) };
        let place = self.wanted.blocks.place(block);
        let length = place.end - place.start;
        if length <= rest.end - rest.start && self.is_at(rest.end - length, 0, block, rest.end)? {
            self.take(rest.end - length, block);
        }
        Ok(())
    }

    /// Reports whether this block is `ahead` bytes behind a place, which stays in memory.
    fn is_at(&mut self, from: u64, ahead: u64, block: u32, end: u64) -> Result<bool> {
        let place = self.wanted.blocks.place(block);
        let (at, length) = (from + ahead, place.end - place.start);
        if at + length > end {
            return Ok(false);
        }
        self.view.need(from..at + length, end)?;
        self.found.hashed += length;
        let bytes = self.view.bytes(at..at + length);
        Ok(strong(bytes, self.wanted.seed) == self.wanted.signatures[block as usize].strong)
    }

    fn take(&mut self, at: u64, block: u32) -> (u64, Option<u32>) {
        let place = self.wanted.blocks.place(block);
        let length = place.end - place.start;
        self.found.local.push(Run { local: at, remote: place.start, length });
        self.found.places[block as usize].get_or_insert(at);
        (at + length, self.wanted.blocks.starting_at(place.end))
    }

    fn hole(&self, at: u64) -> Result<u64> {
        match self.view.source().extent_at(at).map_err(Error::Local)? {
            Extent::Hole(length) => Ok(length),
            Extent::Data(_) => Ok(0),
        }
    }
}

/// Rolls a window over the bytes that leave and come next, until it passes the filter or has come to the end of the
/// latter. Returns the number of steps, and whether it passes. Out of line, to have all registers for itself.
#[inline(never)]
fn roll(window: &mut Window, firsts: &[u8], nexts: &[u8], filter: &Filter) -> (usize, bool) {
    // Eight bytes at once: to count them one by one would take a tenth of the time.
    let (eights, rest) = nexts.as_chunks::<8>();
    let mut current = *window;
    for (at, (first, next)) in firsts.as_chunks::<8>().0.iter().zip(eights).enumerate() {
        for step in 0..8 {
            if filter.may_hold(current.weighted(), current.sum()) {
                *window = current;
                return (at * 8 + step, true);
            }
            current.roll(first[step], next[step]);
        }
    }
    *window = current;
    let done = nexts.len() - rest.len();
    for (at, (first, next)) in firsts[done..].iter().zip(rest).enumerate() {
        if filter.may_hold(window.weighted(), window.sum()) {
            return (done + at, true);
        }
        window.roll(*first, *next);
    }
    (nexts.len(), filter.may_hold(window.weighted(), window.sum()))
}

/// Returns the one of several equal blocks whose place is nearest: files that are versions of each other are mostly
/// alike in the same places.
fn nearest(blocks: &Blocks, equal: &[(Signature, u32)], at: u64) -> Option<u32> {
    let behind = equal.partition_point(|(_, block)| blocks.place(*block).start < at);
    let candidates = &equal[behind.saturating_sub(1)..equal.len().min(behind + 1)];
    candidates.iter().map(|(_, block)| *block).min_by_key(|block| blocks.place(*block).start.abs_diff(at))
}

/// The bound of what is hashed for nothing: every byte that is gone over allows for one. When that is spent, only
/// the places are looked at that are multiples of the block's size. So the worst signatures that the other side can
/// make cost no more than random ones.
#[derive(Debug)]
pub(super) struct Budget {
    allowed: u64,
    spent: u64,
}

impl Budget {
    pub(super) fn of(allowed: u64) -> Self {
        Self { allowed, spent: 0 }
    }

    /// Spends some bytes. Returns true if none are left.
    pub(super) fn spend(&mut self, bytes: u64) -> bool {
        self.spent += bytes;
        self.spent > self.allowed
    }
}
