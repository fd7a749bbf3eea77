//! The store of a simulation as a session has it: it delays, fails, and tells its disk of all changes.

use super::disk::{Disk, Writer, content_of};
use super::image::{Change, Data, ImageFile};
use super::mutant::Mutant;
use crate::carrier::clock::simulated;
use crate::store::forward;
use crate::store::{
    Checkpoint, Directory, DurableStore, FlushMark, Fsync, MemoryStore, ReadStore, Removal, RemovalProgress,
    ResumeStore, Source, StagePlan, Staged, Store, StoreResult, Walk, Wrapper, WriteStore,
};
use remofile_protocol::path::{FileName, RemotePath};
use remofile_protocol::wire::{Entry, ErrorCode, Failure, Kind, Listed, Timestamp};
use std::sync::Arc;
use std::time::Duration;

/// Smaller files are never kept for a later attempt.
const LEAST_PARTIAL_BYTES: u64 = 1024 * 1024;

/// The store as one session has it.
pub(super) struct SimulatedStore {
    pub(super) disk: Disk,
    pub(super) live: MemoryStore,
    /// The time at which the disk came up that this is about: what a fallen server still does changes nothing.
    pub(super) epoch: u64,
    pub(super) writer: Writer,
}

impl Wrapper for SimulatedStore {
    fn inner(&self) -> &dyn Store {
        &self.live
    }
}

impl Disk {
    /// Lets a call take its time, and perhaps fail.
    fn call(&self, may_fail: bool) -> StoreResult<()> {
        let mut state = self.lock();
        let (slow, failing) = (state.slow, state.failing);
        let most = match state.chance.per_mille(slow) {
            true if state.chance.one_in(10) => Duration::from_secs(4),
            true => Duration::from_millis(120),
            false => Duration::from_micros(400),
        };
        let time = state.chance.time(most);
        simulated::advance(time);
        if may_fail && state.chance.per_mille(failing) {
            let code = *state.chance.pick(&[ErrorCode::NoSpace, ErrorCode::DiskFailure]);
            return Err(Failure::new(code).because("the simulated disk says so"));
        }
        Ok(())
    }
}

impl Disk {
    /// The time of a file that is given none: no two have the same.
    fn stamp(&self) -> Timestamp {
        let mut state = self.lock();
        state.stamps += 1;
        Timestamp::new(2_000_000 + state.stamps, 0)
    }
}

impl SimulatedStore {
    fn looked(&self, entry: Entry) -> Entry {
        let unflushed = entry.kind == Kind::File && self.disk.lock().is_in_doubt(&entry.path);
        Entry { unflushed, ..entry }
    }
}

impl ReadStore for SimulatedStore {
    fn stat(&self, path: &RemotePath) -> StoreResult<Entry> {
        self.disk.call(false)?;
        self.live.stat(path).map(|entry| self.looked(entry))
    }

    fn walk(&self, directory: &RemotePath, recursive: bool) -> StoreResult<Box<dyn Walk>> {
        self.disk.call(false)?;
        let walk = self.live.walk(directory, recursive)?;
        Ok(Box::new(SimulatedWalk { walk, disk: self.disk.clone() }))
    }

    fn open(&self, path: &RemotePath) -> StoreResult<Box<dyn Source>> {
        self.disk.call(false)?;
        self.live.open(path)
    }

    fn read_link(&self, path: &RemotePath) -> StoreResult<String> {
        self.live.read_link(path)
    }

    fn identity(&self, path: &RemotePath) -> StoreResult<u128> {
        self.live.identity(path)
    }
}

struct SimulatedWalk {
    walk: Box<dyn Walk>,
    disk: Disk,
}

impl Walk for SimulatedWalk {
    fn next(&mut self) -> Option<Listed> {
        match self.walk.next()? {
            Listed::Entry(entry) => {
                let unflushed = entry.kind == Kind::File && self.disk.lock().is_in_doubt(&entry.path);
                Some(Listed::Entry(Entry { unflushed, ..entry }))
            }
            failed @ Listed::Failed(_) => Some(failed),
        }
    }

    fn skip_directory(&mut self) {
        self.walk.skip_directory();
    }
}

impl WriteStore for SimulatedStore {
    fn create_file(&self, path: &RemotePath, update: bool) -> StoreResult<()> {
        self.live.create_file(path, update)
    }

    fn make_directory(&self, path: &RemotePath, update: bool, parents: bool) -> StoreResult<bool> {
        self.disk.call(true)?;
        let made = self.live.make_directory(path, update, parents)?;
        if made {
            self.disk.lock().change(self.epoch, Change::MakeDirectory(path.clone()));
        }
        Ok(made)
    }

