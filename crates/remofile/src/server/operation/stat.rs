//! The look at one path.

use super::interface::{Operation, OperationTurn, Step};
use crate::store::Store;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::Done;
use std::sync::Arc;

/// A path that is looked at.
pub(super) struct Stat {
    store: Arc<dyn Store>,
    path: RemotePath,
}

impl Stat {
    pub(super) fn new(store: &Arc<dyn Store>, path: RemotePath) -> Self {
        Self { store: Arc::clone(store), path }
    }
}

impl Operation for Stat {
    fn step(&mut self, _turn: &mut OperationTurn<'_, '_>) -> Step {
        let entry = self.store.stat(&self.path).map_err(|failure| failure.at(&self.path));
        Step::Ended(entry.map(|entry| Done { entry: Some(entry), ..Done::default() }))
    }
}
