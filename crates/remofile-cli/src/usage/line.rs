//! A command line that cannot be read, and what the parser tells of it.

use crate::args::positionals;
use clap::Command;
use clap::error::{ContextKind, ContextValue};
use std::ffi::OsString;

/// The name of the program, as the messages have it.
const PROGRAM: &str = "remofile";

/// A command line that cannot be read.
pub(super) struct Line<'a> {
    pub(super) words: &'a [OsString],
    program: &'a Command,
    /// The names of the command, as far as there is one: `["sync", "local"]`.
    pub(super) names: Vec<&'a str>,
}

impl<'a> Line<'a> {
    pub(super) fn of(raw: &'a [OsString], program: &'a Command) -> Self {
        let words = raw.get(1..).unwrap_or_default();
        let (mut names, mut command) = (Vec::new(), program);
        for word in words.iter().take_while(|word| *word != "--") {
            if let Some(found) = command.find_subcommand(word) {
                names.push(found.get_name());
                command = found;
            }
        }
        Self { words, program, names }
    }

    /// The first word that is no option of any command, and no value of one; `None` if there is an option that none has.
    pub(super) fn first_operand(&self) -> Option<&'a str> {
        let commands: Vec<&Command> = self.program.get_subcommands().chain([self.program]).collect();
        let places = positionals(self.words, &commands)?;
        self.words.get(*places.first()?)?.to_str()
    }

    /// The number of words behind the command that are no options and no values of them; none if there is an option that no command has.
    pub(super) fn operands(&self) -> usize {
        let commands: Vec<&Command> = self.program.get_subcommands().chain([self.program]).collect();
        positionals(self.words, &commands).map_or(0, |places| places.len().saturating_sub(self.names.len()))
    }

    /// The command, such as `remofile sync local`.
    pub(super) fn command(&self) -> String {
        std::iter::once(PROGRAM).chain(self.names.iter().copied()).collect::<Vec<_>>().join(" ")
    }

    pub(super) fn see_help(&self) -> String {
        format!("see '{} --help'", self.command())
    }

    /// The long options that the command shows: a hidden one is no advice.
    pub(super) fn long_options(&self) -> Vec<String> {
        let below = |command: &'a Command, name: &&str| command.find_subcommand(name).unwrap_or(command);
        let command = self.names.iter().fold(self.program, below);
        let shown =
            command.get_arguments().filter(|option| !option.is_hide_set()).filter_map(|option| option.get_long());
        shown.map(|name| format!("--{name}")).collect()
    }

    /// The forms of the command, as its help shows them.
    pub(super) fn forms(&self) -> String {
        let mut command = self.program.clone().bin_name(PROGRAM);
        command.build();
        for name in &self.names {
            command = command.find_subcommand(name).cloned().unwrap_or(command);
        }
        let usage = command.render_usage().to_string();
        let forms = usage.lines().map(|line| line.trim().trim_start_matches("Usage: ").trim());
        format!("write '{}'", forms.collect::<Vec<_>>().join("' or '"))
    }
}

pub(super) fn text(error: &clap::Error, kind: ContextKind) -> Option<&str> {
    match error.get(kind)? {
        ContextValue::String(text) => Some(text),
        _ => None,
    }
}

pub(super) fn names(error: &clap::Error, kind: ContextKind) -> Vec<String> {
    match error.get(kind) {
        Some(ContextValue::String(name)) => vec![name.clone()],
        Some(ContextValue::Strings(names)) => names.clone(),
        _ => Vec::new(),
    }
}

pub(super) fn or(names: &[String]) -> String {
    names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(" or ")
}

pub(super) fn and(names: &[String]) -> String {
    names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(" and ")
}
