//! The survey of an upload's destination.

use crate::client::listing::handler::ListHandler;
use crate::client::session::context::CallContext;
use crate::client::transfer::conflict_policy::{ConflictDecision, ConflictPolicy, is_same};
use crate::client::transfer::progress_recorder::ProgressRecorder;
use crate::client::{Client, TransferOptions};
use crate::error::{Error, Result};
use crate::transfer::{Feed, FoundItem, ItemRules, Judge, Next, Verdict, known, numbered_path};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{
    Element, Entry, ErrorCode, Failure, Kind, Known, Listed, OnConflict, Request, Timestamp,
};
use std::collections::HashMap;
use std::sync::Arc;

/// Names in one request, in bytes.
pub(super) const NAMES_BYTES: usize = 48 * 1024;

/// Conflicts that are named at most.
const MOST_CONFLICTS: usize = 1000;

/// Files of a server's answer that are remembered at most: that takes gigabytes.
pub(crate) const MOST_REMEMBERED: usize = 20_000_000;

/// Returns the error of a call for which a server names more files than are remembered.
pub(crate) fn too_many_files(most: usize) -> Error {
    let why = format!("the server names more than {most} files: ask for fewer at once");
    Error::Local(Failure::new(ErrorCode::OutOfResources).because(why))
}

/// The entries and partials at and below the names that an upload uses. They take some 80 bytes a file.
#[derive(Debug, Default)]
pub(crate) struct Present {
    destination: Option<RemotePath>,
    entries: HashMap<u128, Existing>,
    partials: HashMap<u128, Known>,
    /// Decisions of the monitor about single files.
    decided: HashMap<u128, OnConflict>,
    /// Bytes that need not be sent again, if their files are those to be sent.
    pub(crate) bytes: u64,
}

#[derive(Debug, Clone, Copy)]
struct Existing {
    kind: Kind,
    size: u64,
    modified: Timestamp,
    unflushed: bool,
}

impl Client {
    /// Asks the server for the entries and partials at the destination of an upload.
    pub(crate) fn survey(
        &mut self,
        destination: &RemotePath,
        names: &[String],
        context: &CallContext,
        recorder: &mut ProgressRecorder<'_>,
    ) -> Result<Present> {
        let mut present = Present { destination: Some(destination.clone()), ..Present::default() };
        let mut rest = names;
        loop {
            let mut bytes = 0;
            let fits = |name: &&String| {
                bytes += name.len() + 8;
                bytes <= NAMES_BYTES
            };
            // One name at least, so that every request gets further.
            let count = rest.iter().take_while(fits).count().max(1).min(rest.len());
            let (batch, others) = rest.split_at(count);
            let request = Request::Survey { destination: destination.clone(), names: batch.to_vec(), unflushed: true };
            let mut each = |listed| {
                present.add(listed);
                present.refuse_flood()
            };
            let mut handler = ListHandler::new(&mut each, recorder.monitor);
            self.call_in(context, request, &mut handler)?;
            rest = others;
            if rest.is_empty() {
                return Ok(present);
            }
        }
    }
}

impl Present {
    fn add(&mut self, element: Element) {
        let relative = |path: &RemotePath| Some(path.relative_to(self.destination.as_ref()?)?.to_owned());
        match element {
            Element::Listed(Listed::Entry(Entry { path, kind, size, modified, unflushed, .. })) => {
                if let Some(relative) = relative(&path) {
                    // A file that is not on the disk yet may have to be sent again.
                    self.bytes = self.bytes.saturating_add(if unflushed { 0 } else { size });
                    self.entries.insert(ItemRules::key(&relative), Existing { kind, size, modified, unflushed });
                }
            }
            Element::Partial(partial) => {
                if let Some(relative) = relative(&partial.path) {
                    self.bytes = self.bytes.saturating_add(partial.received);
                    self.partials.insert(ItemRules::key(&relative), known(partial));
                }
            }
            _ => {}
        }
    }

    /// Fails if there are too many elements: a server may list without end.
    fn refuse_flood(&self) -> Result<()> {
        if self.entries.len() + self.partials.len() > MOST_REMEMBERED {
            Err(too_many_files(MOST_REMEMBERED))
        } else {
            Ok(())
        }
    }

    /// Returns the partial of a file.
    pub(crate) fn partial(&self, path: &str) -> Option<&Known> {
        self.partials.get(&ItemRules::key(path))
    }

    fn existing(&self, path: &str) -> Option<Entry> {
        let Existing { kind, size, modified, unflushed } = *self.entries.get(&ItemRules::key(path))?;
        let path = self.destination.as_ref()?.join(path).ok()?;
        Some(Entry { path, kind, size, modified, mode: None, unflushed })
    }

