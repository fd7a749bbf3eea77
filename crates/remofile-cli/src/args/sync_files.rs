//! The options of uploads and downloads that a sync takes as well.

use super::transfer::{HOW, WHICH};
use super::values::{chunk_size, size_or_none};
use clap::{Args, ValueEnum, ValueHint, value_parser};
use std::path::PathBuf;

/// The options of uploads and downloads that a sync takes as well, with the same meaning.
#[derive(Debug, Args)]
pub(crate) struct SyncFiles {
    /// Replace files that differ, as a sync always does
    #[arg(short, long, alias = "overwrite", conflicts_with = "on_conflict")]
    pub(crate) force: bool,

    /// Rule for files that differ: replace them, skip them (--ignore-existing), or replace older ones (--update)
    #[arg(long, value_enum, default_value = "replace", value_name = "RULE")]
    pub(crate) on_conflict: OnDifference,

    /// Directory that a relative SOURCE is taken from (remote and absolute for 'remote')
    #[arg(long, value_name = "DIRECTORY", help_heading = WHICH, value_hint = ValueHint::DirPath)]
    pub(crate) relative_directory: Option<PathBuf>,

    /// Make alike only what is listed in FILE ('-' for standard input), a path below SOURCE a line
    #[arg(long, value_name = "FILE", help_heading = WHICH, value_hint = ValueHint::FilePath)]
    pub(crate) files_from: Option<PathBuf>,

    /// The paths in --files-from end with NUL characters, not with lines
    #[arg(short = '0', long = "from0", requires = "files_from", help_heading = WHICH)]
    pub(crate) from_nul: bool,

    /// Leave smaller files of SOURCE out, and what is in their places; K, M, G and T multiply by 1024
    #[arg(long, value_name = "SIZE", help_heading = WHICH, value_parser = size_or_none)]
    pub(crate) min_size: Option<u64>,

    /// Leave larger files of SOURCE out, and what is in their places
    #[arg(long, value_name = "SIZE", help_heading = WHICH, value_parser = size_or_none)]
    pub(crate) max_size: Option<u64>,

    /// Keep holes in files as holes
    #[arg(short = 'S', long, help_heading = HOW)]
    pub(crate) sparse: bool,

    /// Largest part of a file in one message, 512 to 4M bytes
    #[arg(long, value_name = "SIZE", help_heading = HOW, value_parser = chunk_size)]
    pub(crate) chunk_size: Option<u32>,

    /// Number of connections that are used at once, 1 to 16 [default: as many as help]
    #[arg(long, value_name = "NUM", help_heading = HOW, value_parser = value_parser!(u8).range(1..=16))]
    pub(crate) transfers: Option<u8>,

    /// Send interrupted files from their beginning
    #[arg(long, help_heading = HOW)]
    pub(crate) no_resume: bool,
}

/// The rule for a file that both sides have, and that differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnDifference {
    /// The source's file takes its place
    Replace,
    /// The destination's file stays
    Skip,
    /// The source's file takes its place if that is older
    Newer,
}

#[cfg(test)]
mod tests {
    use crate::args::Arguments;
    use clap::CommandFactory;
    use std::collections::BTreeSet;

    /// The long options of a command that users can know of.
    fn options(names: &[&str]) -> BTreeSet<String> {
        let program = Arguments::command();
        let command = names.iter().fold(&program, |command, name| command.find_subcommand(name).unwrap());
        command.get_arguments().filter_map(|option| option.get_long().map(str::to_owned)).collect()
    }

    #[test]
    fn a_sync_takes_every_option_of_the_transfer_in_its_direction() {
        // Standard input is one file without a name, and no directory.
        let reasoned = BTreeSet::from(["name".to_owned()]);
        for (transfer, sync) in [(["upload"], ["sync", "local"]), (["download"], ["sync", "remote"])] {
            let lacking: BTreeSet<String> = &options(&transfer) - &options(&sync);
            assert!(lacking.is_subset(&reasoned), "{sync:?} lacks {lacking:?}");
        }
        assert!(options(&["upload"]).contains("name"), "a reason for nothing");
    }
}
