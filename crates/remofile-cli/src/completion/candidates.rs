//! The candidates for operands: remote paths, profiles, tokens and local files.

use super::line::Line;
use super::remote;
use crate::args::{RemoteOperand, ServerName};
use crate::settings;
use clap::builder::Resettable;
use clap::{Arg, Command};
use clap_complete::CompletionCandidate;
use clap_complete::engine::{ArgValueCompleter, PathCompleter, ValueCompleter};
use remofile::protocol::path::RemotePath;
use remofile::protocol::printable::harmless;
use std::ffi::{OsStr, OsString};

/// The kind of the operands of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operands {
    /// Remote paths, with or without a server in front.
    Remote,
    /// Remote paths, and a local one in the end.
    RemoteFirst,
    /// Local paths, and a remote one in the end.
    LocalFirst,
    /// Paths of either side.
    Either,
    /// Local paths.
    Local,
    /// Names of tokens.
    Tokens,
    /// Names of profiles.
    Profiles,
}

/// The operands of the commands that have others than local files. Those of `sync` are by their names.
const OPERANDS: [(&str, Operands); 21] = [
    ("list", Operands::Remote),
    ("file", Operands::Remote),
    ("directory", Operands::Remote),
    ("remove", Operands::Remote),
    ("move", Operands::Remote),
    ("cat", Operands::Remote),
    ("stat", Operands::Remote),
    ("find", Operands::Remote),
    ("tree", Operands::Remote),
    ("du", Operands::Remote),
    ("df", Operands::Remote),
    ("hash", Operands::Remote),
    ("edit", Operands::Remote),
    ("partials", Operands::Remote),
    ("status", Operands::Remote),
    ("copy", Operands::Either),
    ("upload", Operands::LocalFirst),
    ("download", Operands::RemoteFirst),
    ("login", Operands::Profiles),
    ("token remove", Operands::Tokens),
    ("token rotate", Operands::Tokens),
];

/// Adds what completes their operands to all commands.
pub(super) fn with_candidates(command: Command, line: &Line) -> Command {
    let mut command = command;
    for (path, operands) in OPERANDS {
        let operands = match line.words.iter().any(|word| word == "--local") {
            true if operands == Operands::Remote => Operands::Local,
            _ => operands,
        };
        command = at(command, path, &|sub| sub.mut_args(|arg| with_operands(arg, operands, line)));
    }
    for (path, is_local_first) in [("sync local", true), ("sync remote", false)] {
        command = at(command, path, &|sub| {
            sub.mut_args(|arg| match arg.get_id().as_str() {
                "source" | "destination" => {
                    let is_local = (arg.get_id() == "source") == is_local_first;
                    if is_local { arg } else { completed(arg, Operands::Remote, line) }
                }
                _ => arg,
            })
        });
    }
    with_profiles(with_own_name(command), line)
}

/// Hides the other name of the one command that comes behind it in the alphabet, where the engine would show that one alone.
fn with_own_name(command: Command) -> Command {
    at(command, "upload", &|sub| sub.visible_alias(Resettable::Reset).alias("put"))
}

/// Changes the command at a path of names.
fn at(command: Command, path: &str, change: &dyn Fn(Command) -> Command) -> Command {
    let (name, rest) = path.split_once(' ').map_or((path, None), |(name, rest)| (name, Some(rest)));
    if command.find_subcommand(name).is_none() {
        return command;
    }
    command.mut_subcommand(name, |sub| match rest {
        Some(rest) => at(sub, rest, change),
        None => change(sub),
    })
}

/// Completes `--profile` wherever it is.
fn with_profiles(command: Command, line: &Line) -> Command {
    let command = command.mut_args(|arg| match arg.get_id().as_str() {
        "profile" => completed(arg, Operands::Profiles, line),
        _ => arg,
    });
    command.mut_subcommands(|sub| with_profiles(sub, line))
}

fn with_operands(arg: Arg, operands: Operands, line: &Line) -> Arg {
    if arg.is_positional() { completed(arg, operands, line) } else { arg }
}

fn completed(arg: Arg, operands: Operands, line: &Line) -> Arg {
    arg.add(ArgValueCompleter::new(Completer { operands, line: line.clone() }))
}

/// The completer of one operand or value.
struct Completer {
    operands: Operands,
    line: Line,
}

impl ValueCompleter for Completer {
    fn complete(&self, current: &OsStr) -> Vec<CompletionCandidate> {
        let text = current.to_str();
        let remote = |takes_plain| text.map_or_else(Vec::new, |text| self.remote(text, takes_plain));
        let local = || PathCompleter::any().complete(current);
        // Only an absolute path is taken for a remote one where it could be local as well.
        let may_be_remote = text.is_some_and(|text| text.starts_with('/'));
        match self.operands {
            Operands::Remote => remote(true),
            Operands::RemoteFirst if self.line.operands() == 0 => remote(true),
            Operands::LocalFirst if self.line.operands() == 0 => chain(remote(false), local()),
            Operands::RemoteFirst | Operands::LocalFirst | Operands::Either => chain(remote(may_be_remote), local()),
            Operands::Local => local(),
            Operands::Tokens => starting_with(self.tokens(), current),
            Operands::Profiles => starting_with(self.profiles(), current),
        }
    }
}

