//! The command line as it is written: what clap checks and what `--help` tells.

mod client;
mod line;
mod rules;
mod server;
mod sync;
mod transfer;
pub(crate) mod values;

pub(crate) use client::{
    Cat, Connection, Directory, Download, Edit, File, List, Move, Partials, Remove, Status, Upload,
};
pub(crate) use line::{Direction, Line};
pub(crate) use rules::{Rule, Rules};
pub(crate) use server::{Run, Start, Stop};
pub(crate) use sync::{Sync, SyncLocal, SyncRemote, Synchronize, Which};
pub(crate) use transfer::{OnConflict, Transfer};

use clap::{ArgAction, Args, Parser, Subcommand};
use clap_complete::Shell;
use std::path::PathBuf;

/// A quick, easy and safe alternative to FTP: serve a directory, and list, create, upload, download
/// and remove files in it from anywhere.
#[derive(Debug, Parser)]
#[command(name = "remofile", version, arg_required_else_help = true, after_help = EXIT_STATUSES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// Print more on standard error: -v information (transfers: each file), -vv debugging, -vvv
    /// everything
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,

    /// The descriptor to read the token from; the command gives it to itself
    #[arg(long, global = true, hide = true)]
    pub(crate) token_fd: Option<u32>,

    /// Serve in the background and tell the parent; the command gives it to itself
    #[arg(long, global = true, hide = true)]
    pub(crate) background: bool,
}

const EXIT_STATUSES: &str = "\
Exit statuses: 0 done, 1 failed, 2 wrong usage, 3 refused (token, key, encryption), 4 the server is in \
use, 23 some files failed, 25 more than --max-delete to delete, 30 timeout, 130 interrupted.";

/// The command to run.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    List(List),
    File(File),
    #[command(visible_alias = "folder")]
    Directory(Directory),
    Upload(Upload),
    Download(Download),
    Sync(Sync),
    Remove(Remove),
    Move(Move),
    Cat(Cat),
    Edit(Edit),
    Partials(Partials),
    Status(Status),
    Run(Run),
    Start(Start),
    Stop(Stop),
    /// Generate a token that cannot be guessed
    GenerateToken,
    /// Generate a pair of keys: a public one for the clients, a private one for the server
    GenerateKeys,
    Completions(Completions),
    Man(Man),
}

impl Command {
    /// Reports whether errors are to be shown as objects.
    pub(crate) fn wants_json(&self) -> bool {
        self.connection().is_some_and(|connection| connection.json)
    }

    /// The token that was given as an argument.
    pub(crate) fn token(&self) -> Option<&str> {
        match self {
            Self::Run(run) => run.token.as_deref(),
            Self::Start(start) => start.run.token.as_deref(),
            Self::List(list) => list.positional_token.as_deref().or(list.connection.token.as_deref()),
            _ => self.connection().and_then(|connection| connection.token.as_deref()),
        }
    }

    fn connection(&self) -> Option<&Connection> {
        match self {
            Self::List(List { connection, .. })
            | Self::File(File { connection, .. })
            | Self::Directory(Directory { connection, .. })
            | Self::Upload(Upload { connection, .. })
            | Self::Download(Download { connection, .. })
            | Self::Remove(Remove { connection, .. })
            | Self::Move(Move { connection, .. })
            | Self::Cat(Cat { connection, .. })
            | Self::Edit(Edit { connection, .. })
            | Self::Partials(Partials { connection, .. })
            | Self::Status(Status { connection })
            | Self::Sync(Sync { which: Which::Local(SyncLocal { connection, .. }) })
            | Self::Sync(Sync { which: Which::Remote(SyncRemote { connection, .. }) }) => Some(connection),
            _ => None,
        }
    }
}

/// Print a completion script for a shell
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    pub(crate) shell: Shell,
}

