//! A change that is one call of the store.

use super::interface::{Operation, OperationTurn, Step};
use crate::blocking::Slice;
use crate::store::Store;
use remofile_protocol::wire::{Done, ErrorCode, Failure};
use std::sync::Arc;

type Run = Box<dyn FnOnce(&dyn Store) -> Result<Done, Failure> + Send>;

/// A change of the store, and what came of it.
pub(super) struct Change {
    store: Arc<dyn Store>,
    state: ChangeState,
}

enum ChangeState {
    Asked(Run),
    Over(Result<Done, Failure>),
}

impl Change {
    pub(super) fn new(
        store: &Arc<dyn Store>,
        run: impl FnOnce(&dyn Store) -> Result<Done, Failure> + Send + 'static,
    ) -> Self {
        Self { store: Arc::clone(store), state: ChangeState::Asked(Box::new(run)) }
    }

    fn take_state(&mut self) -> ChangeState {
        std::mem::replace(&mut self.state, ChangeState::Over(Err(ErrorCode::Other.into())))
    }
}

impl Operation for Change {
    fn step(&mut self, _turn: &mut OperationTurn<'_, '_>) -> Step {
        if let ChangeState::Asked(_) = self.state {
            return Step::Blocking;
        }
        match self.take_state() {
            ChangeState::Over(Ok(done)) => Step::Changed(done),
            ChangeState::Over(Err(failure)) => Step::Ended(Err(failure)),
            ChangeState::Asked(_) => Step::Nothing,
        }
    }

    fn changes_own_paths(&self) -> bool {
        true
    }

    fn block(&mut self, _slice: &Slice) {
        self.state = match self.take_state() {
            ChangeState::Asked(run) => ChangeState::Over(run(&*self.store)),
            over => over,
        };
    }
}
