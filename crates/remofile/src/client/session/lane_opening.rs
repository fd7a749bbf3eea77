//! The threads that open further connections of a session.
//!
//! They may connect before the session is there, while its own connection is being proved: on a long line that is a round trip
//! less until they are of use. What they prove by is the session's, so that they wait for it.

use crate::carrier::{LaneInbox, Link};
use crate::client::servers::kept::ServerPlace;
use crate::client::session::context::CallContext;
use crate::client::session::deadline::Deadline;
use crate::client::session::interrupt::Interrupt;
use crate::client::session::opening::{connect_any, prove_lane};
use crate::client::{ClientOptions, Wait};
use crate::error::{Result, Unopened};
use remofile_protocol::handshake::ClientCredentials;
use remofile_protocol::limits::HANDSHAKE_TIMEOUT;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

/// The time for which a connection is good that has said nothing: a server soon drops it.
const FRESH: Duration = Duration::from_secs(HANDSHAKE_TIMEOUT.as_secs() / 2);

/// The place at which threads learn of the session that they wait for, or that there is none any more.
type Gate = Arc<OnceLock<Option<Joined>>>;

/// The session that there is.
#[derive(Debug)]
struct Joined {
    inbox: LaneInbox<Link>,
    /// Number of connections that it takes: perhaps fewer than were begun.
    count: usize,
}

/// The parameters of a further connection.
#[derive(Debug)]
pub(super) struct LaneOpener {
    pub(super) options: ClientOptions,
    pub(super) place: ServerPlace,
    /// The number of the connection whose session they join.
    pub(super) joins: u64,
}

/// Further connections that are being opened. Nobody waits for those that are not when this is dropped.
#[derive(Debug)]
pub(super) struct LaneOpening {
    gate: Gate,
    interrupt: Interrupt,
}

impl LaneOpener {
    /// Begins to connect so many times.
    ///
    /// # Errors
    /// If there can be no thread for it.
    pub(super) fn begin(self, count: usize) -> io::Result<LaneOpening> {
        let (gate, interrupt) = (Gate::default(), Interrupt::default());
        let opening = LaneOpening { gate: Arc::clone(&gate), interrupt: interrupt.clone() };
        let body = move || {
            let open = |number| self.open(number, &gate, &interrupt);
            let lacking: Vec<usize> = thread::scope(|scope| {
                let lane = || thread::Builder::new().name("lane".to_owned());
                let is_lacking = |number: &usize| {
                    let number = *number;
                    lane().spawn_scoped(scope, move || open(number)).is_err()
                };
                let lacking = (1..count).filter(is_lacking).collect();
                open(0);
                lacking
            });
            if let Some(Some(Joined { inbox, count })) = gate.get() {
                lacking.iter().filter(|number| *number < count).for_each(|_| inbox.put(None));
            }
        };
        thread::Builder::new().name("lanes".to_owned()).spawn(body).map(|_| opening)
    }

    fn open(&self, number: usize, gate: &Gate, interrupt: &Interrupt) {
        let (connected, since) = (self.connect(interrupt), Instant::now());
        let Some(Joined { inbox, .. }) = gate.wait().as_ref().filter(|joined| number < joined.count) else { return };
        let fresh = if since.elapsed() < FRESH { connected } else { self.connect(interrupt) };
        let link = fresh.map_err(Unopened::from).and_then(|(stream, _)| self.prove(stream, interrupt));
        inbox.put(link.inspect_err(|error| tracing::debug!(?error, "no further connection")).ok());
    }

    fn connect(&self, interrupt: &Interrupt) -> Result<(TcpStream, SocketAddr)> {
        connect_any(&self.place.server, &[self.place.address], &context(interrupt))
    }

    fn prove(&self, stream: TcpStream, interrupt: &Interrupt) -> std::result::Result<Link, Unopened> {
        let token = self.options.kept_keys.stretch(&self.options.token);
        let credentials = ClientCredentials { token, server: self.options.public_key };
        prove_lane(&self.options, &credentials, &self.place, stream, self.joins, &context(interrupt))
    }
}

fn context(interrupt: &Interrupt) -> CallContext {
    let deadline = Deadline::after(Some(HANDSHAKE_TIMEOUT));
    CallContext { deadline, wait: Wait::No, interrupt: interrupt.clone() }
}

impl LaneOpening {
    /// Has so many of the connections join their session, which is there now and takes them from the inbox. Others are given up.
    pub(super) fn join(&self, inbox: LaneInbox<Link>, count: usize) {
        let _only_once = self.gate.set(Some(Joined { inbox, count }));
    }
}

impl Drop for LaneOpening {
    fn drop(&mut self) {
        let _unless_they_join = self.gate.set(None);
        self.interrupt.trigger();
    }
}
