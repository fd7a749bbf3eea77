//! The lobby: holds every peer that has not proved a token yet, cheaply, on one event loop.
//!
//! Nothing but fixed-size greetings is read here: at most [`MAX_HANDSHAKE_BYTES`] from each peer, for
//! at most [`HANDSHAKE_TIMEOUT`](remofile_protocol::limits::HANDSHAKE_TIMEOUT). A peer whose handshake succeeds leaves
//! for a worker. No answer that depends on a token is given past [`guesses`].

mod accepting;
pub(super) mod complaints;
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
use super::admission::Place;
use super::connection::Connection;
use super::expiry::Expiry;
use super::lifetime::Stop;
use super::neighbours::Neighbours;
use super::open_files::MOST_OPEN;
use super::presence::Presence;
use super::roster::Roster;
use super::session::{Peer, Session};
use super::slowdown::Slowdown;
use super::workers::Workers;
use super::zeromq::connection::ConversationEndpoint;
use super::zeromq::{Conversation, ServerContext};
use crate::carrier::{Link, RecordKeys, Waker, ZmtpLink, message_bytes, prepare};
use complaints::Complaints;
pub(super) use listening::listen;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use newcomer::{Newcomer, Promised, Speaker};
use remofile_protocol::digest::DigestKind;
use remofile_protocol::handshake::{
    Greeting, Refusal, ServerAnswer, ServerCredentials, answer_regardless, answer_to, recognise,
};
use remofile_protocol::limits::{DEFAULT_PAYLOAD_BYTES, MAX_HANDSHAKE_BYTES, PROTOCOL_VERSION};
use remofile_protocol::transport::LENGTH_BYTES;
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
use waiting::{Stage, Unsettled, Waiting, is_long};
use zeromq::{First, Stranger, Verdict};

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

    fn greet(&mut self, number: usize, mut waiting: Waiting, greeting: &[u8]) {
        match recognise(greeting) {
            Greeting::Native => {}
            Greeting::ZeroMq => {
                waiting.stage = Stage::ZeroMq(Box::new(Stranger::new(self.zeromq.clone())));
                return self.listen(number, waiting, greeting);
            }
            Greeting::Undecided => {
                self.waiting.insert(number, waiting);
                return;
            }
            other => return tracing::debug!(address = %waiting.address, ?other, "not our protocol"),
        }
        let mut seat = None;
        let answered = match answer_regardless(&self.credentials, greeting) {
            Some(answered) => answered,
            // The token is not even compared: a right one would take longer.
            None if self.is_guessing(&waiting) => return self.turn_away(waiting, &Refusal::TooMany.to_bytes()),
            None => match answer_to(&self.credentials, |token, peer| self.hello(token, peer, &mut seat), greeting) {
                // Whoever is told so has proved the token: no guess.
                answered @ ServerAnswer::Refuse { refusal: Refusal::Expired, .. } => answered,
                ServerAnswer::Refuse { refusal, bytes } => return self.refuse_slowly(number, waiting, refusal, bytes),
                answered => answered,
            },
        };
        match answered {
            ServerAnswer::Incomplete if greeting.len() >= MAX_HANDSHAKE_BYTES => {}
            ServerAnswer::Incomplete => self.waiting.insert(number, waiting),
            ServerAnswer::Refuse { refusal, bytes } => {
                self.complaints.refused(waiting.address, refusal);
                waiting.say(&bytes);
            }
            ServerAnswer::Accept { session, token, bytes } => {
                // There is one: its hello is in the answer.
                let Ok(pass) = self.pass(token) else { return };
                let place = Place::new(waiting.address.ip(), &pass.grant.principal).of_client(session.peer.identity);
                // Whoever joins a session takes no place of one.
                if session.peer.joins.is_none() && !self.has_room(place, &session.peer.left) {
                    self.complaints.refused(waiting.address, Refusal::TooMany);
                    return waiting.say(&Refusal::TooMany.to_bytes());
                }
                // The answer is far shorter than an empty socket buffer.
                if waiting.say_whole(&bytes) {
                    let since = Instant::now();
                    waiting.stage = Stage::Answered { session, pass, since, received: Vec::new(), seat };
                    self.waiting.insert(number, waiting);
                }
            }
        }
    }

    /// Passes bytes of a ZeroMQ peer to its state, and acts on the verdict.
    fn listen(&mut self, number: usize, mut waiting: Waiting, received: &[u8]) {
        let roster = Arc::clone(&self.roster);
        let tokens = (!self.is_guessing(&waiting)).then_some(&*roster);
        let Stage::ZeroMq(stranger) = &mut waiting.stage else { return };
        let verdict = stranger.receive(received, tokens);
        self.act(number, waiting, verdict);
    }

    /// Acts on the verdict about a ZeroMQ peer.
    fn act(&mut self, number: usize, mut waiting: Waiting, verdict: Verdict) {
        let Stage::ZeroMq(stranger) = &mut waiting.stage else { return };
        let output = stranger.take_output();
        let is_told = output.is_empty() || waiting.say_whole(&output);
        match verdict {
            _ if !is_told => {}
            Verdict::More => self.waiting.insert(number, waiting),
            // ZeroMQ's peers are told by the end of the connection alone.
            Verdict::Unheard => self.turn_away(waiting, &[]),
            Verdict::Unsettled(texts) => self.await_settling(number, waiting, texts),
            Verdict::Known { peer, proved, first } => match self.pass(proved.token) {
                Ok(pass) => {
                    let is_routing_id = proved.is_routing_id;
                    self.seat(Newcomer::ZeroMq(Speaker { waiting, pass, peer, is_routing_id, first }));
                }
                Err(refusal) => {
                    self.complaints.refused(waiting.address, refusal);
                    newcomer::refuse(waiting, *peer, first, refusal);
                }
            },
            Verdict::Refused { bytes, refusal, is_guess: true } => self.refuse_slowly(number, waiting, refusal, bytes),
            Verdict::Refused { bytes, refusal, is_guess: false } => {
                self.complaints.refused(waiting.address, refusal);
                waiting.say(&bytes);
            }
            Verdict::Unfit(refusal) => {
                self.complaints.refused(waiting.address, refusal);
                waiting.say(&[]);
            }
            Verdict::Broken(reason) => {
                tracing::debug!(address = %waiting.address, reason, "ZeroMQ handshake failed");
                waiting.say(&[]);
            }
        }
    }

    /// Begins the session once its first record is there and is genuine.
    fn confirm(&mut self, number: usize, waiting: Waiting, received: &[u8]) {
        let Stage::Answered { session, pass, .. } = &waiting.stage else { return };
        let length = received.first_chunk().map(|bytes| u32::from_be_bytes(*bytes) as usize + LENGTH_BYTES);
        match length {
            Some(length) if length > MAX_HANDSHAKE_BYTES => {
                tracing::debug!(address = %waiting.address, "its first record is too long");
            }
            Some(length) if received.len() >= length => {
                if session.opener.is_due(&received[..length]) {
                    self.seat(Newcomer::Native { pass: pass.clone(), waiting });
                } else {
                    self.complaints.not_genuine(waiting.address);
                }
            }
            _ => self.waiting.insert(number, waiting),
        }
    }

    fn begin(&mut self, waiting: Waiting) {
        self.leave(&waiting);
        let Stage::Answered { session, pass, since, received, .. } = waiting.stage else { return };
        let place = Place::new(waiting.address.ip(), &pass.grant.principal).of_client(session.peer.identity);
        let peer = Peer {
            session: self.context.shared.number_session(),
            client: session.peer.client.clone(),
            address: waiting.address.to_string(),
            network: Some(place.network()),
            identity: session.peer.identity,
            presence: self.presence(),
            grant: Arc::clone(&pass.grant),
        };
        tracing::debug!(
            agent = session.peer.agent,
            principal = peer.grant.principal.name,
            cipher = session.cipher.name(),
            version = PROTOCOL_VERSION,
            "handshake"
        );
        let send_payload = session.peer.max_payload_bytes.min(DEFAULT_PAYLOAD_BYTES);
        let keys = RecordKeys { sealer: session.sealer, opener: session.opener };
        let link = Link::new(waiting.stream, keys, send_payload, DEFAULT_PAYLOAD_BYTES, &received);
        let link = if is_long(since, waiting.address) { link.over_long_line() } else { link };
        let (number, presence) = (peer.session, peer.presence.clone());
        let shared = Arc::clone(&self.context.shared);
        let endpoint = Session::new(shared, peer.clone(), self.waker.clone(), DigestKind::Xxh3);
        let connection = Connection::new(link, endpoint, "session", &peer, self.waker.clone());
        self.begin_session(number, place, pass, presence, connection);
    }

    /// Begins a conversation with a ZeroMQ peer that knows the token.
    fn converse(&mut self, place: Place, newcomer: Speaker) {
        let Speaker { waiting, pass, peer: zmtp, is_routing_id, first } = newcomer;
        self.leave(&waiting);
        let (address, presence) = (waiting.address.to_string(), self.presence());
        let (session, network) = (self.context.shared.number_session(), Some(place.network()));
        let grant = Arc::clone(&pass.grant);
        let peer = Peer { session, client: String::new(), address, network, identity: None, presence, grant };
        let mut link =
            ZmtpLink::new(waiting.stream, *zmtp, DEFAULT_PAYLOAD_BYTES, message_bytes(DEFAULT_PAYLOAD_BYTES));
        let first = match first {
            First::Message(frames) => Some(frames),
            First::Beginning(begun) => {
                link.resume(begun);
                None
            }
        };
        let (number, presence) = (peer.session, peer.presence.clone());
        let context = Arc::clone(&self.context);
        let conversation = Conversation::new(context, peer.clone(), self.waker.clone(), is_routing_id);
        let endpoint = ConversationEndpoint::new(conversation, first);
        let connection = Connection::new(link, endpoint, "ZeroMQ session", &peer, self.waker.clone());
        self.begin_session(number, place, pass, presence, connection);
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
