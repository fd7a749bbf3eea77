//! The renaming of a file or directory. What is on another file system below the root is copied, and then removed.

use super::interface::{Operation, OperationTurn, Step};
use super::missing::Blame;
use crate::blocking::Slice;
use crate::server::principal::Grant;
use crate::transfer::{MoveOptions, Moving};
use remofile_protocol::wire::{Done, ErrorCode, Failure};
use std::sync::Arc;

/// A rename, which may have to go on in slices.
pub(super) struct Rename {
    grant: Arc<Grant>,
    options: MoveOptions,
    state: RenameState,
}

enum RenameState {
    Asked,
    /// A rename cannot do it. What there is room for in a quota may not be known yet.
    Across,
    Moving(Box<Moving>),
    Over(Result<Done, Failure>),
}

impl Rename {
    pub(super) fn new(grant: &Arc<Grant>, options: MoveOptions) -> Self {
        Self { grant: Arc::clone(grant), options, state: RenameState::Asked }
    }

    fn advance(&mut self, state: RenameState, slice: &Slice) -> Result<RenameState, Failure> {
        Ok(match state {
            RenameState::Asked => self.rename()?,
            RenameState::Across if !self.grant.await_count(slice) => RenameState::Across,
            RenameState::Across => {
                RenameState::Moving(Box::new(Moving::begin(&self.grant.store, self.options.clone())?))
            }
            RenameState::Moving(mut moving) => match moving.work(&|| slice.is_over())? {
                true => RenameState::Over(Ok(Done::default())),
                false => RenameState::Moving(moving),
            },
            over @ RenameState::Over(_) => over,
        })
    }

    fn rename(&self) -> Result<RenameState, Failure> {
        let MoveOptions { source, destination, replace, permit: _ } = &self.options;
        match self.grant.store.rename(source, destination, *replace) {
            Ok(()) => Ok(RenameState::Over(Ok(Done::default()))),
            Err(failure) if failure.code == ErrorCode::CrossDevice => Ok(RenameState::Across),
            Err(failure) => Err(Blame::of(&self.grant).at_either(&*self.grant.store, source, destination, failure)),
        }
    }

    fn take_state(&mut self) -> RenameState {
        std::mem::replace(&mut self.state, RenameState::Over(Err(ErrorCode::Other.into())))
    }
}

impl Operation for Rename {
    fn step(&mut self, _turn: &mut OperationTurn<'_, '_>) -> Step {
        if !matches!(self.state, RenameState::Over(_)) {
            return Step::Blocking;
        }
        match self.take_state() {
            RenameState::Over(Ok(done)) => Step::Changed(done),
            RenameState::Over(Err(failure)) => Step::Ended(Err(failure)),
            RenameState::Asked | RenameState::Across | RenameState::Moving(_) => Step::Nothing,
        }
    }

    fn block(&mut self, slice: &Slice) {
        let mut state = self.take_state();
        // A rename and what comes of it is one step.
        loop {
            state = self.advance(state, slice).unwrap_or_else(|failure| RenameState::Over(Err(failure)));
            if matches!(state, RenameState::Over(_)) || slice.is_over() {
                break;
            }
        }
        self.state = state;
    }

    fn changes_own_paths(&self) -> bool {
        true
    }

    fn memory_bytes(&self) -> u64 {
        match &self.state {
            RenameState::Moving(moving) => moving.memory_bytes(),
            RenameState::Asked | RenameState::Across | RenameState::Over(_) => 0,
        }
    }

    fn is_busy(&self) -> bool {
        matches!(self.state, RenameState::Moving(_))
    }

    /// Removes from the disk what is being copied.
    fn ends_on_disk(&self) -> bool {
        matches!(self.state, RenameState::Moving(_))
    }
}
