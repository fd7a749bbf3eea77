//! Work that may wait for a disk, on threads of its own.
//!
//! Participants: whoever answers a peer gives a [`Pool`] a job and goes on; the job's end calls its waker, and
//! [`Pending`] has the result. Goals: as many threads as the pool was made for, none where nothing is to do, jobs of one
//! owner in the order they came; owners take turns, and none has all threads. Non-goals: what a job does, and when it stops: [`Slice`] tells a job that it has worked for long
//! enough, and whoever gave it gives it again behind those of others.

use crate::carrier::Waker;
use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Threads of a server's pool at most: so many disk operations are under way at once.
const MOST_THREADS: usize = 64;

/// The time for which a thread waits for another job before it ends.
const IDLE: Duration = Duration::from_secs(10);

/// The time for which a job works before others have their turn.
const SLICE: Duration = Duration::from_millis(100);

/// The time for which a job goes on after its end with what came before.
const LAST_SLICE: Duration = Duration::from_secs(5);

/// Time for a piece of work that is done at once: with what takes longer, the disk is slow.
const AT_ONCE: Duration = Duration::from_millis(50);

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

type Job = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct PoolState {
    /// Jobs that wait, and the owners that have some, in the order of their turns.
    jobs: HashMap<Owner, VecDeque<Job>>,
    order: VecDeque<Owner>,
    /// How many there are.
    waiting: usize,
    /// How many threads work for each owner.
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

/// A job that panicked: there is no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lost;

/// The result of a job, once it is there. Dropped, the job goes on, and its result is forgotten.
pub(crate) struct Pending<T> {
    slot: Arc<Slot<T>>,
}

struct Slot<T> {
    state: Mutex<SlotState<T>>,
    filled: Condvar,
}

enum SlotState<T> {
    Empty,
    /// Somebody else takes the result on the job's own thread.
    Then(Box<dyn FnOnce(Result<T, Lost>) + Send>),
    Filled(Result<T, Lost>),
    Taken,
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self { state: Mutex::new(SlotState::Empty), filled: Condvar::new() }
    }
}

impl<T> Slot<T> {
    fn fill(&self, result: Result<T, Lost>) {
        let mut state = self.lock();
        match std::mem::replace(&mut *state, SlotState::Taken) {
            SlotState::Then(then) => {
                drop(state);
                then(result);
            }
            _ => {
                *state = SlotState::Filled(result);
                self.filled.notify_all();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, SlotState<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives a [`Pending`] its result. Dropped before, it is [`Lost`].
pub(crate) struct Promise<T> {
    slot: Arc<Slot<T>>,
    waker: Waker,
}

/// A result that somebody will give, and the one who gives it; `waker` is called then.
#[must_use]
pub(crate) fn promise<T>(waker: Waker) -> (Promise<T>, Pending<T>) {
    let slot = Arc::new(Slot::default());
    (Promise { slot: Arc::clone(&slot), waker }, Pending { slot })
}

impl<T> Promise<T> {
    /// Gives the result.
    pub(crate) fn keep(self, result: T) {
        self.slot.fill(Ok(result));
    }
}

impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        let is_empty = matches!(*self.slot.lock(), SlotState::Empty | SlotState::Then(_));
        if is_empty {
            self.slot.fill(Err(Lost));
        }
        self.waker.wake();
    }
}

impl<T: Send + 'static> Pending<T> {
    /// The result, if it is there and was not taken before.
    pub(crate) fn take(&self) -> Option<Result<T, Lost>> {
        let mut state = self.slot.lock();
        if !matches!(*state, SlotState::Filled(_)) {
            return None;
        }
        match std::mem::replace(&mut *state, SlotState::Taken) {
            SlotState::Filled(result) => Some(result),
            _ => None,
        }
    }

    /// Reports whether the result is there, or was taken.
    #[must_use]
    pub(crate) fn is_over(&self) -> bool {
        matches!(*self.slot.lock(), SlotState::Filled(_) | SlotState::Taken)
    }

    /// Waits for the result; [`Lost`] if it was taken before.
    ///
    /// # Errors
    /// [`Lost`] if the job panicked.
    pub(crate) fn wait(self) -> Result<T, Lost> {
        let is_empty = |state: &mut SlotState<T>| matches!(state, SlotState::Empty);
        drop(self.slot.filled.wait_while(self.slot.lock(), is_empty));
        self.take().unwrap_or(Err(Lost))
    }

    /// Waits for the result, no longer than this.
    pub(crate) fn wait_for(&self, most: Duration) {
        let is_empty = |state: &mut SlotState<T>| matches!(state, SlotState::Empty);
        drop(self.slot.filled.wait_timeout_while(self.slot.lock(), most, is_empty));
    }

    /// Waits until the result is there.
    pub(crate) fn await_result(&self) {
        let is_empty = |state: &mut SlotState<T>| matches!(state, SlotState::Empty);
        drop(self.slot.filled.wait_while(self.slot.lock(), is_empty));
    }

    /// Has `then` take the result when it is there, on the job's thread, or now.
    pub(crate) fn then(self, then: impl FnOnce(Result<T, Lost>) + Send + 'static) {
        let mut state = self.slot.lock();
        if matches!(*state, SlotState::Empty) {
            *state = SlotState::Then(Box::new(then));
            return;
        }
        drop(state);
        if let Some(result) = self.take() {
            then(result);
        }
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

/// The time that a job has.
#[derive(Debug)]
pub(crate) struct Slice {
    until: Instant,
    is_cancelled: Arc<AtomicBool>,
}

/// Ends a job early.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Tells the job that nobody wants more of it.
    pub(crate) fn cancel(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// The time of a job that begins now and can be ended by this.
    #[must_use]
    pub(crate) fn slice(&self) -> Slice {
        Slice { until: Instant::now() + SLICE, is_cancelled: Arc::clone(&self.0) }
    }
}

impl Slice {
    /// Time for what has come and is to be kept, before an end.
    #[must_use]
    pub(crate) fn last() -> Self {
        Self { until: Instant::now() + LAST_SLICE, is_cancelled: Arc::default() }
    }

    /// Time for a piece of work that is done at once, while its disk is quick.
    #[must_use]
    pub(crate) fn at_once() -> Self {
        Self { until: Instant::now() + AT_ONCE, is_cancelled: Arc::default() }
    }

    /// Reports whether the job is to end, as soon as it can go on from there.
    #[must_use]
    pub(crate) fn is_over(&self) -> bool {
        self.is_cancelled.load(Ordering::Acquire) || Instant::now() >= self.until
    }
}

#[cfg(test)]
mod tests;
