//! The settings of a synchronisation.

use super::transfer::{check_sizes, check_stdin, earlier, earlier_here, rules};
use crate::args::{Direction, OnDifference, Synchronize};
use crate::failed::Result;
use remofile::{Delta, Selection, SyncOptions};

/// Settles how a directory is made like another one. Reads the files with rules.
pub(crate) fn sync_settings(synchronize: &Synchronize, direction: Direction) -> Result<SyncOptions> {
    let files = &synchronize.files;
    check_sizes(files.min_size, files.max_size)?;
    check_stdin(&synchronize.rules, files.files_from.as_deref())?;
    let selection = Selection {
        rules: rules(&synchronize.rules)?,
        links: synchronize.link_rule().into(),
        min_size: files.min_size,
        max_size: files.max_size,
        devices: synchronize.fidelity.devices,
        ..Selection::default()
    };
    let options = SyncOptions {
        dry_run: synchronize.dry_run,
        missing_is_empty: synchronize.parents,
        delete: synchronize.delete,
        max_delete: synchronize.max_delete,
        checksum: synchronize.checksum,
        size_only: synchronize.size_only,
        update: synchronize.update || files.on_conflict == OnDifference::Newer,
        existing: synchronize.existing,
        ignore_existing: synchronize.ignore_existing || files.on_conflict == OnDifference::Skip,
        modify_window: synchronize.modify_window,
        backup: synchronize.backup_dir.clone(),
        delta: delta(synchronize),
        selection,
        transfers: files.transfers.unwrap_or(0),
        tells_attributes: synchronize.itemize_changes,
        resume: !files.no_resume,
        send: synchronize.send_options(direction),
        retry: synchronize.line.retry_options(),
        encode_names: synchronize.encodes_names(),
        link_dest: earlier(&synchronize.fidelity, direction)?,
        link_dest_here: earlier_here(&synchronize.fidelity, direction),
        ..SyncOptions::default()
    };
    Ok(options)
}

fn delta(synchronize: &Synchronize) -> Delta {
    match (synchronize.whole_file, synchronize.no_whole_file) {
        (true, _) => Delta::Never,
        (false, true) => Delta::Always,
        (false, false) => Delta::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Arguments, Command, Which};
    use clap::Parser;
    use remofile::RetryOptions;
    use remofile::protocol::wire::Links;
    use std::time::Duration;

    fn settle(flags: &str, direction: Direction) -> SyncOptions {
        let line = ["remofile", "sync", "local", "a", "/b"].into_iter().chain(flags.split_whitespace());
        match Arguments::try_parse_from(line).unwrap().command {
            Command::Sync(sync) => match sync.which {
                Which::Local(local) => sync_settings(&local.synchronize, direction).unwrap(),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_defaults_are_those_of_the_library() {
        let (settings, defaults) = (settle("", Direction::Up), SyncOptions::default());
        assert_eq!(format!("{settings:?}"), format!("{defaults:?}"));
    }

    #[test]
    fn every_option_arrives() {
        let flags = "-n --delete --max-delete 7 -c -u --existing --ignore-existing --exclude *.o --include a.o \
                     --links copy --preserve-mode --modify-window 0.5 --backup-dir old -W --compress-level 9 \
                     --bwlimit 1M:2M --retries 2 --min-size 1K --max-size 1M --sparse --transfers 4 --chunk-size 64K --no-resume";
        let options = settle(flags, Direction::Up);
        assert!(options.dry_run && options.delete && options.checksum && options.update && options.send.preserve_mode);
        assert!(options.existing && options.ignore_existing && !options.size_only);
        assert_eq!((options.max_delete, options.backup.as_deref()), (Some(7), Some("old")));
        assert_eq!(options.selection.rules, ["*.o", "!a.o"]);
        assert_eq!((options.selection.links, options.delta), (Links::Copy, Delta::Never));
        assert_eq!(options.modify_window, Duration::from_millis(500));
        assert_eq!(options.send.compress_level, Some(9));
        assert_eq!(options.send.bytes_per_second, Some(1 << 20));
        assert_eq!(options.retry.times, 2);
        assert_eq!((options.selection.min_size, options.selection.max_size), (Some(1024), Some(1 << 20)));
        assert_eq!((options.transfers, options.send.chunk_bytes), (4, Some(64 << 10)));
        assert!(options.send.sparse && !options.resume);
        let options = settle(flags, Direction::Down);
        assert_eq!(options.send.bytes_per_second, Some(2 << 20));
    }

    #[test]
    fn other_forms_mean_what_they_stand_for() {
        let options = settle("--size-only --no-whole-file -z --retries 0", Direction::Up);
        assert!(options.size_only && !options.checksum);
        assert_eq!((options.delta, options.retry), (Delta::Always, RetryOptions::NEVER));
        assert_eq!(options.send.compress_level, Some(3));
        let rule = |flags| {
            let SyncOptions { update, ignore_existing, .. } = settle(flags, Direction::Up);
            (update, ignore_existing)
        };
        assert_eq!((rule("--on-conflict newer"), rule("--on-conflict skip")), ((true, false), (false, true)));
        assert_eq!((rule("-f"), rule("--on-conflict replace")), ((false, false), (false, false)));
        let archive = settle("-a", Direction::Up);
        assert!(archive.send.sparse && archive.send.preserve_mode && archive.selection.links == Links::Keep);
    }
}
