//! The lobby: holds every peer that has not proved a token yet, cheaply, on one event loop.
//!
//! Nothing but fixed-size greetings is read here: at most [`MAX_HANDSHAKE_BYTES`] from each peer, for
//! at most [`HANDSHAKE_TIMEOUT`](remofile_protocol::limits::HANDSHAKE_TIMEOUT). A peer whose handshake succeeds leaves
//! for a worker. No answer that depends on a token is given past [`guesses`].

mod accepting;
pub(super) mod complaints;
mod conversing;
mod greeting;
mod guesses;
mod joining;
mod listening;
mod newcomer;
mod proving;
mod returns;
mod room;
mod running;
mod seating;
mod turns;
mod waiting;
mod zeromq;

use super::admission::Admission;
use super::expiry::Expiry;
use super::lifetime::Stop;
use super::neighbours::Neighbours;
use super::open_files::MOST_OPEN;
use super::presence::Presence;
use super::roster::Roster;
use super::slowdown::Slowdown;
use super::workers::Workers;
use super::zeromq::ServerContext;
use crate::carrier::{Waker, prepare};
use complaints::Complaints;
pub(super) use listening::listen;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use newcomer::Promised;
use remofile_protocol::handshake::ServerCredentials;
use remofile_protocol::zmtp::ServerSettings;
use returns::{Returns, Running, session_of};
use room::Room;
use std::collections::BTreeSet;
use std::io;
use std::net::TcpListener;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use turns::Turns;
use waiting::{Stage, Unsettled, Waiting};

/// Peers in the lobby at most, descriptors permitting. Beyond that a peer of those that take most of the room has
/// to leave.
const MAX_WAITING: usize = 1024;

/// Descriptors that are neither for connections nor for workers: listeners, the store, logs, directories above, and files that stay open.
const OWN_DESCRIPTORS: usize = 48 + MOST_OPEN;

const WAKE: Token = Token(0);
const FIRST_LISTENER: usize = 1;
const FIRST_PEER: usize = 16;

/// Listening sockets at most.
pub(super) const MAX_LISTENERS: usize = FIRST_PEER - FIRST_LISTENER;

pub(super) struct Lobby {
    poll: Poll,
    listeners: Vec<TcpListener>,
    credentials: ServerCredentials,
    /// `None` where nothing may be changed.
    expiry: Option<Expiry>,
    context: Arc<ServerContext>,
    /// Sessions at most, whatever the options say, and the number of changes of limits that were taken.
    most_sessions: usize,
    limit_changes: u64,
    /// The roster that the lobby goes by: the indices of the credentials are its.
    roster: Arc<Roster>,
    /// Time to look again at tokens that end by themselves.
    next_look: Option<Instant>,
    /// Peers whose tokens are being stretched.
    unsettled: Vec<Unsettled>,
    /// Settings of the ZeroMQ handshake: the mechanisms that peers may use.
    zeromq: ServerSettings,
    waiting: Room<Waiting>,
    next_peer: usize,
    admission: Admission<Running>,
    promised: Vec<Promised>,
    turns: Turns,
    workers: Workers,
    returns: Arc<Returns>,
    spare_wakers: Vec<Waker>,
    /// Descriptors for sessions and workers.
    descriptors: usize,
    slowdown: Slowdown,
    waker: Waker,
    /// Listeners at which there may be connections to accept. The poller does not report those again.
    ready: BTreeSet<usize>,
    /// Time to accept again, after there was no descriptor left.
    accept_again: Option<Instant>,
    complaints: Complaints,
}

