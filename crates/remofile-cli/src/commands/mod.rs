//! The commands, one file a verb.

mod begun;
mod cat;
mod completions;
mod context;
mod copy;
mod counting;
mod df;
mod directory;
mod download;
mod du;
mod edit;
mod expand;
mod file;
mod file_list;
mod find;
mod foretell_removal;
mod generate_keys;
mod generate_token;
mod hash;
mod list;
mod login;
mod making;
mod man;
mod r#move;
mod operands;
mod parents;
mod partials;
mod paths;
mod remove;
mod run;
mod server_config;
mod several;
mod sides;
mod sources;
mod start;
mod stat;
mod status;
mod stop;
mod sync;
mod token;
mod transfer;
mod tree;
mod upload;
mod walk;

use crate::args::{Arguments, Command};
use crate::exit::Exit;
use crate::failed::{Failed, Result};
use crate::{secret, settings};
use context::Context;
use remofile::Error;
use remofile::protocol::handshake::Refusal;
use remofile::protocol::token::Token;

/// Runs a command. `token` is that of a server's variables or file.
pub(crate) fn run(mut arguments: Arguments, token: Option<Token>) -> Result<Exit> {
    let file = arguments.command.connection().and_then(|connection| connection.config.clone());
    let is_profile = |name: &str| settings::profile_names(file.as_deref()).iter().any(|known| known == name);
    operands::take_servers(&mut arguments.command, &is_profile)?;
    let context = Context {
        token: arguments.global.token_fd.map(secret::token_of_descriptor).transpose()?.or(token),
        verbose: arguments.global.verbose,
        background: arguments.global.background,
    };
    let connection = match &arguments.command {
        // Its token is that of no profile, and may have been typed.
        Command::Login(_) => None,
        command => command.connection().cloned(),
    };
    let is_argument = context.token.is_some();
    run_in(arguments.command, context).map_err(|failed| match (&failed, connection) {
        (Failed::Library(Error::Refused(Refusal::Token | Refusal::Expired)), Some(connection)) => {
            failed.advised(settings::whence_token(&connection, is_argument))
        }
        _ => failed,
    })
}

fn run_in(command: Command, context: Context) -> Result<Exit> {
    match command {
        Command::List(list) => list::run(&list, context),
        Command::File(file) => file::run(&file, context),
        Command::Directory(directory) => directory::run(&directory, context),
        Command::Upload(upload) => upload::run(upload, context),
        Command::Download(download) => download::run(download, context),
        Command::Sync(sync) => sync::run(sync, context),
        Command::Remove(remove) => remove::run(&remove, context),
        Command::Copy(copy) => copy::run(copy, context),
        Command::Move(r#move) => r#move::run(&r#move, context),
        Command::Cat(cat) => cat::run(&cat, context),
        Command::Stat(stat) => stat::run(&stat, context),
        Command::Find(find) => find::run(&find, context),
        Command::Tree(tree) => tree::run(&tree, context),
        Command::Du(du) => du::run(&du, context),
        Command::Hash(hash) => hash::run(&hash, context),
        Command::Df(df) => df::run(&df, context),
        Command::Edit(edit) => edit::run(&edit, context),
        Command::Login(login) => login::run(&login, &context),
        Command::Partials(partials) => partials::run(&partials, context),
        Command::Status(status) => status::run(&status, context),
        Command::Run(run) => run::run(&run, context),
        Command::Start(start) => start::run(&start, context),
        Command::Stop(stop) => stop::run(&stop),
        Command::ServerConfig(config) => server_config::run(&config),
        Command::Token(token) => token::run(&token),
        Command::GenerateToken => generate_token::run(),
        Command::GenerateKeys => generate_keys::run(),
        Command::Completions(completions) => completions::run(&completions),
        Command::Man(man) => man::run(&man),
    }
}
