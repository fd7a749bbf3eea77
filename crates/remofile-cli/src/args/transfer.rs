//! The options that uploads and downloads have in common.

use super::attributes::Attributes;
use super::values::{chunk_size, size_or_none};
use super::{Direction, Fidelity, Line, Rules};
use clap::{Args, ValueEnum, ValueHint, value_parser};
use remofile::protocol::wire;
use remofile::{Selection, SendOptions};
use std::path::PathBuf;

/// The selection of files, and the options of transferring them.
#[derive(Debug, Args)]
pub(crate) struct Transfer {
    /// Transfer directories with their contents
    #[arg(short, long, short_alias = 'R')]
    pub(crate) recursive: bool,

    /// Transfer directories with their contents, and keep all permission bits, times of directories and links, links, holes
    /// and names: '-r --preserve-mode --links keep --sparse --encode-names', and more
    #[arg(short, long)]
    pub(crate) archive: bool,

    /// Replace files in the way: '--on-conflict replace'
    #[arg(short, long, alias = "overwrite", conflicts_with = "on_conflict")]
    pub(crate) force: bool,

    /// Transfer nothing, and print what would be done, a line a change
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,

    /// Rule for files that are in the way
    #[arg(long, value_enum, default_value = "abort", value_name = "RULE")]
    pub(crate) on_conflict: OnConflict,

    /// Create missing directories above the destination, or the one that holds what is transferred
    #[arg(long, alias = "mkpath")]
    pub(crate) parents: bool,

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

    /// Keep permissions (setuid, setgid and sticky bits only with --archive)
    #[arg(long, help_heading = HOW)]
    pub(crate) preserve_mode: bool,

    #[command(flatten, next_help_heading = HOW)]
    pub(crate) attributes: Attributes,

    /// Keep holes in files as holes
    #[arg(short = 'S', long, help_heading = HOW)]
    pub(crate) sparse: bool,

    #[command(flatten, next_help_heading = HOW)]
    pub(crate) fidelity: Fidelity,

    #[command(flatten, next_help_heading = HOW)]
    pub(crate) line: Line,

    /// Largest part of a file in one message, 512 to 4M bytes
    #[arg(long, value_name = "SIZE", help_heading = HOW, value_parser = chunk_size)]
    pub(crate) chunk_size: Option<u32>,

    /// Number of connections that are used at once, 1 to 16 [default: as many as help]
    #[arg(long, value_name = "NUM", help_heading = HOW, value_parser = value_parser!(u8).range(1..=16))]
    pub(crate) transfers: Option<u8>,

    /// Start over: send again what is there already, and interrupted files from their beginning
    #[arg(long, help_heading = HOW)]
    pub(crate) no_resume: bool,

    #[command(flatten, next_help_heading = REPORT)]
    pub(crate) report: ReportArgs,
}

impl Transfer {
    /// Reports whether directories are transferred with their contents.
    pub(crate) fn is_recursive(&self) -> bool {
        self.recursive || self.archive
    }

    /// Reports whether names that the other side does not admit are encoded.
    pub(crate) fn encodes_names(&self) -> bool {
        self.fidelity.encode_names || self.archive
    }

    /// The rule for files in the way.
    pub(crate) fn conflict_rule(&self) -> OnConflict {
        if self.force { OnConflict::Replace } else { self.on_conflict }
    }

    /// The selection of files, but for the rules, some of which are in files.
    pub(crate) fn selection(&self) -> Selection {
        let links = if self.archive && self.links == Links::Skip { Links::Keep } else { self.links };
        let (min_size, max_size, links) = (self.min_size, self.max_size, links.into());
        Selection { min_size, max_size, links, devices: self.fidelity.devices, ..Selection::default() }
    }

    /// The options for sending files that way.
    pub(crate) fn send_options(&self, direction: Direction) -> SendOptions {
        let (preserve_mode, sparse) = (self.preserve_mode || self.archive, self.sparse || self.archive);
        let chunk_bytes = self.chunk_size;
        let (attributes, hard_links) = (self.attributes.set(self.archive), self.fidelity.hard_links);
        SendOptions { preserve_mode, sparse, chunk_bytes, attributes, hard_links, ..self.line.send_options(direction) }
    }
}

/// Options for what is reported while it runs, and in the end.
#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// Show the progress; where standard error is no terminal, in a line every ten seconds
    ///
    /// In rsync and scp -p keeps permissions and times: here times are kept always, and permissions with --preserve-mode or -a.
    #[arg(short, long, short_alias = 'P')]
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
    /// They are made anew, whatever they lead to
    Keep,
}

impl From<Links> for wire::Links {
    fn from(links: Links) -> Self {
        match links {
            Links::Skip => Self::Skip,
            Links::Follow => Self::Follow,
            Links::Copy => Self::Copy,
            Links::Keep => Self::Keep,
        }
    }
}
