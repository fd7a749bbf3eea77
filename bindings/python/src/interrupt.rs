//! Interrupts, as Python has them: the handles of calls.

use crate::callbacks::Callbacks;
use crate::errors::to_python;
use crate::mailbox::{NativeMailbox, Reply};
use pyo3::prelude::*;
use remofile::{Error, Interrupt};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};

/// Ends the calls that it is given to, from any thread. The time of these calls began when it was made.
#[pyclass(frozen, name = "Interrupt", module = "remofile._remofile")]
pub(crate) struct PyInterrupt(pub(crate) Interrupt, pub(crate) Origin);

/// The origin of the calls of an interrupt.
pub(crate) struct Origin {
    pub(crate) began: Instant,
    pub(crate) parked: Arc<Parked>,
    pub(crate) reply: Arc<Mutex<Option<Reply>>>,
    pub(crate) callbacks: Arc<Callbacks>,
}

#[pymethods]
impl PyInterrupt {
    /// With a mailbox the one call that it is given to is awaited: it returns at once, and the answer comes there. `outer` is that of
    /// the calls in whose callback its own are made.
    #[new]
    #[pyo3(signature = (mailbox = None, ticket = 0, outer = None))]
    fn new(mailbox: Option<&NativeMailbox>, ticket: u64, outer: Option<&Self>) -> Self {
        let reply = Arc::new(Mutex::new(mailbox.map(|mailbox| Reply::new(mailbox, ticket))));
        let callbacks = Arc::new(Callbacks::within(outer.map(|outer| Arc::clone(&outer.1.callbacks))));
        Self(Interrupt::default(), Origin { began: Instant::now(), parked: Arc::default(), reply, callbacks })
    }

    fn trigger(&self) {
        self.0.trigger();
        self.1.parked.wake();
    }

    #[getter]
    fn is_triggered(&self) -> bool {
        self.0.is_triggered()
    }
}

/// The exception of a call whose time is over, in milliseconds.
#[pyfunction]
pub(crate) fn timed_out(py: Python<'_>, timeout: u64) -> Py<PyAny> {
    to_python(py, Error::Timeout(Duration::from_millis(timeout))).into_value(py).into_any()
}

/// The thread that waits for a call's turn: whoever interrupts the call wakes it.
#[derive(Default)]
pub(crate) struct Parked(Mutex<Option<Thread>>);

impl Parked {
    pub(crate) fn set(&self, thread: Option<Thread>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = thread;
    }

    pub(crate) fn wake(&self) {
        if let Some(thread) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            thread.unpark();
        }
    }
}
