//! The search, on the client's side: the common parts of the remote file and the local one.

use super::ahead::{Ahead, Signed};
use super::blocks::{Blocks, count_in};
use super::plan;
use super::runs::{Piece, Run, Runs, Side};
use super::scan::{self, Scan, ScanFindings};
use super::table::Table;
use super::view::View;
use crate::error::{Error, Result};
use crate::store::Source;
use remofile_protocol::block::{SIGNATURE_BYTES, Signature};
use std::ops::Range;

/// Ranges that are asked for at once: they travel in a header of 64 KiB.
const MOST_RANGES: usize = 2000;

/// A search of the local file for blocks of the remote one.
///
/// As long as something is [`Search::wanted`], the caller has it signed and lets the search
/// [`Search::look`]; then it takes one of the two recipes.
#[derive(Debug)]
pub struct Search {
    local_bytes: u64,
    remote_bytes: u64,
    seed: u64,
    /// Runs that were found, with each byte of the local file once; `remote` has them with each byte of the remote
    /// file once.
    local: Runs,
    remote: Runs,
    level: Option<Level>,
    hashed: u64,
    /// Bytes that the line carries in the time of a question.
    round_trip_bytes: u64,
}

/// The blocks that the server is asked to sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlocksToSign {
    /// The size of a block.
    pub block_bytes: u32,
    /// Ranges of the remote file, each to be cut in blocks from its start; 2000 at most, sorted, not empty.
    pub ranges: Vec<Range<u64>>,
}

impl BlocksToSign {
    /// Returns the number of bytes of the signatures that answer this.
    #[must_use]
    pub fn signature_bytes(&self) -> u64 {
        self.ranges.iter().map(|range| count_in(range, self.block_bytes)).sum::<u64>() * SIGNATURE_BYTES as u64
    }
}

#[derive(Debug)]
struct Level {
    blocks: Blocks,
    /// Signatures of the ranges that were asked for so far.
    signatures: Vec<Signature>,
    ranges_signed: usize,
    /// Of the first level, which is of one range.
    ahead: Option<Ahead>,
}

impl Search {
    /// Begins a search in a local file of this size for blocks of a remote one. The seed should be random: then nobody
    /// can prepare files that are mistaken for each other.
    #[must_use]
    pub fn new(local_bytes: u64, remote_bytes: u64, seed: u64) -> Self {
        let level = plan::first(local_bytes, remote_bytes).map(|blocks| Level::first(blocks, local_bytes));
        let (local, remote) = (Runs::new(Side::Local), Runs::new(Side::Remote));
        let round_trip_bytes = plan::ROUND_TRIP_BYTES;
        Self { local_bytes, remote_bytes, seed, local, remote, level, hashed: 0, round_trip_bytes }
    }

    /// Has it ask no question that takes longer than sending what it could save, over a line that carries so many bytes in
    /// a round trip.
    #[must_use]
    pub fn over_line(mut self, round_trip_bytes: u64) -> Self {
        self.round_trip_bytes = round_trip_bytes.max(plan::ROUND_TRIP_BYTES);
        self
    }

    /// Returns the blocks whose signatures are needed next; `None` when the search is over.
    #[must_use]
    pub fn wanted(&self) -> Option<BlocksToSign> {
        self.level.as_ref().map(Level::wanted)
    }

    /// Returns the number of pieces that a recipe has at most, as far as the search is.
    #[must_use]
    pub fn most_pieces(&self) -> usize {
        2 * self.local.len().max(self.remote.len()) + 1
    }

    /// Returns the seed of the signatures.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Searches the local file with those signatures of what is wanted that have come so far: all from the first one on,
    /// packed. Nothing depends on it but when the work is done: [`Search::look`] is given all of them again.
    ///
    /// # Errors
    /// As [`Search::look`].
    pub fn look_ahead(
        &mut self,
        local: &dyn Source,
        signatures: &[u8],
        check: &mut dyn FnMut() -> Result<()>,
    ) -> Result<()> {
        let Some(level) = &mut self.level else { return Ok(()) };
        let Some(ahead) = &mut level.ahead else { return Ok(()) };
        let packed = signatures.as_chunks::<SIGNATURE_BYTES>().0;
        let fresh = packed.get(level.signatures.len()..level.blocks.count().min(packed.len())).unwrap_or_default();
        level.signatures.extend(fresh.iter().map(|packed| Signature::from_bytes(*packed)));
        ahead.look(Signed { blocks: &level.blocks, signatures: &level.signatures, seed: self.seed }, local, check)
    }

    /// Takes the signatures of what was wanted, packed and in order, and searches the local file. `check` is
    /// called every few MiB, and its error ends the search.
    ///
    /// # Errors
    /// [`Error::Protocol`] for more or fewer signatures than were wanted, [`Error::Local`] where the local
    /// file cannot be read or is shorter than it was, and those of `check`. Nothing more can be done with
    /// the search then.
    pub fn look(&mut self, local: &dyn Source, signatures: &[u8], check: &mut dyn FnMut() -> Result<()>) -> Result<()> {
        let Some(mut level) = self.level.take() else { return Err(unexpected(signatures, 0)) };
        // The ranges of a level may need several questions.
        if !level.take(signatures)? {
            self.level = Some(level);
            return Ok(());
        }
        let table = Table::of(&level.blocks, &level.signatures);
        let nothing = || (ScanFindings::nothing(&level.blocks), Vec::new());
        let (mut found, leapt) = level.ahead.take().map_or_else(nothing, Ahead::finish);
        // The runs that were found ahead are as those of a level before.
        self.local.add(std::mem::replace(&mut found.local, Runs::new(Side::Local)));
        let found = self.scan(&level, &table, Known { found, leapt }, local, check)?;
        self.keep(&level.blocks, &table, found);
        let (local_gaps, remote_gaps) = (self.local.gaps(self.local_bytes), self.remote.gaps(self.remote_bytes));
        let coarse_bytes = level.blocks.block_bytes();
        self.level = plan::finer(coarse_bytes, self.remote_bytes, self.round_trip_bytes, &local_gaps, &remote_gaps)
            .map(Level::new);
        Ok(())
    }

