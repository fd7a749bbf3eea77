//! Calls of a client: connected, within their limits, and made again where that does no harm.

use crate::call::{Caller, answer};
use crate::errors::{is_refused_connection, of_call};
use crate::limits::CallLimits;
use crate::pool::{Pool, Turn};
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use remofile::protocol::handshake::Refusal;
use remofile::{Client, ClientOptions, Error, Identity, KeptKeys, Wait};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The time that a server which is not there yet is waited for, if the caller has set no timeout.
const CONNECT_WAIT: Duration = Duration::from_secs(1);

/// The interval at which it is looked for.
const CONNECT_EVERY: Duration = Duration::from_millis(20);

#[pyclass(frozen, module = "remofile._remofile")]
pub(crate) struct NativeClient {
    pub(crate) options: ClientOptions,
    /// The directory in which the identity is kept.
    pub(crate) identity: Option<PathBuf>,
    pub(crate) pool: Arc<Pool>,
}

impl NativeClient {
    pub(crate) fn of(mut options: ClientOptions, identity: Option<PathBuf>) -> Self {
        options.identity = identity.as_ref().map(Identity::kept_in).unwrap_or_default();
        // That of the process before a fork may be locked for ever.
        options.kept_keys = KeptKeys::default();
        let pool = Arc::new(Pool::new(options.clone()));
        Self { options, identity, pool }
    }

    /// Makes a call, which is about a path if it changes one: its answer is returned, or comes to a mailbox.
    pub(crate) fn answer<T: for<'py> IntoPyObject<'py> + Send + 'static>(
        &self,
        py: Python<'_>,
        limits: CallLimits,
        about: Option<&str>,
        body: impl FnOnce(&mut Client, &Arc<Caller>) -> Result<T, Error> + Send + 'static,
    ) -> PyResult<Py<PyAny>> {
        self.answer_as(py, limits, about, body, |py, value| value.into_py_any(py))
    }

    /// The same for an answer of which `into` makes a value of Python.
    pub(crate) fn answer_as<T: Send + 'static>(
        &self,
        py: Python<'_>,
        limits: CallLimits,
        about: Option<&str>,
        body: impl FnOnce(&mut Client, &Arc<Caller>) -> Result<T, Error> + Send + 'static,
        into: impl FnOnce(Python<'_>, T) -> PyResult<Py<PyAny>> + Send + 'static,
    ) -> PyResult<Py<PyAny>> {
        let (maker, own) = (self.maker(), limits.clone());
        // Options that contradict each other are values that do not fit: an answer of its own.
        let work = move |turn: Turn, caller: &Arc<Caller>| match maker.make(turn, &own, caller, body) {
            Err(error @ Error::Usage(_)) => Ok(Err(error)),
            result => result.map(Ok),
        };
        answer(py, &self.pool, limits, about, work, |py, made| into(py, made.map_err(|error| of_call(py, error))?))
    }

    fn maker(&self) -> Maker {
        Maker { wait: self.options.wait }
    }
}

/// A body that is done once more if the connection turns out to be lost: for calls that change nothing.
pub(crate) fn again<T>(
    body: impl Fn(&mut Client) -> Result<T, Error>,
) -> impl FnOnce(&mut Client, &Arc<Caller>) -> Result<T, Error> {
    twice(move |client: &mut Client, _: &Arc<Caller>| body(client))
}

/// The same for a body that needs the caller.
pub(crate) fn twice<T>(
    body: impl Fn(&mut Client, &Arc<Caller>) -> Result<T, Error>,
) -> impl FnOnce(&mut Client, &Arc<Caller>) -> Result<T, Error> {
    move |client, caller| match body(client, caller) {
        Err(error @ Error::ConnectionLost(_)) => {
            caller.log("retrying", error.to_string(), 1, 1);
            body(client, caller)
        }
        other => other,
    }
}

/// Whatever a call needs of its client, on whichever thread it is made.
struct Maker {
    wait: Wait,
}

impl Maker {
    fn make<T>(
        &self,
        mut turn: Turn,
        limits: &CallLimits,
        caller: &Arc<Caller>,
        body: impl FnOnce(&mut Client, &Arc<Caller>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let waited_by = turn.waited_by();
        turn.client().set_waited_by(waited_by);
        turn.client().set_on_waiting(caller.on_waiting());
        self.connect(&mut turn, limits, caller)?;
        body(turn.client(), caller).map_err(|error| told_whole(error, limits))
    }

    /// Connects, and waits for a server that is only starting.
    fn connect(&self, turn: &mut Turn, limits: &CallLimits, caller: &Caller) -> Result<(), Error> {
        let (since, mut is_told) = (Instant::now(), false);
        loop {
            let left = limits.left()?;
            let wait = self.wait_left(turn);
            turn.client().set_limits(left, wait, limits.interrupt.clone());
            turn.client().set_stall_timeout(limits.stall_timeout);
            match turn.client().server() {
                Ok(_) => break,
                Err(error) if is_refused_connection(&error) => {
                    if is_waited_for(limits, since) {
                        return Err(error);
                    }
                    if !std::mem::replace(&mut is_told, true) {
                        caller.log("connecting", error.to_string(), 0, 0);
                    }
                    std::thread::sleep(CONNECT_EVERY.min(left.unwrap_or(CONNECT_EVERY)));
                    if is_waited_for(limits, since) {
                        return Err(error);
                    }
                }
                // The call itself waits for a connection of another one, if that is what the server has no room beside.
                Err(Error::Refused(Refusal::TooMany)) => {
                    // A callback that has begun this call on another thread, and does not wait for it, has ended by then.
                    turn.let_callbacks_end();
                    let waited_by = turn.waited_by();
                    turn.client().set_waited_by(waited_by);
                    break;
                }
                Err(error) => return Err(told_whole(error, limits)),
            }
        }
        let wait = self.wait_left(turn);
        turn.client().set_limits(limits.left()?, wait, limits.interrupt.clone());
        Ok(())
    }

    /// Returns how to wait while others hold the lease.
    fn wait_left(&self, turn: &Turn) -> Wait {
        let waited = turn.waited();
        match self.wait {
            // What another call of the client waited in its place counts.
            Wait::For(wait) if !waited.is_zero() => match wait.saturating_sub(waited) {
                Duration::ZERO => Wait::No,
                left => Wait::For(left),
            },
            wait => wait,
        }
    }
}

/// Reports whether a server that is not there was waited for long enough.
fn is_waited_for(limits: &CallLimits, since: Instant) -> bool {
    match (limits.timeout, limits.stall_timeout) {
        (None, None) => since.elapsed() >= CONNECT_WAIT,
        (timeout, stall_timeout) => {
            timeout.is_some_and(|timeout| limits.began.elapsed() >= timeout)
                || stall_timeout.is_some_and(|timeout| since.elapsed() >= timeout)
        }
    }
}

/// A timeout is told as the caller has set it.
pub(crate) fn told_whole(error: Error, limits: &CallLimits) -> Error {
    match (error, limits.timeout) {
        (Error::Timeout(_), Some(timeout)) => Error::Timeout(timeout),
        (error, _) => error,
    }
}
