//! `remofile man`

use crate::args::{self, Man};
use crate::exit::Exit;
use crate::failed::{Failed, Result};
use crate::output::Data;
use clap::Command;
use std::io;
use std::path::Path;

/// The names of the program, as pages begin with them.
const PROGRAM: &str = "remofile";
const SHORT: &str = "rmf";

pub(super) fn run(man: &Man) -> Result<Exit> {
    match &man.directory {
        Some(directory) => {
            write(directory).map_err(|error| Failed::file(directory, error))?;
        }
        None => print()?,
    }
    Ok(Exit::Success)
}

/// Writes one page a command, and for the short name of the program pages that lead to those.
fn write(directory: &Path) -> io::Result<()> {
    clap_mangen::generate_to(args::command(), directory)?;
    for page in pages(&args::command(), PROGRAM) {
        let short = page.replacen(PROGRAM, SHORT, 1);
        crate::files::write_new(&directory.join(format!("{short}.1")), &format!(".so man1/{page}.1\n"))?;
    }
    Ok(())
}

/// Returns the names of the pages of a command and of those below it.
fn pages(command: &Command, name: &str) -> Vec<String> {
    let below = command.get_subcommands().filter(|sub| !sub.is_hide_set());
    let below = below.flat_map(|sub| pages(sub, &format!("{name}-{}", sub.get_name())));
    std::iter::once(name.to_owned()).chain(below).collect()
}

/// The page of the command itself, then those of its subcommands.
fn print() -> Result<()> {
    let mut command = args::command().disable_help_subcommand(true);
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
