//! Files that clients write and nobody sees yet: each open on the server from its first request until it is committed or
//! discarded, so that it outlives lost connections.
//!
//! Nothing is left of one that its writer has abandoned: it has no name on the disk where the file system can do without,
//! and what its session was is known. Invariant: only requests under the grant that it began with get at it.

mod staged_file;

pub(super) use staged_file::{Commit, SessionMark, StagedFile, Writer};

use super::principal::{Grant, PrincipalId};
use crate::store::{Staged, StoreResult};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{ErrorCode, Failure, StagedFileId};
use staged_file::{lock, unknown};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

/// Files of all clients together at most, and descriptors of the process for each: most are for other things.
const MOST_FILES: usize = 4096;
const DESCRIPTORS_A_FILE: u64 = 16;

/// Files that were committed last, of which it is remembered: their writers may ask again after a lost connection.
const MOST_REMEMBERED: usize = 4096;

/// The staged files of all clients of a server.
#[derive(Default)]
pub(super) struct StagedFiles {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    open: HashMap<Key, Arc<StagedFile>>,
    /// The ones committed last, the latest behind.
    committed: VecDeque<Key>,
}

/// The name of a staged file: nobody meets those of another principal.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    principal: PrincipalId,
    file: StagedFileId,
}

impl StagedFiles {
    /// Takes in a file that begins. One of the same name, which a request that is repeated has begun, is forgotten.
    ///
    /// # Errors
    /// `out-of-resources` if there are too many.
    pub(super) fn begin(
        &self,
        id: StagedFileId,
        path: &RemotePath,
        who: Writer<'_>,
        stage: impl FnOnce() -> StoreResult<Box<dyn Staged>>,
    ) -> StoreResult<Arc<StagedFile>> {
        self.sweep(Instant::now());
        if self.lock().open.len() >= most_files() {
            let why = "too many files are being written at once: close some of them";
            return Err(Failure::new(ErrorCode::OutOfResources).because(why));
        }
        let file = Arc::new(StagedFile::new(path, who, stage()?));
        let mut state = self.lock();
        let former = state.open.insert(Key::of(who.grant, id), Arc::clone(&file));
        drop(state);
        drop(former);
        Ok(file)
    }

    /// Returns the file of a name.
    ///
    /// # Errors
    /// `partial-changed` if there is none for this path under this grant.
    pub(super) fn find(&self, id: StagedFileId, path: &RemotePath, who: Writer<'_>) -> StoreResult<Arc<StagedFile>> {
        let state = self.lock();
        let file = state.open.get(&Key::of(who.grant, id)).filter(|file| file.is_of(who.grant, path));
        let file = file.ok_or_else(unknown)?;
        file.note_use(who);
        Ok(Arc::clone(file))
    }

    /// Reports whether a file has become visible already.
    pub(super) fn is_committed(&self, id: StagedFileId, who: Writer<'_>) -> bool {
        self.lock().committed.iter().rev().any(|committed| *committed == Key::of(who.grant, id))
    }

    /// Makes a file visible, which ends it. If that fails it stays, for another attempt.
    ///
    /// # Errors
    /// `integrity-failure` if it has not this size; as [`Staged::try_commit`].
    pub(super) fn commit(
        &self,
        id: StagedFileId,
        file: &Arc<StagedFile>,
        commit: Commit,
        grant: &Grant,
    ) -> StoreResult<()> {
        let key = Key::of(grant, id);
        file.commit(commit)?;
        self.remove(key, file);
        let mut state = self.lock();
        if state.committed.len() >= MOST_REMEMBERED {
            state.committed.pop_front();
        }
        state.committed.push_back(key);
        Ok(())
    }

    /// Forgets a file.
    pub(super) fn discard(&self, id: StagedFileId, file: &Arc<StagedFile>, grant: &Grant) {
        self.remove(Key::of(grant, id), file);
    }

    fn remove(&self, key: Key, file: &Arc<StagedFile>) {
        let mut state = self.lock();
        let removed = match state.open.get(&key) {
            Some(there) if Arc::ptr_eq(there, file) => state.open.remove(&key),
            _ => None,
        };
        drop(state);
        drop(removed);
    }

    /// Forgets the files whose sessions ended long ago. To close a large one takes its time.
    pub(super) fn sweep(&self, now: Instant) {
        let mut state = self.lock();
        let abandoned: Vec<Key> =
            state.open.iter().filter(|(_, file)| file.is_abandoned(now)).map(|(key, _)| *key).collect();
        let removed: Vec<_> = abandoned.iter().filter_map(|key| state.open.remove(key)).collect();
        drop(state);
        if !removed.is_empty() {
            tracing::info!(files = removed.len(), "files whose writers are gone were discarded");
        }
    }

