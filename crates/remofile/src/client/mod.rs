//! The client: operations on a remote directory, each a blocking call.
//!
//! A [`Client`] connects when the first call needs it and again after a connection was lost, so that
//! the caller never handles connections. One call at a time; [`AsyncClient`] is the same on a thread of
//! its own, for programs that await.

mod abilities;
mod asynchronous;
mod download;
mod file;
mod identity;
mod kept_keys;
mod lease;
mod listing;
mod options;
mod relaying;
mod reports;
mod requests;
mod servers;
mod session;
mod transfer;
mod upload;

pub(crate) use abilities::{KeptAttributes, kept_attributes, no_links, require};
pub(crate) use download::earlier::{EarlierHere, Linking, Version};
pub(crate) use download::flush::LocalFlush;
pub(crate) use download::item_merger::ItemMerger;
pub(crate) use lease::partials_here::PartialsHere;
pub(crate) use lease::spreading::{FeedPart, FetchPart};
pub(crate) use lease::syncing::{LocalDestination, Syncing};
pub(crate) use options::encoded_rules;
pub(crate) use session::measuring::LineSpeed;
pub(crate) use transfer::as_they_are::encoded_again;
pub(crate) use upload::link_dest::{Earlier, missing};
#[cfg(test)]
pub(crate) use {
    transfer::conflict_policy::ConflictPolicy,
    upload::survey::{Present, UploadJudge},
};

pub use asynchronous::client::{AsyncClient, Pending};
pub use asynchronous::file::AsyncRemoteFile;
pub use file::{FileRange, OpenOptions, RemoteFile};
pub use identity::Identity;
pub use kept_keys::KeptKeys;
pub use listing::hash::{HashOptions, HashedFile};
pub use listing::partials::LocalPartials;
pub use options::{
    ClientOptions, LocalSource, Protocol, ReceiveOptions, RemoteSource, RetryOptions, TransferOptions, Wait,
};
pub use relaying::{ForeseenCopy, RelayEnd, RelayError, RelaySide, foresee_relay, relay};
pub use reports::{Removed, ServerStatus, TransferReport, Usage};
pub use requests::copy::CopyOptions;
pub use requests::look::Looked;
pub use servers::kept::KeptServers;
pub use servers::{InvalidServers, ServerAddress};
pub use session::interrupt::Interrupt;
pub use session::waiting::OnWaiting;

use crate::error::{Error, Result};
use remofile_protocol::handshake::ServerHello;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Done, ErrorCode, Failure, Request};
use servers::repeated::{Repeated, changes_nothing, is_lost};
use session::asking_again::while_busy;
use session::call::{After, Session, closed, gone};
use session::context::CallContext;
use session::handler::Handler;
use session::idle::Idle;
use session::lane_choice::LaneChoice;
use session::traffic::Traffic;
use std::num::NonZeroU32;
use std::time::Duration;

/// A client of one server.
///
/// # Examples
/// ```no_run
/// use remofile::{Client, ClientOptions, protocol::token::Token};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let token = Token::parse("e9NUu9DRuDtUa5mSvc3VC7")?;
/// let mut client = Client::connect(ClientOptions::new("localhost", 6768, token))?;
/// client.make_directory(&"/photos".parse()?, false, false)?;
/// client.list(&"/".parse()?, false, &mut |listed| {
///     println!("{listed:?}");
///     Ok(())
/// })?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Client {
    options: ClientOptions,
    session: Option<Session>,
    /// Connections that open files of this client share with it.
    idle: Idle,
    /// True if the session holds the lease for several operations.
    holds: bool,
    /// Bytes sent and received by all calls so far.
    traffic: Traffic,
    /// Number of requests that were sent so far, but for those that their server had no session for any more.
    asked: u64,
    /// The connections that its session may have.
    lanes: LaneChoice,
    /// The connections that a transfer may have that comes next, and is large.
    expected: LaneChoice,
}

impl Client {
    /// Creates a client that connects with its first call.
    #[must_use]
    pub fn new(options: ClientOptions) -> Self {
        let (idle, traffic) = (Idle::default(), Traffic::default());
        let (lanes, expected) = (LaneChoice::One, LaneChoice::One);
        Self { options, session: None, idle, holds: false, traffic, asked: 0, lanes, expected }
    }

    /// Creates another client of the same server with the same identity, which shares idle connections with this one: for
    /// calls at the same time, each on a thread of its own.
    #[must_use]
    pub fn sibling(&self) -> Self {
        Self { idle: self.idle.clone(), ..Self::new(self.options.clone()) }
    }

    /// Leaves the connection, if there is one between two calls, to whichever sibling calls next.
    pub fn lend(&mut self) {
        if !self.holds
            && let Some(session) = self.session.take()
        {
            self.idle.put(session);
        }
    }

