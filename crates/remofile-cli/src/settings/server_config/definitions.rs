//! The options of the commands that serve, as the parser knows them.

use crate::args;
use clap::builder::Resettable;
use clap::{Arg, ArgAction, Command};
use std::any::TypeId;
use std::path::PathBuf;

/// The commands that serve.
pub(super) const RUN: &str = "run";
pub(super) const START: &str = "start";

/// Options that say where the others are, or that only a terminal is for.
const NOT_CONFIGURED: [&str; 6] = ["config", "check_config", "token_fd", "background", "help", "version"];

/// The options of the commands that serve.
pub(super) struct Definitions {
    /// The command that is completed, with its directory optional.
    pub(super) command: Command,
    /// The one of the two that has more options: a file may be for both.
    start: Command,
}

/// The values that an option takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    /// None: it is there or not.
    Flag,
    /// The number of times that it is there.
    Count,
    Text,
    /// A path, which is relative to the file that it is in.
    Path,
    /// An octal number.
    Mode,
    Secret,
}

/// Makes the directories of the commands that serve optional: the file may have them.
pub(super) fn lenient(program: Command) -> Command {
    let without = |command: Command| {
        command.mut_arg("directory", |directory| {
            directory.required(false).required_unless_present(Resettable::<clap::Id>::Reset)
        })
    };
    program.mut_subcommand(RUN, without).mut_subcommand(START, without)
}

impl Definitions {
    /// Those of `run` or `start`.
    pub(super) fn of(name: &str) -> Self {
        let mut program = lenient(args::command());
        program.build();
        let command = |name: &str| program.find_subcommand(name).cloned().unwrap_or_default();
        Self { command: command(name), start: command(START) }
    }

    /// Finds an option by its name in the file.
    pub(super) fn find(&self, key: &str) -> Option<&Arg> {
        self.start.get_arguments().find(|option| key_of(option).is_some_and(|name| name == key))
    }

    /// Reports whether the command itself has an option, or only the other one.
    pub(super) fn has(&self, option: &Arg) -> bool {
        self.command.get_arguments().any(|own| own.get_id() == option.get_id())
    }

    /// Returns the names of all options.
    pub(super) fn keys(&self) -> impl Iterator<Item = String> + '_ {
        self.start.get_arguments().filter_map(key_of)
    }

    /// Reports whether two options contradict each other.
    pub(super) fn are_contrary(&self, one: &str, other: &str) -> bool {
        let excludes = |one: &str, other: &str| {
            let option = self.start.get_arguments().find(|option| option.get_id() == one);
            option.is_some_and(|option| {
                self.start.get_arg_conflicts_with(option).iter().any(|option| option.get_id() == other)
            })
        };
        one != other && (excludes(one, other) || excludes(other, one))
    }
}

/// The name that an option has in the file: that of the command line.
pub(super) fn key_of(option: &Arg) -> Option<String> {
    let id = option.get_id().as_str();
    let is_configured = !NOT_CONFIGURED.contains(&id);
    is_configured.then(|| option.get_long().unwrap_or(id).to_owned())
}

pub(super) fn takes(option: &Arg) -> Takes {
    let is_path = option.get_value_parser().type_id() == TypeId::of::<PathBuf>();
    let is_mode = option.get_value_names().is_some_and(|names| names.iter().any(|name| name == "MODE"));
    match option.get_action() {
        ArgAction::SetTrue | ArgAction::SetFalse => Takes::Flag,
        ArgAction::Count => Takes::Count,
        _ if option.get_id() == "token" => Takes::Secret,
        _ if is_path => Takes::Path,
        _ if is_mode => Takes::Mode,
        _ => Takes::Text,
    }
}

/// An example of how an option is written in the file.
pub(super) fn example(option: &Arg) -> String {
    let key = key_of(option).unwrap_or_default();
    let default = option.get_default_values().first().and_then(|value| value.to_str());
    let name = option.get_value_names().and_then(|names| names.first()).map_or("VALUE", |name| name.as_str());
    match takes(option) {
        Takes::Flag => format!("{key} = true"),
        Takes::Count => format!("{key} = 1"),
        Takes::Mode => format!("{key} = \"640\""),
        _ => match default {
            Some(number) if number.bytes().all(|byte| byte.is_ascii_digit()) => format!("{key} = {number}"),
            Some(text) => format!("{key} = \"{text}\""),
            None => format!("{key} = \"{name}\""),
        },
    }
}
