//! The commands, one file a verb.

mod cat;
mod completions;
mod context;
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

use crate::args::{Arguments, Command};
use crate::exit::Exit;
use crate::failed::Result;
use crate::secret;
use context::Context;

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
