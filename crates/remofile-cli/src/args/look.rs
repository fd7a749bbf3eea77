//! The commands that look at what is on a server, beside `list`.

use super::Connection;
use super::values::size_or_none;
use clap::{ArgAction, Args, ValueEnum};

/// Tell how many bytes directories hold
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Du {
    /// Remote directories and files [default: /]
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<String>,

    /// Only the sum of each PATH, not those of the directories below
    #[arg(short, long)]
    pub(crate) summarize: bool,

    /// Show sizes as 1.2K, 34M, 5.6G
    #[arg(short = 'h', long)]
    pub(crate) human_readable: bool,

    /// Print help
    #[arg(long, action = ArgAction::HelpLong)]
    pub(crate) help: Option<bool>,

    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// Show directories as a tree
#[derive(Debug, Args)]
pub(crate) struct Tree {
    /// Remote directory
    #[arg(value_name = "PATH", default_value = "/")]
    pub(crate) path: String,

    /// Directories alone
    #[arg(short, long)]
    pub(crate) directories: bool,

    /// Levels at most
    #[arg(short = 'L', long, value_name = "NUM", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) level: Option<u16>,

    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// Find files by their names, kinds and sizes
///
/// The tests of find are understood with one hyphen, too: -name, -iname, -type.
#[derive(Debug, Args)]
pub(crate) struct Find {
    /// Remote directories to look below [default: /]
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<String>,

    /// Only what has a name that matches this shell pattern
    #[arg(long, value_name = "PATTERN")]
    pub(crate) name: Option<String>,

    /// The same, whatever the case of letters
    #[arg(long, value_name = "PATTERN", conflicts_with = "name")]
    pub(crate) iname: Option<String>,

    /// Only what is of this kind
    #[arg(long = "type", value_enum, value_name = "KIND")]
    pub(crate) kind: Option<KindOf>,

    /// Only files of at least this size; K, M, G and T multiply by 1024
    #[arg(long, value_name = "SIZE", value_parser = size_or_none)]
    pub(crate) min_size: Option<u64>,

    /// Only files of at most this size
    #[arg(long, value_name = "SIZE", value_parser = size_or_none)]
    pub(crate) max_size: Option<u64>,

    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// The kind of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum KindOf {
    /// Regular files
    #[value(name = "f", alias = "file")]
    File,
    /// Directories
    #[value(name = "d", alias = "directory")]
    Directory,
    /// Symbolic links
    #[value(name = "l", alias = "link")]
    Link,
}

/// Show what is known of files and directories
#[derive(Debug, Args)]
pub(crate) struct Stat {
    /// Remote files and directories
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<String>,

    #[command(flatten)]
    pub(crate) connection: Connection,
}
