//! A file of the source that meets a file at the destination.

use super::draft::Compared;
use super::node::File;
use super::planner::Planner;
use super::step::{Action, Changed, Reason, Touch};
use remofile_protocol::handshake::Capability;

/// The conclusion from sizes and times about contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Contents {
    Same,
    Different,
    /// Digests have to tell.
    Unknown,
}

impl Planner {
    pub(super) fn files(&mut self, path: Box<str>, new: File, old: File) {
        if self.rules.update && self.rules.is_newer(old.modified, new.modified) {
            return self.skip(path, Reason::Newer);
        }
        let keeps_times = self.rules.capabilities.has(Capability::Times);
        let touch = Touch {
            modified: Some(new.modified)
                .filter(|_| keeps_times && !self.rules.is_same_time(new.modified, old.modified)),
            mode: self.rules.mode_to_set(new.mode, old.mode),
            directory: false,
        };
        let is_sized = new.size == old.size;
        let why =
            Changed { content: false, size: !is_sized, time: touch.modified.is_some(), mode: touch.mode.is_some() };
        match self.contents(new, old, why.time) {
            Contents::Same if !why.is_any() => self.draft.unchanged.add(new.size),
            Contents::Unknown if self.rules.ignore_existing && !why.is_any() => self.draft.unchanged.add(new.size),
            _ if self.rules.ignore_existing => self.skip(path, Reason::Exists),
            Contents::Same => self.send(path, Action::Touch(Box::new(touch))),
            Contents::Different => self.update(path, new, old, why),
            Contents::Unknown => {
                let Touch { modified, mode, .. } = touch;
                let step = self.draft.sent.len();
                self.draft.compared.push(Compared { step, size: new.size, modified, mode });
                self.update(path, new, old, Changed { content: true, ..why });
            }
        }
    }

    /// Decides about a file that was stored and may not be on the disk. It is sent again, whatever its size, time and
    /// content tell. With another size or time it is not a copy of the source's file anyway, and is treated as any
    /// other.
    pub(super) fn meets_unflushed(&mut self, path: Box<str>, new: File, old: File) {
        let is_same_time = self.rules.is_same_time(new.modified, old.modified);
        if new.size != old.size || (!is_same_time && (self.rules.ignore_existing || self.rules.update)) {
            return self.files(path, new, old);
        }
        let mode = self.rules.mode_to_set(new.mode, old.mode).is_some();
        self.update(path, new, old, Changed { content: true, size: false, time: !is_same_time, mode });
    }

    fn contents(&self, new: File, old: File, is_other_time: bool) -> Contents {
        let is_delta = self.rules.is_delta(new.size, old.size);
        match () {
            () if new.size != old.size => Contents::Different,
            () if new.size == 0 => Contents::Same,
            () if self.rules.checksum => Contents::Unknown,
            () if self.rules.size_only => Contents::Same,
            // Its time is that of its arrival, and tells nothing.
            () if !self.rules.capabilities.has(Capability::Times) => Contents::Unknown,
            () if !is_other_time => Contents::Same,
            // A delta finds out by itself if nothing changed.
            () if is_delta => Contents::Different,
            () => Contents::Unknown,
        }
    }

    fn update(&mut self, path: Box<str>, new: File, old: File, why: Changed) {
        let delta = self.rules.is_delta(new.size, old.size);
        self.send(path, Action::Update { size: new.size, old_size: old.size, delta, why });
    }
}
