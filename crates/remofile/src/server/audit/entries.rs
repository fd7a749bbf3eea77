//! The lines of the files and directories that one operation is about.

use super::client::{ClientFields, INTERRUPTED, OK};
use super::line::{Displayed, Line};
use super::reporter::Reporter;
use super::subject::{join, seen};
use crate::server::observer::{ServerEvent, StoredFile};
use crate::transfer::{CopyEffect, Effect};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Failure, OperationId};
use std::sync::Arc;

/// The log of the entries that an operation is about, if there is one.
#[derive(Clone, Default)]
pub(in crate::server) struct EntryLog(Option<Arc<Entries>>);

struct Entries {
    reporter: Reporter,
    client: Arc<ClientFields>,
    operation: OperationId,
    activity: &'static str,
}

impl EntryLog {
    pub(super) fn new(
        reporter: Reporter,
        client: Arc<ClientFields>,
        operation: OperationId,
        activity: &'static str,
    ) -> Self {
        Self(Some(Arc::new(Entries { reporter, client, operation, activity })))
    }
}

impl Entries {
    /// Tells of one entry; paths are those that its client sees.
    fn tell(&self, what: &'static str, path: &str, to: Option<&str>, bytes: Option<u64>, outcome: &'static str) {
        self.reporter.append(|| self.line(what, path, to, bytes, outcome));
    }

    fn line(
        &self,
        what: &'static str,
        path: &str,
        to: Option<&str>,
        bytes: Option<u64>,
        outcome: &'static str,
    ) -> Line {
        let mut line = Line::new("entry");
        line.fields(&self.client.fields);
        line.number("operation", self.operation.0);
        line.text("what", what);
        line.text("path", &seen(&self.client.root, path));
        if let Some(to) = to {
            line.text("to", &seen(&self.client.root, to));
        }
        if let Some(bytes) = bytes {
            line.number("bytes", bytes);
        }
        line.text("outcome", outcome);
        line
    }

    /// Has the observer know that a file is complete under its name.
    fn observe_stored(&self, path: &str, bytes: u64) {
        if self.reporter.has_observer() {
            let ClientFields { root, token, client, address, .. } = &*self.client;
            let record = Displayed(|| self.line("store", path, None, Some(bytes), OK));
            let path = &seen(root, path);
            self.reporter.observe(&ServerEvent::Stored(StoredFile {
                path,
                bytes,
                token,
                client,
                address,
                record: &record,
            }));
        }
    }
}

impl EntryLog {
    /// Something was copied within the store. Hooks learn nothing of it, as no client has sent it.
    pub(in crate::server) fn copied(&self, effect: &CopyEffect) {
        let Some(entries) = &self.0 else { return };
        match effect {
            CopyEffect::Stored { path, bytes } => entries.tell("store", path.as_str(), None, Some(*bytes), OK),
            CopyEffect::Linked { path } => entries.tell("link", path.as_str(), None, None, OK),
            CopyEffect::Directory { path } => entries.tell("make-directory", path.as_str(), None, None, OK),
        }
    }

    /// A file was hashed.
    pub(in crate::server) fn hashed(&self, path: &RemotePath, bytes: u64) {
        if let Some(entries) = &self.0 {
            entries.tell(entries.activity, path.as_str(), None, Some(bytes), OK);
        }
    }

    /// An operation could not do to a path what it does.
    pub(in crate::server) fn failed(&self, failure: &Failure) {
        if let (Some(entries), Some(path)) = (&self.0, &failure.path) {
            entries.tell(entries.activity, path, None, None, failure.code.name());
        }
    }

    /// Has the observer, but not the log, know of a file that is an operation of its own there.
    pub(super) fn observe_stored(&self, path: &str, bytes: u64) {
        if let Some(entries) = &self.0 {
            entries.observe_stored(path, bytes);
        }
    }
}

/// The log of what an upload does below its destination.
pub(in crate::server) struct TakenIn {
    entries: EntryLog,
    destination: RemotePath,
}

impl TakenIn {
    pub(in crate::server) fn new(entries: EntryLog, destination: RemotePath) -> Self {
        Self { entries, destination }
    }

    pub(in crate::server) fn changed(&self, effect: Effect<'_>) {
        let Some(entries) = &self.entries.0 else { return };
        let at = |relative: &str| join(&self.destination, relative);
        match effect {
            Effect::Stored { path, bytes } => {
                let path = at(path);
                entries.tell("store", &path, None, Some(bytes), OK);
                entries.observe_stored(&path, bytes);
            }
            Effect::Linked { path } => entries.tell("link", &at(path), None, None, OK),
            Effect::Directory { path } => entries.tell("make-directory", &at(path), None, None, OK),
            Effect::Moved { from, path } => entries.tell("move", &at(from), Some(&at(path)), None, OK),
            Effect::Removed { path } => entries.tell("remove", &at(path), None, None, OK),
            Effect::Touched { path } => entries.tell("touch", &at(path), None, None, OK),
            Effect::BackedUp { path, to } => entries.tell("backup", &at(path), Some(to.as_str()), None, OK),
        }
    }

    /// An item was not taken in.
    pub(in crate::server) fn failed(&self, failure: &Failure) {
        let Some(entries) = &self.entries.0 else { return };
        let path = failure.path.as_deref().unwrap_or_default();
        entries.tell(entries.activity, &join(&self.destination, path), None, None, failure.code.name());
    }
}

/// The log of the files that a download sends.
pub(in crate::server) struct SentOut {
    entries: EntryLog,
    open: Option<String>,
    bytes: u64,
}

impl SentOut {
    pub(in crate::server) fn new(entries: EntryLog) -> Self {
        Self { entries, open: None, bytes: 0 }
    }

    /// The open file is not sent to its end.
    pub(in crate::server) fn give_up(&mut self, outcome: &'static str) {
        if let (Some(entries), Some(path)) = (&self.entries.0, self.open.take()) {
            entries.tell("send", &path, None, Some(self.bytes), outcome);
        }
    }

    /// The content of a file is sent from now on.
    pub(in crate::server) fn opened(&mut self, path: &RemotePath) {
        if self.entries.0.is_some() {
            self.give_up(INTERRUPTED);
            (self.open, self.bytes) = (Some(path.as_str().to_owned()), 0);
        }
    }

    pub(in crate::server) fn packed(&mut self, bytes: u64) {
        self.bytes += bytes;
    }

    pub(in crate::server) fn finished(&mut self) {
        self.give_up(OK);
    }

    pub(in crate::server) fn failed(&mut self, failure: &Failure) {
        let outcome = failure.code.name();
        match (&self.entries.0, &failure.path) {
            _ if self.open.is_some() => self.give_up(outcome),
            (Some(entries), Some(path)) => entries.tell("send", path, None, None, outcome),
            _ => {}
        }
    }
}

impl Drop for SentOut {
    fn drop(&mut self) {
        self.give_up(INTERRUPTED);
    }
}
