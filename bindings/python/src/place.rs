//! The place of an open file, of which one call at a time has it.

use remofile::{Error, RemoteFile};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The interval at which a call that waits for another one of its file looks whether it is to end.
const STEP: Duration = Duration::from_millis(50);

/// The place of one file, of which one call at a time has it.
pub(crate) struct Place {
    state: Mutex<State>,
    is_left: Condvar,
}

enum State {
    Free(Box<RemoteFile>),
    InUse,
    /// The file is to be aborted when the call that uses it is over.
    Aborted,
    Closed,
}

/// A file in use. It goes back to its place.
pub(crate) struct InUse<'a> {
    place: &'a Place,
    file: Option<Box<RemoteFile>>,
}

impl Place {
    pub(crate) fn new(file: RemoteFile) -> Self {
        Self { state: Mutex::new(State::Free(Box::new(file))), is_left: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until no other call uses the file, as long as `check` does not fail.
    pub(crate) fn take(&self, check: impl Fn() -> Result<(), Error>) -> Result<InUse<'_>, Error> {
        let mut state = self.lock();
        loop {
            match std::mem::replace(&mut *state, State::InUse) {
                State::Free(file) => return Ok(InUse { place: self, file: Some(file) }),
                State::InUse => {}
                closed @ (State::Closed | State::Aborted) => {
                    *state = closed;
                    return Err(CLOSED);
                }
            }
            check()?;
            state = self.is_left.wait_timeout(state, STEP).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Place {
    /// Returns the bytes that were read ahead, if that is enough and nobody uses the file.
    pub(crate) fn read_here(&self, wanted: usize, most: usize) -> Option<Result<Vec<u8>, Error>> {
        match &mut *self.state.try_lock().ok()? {
            State::Free(file) if file.buffered() >= wanted.max(1) => Some(file.read_ahead(wanted, most)),
            _ => None,
        }
    }

    pub(crate) fn abort(&self) {
        let mut state = self.lock();
        match std::mem::replace(&mut *state, State::Closed) {
            State::Free(file) => {
                drop(state);
                file.abort();
            }
            State::InUse | State::Aborted => *state = State::Aborted,
            State::Closed => {}
        }
    }
}

impl InUse<'_> {
    pub(crate) fn file(&mut self) -> Result<&mut RemoteFile, Error> {
        self.file.as_deref_mut().ok_or(CLOSED)
    }
}

impl Drop for InUse<'_> {
    fn drop(&mut self) {
        let mut state = self.place.lock();
        let file = self.file.take();
        let aborted = match (&*state, file) {
            (State::Aborted, file) => {
                *state = State::Closed;
                file
            }
            (_, Some(file)) => {
                *state = State::Free(file);
                None
            }
            (_, None) => {
                *state = State::Closed;
                None
            }
        };
        drop(state);
        self.place.is_left.notify_all();
        if let Some(file) = aborted {
            file.abort();
        }
    }
}

const CLOSED: Error = Error::Usage("I/O operation on closed file");

pub(crate) fn is_closed(what: &str) -> bool {
    matches!(CLOSED, Error::Usage(closed) if closed == what)
}
