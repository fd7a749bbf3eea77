//! `remofile man`

use crate::args::{Arguments, Man};
use crate::exit::Exit;
use crate::failed::{Failed, Result};
use crate::output::Data;
use clap::CommandFactory;

pub(super) fn run(man: &Man) -> Result<Exit> {
    match &man.directory {
        Some(directory) => {
            clap_mangen::generate_to(Arguments::command(), directory)
                .map_err(|error| Failed::file(directory, error))?;
        }
        None => print()?,
    }
    Ok(Exit::Success)
}

/// The page of the command itself, then one of each subcommand.
fn print() -> Result<()> {
    let mut command = Arguments::command().disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    let subcommands = command.get_subcommands().filter(|subcommand| !subcommand.is_hide_set());
    for page in std::iter::once(&command).chain(subcommands) {
        clap_mangen::Man::new(page.clone()).render(&mut pages).map_err(Failed::system("cannot write the manual"))?;
    }
    let mut data = Data::lock();
    data.bytes(&pages)?;
    data.flush()
}
