//! Leases of operations that ended early, until the files that they made visible are flushed.
//!
//! One job of a session flushes for all of them, so that who begins and cancels again and again makes no more. A
//! session that ends meanwhile ends behind them: its leases are given back by that job.

use super::shared_state::SharedState;
use crate::blocking::Pool;
use crate::store::{Fsync, Store};
use remofile_protocol::wire::OperationId;
use std::mem;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// The releaser of a session's leases. All clones belong to the same session.
#[derive(Clone)]
pub(super) struct Settling {
    shared: Arc<SharedState>,
    pool: Pool,
    store: Arc<dyn Store>,
    session: u64,
    queue: Arc<Mutex<Queue>>,
}

#[derive(Default)]
struct Queue {
    /// Operations whose leases are given back after the next flush; `None` for all of the session.
    ended: Vec<Option<OperationId>>,
    /// True while a job flushes.
    is_flushing: bool,
}

impl Settling {
    pub(super) fn new(shared: Arc<SharedState>, pool: Pool, store: Arc<dyn Store>, session: u64) -> Self {
        Self { shared, pool, store, session, queue: Arc::default() }
    }

    /// Releases the lease of an operation, or all leases of the session. The files that an unfinished operation made
    /// visible are flushed before: no other operation may look at them until the outcome is known.
    pub(super) fn release(&self, operation: Option<OperationId>, is_unfinished: bool) {
        let shared = &self.shared;
        let mut queue = self.lock();
        let is_unflushed = is_unfinished && shared.options.fsync == Fsync::End && self.store.is_unflushed();
        let must_flush = is_unflushed || (operation.is_none() && queue.is_flushing);
        // A server that stops flushes here, since the process would not wait for the thread.
        if must_flush && shared.stopping.load(Ordering::Acquire) {
            drop(queue);
            self.flush();
        } else if must_flush {
            queue.ended.push(operation);
            shared.leases.settle(self.session, operation);
            if queue.is_flushing {
                return;
            }
            queue.is_flushing = true;
            drop(queue);
            let settling = self.clone();
            return self.pool.run_detached(move || settling.run());
        }
        shared.leases.release(Instant::now(), self.session, operation);
    }

    /// Flushes until nothing waits for it.
    fn run(&self) {
        loop {
            let mut queue = self.lock();
            let ended = mem::take(&mut queue.ended);
            queue.is_flushing = !ended.is_empty();
            drop(queue);
            if ended.is_empty() {
                return;
            }
            self.flush();
            ended.into_iter().for_each(|operation| self.shared.leases.release(Instant::now(), self.session, operation));
        }
    }

    fn flush(&self) {
        let store = &self.store;
        if let Err(failure) = store.sync(store.flush_mark()) {
            tracing::error!(%failure, "files of an interrupted operation may not be on the disk");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Every change is complete before it can panic.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
