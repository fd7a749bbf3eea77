//! Moves that a store cannot make by a rename: to another file system below the same root.
//!
//! Everything is copied as it is, brought to the disk and compared with its source; only then is the source removed. Invariant:
//! nothing is removed if anything of it could not be copied, or has changed since.

use super::copying::{CopyOptions, Copying};
use super::permit::Permit;
use crate::store::{Capability, Removal, RemovalProgress, Store, StoreResult, Walk};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{AttributeSet, Entry, ErrorCode, Failure, Kind, Listed, OnConflict, Timestamp};
use std::sync::Arc;

/// The ends of a move.
#[derive(Debug, Clone)]
pub struct MoveOptions {
    /// The file, directory, link or special file that is moved.
    pub source: RemotePath,
    /// Its new path.
    pub destination: RemotePath,
    /// True if a file in the way is replaced. A directory never replaces anything.
    pub replace: bool,
    /// The permit for each path that is made.
    pub permit: Arc<dyn Permit>,
}

/// A move that is under way.
pub struct Moving {
    store: Arc<dyn Store>,
    source: RemotePath,
    destination: RemotePath,
    state: MoveState,
    /// True if something is at the destination.
    has_copied: bool,
}

enum MoveState {
    Copying(Box<Copying>),
    /// All is copied, and may not be on the disk.
    Copied,
    /// The content of a directory is compared with its copy.
    Comparing(Box<dyn Walk>),
    Removing(Box<dyn Removal>),
    Over,
    /// An error has ended it.
    Failed,
}

impl Moving {
    /// Begins a move after a rename that failed with `cross-device`.
    ///
    /// # Errors
    /// That failure again, of a store that cannot copy; `not-found` if the source is gone; what a look at it fails with otherwise.
    pub fn begin(store: &Arc<dyn Store>, options: MoveOptions) -> StoreResult<Self> {
        let MoveOptions { source, destination, replace, permit } = options;
        if !store.capabilities().has(Capability::Copies) {
            return Err(Failure::new(ErrorCode::CrossDevice).at(&source));
        }
        let is_directory = store.look(&source).map_err(|failure| failure.at(&source))?.kind == Kind::Directory;
        let on_conflict = if replace && !is_directory { OnConflict::Replace } else { OnConflict::Abort };
        let copying = CopyOptions {
            source: source.clone(),
            follow: false,
            destination: destination.clone(),
            recursive: true,
            on_conflict,
            parents: false,
            file_size_limit: u64::MAX,
            attributes: AttributeSet::ALL,
            as_they_are: true,
            devices: true,
            permit,
        };
        let store = Arc::clone(store);
        let state = MoveState::Copying(Box::new(Copying::new(Arc::clone(&store), copying)));
        Ok(Self { store, source, destination, state, has_copied: false })
    }