    fn directory(&self, path: &RemotePath) -> StoreResult<Box<dyn Directory>> {
        self.disk.call(false)?;
        let directory = self.live.directory(path)?;
        let (disk, live) = (self.disk.clone(), self.live.clone());
        let (epoch, writer, path) = (self.epoch, self.writer, path.clone());
        Ok(Box::new(SimulatedDirectory { directory, store: Self { disk, live, epoch, writer }, path }))
    }

    fn remove(&self, path: &RemotePath) -> StoreResult<Kind> {
        self.disk.call(true)?;
        let kind = self.live.remove(path)?;
        self.disk.lock().change(self.epoch, Change::Remove(path.clone()));
        Ok(kind)
    }

    fn remove_tree(&self, path: &RemotePath) -> StoreResult<Box<dyn Removal>> {
        let removal = self.live.remove_tree(path)?;
        Ok(Box::new(SimulatedRemoval { removal, disk: self.disk.clone(), epoch: self.epoch, path: path.clone() }))
    }

    fn rename(&self, source: &RemotePath, destination: &RemotePath, replace: bool) -> StoreResult<()> {
        self.disk.call(true)?;
        self.live.rename(source, destination, replace)?;
        self.disk.lock().change(self.epoch, Change::Move(source.clone(), destination.clone()));
        Ok(())
    }
}

struct SimulatedRemoval {
    removal: Box<dyn Removal>,
    disk: Disk,
    epoch: u64,
    path: RemotePath,
}

impl Removal for SimulatedRemoval {
    fn step(&mut self) -> StoreResult<RemovalProgress> {
        self.disk.call(true)?;
        let progress = self.removal.step()?;
        if matches!(progress, RemovalProgress::Done { .. }) {
            self.disk.lock().change(self.epoch, Change::Remove(self.path.clone()));
        }
        Ok(progress)
    }
}

struct SimulatedDirectory {
    directory: Box<dyn Directory>,
    store: SimulatedStore,
    path: RemotePath,
}

impl Directory for SimulatedDirectory {
    fn stage(&self, name: &FileName, plan: &StagePlan) -> StoreResult<Box<dyn Staged>> {
        let SimulatedStore { disk, live, epoch, writer } = &self.store;
        disk.call(true)?;
        let path = self.path.child(name)?;
        let kept = plan.resume.and_then(|at| {
            let content = content_of(&*live.read_partial(&path).ok()?)?;
            content.get(..usize::try_from(at.offset).ok()?).map(<[u8]>::to_vec)
        });
        let modified = plan.modified.unwrap_or_else(|| disk.stamp());
        let staged = self.directory.stage(name, &StagePlan { modified: Some(modified), ..*plan })?;
        if plan.resume.is_none() && plan.modified.is_some() && plan.size.is_some_and(|size| size >= LEAST_PARTIAL_BYTES)
        {
            // As in a directory: a file that begins anew empties the partial of an earlier attempt, of which there is one at most.
            live.remove_partial(&path)?;
        }
        let mut state = disk.lock();
        if state.epoch == *epoch {
            let others = state.staged.iter().filter(|(staged, _)| *staged == path);
            if let Some((_, other)) = others.into_iter().find(|(_, other)| !writer.may_be_beside(other)) {
                let (session, other) = (writer.session, other.session);
                state.broken = Some(format!("sessions {session} and {other} write {path} at once"));
            }
            state.staged.push((path.clone(), *writer));
        }
        Ok(Box::new(SimulatedStaged {
            staged: Some(staged),
            disk: disk.clone(),
            live: live.clone(),
            epoch: *epoch,
            writer: *writer,
            path,
            plan: *plan,
            modified,
            content: kept.unwrap_or_default(),
            written: None,
        }))
    }
}

struct SimulatedStaged {
    staged: Option<Box<dyn Staged>>,
    disk: Disk,
    live: MemoryStore,
    epoch: u64,
    writer: Writer,
    path: RemotePath,
    plan: StagePlan,
    modified: Timestamp,
    content: Vec<u8>,
    /// Its number among the files whose writing has ended.
    written: Option<u64>,
}

impl SimulatedStaged {
    fn staged(&mut self) -> StoreResult<&mut Box<dyn Staged>> {
        self.staged.as_mut().ok_or_else(|| ErrorCode::Other.into())
    }

