//! The settings of an upload or download.

use crate::args::{Line, OnConflict, Rule, Rules, Transfer};
use crate::failed::{Failed, Result};
use crate::files;
use remofile::transfer::CompressLevel;
use remofile::{Retry, TransferOptions};
use std::num::NonZeroU64;
use std::path::Path;

/// Which way files move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// To the server.
    Up,
    /// From the server.
    Down,
}

/// Settles how files are transferred. Reads the files with rules.
pub(crate) fn transfer_settings(transfer: &Transfer, direction: Direction) -> Result<TransferOptions> {
    let (min_size, max_size) = (transfer.min_size, transfer.max_size);
    if let (Some(min), Some(max)) = (min_size, max_size)
        && min > max
    {
        return Err(Failed::usage("no file is as large as '--min-size' and as small as '--max-size'"));
    }
    if transfer.rules.take_stdin() && transfer.files_from.as_deref() == Some(Path::new("-")) {
        return Err(Failed::usage("only one of '--files-from' and '--exclude-from' can read standard input"));
    }
    let options = TransferOptions {
        recursive: transfer.recursive,
        on_conflict: transfer.on_conflict.into(),
        ask: transfer.on_conflict == OnConflict::Ask,
        rules: rules(&transfer.rules)?,
        min_size,
        max_size,
        links: transfer.links.into(),
        preserve_mode: transfer.preserve_mode,
        sparse: transfer.sparse,
        compress: compress(&transfer.line),
        bytes_per_second: limit(&transfer.line, direction),
        chunk_size: transfer.chunk_size,
        resume: !transfer.no_resume,
        retry: retry(&transfer.line),
        transfers: transfer.transfers,
        ..TransferOptions::default()
    };
    Ok(options)
}

pub(super) fn compress(line: &Line) -> Option<CompressLevel> {
    match line.compress_level {
        Some(level) => CompressLevel::new(level),
        None => line.compress.then(CompressLevel::default),
    }
}

pub(super) fn limit(line: &Line, direction: Direction) -> Option<NonZeroU64> {
    line.bwlimit.and_then(|rates| match direction {
        Direction::Up => rates.up,
        Direction::Down => rates.down,
    })
}

pub(super) fn retry(line: &Line) -> Retry {
    match line.retries {
        0 => Retry::NEVER,
        times => Retry { times, ..Retry::default() },
    }
}

/// Lines in the notation of gitignore.
pub(super) fn rules(rules: &Rules) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    for rule in &rules.0 {
        match rule {
            Rule::Exclude(pattern) => lines.push(pattern.clone()),
            Rule::Include(pattern) => lines.push(format!("!{pattern}")),
            Rule::From(path) => {
                let unusable = |error| {
                    let shown = path.display();
                    Failed::usage(format!("the file of '--exclude-from' cannot be read: {shown}: {error}"))
                };
                let text = files::read_rules(path).map_err(unusable)?;
                // As git does, which takes a byte order mark for no part of the first pattern.
                let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
                lines.extend(text.lines().map(str::to_owned));
            }
        }
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Arguments, Command};
    use clap::Parser;
    use remofile::protocol::wire::{Links, OnConflict};
    use std::io::Write;

    fn settle(flags: &str, direction: Direction) -> Result<TransferOptions> {
        let line = ["remofile", "upload", "a"].into_iter().chain(flags.split_whitespace());
        match Arguments::try_parse_from(line).unwrap().command {
            Command::Upload(upload) => transfer_settings(&upload.transfer, direction),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_defaults_are_those_of_the_library() {
        let settings = settle("", Direction::Up).unwrap();
        assert_eq!(format!("{settings:?}"), format!("{:?}", TransferOptions::default()));
        assert_eq!(settings.retry.times, 5);
    }

    #[test]
    fn every_option_arrives() {
        let flags = "-r --on-conflict newer --exclude *.o --include a.o --min-size 1K --max-size 1M --links copy \
                     --preserve-mode --sparse --compress-level 9 --bwlimit 1M:2M --chunk-size 64K --retries 2 --no-resume";
        let options = settle(flags, Direction::Up).unwrap();
        assert!(options.recursive && options.preserve_mode && options.sparse && !options.resume && !options.ask);
        assert_eq!((options.on_conflict, options.links), (OnConflict::Newer, Links::Copy));
        assert_eq!(options.rules, ["*.o", "!a.o"]);
        assert_eq!((options.min_size, options.max_size), (Some(1024), Some(1 << 20)));
        assert_eq!(options.compress.map(CompressLevel::get), Some(9));
        assert_eq!(options.bytes_per_second.map(|rate| rate.get()), Some(1 << 20));
        assert_eq!(options.chunk_size.map(|chunk| chunk.get().get()), Some(64 << 10));
        assert_eq!(options.retry.times, 2);
        let options = settle(flags, Direction::Down).unwrap();
        assert_eq!(options.bytes_per_second.map(|rate| rate.get()), Some(2 << 20));
    }

    #[test]
    fn short_forms_mean_what_they_stand_for() {
        let options = settle("-z --retries 0 --on-conflict ask", Direction::Up).unwrap();
        assert_eq!(options.compress.map(CompressLevel::get), Some(3));
        assert_eq!(options.retry, Retry::NEVER);
        assert!(options.ask);
    }

    #[test]
    fn rules_of_a_file_stand_where_the_file_is_named() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all("\u{feff}# comment\r\n*.tmp\n\n!keep.tmp".as_bytes()).unwrap();
        let flags = format!("--exclude a --exclude-from {} --include b", file.path().display());
        let options = settle(&flags, Direction::Up).unwrap();
        assert_eq!(options.rules, ["a", "# comment", "*.tmp", "", "!keep.tmp", "!b"]);
        assert!(settle("--exclude-from /nonexistent/x", Direction::Up).is_err());
    }

    #[test]
    fn sizes_that_exclude_each_other_are_refused() {
        assert!(matches!(settle("--min-size 2 --max-size 1", Direction::Up), Err(Failed::Usage(_))));
    }
}
