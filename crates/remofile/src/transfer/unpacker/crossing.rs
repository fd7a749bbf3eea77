//! Files that are copied here in place of being renamed or linked.

use super::Unpacker;
use super::across::{Across, Work};
use crate::store::StoreResult;
use crate::transfer::change::Change;
use crate::transfer::copying::{CopyEffect, CopyOptions, Copying};
use crate::transfer::intake::{Effect, UnpackerMonitor};
use crate::transfer::moving::{MoveOptions, Moving};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{AttributeSet, OnConflict};
use std::sync::Arc;

impl Unpacker {
    /// Has a file get the content of one that it cannot be another name of.
    pub(super) fn copy_instead(&mut self, path: String, of: RemotePath, at: RemotePath, rule: OnConflict) {
        let options = CopyOptions {
            source: of,
            follow: false,
            destination: at,
            recursive: false,
            on_conflict: rule,
            parents: false,
            file_size_limit: self.options.file_size_limit,
            attributes: AttributeSet::NONE,
            as_they_are: false,
            devices: false,
            permit: Arc::clone(&self.options.permit),
        };
        let copying = Copying::new(Arc::clone(&self.store), options);
        self.across = Some(Across { path, work: Work::Copy(Box::new(copying)) });
    }

    /// Has what cannot be renamed moved otherwise.
    ///
    /// # Errors
    /// As [`Moving::begin`].
    pub(super) fn move_instead(&mut self, path: String, from: RemotePath, to: RemotePath) -> StoreResult<()> {
        let permit = Arc::clone(&self.options.permit);
        let options = MoveOptions { source: from.clone(), destination: to.clone(), replace: false, permit };
        let moving = Moving::begin(&self.store, options)?;
        let work = Work::Move(Box::new(moving), Change::Move { from, to });
        self.across = Some(Across { path, work });
        Ok(())
    }

    /// Copies or moves on until `is_over`; whether there was something.
    pub(super) fn go_across(&mut self, is_over: &dyn Fn() -> bool, monitor: &mut dyn UnpackerMonitor) -> bool {
        let Some(Across { path, work }) = self.across.take() else { return false };
        let done = match work {
            Work::Copy(copying) => self.copy_on(copying, &path, is_over, monitor),
            Work::Move(moving, change) => self.move_on(moving, change, &path, is_over, monitor),
        };
        match done {
            Ok(left) => self.across = left.map(|work| Across { path, work }),
            Err(failure) => monitor.failed(failure.at(path), false),
        }
        true
    }

    fn copy_on(
        &mut self,
        mut copying: Box<Copying>,
        path: &str,
        is_over: &dyn Fn() -> bool,
        monitor: &mut dyn UnpackerMonitor,
    ) -> StoreResult<Option<Work>> {
        let mut failed = None;
        // It is one file, of which one thing can fail.
        let copied = copying.work(is_over, &mut |failure| failed = Some(failure))?;
        if let Some(failure) = failed {
            return Err(failure);
        }
        if copied.is_none() {
            return Ok(Some(Work::Copy(copying)));
        }
        for effect in copying.take_effects() {
            let CopyEffect::Stored { path: at, bytes } = effect else { continue };
            let below = at.relative_to(&self.options.destination).unwrap_or(path);
            self.stored.files += 1;
            self.names.add(&self.options, below);
            monitor.changed(Effect::Stored { path: below, bytes });
            monitor.stored(below);
        }
        Ok(None)
    }

    fn move_on(
        &mut self,
        mut moving: Box<Moving>,
        change: Change,
        path: &str,
        is_over: &dyn Fn() -> bool,
        monitor: &mut dyn UnpackerMonitor,
    ) -> StoreResult<Option<Work>> {
        if !moving.work(is_over)? {
            return Ok(Some(Work::Move(moving, change)));
        }
        monitor.changed(change.effect(path, &self.options.destination));
        Ok(None)
    }
}
