//! The limits of calls.

use crate::callbacks::{Callbacks, WaitingCall};
use crate::interrupt::{Parked, PyInterrupt};
use crate::mailbox::Reply;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use remofile::{Error, Interrupt, Wait};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Returns the wait for what others use that so many seconds mean; without them it is the usual one.
///
/// # Errors
/// `ValueError` if it is no number of seconds.
pub(crate) fn wait_of(seconds: Option<f64>) -> PyResult<Wait> {
    Ok(match seconds {
        None => Wait::default(),
        Some(0.0) => Wait::No,
        Some(seconds) if seconds < 0.0 || seconds.is_nan() => {
            return Err(PyValueError::new_err("wait must be a number of seconds, 0 or more"));
        }
        Some(seconds) => Duration::try_from_secs_f64(seconds).map_or(Wait::Forever, Wait::For),
    })
}

/// The limits of one call.
#[derive(Clone)]
pub(crate) struct CallLimits {
    pub(crate) began: Instant,
    pub(crate) timeout: Option<Duration>,
    /// The time that it may go without progress.
    pub(crate) stall_timeout: Option<Duration>,
    pub(crate) interrupt: Interrupt,
    parked: Arc<Parked>,
    reply: Arc<Mutex<Option<Reply>>>,
    pub(crate) callbacks: Arc<Callbacks>,
}

/// Notes that a thread waits, as long as it is there.
pub(crate) struct Parking<'a>(&'a Parked);

impl CallLimits {
    /// The limits of a call that begins now, or began when its interrupt was made.
    pub(crate) fn new(timeout: Option<u64>, interrupt: Option<&PyInterrupt>) -> Self {
        Self::within(timeout.map(Duration::from_millis), interrupt)
    }

    /// The limits of a call that begins now, whenever its interrupt was made.
    pub(crate) fn anew(timeout: Option<Duration>, interrupt: Option<&PyInterrupt>) -> Self {
        Self { began: Instant::now(), ..Self::within(timeout, interrupt) }
    }

    fn within(timeout: Option<Duration>, interrupt: Option<&PyInterrupt>) -> Self {
        match interrupt {
            Some(PyInterrupt(interrupt, origin)) => Self {
                began: origin.began,
                timeout,
                stall_timeout: None,
                interrupt: interrupt.clone(),
                parked: Arc::clone(&origin.parked),
                reply: Arc::clone(&origin.reply),
                callbacks: Arc::clone(&origin.callbacks),
            },
            None => Self {
                began: Instant::now(),
                timeout,
                stall_timeout: None,
                interrupt: Interrupt::default(),
                parked: Arc::default(),
                reply: Arc::default(),
                callbacks: Arc::default(),
            },
        }
    }

    /// The same with a limit to the time without progress, in milliseconds.
    pub(crate) fn unless_stalled(self, timeout: Option<u64>) -> Self {
        Self { stall_timeout: timeout.map(Duration::from_millis), ..self }
    }

    /// Returns the rest of the timeout.
    pub(crate) fn left(&self) -> Result<Option<Duration>, Error> {
        if self.interrupt.is_triggered() {
            return Err(Error::Interrupted);
        }
        match self.timeout {
            None => Ok(None),
            Some(timeout) => match timeout.checked_sub(self.began.elapsed()).filter(|left| !left.is_zero()) {
                Some(left) => Ok(Some(left)),
                None => Err(Error::Timeout(timeout)),
            },
        }
    }

    /// Takes the address for the answer of a call that is awaited; `None` for one that its thread waits for.
    pub(crate) fn take_reply(&self) -> Option<Reply> {
        self.reply.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Returns the calls of a pool's client in whose callbacks the call is made by way of another thread.
    pub(crate) fn waiting(&self, pool: usize) -> Vec<WaitingCall> {
        self.callbacks.waiting(pool)
    }

    /// Ends the call, from any thread.
    pub(crate) fn interrupt(&self) {
        self.interrupt.trigger();
        self.parked.wake();
    }

    /// Has this thread woken when the call is interrupted.
    pub(crate) fn park_here(&self) -> Parking<'_> {
        self.parked.set(Some(std::thread::current()));
        Parking(&self.parked)
    }
}

impl Drop for Parking<'_> {
    fn drop(&mut self) {
        self.0.set(None);
    }
}
