//! The first of several servers, or of the addresses of one, with which a session can be opened.
//!
//! They are tried in their order, each when the one before has failed, or has not got on for a moment: a server that is down
//! without saying so, or that takes connections and answers none, costs a moment and no time-out. The first that has answered
//! wins, and the others are given up. All of it is on the caller's thread, but for names that are looked up.

use crate::carrier::LONG_ROUND_TRIP;
use crate::client::ClientOptions;
use crate::client::identity::Connection;
use crate::client::servers::ServerAddress;
use crate::client::servers::kept::ServerPlace;
use crate::client::session::context::CallContext;
use crate::client::session::deadline::Deadline;
use crate::client::session::lane_choice::LaneChoice;
use crate::client::session::lane_opening::LaneOpener;
use crate::client::session::lanes::Lanes;
use crate::client::session::opening::{self, CONNECT_TIMEOUT, Greeted, Greeting, Opened, hello};
use crate::client::session::resolve::{LookUp, RESOLVE_TIMEOUT, addresses, literal};
use crate::client::session::tried::{Tried, conclude};
use crate::error::{Error, Result, Unopened};
use remofile_protocol::handshake::{ClientCredentials, ClientHello, Refusal};
use remofile_protocol::limits::HANDSHAKE_TIMEOUT;
use rustix::event::PollFlags;
use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// Time for which one that is tried has to get on, before the next is tried beside it: what RFC 8305 recommends.
pub(crate) const HEAD_START: Duration = Duration::from_millis(250);

/// The same where siblings have sessions already, which all should be with one server.
pub(crate) const HEAD_START_BESIDE: Duration = Duration::from_secs(2);

/// The winner.
pub(super) struct Won {
    pub(super) opened: Opened,
    pub(super) connection: Connection,
    pub(super) place: ServerPlace,
    /// Time until it was connected.
    pub(super) connected: Duration,
    /// The further connections that were begun meanwhile.
    pub(super) lanes: Option<Lanes>,
}

/// One that is to be tried; its name is looked up if it has no address.
struct Queued {
    server: ServerAddress,
    address: Option<SocketAddr>,
}

/// The servers of an attempt.
pub(super) struct Race<'a> {
    options: &'a ClientOptions,
    credentials: &'a ClientCredentials,
    context: &'a CallContext,
    /// The further connections that may be of use.
    expected: LaneChoice,
    head_start: Duration,
    queue: VecDeque<Queued>,
    /// Those under way, in the order in which they began.
    running: Vec<Runner>,
    tried: Vec<Tried>,
    /// The time at which the next one begins.
    next_at: Instant,
}

/// One that is under way.
struct Runner {
    server: ServerAddress,
    stage: Stage,
    limit: Deadline,
}

enum Stage {
    LookingUp(LookUp<Vec<SocketAddr>>),
    Connecting {
        stream: TcpStream,
        address: SocketAddr,
        began: Instant,
    },
    Greeting {
        greeting: Greeting,
        address: SocketAddr,
        connection: Connection,
        connected: Duration,
        /// Given up with it if another one wins.
        lanes: Option<Box<Lanes>>,
    },
}

/// The state of a runner whose descriptor was ready.
enum Advanced {
    Running(Runner),
    Found(ServerAddress, Vec<SocketAddr>),
    Won(Box<Won>),
    Failed(Tried),
}

impl<'a> Race<'a> {
    pub(super) fn new(
        options: &'a ClientOptions,
        credentials: &'a ClientCredentials,
        expected: LaneChoice,
        head_start: Duration,
        context: &'a CallContext,
    ) -> Self {
        let (queue, running, tried) = (VecDeque::new(), Vec::new(), Vec::new());
        Self { options, credentials, context, expected, head_start, queue, running, tried, next_at: Instant::now() }
    }