    /// Finds the conflicts of these files before anything is changed, if the policy wants to know them.
    ///
    /// # Errors
    /// [`Error::Conflicts`] if there is something that must not be touched.
    pub(super) fn refuse_conflicts(
        &mut self,
        mut feed: Feed,
        policy: ConflictPolicy,
        recorder: &mut ProgressRecorder<'_>,
        mut check: impl FnMut() -> Result<()>,
    ) -> Result<()> {
        if self.entries.is_empty() || !(policy.ask || policy.on_conflict == OnConflict::Abort) {
            return Ok(());
        }
        let mut conflicts: Vec<Failure> = Vec::new();
        loop {
            check()?;
            let found = match feed.find() {
                Next::Item(Ok(found)) => found,
                // A source that cannot be read is reported when it is to be sent.
                Next::Item(Err(_)) | Next::Working => continue,
                Next::Pending | Next::End => break,
            };
            let Some(existing) = self.existing(&found.path) else { continue };
            if found.entry.kind == Kind::Directory {
                if existing.kind != Kind::Directory && policy.on_conflict == OnConflict::Abort {
                    conflicts.push(in_the_way(&existing));
                }
                continue;
            }
            match policy.ask(&found.path, &found.entry, &existing, recorder.monitor) {
                ConflictDecision::Conflict => conflicts.push(in_the_way(&existing)),
                ConflictDecision::Send(Some(_)) if existing.unflushed && is_same(&found.entry, &existing) => {}
                ConflictDecision::Send(Some(rule)) => drop(self.decided.insert(ItemRules::key(&found.path), rule)),
                ConflictDecision::Skip(_) if policy.ask => {
                    self.decided.insert(ItemRules::key(&found.path), OnConflict::Skip);
                }
                ConflictDecision::Send(None) | ConflictDecision::Skip(_) | ConflictDecision::Present => {}
            }
            // A person who chose to stop is not asked about more.
            if conflicts.len() >= MOST_CONFLICTS || (policy.ask && !conflicts.is_empty()) {
                break;
            }
        }
        if conflicts.is_empty() { Ok(()) } else { Err(Error::Conflicts(conflicts)) }
    }
}

/// Returns the failure of a file that must not be replaced.
pub(crate) fn in_the_way(existing: &Entry) -> Failure {
    Failure::new(ErrorCode::AlreadyExists).at(&existing.path)
}

/// The judge of an upload's files, which knows the survey.
pub(super) struct UploadJudge {
    pub(super) present: Arc<Present>,
    pub(super) policy: ConflictPolicy,
}

impl Judge for UploadJudge {
    fn judge(&mut self, found: &FoundItem) -> Verdict {
        let key = ItemRules::key(&found.path);
        let known = self.present.partials.get(&key).filter(|_| self.policy.resume).cloned();
        let Some(existing) = self.present.existing(&found.path) else {
            return Verdict::Send { rule: None, known };
        };
        let decided = self.present.decided.get(&key).copied();
        let policy = ConflictPolicy { on_conflict: decided.unwrap_or(self.policy.on_conflict), ..self.policy };
        match policy.decide(&found.entry, &existing) {
            ConflictDecision::Present => Verdict::Present,
            ConflictDecision::Skip(failure) => Verdict::Skip(failure),
            ConflictDecision::Send(rule @ Some(_)) => Verdict::Send { rule, known },
            ConflictDecision::Send(_) if policy.on_conflict == OnConflict::Rename => self.beside(found, decided),
            // A file that came in between is refused by the server.
            ConflictDecision::Send(_) | ConflictDecision::Conflict => Verdict::Send { rule: decided, known },
        }
    }
}

impl UploadJudge {
    /// Judges a file that goes beside another. An earlier attempt may have stored it there, or begun to.
    fn beside(&self, found: &FoundItem, rule: Option<OnConflict>) -> Verdict {
        let candidates = (1..).map_while(|number| numbered_path(&found.path, number));
        for candidate in candidates {
            match self.present.existing(&candidate) {
                Some(existing) if self.policy.resume && is_same(&found.entry, &existing) && !existing.unflushed => {
                    return Verdict::Present;
                }
                Some(_) => {}
                None => {
                    let known = self.present.partials.get(&ItemRules::key(&candidate));
                    return Verdict::Send { rule, known: known.filter(|_| self.policy.resume).cloned() };
                }
            }
        }
        Verdict::Send { rule, known: None }
    }
}

/// Reports whether options ask for something that must be known before the first byte is sent.
pub(super) fn must_survey_first(options: &TransferOptions, recorder: &ProgressRecorder<'_>) -> bool {
    // A callback must not see chunks that are sent in vain.
    options.ask || recorder.monitor.chunk_size().is_some()
}
