//! Running: sessions go to a worker when something comes for them, and wait in the poller until then.

use super::Lobby;
use super::returns::{Return, Returned, Running, session_token};
use crate::carrier::Waker;
use crate::server::admission::Place;
use crate::server::connection::{Serve, Served};
use crate::server::presence::Presence;
use crate::server::roster::Pass;
use mio::unix::SourceFd;
use mio::{Events, Interest};
use remofile_protocol::wire::ErrorCode;
use std::io;
use std::mem;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Instant, SystemTime};

/// Descriptors there must be for each session at work: two wake its worker, and files are open.
const DESCRIPTORS_A_WORKER: usize = 7;

/// Workers at most, however many descriptors there are.
const MAX_WORKERS: usize = 4096;

/// Wakers that are kept for the next workers.
const SPARE_WAKERS: usize = 16;

impl Lobby {
    /// Begins a session.
    pub(super) fn begin_session(
        &mut self,
        session: u64,
        place: Place,
        pass: Pass,
        presence: Presence,
        connection: impl Serve + 'static,
    ) {
        let (connection, now) = (Box::new(connection), SystemTime::now());
        self.roster.note_use(&pass, now);
        if !self.roster.admits(&pass, now) {
            // Its token was taken back while it waited for its place.
            presence.end(ErrorCode::TokenRevoked);
        }
        self.admission.add(
            session,
            place,
            Some(pass),
            presence,
            Running::Waits { connection, has_something_to_do: true },
        );
        self.allot_workers();
        self.turns.wait(session, place.network(), Instant::now());
        self.give_turns();
    }

    /// Workers are as many as there are descriptors for, which sessions take, too.
    fn allot_workers(&mut self) {
        let free = self.descriptors.saturating_sub(self.admission.sessions() + self.context.shared.lanes.taken());
        let most = (free / DESCRIPTORS_A_WORKER).min(MAX_WORKERS);
        self.turns.set_most(most, self.context.shared.limits.current().workers_of_an_address(most));
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
            // Drained here, where it is called: what was told since the worker looked last must not be forgotten.
            let was_called = waker.drain();
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
            } else if was_called || self.is_stopping() || self.admission.is_leaving(session) {
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
                _ => {}
            }
            self.waker.drain();
        }
    }

    fn is_stopping(&self) -> bool {
        self.context.shared.stopping.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests;
