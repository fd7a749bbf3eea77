//! The look ahead: what is found of the first level while signatures of it still come, so that one side searches while
//! the other signs.
//!
//! It only follows: a block is looked for behind the one before it, some blocks on, and, where both fail, in the bytes
//! that come next. So it finds files that changed in place and such whose parts moved a little, which most versions are, and ends
//! where it finds nothing. What it has not found is left to the scan that has all signatures.

use super::blocks::Blocks;
use super::runs::{Run, Runs, Side};
use super::scan::{Budget, MOST_LEAP, Scan, ScanFindings, SoughtBlocks};
use super::table::Table;
use super::view::View;
use crate::error::Result;
use crate::store::Source;
use remofile_protocol::block::{Signature, strong};
use std::ops::Range;

/// Blocks that are looked for in the bytes that come next, and blocks of such bytes, where what follows was not found. The
/// more there are, the longer insertions it goes on behind.
const REALIGN_BLOCKS: u64 = 8;

/// The first blocks of a level, as far as their signatures have come.
#[derive(Clone, Copy)]
pub(super) struct Signed<'a> {
    pub(super) blocks: &'a Blocks,
    pub(super) signatures: &'a [Signature],
    pub(super) seed: u64,
}

/// The look ahead: what was found so far, and where it goes on.
#[derive(Debug)]
pub(super) struct Ahead {
    found: ScanFindings,
    /// Parts of the local file that were leapt over, in order.
    leapt: Vec<Range<u64>>,
    local_at: u64,
    /// The block that is expected there.
    block: u32,
    /// Bytes that may be gone over to find the next block: a fourth of the file, or the scan would be the faster one.
    budget: Budget,
    is_over: bool,
}

impl Ahead {
    pub(super) fn new(blocks: &Blocks, local_bytes: u64) -> Self {
        let found = ScanFindings::nothing(blocks);
        let budget = Budget::of(local_bytes / 4);
        Self { found, leapt: Vec::new(), local_at: 0, block: 0, budget, is_over: false }
    }

    /// Returns what was found, and the parts of the local file that were leapt over.
    pub(super) fn finish(self) -> (ScanFindings, Vec<Range<u64>>) {
        (self.found, self.leapt)
    }

    /// Goes on as far as signatures have come.
    ///
    /// # Errors
    /// Those of the check and of reading the local file.
    pub(super) fn look(
        &mut self,
        signed: Signed<'_>,
        local: &dyn Source,
        check: &mut dyn FnMut() -> Result<()>,
    ) -> Result<()> {
        if self.is_over {
            return Ok(());
        }
        let end = local.entry().size;
        let mut view = View::new(local, Scan::needed_bytes(signed.blocks.block_bytes()), check);
        // Enough for every leap, so that the same is found however few signatures come at once.
        while u64::from(self.block) + MOST_LEAP.max(REALIGN_BLOCKS) < signed.signatures.len() as u64 {
            if !self.follow(signed, &mut view, end)? && !self.realign(signed, &mut view, end)? {
                self.is_over = true;
                break;
            }
        }
        Ok(())
    }

    /// Takes the block that is expected, or one some blocks on. Returns false if none of them is there.
    fn follow(&mut self, signed: Signed<'_>, view: &mut View<'_>, end: u64) -> Result<bool> {
        let Signed { blocks, signatures, seed } = signed;
        let block_bytes = u64::from(blocks.block_bytes());
        for leap in 0..=MOST_LEAP {
            let (at, block) = (self.local_at + leap * block_bytes, self.block + leap as u32);
            if at + block_bytes > end {
                break;
            }
            view.need(self.local_at..at + block_bytes, end)?;
            self.found.hashed += block_bytes;
            if strong(view.bytes(at..at + block_bytes), seed) == signatures[block as usize].strong {
                if leap > 0 {
                    self.leapt.push(self.local_at..at);
                }
                self.take(blocks, block, at);
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Looks for one of the next blocks at every offset of the next bytes. Returns false if none of them is there.
    fn realign(&mut self, signed: Signed<'_>, view: &mut View<'_>, end: u64) -> Result<bool> {
        let Signed { blocks, signatures, seed } = signed;
        let reach = REALIGN_BLOCKS * u64::from(blocks.block_bytes());
        let upto = end.min(self.local_at + reach);
        if self.budget.spend(upto - self.local_at) {
            return Ok(false);
        }
        let first = blocks.place(self.block).start;
        let next = std::iter::once(first..first + reach).collect();
        let Some(next) = Blocks::cut(blocks.block_bytes(), next) else { return Ok(false) };
        let known = &signatures[self.block as usize..][..next.count()];
        let table = Table::of(&next, known);
        let wanted = SoughtBlocks { blocks: &next, signatures: known, table: &table, seed };
        let mut scan = Scan::new(wanted, view, ScanFindings::nothing(&next), upto - self.local_at);
        scan.search(self.local_at, upto)?;
        let found = scan.finish();
        self.found.hashed += found.hashed;
        let Some(run) = found.local.first() else { return Ok(false) };
        let Some(block) = blocks.starting_at(run.remote) else { return Ok(false) };
        self.take(blocks, block, run.local);
        Ok(true)
    }

    fn take(&mut self, blocks: &Blocks, block: u32, at: u64) {
        let place = blocks.place(block);
        let length = place.end - place.start;
        self.found.local.push(Run { local: at, remote: place.start, length });
        self.found.places[block as usize].get_or_insert(at);
        (self.local_at, self.block) = (at + length, block + 1);
    }
}

impl ScanFindings {
    /// Nothing of these blocks.
    pub(super) fn nothing(blocks: &Blocks) -> Self {
        Self { local: Runs::new(Side::Local), places: vec![None; blocks.count()], hashed: 0 }
    }
}
