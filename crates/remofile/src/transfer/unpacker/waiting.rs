//! Files that are complete and wait for a flush that they share.
//!
//! A store that is to be durable brings the content of a file to the disk before the file gets its name. One by one that
//! takes thousands of flushes; so complete files wait, until there are many, and all of them are visible after one flush. It
//! goes on, and makes them visible, beside the files that come next, which wait for another one.

use super::super::conflict::{self, FileStamp, Resolved};
use super::super::intake::{Effect, UnpackerMonitor};
use super::super::receiving::{CompleteFile, FileNames};
use super::Unpacker;
use super::flushing::{Committed, Flushed, Flushing};
use super::waiting_files::{InProcess, WaitingFiles};
use crate::store::StoreResult;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Item, OnConflict};

impl Unpacker {
    /// Takes a complete file: it is committed now, or waits for a flush.
    pub(super) fn take_complete(&mut self, mut file: CompleteFile, monitor: &mut dyn UnpackerMonitor) {
        match file.end_writing() {
            Ok(true) => {
                // A store that is far away stores it while others come, instead of all at the end.
                file.begin_commit();
                let store = &self.store;
                self.waiting.push(file, || store.waiting_bytes_limit());
                if self.waiting.are_many() {
                    self.flush_beside(monitor);
                }
            }
            Ok(false) => self.commit(file, monitor),
            Err(failure) => monitor.failed(failure.at(file.into_path()), false),
        }
    }

    /// Resolves a conflict as [`conflict::resolve`] does. A name that a file will have which waits is not taken for
    /// free.
    pub(super) fn resolve(
        &mut self,
        path: RemotePath,
        stamp: FileStamp,
        rule: OnConflict,
        monitor: &mut dyn UnpackerMonitor,
    ) -> StoreResult<Resolved> {
        if self.has_waiting() {
            let resolved = conflict::resolve(&*self.store, path.clone(), stamp, rule, self.has_doubt)?;
            let below = resolved.path.relative_to(&self.options.destination);
            if !below.is_some_and(|path| self.meets_waiting(path)) {
                return Ok(resolved);
            }
            self.flush_waiting(monitor);
        }
        conflict::resolve(&*self.store, path, stamp, rule, self.has_doubt)
    }

    fn commit(&mut self, mut file: CompleteFile, monitor: &mut dyn UnpackerMonitor) {
        let (names, is_directory) = (file.names().clone(), file.is_directory());
        let outcome = file.commit_backup(monitor).and_then(|()| file.commit());
        self.tell(Committed { names, is_directory, outcome }, monitor);
    }

    /// Commits a file that came alone so far.
    fn commit_alone(&mut self, file: CompleteFile, monitor: &mut dyn UnpackerMonitor) {
        // The backup is in another directory.
        if file.has_backup() {
            return self.commit(file, monitor);
        }
        let names = file.names().clone();
        let committed = file.commit_alone();
        self.lone.committed(matches!(committed, Ok((_, true))));
        self.tell(Committed { names, is_directory: false, outcome: committed.map(|(bytes, _)| bytes) }, monitor);
    }

    fn tell(&mut self, committed: Committed, monitor: &mut dyn UnpackerMonitor) {
        let Committed { names: FileNames { sent_as, stored_as }, is_directory, outcome } = committed;
        match outcome {
            Err(failure) => monitor.failed(failure.at(sent_as), false),
            Ok(_) if is_directory => {
                self.stored.made += 1;
                self.stored.directories += 1;
                monitor.changed(Effect::Directory { path: &stored_as });
            }
            Ok(bytes) => {
                self.stored.files += 1;
                self.stored.bytes += bytes;
                self.names.add(&self.options, &stored_as);
                monitor.changed(Effect::Stored { path: &stored_as, bytes });
                monitor.stored(&stored_as);
            }
        }
    }

    /// Has the files that wait flushed beside those that come, unless others still are.
    fn flush_beside(&mut self, monitor: &mut dyn UnpackerMonitor) {
        match self.flushing.take() {
            Some(flushing) if !flushing.is_over() => {
                self.flushing = Some(flushing);
                return;
            }
            Some(flushing) => self.settle(flushing, monitor),
            None => {}
        }
        match Flushing::begin(&self.store, std::mem::take(&mut self.waiting)) {
            Ok(flushing) => self.flushing = Some(flushing),
            Err(batch) => {
                self.waiting = *batch;
                self.waiting.is_due = true;
            }
        }
    }

