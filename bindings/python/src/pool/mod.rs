//! The pool of a client: its calls take turns at some connections, on threads that are used again.
//!
//! Participants: a call asks for a [`Turn`], with which it may use a library client; the *queue* says who is next; a
//! *worker* is a native thread for calls whose caller does something else meanwhile. Workers never wait for the
//! interpreter, so none is in its way when it ends.

mod queue;
mod ticket;

use crate::callbacks::{MadeTurn, WaitingCall, outlast};
use crate::limits::CallLimits;
use queue::{Grant, MOST_AT_WORK, Queue};
use remofile::{Client, ClientOptions, Error, Protocol};
use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use ticket::Ticket;

/// The work of a call, for a worker: it is given its turn, or the reason why it gets none.
pub(crate) type Work = Box<dyn FnOnce(Result<Turn, Error>) + Send>;

/// The time for which a worker without work stays.
const STAY: Duration = Duration::from_secs(10);

/// The pool of one client.
pub(crate) struct Pool(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// Told when there is work for a worker.
    has_work: Condvar,
    /// The process that made it: a forked one has its threads and connections only seemingly.
    process: u32,
    makes_one_call: bool,
}

struct State {
    queue: Queue<Waiter>,
    /// Jobs that have their turn, for the next worker.
    ready: VecDeque<(Work, Grant)>,
    /// Workers that have no job.
    free_workers: usize,
    template: Client,
    /// Clients between two calls.
    clients: Vec<Client>,
    /// True if what is at work leaves connections that are to be ended.
    is_disconnecting: bool,
    is_closed: bool,
}

/// Whoever is in the queue.
enum Waiter {
    Job(Work),
    Thread(Arc<Ticket>),
}

/// The right to make a call now. It ends when this is dropped.
pub(crate) struct Turn {
    pool: Arc<Shared>,
    /// `None` for a call that is made beside its turn.
    number: Option<u64>,
    waited: Duration,
    /// Number of calls of the client that wait for this one on its own thread.
    waited_by: usize,
    /// Those that may wait for it on others.
    waiting: Vec<WaitingCall>,
    is_workers: bool,
    client: Option<Client>,
}

/// Tells the pool that a call waits for other clients.
#[derive(Clone)]
pub(crate) struct WaitingHook {
    pool: Arc<Shared>,
    number: Option<u64>,
}

/// The way to a pool's queue, from a thread of its own.
pub(crate) struct LaterWork(Arc<Shared>);

impl Pool {
    pub(crate) fn new(options: ClientOptions) -> Self {
        // A server of protocol 1 serves one client at a time.
        let most = if options.protocol == Protocol::One { 1 } else { MOST_AT_WORK };
        let state = State {
            queue: Queue::new(most),
            ready: VecDeque::new(),
            free_workers: 0,
            template: Client::new(options),
            clients: Vec::new(),
            is_disconnecting: false,
            is_closed: false,
        };
        let process = std::process::id();
        Self(Arc::new(Shared {
            state: Mutex::new(state),
            has_work: Condvar::new(),
            process,
            makes_one_call: most == 1,
        }))
    }