    /// Returns the memory that it holds, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        match &self.state {
            MoveState::Copying(copying) => copying.memory_bytes(),
            MoveState::Comparing(walk) => walk.memory_bytes(),
            MoveState::Removing(removal) => removal.memory_bytes(),
            MoveState::Copied | MoveState::Over | MoveState::Failed => 0,
        }
    }

    /// Goes on until `is_over`; whether all is moved.
    ///
    /// # Errors
    /// The reason why nothing more is done, with the path that it is about and what is where by then.
    pub fn work(&mut self, is_over: &dyn Fn() -> bool) -> StoreResult<bool> {
        loop {
            let state = std::mem::replace(&mut self.state, MoveState::Failed);
            let is_removing = matches!(state, MoveState::Removing(_));
            self.state = self.advance(state, is_over).map_err(|failure| self.told_where(failure, is_removing))?;
            if matches!(self.state, MoveState::Over) {
                return Ok(true);
            }
            if is_over() {
                return Ok(false);
            }
        }
    }

    fn advance(&mut self, state: MoveState, is_over: &dyn Fn() -> bool) -> StoreResult<MoveState> {
        Ok(match state {
            MoveState::Copying(copying) => self.copy(copying, is_over)?,
            MoveState::Copied => {
                self.flush()?;
                self.begin_comparing()?
            }
            MoveState::Comparing(mut walk) => match walk.next() {
                Some(Listed::Entry(entry)) => {
                    self.compare(&entry)?;
                    MoveState::Comparing(walk)
                }
                Some(Listed::Failed(failure)) => return Err(failure),
                None => self.begin_removing()?,
            },
            MoveState::Removing(mut removal) => match removal.step()? {
                RemovalProgress::More => MoveState::Removing(removal),
                RemovalProgress::Done { .. } => MoveState::Over,
            },
            MoveState::Over => MoveState::Over,
            MoveState::Failed => return Err(ErrorCode::Other.into()),
        })
    }

    /// Copies on. The first thing that cannot be copied ends the move.
    fn copy(&mut self, mut copying: Box<Copying>, is_over: &dyn Fn() -> bool) -> StoreResult<MoveState> {
        let mut failed = None;
        let copied = copying.work(is_over, &mut |failure| {
            failed.get_or_insert(failure);
        });
        self.has_copied |= !copying.take_effects().is_empty();
        match (copied, failed) {
            (_, Some(failure)) | (Err(failure), None) => Err(failure),
            (Ok(Some(_)), None) => Ok(MoveState::Copied),
            (Ok(None), None) => Ok(MoveState::Copying(copying)),
        }
    }

    /// Brings the copy to the disk, also where the store does not care: with the source the only one there is would go.
    fn flush(&self) -> StoreResult<()> {
        let (directory, _) = self.destination.split()?;
        self.store.directory(&directory)?.flush_file_system().map_err(|failure| failure.at(&self.destination))
    }

    fn begin_comparing(&self) -> StoreResult<MoveState> {
        let entry = self.store.look(&self.source)?;
        self.compare(&entry)?;
        match entry.kind {
            Kind::Directory => Ok(MoveState::Comparing(self.store.walk(&self.source, true)?)),
            Kind::File | Kind::Link | Kind::Special => self.begin_removing(),
        }
    }

    /// Refuses what is not as it was when it was copied.
    fn compare(&self, entry: &Entry) -> StoreResult<()> {
        let copy = match entry.path.relative_to(&self.source) {
            Some(below) if !below.is_empty() => self.destination.join(below)?,
            _ => self.destination.clone(),
        };
        if self.store.look(&copy).is_ok_and(|copy| is_copy(entry, &copy)) {
            return Ok(());
        }
        Err(Failure::new(ErrorCode::SourceChanged).because("it was changed while it was moved").at(&entry.path))
    }

    fn begin_removing(&self) -> StoreResult<MoveState> {
        self.store.remove_tree(&self.source).map(MoveState::Removing)
    }

    /// Adds to a failure what is where.
    fn told_where(&self, failure: Failure, is_removing: bool) -> Failure {
        let Self { source, destination, .. } = self;
        let failure = if failure.path.is_some() { failure } else { failure.at(source) };
        let now = match (is_removing, self.has_copied) {
            (true, _) => format!("all of it is in {destination} by now"),
            (false, true) => format!("nothing of {source} is removed, and what was copied is in {destination}"),
            (false, false) => return failure,
        };
        let said = failure.detail.as_ref().map_or_else(|| now.clone(), |detail| format!("{detail}; {now}"));
        failure.because(said)
    }
}

/// Reports whether something has the kind, and a file the size and time, of what it was copied of.
fn is_copy(source: &Entry, copy: &Entry) -> bool {
    let is_same_file = || copy.size == source.size && is_kept_time(source.modified, copy.modified);
    copy.kind == source.kind && (source.kind != Kind::File || is_same_file())
}

/// Reports whether a file system that was given a time keeps it so: some keep 100 nanoseconds, or two seconds, as one.
fn is_kept_time(given: Timestamp, kept: Timestamp) -> bool {
    let is_cut =
        kept.nanoseconds().is_multiple_of(100) && kept <= given && kept.seconds().saturating_add(2) > given.seconds();
    kept == given || is_cut
}

#[cfg(test)]
mod tests;
