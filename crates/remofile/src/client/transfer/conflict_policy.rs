//! The policy for files that meet others at the destination, and the decision for each.

use crate::client::TransferOptions;
use crate::monitor::{Conflict, Monitor};
use remofile_protocol::wire::{Entry, ErrorCode, Failure, Kind, OnConflict};

/// The decision for a file.
#[derive(Debug)]
pub(crate) enum ConflictDecision {
    /// Send the file; with this rule, if not with that of the whole transfer.
    Send(Option<OnConflict>),
    /// Do not send the file: it is at the destination already.
    Present,
    /// Leave the file out, for this reason.
    Skip(Failure),
    /// End the transfer before anything is changed: the existing file must not be replaced.
    Conflict,
}

/// The policy for files that meet others.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConflictPolicy {
    pub(crate) on_conflict: OnConflict,
    pub(crate) ask: bool,
    /// True if a file of the same size and time counts as the same file.
    pub(crate) resume: bool,
    /// True if a file that is there already gets the permission bits of its source.
    pub(crate) preserve_mode: bool,
}

impl ConflictPolicy {
    pub(crate) fn of(options: &TransferOptions, is_again: bool) -> Self {
        let TransferOptions { on_conflict, ask, resume, .. } = *options;
        Self { on_conflict, ask, resume: resume || is_again, preserve_mode: options.send.preserve_mode }
    }

    /// Returns the permission bits that a file which is there already does not have yet, if it is to have them.
    pub(crate) fn mode_to_set(self, new: &Entry, existing: &Entry) -> Option<u32> {
        let mode = new.mode.filter(|_| self.preserve_mode)? & 0o777;
        existing.mode.is_some_and(|existing| existing & 0o777 != mode).then_some(mode)
    }

    /// Reports whether the files at the destination have to be known before anything is sent.
    pub(crate) fn must_look(self) -> bool {
        self.resume || self.ask || self.on_conflict == OnConflict::Abort
    }

    /// Decides on a file or link by the policy alone.
    pub(crate) fn decide(self, new: &Entry, existing: &Entry) -> ConflictDecision {
        if self.resume && is_same(new, existing) {
            // An earlier attempt stored it, but it may not be on the disk: it is sent again, whatever the policy.
            return if existing.unflushed {
                ConflictDecision::Send(Some(OnConflict::Replace))
            } else {
                ConflictDecision::Present
            };
        }
        if new.kind == existing.kind && matches!(new.kind, Kind::Link | Kind::Special) {
            // The receiver sees whether they are the same.
            return ConflictDecision::Send(None);
        }
        let skipped = |why| ConflictDecision::Skip(Failure::new(ErrorCode::Skipped).because(why));
        match self.on_conflict {
            OnConflict::Abort => ConflictDecision::Conflict,
            OnConflict::Skip => skipped("it exists already"),
            OnConflict::Newer if existing.kind == Kind::File && new.modified <= existing.modified => {
                skipped("the existing file is not older")
            }
            OnConflict::Replace | OnConflict::Rename | OnConflict::Newer => ConflictDecision::Send(None),
        }
    }

    /// Reports whether the monitor has to be asked.
    pub(crate) fn must_ask(self, new: &Entry, existing: &Entry) -> bool {
        let is_same = self.resume && is_same(new, existing);
        self.ask && !is_same && new.kind == Kind::File
    }

    /// Decides on a file; where the policy says so the monitor is asked.
    pub(crate) fn ask(self, path: &str, new: &Entry, existing: &Entry, monitor: &mut dyn Monitor) -> ConflictDecision {
        if !self.must_ask(new, existing) {
            return self.decide(new, existing);
        }
        let on_conflict = monitor.resolve(&Conflict { path, existing, new });
        match (Self { on_conflict, ..self }).decide(new, existing) {
            ConflictDecision::Send(_) => ConflictDecision::Send(Some(on_conflict)),
            decision => decision,
        }
    }
}

