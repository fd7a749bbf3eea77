//! The definition of a command alone, as if there were no others.
//!
//! To define all commands takes more than all else that a short one computes, and scripts start the program file by file.

use super::client::{Cat, Directory, Download, File, Move, Remove, Status, Upload};
use super::copy::Copy;
use super::global::Global;
use super::hash::{Df, Hash};
use super::list::List;
use super::look::{Du, Find, Stat, Tree};
use super::sync::Sync;
use super::words::PROGRAM;
use clap::{Args, Command};
use std::ffi::OsStr;

/// Adds the options and operands of a command.
type Augment = fn(Command) -> Command;

/// The commands that scripts start often, by their names, the main one first.
const COMMANDS: &[(&[&str], Augment)] = &[
    (&["list", "ls"], List::augment_args),
    (&["file", "touch"], File::augment_args),
    (&["directory", "folder", "mkdir"], Directory::augment_args),
    (&["upload", "put"], Upload::augment_args),
    (&["download", "get"], Download::augment_args),
    (&["sync"], Sync::augment_args),
    (&["remove", "rm"], Remove::augment_args),
    (&["copy", "cp"], Copy::augment_args),
    (&["move", "mv"], Move::augment_args),
    (&["cat"], Cat::augment_args),
    (&["stat"], Stat::augment_args),
    (&["find"], Find::augment_args),
    (&["tree"], Tree::augment_args),
    (&["du"], Du::augment_args),
    (&["hash"], Hash::augment_args),
    (&["df"], Df::augment_args),
    (&["status"], Status::augment_args),
];

/// Returns the program with the command of this name alone: what it makes of the words of a line that is right is what the
/// definition of all commands makes of it. `None` for the commands that are rarely started.
pub(super) fn definition(name: &OsStr) -> Option<Command> {
    let (names, augment) = COMMANDS.iter().find(|(names, _)| names.iter().any(|known| name == *known))?;
    let (name, aliases) = names.split_first()?;
    let command = augment(Command::default().name(*name).visible_aliases(aliases.iter().copied()));
    Some(Global::augment_args(Command::default().name(PROGRAM)).subcommand_required(true).subcommand(command))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Arguments, command, examples, parse_alone};
    use clap::{CommandFactory, FromArgMatches};
    use std::ffi::OsString;

    /// All that parsing knows of the arguments of a command.
    fn arguments(command: &Command) -> Vec<String> {
        command.get_arguments().map(|argument| format!("{:?}", argument.clone().display_order(0))).collect()
    }

    #[test]
    fn a_command_alone_has_the_names_and_the_arguments_that_it_has_among_all() {
        let mut all = Arguments::command();
        all.build();
        for (names, _) in COMMANDS {
            let among_all = all.find_subcommand(names[0]).unwrap();
            let mut program = definition(OsStr::new(names[0])).unwrap();
            program.build();
            let alone = program.find_subcommand(names[0]).unwrap();
            assert!(arguments(alone) == arguments(among_all), "{names:?}");
            assert_eq!([&[among_all.get_name()], &*among_all.get_all_aliases().collect::<Vec<_>>()].concat(), *names);
        }
    }

    #[test]
    fn a_line_is_read_alike_by_the_definition_of_its_command_and_by_that_of_all() {
        let mut alone = 0;
        for line in examples::lines() {
            let raw: Vec<OsString> = crate::args::in_order(line, &|name| name == "nas").unwrap();
            let among_all = Arguments::from_arg_matches(&command().try_get_matches_from(&raw).unwrap()).unwrap();
            if let Some(arguments) = parse_alone(&raw) {
                assert_eq!(format!("{arguments:?}"), format!("{among_all:?}"), "{raw:?}");
                alone += 1;
            }
        }
        assert!(alone > COMMANDS.len(), "{alone} lines are read by the definition of their command");
    }

    #[test]
    fn what_is_wrong_or_asks_for_help_is_told_by_the_definition_of_all() {
        for line in ["remofile", "remofile -V", "remofile upload", "remofile upload --help", "remofile uplaod a /"] {
            let raw: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            assert!(parse_alone(&raw).is_none(), "{line}");
        }
    }
}
