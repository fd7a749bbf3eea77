//! Running: sessions go to a worker when something comes for them, and wait in the poller until then.

use super::Lobby;
use crate::carrier::Waker;
use crate::server::admission::Place;
use crate::server::connection::{Serve, Served};
use crate::server::presence::Presence;
use mio::unix::SourceFd;
use mio::{Events, Interest, Token};
use std::io;
use std::mem;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a session without anything to do keeps its worker: the next of many small requests is served at once.
const LINGER: Duration = Duration::from_millis(250);

/// Descriptors there must be for each session at work: two wake its worker, and files are open.
const DESCRIPTORS_A_WORKER: usize = 7;

/// Workers at most, however many descriptors there are.
const MAX_WORKERS: usize = 4096;

/// Wakers that are kept for the next workers.
const SPARE_WAKERS: usize = 16;

/// The bit of a parked session's token in the poller.
const FIRST_SESSION: usize = 1 << (usize::BITS - 1);

/// How a session goes on.
pub(super) enum Running {
    /// It waits for a worker if it has something to do, and otherwise, parked, for bytes in the poller.
    Waits { connection: Box<dyn Serve>, has_something_to_do: bool },
    /// A worker has it, and is woken by this.
    AtWork(Waker),
}

/// Sessions that workers have given back.
pub(super) struct Returns {
    sessions: Mutex<Vec<Returned>>,
    /// Whether workers are rare.
    are_rare: AtomicBool,
    lobby: Waker,
}

struct Returned {
    session: u64,
    /// `None` if it is over.
    connection: Option<Box<dyn Serve>>,
    waker: Waker,
}

/// Gives a session back, however its worker's turn ends.
struct Return {
    returns: Arc<Returns>,
    returned: Option<Returned>,
}

impl Returns {
    pub(super) fn new(lobby: &Waker) -> Arc<Self> {
        let (sessions, are_rare) = (Mutex::default(), AtomicBool::new(false));
        Arc::new(Self { sessions, are_rare, lobby: lobby.clone() })
    }

    fn take(&self) -> Vec<Returned> {
        mem::take(&mut *self.sessions.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn linger(&self) -> Duration {
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

impl Lobby {
    /// Begins a session.
    pub(super) fn begin_session(
        &mut self,
        session: u64,
        place: Place,
        presence: Presence,
        connection: impl Serve + 'static,
    ) {
        let connection = Box::new(connection);
        self.admission.add(session, place, presence, Running::Waits { connection, has_something_to_do: true });
        self.allot_workers();
        self.turns.wait(session, place.network(), Instant::now());
        self.give_turns();
    }

    /// Workers are as many as there are descriptors for, which sessions take, too.
    fn allot_workers(&mut self) {
        let free = self.descriptors.saturating_sub(self.admission.sessions());
        let most = (free / DESCRIPTORS_A_WORKER).min(MAX_WORKERS);
        self.turns.set_most(most, self.context.shared.options.workers_of_an_address(most));
    }

    /// Has a session look at what is there for it: bytes, the end of the server, its dismissal.
    pub(super) fn wake(&mut self, session: u64) {
        let Some((place, running)) = self.admission.running_mut(session) else { return };
        match running {
            Running::AtWork(waker) => waker.wake(),
            Running::Waits { has_something_to_do: true, .. } => {}
            Running::Waits { connection, has_something_to_do } => {
                *has_something_to_do = true;
                let _removed = self.poll.registry().deregister(&mut SourceFd(&connection.socket().as_raw_fd()));
                self.turns.wait(session, place.network(), Instant::now());
                self.give_turns();
            }
        }
    }

    /// Takes what workers have given back: sessions to park, and those that are over, which are given.
    pub(super) fn take_returns(&mut self) -> Vec<u64> {
        let mut over = Vec::new();
        for Returned { session, connection, waker } in self.returns.take() {
            if self.spare_wakers.len() < SPARE_WAKERS {
                self.spare_wakers.push(waker);
            }
            let Some((place, running)) = self.admission.running_mut(session) else { continue };
            let network = place.network();
            self.turns.end(network);
            let is_parked = connection.is_some_and(|connection| {
                // What has come since the worker looked is told at once.
                let descriptor = connection.socket().as_raw_fd();
                let token = session_token(session);
                let registered = self.poll.registry().register(&mut SourceFd(&descriptor), token, Interest::READABLE);
                *running = Running::Waits { connection, has_something_to_do: false };
                registered.inspect_err(|error| tracing::error!(%error, "cannot wait for an idle session")).is_ok()
            });
            if !is_parked {
                self.admission.remove(session);
                over.push(session);
            } else if self.is_stopping() || self.admission.is_leaving(session) {
                // It was asked for while nobody could wake it.
                self.wake(session);
            }
        }
        if !over.is_empty() {
            self.allot_workers();
        }
        self.give_turns();
        over
    }

    /// Gives workers to sessions that wait for one.
    fn give_turns(&mut self) {
        while let Some(session) = self.turns.next() {
            if let Err(error) = self.run_session(session) {
                tracing::error!(%error, "cannot run a session");
            }
        }
        self.returns.are_rare.store(self.turns.are_rare(), Ordering::Relaxed);
    }

    /// Has a worker run a session that waits for one.
    fn run_session(&mut self, session: u64) -> io::Result<()> {
        let Some((place, running)) = self.admission.running_mut(session) else { return Ok(()) };
        let waker = match self.spare_wakers.pop() {
            Some(waker) => waker,
            None => match Waker::new() {
                Ok(waker) => waker,
                Err(error) => {
                    self.turns.end(place.network());
                    self.admission.remove(session);
                    return Err(error);
                }
            },
        };
        let Running::Waits { connection, .. } = mem::replace(running, Running::AtWork(waker.clone())) else {
            return Ok(());
        };
        let returned = Some(Returned { session, connection: None, waker: waker.clone() });
        let gives_back = Return { returns: Arc::clone(&self.returns), returned };
        self.workers.run(move || {
            // Declared first, so that its leases are given back before its place is.
            let (mut gives_back, mut connection) = (gives_back, connection);
            let served = connection.serve(&waker, &|| gives_back.returns.linger());
            waker.drain();
            if served == Served::Idle
                && let Some(returned) = &mut gives_back.returned
            {
                returned.connection = Some(connection);
            }
        })
    }

    /// Tells every session that the server ends, and waits until all have ended.
    pub(super) fn end_sessions(&mut self) {
        // First of all, so that nobody connects to a server that stops.
        self.listeners.clear();
        self.waiting.clear();
        self.promised.clear();
        // Before the wakers are called: a session that wakes looks at this flag.
        self.context.shared.stopping.store(true, Ordering::Release);
        self.admission.numbers().into_iter().for_each(|session| self.wake(session));
        let mut events = Events::with_capacity(1);
        loop {
            self.take_returns();
            if self.admission.sessions() == 0 {
                return;
            }
            match self.poll.poll(&mut events, None) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                    return tracing::error!(%error, "cannot wait for sessions to end");
                }
                _ => self.waker.drain(),
            }
        }
    }

    fn is_stopping(&self) -> bool {
        self.context.shared.stopping.load(Ordering::Acquire)
    }
}

/// What the poller calls a parked session.
fn session_token(session: u64) -> Token {
    Token(FIRST_SESSION | session as usize)
}

/// Which session the poller means.
pub(super) fn session_of(Token(number): Token) -> Option<u64> {
    (number & FIRST_SESSION != 0).then_some((number & !FIRST_SESSION) as u64)
}
