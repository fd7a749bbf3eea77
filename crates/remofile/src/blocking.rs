//! Work that may wait for a disk, on threads of its own.
//!
//! Participants: whoever answers a peer gives a [`Pool`] a job and goes on; the job's end calls its waker, and
//! [`Pending`] has the result. Goals: as many threads as the pool was made for, none where nothing is to do, jobs of one
//! owner in the order they came; owners take turns, and none has all threads. Non-goals: what a job does, and when it stops: [`Slice`] tells a job that it has worked for long
//! enough, and whoever gave it gives it again behind those of others.

mod pending;
mod side_by_side;
mod slice;

pub(crate) use pending::{Lost, Pending, Promise, promise};
pub(crate) use side_by_side::side_by_side;
pub(crate) use slice::{Cancel, Slice};

use crate::carrier::Waker;
use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Threads of a server's pool at most: so many disk operations are under way at once.
const MOST_THREADS: usize = 64;

/// The time for which a thread waits for another job before it ends.
const IDLE: Duration = Duration::from_secs(10);

/// Threads for jobs that wait. Clones are the same pool. When the last is dropped, what was given is done still.
#[derive(Debug, Clone)]
pub(crate) struct Pool {
    handle: Arc<Handle>,
    owner: Owner,
}

/// Whose a job is. The jobs of one owner, be it that all of them hang, leave threads for those of others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Owner(pub(crate) u128);

/// Ends the threads when nobody can give jobs any more.
#[derive(Debug)]
struct Handle(Arc<Core>);

struct Core {
    state: Mutex<PoolState>,
    /// Called when there is another job, or none will come.
    more: Condvar,
    /// Called when nothing is to do.
    rest: Condvar,
    most_threads: usize,
    /// Threads that work for one owner at most.
    most_of_owner: usize,
}

/// The load of a pool at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PoolLoad {
    pub(crate) threads: usize,
    /// Threads that have a job.
    pub(crate) busy: usize,
    /// Jobs that wait for a thread.
    pub(crate) waiting: usize,
}

type Job = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct PoolState {
    /// Jobs that wait, and the owners that have some, in the order of their turns.
    jobs: HashMap<Owner, VecDeque<Job>>,
    order: VecDeque<Owner>,
    /// The number of threads.
    waiting: usize,
    /// The number of threads that work for each owner.
    running: HashMap<Owner, usize>,
    threads: usize,
    /// Threads that wait for a job.
    idle: usize,
    is_closed: bool,
}

impl Default for Pool {
    fn default() -> Self {
        Self::new(MOST_THREADS)
    }
}

impl Pool {
    /// A pool of so many threads at most, which start when they are needed.
    #[must_use]
    pub(crate) fn new(most_threads: usize) -> Self {
        let (state, more, rest) = (Mutex::default(), Condvar::new(), Condvar::new());
        // A quarter is left for others.
        let most_of_owner = most_threads - most_threads / 4;
        let core = Core { state, more, rest, most_threads, most_of_owner };
        Self { handle: Arc::new(Handle(Arc::new(core))), owner: Owner::default() }
    }

    /// The same pool, for the jobs of this owner.
    #[must_use]
    pub(crate) fn of(&self, owner: Owner) -> Self {
        Self { handle: Arc::clone(&self.handle), owner }
    }

