//! Backups in a metered store: a second name counts as a second file.

use super::context::{Context, Need};
use crate::store::meter::Reservation;
use crate::store::{PendingBackup, StoreResult};
use remofile_protocol::path::RemotePath;
use std::sync::Arc;

pub(super) struct MeteredBackup {
    /// Dropped before its bytes are given back.
    inner: Box<dyn PendingBackup>,
    context: Arc<Context>,
    /// The place of the second name, since its path may lead through the link that it replaces.
    place: RemotePath,
    reservation: Reservation,
}

impl MeteredBackup {
    pub(super) fn prepare(context: &Arc<Context>, path: &RemotePath, to: &RemotePath) -> StoreResult<Self> {
        let place = context.place_of(to);
        let mut reservation = context.reservation(&place);
        context.grow(&place, &mut reservation, Need { bytes: context.size_of(path), freed: 0 })?;
        let inner = context.inner.prepare_backup(path, to)?;
        Ok(Self { inner, context: Arc::clone(context), place, reservation })
    }
}

/// Gives a file another name, which counts as another file.
pub(super) fn add_name(context: &Arc<Context>, of: &RemotePath, path: &RemotePath, replace: bool) -> StoreResult<bool> {
    let place = context.place_of(path);
    let mut reservation = context.reservation(&place);
    context.grow(&place, &mut reservation, Need { bytes: context.size_of(of), freed: 0 })?;
    let _moment = context.meters.begin_moment(&[&place]);
    let before = context.size_of(&place);
    let added = context.inner.add_name(of, path, replace);
    let change = i128::from(context.size_of(&place)) - i128::from(before);
    context.settle(&place, reservation, change);
    added
}

impl PendingBackup for MeteredBackup {
    fn is_ready(&self) -> bool {
        self.inner.is_ready()
    }

    fn step(&mut self) -> StoreResult<()> {
        self.inner.step()
    }

    fn commit(self: Box<Self>) -> StoreResult<()> {
        let Self { inner, context, place, reservation } = *self;
        let _moment = context.meters.begin_moment(&[&place]);
        let before = context.size_of(&place);
        let committed = inner.commit();
        let change = i128::from(context.size_of(&place)) - i128::from(before);
        context.settle(&place, reservation, change);
        committed
    }
}