impl Completer {
    /// The remote paths that begin with a text, and the profiles, if it may be the beginning of one.
    fn remote(&self, text: &str, takes_plain: bool) -> Vec<CompletionCandidate> {
        let profiles = self.profiles();
        let is_profile = |name: &str| profiles.iter().any(|known| known == name);
        let Ok(operand) = RemoteOperand::parse(text, &is_profile) else { return Vec::new() };
        let server = operand.map(|operand| operand.server);
        let Some(written) = Written::of(text, server.as_ref()) else { return Vec::new() };
        let mut candidates = match server.is_some() || takes_plain {
            true => self.below(&written, server),
            false => Vec::new(),
        };
        if written.head.is_empty() && !text.contains('/') {
            let names = profiles.iter().map(|name| format!("{name}:")).filter(|name| name.starts_with(text));
            candidates.extend(names.map(|name| CompletionCandidate::new(name).help(Some("profile".into()))));
        }
        candidates
    }

    /// The names in the directory that a path has so far.
    fn below(&self, written: &Written<'_>, server: Option<ServerName>) -> Vec<CompletionCandidate> {
        let directory = RemotePath::parse(&format!("/{}", written.directory.trim_start_matches('/')));
        let (Ok(directory), Some(connection)) = (directory, self.line.connection()) else { return Vec::new() };
        let is_url = matches!(server, Some(ServerName::Address(_)));
        let names = remote::list(connection, server, &directory);
        let fitting = names.into_iter().filter(|found| {
            found.name.starts_with(written.begun) && harmless(&found.name) == found.name && !found.name.contains('\n')
        });
        let candidate = |found: remote::Name| {
            let end = if found.is_directory { "/" } else { "" };
            let name = if is_url { found.name.replace('%', "%25") } else { found.name.clone() };
            let text = format!("{}{}{name}{end}", written.head, written.directory);
            CompletionCandidate::new(text).hide(found.name.starts_with('.') && written.begun.is_empty())
        };
        fitting.map(candidate).collect()
    }

    fn profiles(&self) -> Vec<String> {
        settings::profile_names(self.line.value_of("--config").as_deref())
    }

    fn tokens(&self) -> Vec<String> {
        settings::token_names(self.line.value_of("--tokens").as_deref())
    }
}

fn chain(mut candidates: Vec<CompletionCandidate>, others: Vec<CompletionCandidate>) -> Vec<CompletionCandidate> {
    candidates.extend(others);
    candidates
}

fn starting_with(names: Vec<String>, current: &OsStr) -> Vec<CompletionCandidate> {
    let fits = |name: &String| current.to_str().is_some_and(|current| name.starts_with(current));
    names.into_iter().filter(fits).map(|name| CompletionCandidate::new(OsString::from(name))).collect()
}

/// An operand as far as it is written.
#[derive(Debug, PartialEq, Eq)]
struct Written<'a> {
    /// The server, with its colon or as a URL.
    head: &'a str,
    /// The directory, up to its last slash. A name behind a server without a slash is taken from the root.
    directory: String,
    /// The beginning of a name in it.
    begun: &'a str,
}

impl<'a> Written<'a> {
    fn of(text: &'a str, server: Option<&ServerName>) -> Option<Self> {
        let at = match server {
            None => 0,
            Some(ServerName::Default | ServerName::Profile(_)) => text.find(':')? + 1,
            Some(ServerName::Address(_)) => {
                let scheme = text.find("://")? + 3;
                // The name of a host is nothing that could be completed.
                scheme + text.get(scheme..)?.find('/')?
            }
        };
        let (head, path) = text.split_at_checked(at)?;
        let (directory, begun) = path.split_at_checked(path.rfind('/').map_or(0, |slash| slash + 1))?;
        let directory = if directory.is_empty() && server.is_some() && begun.is_empty() { "/" } else { directory };
        Some(Self { head, directory: directory.to_owned(), begun })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Arguments;
    use clap::CommandFactory;

    #[test]
    fn an_operand_is_divided_where_its_completion_begins() {
        let written = |text: &str| {
            let operand = RemoteOperand::parse(text, &|name| name == "nas").unwrap();
            Written::of(text, operand.map(|operand| operand.server).as_ref())
                .map(|written| (written.head.to_owned(), written.directory, written.begun.to_owned()))
        };
        let parts = |head: &str, directory: &str, begun: &str| Some((head.into(), directory.into(), begun.into()));
        assert_eq!(written(":/ph"), parts(":", "/", "ph"));
        assert_eq!(written(":"), parts(":", "/", ""));
        assert_eq!(written("nas:/a/b"), parts("nas:", "/a/", "b"));
        assert_eq!(written("nas:a"), parts("nas:", "", "a"));
        assert_eq!(written("/a/"), parts("", "/a/", ""));
        assert_eq!(written("ph"), parts("", "", "ph"));
        assert_eq!(written("remofile://h:7/a/b"), parts("remofile://h:7", "/a/", "b"));
        assert_eq!(written("remofile://h"), None);
    }

    #[test]
    fn every_command_of_the_table_is_there_and_takes_operands() {
        let root = Arguments::command();
        for (path, _) in OPERANDS {
            let found = path.split(' ').try_fold(&root, |command, name| command.find_subcommand(name));
            assert!(found.is_some_and(|command| command.get_positionals().next().is_some()), "{path}");
        }
        let line = Line { words: Vec::new() };
        with_candidates(Arguments::command(), &line).debug_assert();
    }
}