    /// Runs a job on one of the threads; `waker` is called when its result is there.
    pub(crate) fn run<T: Send + 'static>(&self, waker: Waker, job: impl FnOnce() -> T + Send + 'static) -> Pending<T> {
        let (promise, pending) = promise(waker);
        self.give(Box::new(move || promise.keep(job())));
        pending
    }

    /// Runs a job that nobody waits for.
    pub(crate) fn run_detached(&self, job: impl FnOnce() + Send + 'static) {
        self.give(Box::new(job));
    }

    fn give(&self, job: Job) {
        let core = &self.handle.0;
        let mut state = core.lock();
        state.put(self.owner, job);
        if state.waiting <= state.idle || state.threads == core.most_threads {
            drop(state);
            return core.more.notify_one();
        }
        state.threads += 1;
        drop(state);
        let own = Arc::clone(core);
        let started = std::thread::Builder::new().name("blocking".to_owned()).spawn(move || own.serve());
        if started.is_ok() {
            return;
        }
        // With a thread there is somebody who comes to it; without any all that waits is done here rather than never.
        core.lock().threads -= 1;
        while let Some((owner, job)) = core.orphan() {
            core.run(owner, job);
        }
        core.rest.notify_all();
    }

    /// Returns what there is to do, and who does it.
    pub(crate) fn load(&self) -> PoolLoad {
        let state = self.handle.0.lock();
        let busy = state.threads.saturating_sub(state.idle);
        PoolLoad { threads: state.threads, busy, waiting: state.waiting }
    }

    /// Waits until everything that was given is done.
    pub(crate) fn drain(&self) {
        let core = &self.handle.0;
        let is_busy =
            |state: &mut PoolState| state.waiting > 0 || state.threads > state.idle || !state.running.is_empty();
        drop(core.rest.wait_while(core.lock(), is_busy));
    }
}

impl Core {
    fn serve(&self) {
        loop {
            match self.next() {
                Some((owner, job)) => self.run(owner, job),
                None => return self.rest.notify_all(),
            }
        }
    }

    /// A job that panics costs its result and no thread.
    fn run(&self, owner: Owner, job: Job) {
        let _lost = catch_unwind(AssertUnwindSafe(job));
        self.lock().end(owner);
    }

    /// A job that no thread is there for.
    fn orphan(&self) -> Option<(Owner, Job)> {
        let mut state = self.lock();
        if state.threads == 0 { state.take(usize::MAX) } else { None }
    }

    /// Waits for a job; `None` when this thread is to end.
    fn next(&self) -> Option<(Owner, Job)> {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.take(self.most_of_owner) {
                return Some(job);
            }
            if state.is_closed {
                state.threads -= 1;
                return None;
            }
            state.idle += 1;
            self.rest.notify_all();
            let waited = self.more.wait_timeout(state, IDLE);
            let (after, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            state = after;
            state.idle -= 1;
            if timeout.timed_out() && state.waiting == 0 {
                state.threads -= 1;
                return None;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, PoolState> {
        // Every change is complete before it can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PoolState {
    fn put(&mut self, owner: Owner, job: Job) {
        let jobs = self.jobs.entry(owner).or_default();
        if jobs.is_empty() {
            self.order.push_back(owner);
        }
        jobs.push_back(job);
        self.waiting += 1;
    }

    /// Takes the next job, of an owner for which fewer threads work than this.
    fn take(&mut self, most_of_owner: usize) -> Option<(Owner, Job)> {
        let has_room = |owner: &Owner| self.running.get(owner).is_none_or(|running| *running < most_of_owner);
        let turn = self.order.iter().position(has_room)?;
        let owner = self.order.remove(turn)?;
        let jobs = self.jobs.get_mut(&owner)?;
        let job = jobs.pop_front()?;
        match jobs.is_empty() {
            true => drop(self.jobs.remove(&owner)),
            false => self.order.push_back(owner),
        }
        self.waiting -= 1;
        *self.running.entry(owner).or_default() += 1;
        Some((owner, job))
    }

    /// A job of this owner is over.
    fn end(&mut self, owner: Owner) {
        if let Some(running) = self.running.get_mut(&owner) {
            *running -= 1;
            if *running == 0 {
                self.running.remove(&owner);
            }
        }
    }
}

impl std::fmt::Debug for Core {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("most_threads", &self.most_threads).finish_non_exhaustive()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.lock().is_closed = true;
        self.0.more.notify_all();
    }
}

/// Does something when it is dropped, be it that a panic does that, or the last who shares it.
pub(crate) struct AtLast<F: FnOnce()>(Option<F>);

impl<F: FnOnce()> AtLast<F> {
    pub(crate) fn new(body: F) -> Self {
        Self(Some(body))
    }
}

impl<F: FnOnce()> Drop for AtLast<F> {
    fn drop(&mut self) {
        if let Some(body) = self.0.take() {
            body();
        }
    }
}

#[cfg(test)]
pub(crate) mod manual;
#[cfg(test)]
mod tests;
