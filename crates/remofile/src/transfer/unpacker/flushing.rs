//! A flush that goes on beside the files that come, and what it makes visible.

use super::super::receiving::{CompleteFile, FileNames};
use super::waiting_files::{InProcess, WaitingFiles};
use crate::store::{Store, StoreResult};
use remofile_protocol::wire::{ErrorCode, Failure};
use std::collections::VecDeque;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// Files that are flushed on a thread of its own, which then commits them: whoever takes files in has enough to do. Once this is
/// dropped, no more of them is committed.
pub(super) struct Flushing {
    /// The items that have to wait for them, and the files that have a backup, which are not committed there.
    pub(super) batch: WaitingFiles,
    queue: CommitQueue,
    thread: JoinHandle<StoreResult<()>>,
}

/// The outcome of a flush and its files.
pub(super) struct Flushed {
    pub(super) outcome: StoreResult<()>,
    pub(super) committed: Vec<Committed>,
    /// The files that are not committed yet.
    pub(super) left: Vec<(CompleteFile, InProcess)>,
}

/// A file that was committed, or could not be.
pub(super) struct Committed {
    pub(super) names: FileNames,
    pub(super) is_directory: bool,
    /// Its size in bytes.
    pub(super) outcome: StoreResult<u64>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<(CompleteFile, InProcess)>,
    committed: Vec<Committed>,
}

/// The files that a thread commits, as long as somebody wants them.
struct CommitQueue(Arc<Mutex<Queue>>);

impl Drop for CommitQueue {
    fn drop(&mut self) {
        lock(&self.0).waiting.clear();
    }
}

impl Flushing {
    /// Begins the flush of a batch.
    ///
    /// # Errors
    /// The batch, if there is no thread for it.
    pub(super) fn begin(store: &Arc<dyn Store>, mut batch: WaitingFiles) -> Result<Self, Box<WaitingFiles>> {
        let (backed, plain): (Vec<_>, Vec<_>) =
            mem::take(&mut batch.files).into_iter().partition(|(file, _)| file.has_backup());
        batch.files = backed;
        let queue = Arc::new(Mutex::new(Queue { waiting: plain.into(), committed: Vec::new() }));
        let (store, files) = (Arc::clone(store), Arc::clone(&queue));
        let flush = move || {
            store.flush_staged()?;
            while commit_next(&files) {}
            Ok(())
        };
        match std::thread::Builder::new().name("flush".to_owned()).spawn(flush) {
            Ok(thread) => Ok(Self { batch, queue: CommitQueue(queue), thread }),
            Err(_) => {
                batch.files.extend(mem::take(&mut lock(&queue).waiting));
                Err(Box::new(batch))
            }
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits until all is flushed and committed that can be, and returns what came of it.
    pub(super) fn wait(self) -> Flushed {
        let Self { batch, queue, thread } = self;
        let outcome = thread.join().unwrap_or_else(|_| Err(broke_off()));
        let Queue { waiting, committed } = mem::take(&mut *lock(&queue.0));
        Flushed { outcome, committed, left: waiting.into_iter().chain(batch.files).collect() }
    }
}

/// Commits the next file; false if there is none. Whoever gives the files up waits for no more than this one.
fn commit_next(queue: &Mutex<Queue>) -> bool {
    let mut queue = lock(queue);
    let Some((file, _in_process)) = queue.waiting.pop_front() else { return false };
    let (names, is_directory) = (file.names().clone(), file.is_directory());
    // Before it is tried, so that a file is told of even if this thread panics.
    queue.committed.push(Committed { names, is_directory, outcome: Err(broke_off()) });
    let outcome = file.commit();
    if let Some(last) = queue.committed.last_mut() {
        last.outcome = outcome;
    }
    true
}

fn lock(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    // Each change of it is complete before anything can panic.
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

fn broke_off() -> Failure {
    Failure::new(ErrorCode::DiskFailure).because("the flush broke off")
}
