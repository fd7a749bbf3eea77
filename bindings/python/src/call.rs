//! A call: the library works on a thread of its own, the caller's thread serves Python.
//!
//! So the interpreter is free while the library waits, signal handlers run within [`STEP`], and callbacks run
//! on the thread that made the call, as Python code expects.

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use remofile::{Interrupt, OnWaiting, describe_holder};
use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// The interval at which the main thread looks whether a signal has come.
const STEP: Duration = Duration::from_millis(50);

thread_local! {
    /// True while a call waits for an answer of this thread.
    static IS_ASKED: Cell<bool> = const { Cell::new(false) };
    /// The clients whose calls this thread makes: several, if callbacks make calls.
    static CLIENTS: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// A call of a client, on the thread that makes it.
pub(crate) struct Making;

impl Making {
    /// `RuntimeError` in a callback that this very client waits for: both would wait for ever.
    pub(crate) fn begin<T>(client: &Arc<T>) -> PyResult<Self> {
        let client = Arc::as_ptr(client).addr();
        if IS_ASKED.get() && CLIENTS.with_borrow(|clients| clients.contains(&client)) {
            return Err(PyRuntimeError::new_err("this client waits for the callback: use another one in it"));
        }
        CLIENTS.with_borrow_mut(|clients| clients.push(client));
        Ok(Self)
    }
}

impl Drop for Making {
    fn drop(&mut self) {
        CLIENTS.with_borrow_mut(Vec::pop);
    }
}

/// Something to do on the caller's thread.
type Errand = Box<dyn FnOnce(Python<'_>) -> PyResult<()> + Send>;

/// The caller's thread, as the working thread sees it.
pub(crate) struct Caller {
    errands: Sender<Errand>,
}

impl Caller {
    /// Has something done on the caller's thread, some time. An error of it ends the call.
    pub(crate) fn tell(&self, errand: impl FnOnce(Python<'_>) -> PyResult<()> + Send + 'static) {
        // Whoever makes the call listens until the working thread has ended.
        let _unheard = self.errands.send(Box::new(errand));
    }

    /// Logs whom the call waits for. It may be kept for longer than the call.
    pub(crate) fn on_waiting(self: &Arc<Self>) -> OnWaiting {
        let caller = Arc::downgrade(self);
        OnWaiting::new(move |holders| {
            if let Some(caller) = caller.upgrade() {
                let who = holders.iter().map(describe_holder).collect::<Vec<_>>().join(", ");
                caller.tell(move |py| log_waiting(py, &who));
            }
        })
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
        answered.recv().ok()
    }
}

/// Runs `body` on a thread of its own and returns what it returns. If a signal handler or an errand raises,
/// `stop` is called to make the body end, and that exception is what comes of the call.
pub(crate) fn run<T: Send>(
    py: Python<'_>,
    stop: &dyn Fn(),
    body: impl FnOnce(&Arc<Caller>) -> T + Send,
) -> PyResult<T> {
    let handles_signals = is_main_thread(py)?;
    let (errands, mut receiver) = channel();
    std::thread::scope(|scope| {
        let work = move || body(&Arc::new(Caller { errands }));
        let worker = std::thread::Builder::new().name("remofile call".to_owned()).spawn_scoped(scope, work)?;
        let mut raised = None;
        loop {
            let served = match wait(py, &mut receiver, handles_signals) {
                Ok(errand) if raised.is_none() => errand(py),
                Ok(_) | Err(RecvTimeoutError::Timeout) => Ok(()),
                Err(RecvTimeoutError::Disconnected) => break,
            };
            let served = match served {
                Ok(()) if handles_signals && raised.is_none() => py.check_signals(),
                other => other,
            };
            if let Err(error) = served {
                raised = Some(error);
                stop();
            }
        }
        match (worker.join(), raised) {
            (Ok(_), Some(error)) => Err(error),
            (Ok(value), None) => Ok(value),
            (Err(panic), _) => std::panic::resume_unwind(panic),
        }
    })
}

fn log_waiting(py: Python<'_>, who: &str) -> PyResult<()> {
    py.import("remofile._progress")?.call_method1("log", ("waiting", who, 0, 0)).map(drop)
}

fn wait(py: Python<'_>, errands: &mut Receiver<Errand>, in_steps: bool) -> Result<Errand, RecvTimeoutError> {
    py.detach(move || match in_steps {
        true => errands.recv_timeout(STEP),
        false => errands.recv().map_err(|_| RecvTimeoutError::Disconnected),
    })
}

/// Python runs signal handlers on its main thread only.
fn is_main_thread(py: Python<'_>) -> PyResult<bool> {
    let threading = py.import("threading")?;
    let main = threading.call_method0("main_thread")?.getattr("ident")?;
    threading.call_method0("get_ident")?.eq(main)
}

/// Ends the calls that it is given to, from any thread.
#[pyclass(frozen, name = "Interrupt", module = "remofile._remofile")]
pub(crate) struct PyInterrupt(pub(crate) Interrupt);

#[pymethods]
impl PyInterrupt {
    #[new]
    fn new() -> Self {
        Self(Interrupt::default())
    }

    fn trigger(&self) {
        self.0.trigger();
    }

    #[getter]
    fn is_triggered(&self) -> bool {
        self.0.is_triggered()
    }
}
