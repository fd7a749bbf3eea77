//! The command line as it is written: what clap checks and what `--help` tells.

mod attributes;
mod client;
mod connection;
mod copy;
mod examples;
mod fidelity;
mod fingers;
mod foreign;
mod global;
mod hash;
mod line;
mod list;
mod look;
mod one_command;
mod operand;
mod operations;
mod order;
mod port_and_token;
mod receive;
mod rules;
mod server;
mod sync;
mod sync_files;
mod token;
mod transfer;
pub(crate) mod values;
mod words;

pub(crate) use client::{Cat, Directory, Download, Edit, File, Login, Move, Partials, Remove, Status, Upload};
pub(crate) use connection::Connection;
pub(crate) use copy::Copy;
pub(crate) use fidelity::Fidelity;
pub(crate) use foreign::{hint, is_token, server as looks_like_server};
pub(crate) use global::Global;
pub(crate) use hash::{Df, Hash};
pub(crate) use line::{Direction, Line};
pub(crate) use list::{List, SortBy};
pub(crate) use look::{Du, Find, KindOf, Stat, Tree};
pub(crate) use operand::{RemoteOperand, ServerAddress, ServerName, is_remote};
pub(crate) use operations::LogFormat;
pub(crate) use order::{in_order, operands_before_last};
pub(crate) use receive::Receive;
pub(crate) use rules::{Rule, Rules};
pub(crate) use server::{Fsync, Run, ServerConfig, Start, Stop};
pub(crate) use sync::{Sync, SyncLocal, SyncRemote, Synchronize, Which};
pub(crate) use sync_files::{OnDifference, SyncFiles};
pub(crate) use token::{Token, TokenAdd, TokenCommand, TokenList, TokenRemove, TokenRotate};
pub(crate) use transfer::{OnConflict, ReportArgs, Transfer};
pub(crate) use values::wait;
pub(crate) use words::positionals;

use clap::{ArgAction, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use clap_complete::Shell;
use std::ffi::OsString;
use std::path::PathBuf;

/// A quick, easy and safe alternative to FTP: serve a directory, and list, create, upload, download
/// and remove files in it from anywhere.
#[derive(Debug, Parser)]
#[command(name = "remofile", version, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,

    #[command(flatten)]
    pub(crate) global: Global,
}

/// Returns the definition of the command line, with examples.
pub(crate) fn command() -> clap::Command {
    examples::with_examples(with_repetitions(Arguments::command()), EXIT_STATUSES)
}

/// Admits options without a value twice: fingers write `-aXA` and `-r --recursive`.
fn with_repetitions(command: clap::Command) -> clap::Command {
    let admit = |arg: clap::Arg| match arg.get_action() {
        ArgAction::SetTrue => {
            let id = arg.get_id().clone();
            arg.overrides_with(id)
        }
        _ => arg,
    };
    command.mut_args(admit).mut_subcommands(with_repetitions)
}

/// Reads the arguments of a process, its name first.
///
/// # Errors
/// Those of clap: wrong usage, and help and version, which were asked for.
pub(crate) fn parse(raw: &[OsString]) -> Result<Arguments, clap::Error> {
    if let Some(arguments) = parse_alone(raw) {
        return Ok(arguments);
    }
    let matches = command().try_get_matches_from(raw)?;
    Arguments::from_arg_matches(&matches).map_err(|error| error.format(&mut command()))
}

/// Reads arguments by the definition of their command alone, which takes a seventh of the time. `None` if there is none, and for
/// help and what is wrong, which the definition of all commands tells.
fn parse_alone(raw: &[OsString]) -> Option<Arguments> {
    let command = one_command::definition(raw.get(1)?).map(with_repetitions)?;
    Arguments::from_arg_matches(&command.try_get_matches_from(raw).ok()?).ok()
}

const EXIT_STATUSES: &str = "\
Exit statuses: 0 done, 1 failed, 2 wrong usage, 3 refused (token, key, encryption), 4 the server is in \
use, 23 some files failed, 25 more than --max-delete to delete, 30 timeout, 130 interrupted.";

/// The command to run.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    #[command(visible_alias = "ls")]
    List(List),
    #[command(visible_alias = "touch")]
    File(File),
    #[command(visible_aliases = ["folder", "mkdir"])]
    Directory(Directory),
    #[command(visible_alias = "put")]
    Upload(Upload),
    #[command(visible_alias = "get")]
    Download(Download),
    Sync(Sync),
    #[command(visible_alias = "rm")]
    Remove(Remove),
    #[command(visible_alias = "cp")]
    Copy(Copy),
    #[command(visible_alias = "mv")]
    Move(Move),
    Cat(Cat),
    Stat(Stat),
    Find(Find),
    Tree(Tree),
    Du(Du),
    Hash(Hash),
    Df(Df),
    Edit(Edit),
    Login(Login),
    Partials(Partials),
    Status(Status),
    Run(Run),
    Start(Start),
    Stop(Stop),
    ServerConfig(ServerConfig),
    Token(Token),
    /// Generate a token that cannot be guessed
    GenerateToken,
    /// Generate a pair of keys: a public one for the clients, a private one for the server
    GenerateKeys,
    Completions(Completions),
    Man(Man),
}

