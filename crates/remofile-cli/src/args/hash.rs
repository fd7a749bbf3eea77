//! The commands that ask a server about content and room without moving any: `hash` and `df`.

use super::Connection;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgAction, Args, ValueHint};
use remofile::protocol::hash::HashAlgorithm;
use std::path::PathBuf;

/// Print hashes of remote files, which the server computes, or check files against a list of hashes
///
/// The output is that of sha256sum and its relatives, and so are the lists that '--check' takes. With '--check' PATH is the
/// directory that relative paths of the list are in.
#[derive(Debug, Args)]
pub(crate) struct Hash {
    /// Remote files, or shell patterns of such; with --check the directory of the list's paths [default: /]
    #[arg(value_name = "PATH", required_unless_present = "check")]
    pub(crate) paths: Vec<String>,

    /// Hash by this algorithm [default: xxh3; with --check what the list is of]
    #[arg(short, long, value_name = "NAME", value_parser = algorithm())]
    pub(crate) algorithm: Option<HashAlgorithm>,

    /// Check files against this list, lines of 'HASH  PATH' or 'SHA256 (PATH) = HASH'; '-' is standard input
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) check: Option<PathBuf>,

    /// Hash directories with what is in them; links in them are left out
    #[arg(short, long, short_alias = 'R', conflicts_with = "check")]
    pub(crate) recursive: bool,

    /// Print paths below PATH, so that the list can be checked elsewhere
    #[arg(long, conflicts_with = "check")]
    pub(crate) relative: bool,

    /// Print lines of the form 'SHA256 (PATH) = HASH'
    #[arg(long, conflicts_with = "check")]
    pub(crate) tag: bool,

    /// Hash local files in place of remote ones, without a server
    #[arg(long)]
    pub(crate) local: bool,

    /// With --check: print only what fails
    #[arg(short, long, requires = "check")]
    pub(crate) quiet: bool,

    #[command(flatten)]
    pub(crate) connection: Connection,
}

fn algorithm() -> impl TypedValueParser<Value = HashAlgorithm> {
    let names = HashAlgorithm::EVERY.map(HashAlgorithm::name);
    PossibleValuesParser::new(names).map(|name| HashAlgorithm::of_name(&name).unwrap_or_default())
}

/// Show how much room the server's disk has
///
/// A token with a quota sees its quota as the disk.
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Df {
    /// Remote files or directories; they may be on several disks [default: /]
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<String>,

    /// Show sizes as 1.2K, 34M, 5.6G
    #[arg(short = 'h', long)]
    pub(crate) human_readable: bool,

    /// Numbers of files in place of bytes
    #[arg(short, long)]
    pub(crate) inodes: bool,

    /// Print help
    #[arg(long, action = ArgAction::HelpLong)]
    pub(crate) help: Option<bool>,

    #[command(flatten)]
    pub(crate) connection: Connection,
}
