//! The commands that talk to a server.

use super::operand::{ServerAddress, ServerName};
use super::receive::Receive;
use super::transfer::{HOW, Transfer, WHICH};
use super::values::{milliseconds, size_or_none, wait};
use crate::failed::{Failed, Result};
use crate::output::colors::When;
use clap::{ArgAction, Args, ValueEnum, ValueHint};
use remofile::Wait;
use std::cell::OnceCell;
use std::path::PathBuf;
use std::time::Duration;

/// The options by which the server is found and spoken to.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct Connection {
    /// Name or address of the server [env: REMOFILE_HOSTNAME]
    #[arg(long, value_name = "HOST")]
    pub(crate) hostname: Option<String>,

    /// Port of the server [env: REMOFILE_PORT] [default: 6768]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) port: Option<u16>,

    /// Token of the server; it is hidden from 'ps' but not from your shell's history, so better use
    /// --token-file or the environment [env: REMOFILE_TOKEN]
    #[arg(long, allow_hyphen_values = true, conflicts_with = "token_file")]
    pub(crate) token: Option<String>,

    /// File whose first line is the token
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,

    /// Public key of the server [env: REMOFILE_PUBLIC_KEY]
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    pub(crate) public_key: Option<String>,

    /// Protocol that the server speaks: 2, or 1 for servers of the original [env: REMOFILE_PROTOCOL] [default: 2]
    #[arg(long, value_name = "1|2")]
    pub(crate) protocol: Option<String>,

    /// Configuration profile of the server; it wins over the environment [env: REMOFILE_PROFILE, which does not]
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,

    /// Configuration file with the profiles [env: REMOFILE_CONFIG]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,

    /// The server that an operand names.
    #[arg(skip)]
    pub(crate) server: OnceCell<ServerName>,

    /// Give up after this many milliseconds (or 30s, 5m), connecting included
    ///
    /// In rsync -t keeps times, which is always done here.
    #[arg(short, long, value_name = "MILLISECONDS", value_parser = milliseconds)]
    pub(crate) timeout: Option<Duration>,

    /// Wait this long for a path that others use (90, 90s, 15m); 0 to fail at once, without a value as
    /// long as it takes [env: REMOFILE_WAIT] [default: 60]
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true, value_parser = wait)]
    pub(crate) wait: Option<Option<Wait>>,

    /// Ask for a session that is authenticated but not encrypted (the server must allow it)
    #[arg(long)]
    pub(crate) no_encryption: bool,

    /// Print JSON objects, one a line, for scripts; errors, too
    #[arg(long)]
    pub(crate) json: bool,
}

/// List files in the remote directory
///
/// A second argument that is a number is the port, and a third one the token then: 'list [DIRECTORY] [PORT] [TOKEN]'.
#[derive(Debug, Args)]
#[command(
    disable_help_flag = true,
    override_usage = "remofile list [OPTIONS] [PATH]...\n       remofile list [OPTIONS] [DIRECTORY] [PORT] [TOKEN]"
)]
pub(crate) struct List {
    /// Remote directories and files, or shell patterns of such [default: /]
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<String>,

    /// Show kind, size and time of last modification, too
    #[arg(short = 'l', long = "all", short_alias = 'a', visible_short_alias = 'a', action = ArgAction::Count)]
    pub(crate) long: u8,

    /// List directories and their contents, with names relative to PATH
    #[arg(short, long, short_alias = 'R')]
    pub(crate) recursive: bool,

    /// Show sizes as 1.2K, 34M, 5.6G
    #[arg(short = 'h', long)]
    pub(crate) human_readable: bool,

    /// Order of the entries of a directory: by name, the largest or the newest first
    #[arg(long, value_enum, value_name = "KEY")]
    pub(crate) sort: Option<SortBy>,

    /// The largest first, as with '--sort size'
    #[arg(short = 'S', conflicts_with = "sort")]
    pub(crate) by_size: bool,

    /// The order turned round
    #[arg(long)]
    pub(crate) reverse: bool,

    /// Directories and links themselves, not what is in them
    #[arg(short, long, conflicts_with = "recursive")]
    pub(crate) directory: bool,

    /// Show kinds by a sign behind names: '/' directory, '*' program, '@' link
    #[arg(short = 'F', long)]
    pub(crate) classify: bool,

    /// Colour names as LS_COLORS has it
    #[arg(long, visible_alias = "colour", value_enum, value_name = "WHEN", num_args = 0..=1, require_equals = true,
          default_value = "auto", default_missing_value = "always")]
    pub(crate) color: When,

    /// One name a line, as always
    #[arg(short = '1', hide = true)]
    pub(crate) one_a_line: bool,

    /// Print help
    #[arg(long, action = ArgAction::HelpLong)]
    pub(crate) help: Option<bool>,

    #[command(flatten)]
    pub(crate) connection: Connection,
}

impl Connection {
    /// The same options, to another server.
    pub(crate) fn to(&self, address: ServerAddress) -> Self {
        let server = OnceCell::from(ServerName::Address(address));
        Self { hostname: None, port: None, profile: None, server, ..self.clone() }
    }
}

