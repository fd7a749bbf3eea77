//! The room of the disk that a path is on.

use super::interface::{Operation, OperationTurn, Step};
use crate::store::Store;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Done, Failure};
use std::sync::Arc;

/// A path whose disk is asked for its room.
pub(super) struct Space {
    store: Arc<dyn Store>,
    path: RemotePath,
}

impl Space {
    pub(super) fn new(store: &Arc<dyn Store>, path: RemotePath) -> Self {
        Self { store: Arc::clone(store), path }
    }

    fn look(&self) -> Result<Done, Failure> {
        let space = self.store.space(&self.path).map_err(|failure| failure.at(&self.path))?;
        Ok(Done { space: Some(Box::new(space)), ..Done::default() })
    }
}

impl Operation for Space {
    fn step(&mut self, _turn: &mut OperationTurn<'_, '_>) -> Step {
        Step::Ended(self.look())
    }
}
