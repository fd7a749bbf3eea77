//! The status request.

use crate::client::Client;
use crate::client::options::Protocol;
use crate::client::reports::ServerStatus;
use crate::error::{Error, Result};
use remofile_protocol::wire::{ErrorCode, Failure, Request};
use std::time::Instant;

impl Client {
    /// Asks for the server's state, which it answers whoever holds the lease.
    ///
    /// # Errors
    /// The reason why it cannot connect; `unsupported` by a server of protocol 1.
    pub fn status(&mut self) -> Result<ServerStatus> {
        let context = self.context();
        let session = self.session(&context)?;
        let (address, cipher) = (session.address(), session.cipher());
        if self.options.protocol == Protocol::One {
            let why = "servers of protocol 1 report no status, but this one answers";
            return Err(Failure::new(ErrorCode::Unsupported).because(why).into());
        }
        let asked = Instant::now();
        let done = self.ask(&Request::Status)?;
        let report = *done.status.ok_or_else(|| Error::Protocol("an answer without a status".to_owned()))?;
        Ok(ServerStatus { report, round_trip: asked.elapsed(), address, cipher })
    }
}
