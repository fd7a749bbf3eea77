//! The commands that talk to a server.

use super::connection::Connection;
use super::receive::Receive;
use super::transfer::{HOW, Transfer, WHICH};
use super::values::size_or_none;
use clap::Args;
use std::path::PathBuf;

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
