//! Making a directory like another one.

use super::attributes::Attributes;
use super::transfer::{HOW, Links, REPORT, ReportArgs, WHICH};
use super::values::{count, seconds};
use super::{Connection, Direction, Fidelity, Line, Receive, Rules, SyncFiles};
use clap::{Args, Subcommand, ValueHint};
use remofile::SendOptions;
use std::path::PathBuf;
use std::time::Duration;

/// Make a directory like another one
///
/// What is the same is not sent, and of large files only what changed. Nothing is deleted unless you say
/// --delete; --dry-run shows what would be done.
#[derive(Debug, Args)]
pub(crate) struct Sync {
    #[command(subcommand)]
    pub(crate) which: Which,
}

/// The directory that is made like the other one.
#[derive(Debug, Subcommand)]
pub(crate) enum Which {
    Local(SyncLocal),
    Remote(SyncRemote),
}

/// Make a remote directory like a local one
#[derive(Debug, Args)]
pub(crate) struct SyncLocal {
    /// Local directory
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) source: PathBuf,

    /// Remote directory that is made like it; created if its parent exists
    pub(crate) destination: PathBuf,

    #[command(flatten)]
    pub(crate) synchronize: Synchronize,

    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// Make a local directory like a remote one
///
/// If one of the two paths is absolute, that one is remote, whichever comes first. Otherwise the first is;
/// with --delete that is not certain enough, and refused. With --remote-first it is the first in any case.
#[derive(Debug, Args)]
pub(crate) struct SyncRemote {
    /// Remote directory
    pub(crate) source: PathBuf,

    /// Local directory that is made like it; created if its parent exists
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) destination: PathBuf,

    /// The remote directory is the first one, whatever the paths look like
    #[arg(long)]
    pub(crate) remote_first: bool,

    #[command(flatten)]
    pub(crate) synchronize: Synchronize,

    #[command(flatten, next_help_heading = HOW)]
    pub(crate) receive: Receive,

    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// The two directories, and the options of making them the same.
#[derive(Debug, Args)]
pub(crate) struct Synchronize {
    /// Change nothing, and print what would be done, a line a change
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,

    /// A sync is always of directories with their contents
    #[arg(short = 'r', long, short_alias = 'R', hide = true)]
    pub(crate) recursive: bool,

    /// Keep all permission bits, times of directories and links, links, holes and names: '--preserve-mode --links keep
    /// --sparse --encode-names', and more
    #[arg(short, long)]
    pub(crate) archive: bool,

    /// Delete what only the destination has, last of all
    #[arg(long)]
    pub(crate) delete: bool,

    /// Delete nothing at all if more files and directories than this would be deleted
    #[arg(long, value_name = "NUM", requires = "delete", allow_hyphen_values = true, value_parser = count)]
    pub(crate) max_delete: Option<u64>,

    /// Keep what is replaced or deleted in this directory of the destination's side, absolute or relative
    /// to the destination
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) backup_dir: Option<String>,

    /// Make the directories above DESTINATION that are missing
    #[arg(long, alias = "mkpath")]
    pub(crate) parents: bool,

    #[command(flatten)]
    pub(crate) files: SyncFiles,

    #[command(flatten, next_help_heading = WHICH)]
    pub(crate) rules: Rules,

    /// Treatment of symbolic links in the source
    #[arg(long, value_enum, default_value = "skip", value_name = "RULE", help_heading = WHICH)]
    pub(crate) links: Links,

    /// Leave files that are newer at the destination
    #[arg(short, long, help_heading = WHICH)]
    pub(crate) update: bool,

    /// Create nothing
    #[arg(long, help_heading = WHICH)]
    pub(crate) existing: bool,

    /// Leave files that exist at the destination
    #[arg(long, help_heading = WHICH)]
    pub(crate) ignore_existing: bool,

    /// Compare files of the same size by their contents, not by their times
    #[arg(short, long, help_heading = SAME, conflicts_with = "size_only")]
    pub(crate) checksum: bool,

    /// Treat files of the same size as equal
    #[arg(long, help_heading = SAME)]
    pub(crate) size_only: bool,

    /// Treat times as equal that differ by at most this, such as 1 or 0.5
    #[arg(long, value_name = "SECONDS", default_value = "0", help_heading = SAME, allow_hyphen_values = true, value_parser = seconds)]
    pub(crate) modify_window: Duration,

    /// Keep permissions (setuid, setgid and sticky bits only with --archive)
    #[arg(long, help_heading = HOW)]
    pub(crate) preserve_mode: bool,

    #[command(flatten, next_help_heading = HOW)]
    pub(crate) attributes: Attributes,

    #[command(flatten)]
    pub(crate) fidelity: Fidelity,

    /// Send changed files whole
    #[arg(short = 'W', long, help_heading = HOW, conflicts_with = "no_whole_file")]
    pub(crate) whole_file: bool,

    /// Send only what changed of large files, even where sending them whole is expected to take less time
    #[arg(long, help_heading = HOW)]
    pub(crate) no_whole_file: bool,

    #[command(flatten, next_help_heading = HOW)]
    pub(crate) line: Line,

    /// Print every change before it is made, a line each, as rsync does
    #[arg(short, long, help_heading = REPORT, conflicts_with = "quiet", overrides_with = "itemize_changes")]
    pub(crate) itemize_changes: bool,

    #[command(flatten, next_help_heading = REPORT)]
    pub(crate) report: ReportArgs,
}

impl Synchronize {
    /// The treatment of links in the source.
    pub(crate) fn link_rule(&self) -> Links {
        if self.archive && self.links == Links::Skip { Links::Keep } else { self.links }
    }

    /// Reports whether names that the other side does not admit are encoded.
    pub(crate) fn encodes_names(&self) -> bool {
        self.fidelity.encode_names || self.archive
    }

    /// The options for sending files that way.
    pub(crate) fn send_options(&self, direction: Direction) -> SendOptions {
        let attributes = self.attributes.set(self.archive);
        SendOptions {
            preserve_mode: self.preserve_mode || self.archive,
            sparse: self.files.sparse || self.archive,
            chunk_bytes: self.files.chunk_size,
            attributes,
            hard_links: self.fidelity.hard_links,
            ..self.line.send_options(direction)
        }
    }
}

const SAME: &str = "Comparison";
