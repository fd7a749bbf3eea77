//! Leases of operations that ended early, until the files that they made visible are flushed.
//!
//! One job of a session flushes for all of them, so that who begins and cancels again and again makes no more. A
//! session that ends meanwhile ends behind them: its leases are given back by that job.

use super::shared_state::SharedState;
use crate::blocking::{Pending, Pool, Promise, promise};
use crate::carrier::Waker;
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
    waker: Waker,
    queue: Arc<Mutex<Queue>>,
}

#[derive(Default)]
struct Queue {
    /// Leases that are given back after the next flush.
    ended: Vec<Ended>,
    /// True while a job flushes.
    is_flushing: bool,
}

struct Ended {
    /// The operation that had the lease; `None` for all of the session.
    operation: Option<OperationId>,
    released: Promise<()>,
}

impl Settling {
    pub(super) fn new(shared: Arc<SharedState>, pool: Pool, store: Arc<dyn Store>, session: u64, waker: Waker) -> Self {
        Self { shared, pool, store, session, waker, queue: Arc::default() }
    }

    /// Releases the lease of an operation, or all leases of the session. The files that an unfinished operation made
    /// visible are flushed before: no other operation may look at them until the outcome is known. Returns the release that
    /// is still to come, which wakes the session; `None` if it is done.
    pub(super) fn release(&self, operation: Option<OperationId>, is_unfinished: bool) -> Option<Pending<()>> {
        let shared = &self.shared;
        let mut queue = self.lock();
        let is_unflushed = is_unfinished && shared.options.fsync == Fsync::End && self.store.is_unflushed();
        let must_flush = is_unflushed || (operation.is_none() && queue.is_flushing);
        // A server that stops flushes here, since the process would not wait for the thread.
        if must_flush && shared.stopping.load(Ordering::Acquire) {
            drop(queue);
            self.flush();
        } else if must_flush {
            let (released, pending) = promise(self.waker.clone());
            queue.ended.push(Ended { operation, released });
            shared.leases.settle(self.session, operation);
            if !mem::replace(&mut queue.is_flushing, true) {
                drop(queue);
                let settling = self.clone();
                self.pool.run_detached(move || settling.run());
            }
            return Some(pending);
        }
        shared.leases.release(Instant::now(), self.session, operation);
        None
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
            for Ended { operation, released } in ended {
                self.shared.leases.release(Instant::now(), self.session, operation);
                released.keep(());
            }
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