    /// Creates a client, connects it and proves its token.
    ///
    /// # Errors
    /// The reason why it cannot connect: see [`crate::Error`].
    pub fn connect(options: ClientOptions) -> Result<Self> {
        let mut client = Self::new(options);
        let context = client.context();
        client.session(&context)?;
        Ok(client)
    }

    /// As [`Client::connect`], for a large transfer that comes next: on a long line the further connections that it is going to
    /// have, by the number of [`TransferOptions::transfers`], are begun while the first is proved.
    ///
    /// # Errors
    /// As [`Client::connect`].
    pub fn connect_to_transfer(options: ClientOptions, transfers: u8) -> Result<Self> {
        let mut client = Self { expected: LaneChoice::of(transfers), ..Self::new(options) };
        let context = client.context();
        client.session(&context)?;
        Ok(client)
    }

    /// Sets timeout, lease wait and interrupt of later calls; the server and the token stay what they are.
    pub fn set_limits(&mut self, timeout: Option<Duration>, wait: Wait, interrupt: Interrupt) {
        self.options.timeout = timeout;
        self.options.wait = wait;
        self.options.interrupt = interrupt;
    }

    /// Sets the time that later calls may go without progress: see [`ClientOptions::stall_timeout`].
    pub fn set_stall_timeout(&mut self, timeout: Option<Duration>) {
        self.options.stall_timeout = timeout;
    }

    /// Sets the size of the chunks of later transfers; `None` for what is fastest. A server of protocol 1 is asked for chunks of
    /// that size, and refuses a size that it does not take. In protocol 2 the size of messages is another matter; the choice is
    /// checked all the same, so that it is valid with either.
    ///
    /// # Errors
    /// [`ErrorCode::IncorrectChunkSize`] if the server takes no such chunks; the reason why it cannot connect.
    pub fn set_chunk_size(&mut self, bytes: Option<NonZeroU32>) -> Result<()> {
        self.options.chunk_size = bytes;
        let context = self.context();
        let session = self.session(&context)?;
        if session.choose_chunk(bytes) {
            return self.stat(&RemotePath::root()).map(drop);
        }
        match (session.hello().chunk_sizes, bytes) {
            (Some(sizes), Some(bytes)) if !sizes.admit(bytes.get().into()) => {
                let takes = format!("{bytes} bytes: it takes {} to {}", sizes.least, sizes.most);
                Err(Error::Remote(Failure::new(ErrorCode::IncorrectChunkSize).because(takes)))
            }
            _ => Ok(()),
        }
    }

    /// Sets the function that receives the holders of the lease that later calls wait for, if they have no
    /// [`crate::Monitor`].
    pub fn set_on_waiting(&mut self, on_waiting: OnWaiting) {
        self.options.on_waiting = on_waiting;
    }

    /// Sets how many calls of siblings wait for later calls: see [`ClientOptions::waited_by`].
    pub fn set_waited_by(&mut self, calls: usize) {
        self.options.waited_by = calls;
    }

    /// Ends the session, if there is one, and the idle ones that this client shares with its siblings and open files; the
    /// next call opens another.
    pub fn disconnect(&mut self) {
        (self.session, self.holds) = (None, false);
        self.idle.end();
    }

    /// Lets go of the connections after a fork, in the new process, without a word to the server: they are the old
    /// process's. The next call opens another. Open files of the old process must be leaked, not dropped.
    pub fn forget_session(&mut self) {
        self.idle.disown();
        if let Some(session) = self.session.take() {
            session.disown();
        }
        // The identity is the old process's, and so is the lock of what may be kept of it.
        std::mem::forget(std::mem::take(&mut self.options.identity));
    }

    /// Returns the name and the port by which it reaches the server.
    #[must_use]
    pub fn address(&self) -> (&str, u16) {
        (&self.options.hostname, self.options.port)
    }

    /// Returns the server's hello, which describes the server; connects if there is no connection.
    ///
    /// # Errors
    /// The reason why it cannot connect.
    pub fn server(&mut self) -> Result<&ServerHello> {
        let context = self.context();
        Ok(self.session(&context)?.hello())
    }

    /// Makes a call that is one request and one answer.
    fn ask(&mut self, request: &Request) -> Result<Done> {
        let tell = self.options.on_waiting.clone();
        let mut on_waiting = tell.clone();
        let (context, protocol) = (self.context(), self.options.protocol);
        let mut once = || {
            self.again(Repeated::of(request), &context, |client, context| {
                client.call_in(context, request.clone(), &mut session::handler::Plain::new(&mut on_waiting))
            })
        };
        let result = match protocol {
            Protocol::One => while_busy(&context, &tell, once),
            Protocol::Two => once(),
        };
        if self.idle.is_shared() {
            self.lend();
        }
        result
    }

