//! Messages into files.

mod across;
mod as_they_are;
mod attributes;
mod backup;
mod batch;
#[cfg(test)]
mod call_counts;
mod changes;
mod content;
mod crossing;
mod entries;
mod flushing;
mod lone;
mod open_directories;
mod queue;
mod sent_again;
mod side_by_side;
mod waiting;
mod waiting_files;

use super::attributes::GivenAttributes;
use super::conflict::Stored as StoredNames;
use super::decompress::Decompressor;
use super::intake::{Stored, UnpackerMonitor, UnpackerOptions};
use super::modes::Modes;
use super::named_backup::NamedBackup;
use super::permit::Access;
use super::receiving::{Receiving, Written};
use super::resume::Checked;
use super::trouble::Trouble;
use crate::store::{Directory, NewSpecial, Store, StoreResult};
use across::Across;
use batch::Batch;
use flushing::Flushing;
use lone::Lone;
use open_directories::{OpenDirectories, OpenDirectory};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{ErrorCode, Failure, Item, OnConflict, Timestamp, Version};
use side_by_side::SideBySide;
use std::collections::VecDeque;
use std::sync::Arc;
pub use waiting_files::LONGEST_WAIT;
use waiting_files::WaitingFiles;

/// Takes items in, in their order.
pub struct Unpacker {
    store: Arc<dyn Store>,
    options: UnpackerOptions,
    open: OpenDirectories,
    current: Current,
    decompressor: Option<Decompressor>,
    checked: Checked,
    stored: Stored,
    names: StoredNames,
    modes: Modes,
    /// The attributes that were given.
    attributes: GivenAttributes,
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
    lone: Lone,
    /// The complete files that wait for a flush.
    waiting: WaitingFiles,
    /// Those whose flush goes on.
    flushing: Option<Flushing>,
    /// The copy that is under way in place of a rename or a second name.
    across: Option<Across>,
    /// The changes of a distant store that are to be made.
    changes: SideBySide,
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
        let mut open = OpenDirectories::default();
        open.put(options.destination.clone(), OpenDirectory::new(directory));
        Ok(Self {
            store,
            options,
            open,
            current: Current::Between,
            decompressor: None,
            checked,
            stored: Stored::default(),
            names: StoredNames::default(),
            modes: Modes::default(),
            attributes: GivenAttributes::default(),
            backup: None,
            failed_backup: None,
            put_by: VecDeque::new(),
            put_by_bytes: 0,
            released: 0,
            has_doubt,
            lone: Lone::default(),
            waiting: WaitingFiles::default(),
            flushing: None,
            across: None,
            changes: SideBySide::default(),
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
        while let Some(item) = items.as_slice().first() {
            if self.needs_flush_before(item) {
                self.put_back(items.collect(), payload);
                break;
            }
            let Some(item) = items.next() else { break };
            let bytes = payload.split_at_checked(item.payload_bytes() as usize);
            let (bytes, rest) = bytes.ok_or_else(without_bytes)?;
            payload = rest;
            self.take_item(item, bytes, monitor)?;
            if self.waits_for_backup() || (items.len() > 0 && (self.is_flush_due() || is_over())) {
                self.put_back(items.collect(), payload);
                break;
            }
        }
        self.make_changes(monitor);
        Ok(())
    }

    /// Reports whether something waits to be unpacked, a backup to be copied, or a flush is due: then
    /// [`Unpacker::work`] is to be called.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        !self.put_by.is_empty() || self.waits_for_backup() || self.is_flush_due()
    }

    fn take_item(&mut self, item: Item, bytes: &[u8], monitor: &mut dyn UnpackerMonitor) -> Result<(), Trouble> {
        self.lone.note(&item);
        if !matches!(item, Item::Move { .. } | Item::Remove { .. } | Item::Touch { .. }) {
            self.make_changes(monitor);
        }
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
            Item::KeptLink { path, target, rule } => self.take_kept_link(path, &target, rule, monitor)?,
            Item::HardLink { path, of, rule } => self.take_hard_link(path, &of, rule, monitor)?,
            Item::Special { path, special, modified, mode, rule } => {
                self.take_special(path, &NewSpecial { special, mode, modified }, rule, monitor)?;
            }
            Item::Base { path } => self.base(&path, monitor)?,
            Item::Copy { offset, length } => self.write(Written::Copy { offset, length }, monitor)?,
            Item::Attributes { path, attributes } => self.take_attributes(&path, &attributes, monitor)?,
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

    /// Opens a directory, and makes it if it is below the destination and the sender has not named it.
    fn open_or_make(&self, directory: &RemotePath) -> StoreResult<Box<dyn Directory>> {
        match self.store.directory(directory) {
            // The destination itself is never made again: somebody has removed it.
            Err(failure) if failure.code == ErrorCode::NotFound && *directory != self.options.destination => {
                match self.store.make_directory(directory, true, true) {
                    // A link that leads nowhere is no directory, as a file in its place is none.
                    Err(failure) if failure.code == ErrorCode::AlreadyExists => Err(ErrorCode::NotADirectory.into()),
                    made => made.and_then(|_| self.store.directory(directory)),
                }
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
        self.flush_waiting(monitor);
        self.expect_between()?;
        self.settle_backup(monitor);
        // Last of all: these bits may keep files out of their directories.
        std::mem::take(&mut self.modes).finish(&*self.store, &mut not_given(&self.options, monitor));
        self.finish_attributes(monitor);
        self.stored.is_on_disk = self.lone.is_on_disk();
        Ok(self.stored)
    }

    /// Ends the stream for want of room. The partial of the open file is retained as after a failure of its own.
    pub fn give_up_for_want_of_room(self) {
        if let Current::Open(open) = self.current {
            let _known = open.give_up(ErrorCode::NoSpace.into());
        }
    }

    /// Interrupts the stream, and retains the partial of the open file. Files that wait for a flush are made visible
    /// before.
    pub fn interrupt(mut self, monitor: &mut dyn UnpackerMonitor) {
        self.flush_waiting(monitor);
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
