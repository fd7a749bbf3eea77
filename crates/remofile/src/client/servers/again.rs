//! Calls that are made again after their connection was lost, so that nothing is done twice.

use crate::client::servers::repeated::{LEASE_WAIT, Repeated, is_lost, is_out_of_reach};
use crate::client::session::context::CallContext;
use crate::client::{Client, Protocol, RetryOptions};
use crate::error::{Error, Result};
use remofile_protocol::wire::{ErrorCode, Failure};
use std::io;

impl Client {
    /// Makes a call, again after its connection was lost: once with one server, and with several as often as transfers are
    /// tried again by default.
    ///
    /// # Errors
    /// That of the last call; of one with [`Repeated::Different`] a lost connection, which tells that nobody knows.
    pub(crate) fn again<T>(
        &mut self,
        repeated: Repeated,
        context: &CallContext,
        mut call: impl FnMut(&mut Self, &CallContext) -> Result<T>,
    ) -> Result<T> {
        // Servers of protocol 1 have no leases that would tell whether something is over.
        let may_repeat = !self.holds && self.options.protocol == Protocol::Two;
        let retry = RetryOptions::default();
        let most = if self.has_several_servers() { retry.times } else { 1 };
        let (mut context, mut first, mut attempt) = (context.clone(), None, 0);
        loop {
            attempt += 1;
            let error = match call(self, &context) {
                Err(error) if may_repeat && (is_lost(&error) || first.is_some() && is_out_of_reach(&error)) => error,
                result => return result,
            };
            // A server that shuts down says so of what it has done, too.
            if repeated == Repeated::Different && !is_out_of_reach(&error) {
                return Err(uncertain(error));
            }
            if attempt > most {
                // The server was there before, so what was lost says more than that it is not there now.
                return Err(first.filter(|_| most == 1).unwrap_or(error));
            }
            tracing::debug!("asking again: {error}");
            if attempt > 1 {
                context.sleep(retry.pause_before(attempt - 1))?;
            }
            context = context.waiting_at_least(LEASE_WAIT);
            first.get_or_insert(error);
        }
    }

    pub(crate) fn has_several_servers(&self) -> bool {
        self.options.servers().is_ok_and(|servers| servers.len() > 1)
    }
}

fn uncertain(error: Error) -> Error {
    match error {
        Error::ConnectionLost(source) => {
            let told = format!("{source}; whether what was asked for is done is not known: look first");
            Error::ConnectionLost(io::Error::new(source.kind(), told))
        }
        Error::PeerSilent(_) => {
            let told = format!("{error}; whether what was asked for is done is not known: look first");
            Error::ConnectionLost(io::Error::new(io::ErrorKind::TimedOut, told))
        }
        Error::Remote(Failure { code: ErrorCode::ShuttingDown, .. }) => {
            let told = "the server is shutting down; whether what was asked for is done is not known: look first";
            Error::ConnectionLost(io::Error::other(told))
        }
        error => error,
    }
}
