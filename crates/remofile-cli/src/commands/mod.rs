//! The commands, one file a verb.

mod cat;
mod completions;
mod directory;
mod download;
mod edit;
mod file;
mod generate_keys;
mod generate_token;
mod list;
mod man;
mod r#move;
mod partials;
mod paths;
mod remove;
mod run;
mod sides;
mod sources;
mod start;
mod status;
mod stop;
mod sync;
mod transfer;
mod upload;

use crate::args::{Arguments, Command, Connection};
use crate::exit::Exit;
use crate::failed::Result;
use crate::{logging, secret, settings};
use remofile::protocol::token::Token;
use remofile::{Client, ClientOptions};

/// What a command gets besides its own arguments.
struct Context {
    /// The token that was an argument before it was hidden.
    token: Option<Token>,
    /// How many `-v` there were.
    verbose: u8,
    /// Whether this is the process that `start` has put into the background.
    background: bool,
}

/// Runs a command.
pub(crate) fn run(arguments: Arguments) -> Result<Exit> {
    let context = Context {
        token: arguments.token_fd.map(secret::token_of_descriptor).transpose()?,
        verbose: arguments.verbose,
        background: arguments.background,
    };
    match arguments.command {
        Command::List(list) => list::run(&list, context),
        Command::File(file) => file::run(&file, context),
        Command::Directory(directory) => directory::run(&directory, context),
        Command::Upload(upload) => upload::run(upload, context),
        Command::Download(download) => download::run(download, context),
        Command::Sync(sync) => sync::run(sync, context),
        Command::Remove(remove) => remove::run(&remove, context),
        Command::Move(r#move) => r#move::run(&r#move, context),
        Command::Cat(cat) => cat::run(&cat, context),
        Command::Edit(edit) => edit::run(&edit, context),
        Command::Partials(partials) => partials::run(&partials, context),
        Command::Status(status) => status::run(&status, context),
        Command::Run(run) => run::run(&run, context),
        Command::Start(start) => start::run(&start, context),
        Command::Stop(stop) => stop::run(&stop),
        Command::GenerateToken => generate_token::run(),
        Command::GenerateKeys => generate_keys::run(),
        Command::Completions(completions) => completions::run(&completions),
        Command::Man(man) => man::run(&man),
    }
}

impl Context {
    /// For transfers the first `-v` lists files; a log would disturb that.
    fn of_transfer(self) -> Self {
        let verbose = if self.verbose == 1 { 0 } else { self.verbose };
        Self { verbose, ..self }
    }

    /// How to reach the server.
    fn options(self, connection: &Connection, port: Option<u16>) -> Result<ClientOptions> {
        if logging::is_wanted(self.verbose) {
            logging::begin(self.verbose)?;
        }
        settings::client_options(connection, port, self.token)
    }

    /// The same for a client without a monitor: the user is told whom its calls wait for.
    fn telling_options(self, connection: &Connection, port: Option<u16>) -> Result<ClientOptions> {
        Ok(ClientOptions { on_waiting: crate::output::on_waiting(connection.json), ..self.options(connection, port)? })
    }

    /// A session with the server.
    fn connect(self, connection: &Connection, port: Option<u16>) -> Result<Client> {
        Ok(Client::connect(self.telling_options(connection, port)?)?)
    }
}
