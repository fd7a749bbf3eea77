//! The client: operations on a remote directory, each a blocking call.
//!
//! A [`Client`] connects when the first call needs it and again after a connection was lost, so that
//! the caller never handles connections. One call at a time; [`AsyncClient`] is the same on a thread of
//! its own, for programs that await.

mod abilities;
mod asynchronous;
mod download;
mod file;
mod lease;
mod listing;
mod options;
mod reports;
mod requests;
mod session;
mod transfer;
mod upload;

pub(crate) use abilities::require;
pub(crate) use download::item_merger::ItemMerger;
pub(crate) use lease::syncing::{LocalDestination, PartialsHere, Syncing};

pub use asynchronous::client::{AsyncClient, Pending};
pub use asynchronous::file::AsyncRemoteFile;
pub use file::{OpenOptions, RemoteFile};
pub use listing::partials::LocalPartials;
pub use options::{ClientOptions, LocalSource, Protocol, RemoteSource, RetryOptions, TransferOptions, Wait};
pub use reports::{Removed, ServerStatus, TransferReport};
pub use session::interrupt::Interrupt;
pub use session::waiting::OnWaiting;

use crate::error::{Error, Result};
use remofile_protocol::handshake::ServerHello;
use remofile_protocol::wire::{Done, Request};
use session::call::{After, Handler, Session};
use session::context::CallContext;
use session::idle::Idle;
use session::traffic::Traffic;
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
}

impl Client {
    /// Creates a client that connects with its first call.
    #[must_use]
    pub fn new(options: ClientOptions) -> Self {
        Self { options, session: None, idle: Idle::default(), holds: false, traffic: Traffic::default() }
    }

    /// Creates another client of the same server, which shares connections with this one.
    fn sibling(&self) -> Self {
        Self { idle: self.idle.clone(), ..Self::new(self.options.clone()) }
    }

    /// Leaves the connection, if there is one between two calls, to whichever sibling calls next.
    fn lend(&mut self) {
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

    /// Sets timeout, lease wait and interrupt of later calls; the server and the token stay what they are.
    pub fn set_limits(&mut self, timeout: Option<Duration>, wait: Wait, interrupt: Interrupt) {
        self.options.timeout = timeout;
        self.options.wait = wait;
        self.options.interrupt = interrupt;
    }

    /// Sets the function that receives the holders of the lease that later calls wait for, if they have no
    /// [`crate::Monitor`].
    pub fn set_on_waiting(&mut self, on_waiting: OnWaiting) {
        self.options.on_waiting = on_waiting;
    }

    /// Ends the session, if there is one; the next call opens another.
    pub fn disconnect(&mut self) {
        (self.session, self.holds) = (None, false);
    }

    /// Lets go of the connections after a fork, in the new process, without a word to the server: they are the old
    /// process's. The next call opens another. Open files of the old process must be leaked, not dropped.
    pub fn forget_session(&mut self) {
        self.idle.disown();
        if let Some(session) = self.session.take() {
            session.disown();
        }
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
    fn ask(&mut self, request: Request) -> Result<Done> {
        let mut on_waiting = self.options.on_waiting.clone();
        let result = self.call(request, &mut session::call::Plain::new(&mut on_waiting));
        if self.idle.is_shared() {
            self.lend();
        }
        result
    }

    /// Runs one operation; connects first if there is no connection. A session whose operation broke
    /// off is not used again.
    fn call<H: Handler>(&mut self, request: Request, handler: &mut H) -> Result<Done> {
        self.call_in(&self.context(), request, handler)
    }

    /// The same in the context of other calls.
    fn call_in<H: Handler>(&mut self, context: &CallContext, request: Request, handler: &mut H) -> Result<Done> {
        let mut run = |client: &mut Self, request| -> Result<(Result<Done>, After)> {
            let session = client.session(context)?;
            let before = session.traffic();
            let (result, then) = session.run(request, context, handler);
            let after = session.traffic();
            client.traffic = client.traffic + (after - before);
            if then != After::Usable {
                client.session = None;
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

    fn context(&self) -> CallContext {
        CallContext::of(&self.options)
    }

    fn session(&mut self, context: &CallContext) -> Result<&mut Session> {
        // A goodbye may have come while the client was idle: better found now than by a request.
        if self.session.as_mut().is_some_and(Session::is_stale) {
            self.session = None;
        }
        match &mut self.session {
            Some(session) => Ok(session),
            // Another session would not hold what this one held.
            None if self.holds => Err(Error::ConnectionLost(std::io::ErrorKind::UnexpectedEof.into())),
            none => match self.idle.take() {
                Some(session) => Ok(none.insert(session)),
                None => Ok(none.insert(session::connect::connect(&self.options, context)?)),
            },
        }
    }
}