/// The order of a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SortBy {
    /// By name
    Name,
    /// The largest first
    Size,
    /// The newest first
    Time,
}

impl List {
    /// Returns the order that is asked for.
    pub(crate) fn order(&self) -> Option<SortBy> {
        if self.by_size { Some(SortBy::Size) } else { self.sort }
    }

    /// Returns the port and the token that were given as arguments, as the original takes them.
    pub(crate) fn port_and_token(&self) -> (Option<&str>, Option<&str>) {
        let is_number = |text: &String| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match &self.paths[..] {
            [_, port] if is_number(port) => (Some(port), None),
            [_, port, token] if is_number(port) => (Some(port), Some(token)),
            _ => (None, None),
        }
    }

    /// Returns the port that was given as an argument.
    ///
    /// # Errors
    /// [`Failed::Usage`] if it is none, or if there is another one.
    pub(crate) fn port(&self) -> Result<Option<u16>> {
        let (port, token) = self.port_and_token();
        let Some(text) = port else { return Ok(None) };
        if self.connection.port.is_some() {
            return Err(Failed::usage(format!("there are two ports, {text} and '--port': leave out one")));
        }
        if token.is_some() && (self.connection.token.is_some() || self.connection.token_file.is_some()) {
            return Err(Failed::usage("there are two tokens: leave out one"));
        }
        let wrong = || Failed::usage(format!("{text} is no port (1 to 65535); a directory of that name is '/{text}'"));
        text.parse().ok().filter(|&port: &u16| port > 0).ok_or_else(wrong).map(Some)
    }

    /// Returns the paths to list.
    pub(crate) fn listed(&self) -> &[String] {
        if self.port_and_token().0.is_some() { &self.paths[..1] } else { &self.paths }
    }
}

/// Create an empty file in the remote directory
///
/// A port and a token may come behind the operands: 'file NAME [DIRECTORY] [PORT] [TOKEN]'.
#[derive(Debug, Args)]
pub(crate) struct File {
    /// Name of the file
    pub(crate) name: String,

    /// Existing remote directory to create it in, absolute [default: /]
    pub(crate) directory: Option<String>,

    /// Do not fail if the file exists already; its time becomes now
    #[arg(short, long)]
    pub(crate) update: bool,

    /// Create nothing, and print what would be created
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,

    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// Create a directory in the remote directory
///
/// A port and a token may come behind the operands: 'directory NAME [DIRECTORY] [PORT] [TOKEN]'.
#[derive(Debug, Args)]
pub(crate) struct Directory {
    /// Name of the directory
    pub(crate) name: String,

    /// Existing remote directory to create it in, absolute [default: /]
    pub(crate) directory: Option<String>,

    /// Do not fail if the directory exists already
    #[arg(short, long)]
    pub(crate) update: bool,

    /// Create missing parents, too
    #[arg(long)]
    pub(crate) parents: bool,

    /// Create missing parents, and do not fail if the directory exists already, as mkdir -p
    #[arg(short = 'p')]
    pub(crate) as_mkdir: bool,

    /// Create nothing, and print what would be created
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,

    #[command(flatten)]
    pub(crate) connection: Connection,
}

// Of one list of arguments, clap cannot say that the last may be something else.
const UPLOAD_USAGE: &str = "remofile upload [OPTIONS] SOURCE... [DESTINATION]
       remofile upload [OPTIONS] --files-from FILE [DESTINATION]";
const DOWNLOAD_USAGE: &str = "remofile download [OPTIONS] SOURCE... [DESTINATION]
       remofile download [OPTIONS] --files-from FILE [DESTINATION]";

/// Upload files to the remote directory
///
/// With one argument it is the source, and the destination is the root directory. With two or more
/// the last is the destination: an existing remote directory, written as an absolute path. With
/// --files-from one argument is the destination.
///
/// A source that does not exist and holds *, ? or [ is a shell pattern. An upload that was interrupted
/// goes on when the same command is run again.
///
/// A port and a token may come behind the operands: 'upload SOURCE... [DESTINATION] [PORT] [TOKEN]'.
#[derive(Debug, Args)]
#[command(override_usage = UPLOAD_USAGE)]
pub(crate) struct Upload {
    /// Files and directories, or '-' for standard input; then the remote directory [default: /]
    #[arg(value_name = "PATH", required_unless_present = "files_from")]
    pub(crate) paths: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) transfer: Transfer,

    /// Name of the remote file that standard input becomes
    #[arg(long, help_heading = WHICH)]
    pub(crate) name: Option<String>,

    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// Download files from the remote directory
///
/// With one argument it is the source, and the destination is the current directory. With two or more
/// the last is the destination: an existing local directory. With --files-from one argument is the
/// destination.
///
/// A source that does not exist and holds *, ? or [ is a shell pattern, matched on the server. A download
/// that was interrupted goes on when the same command is run again.
///
/// A port and a token may come behind the operands: 'download SOURCE... [DESTINATION] [PORT] [TOKEN]'. A port without a
/// token needs the destination in front of it.
#[derive(Debug, Args)]
#[command(override_usage = DOWNLOAD_USAGE)]
pub(crate) struct Download {
    /// Remote files and directories; then the local directory, or '-' for standard output [default: .]
    #[arg(value_name = "PATH", required_unless_present = "files_from")]
    pub(crate) paths: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) transfer: Transfer,