/// Reports whether a file at the destination is the one that would be sent: its size and time are the source's, as
/// far as its file system keeps times.
pub(crate) fn is_same(new: &Entry, existing: &Entry) -> bool {
    let (time, other) = (new.modified, existing.modified);
    // File systems without fractions of a second leave zero nanoseconds.
    let is_same_time = time == other || (other.nanoseconds() == 0 && time.seconds() == other.seconds());
    new.kind == Kind::File && existing.kind == Kind::File && new.size == existing.size && is_same_time
}

#[cfg(test)]
mod tests {
    use super::*;
    use remofile_protocol::wire::Timestamp;

    fn file(size: u64, seconds: i64, nanoseconds: u32) -> Entry {
        let modified = Timestamp::new(seconds, nanoseconds);
        Entry { path: "/f".parse().unwrap(), kind: Kind::File, size, modified, mode: None, unflushed: false }
    }

    #[test]
    fn files_of_one_size_and_time_are_the_same() {
        assert!(is_same(&file(1, 5, 7), &file(1, 5, 7)));
        assert!(is_same(&file(1, 5, 7), &file(1, 5, 0)), "a file system without nanoseconds");
        assert!(!is_same(&file(1, 5, 0), &file(1, 5, 7)));
        assert!(!is_same(&file(1, 5, 7), &file(2, 5, 7)));
        let directory = Entry { kind: Kind::Directory, ..file(1, 5, 7) };
        assert!(!is_same(&file(1, 5, 7), &directory));
    }

    #[test]
    fn what_may_not_be_on_the_disk_is_sent_again_whatever_the_rule() {
        let (new, other) = (file(1, 5, 7), file(1, 4, 0));
        let unflushed = |file: &Entry| Entry { unflushed: true, ..file.clone() };
        use OnConflict::{Abort, Newer, Rename, Replace, Skip};
        for on_conflict in [Abort, Replace, Skip, Rename, Newer] {
            for ask in [false, true] {
                let policy = ConflictPolicy { on_conflict, ask, resume: true, preserve_mode: false };
                assert!(matches!(policy.decide(&new, &unflushed(&new)), ConflictDecision::Send(Some(Replace))));
                assert!(!policy.must_ask(&new, &unflushed(&new)));
            }
        }
        let policy = ConflictPolicy { on_conflict: Abort, ask: false, resume: true, preserve_mode: false };
        assert!(
            matches!(policy.decide(&new, &unflushed(&other)), ConflictDecision::Conflict),
            "of another version it is somebody's"
        );
    }

    #[test]
    fn permission_bits_that_differ_are_set_if_they_are_to_be_preserved() {
        let policy =
            |preserve_mode| ConflictPolicy { on_conflict: OnConflict::Abort, ask: false, resume: true, preserve_mode };
        let with = |mode| Entry { mode, ..file(1, 5, 7) };
        for (new, existing, set) in [
            (Some(0o750), Some(0o640), Some(0o750)),
            (Some(0o640), Some(0o640), None),
            (Some(0o640), None, None),
            (None, Some(0o640), None),
        ] {
            assert_eq!(policy(true).mode_to_set(&with(new), &with(existing)), set);
            assert_eq!(policy(false).mode_to_set(&with(new), &with(existing)), None);
        }
    }

    #[test]
    fn only_with_resume_are_they_taken_for_the_same() {
        let policy = |resume, on_conflict| ConflictPolicy { on_conflict, ask: false, resume, preserve_mode: false };
        let (new, other) = (file(1, 5, 7), file(1, 4, 0));
        assert!(matches!(policy(true, OnConflict::Abort).decide(&new, &new), ConflictDecision::Present));
        assert!(matches!(policy(false, OnConflict::Abort).decide(&new, &new), ConflictDecision::Conflict));
        assert!(matches!(policy(true, OnConflict::Abort).decide(&new, &other), ConflictDecision::Conflict));
        assert!(matches!(policy(true, OnConflict::Skip).decide(&new, &other), ConflictDecision::Skip(_)));
        assert!(matches!(policy(true, OnConflict::Newer).decide(&new, &other), ConflictDecision::Send(None)));
        assert!(matches!(policy(true, OnConflict::Newer).decide(&other, &new), ConflictDecision::Skip(_)));
    }
}
