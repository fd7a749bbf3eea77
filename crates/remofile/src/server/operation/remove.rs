//! Removals: of a file, a link or an empty directory, and of a tree.

use super::change::Change;
use super::interface::{Operation, OperationTurn, Step};
use crate::blocking::Slice;
use crate::store::{Removal, RemovalProgress, Store};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Done, ErrorCode, Failure, Kind};
use std::sync::Arc;

pub(super) fn remove(store: &Arc<dyn Store>, path: RemotePath) -> Change {
    Change::new(store, move |store| {
        Ok(match store.remove(&path).map_err(|failure| failure.at(&path))? {
            Kind::Directory => Done { directories: 1, ..Done::default() },
            Kind::File | Kind::Link | Kind::Special => Done { files: 1, ..Done::default() },
        })
    })
}

/// A file or a directory that is removed with everything in it.
pub(super) struct RemoveTree {
    path: RemotePath,
    state: RemoveState,
}

enum RemoveState {
    Asked(Arc<dyn Store>),
    Removing(Box<dyn Removal>),
    Over(Result<Done, Failure>),
}

impl RemoveTree {
    pub(super) fn new(store: &Arc<dyn Store>, path: RemotePath) -> Self {
        Self { path, state: RemoveState::Asked(Arc::clone(store)) }
    }

    fn take_state(&mut self) -> RemoveState {
        std::mem::replace(&mut self.state, RemoveState::Over(Err(ErrorCode::Other.into())))
    }

    /// Names the path unless the store did so already.
    fn named(&self, failure: Failure) -> Failure {
        if failure.path.is_some() { failure } else { failure.at(&self.path) }
    }

    fn advance(&self, state: RemoveState) -> Result<RemoveState, Failure> {
        Ok(match state {
            RemoveState::Asked(store) => {
                RemoveState::Removing(store.remove_tree(&self.path).map_err(|failure| self.named(failure))?)
            }
            RemoveState::Removing(mut removal) => match removal.step()? {
                RemovalProgress::More => RemoveState::Removing(removal),
                RemovalProgress::Done { files, directories } => {
                    RemoveState::Over(Ok(Done { files, directories, ..Done::default() }))
                }
            },
            over @ RemoveState::Over(_) => over,
        })
    }
}

impl Operation for RemoveTree {
    fn step(&mut self, _turn: &mut OperationTurn<'_, '_>) -> Step {
        if !matches!(self.state, RemoveState::Over(_)) {
            return Step::Blocking;
        }
        match self.take_state() {
            RemoveState::Over(Ok(done)) => Step::Changed(done),
            RemoveState::Over(Err(failure)) => Step::Ended(Err(failure)),
            RemoveState::Asked(_) | RemoveState::Removing(_) => Step::Nothing,
        }
    }

    fn block(&mut self, slice: &Slice) {
        while !matches!(self.state, RemoveState::Over(_)) {
            let state = self.take_state();
            self.state = self.advance(state).unwrap_or_else(|failure| RemoveState::Over(Err(failure)));
            if slice.is_over() {
                return;
            }
        }
    }

    fn changes_own_paths(&self) -> bool {
        true
    }

    fn memory_bytes(&self) -> u64 {
        match &self.state {
            RemoveState::Removing(removal) => removal.memory_bytes(),
            RemoveState::Asked(_) | RemoveState::Over(_) => 0,
        }
    }
}
