//! Items that bring no content: directories, links, changes of what is there, and the base of a file.

use super::as_they_are::Arrival;
use super::open_directories::OpenDirectory;
use super::{Current, Unpacker, not_given, out_of_order};
use crate::store::{Staged, StoreResult};
use crate::transfer::change::Change;
use crate::transfer::conflict;
use crate::transfer::intake::{Effect, UnpackerMonitor};
use crate::transfer::permit::{Access, target_of};
use crate::transfer::receiving::CompleteFile;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{ErrorCode, Item, OnConflict};
use std::sync::Arc;

impl Unpacker {
    /// Opens the file that the open one is made of.
    pub(super) fn base(&mut self, path: &str, monitor: &mut dyn UnpackerMonitor) -> StoreResult<()> {
        self.refuse_changes()?;
        let base = self.locate(path, Access::Read).and_then(|path| self.store.open(&path));
        match (&mut self.current, base) {
            (Current::Between, _) => return Err(out_of_order()),
            (Current::Unwanted, _) => {}
            (Current::Open(open), Ok(base)) => open.make_of(base),
            (Current::Open(_), Err(failure)) => self.give_up(failure, monitor),
        }
        Ok(())
    }

    /// Applies a change that needs no content.
    pub(super) fn change(&mut self, item: Item, monitor: &mut dyn UnpackerMonitor) -> StoreResult<()> {
        self.refuse_changes()?;
        self.expect_between()?;
        let (path, change) = match item {
            Item::Move { from, path } => {
                // It may be the directory that is open, or one above it, and another one may get its path.
                self.open.close();
                let ends = self.locate(&from, Access::Remove).and_then(|from| {
                    let to = self.locate(&path, Access::Create)?;
                    Ok(Change::Move { from, to })
                });
                (path, ends)
            }
            Item::Remove { path } => {
                let change = self.locate(&path, Access::Remove).map(|path| Change::Remove { path });
                (path, change)
            }
            Item::Touch { path, modified, mode } => {
                let change = self.locate(&path, Access::Change).map(|path| Change::Touch { path, modified, mode });
                (path, change)
            }
            _ => return Err(out_of_order()),
        };
        if self.has_failed_backup(&path) {
            return Ok(());
        }
        let backup = self.backup_of(&path, monitor);
        let change = match change {
            Ok(change) if backup.is_none() && self.store.is_distant() => {
                self.change_beside(path, change, monitor);
                return Ok(());
            }
            change => change,
        };
        self.make_changes(monitor);
        let done = change.and_then(|change| {
            backup.map_or(Ok(()), |backup| backup.commit(monitor))?;
            match &change {
                Change::Remove { path } => self.remove(path)?,
                Change::Move { from, to } => match change.apply(&*self.store) {
                    Err(failure) if failure.code == ErrorCode::CrossDevice => {
                        self.move_instead(path.clone(), from.clone(), to.clone())?;
                        return Ok(None);
                    }
                    moved => moved?,
                },
                Change::Touch { .. } => change.apply(&*self.store)?,
            }
            Ok(Some(change))
        });
        match done {
            Ok(None) => {}
            Ok(Some(change)) => monitor.changed(change.effect(&path, &self.options.destination)),
            Err(failure) => monitor.failed(failure.at(path), false),
        }
        Ok(())
    }

    /// Removes a file, a link or an empty directory. Those of one directory come together, so it stays open for the next one.
    fn remove(&mut self, path: &RemotePath) -> StoreResult<()> {
        let Ok((parent, name)) = path.split() else { return self.store.remove(path).map(drop) };
        self.open.forget(path);
        let held = match self.open.take(&parent) {
            Some(open) => open,
            None => match self.store.directory(&parent) {
                Ok(directory) => OpenDirectory::new(directory),
                // The store's own failure is that of the path.
                Err(_) => return self.store.remove(path).map(drop),
            },
        };
        let removed = held.directory.remove(&name).unwrap_or_else(|| self.store.remove(path).map(drop));
        self.open.put(parent, held);
        removed
    }

    pub(super) fn refuse_changes(&self) -> StoreResult<()> {
        if self.options.changes { Ok(()) } else { Err(out_of_order()) }
    }

    pub(super) fn take_directory(
        &mut self,
        path: String,
        mode: Option<u32>,
        monitor: &mut dyn UnpackerMonitor,
    ) -> StoreResult<()> {
        self.expect_between()?;
        let mode = mode.filter(|_| self.options.preserve_mode);
        let access = Access::putting(mode.is_some());
        let made = self.locate(&path, access).and_then(|at| Ok((self.make_directory(&at, mode)?, at)));
        let made = match made {
            Ok((Some(staged), _)) => {
                self.take_complete(CompleteFile::directory(path, staged), monitor);
                return Ok(());
            }
            made => made.map(|(_, at)| at),
        };
        if made.is_ok() {
            monitor.changed(Effect::Directory { path: &path });
        }
        match (made, mode) {
            (Ok(at), Some(mode)) => {
                self.stored.directories += 1;
                self.modes.add(&*self.store, at, mode, &mut not_given(&self.options, monitor));
            }
            (Ok(_), None) => self.stored.directories += 1,
            (Err(failure), _) => monitor.failed(failure.at(path), false),
        }
        Ok(())
    }

    /// Makes a directory that is not there. Returns what is to make it, where it is better made with others.
    fn make_directory(&mut self, at: &RemotePath, mode: Option<u32>) -> StoreResult<Option<Box<dyn Staged>>> {
        if let Some(staged) = self.open.stage(at, mode) {
            return staged;
        }
        match self.store.make_directory(at, true, false) {
            // Below directories that nobody has named.
            Err(failure) if failure.code == ErrorCode::NotFound => {
                drop(self.open_or_make(at)?);
                self.stored.made += 1;
            }
            made => self.stored.made += u64::from(made?),
        }
        Ok(None)
    }

    pub(super) fn take_link(
        &mut self,
        path: String,
        target: &str,
        rule: Option<OnConflict>,
        monitor: &mut dyn UnpackerMonitor,
    ) -> StoreResult<()> {
        let permit = Arc::clone(&self.options.permit);
        let leads =
            |at: &RemotePath| target_of(at, target).map_or(Ok(()), |target| permit.permit(Access::Lead, &target));
        self.arrive(path, rule, leads, monitor, |unpacker, Arrival { at, rule }| {
            conflict::make_link(&*unpacker.store, at, target, rule)
        })
    }
}
