//! Walks, sources, removals and edits of a place in a store, by the paths that it has from elsewhere.

use crate::store::{
    Editing, Extent, Opening, Removal, RemovalProgress, Source, SourceState, StoreResult, Unlisted, Walk,
};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Entry, Failure, Listed, Version};
use std::os::fd::BorrowedFd;

/// A place in a store, and the path by which its caller knows it.
pub(super) struct Inside {
    pub(super) place: RemotePath,
    pub(super) path: RemotePath,
}

impl Inside {
    /// The path of what is at or below the place, as the caller knows it; `None` for what is elsewhere.
    pub(super) fn path_of(&self, place: &RemotePath) -> Option<RemotePath> {
        if *place == self.place {
            return Some(self.path.clone());
        }
        self.path.join(place.relative_to(&self.place)?).ok()
    }

    /// A failure without a word of what is elsewhere. Its path may be no valid one, of a name that is no UTF-8.
    fn failure(&self, mut failure: Failure) -> Failure {
        let top = self.place.as_str().trim_end_matches('/');
        failure.path = failure.path.map(|path| match path.strip_prefix(top) {
            Some(below) if below.starts_with('/') => format!("{}{below}", self.path.as_str().trim_end_matches('/')),
            _ => self.path.to_string(),
        });
        failure
    }
}

pub(super) struct InsideWalk {
    pub(super) walk: Box<dyn Walk>,
    pub(super) inside: Inside,
}

impl Walk for InsideWalk {
    fn next(&mut self) -> Option<Listed> {
        loop {
            return Some(match self.walk.next()? {
                Listed::Entry(entry) => match self.inside.path_of(&entry.path) {
                    Some(path) => Listed::Entry(Entry { path, ..entry }),
                    None => continue,
                },
                Listed::Failed(failure) => Listed::Failed(self.inside.failure(failure)),
            });
        }
    }

    fn skip_directory(&mut self) {
        self.walk.skip_directory();
    }

    fn tell_removed(&mut self) {
        self.walk.tell_removed();
    }

    fn open_ahead(&mut self) {
        self.walk.open_ahead();
    }

    fn take_opened(&mut self) -> Option<Box<dyn Source>> {
        let source = self.walk.take_opened()?;
        let path = self.inside.path_of(&source.entry().path)?;
        Some(Box::new(InsideSource::new(source, &path)))
    }

    fn unlisted(&self) -> Option<&Unlisted> {
        self.walk.unlisted()
    }

    fn memory_bytes(&self) -> u64 {
        self.walk.memory_bytes()
    }
}

pub(super) struct InsideOpening {
    pub(super) opening: Box<dyn Opening>,
    pub(super) path: RemotePath,
}

impl Opening for InsideOpening {
    fn end(self: Box<Self>) -> StoreResult<Box<dyn Source>> {
        Ok(Box::new(InsideSource::new(self.opening.end()?, &self.path)))
    }

    fn memory_bytes(&self) -> u64 {
        self.opening.memory_bytes()
    }
}

pub(super) struct InsideRemoval {
    pub(super) removal: Box<dyn Removal>,
    pub(super) inside: Inside,
}

impl Removal for InsideRemoval {
    fn step(&mut self) -> StoreResult<RemovalProgress> {
        self.removal.step().map_err(|failure| self.inside.failure(failure))
    }

    fn step_while(&mut self, may_go_on: &dyn Fn() -> bool) -> StoreResult<RemovalProgress> {
        self.removal.step_while(may_go_on).map_err(|failure| self.inside.failure(failure))
    }

    fn memory_bytes(&self) -> u64 {
        self.removal.memory_bytes()
    }

    fn count_bytes(&mut self) {
        self.removal.count_bytes();
    }

    fn removed_bytes(&self) -> Option<u64> {
        self.removal.removed_bytes()
    }
}

pub(super) struct InsideSource {
    source: Box<dyn Source>,
    entry: Entry,
}

impl InsideSource {
    pub(super) fn new(source: Box<dyn Source>, path: &RemotePath) -> Self {
        let entry = Entry { path: path.clone(), ..source.entry().clone() };
        Self { source, entry }
    }
}

impl Source for InsideSource {
    fn entry(&self) -> &Entry {
        &self.entry
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> StoreResult<usize> {
        self.source.read_at(buffer, offset)
    }

    fn extent_at(&self, offset: u64) -> StoreResult<Extent> {
        self.source.extent_at(offset)
    }

    fn is_unchanged(&self) -> StoreResult<bool> {
        self.source.is_unchanged()
    }

    fn state(&self) -> StoreResult<SourceState> {
        self.source.state()
    }

    fn size_now(&self) -> StoreResult<u64> {
        self.source.size_now()
    }

    fn has_left(&self) -> StoreResult<bool> {
        self.source.has_left()
    }

    fn identity(&self) -> Option<u64> {
        self.source.identity()
    }

    fn local_file(&self) -> Option<BorrowedFd<'_>> {
        self.source.local_file()
    }

    fn as_any(&self) -> Option<&dyn std::any::Any> {
        self.source.as_any()
    }

    fn version(&self) -> Version {
        self.source.version()
    }
}

pub(super) struct InsideEditing {
    pub(super) editing: Box<dyn Editing>,
    pub(super) path: RemotePath,
}

impl Editing for InsideEditing {
    fn look(&self) -> StoreResult<(Entry, Version)> {
        let (entry, version) = self.editing.look()?;
        Ok((Entry { path: self.path.clone(), ..entry }, version))
    }

    fn write_at(&mut self, bytes: &[u8], offset: u64) -> StoreResult<()> {
        self.editing.write_at(bytes, offset)
    }

    fn append(&mut self, bytes: &[u8]) -> StoreResult<()> {
        self.editing.append(bytes)
    }

    fn set_length(&mut self, length: u64) -> StoreResult<()> {
        self.editing.set_length(length)
    }

    fn finish(self: Box<Self>) -> StoreResult<(Entry, Version)> {
        let Self { editing, path } = *self;
        let (entry, version) = editing.finish()?;
        Ok((Entry { path, ..entry }, version))
    }
}