    /// Returns a number that is this pool's as long as it is there.
    pub(crate) fn address(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    /// Reports whether its calls are made one after the other.
    pub(crate) fn makes_one_call(&self) -> bool {
        self.0.makes_one_call
    }

    /// Has a worker do something when it is its turn. Returns the number with which it can be withdrawn before.
    pub(crate) fn submit(&self, limits: &CallLimits, about: Option<Arc<str>>, work: Work) -> u64 {
        self.0.submit(limits, about, work)
    }

    pub(crate) fn later(&self) -> LaterWork {
        LaterWork(Arc::clone(&self.0))
    }

    /// Takes work out of the queue. Returns `false` if it has begun.
    pub(crate) fn withdraw(&self, number: u64) -> bool {
        let withdrawn = self.0.lock().queue.withdraw(number);
        withdrawn.is_some()
    }

    /// Waits for the turn of this thread.
    ///
    /// # Errors
    /// That the call is to end first.
    pub(crate) fn turn(&self, limits: &CallLimits, about: Option<Arc<str>>) -> Result<Turn, Error> {
        let mut state = self.0.lock();
        let ticket = Ticket::new();
        let number = state.queue.push(Waiter::Thread(Arc::clone(&ticket)), about, limits.interrupt.clone());
        self.0.go_on(state);
        self.0.await_turn(&ticket, number, limits)
    }

    /// A turn beside the others: for a call that is made in a callback or signal handler of so many other ones, which wait for it.
    pub(crate) fn turn_beside(&self, waited_by: usize) -> Turn {
        let pool = Arc::clone(&self.0);
        let waiting = Vec::new();
        Turn { pool, number: None, waited: Duration::ZERO, waited_by, waiting, is_workers: false, client: None }
    }

    /// Ends the sessions that no call uses, and the others when their calls are over.
    pub(crate) fn disconnect(&self) {
        let mut state = self.0.lock();
        state.is_disconnecting = state.queue.is_at_work();
        let mut ended = state.template.sibling();
        drop(state);
        ended.disconnect();
    }

    /// Lets go of everything in a process that was forked, without a word to the server.
    pub(crate) fn forget(&self) {
        // A thread of the old process may hold the lock for ever.
        if let Ok(mut state) = self.0.state.try_lock() {
            state.template.forget_session();
        }
        std::mem::forget(Arc::clone(&self.0));
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        if self.0.process != std::process::id() {
            return self.forget();
        }
        self.0.lock().is_closed = true;
        self.0.has_work.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // What is done under the lock is complete before it can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn submit(self: &Arc<Self>, limits: &CallLimits, about: Option<Arc<str>>, work: Work) -> u64 {
        let mut state = self.lock();
        let number = state.queue.push(Waiter::Job(work), about, limits.interrupt.clone());
        self.go_on(state);
        number
    }

    /// Lets those begin whose turn it is.
    fn go_on(self: &Arc<Self>, mut state: MutexGuard<'_, State>) {
        while let Some((waiter, grant)) = state.queue.next() {
            match waiter {
                Waiter::Job(work) => state.ready.push_back((work, grant)),
                Waiter::Thread(ticket) => {
                    *ticket.grant.lock().unwrap_or_else(PoisonError::into_inner) = Some(grant);
                    ticket.thread.unpark();
                }
            }
        }
        have_done(self, state);
    }

    fn await_turn(self: &Arc<Self>, ticket: &Ticket, number: u64, limits: &CallLimits) -> Result<Turn, Error> {
        let turn = |grant: Grant| {
            let (pool, number, waiting) = (Arc::clone(self), Some(grant.number), Vec::new());
            Turn { pool, number, waited: grant.waited, waited_by: 0, waiting, is_workers: false, client: None }
        };
        let _parked = limits.park_here();
        loop {
            if let Some(grant) = ticket.take() {
                return Ok(turn(grant));
            }
            match limits.left() {
                Ok(None) => std::thread::park(),
                Ok(Some(left)) => std::thread::park_timeout(left),
                Err(error) => {
                    if self.lock().queue.withdraw(number).is_none() {
                        // It had just been granted: the next one gets it.
                        drop(ticket.take().map(turn));
                    }
                    return Err(error);
                }
            }
        }
    }
}

impl Turn {
    /// Returns the client to make the call with.
    pub(crate) fn client(&mut self) -> &mut Client {
        let pool = &self.pool;
        self.client.get_or_insert_with(|| {
            let mut state = pool.lock();
            state.clients.pop().unwrap_or_else(|| state.template.sibling())
        })
    }

    /// Returns the time for which the call was passed by since another one of the client waited at the same path.
    pub(crate) fn waited(&self) -> Duration {
        self.waited
    }

    /// Returns how many calls of the client wait for this one, as far as anybody knows.
    pub(crate) fn waited_by(&self) -> usize {
        self.waited_by + self.waiting.iter().filter(|call| call.is_waiting()).count()
    }

    /// Notes the calls in whose callbacks, on other threads, this one is made.
    pub(crate) fn set_waiting(&mut self, waiting: Vec<WaitingCall>) {
        self.waiting = waiting;
    }

    /// Gives those callbacks the time to end.
    pub(crate) fn let_callbacks_end(&self) {
        outlast(&self.waiting);
    }

