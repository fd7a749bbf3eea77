//! What becomes of a file where something is already.

use super::TransferOptions;
use crate::monitor::{Conflict, Monitor};
use remofile_protocol::wire::{Entry, ErrorCode, Failure, Kind, OnConflict};

/// What becomes of a file.
#[derive(Debug)]
pub(super) enum Fate {
    /// It is sent; with this rule, if not with that of the whole transfer.
    Send(Option<OnConflict>),
    /// It is there already.
    Present,
    /// It is left out.
    Skip(Failure),
    /// It must not be replaced, and nothing else be changed.
    Conflict,
}

/// By which rules files meet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    pub(super) on_conflict: OnConflict,
    pub(super) ask: bool,
    /// Whether what looks the same is the same.
    pub(super) resume: bool,
}

impl Rules {
    pub(super) fn of(options: &TransferOptions, is_again: bool) -> Self {
        Self { on_conflict: options.on_conflict, ask: options.ask, resume: options.resume || is_again }
    }

    /// Whether what is at the destination has to be known before anything is sent.
    pub(super) fn must_look(self) -> bool {
        self.resume || self.ask || self.on_conflict == OnConflict::Abort
    }

    /// What becomes of a file or link, by the rules alone.
    pub(super) fn fate(self, new: &Entry, existing: &Entry) -> Fate {
        if self.resume && is_same(new, existing) {
            // What an earlier attempt stored and may not be on the disk is in nobody's way.
            return if existing.unflushed { Fate::Send(Some(OnConflict::Replace)) } else { Fate::Present };
        }
        if new.kind == Kind::Link && existing.kind == Kind::Link {
            // The receiver sees whether they lead to the same.
            return Fate::Send(None);
        }
        let skipped = |why| Fate::Skip(Failure::new(ErrorCode::Skipped).because(why));
        match self.on_conflict {
            OnConflict::Abort => Fate::Conflict,
            OnConflict::Skip => skipped("it exists already"),
            OnConflict::Newer if existing.kind == Kind::File && new.modified <= existing.modified => {
                skipped("what is there is as new")
            }
            OnConflict::Replace | OnConflict::Rename | OnConflict::Newer => Fate::Send(None),
        }
    }

    /// Whether the monitor has to be asked.
    pub(super) fn must_ask(self, new: &Entry, existing: &Entry) -> bool {
        let is_same = self.resume && is_same(new, existing);
        self.ask && !is_same && new.kind == Kind::File
    }

    /// What becomes of a file; where the rules say so the monitor is asked.
    pub(super) fn ask(self, path: &str, new: &Entry, existing: &Entry, monitor: &mut dyn Monitor) -> Fate {
        if !self.must_ask(new, existing) {
            return self.fate(new, existing);
        }
        let on_conflict = monitor.resolve(&Conflict { path, existing, new });
        match (Self { on_conflict, ..self }).fate(new, existing) {
            Fate::Send(_) => Fate::Send(Some(on_conflict)),
            fate => fate,
        }
    }
}

/// Whether a file at the destination is what would be sent: its size and time are the source's, as far as
/// its file system keeps times.
pub(super) fn is_same(new: &Entry, existing: &Entry) -> bool {
    let (time, other) = (new.modified, existing.modified);
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
                let rules = Rules { on_conflict, ask, resume: true };
                assert!(matches!(rules.fate(&new, &unflushed(&new)), Fate::Send(Some(Replace))));
                assert!(!rules.must_ask(&new, &unflushed(&new)));
            }
        }
        let rules = Rules { on_conflict: Abort, ask: false, resume: true };
        assert!(matches!(rules.fate(&new, &unflushed(&other)), Fate::Conflict), "of another version it is somebody's");
    }

    #[test]
    fn only_with_resume_are_they_taken_for_the_same() {
        let rules = |resume, on_conflict| Rules { on_conflict, ask: false, resume };
        let (new, other) = (file(1, 5, 7), file(1, 4, 0));
        assert!(matches!(rules(true, OnConflict::Abort).fate(&new, &new), Fate::Present));
        assert!(matches!(rules(false, OnConflict::Abort).fate(&new, &new), Fate::Conflict));
        assert!(matches!(rules(true, OnConflict::Abort).fate(&new, &other), Fate::Conflict));
        assert!(matches!(rules(true, OnConflict::Skip).fate(&new, &other), Fate::Skip(_)));
        assert!(matches!(rules(true, OnConflict::Newer).fate(&new, &other), Fate::Send(None)));
        assert!(matches!(rules(true, OnConflict::Newer).fate(&other, &new), Fate::Skip(_)));
    }
}
