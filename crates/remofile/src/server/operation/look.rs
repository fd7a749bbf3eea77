//! The look at a path itself, without following a link.

use super::interface::{Operation, OperationTurn, Step};
use crate::store::Store;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Done, Failure, Kind};
use std::sync::Arc;

/// A path that is looked at.
pub(super) struct Look {
    store: Arc<dyn Store>,
    path: RemotePath,
}

impl Look {
    pub(super) fn new(store: &Arc<dyn Store>, path: RemotePath) -> Self {
        Self { store: Arc::clone(store), path }
    }

    fn look(&self) -> Result<Done, Failure> {
        let entry = self.store.look(&self.path).map_err(|failure| failure.at(&self.path))?;
        let target = match entry.kind {
            // A target that leads out, or is no text, is not told.
            Kind::Link => self.store.read_link(&self.path).ok(),
            Kind::File | Kind::Directory | Kind::Special => None,
        };
        Ok(Done { entry: Some(entry), target, ..Done::default() })
    }
}

impl Operation for Look {
    fn step(&mut self, _turn: &mut OperationTurn<'_, '_>) -> Step {
        Step::Ended(self.look())
    }
}