    /// The change that shows the file, and whether it is flushed before.
    fn change(&self) -> Change {
        let is_new = self.live.stat(&self.path).is_err();
        let state = self.disk.lock();
        let is_flushed = self.written.is_some_and(|written| written <= state.flushed);
        let data = if state.fsync == Fsync::End && is_new && !is_flushed { Data::Unflushed } else { Data::Safe };
        drop(state);
        let (content, modified) = (Arc::new(self.content.clone()), self.modified);
        Change::Store(self.path.clone(), ImageFile { content, modified, data })
    }

    fn show_half(&self) {
        let Ok((directory, name)) = self.path.split() else { return };
        let Ok(directory) = self.live.directory(&directory) else { return };
        let plan = StagePlan { replace: true, resume: None, expected: None, ..self.plan };
        if let Ok(mut staged) = directory.stage(&name, &plan)
            && staged.write(&self.content).is_ok()
            && staged.commit().is_ok()
        {
            let change = self.change();
            self.disk.lock().change(self.epoch, change);
        }
    }
}

impl Staged for SimulatedStaged {
    fn write(&mut self, bytes: &[u8]) -> StoreResult<()> {
        self.disk.call(true)?;
        self.content.extend_from_slice(bytes);
        self.staged()?.write(bytes)?;
        let is_half = self.plan.size.is_some_and(|size| size > self.content.len() as u64);
        if is_half && self.disk.lock().mutant == Some(Mutant::HalfFiles) {
            self.show_half();
        }
        Ok(())
    }

    fn write_hole(&mut self, bytes: u64) -> StoreResult<()> {
        self.staged()?.write_hole(bytes)?;
        self.content.resize(self.content.len() + bytes as usize, 0);
        Ok(())
    }

    fn wants_checkpoints(&self) -> bool {
        self.staged.as_ref().is_some_and(|staged| staged.wants_checkpoints())
    }

    fn checkpoint(&mut self, checkpoint: Checkpoint) {
        if let Some(staged) = &mut self.staged {
            staged.checkpoint(checkpoint);
        }
    }

    fn end_writing(&mut self) -> StoreResult<bool> {
        self.staged()?.end_writing()?;
        let mut state = self.disk.lock();
        state.written += 1;
        self.written = Some(state.written);
        // Some wait for others, as those of a directory do.
        Ok(state.fsync == Fsync::End && state.chance.one_in(2))
    }

    fn commit(mut self: Box<Self>) -> StoreResult<()> {
        self.disk.call(true)?;
        let change = self.change();
        self.staged.take().ok_or(ErrorCode::Other)?.commit()?;
        self.disk.lock().change(self.epoch, change);
        Ok(())
    }

    fn retain_partial(mut self: Box<Self>) {
        if let Some(staged) = self.staged.take() {
            staged.retain_partial();
        }
    }
}

impl Drop for SimulatedStaged {
    fn drop(&mut self) {
        let mut state = self.disk.lock();
        if state.epoch == self.epoch
            && let Some(at) = state.staged.iter().position(|staged| *staged == (self.path.clone(), self.writer))
        {
            state.staged.remove(at);
        }
    }
}

impl DurableStore for SimulatedStore {
    fn flush_mark(&self) -> FlushMark {
        FlushMark(self.disk.lock().failed_flushes)
    }

    fn sync(&self, since: FlushMark) -> StoreResult<()> {
        let called = self.disk.call(true);
        let mut state = self.disk.lock();
        if state.epoch != self.epoch {
            return Err(ErrorCode::DiskFailure.into());
        }
        if let Err(failure) = called {
            state.fail_flush();
            return Err(failure);
        }
        state.flush();
        match state.failed_flushes == since.0 {
            true => Ok(()),
            false => Err(ErrorCode::DiskFailure.into()),
        }
    }

    fn flush_staged(&self) -> StoreResult<()> {
        let written = self.disk.lock().written;
        let called = self.disk.call(true);
        let mut state = self.disk.lock();
        if state.epoch != self.epoch {
            return Err(ErrorCode::DiskFailure.into());
        }
        if called.is_err() {
            state.fail_flush();
        }
        called?;
        state.flushed = state.flushed.max(written);
        Ok(())
    }

    fn is_unflushed(&self) -> bool {
        !self.disk.lock().log.is_empty()
    }

    fn has_doubt(&self) -> StoreResult<bool> {
        Ok(!self.disk.lock().doubt.is_empty())
    }
}

forward!(ResumeStore for SimulatedStore);
forward!(PosixStore for SimulatedStore);

impl Store for SimulatedStore {}
