//! The copy of a directory with what is in it.

use super::context::{CopyContext, pass_on};
use super::file::FileCopy;
use super::options::CopyEffect;
use super::second_names::{SecondName, SecondNames};
use crate::store::{Capability, Opening, StoreResult, Walk};
use crate::transfer::memory::ALLOCATION_BYTES;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Entry, ErrorCode, Failure, Kind, Listed, OnConflict, Timestamp};
use std::collections::VecDeque;

/// Elements that are read ahead in a store that is slow to open a file. Each may hold some hundred KiB.
const AHEAD: usize = 32;

/// A directory that is being copied.
pub(super) struct TreeCopy {
    walk: Box<dyn Walk>,
    /// The elements that come next, with the files that are being opened. Behind a directory there is none: what is in it may be
    /// left out.
    ahead: VecDeque<(Listed, Option<Box<dyn Opening>>)>,
    /// The number of the copy itself, which is not copied into itself.
    own: u128,
    file: Option<FileCopy>,
    /// The directories that were made, from the top down. They get their attributes in the end, when nothing more is made in
    /// them.
    made: Vec<Made>,
    made_bytes: usize,
    names: SecondNames,
}

struct Made {
    from: RemotePath,
    path: RemotePath,
    mode: Option<u32>,
    modified: Timestamp,
}

impl TreeCopy {
    /// Makes the directory of the copy.
    ///
    /// # Errors
    /// The reason, with the path that it is about.
    pub(super) fn begin(
        context: &mut CopyContext,
        source: &Entry,
        failed: &mut dyn FnMut(Failure),
    ) -> StoreResult<Self> {
        let mut walk = context.store.walk(&source.path, true).map_err(|failure| failure.at(&source.path))?;
        walk.tell_removed();
        let top = context.options.destination.clone();
        let updates = context.options.on_conflict != OnConflict::Abort;
        let made = context.permit(&top).and_then(|()| context.store.make_directory(&top, updates, false));
        let is_new = made.map_err(|failure| failure.at(&top))?;
        let own = context.store.identity(&top).map_err(|failure| failure.at(&top))?;
        let names = SecondNames::default();
        let mut tree = Self { walk, ahead: VecDeque::new(), own, file: None, made: Vec::new(), made_bytes: 0, names };
        if is_new {
            tree.note(context, top, source, failed);
        }
        Ok(tree)
    }

    pub(super) fn memory_bytes(&self) -> u64 {
        let ahead = self.ahead.iter().filter_map(|(_, opening)| opening.as_ref());
        let ahead: u64 = ahead.map(|opening| opening.memory_bytes()).sum();
        self.walk.memory_bytes() + ahead + self.made_bytes as u64 + self.names.memory_bytes()
    }

    /// Copies the next entry, or some bytes of it; whether all are copied.
    ///
    /// # Errors
    /// The reason why nothing more is copied.
    pub(super) fn step(&mut self, context: &mut CopyContext, failed: &mut dyn FnMut(Failure)) -> StoreResult<bool> {
        if self.file.is_some() {
            self.step_file(context, failed)?;
            return Ok(false);
        }
        let taken = match self.next(context) {
            None => return Ok(true),
            Some((Listed::Entry(entry), opening)) => self.take(context, &entry, opening, failed),
            Some((Listed::Failed(failure), _)) => Err(failure),
        };
        taken.or_else(|failure| pass_on(failure, failed))?;
        Ok(false)
    }

    /// Returns the next element, and the file if it is being opened.
    fn next(&mut self, context: &CopyContext) -> Option<(Listed, Option<Box<dyn Opening>>)> {
        let is_directory = |listed: &Listed| matches!(listed, Listed::Entry(entry) if entry.kind == Kind::Directory);
        while context.store.is_distant()
            && self.ahead.len() < AHEAD
            && !self.ahead.back().is_some_and(|(last, _)| is_directory(last))
            && let Some(listed) = self.walk.next()
        {
            let opening = match &listed {
                Listed::Entry(entry) if entry.kind == Kind::File => context.store.begin_open(&entry.path),
                Listed::Entry(_) | Listed::Failed(_) => None,
            };
            self.ahead.push_back((listed, opening));
        }
        self.ahead.pop_front().or_else(|| Some((self.walk.next()?, None)))
    }

    /// Copies some bytes more of the file that is being copied.
    fn step_file(&mut self, context: &mut CopyContext, failed: &mut dyn FnMut(Failure)) -> StoreResult<()> {
        let Some(mut file) = self.file.take() else { return Ok(()) };
        match file.step() {
            Ok(false) => self.file = Some(file),
            Ok(true) => file.finish(context, failed)?,
            Err(failure) => context.lose(file.path().clone(), failure, failed)?,
        }
        Ok(())
    }

