//! Messages into files.

mod backup;
mod batch;
mod queue;

use super::change::Change;
use super::chunks::Chunker;
use super::compress::Decompressor;
use super::conflict::{self, FileStamp, Resolved, Stored as StoredNames};
use super::intake::{Stored, UnpackerMonitor, UnpackerOptions};
use super::modes::Modes;
use super::named_backup::NamedBackup;
use super::permit::{Access, target_of};
use super::receiving::{FileNames, Receiving, ReceivingSetup, Written};
use super::resume::Checked;
use super::trouble::Trouble;
use crate::store::{Directory, StagePlan, Staged, Store, StoreResult};
use batch::Batch;
use remofile_protocol::digest::{Digest, Digester};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{ErrorCode, Failure, Item, OnConflict, Timestamp, Version};
use std::collections::VecDeque;
use std::sync::Arc;

/// Takes items in, in their order.
pub struct Unpacker {
    store: Arc<dyn Store>,
    options: UnpackerOptions,
    directory: Option<(RemotePath, Box<dyn Directory>)>,
    current: Current,
    decompressor: Option<Decompressor>,
    checked: Checked,
    stored: Stored,
    names: StoredNames,
    modes: Modes,
    /// The backup of what is replaced or removed next.
    backup: Option<NamedBackup>,
    /// The path whose backup failed, which so must not be replaced or removed.
    failed_backup: Option<String>,
    /// The batches that have come and are not unpacked yet.
    put_by: VecDeque<Batch>,
    put_by_bytes: usize,
    /// The credit of what was put by and is unpacked.
    released: u64,
    /// True if some file at the destination may not be on the disk.
    has_doubt: bool,
}

enum Current {
    /// No file is open.
    Between,
    /// This file is open.
    Open(Box<Receiving>),
    /// A file is open that is not wanted: the rest of it is passed over.
    Unwanted,
}

/// The beginning of a file, as the sender describes it.
struct Beginning {
    path: String,
    size: Option<u64>,
    modified: Option<Timestamp>,
    mode: Option<u32>,
    rule: Option<OnConflict>,
    offset: u64,
    /// Version of the file that it must replace, if it must be a certain one.
    replaces: Option<Version>,
}

impl Unpacker {
    /// Creates an unpacker that takes files into a store. `checked` are the partials that may be resumed.
    ///
    /// # Errors
    /// `not-found` or `not-a-directory` if there is no such destination.
    pub fn new(store: Arc<dyn Store>, options: UnpackerOptions, checked: Checked) -> StoreResult<Self> {
        let (directory, has_doubt) = (store.directory(&options.destination)?, store.has_doubt()?);
        let directory = Some((options.destination.clone(), directory));
        Ok(Self {
            store,
            options,
            directory,
            current: Current::Between,
            decompressor: None,
            checked,
            stored: Stored::default(),
            names: StoredNames::default(),
            modes: Modes::default(),
            backup: None,
            failed_backup: None,
            put_by: VecDeque::new(),
            put_by_bytes: 0,
            released: 0,
            has_doubt,
        })
    }

    /// Takes the items of one message now; `payload` holds the bytes they name. While the unpacker is
    /// [busy](Self::is_busy) they are put by.
    ///
    /// # Errors
    /// `bad-request` if the items are in no sensible order; nothing more is to be taken then.
    pub fn take(&mut self, items: Vec<Item>, payload: &[u8], monitor: &mut dyn UnpackerMonitor) -> Result<(), Trouble> {
        self.take_some(items, payload, &|| false, monitor)
    }

    /// As [`Unpacker::take`], until `is_over` says so, which is asked behind each item: the rest is put by.
    ///
    /// # Errors
    /// As [`Unpacker::take`].
    pub fn take_some(
        &mut self,
        items: Vec<Item>,
        payload: &[u8],
        is_over: &dyn Fn() -> bool,
        monitor: &mut dyn UnpackerMonitor,
    ) -> Result<(), Trouble> {
        if self.is_busy() {
            self.put_by(items, payload.to_vec().into(), 0);
            return Ok(());
        }
        let mut payload = payload;
        let mut items = items.into_iter();
        while let Some(item) = items.next() {
            let bytes = payload.split_at_checked(item.payload_bytes() as usize);
            let (bytes, rest) = bytes.ok_or_else(without_bytes)?;
            payload = rest;
            self.take_item(item, bytes, monitor)?;
            if self.waits_for_backup() || (items.len() > 0 && is_over()) {
                self.put_back(items.collect(), payload);
                break;
            }
        }
        Ok(())
    }

