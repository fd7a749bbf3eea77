//! Partials that are checked before they are resumed.

use super::memory::ALLOCATION_BYTES;
use crate::store::{Checkpoint, Partial, ReadBuffer, ResumeAt, Source, Store, StoreResult};
use remofile_protocol::digest::Digester;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Known, Mark, PartialEntry};
use std::collections::HashMap;

/// Bytes read at once, and how often in a step.
const READ_BYTES: usize = 1024 * 1024;
const READS: usize = 8;

/// Least distance between two marks, in bytes; a partial has some tens of marks.
pub(super) const LEAST_SPACING: u64 = 8 * 1024 * 1024;
pub(super) const MOST_MARKS: u64 = 32;

/// Partials that get marks on the way and not only one at their end.
const WITH_MARKS: usize = 64;

/// Partials that were looked at.
#[derive(Clone, Default)]
pub struct Checked {
    partials: HashMap<RemotePath, CheckedPartial>,
    /// Memory that the partials take, in bytes.
    bytes: usize,
}

#[derive(Clone)]
struct CheckedPartial {
    version: u128,
    marks: Vec<(u64, Digester)>,
}

impl Checked {
    /// Returns the position to resume a partial at this offset, and the digest of the bytes before it; `None` if there
    /// is no such mark.
    #[must_use]
    pub fn resume(&self, path: &RemotePath, offset: u64) -> Option<(ResumeAt, Digester)> {
        let partial = self.partials.get(path)?;
        let (_, digester) = partial.marks.iter().find(|(at, _)| *at == offset)?;
        Some((ResumeAt { offset, version: partial.version }, digester.clone()))
    }

    /// Adds others, which replace those of the same files.
    pub fn add_all(&mut self, others: Self) {
        for (path, partial) in others.partials {
            self.insert(path, partial);
        }
    }

    /// Returns the number of partials.
    #[must_use]
    pub fn len(&self) -> usize {
        self.partials.len()
    }

    /// Reports whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.partials.is_empty()
    }

    /// Returns the memory that the partials take, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        self.bytes as u64
    }

    /// Checks a partial from beginning to end, which takes as long as reading it.
    ///
    /// # Errors
    /// `disk-failure`, ...; `not-found` if it has gone meanwhile.
    pub fn add(&mut self, store: &dyn Store, partial: &Partial) -> StoreResult<Known> {
        let mut checking = self.begin(store, partial)?;
        while !checking.step()? {}
        Ok(known(self.finish(checking)))
    }

    /// Begins to check a partial.
    ///
    /// # Errors
    /// `not-found` if it has gone meanwhile, ...
    pub fn begin(&self, store: &dyn Store, partial: &Partial) -> StoreResult<Checking> {
        let spacing = if self.len() < WITH_MARKS { LEAST_SPACING.max(partial.received / MOST_MARKS) } else { u64::MAX };
        // What cannot be read back its store vouches for; everything else is looked at.
        let source = match partial.checkpoints.is_empty() {
            true => Some(store.read_partial(&partial.path)?),
            false => None,
        };
        let of = |checkpoint: &Checkpoint| (checkpoint.offset, checkpoint.digester.clone());
        Ok(Checking {
            source,
            partial: partial.clone(),
            spacing,
            digester: Digester::new(),
            position: 0,
            marks: partial.checkpoints.iter().map(of).collect(),
            buffer: ReadBuffer::new(READ_BYTES),
        })
    }

    /// Adds the marks of a partial that was checked, and returns its entry.
    pub fn finish(&mut self, checking: Checking) -> PartialEntry {
        let Checking { partial, marks, .. } = checking;
        let entry = PartialEntry {
            path: partial.path.clone(),
            size: partial.size,
            modified: partial.modified,
            received: partial.received,
            touched: partial.touched,
            marks: marks.iter().map(|(offset, digester)| Mark { offset: *offset, digest: digester.finish() }).collect(),
        };
        self.insert(partial.path, CheckedPartial { version: partial.version, marks });
        entry
    }

    fn insert(&mut self, path: RemotePath, partial: CheckedPartial) {
        self.bytes += memory_bytes(&path, &partial);
        let same = path.clone();
        if let Some(old) = self.partials.insert(path, partial) {
            self.bytes -= memory_bytes(&same, &old);
        }
    }
}

fn memory_bytes(path: &RemotePath, partial: &CheckedPartial) -> usize {
    let entry = 2 * size_of::<(RemotePath, CheckedPartial)>() + 2 * ALLOCATION_BYTES;
    entry + path.as_str().len() + partial.marks.capacity() * size_of::<(u64, Digester)>()
}

/// Returns the part of a partial's entry that a sender has to know.
#[must_use]
pub fn known(partial: PartialEntry) -> Known {
    Known { size: partial.size, modified: partial.modified, marks: partial.marks }
}

/// Returns the entry of a partial as it is listed, without marks.
#[must_use]
pub fn listed(partial: Partial) -> PartialEntry {
    let Partial { path, size, modified, received, touched, .. } = partial;
    PartialEntry { path, size, modified, received, touched, marks: Vec::new() }
}

/// A partial that is being looked at.
pub struct Checking {
    /// `None` if there is nothing to look at.
    source: Option<Box<dyn Source>>,
    partial: Partial,
    spacing: u64,
    digester: Digester,
    position: u64,
    marks: Vec<(u64, Digester)>,
    buffer: ReadBuffer,
}

impl Checking {
    /// Returns the memory that the check holds, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        (self.buffer.len() + self.marks.capacity() * size_of::<(u64, Digester)>()) as u64
    }

    /// Reads on, a few MiB a step. Returns true when the partial has been read to its end.
    ///
    /// # Errors
    /// `disk-failure`, ...
    pub fn step(&mut self) -> StoreResult<bool> {
        let Some(source) = &self.source else { return Ok(true) };
        for _ in 0..READS {
            let last = self.marks.last().map_or(0, |(offset, _)| *offset);
            let next = last.saturating_add(self.spacing).min(self.partial.received);
            let left = usize::try_from(next - self.position).unwrap_or(usize::MAX);
            let length = left.min(self.buffer.len());
            let count = source.read_at(&mut self.buffer[..length], self.position)?;
            self.digester.update(&self.buffer[..count]);
            self.position += count as u64;
            let is_over = count < length || self.position == self.partial.received;
            if self.position > last && (self.position == next || is_over) {
                // The running digest is kept, so that nothing is read twice when the transfer resumes here.
                self.marks.push((self.position, self.digester.clone()));
            }
            if is_over {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
