//! The commands that talk to a server.

use super::transfer::{HOW, Transfer, WHICH};
use super::values::{duration, size_or_none};
use clap::Args;
use std::path::PathBuf;
use std::time::Duration;

/// The options by which the server is found and spoken to.
#[derive(Debug, Args)]
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

    /// Configuration profile that supplies defaults
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,

    /// Give up after this many milliseconds, connecting included
    #[arg(short, long, value_name = "MILLISECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) timeout: Option<u64>,

    /// Wait while others use the server, for this many seconds or (without a number) as long as it takes
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true)]
    pub(crate) wait: Option<Option<u64>>,

    /// Ask for a session that is authenticated but not encrypted (the server must allow it)
    #[arg(long)]
    pub(crate) no_encryption: bool,

    /// Print JSON objects, one a line, for scripts; errors, too
    #[arg(long)]
    pub(crate) json: bool,
}

/// List files in the remote directory
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Remote directory to list
    #[arg(default_value = "/")]
    pub(crate) directory: String,

    /// Port of the server
    #[arg(value_name = "PORT", conflicts_with = "port", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) positional_port: Option<u16>,

    /// Token of the server (hidden from 'ps'; better use --token-file)
    #[arg(value_name = "TOKEN", conflicts_with_all = ["token", "token_file"])]
    pub(crate) positional_token: Option<String>,

    /// Show kind, size and time of last modification, too
    #[arg(short = 'l', long = "all", short_alias = 'a', visible_short_alias = 'a')]
    pub(crate) long: bool,

    /// List directories and their contents, with names relative to DIRECTORY
    #[arg(short, long)]
    pub(crate) recursive: bool,

    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// Create an empty file in the remote directory
#[derive(Debug, Args)]
pub(crate) struct File {
    /// Name of the file
    pub(crate) name: String,

    /// Existing remote directory to create it in, absolute [default: /]
    pub(crate) directory: Option<String>,

    /// Do not fail if the file exists already; its time becomes now
    #[arg(short, long)]
    pub(crate) update: bool,

    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// Create a directory in the remote directory
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
#[derive(Debug, Args)]
#[command(override_usage = DOWNLOAD_USAGE)]
pub(crate) struct Download {
    /// Remote files and directories; then the local directory, or '-' for standard output [default: .]
    #[arg(value_name = "PATH", required_unless_present = "files_from")]
    pub(crate) paths: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) transfer: Transfer,

    /// Keep the partials of interrupted downloads this long (90s, 15m, 12h, 7d)
    #[arg(long, value_name = "TIME", default_value = "7d", help_heading = HOW, value_parser = duration)]
    pub(crate) partial_expiry: Duration,

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
/// The older form 'remove NAME DIRECTORY' (a relative name, then an absolute directory) removes NAME in
/// DIRECTORY.
#[derive(Debug, Args)]
pub(crate) struct Remove {
    /// Remote files and directories
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<String>,

    /// Remove directories with their contents
    #[arg(short, long)]
    pub(crate) recursive: bool,

    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// Move or rename a file or directory in the remote directory
#[derive(Debug, Args)]
pub(crate) struct Move {
    /// Remote file or directory
    pub(crate) source: String,

    /// Its new path, or an existing remote directory to move it into
    pub(crate) destination: String,

    /// Replace a file in the way
    #[arg(long)]
    pub(crate) replace: bool,

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

    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// Edit a remote file with $VISUAL, $EDITOR or vi
#[derive(Debug, Args)]
pub(crate) struct Edit {
    /// Remote file; a new one is created
    pub(crate) path: String,

    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// Tell whether the server answers, its version, and who uses it
#[derive(Debug, Args)]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) connection: Connection,
}