    pub(crate) fn waiting_hook(&self) -> WaitingHook {
        WaitingHook { pool: Arc::clone(&self.pool), number: self.number }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let client = self.client.take().filter(|_| !std::thread::panicking());
        // Before others begin, so that they find the connection; outside of the lock, since one may be ended here.
        let client = client.map(|mut client| {
            client.lend();
            client
        });
        let mut state = self.pool.lock();
        if let Some(client) = client.filter(|_| state.clients.len() < MOST_AT_WORK) {
            state.clients.push(client);
        }
        if let Some(number) = self.number {
            state.queue.release(number);
        }
        state.free_workers += usize::from(self.is_workers);
        let ended = (state.is_disconnecting && !state.queue.is_at_work()).then(|| {
            state.is_disconnecting = false;
            state.template.sibling()
        });
        self.pool.go_on(state);
        if let Some(mut ended) = ended {
            ended.disconnect();
        }
    }
}

impl MadeTurn for WaitingHook {
    fn pool(&self) -> usize {
        Arc::as_ptr(&self.pool).addr()
    }

    fn step_aside(&self) {
        if let Some(number) = self.number {
            let mut state = self.pool.lock();
            state.queue.step_aside(number);
            self.pool.go_on(state);
        }
    }
}

impl LaterWork {
    /// Does what [`Pool::submit`] does.
    pub(crate) fn submit(&self, limits: &CallLimits, about: Option<Arc<str>>, work: Work) {
        self.0.submit(limits, about, work);
    }
}

impl WaitingHook {
    /// Notes that the call waits for other clients: others may begin in its place.
    pub(crate) fn note_waiting(&self) {
        if let Some(number) = self.number {
            let mut state = self.pool.lock();
            state.queue.note_waiting(number);
            self.pool.go_on(state);
        }
    }
}

/// Has workers do what is ready: those that are free, and as many more as are needed.
fn have_done(pool: &Arc<Shared>, mut state: MutexGuard<'_, State>) {
    let wanted = state.ready.len();
    for _ in 0..wanted.min(state.free_workers) {
        pool.has_work.notify_one();
    }
    let missing = wanted.saturating_sub(state.free_workers);
    state.free_workers += missing;
    let is_nobody_there = state.free_workers == missing;
    drop(state);
    for started in 0..missing {
        let shared = Arc::clone(pool);
        let spawned = std::thread::Builder::new().name("remofile call".to_owned()).spawn(move || work(&shared));
        if let Err(error) = spawned {
            return do_without(pool, missing - started, is_nobody_there && started == 0, error);
        }
    }
}

/// Does what can be done if threads cannot be started: the others do the work, or it fails.
fn do_without(pool: &Arc<Shared>, missing: usize, is_nobody_there: bool, error: io::Error) {
    let mut state = pool.lock();
    state.free_workers -= missing;
    let failed: Vec<(Work, Grant)> = match is_nobody_there && !state.queue.is_at_work_beside(state.ready.len()) {
        true => state.ready.drain(..).collect(),
        false => Vec::new(),
    };
    failed.iter().for_each(|(_, grant)| state.queue.release(grant.number));
    drop(state);
    let kind = error.kind();
    for (work, _) in failed {
        work(Err(Error::System { what: "cannot start a thread", source: kind.into() }));
    }
}

fn work(pool: &Arc<Shared>) {
    let mut state = pool.lock();
    loop {
        if let Some((work, grant)) = state.ready.pop_front() {
            state.free_workers -= 1;
            drop(state);
            let turn = Turn {
                pool: Arc::clone(pool),
                number: Some(grant.number),
                waited: grant.waited,
                waited_by: 0,
                waiting: Vec::new(),
                is_workers: true,
                client: None,
            };
            // Whoever waits for it learns of a panic by what the work drops. The turn counts this worker as free.
            let _panic = catch_unwind(AssertUnwindSafe(|| work(Ok(turn))));
            state = pool.lock();
            continue;
        }
        if state.is_closed {
            break;
        }
        let waited = pool.has_work.wait_timeout(state, STAY).unwrap_or_else(PoisonError::into_inner);
        state = waited.0;
        if waited.1.timed_out() && state.ready.is_empty() {
            break;
        }
    }
    state.free_workers -= 1;
}
