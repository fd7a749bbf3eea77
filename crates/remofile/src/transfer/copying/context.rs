//! The state that all parts of a copy share, and the files that wait for a flush.

use super::options::{Copied, CopyEffect, CopyOptions};
use crate::store::{Capability, Directory, NewSpecial, Staged, Store, StoreResult};
use crate::transfer::attributes::GivenAttributes;
use crate::transfer::conflict::{self, FileStamp};
use crate::transfer::permit::{Access, target_of};
use crate::transfer::real_path;
use remofile_protocol::path::{FileName, RemotePath};
use remofile_protocol::wire::{AttributeSet, Entry, ErrorCode, Failure, OnConflict};
use std::collections::HashSet;
use std::sync::Arc;

/// Files that wait for a flush at most, and bytes in them.
const MOST_WAITING: usize = 256;
const MOST_WAITING_BYTES: u64 = 64 * 1024 * 1024;

/// Memory of a file that waits, beside its path, in bytes.
const WAITING_BYTES: usize = 512;

/// A copy without its state.
pub(super) struct CopyContext {
    pub(super) store: Arc<dyn Store>,
    pub(super) options: CopyOptions,
    pub(super) copied: Copied,
    /// Everything that was made since these were taken last.
    pub(super) effects: Vec<CopyEffect>,
    /// The directory that files were staged in last.
    directory: Option<(RemotePath, Box<dyn Directory>)>,
    waiting: Vec<CompleteCopy>,
    waiting_bytes: u64,
    given: GivenAttributes,
    /// Copies that failed: what is at their paths is not what their sources have.
    lost: HashSet<RemotePath>,
}

/// A copy that is complete and not visible yet.
pub(super) struct CompleteCopy {
    pub(super) from: RemotePath,
    pub(super) path: RemotePath,
    pub(super) staged: Box<dyn Staged>,
    pub(super) bytes: u64,
}

impl CopyContext {
    pub(super) fn new(store: Arc<dyn Store>, options: CopyOptions) -> Self {
        let copied = Copied::default();
        let given = GivenAttributes::default();
        let lost = HashSet::new();
        let (effects, waiting) = (Vec::new(), Vec::new());
        Self { store, options, copied, effects, directory: None, waiting, waiting_bytes: 0, given, lost }
    }

    pub(super) fn has(&self, capability: Capability) -> bool {
        self.store.capabilities().has(capability)
    }

    pub(super) fn memory_bytes(&self) -> u64 {
        let paths = self.waiting.iter().map(|file| file.path.as_str().len() + file.from.as_str().len());
        let paths: usize = paths.sum();
        (self.waiting.len() * WAITING_BYTES + paths) as u64
    }

    /// Asks for the permission to give something new a path.
    pub(super) fn permit(&self, path: &RemotePath) -> StoreResult<()> {
        self.options.permit.permit(Access::by_rule(self.options.on_conflict), path)
    }

    /// Gives the directory of a path, which is held open as long as files come for it, and the last name.
    pub(super) fn directory_of(&mut self, path: &RemotePath) -> StoreResult<(&dyn Directory, FileName)> {
        let (parent, name) = path.split()?;
        let held = match self.directory.take() {
            Some(held) if held.0 == parent => held,
            _ => {
                let opened = self.store.directory(&parent)?;
                (parent, opened)
            }
        };
        Ok((&*self.directory.insert(held).1, name))
    }

    /// Makes a link with the target of another one. Returns its path.
    pub(super) fn copy_link(&mut self, from: &RemotePath, to: &RemotePath) -> StoreResult<RemotePath> {
        let (keeps, rule) = (self.options.as_they_are, self.options.on_conflict);
        let target = if keeps { self.store.kept_target(from) } else { self.store.read_link(from) };
        let target = target.map_err(|failure| failure.at(from))?;
        let made = self.permit(to).and_then(|()| {
            if keeps {
                return conflict::keep_link(&*self.store, to.clone(), &target, rule);
            }
            target_of(to, &target).map_or(Ok(()), |led| self.options.permit.permit(Access::Lead, &led))?;
            conflict::make_link(&*self.store, to.clone(), &target, rule)
        });
        let made = made.map_err(|failure| failure.at(to))?;
        self.note_link(&made);
        Ok(made)
    }

    fn note_link(&mut self, path: &RemotePath) {
        self.copied.files += 1;
        self.effects.push(CopyEffect::Linked { path: path.clone() });
    }

    /// Makes a special file like another one. Returns its path.
    pub(super) fn copy_special(&mut self, from: &Entry, to: &RemotePath) -> StoreResult<RemotePath> {
        let special = self.store.special(&from.path).map_err(|failure| failure.at(&from.path))?;
        let new = NewSpecial { special, mode: from.mode, modified: Some(from.modified) };
        let made = self
            .permit(to)
            .and_then(|()| conflict::make_special(&*self.store, to.clone(), &new, self.options.on_conflict));
        let made = made.map_err(|failure| failure.at(to))?;
        self.note_link(&made);
        Ok(made)
    }

