//! Removals of trees in a metered store.

use super::context::Context;
use crate::store::{Removal, RemovalProgress, StoreResult};
use remofile_protocol::path::RemotePath;
use std::sync::Arc;

pub(super) struct MeteredRemoval {
    inner: Box<dyn Removal>,
    context: Arc<Context>,
    place: RemotePath,
    /// Bytes whose removal is noted.
    noted: u64,
}

impl MeteredRemoval {
    pub(super) fn new(context: &Arc<Context>, mut inner: Box<dyn Removal>, path: &RemotePath) -> Self {
        inner.count_bytes();
        let place = context.place_of(path);
        Self { inner, context: Arc::clone(context), place, noted: 0 }
    }
}

impl Removal for MeteredRemoval {
    fn step(&mut self) -> StoreResult<RemovalProgress> {
        let context = &self.context;
        let moment = context.meters.begin_moment(&[&self.place]);
        let step = self.inner.step();
        let removed = self.inner.removed_bytes();
        if let Some(removed) = removed {
            let freed = removed.saturating_sub(self.noted);
            self.noted = removed;
            context.settle(&self.place, context.reservation(&self.place), -i128::from(freed));
        }
        drop(moment);
        if removed.is_none() && !matches!(step, Ok(RemovalProgress::More)) {
            context.meters.has_changed_unseen(&context.meters.above(&self.place));
        }
        step
    }

    fn memory_bytes(&self) -> u64 {
        self.inner.memory_bytes()
    }

    fn count_bytes(&mut self) {}

    fn removed_bytes(&self) -> Option<u64> {
        self.inner.removed_bytes()
    }
}

/// However far it came, directories below it that have meters have lost something.
impl Drop for MeteredRemoval {
    fn drop(&mut self) {
        self.context.meters.has_changed_below(&self.place);
    }
}