    /// Reports whether something waits to be unpacked, or a backup to be copied: then [`Unpacker::work`] is to be
    /// called.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        !self.put_by.is_empty() || self.waits_for_backup()
    }

    fn take_item(&mut self, item: Item, bytes: &[u8], monitor: &mut dyn UnpackerMonitor) -> Result<(), Trouble> {
        match item {
            Item::Directory { path, mode } => self.take_directory(path, mode, monitor)?,
            Item::Begin { path, size, modified, mode, rule, offset, replaces } => {
                let mode = mode.filter(|_| self.options.preserve_mode);
                self.begin(Beginning { path, size, modified, mode, rule, offset, replaces }, monitor)?;
            }
            Item::Data { .. } => self.write(Written::Bytes(bytes), monitor)?,
            Item::Hole { length } => self.write(Written::Hole(length), monitor)?,
            Item::Compressed { size, .. } => self.write(Written::Compressed(bytes, size as usize), monitor)?,
            Item::End { digest } => self.end(digest, monitor)?,
            Item::Abort { failure } => self.abort(failure, monitor)?,
            Item::Failed { failure } => monitor.failed(failure, true),
            Item::Link { path, target, rule } => self.take_link(path, &target, rule, monitor)?,
            Item::Base { path } => self.base(&path, monitor)?,
            Item::Copy { offset, length } => self.write(Written::Copy { offset, length }, monitor)?,
            Item::Keep { path, to } => self.prepare_backup(path, &to, monitor)?,
            Item::Place { .. } => {
                return Err(Failure::new(ErrorCode::BadRequest)
                    .because("positional write outside an in-place edit")
                    .into());
            }
            Item::Move { .. } | Item::Remove { .. } | Item::Touch { .. } => self.change(item, monitor)?,
        }
        Ok(())
    }

    /// Opens the file that the open one is made of.
    fn base(&mut self, path: &str, monitor: &mut dyn UnpackerMonitor) -> StoreResult<()> {
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
    fn change(&mut self, item: Item, monitor: &mut dyn UnpackerMonitor) -> StoreResult<()> {
        self.refuse_changes()?;
        self.expect_between()?;
        let (path, change) = match item {
            Item::Move { from, path } => {
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
        let done = change.and_then(|change| {
            backup.map_or(Ok(()), NamedBackup::commit)?;
            change.apply(&*self.store)
        });
        if let Err(failure) = done {
            monitor.failed(failure.at(path), false);
        }
        Ok(())
    }

    fn refuse_changes(&self) -> StoreResult<()> {
        if self.options.changes { Ok(()) } else { Err(out_of_order()) }
    }

    fn take_directory(
        &mut self,
        path: String,
        mode: Option<u32>,
        monitor: &mut dyn UnpackerMonitor,
    ) -> StoreResult<()> {
        self.expect_between()?;
        let mode = mode.filter(|_| self.options.preserve_mode);
        let access = Access::putting(mode.is_some());
        let made = self.locate(&path, access).and_then(|at| {
            match self.store.make_directory(&at, true, false) {
                // Below directories that nobody has named.
                Err(failure) if failure.code == ErrorCode::NotFound => drop(self.open_or_make(&at)?),
                made => drop(made?),
            }
            Ok(at)
        });
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

    fn take_link(
        &mut self,
        path: String,
        target: &str,
        rule: Option<OnConflict>,
        monitor: &mut dyn UnpackerMonitor,
    ) -> StoreResult<()> {
        self.expect_between()?;
        if self.has_failed_backup(&path) {
            return Ok(());
        }
        let backup = self.backup_of(&path, monitor);
        monitor.started(&path, None, 0);
        let rule = self.options.rules.rule(&path, rule).unwrap_or(self.options.on_conflict);
        let made = self.locate(&path, Access::by_rule(rule)).and_then(|at| {
            target_of(&at, target).map_or(Ok(()), |target| self.options.permit.permit(Access::Lead, &target))?;
            drop(self.open_or_make(&at.split()?.0)?);
            backup.map_or(Ok(()), NamedBackup::commit)?;
            conflict::make_link(&*self.store, at, target, rule)
        });
        match made {
            Ok(at) => {
                self.stored.files += 1;
                monitor.stored(at.relative_to(&self.options.destination).unwrap_or(&path));
            }
            Err(failure) => monitor.failed(failure.at(path), false),
        }
        Ok(())
    }

    fn begin(&mut self, file: Beginning, monitor: &mut dyn UnpackerMonitor) -> StoreResult<()> {
        self.expect_between()?;
        if self.has_failed_backup(&file.path) {
            monitor.unwanted(&file.path);
            self.current = Current::Unwanted;
            return Ok(());
        }
        let backup = self.backup_of(&file.path, monitor);
        self.current = match self.stage(&file) {
            Ok((stored_as, staged, digester)) => {
                monitor.started(&file.path, file.size, file.offset);
                let chunks = monitor.chunk_size().map(Chunker::new);
                let limit = self.options.file_size_limit;
                Current::Open(Box::new(Receiving::new(ReceivingSetup {
                    names: FileNames { sent_as: file.path, stored_as },
                    staged,
                    size: file.size,
                    limit,
                    digest: self.options.digest,
                    resumed: digester.map(|digester| (file.offset, digester)),
                    chunks,
                    backup,
                })))
            }
            Err(failure) => {
                monitor.unwanted(&file.path);
                monitor.failed(failure.at(file.path), false);
                Current::Unwanted
            }
        };
        Ok(())
    }

    /// Stages a file. Returns the path that it will have below the destination, which a rule may change, and the
    /// digest of the bytes that are there.
    fn stage(&mut self, file: &Beginning) -> StoreResult<(String, Box<dyn Staged>, Option<Digester>)> {
        if file.size.is_some_and(|size| size > self.options.file_size_limit) {
            return Err(ErrorCode::FileTooLarge.into());
        }
        self.options.admit_size(file.size)?;
        let rule = self.options.rules.rule(&file.path, file.rule).unwrap_or(self.options.on_conflict);
        let access = if file.replaces.is_some() { Access::Replace } else { Access::by_rule(rule) };
        let path = self.locate(&file.path, access)?;
        let resolved = match file.replaces {
            Some(_) => self.refuse_changes().map(|()| Resolved { path, replace: true })?,
            None => {
                let stamp = FileStamp { size: file.size, modified: file.modified };
                conflict::resolve(&*self.store, path, stamp, rule, self.has_doubt)?
            }
        };
        let resumed = match file.offset {
            0 => None,
            offset => Some(self.checked.resume(&resolved.path, offset).ok_or(ErrorCode::PartialChanged)?),
        };
        // Without `replace`, the commit itself refuses a name that is taken in whatever case.
        if resolved.replace {
            self.names.refuse_other_case(&*self.store, &resolved.path)?;
        }
        let (parent, name) = resolved.path.split()?;
        // Files of one directory come together, so it stays open for the next one.
        let held = match self.directory.take() {
            Some((path, directory)) if path == parent => directory,
            _ => self.open_or_make(&parent)?,
        };
        let (resume, digester) = resumed.unzip();
        let plan = StagePlan {
            size: file.size,
            replace: resolved.replace,
            modified: file.modified,
            mode: file.mode,
            resume,
            expected: file.replaces,
        };
        let staged = held.stage(&name, &plan);
        self.directory = Some((parent, held));
        let relative = resolved.path.relative_to(&self.options.destination).unwrap_or_default().to_owned();
        Ok((relative, staged?, digester))
    }

    /// Opens a directory, and makes it if it is below the destination and the sender has not named it.
    fn open_or_make(&self, directory: &RemotePath) -> StoreResult<Box<dyn Directory>> {
        match self.store.directory(directory) {
            // The destination itself is never made again: somebody has removed it.
            Err(failure) if failure.code == ErrorCode::NotFound && *directory != self.options.destination => {
                self.store.make_directory(directory, true, true)?;
                self.store.directory(directory)
            }
            opened => opened,
        }
    }

    /// The path in the store that an item names, if it may be used so: items have no other way to the store.
    fn locate(&self, path: &str, access: Access) -> StoreResult<RemotePath> {
        let path = self.options.destination.join(path)?;
        self.options.permit.permit(access, &path)?;
        Ok(path)
    }

    fn write(&mut self, written: Written<'_>, monitor: &mut dyn UnpackerMonitor) -> Result<(), Trouble> {
        let open = match &mut self.current {
            Current::Open(open) => open,
            Current::Unwanted => return Ok(()),
            Current::Between => return Err(out_of_order().into()),
        };
        match open.write(written, &mut self.decompressor, monitor) {
            Err(Trouble::Failed(failure)) => {
                self.give_up(failure, monitor);
                Ok(())
            }
            result => result,
        }
    }

    fn give_up(&mut self, failure: Failure, monitor: &mut dyn UnpackerMonitor) {
        if let Current::Open(open) = std::mem::replace(&mut self.current, Current::Unwanted) {
            monitor.unwanted(open.path());
            monitor.failed(open.give_up(failure), false);
        }
    }

    fn end(&mut self, digest: Digest, monitor: &mut dyn UnpackerMonitor) -> Result<(), Trouble> {
        match std::mem::replace(&mut self.current, Current::Between) {
            Current::Between => Err(out_of_order().into()),
            Current::Unwanted => Ok(()),
            Current::Open(mut open) => {
                let FileNames { sent_as: path, stored_as } = open.names();
                let outcome = open.last_chunk(monitor).and_then(|()| Ok(open.commit(digest)?));
                match outcome {
                    Err(Trouble::Stopped) => return Err(Trouble::Stopped),
                    Err(Trouble::Failed(failure)) => monitor.failed(failure.at(path), false),
                    Ok(bytes) => {
                        self.stored.files += 1;
                        self.stored.bytes += bytes;
                        self.names.add(&self.options, &stored_as);
                        monitor.stored(&stored_as);
                    }
                }
                Ok(())
            }
        }
    }

    fn abort(&mut self, failure: Failure, monitor: &mut dyn UnpackerMonitor) -> StoreResult<()> {
        match std::mem::replace(&mut self.current, Current::Between) {
            Current::Between => Err(out_of_order()),
            Current::Unwanted => Ok(()),
            Current::Open(_) => {
                monitor.failed(failure, true);
                Ok(())
            }
        }
    }

    fn expect_between(&self) -> StoreResult<()> {
        match self.current {
            Current::Between => Ok(()),
            Current::Open(_) | Current::Unwanted => Err(out_of_order()),
        }
    }

    /// Returns the numbers of what was stored so far.
    #[must_use]
    pub fn stored(&self) -> Stored {
        self.stored
    }

    /// Ends the stream. What is stored may not be on the disk yet: see
    /// [`DurableStore::sync`](crate::store::DurableStore::sync).
    ///
    /// # Errors
    /// `bad-request` if a file is still open.
    pub fn finish(mut self, monitor: &mut dyn UnpackerMonitor) -> StoreResult<Stored> {
        self.work(&|| false, monitor).map_err(Failure::from)?;
        self.expect_between()?;
        self.settle_backup(monitor);
        // Last of all: these bits may keep files out of their directories.
        self.modes.finish(&*self.store, &mut not_given(&self.options, monitor));
        Ok(self.stored)
    }

    /// Interrupts the stream, and retains the partial of the open file.
    pub fn interrupt(self) {
        if let Current::Open(open) = self.current {
            open.retain_partial();
        }
    }
}

/// Returns a function that reports permission bits that a directory could not be given.
fn not_given(options: &UnpackerOptions, monitor: &mut dyn UnpackerMonitor) -> impl FnMut(&RemotePath, Failure) {
    move |path, failure| {
        let below = path.relative_to(&options.destination).unwrap_or_default();
        monitor.failed(failure.at(below), false);
    }
}

fn without_bytes() -> Failure {
    Failure::new(ErrorCode::BadRequest).because("items without their bytes")
}

fn out_of_order() -> Failure {
    Failure::new(ErrorCode::BadRequest).because("items in no sensible order")
}
