//! `remofile man`

use crate::args::{Arguments, Man};
use crate::exit::Exit;
use crate::failed::{Failed, Result};
use crate::output::Data;
use clap::{Command, CommandFactory};
use std::io;

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

/// The page of the command itself, then those of its subcommands.
fn print() -> Result<()> {
    let mut command = Arguments::command().disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    render(&command, &mut pages).map_err(Failed::system("cannot write the manual"))?;
    let mut data = Data::lock();
    data.bytes(&pages)?;
    data.flush()
}

fn render(command: &Command, pages: &mut Vec<u8>) -> io::Result<()> {
    clap_mangen::Man::new(command.clone()).render(pages)?;
    command.get_subcommands().filter(|subcommand| !subcommand.is_hide_set()).try_for_each(|page| render(page, pages))
}