    /// Flushes the files that wait, and makes them visible.
    pub fn flush_waiting(&mut self, monitor: &mut dyn UnpackerMonitor) {
        if let Some(flushing) = self.flushing.take() {
            self.settle(flushing, monitor);
        }
        let mut batch = std::mem::take(&mut self.waiting);
        if self.lone.is_alone()
            && let Some((file, _in_process)) = batch.files.pop()
        {
            return self.commit_alone(file, monitor);
        }
        // The commit of a single file flushes just that.
        let flushed = if batch.files.len() > 1 { self.store.flush_staged() } else { Ok(()) };
        self.commit_all(batch.files, &flushed, monitor);
    }

    /// Flushes what is due: the flush before comes to its end, and the next one goes on beside the files that come.
    pub(super) fn flush_due(&mut self, monitor: &mut dyn UnpackerMonitor) {
        match self.flushing.take() {
            Some(flushing) if self.waiting.are_many() => {
                self.settle(flushing, monitor);
                self.flush_beside(monitor);
            }
            flushing => {
                self.flushing = flushing;
                self.flush_waiting(monitor);
            }
        }
    }

    fn settle(&mut self, flushing: Flushing, monitor: &mut dyn UnpackerMonitor) {
        let Flushed { outcome, committed, left } = flushing.wait();
        committed.into_iter().for_each(|committed| self.tell(committed, monitor));
        self.commit_all(left, &outcome, monitor);
    }

    fn commit_all(
        &mut self,
        files: Vec<(CompleteFile, InProcess)>,
        flushed: &StoreResult<()>,
        monitor: &mut dyn UnpackerMonitor,
    ) {
        for (file, _in_process) in files {
            match flushed {
                Ok(()) => self.commit(file, monitor),
                Err(failure) => monitor.failed(failure.clone().at(file.into_path()), false),
            }
        }
    }

    /// Reports whether complete files wait for a flush.
    #[must_use]
    pub fn has_waiting(&self) -> bool {
        !self.waiting.files.is_empty() || self.flushing.is_some()
    }

    /// Reports whether a flush is due, or a copy under way: both may take their time.
    #[must_use]
    pub fn is_flush_due(&self) -> bool {
        self.waiting.is_due || self.across.is_some()
    }

    /// Makes a flush due, if files wait for one.
    pub fn want_flush(&mut self) {
        self.waiting.is_due = self.has_waiting();
    }

    /// The files that wait, those whose flush goes on among them.
    fn batches(&self) -> impl Iterator<Item = &WaitingFiles> {
        self.flushing.iter().map(|flushing| &flushing.batch).chain([&self.waiting])
    }

    fn is_waiting(&self, path: &str) -> bool {
        self.batches().any(|batch| batch.paths.contains(&path.to_lowercase()))
    }

    /// Reports whether a path is that of a file that waits, or of a directory above one.
    fn meets_waiting(&self, path: &str) -> bool {
        self.batches().any(|batch| batch.meets(path))
    }

    /// Returns the memory that the files take which wait, in bytes.
    pub(super) fn waiting_bytes(&self) -> usize {
        self.batches().map(WaitingFiles::memory_bytes).sum()
    }

    /// Makes a flush due if an item cannot be taken before files that wait are visible; whether it is.
    pub(super) fn needs_flush_before(&mut self, item: &Item) -> bool {
        if !self.has_waiting() {
            return false;
        }
        let needs = match item {
            // What replaces the removed, or moved, is safe before they are gone.
            Item::Move { .. } | Item::Remove { .. } => true,
            Item::Begin { path, .. }
            | Item::Link { path, .. }
            | Item::KeptLink { path, .. }
            | Item::Special { path, .. }
            | Item::Base { path }
            | Item::Touch { path, .. }
            | Item::Attributes { path, .. } => path.is_empty() || self.meets_waiting(path),
            Item::HardLink { path, of, .. } => {
                let meets = |of: &RemotePath| {
                    of.relative_to(&self.options.destination).is_some_and(|of| self.meets_waiting(of))
                };
                let is_of = self.meets_waiting(of) || RemotePath::parse(of).is_ok_and(|of| meets(&of));
                is_of || self.meets_waiting(path)
            }
            // Bits of other directories that have waited may be given then, and shut files out.
            Item::Directory { path, mode } => self.is_waiting(path) || (mode.is_some() && self.modes.is_full()),
            Item::Keep { path, to } => {
                let meets = |to: &RemotePath| {
                    to.relative_to(&self.options.destination).is_some_and(|to| self.meets_waiting(to))
                };
                self.meets_waiting(path) || RemotePath::parse(to).is_ok_and(|to| meets(&to))
            }
            _ => false,
        };
        if needs {
            self.want_flush();
        }
        needs
    }
}

#[cfg(test)]
mod tests;
