//! Sessions that workers have, or have given back.

use crate::carrier::Waker;
use crate::server::connection::Serve;
use mio::Token;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The time for which a session without anything to do keeps its worker: the next of many small requests is served at
/// once.
const LINGER: Duration = Duration::from_millis(250);

/// The bit of a parked session's token in the poller.
const FIRST_SESSION: usize = 1 << (usize::BITS - 1);

/// The way in which a session goes on.
pub(super) enum Running {
    /// The session waits for a worker if it has something to do, and otherwise, parked, for bytes in the poller.
    Waits { connection: Box<dyn Serve>, has_something_to_do: bool },
    /// A worker has it, and is woken by this.
    AtWork(Waker),
}

/// Sessions that workers have given back.
pub(super) struct Returns {
    sessions: Mutex<Vec<Returned>>,
    /// True if workers are rare.
    pub(super) are_rare: AtomicBool,
    lobby: Waker,
}

pub(super) struct Returned {
    pub(super) session: u64,
    /// `None` if it is over.
    pub(super) connection: Option<Box<dyn Serve>>,
    pub(super) waker: Waker,
}

/// Gives a session back, however its worker's turn ends.
pub(super) struct Return {
    pub(super) returns: Arc<Returns>,
    pub(super) returned: Option<Returned>,
}

impl Returns {
    pub(super) fn new(lobby: &Waker) -> Arc<Self> {
        let (sessions, are_rare) = (Mutex::default(), AtomicBool::new(false));
        Arc::new(Self { sessions, are_rare, lobby: lobby.clone() })
    }

    pub(super) fn take(&self) -> Vec<Returned> {
        mem::take(&mut *self.sessions.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn linger(&self) -> Duration {
        if self.are_rare.load(Ordering::Relaxed) { Duration::ZERO } else { LINGER }
    }
}

impl Drop for Return {
    fn drop(&mut self) {
        let mut sessions = self.returns.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        // The first of them wakes the lobby for all.
        let is_first = sessions.is_empty();
        sessions.extend(self.returned.take());
        drop(sessions);
        if is_first {
            self.returns.lobby.wake();
        }
    }
}

/// Returns the poller's token of a parked session.
pub(super) fn session_token(session: u64) -> Token {
    Token(FIRST_SESSION | session as usize)
}

/// Returns the session of a poller's token.
pub(super) fn session_of(Token(number): Token) -> Option<u64> {
    (number & FIRST_SESSION != 0).then_some((number & !FIRST_SESSION) as u64)
}