    /// Opens a session with the first of these servers that answers.
    pub(super) fn run(mut self, servers: &[ServerAddress]) -> std::result::Result<Won, Unopened> {
        let order = self.options.kept_servers.order(servers);
        self.queue = order.into_iter().map(|server| Queued { server, address: None }).collect();
        loop {
            while self.is_time_for_next()
                && let Some(next) = self.queue.pop_front()
            {
                self.begin(next)?;
            }
            if self.running.is_empty() {
                return Err(conclude(self.tried));
            }
            if let Some(won) = self.advance_all()? {
                return Ok(won);
            }
        }
    }

    fn is_time_for_next(&self) -> bool {
        self.running.is_empty() || self.next_at <= Instant::now()
    }

    fn begin(&mut self, next: Queued) -> Result<()> {
        let Queued { server, address } = next;
        self.next_at = Instant::now() + self.head_start;
        match address.or_else(|| literal(&server.hostname, server.port)) {
            Some(address) => match opening::begin(address) {
                Ok(stream) => {
                    let stage = Stage::Connecting { stream, address, began: Instant::now() };
                    self.running.push(Runner { server, stage, limit: Deadline::after(Some(CONNECT_TIMEOUT)) });
                }
                Err(source) => self.failed(Tried::unreachable(server, address, source)),
            },
            None => {
                let stage = Stage::LookingUp(LookUp::of_host(&server.hostname, server.port)?);
                self.running.push(Runner { server, stage, limit: Deadline::after(Some(RESOLVE_TIMEOUT)) });
            }
        }
        Ok(())
    }

