//! A call: who makes it, and where its callbacks run.
//!
//! On Python's main thread a call is made by another thread, while the main thread looks for signals every [`STEP`]
//! and runs callbacks, as Python code expects. Any other thread makes its calls itself. The answer of a call that is
//! awaited comes to a mailbox, and its caller's thread does something else.

use crate::callbacks::{WaitingCall, outlast};
use crate::errors::to_python;
use crate::limits::CallLimits;
use crate::mailbox::{Errand, Mailbox, Reply};
use crate::pool::{LaterWork, Pool, Turn, WaitingHook, Work};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use remofile::protocol::handshake::Refusal;
use remofile::protocol::wire::Holder;
use remofile::{Error, OnWaiting, describe_holder};
use std::cell::{Cell, RefCell};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// The interval at which the main thread looks whether a signal has come.
const STEP: Duration = Duration::from_millis(50);

thread_local! {
    /// True while a call waits for an answer of this thread.
    static IS_ASKED: Cell<bool> = const { Cell::new(false) };
    /// The pools with which this thread makes calls: several, if callbacks make calls.
    static POOLS: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// A call of a client, on the thread that makes it.
struct Making {
    /// True if it is made in a callback or signal handler of another call of the client.
    is_inner: bool,
    /// Number of calls of the client that wait for it, since it is made in a callback.
    waited_by: usize,
}

impl Making {
    /// `RuntimeError` in a callback that this very client waits for, if it can make no other call: both would wait for ever.
    fn begin(pool: &Pool) -> PyResult<Self> {
        let outer = POOLS.with_borrow(|pools| pools.iter().filter(|made| **made == pool.address()).count());
        let (is_inner, waited_by) = (outer > 0, if IS_ASKED.get() { outer } else { 0 });
        if waited_by > 0 && pool.makes_one_call() {
            return Err(PyRuntimeError::new_err(USE_ANOTHER));
        }
        POOLS.with_borrow_mut(|pools| pools.push(pool.address()));
        Ok(Self { is_inner, waited_by })
    }
}

impl Drop for Making {
    fn drop(&mut self) {
        POOLS.with_borrow_mut(Vec::pop);
    }
}

/// Whoever made the call, as the thread that works on it sees them.
pub(crate) struct Caller {
    route: Route,
    /// Set once the call has its turn.
    hook: OnceLock<WaitingHook>,
}

/// The way to the caller's thread.
enum Route {
    /// The owner listens.
    Listening(Sender<Errand>),
    /// The owner is this thread. An error of an errand ends the call.
    Here { limits: CallLimits, raised: Mutex<Option<PyErr>> },
    /// The owner looks into its mailbox, as long as its event loop runs.
    Mailbox { mailbox: Arc<Mailbox>, limits: CallLimits },
}

impl Caller {
    fn new(route: Route) -> Arc<Self> {
        Arc::new(Self { route, hook: OnceLock::new() })
    }

    /// Has something done on the caller's thread, some time. An error of it ends the call.
    pub(crate) fn tell(&self, errand: impl FnOnce(Python<'_>) -> PyResult<()> + Send + 'static) {
        match &self.route {
            // Whoever makes the call listens until the working thread has ended.
            Route::Listening(errands) => drop(errands.send(Box::new(errand))),
            Route::Mailbox { mailbox, .. } => mailbox.put_errand(Box::new(errand)),
            Route::Here { limits, raised } => {
                // Whoever works on the call is this thread, which waits for it.
                let _entered = limits.callbacks.enter();
                let before = IS_ASKED.replace(true);
                let done = Python::try_attach(errand);
                IS_ASKED.set(before);
                // There is no interpreter any more when the program ends.
                if let Some(Err(error)) = done {
                    raised.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                    limits.interrupt();
                }
            }
        }
    }

    /// Logs an event of the call: its name, a text and two numbers.
    pub(crate) fn log(&self, event: &'static str, text: String, first: u64, second: u64) {
        self.tell(move |py| log(py, event, &text, first, second));
    }

    /// Logs whom the call waits for, and lets others begin meanwhile. It may be kept for longer than the call.
    pub(crate) fn on_waiting(self: &Arc<Self>) -> OnWaiting {
        let caller = Arc::downgrade(self);
        OnWaiting::new(move |holders: &[Holder]| {
            if let Some(caller) = caller.upgrade() {
                caller.note_waiting();
                let who = holders.iter().map(describe_holder).collect::<Vec<_>>().join(", ");
                caller.log("waiting", who, 0, 0);
            }
        })
    }

    /// Lets others begin, since the call waits.
    pub(crate) fn note_waiting(&self) {
        if let Some(hook) = self.hook.get() {
            hook.note_waiting();
        }
    }

    /// Has something done on the caller's thread, and waits for what comes of it; `None` if the call is to end.
    pub(crate) fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(Python<'_>) -> PyResult<T> + Send + 'static,
    ) -> Option<PyResult<T>> {
        let (answer, answered) = channel();
        self.tell(move |py| {
            let before = IS_ASKED.replace(true);
            let said = question(py);
            IS_ASKED.set(before);
            // The working thread waits for it.
            let _unheard = answer.send(said);
            Ok(())
        });
        let Route::Mailbox { limits, .. } = &self.route else { return answered.recv().ok() };
        loop {
            match answered.recv_timeout(STEP) {
                // Whoever gave up the call may have ended the loop as well.
                Err(RecvTimeoutError::Timeout) if limits.left().is_ok() => {}
                said => return said.ok(),
            }
        }
    }
}

/// Makes a call of a pool's client. It is about a path, if it changes one. `body` does it, and `into` makes a value of
/// Python of what it returns, which is what is returned here: at once `None`, if the call is awaited.
pub(crate) fn answer<T: Send + 'static>(
    py: Python<'_>,
    pool: &Pool,
    limits: CallLimits,
    about: Option<&str>,
    body: impl FnOnce(Turn, &Arc<Caller>) -> Result<T, Error> + Send + 'static,
    into: impl FnOnce(Python<'_>, T) -> PyResult<Py<PyAny>> + Send + 'static,
) -> PyResult<Py<PyAny>> {
    let waiting = limits.waiting(pool.address());
    waiting.iter().for_each(WaitingCall::step_aside);
    if let Some(reply) = limits.take_reply() {
        let about = about.map(Arc::from);
        if !waiting.is_empty() && pool.makes_one_call() {
            submit_after(pool.later(), waiting, limits, about, reply, body, into)?;
        } else {
            let work = awaited(waiting, limits.clone(), reply, body, into);
            pool.submit(&limits, about, work);
        }
        return Ok(py.None());
    }
    let making = Making::begin(pool)?;
    let is_waited_for = making.waited_by > 0 || !waiting.is_empty();
    if pool.makes_one_call() && py.detach(|| outlast(&waiting)) {
        return Err(PyRuntimeError::new_err(USE_ANOTHER));
    }
    let value = match making.is_inner || !is_main_thread(py)? {
        true => run_made(py, pool, &limits, about, &making, waiting, body)?,
        false => run_on_worker(py, pool, &limits, about, waiting, body)?,
    };
    let told = |error: Error| match is_waited_for && is_full(&error) {
        true => PyRuntimeError::new_err(NO_ROOM_BESIDE),
        false => to_python(py, error),
    };
    into(py, value.map_err(told)?)
}

/// The work of a call that is awaited: its answer comes to the mailbox.
fn awaited<T: Send + 'static>(
    waiting: Vec<WaitingCall>,
    limits: CallLimits,
    reply: Reply,
    body: impl FnOnce(Turn, &Arc<Caller>) -> Result<T, Error> + Send + 'static,
    into: impl FnOnce(Python<'_>, T) -> PyResult<Py<PyAny>> + Send + 'static,
) -> Work {
    Box::new(move |turn| {
        let is_waited_for = !waiting.is_empty();
        let caller = Caller::new(Route::Mailbox { mailbox: Arc::clone(reply.mailbox()), limits });
        let made = turn.and_then(|mut turn| {
            turn.set_waiting(waiting);
            begin(turn, &caller, body)
        });
        match made {
            Err(error) if is_waited_for && is_full(&error) => reply.fail(NO_ROOM_BESIDE),
            made => reply.answer(made, into),
        }
    })
}

/// Puts the work of an awaited call into the queue of a client that makes one call at a time, once the callback has ended in which it is
/// made: a callback that waits for it would wait for ever, so it fails instead.
fn submit_after<T: Send + 'static>(
    queue: LaterWork,
    waiting: Vec<WaitingCall>,
    limits: CallLimits,
    about: Option<Arc<str>>,
    reply: Reply,
    body: impl FnOnce(Turn, &Arc<Caller>) -> Result<T, Error> + Send + 'static,
    into: impl FnOnce(Python<'_>, T) -> PyResult<Py<PyAny>> + Send + 'static,
) -> PyResult<()> {
    let look = move || {
        if outlast(&waiting) {
            return reply.fail(USE_ANOTHER);
        }
        let work = awaited(Vec::new(), limits.clone(), reply, body, into);
        queue.submit(&limits, about, work);
    };
    std::thread::Builder::new().name("remofile call".to_owned()).spawn(look)?;
    Ok(())
}

const USE_ANOTHER: &str = "this client waits for the callback: use another one in it";

const NO_ROOM_BESIDE: &str = "this client waits for the callback, and the server, or its token, allows no session beside the client's own: \
                              do what the callback wants when the call is over, or with a client of a token with more sessions";

fn is_full(error: &Error) -> bool {
    matches!(error.most_telling(), Error::Refused(Refusal::TooMany))
}

fn begin<T>(
    turn: Turn,
    caller: &Arc<Caller>,
    body: impl FnOnce(Turn, &Arc<Caller>) -> Result<T, Error>,
) -> Result<T, Error> {
    let _is_first = caller.hook.set(turn.waiting_hook());
    let _made = match &caller.route {
        Route::Here { limits, .. } => Some(limits.callbacks.note_made(Arc::new(turn.waiting_hook()))),
        Route::Listening(_) | Route::Mailbox { .. } => None,
    };
    body(turn, caller)
}

fn run_made<T: Send>(
    py: Python<'_>,
    pool: &Pool,
    limits: &CallLimits,
    about: Option<&str>,
    making: &Making,
    waiting: Vec<WaitingCall>,
    body: impl FnOnce(Turn, &Arc<Caller>) -> Result<T, Error> + Send,
) -> PyResult<Result<T, Error>> {
    let about = about.map(Arc::from);
    let work = |caller: &Arc<Caller>| {
        let mut turn = if making.is_inner { pool.turn_beside(making.waited_by) } else { pool.turn(limits, about)? };
        turn.set_waiting(waiting);
        begin(turn, caller, body)
    };
    if !is_main_thread(py)? {
        let caller = Caller::new(Route::Here { limits: limits.clone(), raised: Mutex::new(None) });
        let result = py.detach(|| work(&caller));
        return match &caller.route {
            Route::Here { raised, .. } => {
                raised.lock().unwrap_or_else(PoisonError::into_inner).take().map_or(Ok(result), Err)
            }
            Route::Listening(_) | Route::Mailbox { .. } => Ok(result),
        };
    }
    run(py, &|| limits.interrupt(), work)
}

/// Runs `body` on a thread of its own and returns what it returns. If a signal handler or an errand raises,
/// `stop` is called to make the body end, and that exception is what comes of the call.
pub(crate) fn run<T: Send>(
    py: Python<'_>,
    stop: &dyn Fn(),
    body: impl FnOnce(&Arc<Caller>) -> T + Send,
) -> PyResult<T> {
    let (errands, receiver) = channel();
    std::thread::scope(|scope| {
        let work = move || body(&Caller::new(Route::Listening(errands)));
        let worker = std::thread::Builder::new().name("remofile call".to_owned()).spawn_scoped(scope, work)?;
        let served = serve(py, receiver, &mut || (), stop);
        let joined = worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        served.map(|()| joined)
    })
}

/// The same on Python's main thread with a thread that is used again.
fn run_on_worker<T: Send + 'static>(
    py: Python<'_>,
    pool: &Pool,
    limits: &CallLimits,
    about: Option<&str>,
    waiting: Vec<WaitingCall>,
    body: impl FnOnce(Turn, &Arc<Caller>) -> Result<T, Error> + Send + 'static,
) -> PyResult<Result<T, Error>> {
    let (errands, receiver) = channel();
    let result = Arc::new(Mutex::new(None));
    let place = Arc::clone(&result);
    let work = move |turn: Result<Turn, Error>| {
        // The caller listens until this is dropped.
        let caller = Caller::new(Route::Listening(errands));
        let made = turn.and_then(|mut turn| {
            turn.set_waiting(waiting);
            begin(turn, &caller, body)
        });
        *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(made);
    };
    let number = pool.submit(limits, about.map(Arc::from), Box::new(work));
    let mut withdrawn = None;
    let mut look = || {
        // A call that has begun ends by itself when its time is over.
        if let Err(error) = limits.left()
            && pool.withdraw(number)
        {
            withdrawn = Some(error);
        }
    };
    let stop = || {
        limits.interrupt();
        pool.withdraw(number);
    };
    serve(py, receiver, &mut look, &stop)?;
    let made = result.lock().unwrap_or_else(PoisonError::into_inner).take();
    match (made, withdrawn) {
        (Some(made), _) => Ok(made),
        (None, Some(error)) => Ok(Err(error)),
        (None, None) => Err(PyRuntimeError::new_err("the call panicked: this is an error of Remofile")),
    }
}

/// Serves Python on the caller's thread until the working thread has ended. If a signal handler or an errand raises, `stop` is
/// called to make the work end, and that exception is what comes of the call.
fn serve(py: Python<'_>, mut receiver: Receiver<Errand>, look: &mut dyn FnMut(), stop: &dyn Fn()) -> PyResult<()> {
    let mut raised = None;
    loop {
        let errands = &mut receiver;
        let served = match py.detach(move || errands.recv_timeout(STEP)) {
            Ok(errand) if raised.is_none() => errand(py),
            Ok(_) => Ok(()),
            Err(RecvTimeoutError::Timeout) => {
                look();
                Ok(())
            }
            Err(RecvTimeoutError::Disconnected) => break,
        };
        let served = match served {
            Ok(()) if raised.is_none() => py.check_signals(),
            other => other,
        };
        if let Err(error) = served {
            raised = Some(error);
            stop();
        }
    }
    raised.map_or(Ok(()), Err)
}

fn log(py: Python<'_>, event: &str, text: &str, first: u64, second: u64) -> PyResult<()> {
    py.import("remofile._progress")?.call_method1("log", (event, text, first, second)).map(drop)
}

/// Python runs signal handlers on its main thread only.
fn is_main_thread(py: Python<'_>) -> PyResult<bool> {
    // None when the interpreter ends: a file that nobody closed is closed then.
    let Ok(threading) = py.import("threading") else { return Ok(false) };
    let main = threading.call_method0("main_thread")?.getattr("ident")?;
    threading.call_method0("get_ident")?.eq(main)
}