    #[command(flatten, next_help_heading = HOW)]
    pub(crate) receive: Receive,

    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// List or clear the partials of interrupted transfers
///
/// Interrupted uploads leave it on the server, interrupted downloads in their destination (see --local).
#[derive(Debug, Args)]
pub(crate) struct Partials {
    /// Files that were being transferred, or directories they are in [default: all]
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<String>,

    /// Remove instead of listing
    #[arg(long)]
    pub(crate) clear: bool,

    /// Remove nothing, and list what '--clear' would remove
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,

    /// Partials of downloads into this directory; no server is asked, and paths are relative to it
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) local: Option<PathBuf>,

    /// Show bytes, and when the last of them came, in full
    #[arg(short, long)]
    pub(crate) long: bool,

    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// Remove files in the remote directory
///
/// A path that does not exist and holds *, ? or [ is a shell pattern.
///
/// The older form 'remove NAME DIRECTORY' (a relative name, then an absolute directory) removes NAME in
/// DIRECTORY. A port and a token may come behind the operands: 'remove PATH... [PORT] [TOKEN]'.
#[derive(Debug, Args)]
pub(crate) struct Remove {
    /// Remote files and directories
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<String>,

    /// Remove directories with their contents
    #[arg(short, long, short_alias = 'R')]
    pub(crate) recursive: bool,

    /// Do not fail if there is nothing to remove
    #[arg(short, long)]
    pub(crate) force: bool,

    /// Remove nothing, and print what would be removed
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,

    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// Move or rename a file or directory in the remote directory
///
/// Several sources, or a shell pattern of such, go into an existing directory.
#[derive(Debug, Args)]
#[command(override_usage = "remofile move [OPTIONS] SOURCE... DESTINATION")]
pub(crate) struct Move {
    /// Remote files and directories; then the new path, or an existing remote directory to move them into
    #[arg(value_name = "PATH", required = true, num_args = 2..)]
    pub(crate) paths: Vec<String>,

    /// Replace a file in the way
    #[arg(short = 'f', long, visible_alias = "force", alias = "overwrite")]
    pub(crate) replace: bool,

    /// Move nothing, and print what would be moved
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,

    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// Print remote files on standard output
#[derive(Debug, Args)]
pub(crate) struct Cat {
    /// Remote files
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<String>,

    /// Begin so many bytes into each file
    #[arg(long, value_name = "BYTES", value_parser = size_or_none, default_value = "0")]
    pub(crate) offset: u64,

    /// Print at most so many bytes of each file
    #[arg(long, value_name = "BYTES", value_parser = size_or_none)]
    pub(crate) length: Option<u64>,

    /// Print the last bytes of each file, so many at most
    #[arg(long, value_name = "BYTES", value_parser = size_or_none, conflicts_with = "offset")]
    pub(crate) tail: Option<u64>,

    /// Wait for more at the end of the file, and go on with one that takes its place, as 'tail -F' does
    #[arg(short, long, conflicts_with = "strict")]
    pub(crate) follow: bool,

    /// Fail with a file that is written to while it is printed, even if it only grows
    #[arg(long)]
    pub(crate) strict: bool,

    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// Edit a remote file with $VISUAL, $EDITOR or vi
#[derive(Debug, Args)]
pub(crate) struct Edit {
    /// Remote file; a new one is created
    pub(crate) path: String,

    /// Replace the file even if somebody else has changed it meanwhile
    #[arg(short, long)]
    pub(crate) force: bool,

    /// Open no editor and change nothing, and print whether the file would be edited or created
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,

    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// Make a profile of a server, and check that it works
///
/// What is not given is asked for; the token is not shown. Nothing is written unless the server answers and takes the token.
/// The profile is in the configuration file, which nobody else may read. From then on NAME:/path is a path of that server.
#[derive(Debug, Args)]
pub(crate) struct Login {
    /// Name of the profile
    pub(crate) name: String,

    /// The server: remofile://HOST:PORT, or HOST, or HOST:PORT
    #[arg(value_name = "SERVER", conflicts_with_all = ["hostname", "port"])]
    pub(crate) server: Option<String>,

    /// Command that prints the token, such as 'pass show nas': the profile has it in place of the token
    #[arg(long, value_name = "COMMAND", conflicts_with_all = ["token", "token_file"])]
    pub(crate) token_command: Option<String>,

    /// Keep the token in the keyring of the system: the profile has it nowhere else
    #[arg(long, conflicts_with = "token_command")]
    pub(crate) keyring: bool,

    /// Write nothing, and print whether the server answers and where the profile would be
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,

    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// Tell whether the server answers, its version, and who uses it
#[derive(Debug, Args)]
pub(crate) struct Status {
    /// The server: NAME: of a profile, ':' or remofile://HOST [default: that of the environment or the default profile]
    #[arg(value_name = "SERVER")]
    pub(crate) server: Option<String>,

    #[command(flatten)]
    pub(crate) connection: Connection,
}