impl Command {
    /// The token that was given as an argument.
    pub(crate) fn token(&self) -> Option<&str> {
        match self {
            Self::Run(run) => run.token.as_deref(),
            Self::Start(start) => start.run.token.as_deref(),
            Self::List(list) => list.port_and_token().1.or(list.connection.token.as_deref()),
            _ => self.connection().and_then(|connection| connection.token.as_deref()),
        }
    }

    /// The options by which it finds its server, if it asks one.
    pub(crate) fn connection(&self) -> Option<&Connection> {
        match self {
            Self::List(List { connection, .. })
            | Self::File(File { connection, .. })
            | Self::Directory(Directory { connection, .. })
            | Self::Upload(Upload { connection, .. })
            | Self::Download(Download { connection, .. })
            | Self::Remove(Remove { connection, .. })
            | Self::Copy(Copy { connection, .. })
            | Self::Move(Move { connection, .. })
            | Self::Cat(Cat { connection, .. })
            | Self::Stat(Stat { connection, .. })
            | Self::Find(Find { connection, .. })
            | Self::Tree(Tree { connection, .. })
            | Self::Du(Du { connection, .. })
            | Self::Hash(Hash { connection, .. })
            | Self::Df(Df { connection, .. })
            | Self::Edit(Edit { connection, .. })
            | Self::Login(Login { connection, .. })
            | Self::Partials(Partials { connection, .. })
            | Self::Status(Status { connection, .. })
            | Self::Sync(Sync { which: Which::Local(SyncLocal { connection, .. }) })
            | Self::Sync(Sync { which: Which::Remote(SyncRemote { connection, .. }) }) => Some(connection),
            _ => None,
        }
    }
}

/// Print the script by which a shell completes commands, options, remote paths, profiles and tokens
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
    use remofile::Wait;
    use std::time::Duration;

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
            "remofile ls -la /a /b -R --sort size -h -1",
            "remofile rm -rf /a /b",
            "remofile mv -f /a /b",
            "remofile mv /a /b /c",
            "remofile mkdir -p /a/b",
            "remofile put -aPf a /",
            "remofile get --overwrite /a .",
            "remofile sync local -ra a /b",
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
            "remofile sync remote -uq --existing --ignore-existing --backup-dir old --partial-expiry 1d --fsync none /bar foo",
            "remofile partials",
            "remofile partials /a --clear",
            "remofile partials -l --local .",
            "remofile remove /foo/bar",
            "remofile run my-directory/ 6768 qRkVWJcFRqi7rsNMbagaDd",
            "remofile start my-directory/ 6768 my-custom-token --pidfile x.pid",
            "remofile stop",
            "remofile server-config server.toml --check-config",
            "remofile run --config server.toml --log-format json --log-file remofile.log",
            "remofile generate-keys",
            "remofile token add alice",
            "remofile token add bob@example.org --rights upload --below /inbox --expires 30d --quota 5G --file-size-limit 1G \
             --bwlimit 10M --sessions 4 --tokens tokens.toml --json",
            "remofile token list",
            "remofile token remove alice",
            "remofile token rotate alice --grace 1d",
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
        assert_eq!((list.connection.wait, list.listed()), (Some(None), &["/a".to_owned()][..]));
        let Command::List(list) = parse("remofile list --wait=5") else { panic!("not a list") };
        assert_eq!(list.connection.wait, Some(Some(Wait::For(Duration::from_secs(5)))));
    }

    #[test]
    fn a_listing_takes_a_port_and_a_token_behind_its_directory_and_other_paths_too() {
        let told = |line: &str| {
            let Command::List(list) = parse(line) else { panic!("not a list") };
            (list.listed().to_vec(), list.port().map_err(|failed| failed.message()))
        };
        let (one, two) = (vec!["/".to_owned()], vec!["/a".to_owned(), "/b".to_owned()]);
        assert_eq!(told("remofile list / 6768 secret"), (one.clone(), Ok(Some(6768))));
        assert_eq!(told("remofile list / 6768"), (one, Ok(Some(6768))));
        assert_eq!(told("remofile list /a /b"), (two, Ok(None)));
        assert_eq!(told("remofile list"), (Vec::new(), Ok(None)));
        for (line, part) in [
            ("remofile list / 6768 --port 6769", "two ports"),
            ("remofile list / 6768 one --token other", "two tokens"),
            ("remofile list / 0", "no port"),
            ("remofile list / 99999", "'/99999'"),
        ] {
            let message = told(line).1.unwrap_err();
            assert!(message.contains(part), "{line}: {message}");
        }
    }

    #[test]
    fn contradictions_are_refused() {
        for line in [
            "remofile list --token one --token-file two",
            "remofile list -t 0",
            "remofile run d --no-encryption --require-encryption",
            "remofile run d 6768 token --token-file f",
            "remofile run d 70000",
            "remofile run d 6768 token --tokens f",
            "remofile run d --tokens f --token-file g",
            "remofile token add",
            "remofile token add a/b",
            "remofile token add a --rights write,read",
            "remofile token add a --below inbox",
            "remofile token add a --expires 30",
            "remofile token add a --quota 0",
            "remofile token add a --sessions 0",
            "remofile token rotate a --grace 0s",
            "remofile run d --partial-expiry 7",
            "remofile upload",
            "remofile upload a -q -p",
            "remofile upload a --partial-expiry 7d",
            "remofile upload a --fsync each",
            "remofile download a --fsync always",
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
        ] {
            assert!(Arguments::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }
}