    /// Runs one operation; connects first if there is no connection. A session whose operation broke off is not used again.
    fn call_in<H: Handler>(&mut self, context: &CallContext, request: Request, handler: &mut H) -> Result<Done> {
        let mut run = |client: &mut Self, request| -> Result<(Result<Done>, After)> {
            let lanes = (client.lanes != LaneChoice::One).then(|| (client.lanes, client.options.clone()));
            let session = client.session(context)?;
            session.opens_lanes = lanes.is_some();
            if let Some((choice, options)) = lanes {
                session.plan_lanes(choice, options);
            }
            let before = session.traffic();
            let (result, then) = session.run(request, context, handler);
            let after = session.traffic();
            client.traffic = client.traffic + (after - before);
            client.asked += u64::from(then != After::NotBegun);
            if then != After::Usable
                && let Some(session) = client.session.take()
                && then == After::Lost
                && result.as_ref().is_err_and(is_lost)
            {
                client.options.kept_servers.lost(&session.place);
            }
            if let Some(session) = client.session.as_ref().filter(|_| result.as_ref().is_err_and(changes_nothing)) {
                client.options.kept_servers.lost(&session.place);
            }
            Ok((result, then))
        };
        // Another session would not hold what this one held.
        let again = (!self.holds).then(|| request.clone());
        match (run(self, request)?, again) {
            ((_, After::NotBegun), Some(request)) => run(self, request)?.0,
            ((result, _), _) => result,
        }
    }

    /// Makes a call whose session may have several connections.
    fn call_over<H: Handler>(
        &mut self,
        lanes: LaneChoice,
        context: &CallContext,
        request: Request,
        handler: &mut H,
    ) -> Result<Done> {
        self.lanes = lanes;
        if lanes == LaneChoice::One {
            self.session.iter_mut().for_each(Session::forget_lanes_ahead);
        }
        let result = self.call_in(context, request, handler);
        self.lanes = LaneChoice::One;
        result
    }

    /// Ends the session at the end of a transfer if it has several connections: the server keeps a thread for such a one.
    fn end_lanes(&mut self) {
        let holds = self.holds;
        self.expected = LaneChoice::One;
        self.session.iter_mut().for_each(Session::forget_lanes_ahead);
        drop(self.session.take_if(|session| session.has_lanes() && !holds));
    }

    /// Ends what the server may still have of connections that were over in the middle of something, by connecting once
    /// more: what is asked for now comes after it.
    fn end_ghosts(&mut self, context: &CallContext) -> Result<()> {
        match session::beside::open(&self.options, &self.idle, LaneChoice::One, context) {
            Ok(session) => {
                let before = self.session.replace(session).filter(|_| self.idle.is_shared());
                before.into_iter().for_each(|before| self.idle.put(before));
                Ok(())
            }
            // The server notices by itself that they are over.
            Err(error @ Error::Refused(_)) => {
                tracing::debug!(%error, "no connection that ends those which are over");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Returns the server that the next call goes to, as far as that is known.
    fn next_server(&self) -> Option<ServerAddress> {
        let of_session = self.session.as_ref().map(|session| session.place.server.clone());
        of_session.or_else(|| {
            let mut servers = self.options.servers().ok()?;
            match servers.len() {
                1 => servers.pop(),
                _ => self.options.kept_servers.current().map(|place| place.server),
            }
        })
    }

    fn context(&self) -> CallContext {
        CallContext::of(&self.options)
    }

    fn session(&mut self, context: &CallContext) -> Result<&mut Session> {
        // A goodbye may have come while the client was idle: better found now than by a request.
        let (holds, options) = (self.holds, &self.options);
        let is_over = |session: &mut Session| session.is_stale() || !holds && !session.is_current(options);
        if let Some(stale) = self.session.take_if(is_over)
            && stale.is_replaced()
        {
            // Whoever has the same identity has it on purpose: the two would end each other's sessions in turns.
            return Err(closed(Some(ErrorCode::SessionReplaced)));
        }
        if !self.holds
            && let Some(server) = self.next_server()
            && self.options.identity.has_left(&server)
        {
            self.end_ghosts(context)?;
        }
        match &mut self.session {
            Some(session) => Ok(session),
            // Another session would not hold what this one held.
            None if self.holds => Err(gone()),
            none => match self.idle.take(&self.options) {
                Some(session) => Ok(none.insert(session)),
                None => {
                    let session = session::beside::connect(&self.options, &self.idle, self.expected, context)?;
                    context.progressed();
                    Ok(none.insert(session))
                }
            },
        }
    }
}
