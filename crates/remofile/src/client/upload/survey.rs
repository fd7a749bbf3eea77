//! The survey of an upload's destination.

use crate::client::listing::handler::ListHandler;
use crate::client::session::context::CallContext;
use crate::client::transfer::conflict_policy::{ConflictDecision, ConflictPolicy, is_same};
use crate::client::transfer::progress_recorder::ProgressRecorder;
use crate::client::upload::existing::{Existing, ExistingEntries};
use crate::client::{Client, TransferOptions};
use crate::error::{Error, Result};
use crate::transfer::{Feed, FoundItem, ItemRules, Judge, Next, Verdict, known, numbered_path};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Element, Entry, ErrorCode, Failure, Kind, Known, Listed, OnConflict, Request};
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

/// The entries and partials at and below the names that an upload uses. They take some 30 bytes a file.
#[derive(Debug, Default)]
pub(crate) struct Present {
    destination: Option<RemotePath>,
    entries: ExistingEntries,
    partials: HashMap<u128, Known>,
    /// Decisions of the monitor about single files.
    decided: HashMap<u128, OnConflict>,
    /// Bytes that need not be sent again, if their files are those to be sent.
    pub(crate) bytes: u64,
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
        let mut present = Present::at(destination);
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
    /// Returns the entries at the destination of an upload, before anything of it was told.
    pub(crate) fn at(destination: &RemotePath) -> Self {
        Self { destination: Some(destination.clone()), ..Self::default() }
    }

    /// Takes an element of the server's answer.
    pub(crate) fn add(&mut self, element: Element) {
        let relative = |path: &RemotePath| Some(path.relative_to(self.destination.as_ref()?)?.to_owned());
        match element {
            Element::Listed(Listed::Entry(Entry { path, kind, size, modified, mode, unflushed })) => {
                if let Some(relative) = relative(&path) {
                    // A file that is not on the disk yet may have to be sent again.
                    self.bytes = self.bytes.saturating_add(if unflushed { 0 } else { size });
                    let existing = Existing { kind, size, modified, mode, unflushed };
                    self.entries.add(relative, existing);
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

    pub(super) fn existing(&self, path: &str) -> Option<Entry> {
        let Existing { kind, size, modified, mode, unflushed } = self.entries.get(path)?;
        let path = self.destination.as_ref()?.join(path).ok()?;
        Some(Entry { path, kind, size, modified, mode, unflushed })
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
            self.meet(&found.path, &found.entry, policy, recorder, &mut conflicts);
            // A person who chose to stop is not asked about more.
            if conflicts.len() >= MOST_CONFLICTS || (policy.ask && !conflicts.is_empty()) {
                break;
            }
        }
        if conflicts.is_empty() { Ok(()) } else { Err(Error::Conflicts(conflicts)) }
    }

    /// Does the same for files that are known already.
    ///
    /// # Errors
    /// [`Error::Conflicts`] if there is something that must not be touched.
    pub(crate) fn refuse_conflicts_of<'a>(
        &mut self,
        files: impl Iterator<Item = (&'a str, &'a Entry)>,
        policy: ConflictPolicy,
        recorder: &mut ProgressRecorder<'_>,
    ) -> Result<()> {
        let mut conflicts = Vec::new();
        if self.entries.is_empty() || !(policy.ask || policy.on_conflict == OnConflict::Abort) {
            return Ok(());
        }
        for (path, entry) in files {
            self.meet(path, entry, policy, recorder, &mut conflicts);
            if conflicts.len() >= MOST_CONFLICTS || (policy.ask && !conflicts.is_empty()) {
                break;
            }
        }
        if conflicts.is_empty() { Ok(()) } else { Err(Error::Conflicts(conflicts)) }
    }

    /// Decides on something that meets what is at its path: notes the decision, or the conflict.
    fn meet(
        &mut self,
        path: &str,
        entry: &Entry,
        policy: ConflictPolicy,
        recorder: &mut ProgressRecorder<'_>,
        conflicts: &mut Vec<Failure>,
    ) {
        let Some(existing) = self.existing(path) else { return };
        if entry.kind == Kind::Directory {
            if existing.kind != Kind::Directory && policy.on_conflict == OnConflict::Abort {
                conflicts.push(in_the_way(&existing));
            }
            return;
        }
        match policy.ask(path, entry, &existing, recorder.monitor) {
            ConflictDecision::Conflict => conflicts.push(in_the_way(&existing)),
            ConflictDecision::Send(Some(_)) if existing.unflushed && is_same(entry, &existing) => {}
            ConflictDecision::Send(Some(rule)) => drop(self.decided.insert(ItemRules::key(path), rule)),
            ConflictDecision::Skip(_) if policy.ask => {
                self.decided.insert(ItemRules::key(path), OnConflict::Skip);
            }
            ConflictDecision::Send(None) | ConflictDecision::Skip(_) | ConflictDecision::Present => {}
        }
    }
}

/// Returns the failure of a file that must not be replaced.
pub(crate) fn in_the_way(existing: &Entry) -> Failure {
    Failure::new(ErrorCode::AlreadyExists).at(&existing.path)
}

/// The judge of an upload's files, which knows the survey.
pub(crate) struct UploadJudge {
    pub(crate) present: Arc<Present>,
    pub(crate) policy: ConflictPolicy,
}

impl Judge for UploadJudge {
    fn judge(&mut self, found: &FoundItem) -> Verdict {
        self.judge_entry(&found.path, &found.entry)
    }
}

impl UploadJudge {
    /// Judges a file or link by its path at the destination and its entry.
    pub(crate) fn judge_entry(&self, path: &str, entry: &Entry) -> Verdict {
        let key = ItemRules::key(path);
        let known = self.present.partials.get(&key).filter(|_| self.policy.resume).cloned();
        let Some(existing) = self.present.existing(path) else {
            return Verdict::Send { rule: None, known };
        };
        let decided = self.present.decided.get(&key).copied();
        let policy = ConflictPolicy { on_conflict: decided.unwrap_or(self.policy.on_conflict), ..self.policy };
        match policy.decide(entry, &existing) {
            ConflictDecision::Present => Verdict::Present { mode: self.policy.mode_to_set(entry, &existing) },
            ConflictDecision::Skip(failure) => Verdict::Skip(failure),
            ConflictDecision::Send(rule @ Some(_)) => Verdict::Send { rule, known },
            ConflictDecision::Send(_) if policy.on_conflict == OnConflict::Rename => self.beside(path, entry, decided),
            // A file that came in between is refused by the server.
            ConflictDecision::Send(_) | ConflictDecision::Conflict => Verdict::Send { rule: decided, known },
        }
    }

    /// Judges a file that goes beside another. An earlier attempt may have stored it there, or begun to.
    fn beside(&self, path: &str, entry: &Entry, rule: Option<OnConflict>) -> Verdict {
        let candidates = (1..).map_while(|number| numbered_path(path, number));
        for candidate in candidates {
            match self.present.existing(&candidate) {
                Some(existing) if self.policy.resume && is_same(entry, &existing) && !existing.unflushed => {
                    // It is not the file of this name.
                    return Verdict::Present { mode: None };
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