    /// Makes the local file out of the remote one: pieces in the order of the local file.
    #[must_use]
    pub fn local_recipe(self) -> Vec<Piece> {
        self.local.recipe(self.local_bytes)
    }

    /// Makes the remote file out of the local one: pieces in the order of the remote file.
    #[must_use]
    pub fn remote_recipe(self) -> Vec<Piece> {
        self.remote.recipe(self.remote_bytes)
    }

    /// Returns both recipes: that of the local file, then that of the remote one. Tests look at both of one search.
    #[cfg(test)]
    pub(super) fn recipes(self) -> (Vec<Piece>, Vec<Piece>) {
        (self.local.recipe(self.local_bytes), self.remote.recipe(self.remote_bytes))
    }

    /// Returns the number of bytes of which the strong hash was computed.
    #[cfg(test)]
    pub(super) fn hashed(&self) -> u64 {
        self.hashed
    }

    fn scan(
        &self,
        level: &Level,
        table: &Table,
        known: Known,
        local: &dyn Source,
        check: &mut dyn FnMut() -> Result<()>,
    ) -> Result<ScanFindings> {
        let wanted =
            scan::SoughtBlocks { blocks: &level.blocks, signatures: &level.signatures, table, seed: self.seed };
        let gaps = self.local.gaps(self.local_bytes);
        let mut view = View::new(local, Scan::needed_bytes(level.blocks.block_bytes()), check);
        let bytes = gaps.iter().map(|gap| gap.end - gap.start).sum();
        let mut scan = Scan::new(wanted, &mut view, known.found, bytes);
        let mut leapt = known.leapt.into_iter().peekable();
        for gap in gaps {
            // Each of these is a whole gap, since it lies between two runs.
            if let Some(part) = leapt.next_if_eq(&gap) {
                scan.leapt(part)?;
                continue;
            }
            // The neighbours of the gap say which blocks are the most probable at its ends.
            let is_last = gap.end == self.local_bytes;
            let behind = if is_last { Some(self.remote_bytes) } else { self.local.other_start_at(gap.end) };
            let before = self.local.other_end_at(gap.start);
            scan.part(gap, before, behind)?;
        }
        Ok(scan.finish())
    }

    /// Keeps what a level has found, for both directions.
    fn keep(&mut self, blocks: &Blocks, table: &Table, found: ScanFindings) {
        let ScanFindings { local, mut places, hashed } = found;
        // In the direction of the remote file, each of several equal blocks needs a place to be copied from.
        share(table, &mut places);
        let mut remote = Runs::new(Side::Remote);
        for (place, block) in places.iter().zip(0u32..) {
            if let Some(local) = *place {
                let Range { start, end } = blocks.place(block);
                remote.push(Run { local, remote: start, length: end - start });
            }
        }
        self.local.add(local);
        self.remote.add(remote);
        self.hashed += hashed;
    }
}

/// The knowledge of a level before it is scanned.
struct Known {
    found: ScanFindings,
    /// Gaps that need no more than a look at the places of their blocks.
    leapt: Vec<Range<u64>>,
}

impl Level {
    fn new(blocks: Blocks) -> Self {
        Self { blocks, signatures: Vec::new(), ranges_signed: 0, ahead: None }
    }

    fn first(blocks: Blocks, local_bytes: u64) -> Self {
        let ahead = Some(Ahead::new(&blocks, local_bytes));
        Self { ahead, ..Self::new(blocks) }
    }

    fn wanted(&self) -> BlocksToSign {
        let ranges = self.blocks.ranges().iter().skip(self.ranges_signed).take(MOST_RANGES).cloned().collect();
        BlocksToSign { block_bytes: self.blocks.block_bytes(), ranges }
    }

    /// Takes the signatures that were wanted. Returns true if these are all of the level.
    fn take(&mut self, signatures: &[u8]) -> Result<bool> {
        let wanted = self.wanted();
        if signatures.len() as u64 != wanted.signature_bytes() {
            return Err(unexpected(signatures, wanted.signature_bytes()));
        }
        let (packed, _) = signatures.as_chunks::<SIGNATURE_BYTES>();
        if self.ahead.is_some() {
            // Those that have come ahead are among them.
            self.signatures.clear();
        }
        self.signatures.extend(packed.iter().map(|packed| Signature::from_bytes(*packed)));
        self.ranges_signed += wanted.ranges.len();
        Ok(self.ranges_signed == self.blocks.ranges().len())
    }
}

/// Gives places to blocks that equal one that was found. They take turns with those, so that many equal blocks in a
/// row are copied from as many in a row.
fn share(table: &Table, places: &mut [Option<u64>]) {
    for group in table.groups() {
        let found: Vec<_> = group.iter().filter_map(|(_, block)| places[*block as usize]).collect();
        if found.is_empty() || found.len() == group.len() {
            continue;
        }
        let missing = group.iter().map(|(_, block)| *block as usize).filter(|block| places[*block].is_none());
        for (block, place) in missing.collect::<Vec<_>>().into_iter().zip(found.into_iter().cycle()) {
            places[block] = Some(place);
        }
    }
}

fn unexpected(signatures: &[u8], expected: u64) -> Error {
    Error::Protocol(format!("{} bytes of signatures came instead of {expected}", signatures.len()))
}
