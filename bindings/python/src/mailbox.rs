//! Answers of calls that are awaited: native threads leave them here, and an event loop takes them.
//!
//! A native thread never waits for the interpreter. It wakes the loop by a descriptor that the loop watches, once for
//! all that is there by then.

use crate::errors::to_python;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use remofile::Error;
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};

/// Most letters that are taken at once, so that the loop has its turn.
const MOST: usize = 128;

/// Something to do on the caller's thread.
pub(crate) type Errand = Box<dyn FnOnce(Python<'_>) -> PyResult<()> + Send>;

/// The value of a call, made where the interpreter is.
type Answer = Box<dyn FnOnce(Python<'_>) -> PyResult<Py<PyAny>> + Send>;

/// A ticket, a value, and the exception in its place.
type Answered<'py> = (u64, Option<Py<PyAny>>, Option<Bound<'py, PyAny>>);

enum Letter {
    Answer(u64, Answer),
    Errand(Errand),
}

/// The mailbox of an event loop.
pub(crate) struct Mailbox {
    letters: Mutex<VecDeque<Letter>>,
    near: UnixStream,
    far: UnixStream,
}

impl Mailbox {
    fn new() -> io::Result<Self> {
        let (near, far) = UnixStream::pair()?;
        near.set_nonblocking(true)?;
        far.set_nonblocking(true)?;
        Ok(Self { letters: Mutex::default(), near, far })
    }

    /// Leaves something to do on the loop's thread.
    pub(crate) fn put_errand(&self, errand: Errand) {
        self.put(Letter::Errand(errand));
    }

    fn put(&self, letter: Letter) {
        let mut letters = self.letters.lock().unwrap_or_else(PoisonError::into_inner);
        letters.push_back(letter);
        if letters.len() == 1 {
            self.wake();
        }
    }

    fn wake(&self) {
        // A full socket wakes as well.
        let _full = (&self.near).write(&[1]);
    }

    /// Takes some letters. The descriptor stays readable if there are more.
    fn take(&self) -> Vec<Letter> {
        let mut sink = [0; 64];
        // Before the letters, so that one that comes meanwhile wakes.
        while matches!((&self.far).read(&mut sink), Ok(64)) {}
        let mut letters = self.letters.lock().unwrap_or_else(PoisonError::into_inner);
        let count = letters.len().min(MOST);
        let taken = letters.drain(..count).collect();
        if !letters.is_empty() {
            self.wake();
        }
        taken
    }
}

/// The address for the answer of one call. If it is dropped without one, the caller learns that.
pub(crate) struct Reply {
    mailbox: Arc<Mailbox>,
    ticket: u64,
    is_answered: bool,
}

impl Reply {
    pub(crate) fn new(mailbox: &NativeMailbox, ticket: u64) -> Self {
        Self { mailbox: Arc::clone(&mailbox.0), ticket, is_answered: false }
    }

    pub(crate) fn mailbox(&self) -> &Arc<Mailbox> {
        &self.mailbox
    }

    /// Answers with what the call came to, made into a value of Python by `into`.
    pub(crate) fn answer<T: Send + 'static>(
        mut self,
        result: Result<T, Error>,
        into: impl FnOnce(Python<'_>, T) -> PyResult<Py<PyAny>> + Send + 'static,
    ) {
        self.is_answered = true;
        let answer = move |py: Python<'_>| match result {
            Ok(value) => into(py, value),
            Err(error) => Err(to_python(py, error)),
        };
        self.mailbox.put(Letter::Answer(self.ticket, Box::new(answer)));
    }
}

impl Reply {
    /// Answers with an exception.
    pub(crate) fn fail(mut self, message: &'static str) {
        self.is_answered = true;
        let answer = move |_: Python<'_>| Err(PyRuntimeError::new_err(message));
        self.mailbox.put(Letter::Answer(self.ticket, Box::new(answer)));
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if !self.is_answered {
            let answer = |_: Python<'_>| Err(PyRuntimeError::new_err("the call ended without an answer"));
            self.mailbox.put(Letter::Answer(self.ticket, Box::new(answer)));
        }
    }
}

#[pyclass(frozen, name = "Mailbox", module = "remofile._remofile")]
pub(crate) struct NativeMailbox(Arc<Mailbox>);

#[pymethods]
impl NativeMailbox {
    #[new]
    fn new() -> PyResult<Self> {
        Ok(Self(Arc::new(Mailbox::new()?)))
    }

    /// The descriptor that is readable when there is something to take.
    fn fileno(&self) -> i32 {
        self.0.far.as_raw_fd()
    }

    /// The answers that are there: a ticket, a value, and the exception in its place, each.
    fn take<'py>(&self, py: Python<'py>) -> Vec<Answered<'py>> {
        let mut answers = Vec::new();
        for letter in self.0.take() {
            match letter {
                Letter::Answer(ticket, answer) => match answer(py) {
                    Ok(value) => answers.push((ticket, Some(value), None)),
                    Err(error) => answers.push((ticket, None, Some(error.into_value(py).into_bound(py).into_any()))),
                },
                Letter::Errand(errand) => {
                    if let Err(error) = errand(py) {
                        error.write_unraisable(py, None);
                    }
                }
            }
        }
        answers
    }
}