impl Lobby {
    pub(super) fn new(
        listeners: Vec<TcpListener>,
        context: Arc<ServerContext>,
        expiry: Option<Expiry>,
        waker: &Waker,
    ) -> io::Result<Self> {
        // A peer takes one descriptor, in the lobby and later; a session at work some more.
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        let descriptors = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX)).max(64);
        let places = MAX_WAITING.min(descriptors / 4);
        let descriptors = descriptors.saturating_sub(places + OWN_DESCRIPTORS).max(8);
        // The rest is for those at work.
        let most_sessions = descriptors / 4 * 3;
        context.shared.limits.current().tell_of_fewer_sessions(most_sessions);
        let poll = Poll::new()?;
        poll.registry().register(&mut SourceFd(&waker.as_fd().as_raw_fd()), WAKE, Interest::READABLE)?;
        for (number, listener) in listeners.iter().enumerate() {
            let token = Token(FIRST_LISTENER + number);
            poll.registry().register(&mut SourceFd(&listener.as_raw_fd()), token, Interest::READABLE)?;
        }
        let options = &context.shared.options;
        let complaints = Complaints::new(Instant::now(), context.shared.reporter.clone());
        let zeromq = ServerSettings {
            curve: options.private_key.clone(),
            null: options.private_key.is_none() && !options.require_encryption,
        };
        // Tokens may change before the first peer comes, so that both are of one roster.
        let roster = context.rosters.current();
        let credentials = ServerCredentials {
            tokens: Arc::clone(roster.table()),
            private_key: options.private_key.clone(),
            allow_plain: options.allow_plain && !options.require_encryption,
        };
        Ok(Self {
            poll,
            listeners,
            credentials,
            admission: Admission::new(context.shared.limits.current(), most_sessions),
            promised: Vec::new(),
            most_sessions,
            limit_changes: 0,
            roster,
            next_look: None,
            unsettled: Vec::new(),
            context,
            zeromq,
            expiry,
            waiting: Room::new(places),
            next_peer: FIRST_PEER,
            turns: Turns::new(),
            workers: Workers::new(),
            returns: Returns::new(waker),
            spare_wakers: Vec::new(),
            descriptors,
            slowdown: Slowdown::new(),
            waker: waker.clone(),
            ready: BTreeSet::new(),
            accept_again: None,
            complaints,
        })
    }

    /// Runs until it is to stop and the waker was called; then ends every session.
    pub(super) fn run(mut self, stop: &Stop, neighbours: Neighbours) -> io::Result<()> {
        let served = self.serve(stop, neighbours);
        self.end_sessions();
        served
    }

    fn serve(&mut self, stop: &Stop, mut neighbours: Neighbours) -> io::Result<()> {
        let mut events = Events::with_capacity(256);
        while !stop.stopping.load(Ordering::Acquire) {
            match self.poll.poll(&mut events, self.timeout()) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            for event in &events {
                match event.token() {
                    WAKE => {
                        self.waker.drain();
                    }
                    // Only noted here: the peers that are in the lobby already are heard before others are accepted.
                    Token(number) if number < FIRST_PEER => drop(self.ready.insert(number - FIRST_LISTENER)),
                    token => match session_of(token) {
                        Some(session) => self.wake(session),
                        None => self.read(token.0),
                    },
                }
            }
            stop.pulse.beat();
            self.take_limits();
            self.look_at_tokens();
            self.accept();
            self.expire();
            self.schedule_look();
            neighbours.run(Instant::now());
        }
        Ok(())
    }

    /// Takes over limits that have changed.
    fn take_limits(&mut self) {
        let changes = self.context.shared.limits.changes();
        if changes != self.limit_changes {
            self.limit_changes = changes;
            let limits = self.context.shared.limits.current();
            self.admission.change(limits, self.most_sessions);
            if let Some(expiry) = &mut self.expiry {
                expiry.change(limits.partial_expiry);
            }
        }
    }

    /// Returns the time that the loop may sleep if nothing comes.
    fn timeout(&self) -> Option<Duration> {
        if self.accept_again.is_none() && !self.ready.is_empty() {
            return Some(Duration::ZERO);
        }
        let deadlines = [
            self.waiting.next_deadline(),
            self.promised.iter().map(|promised| promised.deadline).min(),
            self.accept_again,
            self.expiry.as_ref().map(Expiry::next),
            self.complaints.due(),
            self.context.shared.open_files.next_close(),
            self.next_look,
        ];
        deadlines.into_iter().flatten().min().map(|at| at.saturating_duration_since(Instant::now()))
    }

    fn read(&mut self, number: usize) {
        self.take_roster();
        // What was changed before a peer wrote is in force for it.
        self.take_limits();
        while let Some(mut waiting) = self.waiting.remove(number) {
            if waiting.is_unsettled() {
                self.waiting.insert(number, waiting);
                return;
            }
            match waiting.read() {
                Ok(Some(received)) => match waiting.stage {
                    Stage::Answered { .. } => return self.confirm(number, waiting, &received),
                    Stage::Greeting(_) | Stage::Refused(_) => return self.greet(number, waiting, &received),
                    // There may be more to read, and the poller reports each arrival only once.
                    Stage::ZeroMq(_) => self.listen(number, waiting, &received),
                },
                Ok(None) => {
                    self.waiting.insert(number, waiting);
                    return;
                }
                Err(error) => return tracing::debug!(address = %waiting.address, %error, "peer left the lobby"),
            }
        }
    }

    fn presence(&self) -> Presence {
        Presence::new(Instant::now(), Some(self.waker.clone()))
    }

    /// Takes a connection out of the lobby's poller and sets the options of a session's socket.
    fn leave(&self, waiting: &Waiting) {
        let _removed = self.poll.registry().deregister(&mut SourceFd(&waiting.stream.as_raw_fd()));
        if let Err(error) = prepare(&waiting.stream) {
            tracing::debug!(address = %waiting.address, %error, "cannot set the options of a connection");
        }
    }

    /// Does what is due: seats newcomers that were promised a place, sends delayed refusals, and drops peers whose
    /// handshake took too long.
    fn expire(&mut self) {
        self.seat_promised();
        let now = Instant::now();
        self.complaints.sum_up(now);
        let old = self.context.shared.open_files.take_old(now);
        if !old.is_empty() {
            // Where the last name of a large file is gone, its end takes the disk a while.
            self.context.shared.pool.run_detached(move || drop(old));
        }
        if let Some(expiry) = &mut self.expiry {
            expiry.run(now);
        }
        while let Some(mut waiting) = self.waiting.pop_due(now) {
            match std::mem::replace(&mut waiting.stage, Stage::Greeting(Vec::new())) {
                Stage::Refused(bytes) => waiting.say(&bytes),
                Stage::Greeting(_) | Stage::Answered { .. } | Stage::ZeroMq(_) => {
                    tracing::debug!(address = %waiting.address, "no handshake in time");
                }
            }
        }
    }
}
