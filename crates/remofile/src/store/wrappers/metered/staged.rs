//! Files that are written into a metered directory.

use super::context::{Context, Need};
use crate::store::meter::Reservation;
use crate::store::resume::LEAST_PARTIAL_BYTES;
use crate::store::{Checkpoint, Directory, Room, Source, StagePlan, Staged, StagedDirectory, StoreResult};
use remofile_protocol::path::{FileName, RemotePath};
use remofile_protocol::wire::{ErrorCode, Version};
use std::sync::Arc;

pub(super) struct MeteredDirectory {
    context: Arc<Context>,
    inner: Box<dyn Directory>,
    /// As the caller names it.
    path: RemotePath,
    /// The same, with no link on the way to it.
    place: RemotePath,
}

impl MeteredDirectory {
    pub(super) fn new(context: &Arc<Context>, inner: Box<dyn Directory>, path: &RemotePath) -> Self {
        let place = context.followed(path);
        Self { context: Arc::clone(context), inner, path: path.clone(), place }
    }
}

impl MeteredDirectory {
    /// Returns the path of a file as the caller names it, and its place. One that is written through a link is at neither.
    fn target(&self, name: &FileName, plan: &StagePlan) -> StoreResult<(RemotePath, RemotePath)> {
        let path = self.path.child(name)?;
        if plan.through_link && self.context.inner.read_link(&path).is_ok() {
            let place = self.context.followed(&path);
            return Ok((place.clone(), place));
        }
        Ok((path, self.place.child(name)?))
    }
}

impl Directory for MeteredDirectory {
    fn stage(&self, name: &FileName, plan: &StagePlan) -> StoreResult<Box<dyn Staged>> {
        let context = &self.context;
        context.look_after_count();
        let (path, place) = self.target(name, plan)?;
        let offset = plan.resume.map_or(0, |at| at.offset);
        // A partial is taken over by what is resumed, or begun anew.
        let is_kept = plan.resume.is_some() || plan.size.is_some_and(|size| size >= LEAST_PARTIAL_BYTES);
        let is_limited = context.reservation(&place).is_limited();
        let announced = plan.size.filter(|_| is_limited).unwrap_or(0).max(offset);
        let need = Need { bytes: announced, freed: offset };
        let (inner, reservation) = context.try_twice(&place, need, || {
            let moment = context.meters.begin_moment(&[&place]);
            let mut reservation = context.reservation(&place);
            let taken_over = if is_kept { context.partial_size(&path) } else { 0 };
            reservation.grow(announced, taken_over)?;
            let staged = self.inner.stage(name, plan);
            // One that was not taken over is there still, and needs its room back.
            let left = if taken_over > 0 { context.partial_size(&path) } else { 0 };
            let mut kept = context.reservation(&place);
            let fits = kept.grow(left, 0);
            context.settle(&place, kept, left.into());
            drop(moment);
            match staged {
                Ok(staged) => fits.map(|()| Ok((staged, reservation))),
                Err(failure) => Ok(Err(failure)),
            }
        })??;
        let staged = MeteredStaged {
            inner,
            context: Arc::clone(context),
            path,
            place,
            replaces: plan.replace || plan.expected.is_some(),
            length: offset,
            has_failed: false,
            begun: None,
            reservation,
        };
        Ok(Box::new(staged))
    }

    fn stage_directory(&self, name: &FileName, mode: Option<u32>) -> Option<StoreResult<StagedDirectory>> {
        let metered = |StagedDirectory { directory, staged }| {
            let directory = Box::new(Self::new(&self.context, directory, &self.path.child(name)?));
            // It takes no room itself.
            Ok(StagedDirectory { directory, staged })
        };
        self.inner.stage_directory(name, mode).map(|staged| staged.and_then(metered))
    }

    fn flush_file_system(&self) -> StoreResult<()> {
        self.inner.flush_file_system()
    }
}

struct MeteredStaged {
    /// Dropped before its bytes are given back.
    inner: Box<dyn Staged>,
    context: Arc<Context>,
    path: RemotePath,
    place: RemotePath,
    replaces: bool,
    length: u64,
    /// True if some write failed, so that the length is not known.
    has_failed: bool,
    begun: Option<BegunCommit>,
    reservation: Reservation,
}

/// A commit that was begun, so that the file may be visible before its change is noted.
struct BegunCommit {
    /// Size of the file that it replaces.
    before: u64,
    /// The number of counts until then.
    counts: u64,
}

impl MeteredStaged {
    /// Reserves what the next bytes need beyond what was announced.
    fn make_room(&mut self, bytes: u64) -> StoreResult<()> {
        let end = self.length.checked_add(bytes).ok_or(ErrorCode::FileTooLarge)?;
        self.make_room_until(end)?;
        self.length = end;
        Ok(())
    }

    fn make_room_until(&mut self, end: u64) -> StoreResult<()> {
        let bytes = end.saturating_sub(self.reservation.bytes());
        self.context.grow(&self.place, &mut self.reservation, Need { bytes, freed: 0 })
    }

