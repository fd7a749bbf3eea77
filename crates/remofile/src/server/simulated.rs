//! A server for a simulation: its sessions, leases and operations, without sockets, threads and a clock.
//!
//! Messages are given and taken one by one, jobs of the pool are done when somebody says so. What the lobby does with
//! newcomers is its own code, [`Admission`], without handshakes.

use super::admission::{Admission, Place};
use super::leases::Beside;
use super::limits::Limits;
use super::options::ServerOptions;
use super::presence::Presence;
use super::principal::Grant;
use super::protocol1::Exchange;
use super::session::{Peer, Session, SharedState, Turn};
use crate::blocking::Pool;
use crate::carrier::{MessageWriter, Waker, clock};
use crate::store::Store;
use remofile_protocol::digest::DigestKind;
use remofile_protocol::handshake::ClientIdentity;
use remofile_protocol::limits::DEFAULT_PAYLOAD_BYTES;
use remofile_protocol::session::SessionError;
use remofile_protocol::wire::Header;
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// A server without sockets and threads.
pub(crate) struct SimulatedServer {
    shared: Arc<SharedState>,
    admission: Admission<Waker>,
    beside: Beside,
}

/// A session of it.
pub(crate) struct SimulatedSession {
    number: u64,
    waker: Waker,
    speech: Speech,
    /// True if it asks for leases at a table of its own: a planted bug.
    shared: Arc<SharedState>,
}

/// The protocol of a session.
enum Speech {
    Native(Box<Session>),
    /// Protocol 1, with answers that have not left yet.
    Former(Box<Exchange>, VecDeque<Vec<u8>>),
}

/// The next thing that a session has to send or do.
pub(crate) enum SimulatedTurn {
    Message(Header),
    /// An answer of protocol 1.
    Answer(Vec<u8>),
    Work,
    Nothing,
}

fn shared(options: ServerOptions) -> SharedState {
    let mut shared = SharedState::new(options);
    shared.pool = Pool::manual();
    shared
}

impl SimulatedServer {
    /// A server that begins now, on this thread.
    pub(crate) fn new(options: ServerOptions) -> Self {
        let admission = Admission::new(Limits::of(&options), usize::MAX);
        let shared = shared(options);
        shared.pool.help_while_waiting();
        Self { shared: Arc::new(shared), admission, beside: Beside::default() }
    }

    /// Begins a session of a client on a store, and ends those that are left of the same client.
    pub(crate) fn open(&mut self, client: &str, identity: ClientIdentity, store: Arc<dyn Store>) -> SimulatedSession {
        self.open_on(Arc::clone(&self.shared), client, identity, store)
    }

    /// As [`SimulatedServer::open`], with a table of leases that is nobody else's: a planted bug.
    pub(crate) fn open_unleased(
        &mut self,
        client: &str,
        identity: ClientIdentity,
        store: Arc<dyn Store>,
    ) -> SimulatedSession {
        let mut own = shared(self.shared.options.clone());
        own.pool = self.shared.pool.clone();
        self.open_on(Arc::new(own), client, identity, store)
    }

    fn open_on(
        &mut self,
        shared: Arc<SharedState>,
        client: &str,
        identity: ClientIdentity,
        store: Arc<dyn Store>,
    ) -> SimulatedSession {
        let number = self.shared.number_session();
        let grant = Arc::new(Grant::unlimited(store, &shared.options));
        let address = IpAddr::V4(Ipv4Addr::new(192, 0, 2, identity.client[0]));
        let place = Place::new(address, &grant.principal).of_client(Some(identity));
        let presence = Presence::new(clock::now(), None);
        let waker = Waker::new().unwrap();
        for replaced in self.admission.end_replaced(&place, &[]) {
            if let Some((_, waker)) = self.admission.running_mut(replaced) {
                waker.wake();
            }
        }
        self.admission.add(number, place, None, presence.clone(), waker.clone());
        let peer = Peer {
            session: number,
            client: client.to_owned(),
            address: address.to_string(),
            network: Some(place.network()),
            identity: Some(identity),
            presence,
            grant,
        };
        let session = Session::new(Arc::clone(&shared), peer, waker.clone(), DigestKind::Xxh3);
        SimulatedSession { number, waker, speech: Speech::Native(Box::new(session)), shared }
    }

