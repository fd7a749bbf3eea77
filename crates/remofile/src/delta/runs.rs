//! The common parts of two files, as runs of bytes.

use std::ops::Range;

/// Bytes that both files have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) local: u64,
    pub(super) remote: u64,
    pub(super) length: u64,
}

/// The file of which the runs cover parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Local,
    Remote,
}

/// A part of a file that is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece {
    /// These bytes are those of the other file at `offset`.
    Copy {
        /// Offset in the other file.
        offset: u64,
        /// Number of bytes.
        length: u64,
    },
    /// These bytes must be sent.
    Literal {
        /// Offset in the file that is made.
        offset: u64,
        /// Number of bytes.
        length: u64,
    },
}

/// Runs in the order of one of the files, where they do not overlap.
#[derive(Debug)]
pub(super) struct Runs {
    side: Side,
    runs: Vec<Run>,
}

impl Runs {
    pub(super) fn new(side: Side) -> Self {
        Self { side, runs: Vec::new() }
    }

    /// Appends a run behind all others.
    pub(super) fn push(&mut self, run: Run) {
        // Neighbours in both files become one run, which makes fewer pieces in the recipe.
        if let Some(last) = self.runs.last_mut()
            && last.local + last.length == run.local
            && last.remote + last.length == run.remote
        {
            last.length += run.length;
        } else {
            self.runs.push(run);
        }
    }

    /// Adds runs that lie in the gaps between these.
    pub(super) fn add(&mut self, others: Self) {
        let mut all = std::mem::take(&mut self.runs);
        all.extend(others.runs);
        // Two sorted halves: this sort merges them.
        all.sort_by_key(|run| self.start(run));
        for run in all {
            self.push(run);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.runs.len()
    }

    pub(super) fn first(&self) -> Option<&Run> {
        self.runs.first()
    }

    /// Returns the ranges that no run covers, in a file of this size.
    pub(super) fn gaps(&self, bytes: u64) -> Vec<Range<u64>> {
        let mut gaps = Vec::new();
        let mut end = 0;
        for run in &self.runs {
            if end < self.start(run) {
                gaps.push(end..self.start(run));
            }
            end = self.start(run) + run.length;
        }
        if end < bytes {
            gaps.push(end..bytes);
        }
        gaps
    }

    /// Returns the end, in the other file, of the run that ends at this offset; 0 at the beginning of the file.
    pub(super) fn other_end_at(&self, offset: u64) -> Option<u64> {
        let index = self.runs.partition_point(|run| self.start(run) < offset);
        let Some(run) = index.checked_sub(1).map(|index| self.runs[index]) else { return (offset == 0).then_some(0) };
        (self.start(&run) + run.length == offset).then(|| self.other_start(&run) + run.length)
    }

    /// Returns the start, in the other file, of the run that starts at this offset.
    pub(super) fn other_start_at(&self, offset: u64) -> Option<u64> {
        let index = self.runs.binary_search_by_key(&offset, |run| self.start(run)).ok()?;
        Some(self.other_start(&self.runs[index]))
    }

    /// Makes a file of this size: copies of the runs, and literals between them.
    pub(super) fn recipe(&self, bytes: u64) -> Vec<Piece> {
        let mut pieces = Vec::with_capacity(self.runs.len() * 2 + 1);
        let mut end = 0;
        for run in &self.runs {
            let start = self.start(run);
            if end < start {
                pieces.push(Piece::Literal { offset: end, length: start - end });
            }
            pieces.push(Piece::Copy { offset: self.other_start(run), length: run.length });
            end = start + run.length;
        }
        if end < bytes {
            pieces.push(Piece::Literal { offset: end, length: bytes - end });
        }
        pieces
    }

    fn start(&self, run: &Run) -> u64 {
        if self.side == Side::Local { run.local } else { run.remote }
    }

    fn other_start(&self, run: &Run) -> u64 {
        if self.side == Side::Local { run.remote } else { run.local }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_that_continue_each_other_become_one() {
        let mut runs = Runs::new(Side::Local);
        runs.push(Run { local: 5, remote: 0, length: 5 });
        runs.push(Run { local: 20, remote: 30, length: 5 });
        let mut more = Runs::new(Side::Local);
        more.push(Run { local: 10, remote: 5, length: 2 });
        more.push(Run { local: 12, remote: 22, length: 8 });
        runs.add(more);
        assert_eq!(runs.gaps(30), [0..5, 25..30]);
        assert_eq!([0, 5, 12, 25].map(|at| runs.other_end_at(at)), [Some(0), None, Some(7), Some(35)]);
        assert_eq!([0, 5, 12, 25].map(|at| runs.other_start_at(at)), [None, Some(0), Some(22), None]);
        let copy = |offset, length| Piece::Copy { offset, length };
        let literal = |offset, length| Piece::Literal { offset, length };
        assert_eq!(runs.recipe(30), [literal(0, 5), copy(0, 7), copy(22, 13), literal(25, 5)]);
    }

    #[test]
    fn an_empty_file_is_made_of_nothing() {
        assert!(Runs::new(Side::Remote).recipe(0).is_empty());
        assert_eq!(Runs::new(Side::Remote).recipe(1), [Piece::Literal { offset: 0, length: 1 }]);
    }
}