    /// Gives a file that was copied another name; `from` is what the source has for it.
    pub(super) fn add_name(&mut self, from: &RemotePath, of: &RemotePath, to: &RemotePath) -> StoreResult<()> {
        if self.lost.contains(of) {
            return Err(ErrorCode::NotFound.into());
        }
        let rule = match self.options.on_conflict {
            // A name has no time, so it is compared by that of its source.
            OnConflict::Newer => {
                let entry = self.store.stat(from).map_err(|failure| failure.at(from))?;
                let stamp = FileStamp { size: Some(entry.size), modified: Some(entry.modified) };
                conflict::resolve(&*self.store, to.clone(), stamp, OnConflict::Newer, false)
                    .map_err(|failure| failure.at(to))?;
                OnConflict::Replace
            }
            rule => rule,
        };
        let named = self.permit(to).and_then(|()| conflict::add_name(&*self.store, of, to.clone(), rule));
        let named = named.map_err(|failure| failure.at(to))?;
        self.note_link(&named);
        Ok(())
    }

    /// Gives a copy the attributes of its source that it was asked to have.
    ///
    /// # Errors
    /// As [`CopyContext::complete`].
    pub(super) fn give_attributes(
        &mut self,
        from: &RemotePath,
        to: &RemotePath,
        failed: &mut dyn FnMut(Failure),
    ) -> StoreResult<()> {
        let wanted = self.options.attributes;
        if !wanted.is_any() {
            return Ok(());
        }
        let (store, from) = (Arc::clone(&self.store), &self.followed(from));
        let told = match store.attributes(from, wanted) {
            Err(failure) if failure.code == ErrorCode::OutOfResources => {
                failed(failure.at(from));
                store.attributes(from, wanted.without(AttributeSet::EXTENDED))
            }
            told => told,
        };
        let given = told.map_err(|failure| failure.at(from)).and_then(|attributes| {
            let given = self.given.give(&*store, to, to.as_str(), &attributes, wanted);
            given.map(drop).map_err(|failure| failure.at(to))
        });
        given.or_else(|failure| pass_on(failure, failed))
    }

    /// Returns the path of what is copied: the source itself may be a link, which is followed.
    pub(super) fn followed(&self, from: &RemotePath) -> RemotePath {
        let is_source = self.options.follow && *from == self.options.source;
        let real = is_source.then(|| real_path(&*self.store, from).ok()).flatten();
        real.unwrap_or_else(|| from.clone())
    }

    /// Tells of the attributes that copies could not be given.
    pub(super) fn tell_refused(&mut self, failed: &mut dyn FnMut(Failure)) {
        std::mem::take(&mut self.given).failures().into_iter().for_each(failed);
    }

    /// Makes a complete file visible, or has it wait for a flush that many share.
    ///
    /// # Errors
    /// The reason why nothing more is copied.
    pub(super) fn complete(&mut self, mut file: CompleteCopy, failed: &mut dyn FnMut(Failure)) -> StoreResult<()> {
        match file.staged.end_writing() {
            Ok(true) => {
                self.waiting_bytes = self.waiting_bytes.saturating_add(file.bytes);
                self.waiting.push(file);
                let limit = MOST_WAITING_BYTES.min(self.store.waiting_bytes_limit());
                // A name that the rule finds free must be taken before it looks for the next one.
                let looks_for_names = self.options.on_conflict == OnConflict::Rename;
                if self.waiting.len() >= MOST_WAITING || self.waiting_bytes >= limit || looks_for_names {
                    self.flush(failed)?;
                }
                Ok(())
            }
            Ok(false) => self.commit(file, failed),
            Err(failure) => self.lose(file.path, failure, failed),
        }
    }

    /// Brings the files that wait to the disk, and makes them visible.
    ///
    /// # Errors
    /// As [`CopyContext::complete`].
    pub(super) fn flush(&mut self, failed: &mut dyn FnMut(Failure)) -> StoreResult<()> {
        let mut waiting = std::mem::take(&mut self.waiting);
        self.waiting_bytes = 0;
        if !waiting.is_empty() {
            self.store.flush_staged()?;
        }
        if waiting.len() > 1 {
            waiting.iter_mut().for_each(|file| file.staged.begin_commit());
        }
        waiting.into_iter().try_for_each(|file| self.commit(file, failed))
    }

    fn commit(&mut self, file: CompleteCopy, failed: &mut dyn FnMut(Failure)) -> StoreResult<()> {
        let CompleteCopy { from, path, staged, bytes } = file;
        match staged.commit() {
            Ok(()) => {
                self.copied.files += 1;
                self.copied.bytes += bytes;
                self.effects.push(CopyEffect::Stored { path: path.clone(), bytes });
                self.give_attributes(&from, &path, failed)
            }
            Err(failure) => self.lose(path, failure, failed),
        }
    }

    /// Tells of a copy that failed. No other name is given to what is at its path.
    ///
    /// # Errors
    /// As [`CopyContext::complete`].
    pub(super) fn lose(
        &mut self,
        path: RemotePath,
        failure: Failure,
        failed: &mut dyn FnMut(Failure),
    ) -> StoreResult<()> {
        let failure = if failure.path.is_some() { failure } else { failure.at(&path) };
        if self.options.as_they_are {
            self.lost.insert(path);
        }
        pass_on(failure, failed)
    }
}

/// Tells of what could not be copied, unless nothing else can be either.
///
/// # Errors
/// The failure, if it ends the copy.
pub(super) fn pass_on(failure: Failure, failed: &mut dyn FnMut(Failure)) -> StoreResult<()> {
    match failure.code {
        ErrorCode::NoSpace | ErrorCode::QuotaExceeded | ErrorCode::ReadOnly => Err(failure),
        _ => {
            failed(failure);
            Ok(())
        }
    }
}
