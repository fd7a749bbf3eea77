//! The copy of a file or directory within the root directory.

use super::interface::{Operation, OperationTurn, Step};
use crate::blocking::Slice;
use crate::server::audit::EntryLog;
use crate::server::principal::Grant;
use crate::transfer::{Copied, CopyOptions, Copying};
use remofile_protocol::wire::{Done, ErrorCode, Failure};
use std::sync::Arc;

/// A copy that goes on in slices.
pub(super) struct Copy {
    state: CopyState,
    failures: Vec<Failure>,
    entries: EntryLog,
}

enum CopyState {
    /// Before anything is looked at: until the room in a quota is known.
    Asked(Arc<Grant>, Box<Copying>),
    Copying(Box<Copying>),
    Over(Result<Done, Failure>),
}

impl Copy {
    pub(super) fn new(grant: &Arc<Grant>, options: CopyOptions, entries: EntryLog) -> Self {
        let copying = Box::new(Copying::new(Arc::clone(&grant.store), options));
        Self { state: CopyState::Asked(Arc::clone(grant), copying), failures: Vec::new(), entries }
    }

    fn advance(&mut self, state: CopyState, slice: &Slice) -> Result<CopyState, Failure> {
        let mut copying = match state {
            CopyState::Asked(grant, copying) if !grant.await_count(slice) => {
                return Ok(CopyState::Asked(grant, copying));
            }
            CopyState::Asked(_, copying) | CopyState::Copying(copying) => copying,
            over @ CopyState::Over(_) => return Ok(over),
        };
        let copied = copying.work(&|| slice.is_over(), &mut |failure| {
            self.entries.failed(&failure);
            self.failures.push(failure);
        });
        copying.take_effects().iter().for_each(|effect| self.entries.copied(effect));
        Ok(match copied? {
            None => CopyState::Copying(copying),
            Some(Copied { files, directories, bytes }) => {
                CopyState::Over(Ok(Done { files, directories, bytes, ..Done::default() }))
            }
        })
    }

    fn take_state(&mut self) -> CopyState {
        std::mem::replace(&mut self.state, CopyState::Over(Err(ErrorCode::Other.into())))
    }
}

impl Operation for Copy {
    fn step(&mut self, _turn: &mut OperationTurn<'_, '_>) -> Step {
        if !matches!(self.state, CopyState::Over(_)) {
            return Step::Blocking;
        }
        match self.take_state() {
            CopyState::Over(Ok(done)) => Step::Changed(done),
            CopyState::Over(Err(failure)) => Step::Ended(Err(failure)),
            CopyState::Asked(..) | CopyState::Copying(_) => Step::Nothing,
        }
    }

    fn block(&mut self, slice: &Slice) {
        let state = self.take_state();
        self.state = self.advance(state, slice).unwrap_or_else(|failure| CopyState::Over(Err(failure)));
    }

    fn take_failures(&mut self) -> Vec<Failure> {
        std::mem::take(&mut self.failures)
    }

    fn memory_bytes(&self) -> u64 {
        let copying = match &self.state {
            CopyState::Asked(_, copying) | CopyState::Copying(copying) => copying.memory_bytes(),
            CopyState::Over(_) => 0,
        };
        copying + self.failures.iter().map(failure_bytes).sum::<u64>()
    }

    fn is_busy(&self) -> bool {
        !matches!(self.state, CopyState::Over(_))
    }

    /// Removes from the disk what is being copied.
    fn ends_on_disk(&self) -> bool {
        matches!(self.state, CopyState::Copying(_))
    }
}

fn failure_bytes(failure: &Failure) -> u64 {
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    (size_of::<Failure>() + text(&failure.path) + text(&failure.detail)) as u64
}