    /// Commits it, in the moment in which its room becomes that of what is visible.
    fn commit_by<T>(self, commit: impl FnOnce(Box<dyn Staged>) -> StoreResult<T>) -> StoreResult<T> {
        let Self { inner, context, path, place, replaces, length, has_failed, begun, reservation } = self;
        let moment = context.meters.begin_moment(&[&place]);
        let before = match &begun {
            Some(begun) => begun.before,
            None if replaces => context.size_of(&path),
            None => 0,
        };
        let committed = commit(inner);
        let after = match &committed {
            Ok(_) if !has_failed => length,
            Err(failure) if !replaces && failure.code == ErrorCode::AlreadyExists => 0,
            // A store that is far away keeps what it has of it.
            Err(failure) if failure.code == ErrorCode::OutOfResources => {
                context.size_of(&path).saturating_add(context.partial_size(&path))
            }
            Ok(_) | Err(_) => context.size_of(&path),
        };
        context.settle(&place, reservation, i128::from(after) - i128::from(before));
        // A count since its beginning may have seen it, and now it is there twice.
        let is_doubtful = begun.is_some_and(|begun| begun.counts != context.meters.counts_above(&place));
        drop(moment);
        if is_doubtful || (committed.is_err() && after > 0 && !replaces) {
            // It may have been there before.
            context.meters.has_changed_unseen(&context.meters.above(&place));
        }
        committed
    }
}

impl Staged for MeteredStaged {
    fn write(&mut self, bytes: &[u8]) -> StoreResult<()> {
        self.make_room(bytes.len() as u64)?;
        self.inner.write(bytes).inspect_err(|_| self.has_failed = true)
    }

    fn write_hole(&mut self, bytes: u64) -> StoreResult<()> {
        self.make_room(bytes)?;
        self.inner.write_hole(bytes).inspect_err(|_| self.has_failed = true)
    }

    fn write_at(&mut self, bytes: &[u8], offset: u64) -> StoreResult<()> {
        let end = offset.checked_add(bytes.len() as u64).ok_or(ErrorCode::FileTooLarge)?;
        self.make_room_until(end)?;
        self.inner.write_at(bytes, offset).inspect_err(|_| self.has_failed = true)?;
        self.length = self.length.max(end);
        Ok(())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> StoreResult<usize> {
        self.inner.read_at(buffer, offset)
    }

    fn set_length(&mut self, length: u64) -> StoreResult<()> {
        self.make_room_until(length)?;
        self.inner.set_length(length).inspect_err(|_| self.has_failed = true)?;
        self.length = length;
        Ok(())
    }

    fn share(&mut self, source: &dyn Source) -> StoreResult<Option<u64>> {
        let expected = source.entry().size;
        self.make_room(expected)?;
        let shared = self.inner.share(source).inspect_err(|_| self.has_failed = true)?;
        // What was not written keeps its room for the copy; what was may have another length than was expected.
        match shared {
            None => self.length -= expected,
            Some(length) if length > expected => self.make_room(length - expected)?,
            Some(length) => self.length -= expected - length,
        }
        Ok(shared)
    }

    fn copy(&mut self, source: &dyn Source, offset: u64, length: u64) -> StoreResult<u64> {
        self.make_room(length)?;
        let copied = self.inner.copy(source, offset, length).inspect_err(|_| self.has_failed = true)?;
        self.length -= length - copied.min(length);
        Ok(copied)
    }

    fn hold_as(&mut self, source: &dyn Source) -> StoreResult<()> {
        self.inner.hold_as(source)
    }

    fn wants_checkpoints(&self) -> bool {
        self.inner.wants_checkpoints()
    }

    fn checkpoint(&mut self, checkpoint: Checkpoint) {
        self.inner.checkpoint(checkpoint);
    }

    fn end_writing(&mut self) -> StoreResult<bool> {
        self.inner.end_writing()
    }

    fn room(&self) -> Option<Room> {
        self.inner.room()
    }

    fn prepare_commit(&mut self) -> StoreResult<()> {
        self.inner.prepare_commit()
    }

    fn begin_commit(&mut self) {
        if self.begun.is_none() {
            let before = if self.replaces { self.context.size_of(&self.path) } else { 0 };
            self.begun = Some(BegunCommit { before, counts: self.context.meters.counts_above(&self.place) });
        }
        self.inner.begin_commit();
    }

    fn commit(self: Box<Self>) -> StoreResult<()> {
        self.commit_by(|inner| inner.commit())
    }

    fn commit_alone(self: Box<Self>) -> StoreResult<bool> {
        self.commit_by(|inner| inner.commit_alone())
    }

    fn try_commit(&mut self) -> StoreResult<()> {
        let Self { inner, context, path, place, replaces, length, has_failed, reservation, .. } = self;
        let _moment = context.meters.begin_moment(&[place]);
        let before = if *replaces { context.size_of(path) } else { 0 };
        inner.try_commit()?;
        let after = if *has_failed { context.size_of(path) } else { *length };
        let reservation = std::mem::replace(reservation, context.reservation(place));
        context.settle(place, reservation, i128::from(after) - i128::from(before));
        Ok(())
    }

    fn expect_version(&mut self, version: Version) -> StoreResult<()> {
        self.replaces = true;
        self.inner.expect_version(version)
    }

    fn retain_partial(self: Box<Self>) {
        let Self { inner, context, path, place, reservation, .. } = *self;
        let _moment = context.meters.begin_moment(&[&place]);
        let before = context.partial_size(&path);
        inner.retain_partial();
        let after = context.partial_size(&path);
        context.settle(&place, reservation, i128::from(after) - i128::from(before));
    }
}
