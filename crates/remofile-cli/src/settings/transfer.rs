//! The settings of an upload or download.

use crate::args::{Direction, Fidelity, OnConflict, Rule, Rules, Transfer};
use crate::failed::{Failed, Result, without_number};
use crate::files;
use remofile::protocol::path::RemotePath;
use remofile::{Selection, TransferOptions};
use std::path::{Path, PathBuf};

/// Settles how files are transferred. Reads the files with rules.
pub(crate) fn transfer_settings(transfer: &Transfer, direction: Direction) -> Result<TransferOptions> {
    check_sizes(transfer.min_size, transfer.max_size)?;
    check_stdin(&transfer.rules, transfer.files_from.as_deref())?;
    Ok(TransferOptions {
        recursive: transfer.is_recursive(),
        on_conflict: transfer.conflict_rule().into(),
        ask: transfer.on_conflict == OnConflict::Ask,
        selection: Selection { rules: rules(&transfer.rules)?, ..transfer.selection() },
        send: transfer.send_options(direction),
        retry: transfer.line.retry_options(),
        resume: !transfer.no_resume,
        transfers: transfer.transfers.unwrap_or(0),
        encode_names: transfer.encodes_names(),
        link_dest: earlier(&transfer.fidelity, direction)?,
        link_dest_here: earlier_here(&transfer.fidelity, direction),
        dry_run: transfer.dry_run,
        ..TransferOptions::default()
    })
}

/// Settles the local directory of an earlier download.
pub(super) fn earlier_here(fidelity: &Fidelity, direction: Direction) -> Option<PathBuf> {
    fidelity.link_dest.clone().filter(|_| matches!(direction, Direction::Down))
}

/// Settles the remote directory of an earlier upload.
pub(crate) fn earlier(fidelity: &Fidelity, direction: Direction) -> Result<Option<RemotePath>> {
    let Some(path) = fidelity.link_dest.as_ref().filter(|_| matches!(direction, Direction::Up)) else {
        return Ok(None);
    };
    let text = path.to_str().unwrap_or_default();
    // As other remote paths may be written.
    let path = RemotePath::parse(text.strip_prefix(':').unwrap_or(text));
    path.map(Some).map_err(|invalid| {
        Failed::usage(format!("'--link-dest' names no remote directory: {invalid}: write it as '/backup/monday'"))
    })
}

/// Refuses sizes that no file has.
pub(super) fn check_sizes(min_size: Option<u64>, max_size: Option<u64>) -> Result<()> {
    match (min_size, max_size) {
        (Some(min), Some(max)) if min > max => {
            Err(Failed::usage("no file is as large as '--min-size' and as small as '--max-size'"))
        }
        _ => Ok(()),
    }
}

/// Refuses that two options read standard input.
pub(super) fn check_stdin(rules: &Rules, files_from: Option<&Path>) -> Result<()> {
    match rules.take_stdin() && files_from == Some(Path::new("-")) {
        true => Err(Failed::usage("only one of '--files-from' and '--exclude-from' can read standard input")),
        false => Ok(()),
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
                let unusable = |error: std::io::Error| {
                    let (shown, error) = (path.display(), without_number(&error.to_string()));
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
    use remofile::RetryOptions;
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
        assert!(
            options.recursive && options.send.preserve_mode && options.send.sparse && !options.resume && !options.ask
        );
        assert_eq!((options.on_conflict, options.selection.links), (OnConflict::Newer, Links::Copy));
        assert_eq!(options.selection.rules, ["*.o", "!a.o"]);
        assert_eq!((options.selection.min_size, options.selection.max_size), (Some(1024), Some(1 << 20)));
        assert_eq!(options.send.compress_level, Some(9));
        assert_eq!(options.send.bytes_per_second, Some(1 << 20));
        assert_eq!(options.send.chunk_bytes, Some(64 << 10));
        assert_eq!(options.retry.times, 2);
        let options = settle(flags, Direction::Down).unwrap();
        assert_eq!(options.send.bytes_per_second, Some(2 << 20));
    }

    #[test]
    fn short_forms_mean_what_they_stand_for() {
        let options = settle("-z --retries 0 --on-conflict ask", Direction::Up).unwrap();
        assert_eq!(options.send.compress_level, Some(3));
        assert_eq!(options.retry, RetryOptions::NEVER);
        assert!(options.ask);
    }

    #[test]
    fn rules_of_a_file_stand_where_the_file_is_named() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all("\u{feff}# comment\r\n*.tmp\n\n!keep.tmp".as_bytes()).unwrap();
        let flags = format!("--exclude a --exclude-from {} --include b", file.path().display());
        let options = settle(&flags, Direction::Up).unwrap();
        assert_eq!(options.selection.rules, ["a", "# comment", "*.tmp", "", "!keep.tmp", "!b"]);
        assert!(settle("--exclude-from /nonexistent/x", Direction::Up).is_err());
    }

    #[test]
    fn sizes_that_exclude_each_other_are_refused() {
        assert!(matches!(settle("--min-size 2 --max-size 1", Direction::Up), Err(Failed::Usage(_))));
    }
}