    /// Begins a session of protocol 1 on a store.
    pub(crate) fn open_former(&mut self, store: Arc<dyn Store>) -> SimulatedSession {
        let shared = Arc::clone(&self.shared);
        let number = shared.number_session();
        let grant = Arc::new(Grant::unlimited(store, &shared.options));
        let address = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 200));
        let place = Place::new(address, &grant.principal);
        let (presence, waker) = (Presence::new(clock::now(), None), Waker::new().unwrap());
        self.admission.add(number, place, None, presence.clone(), waker.clone());
        let peer = Peer {
            session: number,
            client: "a client of protocol 1".to_owned(),
            address: address.to_string(),
            network: Some(place.network()),
            identity: None,
            presence,
            grant,
        };
        let exchange = Exchange::new(Arc::clone(&shared), peer, waker.clone());
        SimulatedSession { number, waker, speech: Speech::Former(Box::new(exchange), VecDeque::new()), shared }
    }

    /// A session is over.
    pub(crate) fn forget(&mut self, number: u64) {
        self.admission.remove(number);
    }

    /// Tells all sessions that the server stops: each says goodbye when it looks.
    pub(crate) fn stop(&mut self) {
        self.shared.stopping.store(true, Ordering::Release);
        for number in self.admission.numbers() {
            if let Some((_, waker)) = self.admission.running_mut(number) {
                waker.wake();
            }
        }
    }

    /// Reports whether a job waits.
    pub(crate) fn has_jobs(&self) -> bool {
        self.shared.pool.owners_with_jobs() > 0
    }

    /// Does a job of one of the owners that have some.
    pub(crate) fn run_job(&self, choice: usize) -> bool {
        self.shared.pool.run_next(choice)
    }

    /// Returns what is broken of the promises that hold at every moment.
    pub(crate) fn broken_promise(&mut self) -> Option<String> {
        if let Some((one, other)) = self.shared.leases.meeting(&mut self.beside) {
            return Some(format!("sessions {one} and {other} hold leases that conflict"));
        }
        let (used, most) = (self.shared.memory.used(), self.shared.options.server_memory);
        (used > most).then(|| format!("{used} bytes are in use of {most}"))
    }

    /// Returns what is left of sessions that are all over.
    pub(crate) fn remainder(&self) -> Option<String> {
        let (leases, memory, sessions) =
            (self.shared.leases.len(), self.shared.memory.used(), self.admission.sessions());
        let is_left = leases > 0 || memory > 0 || sessions > 0;
        is_left.then(|| format!("{leases} leases, {memory} bytes of memory and {sessions} sessions are left"))
    }
}

impl SimulatedSession {
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    pub(crate) fn receive(&mut self, now: Duration, header: Header, payload: &[u8]) -> Result<(), SessionError> {
        match &mut self.speech {
            Speech::Native(session) => session.receive(now, header, payload),
            Speech::Former(..) => Ok(()),
        }
    }

    /// Takes a request of protocol 1.
    ///
    /// # Errors
    /// If there is no memory for it.
    pub(crate) fn ask(&mut self, now: Duration, request: &[u8]) -> Result<(), String> {
        let Speech::Former(exchange, answers) = &mut self.speech else { return Ok(()) };
        let answer = exchange.ask(now, &[], request).map_err(|_exhausted| "a request without memory".to_owned())?;
        answers.extend(answer.map(|enveloped| enveloped.answer));
        Ok(())
    }

    /// Returns the next message, whose payload is put into `payload`.
    pub(crate) fn produce(&mut self, now: Duration, payload: &mut Vec<u8>) -> Result<SimulatedTurn, SessionError> {
        let session = match &mut self.speech {
            Speech::Native(session) => session,
            Speech::Former(exchange, answers) => {
                let answer = answers.pop_front().or_else(|| exchange.come_back(now).map(|enveloped| enveloped.answer));
                return Ok(answer.map_or(SimulatedTurn::Nothing, SimulatedTurn::Answer));
            }
        };
        let mut message = MessageWriter::new(payload, 0, DEFAULT_PAYLOAD_BYTES as usize);
        let turn = session.produce(now, &mut message)?;
        let bytes = message.payload_bytes();
        payload.truncate(bytes);
        Ok(match turn {
            Turn::Message(header) => SimulatedTurn::Message(header),
            Turn::Work => SimulatedTurn::Work,
            Turn::Nothing => SimulatedTurn::Nothing,
        })
    }

    /// Reports whether it has to look at what its waker announces.
    pub(crate) fn is_called(&self) -> bool {
        self.waker.is_called()
    }

    pub(crate) fn woken(&mut self, now: Duration) {
        self.waker.drain();
        if let Speech::Native(session) = &mut self.speech {
            session.woken(now);
        }
    }

    pub(crate) fn next_timeout(&self) -> Option<Duration> {
        match &self.speech {
            Speech::Native(session) => session.next_timeout(),
            Speech::Former(exchange, _) => exchange.next_timeout(),
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Duration) -> Result<(), SessionError> {
        match &mut self.speech {
            Speech::Native(session) => session.handle_timeout(now),
            Speech::Former(exchange, _) => {
                exchange.handle_timeout(now);
                Ok(())
            }
        }
    }

    pub(crate) fn wants_messages(&self) -> bool {
        match &self.speech {
            Speech::Native(session) => session.wants_messages(),
            Speech::Former(exchange, answers) => answers.is_empty() && exchange.wants_requests(),
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        match &self.speech {
            Speech::Native(session) => session.is_done(),
            Speech::Former(..) => self.shared.stopping.load(Ordering::Acquire),
        }
    }

    /// Returns what is broken of the promises about one session.
    pub(crate) fn broken_promise(&self) -> Option<String> {
        let Speech::Native(session) = &self.speech else { return None };
        let is_overwhelmed = session.is_overwhelmed() && session.wants_messages();
        is_overwhelmed.then(|| "it holds more than its client may have it hold".to_owned())
    }

    /// Ends it as a worker does, which waits for what is under way, or as a handler does, which does not.
    pub(crate) fn end(mut self, waits: bool) {
        match &mut self.speech {
            Speech::Native(session) if waits => session.end_now(),
            Speech::Former(exchange, _) if waits => exchange.end(),
            _ => {}
        }
        let _own_leases_until_now = Arc::clone(&self.shared);
    }
}