    #[cfg(test)]
    pub(super) fn open_files(&self) -> usize {
        self.lock().open.len()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl Key {
    fn of(grant: &Grant, file: StagedFileId) -> Self {
        Self { principal: grant.principal.id, file }
    }
}

fn most_files() -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    limit.map_or(MOST_FILES, |limit| usize::try_from(limit / DESCRIPTORS_A_FILE).unwrap_or(MOST_FILES)).min(MOST_FILES)
}

#[cfg(test)]
mod tests {
    use super::staged_file::KEPT_AFTER_SESSION;
    use super::*;
    use crate::server::options::ServerOptions;
    use crate::store::{MemoryStore, StagePlan, Store};
    use remofile_protocol::path::FileName;
    use std::time::Duration;

    const FILE: StagedFileId = StagedFileId([7; 16]);

    struct Scene {
        store: Arc<dyn Store>,
        grant: Arc<Grant>,
        files: StagedFiles,
    }

    impl Scene {
        fn new() -> Self {
            let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
            let grant = Arc::new(Grant::unlimited(Arc::clone(&store), &ServerOptions::default()));
            Self { store, grant, files: StagedFiles::default() }
        }

        fn begin(&self, session: &SessionMark) -> Arc<StagedFile> {
            let stage = || {
                let name = FileName::parse("f", remofile_protocol::path::NameRule::Portable)?;
                let plan = StagePlan { replace: true, ..StagePlan::default() };
                self.store.directory(&RemotePath::root())?.stage(&name, &plan)
            };
            self.files.begin(FILE, &path(), Writer { grant: &self.grant, session }, stage).unwrap()
        }
    }

    fn path() -> RemotePath {
        "/f".parse().unwrap()
    }

    fn code<T>(result: StoreResult<T>) -> Option<ErrorCode> {
        result.err().map(|failure| failure.code)
    }

    #[test]
    fn a_file_stays_as_long_as_its_session_and_an_hour() {
        let scene = Scene::new();
        let session = SessionMark::default();
        drop(scene.begin(&session));
        let day = Duration::from_secs(24 * 3600);
        scene.files.sweep(Instant::now() + day);
        assert_eq!(scene.files.open_files(), 1, "its session is there");
        drop(session);
        scene.files.sweep(Instant::now() + KEPT_AFTER_SESSION - Duration::from_secs(60));
        assert_eq!(scene.files.open_files(), 1, "its writer may come back");
        // Another session of the writer.
        let other = SessionMark::default();
        let who = Writer { grant: &scene.grant, session: &other };
        drop(scene.files.find(FILE, &path(), who).unwrap());
        scene.files.sweep(Instant::now() + day);
        assert_eq!(scene.files.open_files(), 1);
        drop(other);
        scene.files.sweep(Instant::now() + day);
        assert_eq!(scene.files.open_files(), 0);
    }

    #[test]
    fn who_takes_a_file_over_is_its_only_writer() {
        let scene = Scene::new();
        let session = SessionMark::default();
        let file = scene.begin(&session);
        let (first, second) = (file.take_over(), file.take_over());
        file.write_at(second, b"new", 0).unwrap();
        assert_eq!(code(file.write_at(first, b"old", 0)), Some(ErrorCode::Cancelled));
        assert_eq!(code(file.set_length(first, 0)), Some(ErrorCode::Cancelled));
        let commit =
            |writer, size| scene.files.commit(FILE, &file, Commit { writer, size, version: None }, &scene.grant);
        assert_eq!(code(commit(first, 3)), Some(ErrorCode::Cancelled));
        assert_eq!(code(commit(second, 4)), Some(ErrorCode::IntegrityFailure));
        commit(second, 3).unwrap();
        let who = Writer { grant: &scene.grant, session: &session };
        assert!(scene.files.is_committed(FILE, who));
        assert_eq!(code(scene.files.find(FILE, &path(), who)), Some(ErrorCode::PartialChanged));
    }

    #[test]
    fn nobody_meets_the_file_of_another_grant_or_path() {
        let scene = Scene::new();
        let session = SessionMark::default();
        drop(scene.begin(&session));
        let other = Arc::new(Grant::unlimited(Arc::clone(&scene.store), &ServerOptions::default()));
        let find = |grant: &Arc<Grant>, path: RemotePath| {
            code(scene.files.find(FILE, &path, Writer { grant, session: &session }))
        };
        assert_eq!(find(&other, path()), Some(ErrorCode::PartialChanged));
        assert_eq!(find(&scene.grant, "/g".parse().unwrap()), Some(ErrorCode::PartialChanged));
        assert_eq!(find(&scene.grant, path()), None);
    }
}
