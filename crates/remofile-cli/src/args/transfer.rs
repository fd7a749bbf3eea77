//! The options that uploads and downloads have in common.

use super::values::{chunk_size, size_or_none};
use super::{Direction, Line, Rules};
use clap::{Args, ValueEnum, ValueHint, value_parser};
use remofile::protocol::wire;
use remofile::{Selection, SendOptions};
use std::path::PathBuf;

/// The selection of files, and the options of transferring them.
#[derive(Debug, Args)]
pub(crate) struct Transfer {
    /// Transfer directories with their contents
    #[arg(short, long)]
    pub(crate) recursive: bool,

    /// Rule for files that are in the way
    #[arg(long, value_enum, default_value = "abort", value_name = "RULE")]
    pub(crate) on_conflict: OnConflict,

    /// Directory that relative sources are taken from (remote and absolute for downloads)
    #[arg(long, value_name = "DIRECTORY", help_heading = WHICH, value_hint = ValueHint::DirPath)]
    pub(crate) relative_directory: Option<PathBuf>,

    /// Transfer the files that are listed in FILE ('-' for standard input), a relative path a line, and
    /// keep their directories
    #[arg(long, value_name = "FILE", help_heading = WHICH, value_hint = ValueHint::FilePath)]
    pub(crate) files_from: Option<PathBuf>,

    /// The paths in --files-from end with NUL characters, not with lines
    #[arg(short = '0', long = "from0", requires = "files_from", help_heading = WHICH)]
    pub(crate) from_nul: bool,

    #[command(flatten, next_help_heading = WHICH)]
    pub(crate) rules: Rules,

    /// Leave out smaller files; K, M, G and T multiply by 1024
    #[arg(long, value_name = "SIZE", help_heading = WHICH, value_parser = size_or_none)]
    pub(crate) min_size: Option<u64>,

    /// Leave out larger files
    #[arg(long, value_name = "SIZE", help_heading = WHICH, value_parser = size_or_none)]
    pub(crate) max_size: Option<u64>,

    /// Treatment of symbolic links below the sources
    #[arg(long, value_enum, default_value = "skip", value_name = "RULE", help_heading = WHICH)]
    pub(crate) links: Links,

    /// Keep permissions (but for setuid, setgid and sticky bits)
    #[arg(long, help_heading = HOW)]
    pub(crate) preserve_mode: bool,

    /// Keep holes in files as holes
    #[arg(long, help_heading = HOW)]
    pub(crate) sparse: bool,

    #[command(flatten, next_help_heading = HOW)]
    pub(crate) line: Line,

    /// Largest part of a file in one message, 512 to 4M bytes
    #[arg(long, value_name = "SIZE", help_heading = HOW, value_parser = chunk_size)]
    pub(crate) chunk_size: Option<u32>,

    /// Number of files that are transferred at once, 1 to 16
    #[arg(long, value_name = "NUM", default_value_t = 1, help_heading = HOW, value_parser = value_parser!(u8).range(1..=16))]
    pub(crate) transfers: u8,

    /// Start over: send again what is there already, and interrupted files from their beginning
    #[arg(long, help_heading = HOW)]
    pub(crate) no_resume: bool,

    #[command(flatten, next_help_heading = REPORT)]
    pub(crate) report: ReportArgs,
}

impl Transfer {
    /// The selection of files, but for the rules, some of which are in files.
    pub(crate) fn selection(&self) -> Selection {
        let (min_size, max_size, links) = (self.min_size, self.max_size, self.links.into());
        Selection { min_size, max_size, links, ..Selection::default() }
    }

    /// The options for sending files that way.
    pub(crate) fn send_options(&self, direction: Direction) -> SendOptions {
        let (preserve_mode, sparse, chunk_bytes) = (self.preserve_mode, self.sparse, self.chunk_size);
        SendOptions { preserve_mode, sparse, chunk_bytes, ..self.line.send_options(direction) }
    }
}

/// Options for what is reported while it runs, and in the end.
#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// Show the progress
    #[arg(short, long)]
    pub(crate) progress: bool,

    /// Print statistics at the end
    #[arg(long)]
    pub(crate) stats: bool,

    /// Print nothing but errors
    #[arg(short, long, conflicts_with_all = ["progress", "stats"])]
    pub(crate) quiet: bool,
}

/// Heads the options that choose files.
pub(super) const WHICH: &str = "Selection";
/// Heads the options for the way they are moved.
pub(super) const HOW: &str = "Transfer";
/// Heads the options for what the user sees.
pub(super) const REPORT: &str = "Output";

/// The rule for a file in the way of a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnConflict {
    /// Nothing at all is changed if there is one
    Abort,
    /// The new file takes the old one's place when it is complete and checked
    Replace,
    /// The new file is left out, the old one stays
    Skip,
    /// The new file gets a free name, such as 'name (1).txt'
    Rename,
    /// The new file replaces the old one if that is older, and is left out otherwise
    Newer,
    /// You are asked about each, on a terminal
    Ask,
}

impl From<OnConflict> for wire::OnConflict {
    fn from(rule: OnConflict) -> Self {
        match rule {
            // Files that come in between, whom nobody was asked about, stay.
            OnConflict::Abort | OnConflict::Ask => Self::Abort,
            OnConflict::Replace => Self::Replace,
            OnConflict::Skip => Self::Skip,
            OnConflict::Rename => Self::Rename,
            OnConflict::Newer => Self::Newer,
        }
    }
}

/// The treatment of symbolic links below the sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Links {
    /// They are left out
    Skip,
    /// The target is transferred in place of the link, if it is among the sources
    Follow,
    /// They are made anew, if they lead to something among the sources
    Copy,
}

impl From<Links> for wire::Links {
    fn from(links: Links) -> Self {
        match links {
            Links::Skip => Self::Skip,
            Links::Follow => Self::Follow,
            Links::Copy => Self::Copy,
        }
    }
}