    /// Waits until something is ready, or due, and sees to it.
    fn advance_all(&mut self) -> Result<Option<Won>> {
        let limits = self.running.iter().filter_map(|runner| runner.limit.left());
        let next = (!self.queue.is_empty()).then(|| self.next_at.saturating_duration_since(Instant::now()));
        let limit = Deadline::after(limits.chain(next).min());
        let descriptors: Vec<(BorrowedFd<'_>, PollFlags)> =
            self.running.iter().map(|runner| runner.stage.awaits()).collect();
        let ready = self.context.wait_for_any(&descriptors, &limit)?;
        for (runner, is_ready) in std::mem::take(&mut self.running).into_iter().zip(ready) {
            let is_over = runner.limit.left().is_some_and(|left| left.is_zero());
            match (is_ready, is_over) {
                (true, _) => match self.advance(runner)? {
                    Advanced::Running(runner) => self.running.push(runner),
                    Advanced::Found(server, addresses) => self.found(&server, addresses),
                    Advanced::Failed(tried) => self.failed(tried),
                    Advanced::Won(won) => {
                        self.won(&won);
                        return Ok(Some(*won));
                    }
                },
                (false, true) => self.failed(runner.late()),
                (false, false) => self.running.push(runner),
            }
        }
        Ok(None)
    }

    fn advance(&mut self, runner: Runner) -> Result<Advanced> {
        let Runner { server, stage, limit } = runner;
        Ok(match stage {
            Stage::LookingUp(look_up) => match addresses(&server.hostname, look_up.finish()) {
                Ok(addresses) => Advanced::Found(server, addresses),
                Err(error) => Advanced::Failed(Tried { server, address: None, reason: error.into() }),
            },
            Stage::Connecting { stream, address, began } => match opening::connected(stream) {
                Ok(stream) => self.greet(server, stream, address, began),
                Err(source) => Advanced::Failed(Tried::unreachable(server, address, source)),
            },
            Stage::Greeting { greeting, address, connection, connected, lanes } => match greeting.advance() {
                Ok(Greeted::Pending(greeting)) => {
                    let stage = Stage::Greeting { greeting, address, connection, connected, lanes };
                    Advanced::Running(Runner { server, stage, limit })
                }
                Ok(Greeted::Opened(opened)) => {
                    let place = ServerPlace { server, address };
                    Advanced::Won(Box::new(Won {
                        opened: *opened,
                        connection,
                        place,
                        connected,
                        lanes: lanes.map(|lanes| *lanes),
                    }))
                }
                Err(reason) => Advanced::Failed(Tried { server, address: Some(address), reason }),
            },
        })
    }

    /// Begins the handshake over a connection.
    fn greet(&mut self, server: ServerAddress, stream: TcpStream, address: SocketAddr, began: Instant) -> Advanced {
        let connected = began.elapsed();
        // It gets on.
        self.next_at = Instant::now() + self.head_start;
        let connection = self.options.identity.connect(self.credentials.token.identifier(), server.clone());
        let lanes = self.lanes(&server, address, &connection, connected).map(Box::new);
        let hello = ClientHello { left: connection.left(), ..hello(self.options, &connection) };
        match Greeting::begin(self.credentials, hello, stream, address) {
            Ok(greeting) => {
                let stage = Stage::Greeting { greeting, address, connection, connected, lanes };
                Advanced::Running(Runner { server, stage, limit: Deadline::after(Some(HANDSHAKE_TIMEOUT)) })
            }
            Err(reason) => Advanced::Failed(Tried { server, address: Some(address), reason }),
        }
    }

    /// Begins further connections while this one is proved, where the line is long.
    fn lanes(
        &self,
        server: &ServerAddress,
        address: SocketAddr,
        connection: &Connection,
        connected: Duration,
    ) -> Option<Lanes> {
        let place = ServerPlace { server: server.clone(), address };
        let opener = || LaneOpener { options: self.options.clone(), place, joins: connection.told().connection };
        (connected >= LONG_ROUND_TRIP)
            .then(|| Lanes::plan(self.expected, connected, opener))
            .flatten()
            .map(Lanes::ahead)
    }

    /// The addresses of a name come before other names.
    fn found(&mut self, server: &ServerAddress, mut addresses: Vec<SocketAddr>) {
        self.options.kept_servers.order_addresses(&mut addresses);
        for address in addresses.into_iter().rev() {
            self.queue.push_front(Queued { server: server.clone(), address: Some(address) });
        }
        self.next_at = Instant::now();
    }

    /// The next one need not wait any longer.
    fn failed(&mut self, tried: Tried) {
        tracing::debug!(server = %tried.server, address = ?tried.address, reason = ?tried.reason, "cannot use a server");
        // One that is full is none that is lost: others of this client may have sessions there.
        let is_full = matches!(tried.reason, Unopened::Failed(Error::Refused(Refusal::TooMany)));
        if let Some(place) = tried.place().filter(|_| !is_full) {
            self.options.kept_servers.lost(&place);
        }
        self.tried.push(tried);
        self.next_at = Instant::now();
    }

    /// Those that began earlier and have not answered come later the next time.
    fn won(&self, won: &Won) {
        for runner in &self.running {
            if let Some(place) = runner.place().filter(|place| *place != won.place) {
                self.options.kept_servers.lost(&place);
            }
        }
    }
}

impl Runner {
    fn place(&self) -> Option<ServerPlace> {
        let (Stage::Connecting { address, .. } | Stage::Greeting { address, .. }) = &self.stage else { return None };
        Some(ServerPlace { server: self.server.clone(), address: *address })
    }

    /// Returns the failure of one whose time is over.
    fn late(self) -> Tried {
        let Self { server, stage, .. } = self;
        match stage {
            Stage::LookingUp(_) => {
                let source = io::ErrorKind::TimedOut.into();
                let reason = Error::Resolve { hostname: server.hostname.clone(), source }.into();
                Tried { server, address: None, reason }
            }
            Stage::Connecting { address, .. } => Tried::unreachable(server, address, io::ErrorKind::TimedOut.into()),
            Stage::Greeting { greeting, address, .. } => {
                Tried { server, address: Some(address), reason: greeting.unanswered() }
            }
        }
    }
}

impl Stage {
    fn awaits(&self) -> (BorrowedFd<'_>, PollFlags) {
        match self {
            Self::LookingUp(look_up) => (look_up.as_fd(), PollFlags::IN),
            Self::Connecting { stream, .. } => (stream.as_fd(), PollFlags::OUT),
            Self::Greeting { greeting, .. } => (greeting.as_fd(), PollFlags::IN),
        }
    }
}
