//! The context of a command.

use crate::args::Connection;
use crate::failed::Result;
use crate::{logging, settings, signals};
use remofile::protocol::token::Token;
use remofile::{Client, ClientOptions};

/// The context of a command: what it gets besides its own arguments.
pub(super) struct Context {
    /// The token that was an argument before it was hidden.
    pub(super) token: Option<Token>,
    /// The number of `-v` options.
    pub(super) verbose: u8,
    /// True if this is the process that `start` has put into the background.
    pub(super) background: bool,
}

impl Context {
    /// For transfers the first `-v` lists files; a log would disturb that.
    pub(super) fn of_transfer(self) -> Self {
        let verbose = if self.verbose == 1 { 0 } else { self.verbose };
        Self { verbose, ..self }
    }

    /// The same once more, for another server.
    pub(super) fn duplicate(&self) -> Self {
        Self { token: self.token.clone(), ..*self }
    }

    /// The same for a server that the token of the command line is not about.
    pub(super) fn without_token(&self) -> Self {
        Self { token: None, ..*self }
    }

    /// Returns the options by which the server is reached.
    pub(super) fn options(self, connection: &Connection, port: Option<u16>) -> Result<ClientOptions> {
        if logging::is_wanted(self.verbose) {
            logging::begin(self.verbose)?;
        }
        settings::client_options(connection, port, self.token)
    }

    /// The same for a client without a monitor: the user is told whom its calls wait for.
    pub(super) fn telling_options(self, connection: &Connection, port: Option<u16>) -> Result<ClientOptions> {
        Ok(ClientOptions { on_waiting: crate::output::on_waiting(connection.json), ..self.options(connection, port)? })
    }

    /// A session with the server.
    pub(super) fn connect(self, connection: &Connection, port: Option<u16>) -> Result<Client> {
        Ok(Client::connect(self.telling_options(connection, port)?)?)
    }

    /// The same, of which the first Ctrl-C ends the calls.
    pub(super) fn connect_interruptible(self, connection: &Connection, port: Option<u16>) -> Result<Client> {
        let options = self.telling_options(connection, port)?;
        signals::interrupt_calls(options.interrupt.clone())?;
        Ok(Client::connect(options)?)
    }
}
