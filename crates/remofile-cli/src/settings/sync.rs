//! The settings of a synchronisation.

use super::transfer::rules;
use crate::args::{Direction, Synchronize};
use crate::failed::Result;
use remofile::{Delta, Selection, SyncOptions};

/// Settles how a directory is made like another one. Reads the files with rules.
pub(crate) fn sync_settings(synchronize: &Synchronize, direction: Direction) -> Result<SyncOptions> {
    let (rules, links) = (rules(&synchronize.rules)?, synchronize.links.into());
    let selection = Selection { rules, links, ..Selection::default() };
    let options = SyncOptions {
        dry_run: synchronize.dry_run,
        delete: synchronize.delete,
        max_delete: synchronize.max_delete,
        checksum: synchronize.checksum,
        size_only: synchronize.size_only,
        update: synchronize.update,
        existing: synchronize.existing,
        ignore_existing: synchronize.ignore_existing,
        modify_window: synchronize.modify_window,
        backup: synchronize.backup_dir.clone(),
        delta: delta(synchronize),
        selection,
        send: synchronize.send_options(direction),
        retry: synchronize.line.retry_options(),
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
    fn the_expiry_of_what_was_begun_is_that_of_the_library() {
        let line = ["remofile", "sync", "remote", "/a", "b"];
        let Command::Sync(sync) = Arguments::try_parse_from(line).unwrap().command else { panic!("not a sync") };
        let Which::Remote(remote) = sync.which else { panic!("not from the server") };
        assert_eq!(remote.partial_expiry, SyncOptions::default().partial_expiry);
    }

    #[test]
    fn every_option_arrives() {
        let flags = "-n --delete --max-delete 7 -c -u --existing --ignore-existing --exclude *.o --include a.o \
                     --links copy --preserve-mode --modify-window 0.5 --backup-dir old -W --compress-level 9 \
                     --bwlimit 1M:2M --retries 2";
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
        let options = settle(flags, Direction::Down);
        assert_eq!(options.send.bytes_per_second, Some(2 << 20));
    }

    #[test]
    fn other_forms_mean_what_they_stand_for() {
        let options = settle("--size-only --no-whole-file -z --retries 0", Direction::Up);
        assert!(options.size_only && !options.checksum);
        assert_eq!((options.delta, options.retry), (Delta::Always, RetryOptions::NEVER));
        assert_eq!(options.send.compress_level, Some(3));
    }
}