    fn take(
        &mut self,
        context: &mut CopyContext,
        entry: &Entry,
        opening: Option<Box<dyn Opening>>,
        failed: &mut dyn FnMut(Failure),
    ) -> StoreResult<()> {
        let below = entry.path.relative_to(&context.options.source).unwrap_or_default();
        let to = context.options.destination.join(below);
        let to = to.map_err(|invalid| Failure::from(invalid).at(&entry.path));
        match entry.kind {
            Kind::Directory => {
                let made = to.and_then(|to| self.make_directory(context, entry, to, failed));
                if made.is_err() {
                    self.walk.skip_directory();
                }
                made
            }
            Kind::File => self.begin_file(context, (entry, opening), &to?, failed),
            Kind::Link => {
                let made = context.copy_link(&entry.path, &to?)?;
                context.give_attributes(&entry.path, &made, failed)
            }
            Kind::Special if context.options.devices => {
                let made = context.copy_special(entry, &to?)?;
                context.give_attributes(&entry.path, &made, failed)
            }
            Kind::Special => {
                let why = "it is a device, a socket or a pipe";
                Err(Failure::new(ErrorCode::Skipped).because(why).at(&entry.path))
            }
        }
    }

    fn begin_file(
        &mut self,
        context: &mut CopyContext,
        (entry, opening): (&Entry, Option<Box<dyn Opening>>),
        to: &RemotePath,
        failed: &mut dyn FnMut(Failure),
    ) -> StoreResult<()> {
        let shared = match context.options.as_they_are {
            true => context.store.shared_identity(&entry.path).map_err(|failure| failure.at(&entry.path))?,
            false => None,
        };
        let Some(number) = shared else {
            self.file = FileCopy::begin(context, &entry.path, opening, to)?;
            return match &self.file {
                Some(_) => Ok(()),
                None => context.give_attributes(&entry.path, to, failed),
            };
        };
        if self.names.takes(number, &entry.path, to) {
            return Ok(());
        }
        self.file = FileCopy::begin(context, &entry.path, opening, to)?;
        self.names.add(number, self.file.as_ref().map_or(to, FileCopy::path));
        match &self.file {
            Some(_) => Ok(()),
            None => context.give_attributes(&entry.path, to, failed),
        }
    }

    fn make_directory(
        &mut self,
        context: &mut CopyContext,
        entry: &Entry,
        to: RemotePath,
        failed: &mut dyn FnMut(Failure),
    ) -> StoreResult<()> {
        let is_own = context.store.identity(&entry.path).is_ok_and(|identity| identity == self.own);
        if is_own {
            return Err(Failure::new(ErrorCode::IntoItself).at(&entry.path));
        }
        let made = context.permit(&to).and_then(|()| context.store.make_directory(&to, true, false));
        if made.map_err(|failure| failure.at(&to))? {
            self.note(context, to, entry, failed);
        }
        Ok(())
    }

    fn note(&mut self, context: &mut CopyContext, path: RemotePath, source: &Entry, failed: &mut dyn FnMut(Failure)) {
        context.copied.directories += 1;
        context.effects.push(CopyEffect::Directory { path: path.clone() });
        let from = source.path.clone();
        // At once: what a link in it is told to belong to is what its directory does.
        if let Err(failure) = context.store.hold_as(&context.followed(&from), &path) {
            failed(failure.at(&path));
        }
        self.made_bytes += size_of::<Made>() + path.as_str().len() + from.as_str().len() + 2 * ALLOCATION_BYTES;
        self.made.push(Made { from, path, mode: source.mode, modified: source.modified });
    }

    /// Gives a file another name or, when all have theirs, a directory that was made the attributes of its source; whether that
    /// is done for all.
    ///
    /// # Errors
    /// The reason why nothing more is done.
    pub(super) fn finish_one(
        &mut self,
        context: &mut CopyContext,
        failed: &mut dyn FnMut(Failure),
    ) -> StoreResult<bool> {
        if self.file.is_some() {
            self.step_file(context, failed)?;
            return Ok(false);
        }
        if let Some(SecondName { from, of, path }) = self.names.next() {
            match context.add_name(&from, &of, &path) {
                // The first could not be copied: this one may be.
                Err(failure) if matches!(failure.code, ErrorCode::NotFound | ErrorCode::NotAFile) => {
                    match FileCopy::begin(context, &from, None, &path) {
                        Ok(file) => self.file = file,
                        Err(failure) => pass_on(failure, failed)?,
                    }
                }
                named => named.or_else(|failure| pass_on(failure, failed))?,
            }
            return Ok(false);
        }
        context.flush(failed)?;
        // The deepest first: what a directory's own bits shut out has its own by then.
        let Some(Made { from, path, mode, modified }) = self.made.pop() else { return Ok(true) };
        let times = context.has(Capability::Times).then(|| context.store.set_modified(&path, modified));
        let mode = mode.filter(|_| context.has(Capability::Modes));
        let modes = mode.map(|mode| context.store.set_mode(&path, mode));
        for failure in [times, modes].into_iter().flatten().filter_map(Result::err) {
            failed(failure.at(&path));
        }
        context.give_attributes(&from, &path, failed)?;
        Ok(false)
    }
}