/// Print the manual, or write its pages into a directory
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// An existing directory for one page a command, instead of printing all
    #[arg(value_name = "DIRECTORY")]
    pub(crate) directory: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(line: &str) -> Command {
        Arguments::try_parse_from(line.split(' ')).unwrap().command
    }

    #[test]
    fn the_definitions_are_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_documented_lines_are_understood() {
        for line in [
            "remofile list /",
            "remofile list / -l -r",
            "remofile list / -a",
            "remofile file bar /foo",
            "remofile directory foo /",
            "remofile folder foo /",
            "remofile upload single-file.txt a-directory/ other.txt /",
            "remofile upload --progress ubuntu.iso /",
            "remofile upload -r -p src/my-file.txt src/my-directory/ /dst",
            "remofile download single-file.txt a-directory/ .",
            "remofile upload --files-from list",
            "remofile upload -rz a --exclude *.o --include x.o --links copy --bwlimit 1M:0 --transfers 4 --retries 0 /",
            "remofile download -r /a/*.txt --min-size 1K --max-size 4G --preserve-mode --sparse --stats -v .",
            "remofile sync local foo /bar",
            "remofile sync remote foo /bar",
            "remofile sync local foo bar",
            "remofile sync remote bar foo",
            "remofile sync local -nciv --delete --max-delete 0 --exclude *.o --modify-window 1 -W -zp --stats foo /bar",
            "remofile sync remote -uq --existing --ignore-existing --backup-dir old --partial-expiry 1d /bar foo",
            "remofile partials",
            "remofile partials /a --clear",
            "remofile partials -l --local .",
            "remofile remove /foo/bar",
            "remofile run my-directory/ 6768 qRkVWJcFRqi7rsNMbagaDd",
            "remofile start my-directory/ 6768 my-custom-token --pidfile x.pid",
            "remofile stop",
            "remofile generate-keys",
        ] {
            let parsed = Arguments::try_parse_from(line.split(' '));
            assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
        }
    }

    #[test]
    fn a_token_is_found_wherever_it_is_given() {
        for line in [
            "remofile list / 6768 secret",
            "remofile list --token secret",
            "remofile upload --token=secret a",
            "remofile sync remote --token secret /a b",
            "remofile run d 6768 secret",
            "remofile start d 6768 secret",
        ] {
            assert_eq!(parse(line).token(), Some("secret"), "{line}");
        }
        assert_eq!(parse("remofile stop").token(), None);
    }

    #[test]
    fn waiting_takes_seconds_only_after_an_equals_sign() {
        let Command::List(list) = parse("remofile list --wait /a") else { panic!("not a list") };
        assert_eq!((list.connection.wait, list.directory.as_str()), (Some(None), "/a"));
        let Command::List(list) = parse("remofile list --wait=5") else { panic!("not a list") };
        assert_eq!(list.connection.wait, Some(Some(5)));
    }

    #[test]
    fn contradictions_are_refused() {
        for line in [
            "remofile list / 6768 --port 6769",
            "remofile list / 6768 one --token other",
            "remofile list --token one --token-file two",
            "remofile list -t 0",
            "remofile list / 0",
            "remofile run d --no-encryption --require-encryption",
            "remofile run d 6768 token --token-file f",
            "remofile run d 70000",
            "remofile run d --partial-expiry 7",
            "remofile upload",
            "remofile upload a -q -p",
            "remofile upload a --partial-expiry 7d",
            "remofile upload a -0",
            "remofile upload a --bwlimit fast",
            "remofile upload a --chunk-size 511",
            "remofile upload a --chunk-size 5M",
            "remofile upload a --compress-level 20",
            "remofile upload a --transfers 0",
            "remofile upload a --transfers 17",
            "remofile upload a --links none",
            "remofile download a --on-conflict nothing",
            "remofile sync a /b",
            "remofile sync local a",
            "remofile sync local a /b /c",
            "remofile sync local a /b -c --size-only",
            "remofile sync local a /b -W --no-whole-file",
            "remofile sync local a /b --max-delete 1",
            "remofile sync local a /b --delete --max-delete -1",
            "remofile sync local a /b --modify-window -1",
            "remofile sync local a /b --partial-expiry 7d",
            "remofile sync local a /b -qi",
            "remofile sync local a /b -qp",
            "remofile sync local a /b -r",
        ] {
            assert!(Arguments::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }
}
