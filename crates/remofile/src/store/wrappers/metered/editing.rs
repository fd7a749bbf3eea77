//! Files that are changed in place in a metered store.

use super::context::{Context, Need};
use crate::store::meter::Reservation;
use crate::store::{Editing, StoreResult};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Entry, ErrorCode, Version};
use std::sync::Arc;

pub(super) struct MeteredEditing {
    inner: Box<dyn Editing>,
    context: Arc<Context>,
    path: RemotePath,
    place: RemotePath,
    /// The number of the file. Another one at its path means that this one has another name, or none.
    identity: Option<u128>,
    grown: GrownElsewhere,
}

/// The bytes that an open file has become longer while its path did not lead to it: it may have another name, or none.
struct GrownElsewhere {
    context: Arc<Context>,
    place: RemotePath,
    reservations: Vec<Reservation>,
}

/// They count as if it had its name still, until a count has found them.
impl Drop for GrownElsewhere {
    fn drop(&mut self) {
        let Self { context, place, reservations } = self;
        if reservations.is_empty() {
            return;
        }
        for reservation in reservations.drain(..) {
            let bytes = reservation.bytes();
            context.settle(place, reservation, bytes.into());
        }
        context.meters.has_changed_unseen(&context.meters.above(place));
        context.meters.has_changed_below(&context.top());
    }
}

impl MeteredEditing {
    pub(super) fn open(context: &Arc<Context>, path: &RemotePath, create: bool) -> StoreResult<Self> {
        let inner = context.inner.edit(path, create)?;
        let (place, identity) = (context.followed(path), context.inner.identity(path).ok());
        let grown = GrownElsewhere { context: Arc::clone(context), place: place.clone(), reservations: Vec::new() };
        Ok(Self { inner, context: Arc::clone(context), path: path.clone(), place, identity, grown })
    }

    fn is_in_place(&self) -> bool {
        self.identity.is_some() && self.context.inner.identity(&self.path).ok() == self.identity
    }

    /// Makes a change after which the file has `length(now)` bytes.
    fn change(
        &mut self,
        length: impl Fn(u64) -> Option<u64>,
        mut change: impl FnMut(&mut dyn Editing) -> StoreResult<()>,
    ) -> StoreResult<()> {
        let context = Arc::clone(&self.context);
        context.look_after_count();
        let after = |before: u64| length(before).ok_or(ErrorCode::FileTooLarge);
        let size = self.inner.look()?.0.size;
        let need = Need { bytes: after(size)?.saturating_sub(size), freed: 0 };
        context.try_twice(&self.place.clone(), need, || {
            let moment = context.meters.begin_moment(&[&self.place]);
            let Ok((entry, _)) = self.inner.look() else { return Ok(change(&mut *self.inner)) };
            let before = entry.size;
            let Ok(expected) = after(before) else { return Ok(Err(ErrorCode::FileTooLarge.into())) };
            if expected == before {
                return Ok(change(&mut *self.inner));
            }
            let mut reservation = context.reservation(&self.place);
            reservation.grow(expected.saturating_sub(before), 0)?;
            let changed = change(&mut *self.inner);
            let now = self.inner.look().map_or(expected, |(entry, _)| entry.size);
            if self.is_in_place() {
                context.settle(&self.place, reservation, i128::from(now) - i128::from(before));
            } else if now > before {
                self.grown.reservations.push(reservation);
            }
            drop(moment);
            Ok(changed)
        })?
    }
}

impl Editing for MeteredEditing {
    fn look(&self) -> StoreResult<(Entry, Version)> {
        self.inner.look()
    }

    fn write_at(&mut self, bytes: &[u8], offset: u64) -> StoreResult<()> {
        let end = offset.checked_add(bytes.len() as u64);
        let length = |size: u64| end.map(|end| if bytes.is_empty() { size } else { end.max(size) });
        self.change(length, |file| file.write_at(bytes, offset))
    }

    fn append(&mut self, bytes: &[u8]) -> StoreResult<()> {
        self.change(|size| size.checked_add(bytes.len() as u64), |file| file.append(bytes))
    }

    fn set_length(&mut self, length: u64) -> StoreResult<()> {
        self.change(|_| Some(length), |file| file.set_length(length))
    }

    fn finish(self: Box<Self>) -> StoreResult<(Entry, Version)> {
        self.inner.finish()
    }
}
