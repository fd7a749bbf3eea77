//! Looking for the files of a download, and at what is at their destination.

use crate::carrier::Produced;
use crate::client::Client;
use crate::client::download::earlier::{EarlierHere, Version};
use crate::client::download::plan::{Arriving, DownloadPlan, Expected};
use crate::client::download::selecting::{Chosen, Selecting};
use crate::client::listing::handler::decode;
use crate::client::session::handler::{Handler, OngoingCall};
use crate::client::transfer::attempts::Attempts;
use crate::client::transfer::conflict_policy::{ConflictDecision, ConflictPolicy, is_same};
use crate::client::transfer::progress_recorder::ProgressRecorder;
use crate::client::upload::survey::{MOST_REMEMBERED, in_the_way, too_many_files};
use crate::error::{Error, Result};
use crate::monitor::Event;
use crate::store::{Partial, Seen, StatSequence, Store};
use crate::transfer::{Checked, ItemRules, numbered_path};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{
    AttributeSet, Element, Entry, Failure, Found, Holder, Kind, Known, Listed, OnConflict, Selected, Timestamp,
};
use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher, RandomState};

/// Conflicts that are named at most.
const MOST_CONFLICTS: usize = 1000;

/// Files that are to be downloaded, and what else has to be done for them.
#[derive(Default)]
pub(super) struct DownloadWork {
    pub(super) files: Vec<Chosen>,
    /// Directories that come before, and their permission bits.
    pub(super) directories: Vec<(String, Option<u32>)>,
    /// Conflict rules of single files, by their keys.
    pub(super) rules: HashMap<u128, OnConflict>,
    /// Paths of the files that go beside others, by the names of those.
    beside: HashMap<String, RemotePath>,
    /// Partials that may be resumed.
    pub(super) checked: Checked,
    /// Bytes that are at the destination already, in complete files and in partials.
    pub(super) bytes_there: u64,
    /// Files that are at an earlier download, and become other names of what is there, at these paths.
    pub(super) linked: Vec<(Chosen, RemotePath)>,
    /// Permission bits of files that are there already, and have others.
    pub(super) modes: Vec<(RemotePath, u32)>,
    /// Times of files by their keys, where the plan is only told.
    pub(super) times: HashMap<u128, Timestamp>,
    conflicts: Vec<Failure>,
    /// Files that the monitor decides on, with the entries that are in their way.
    open: Vec<(Found, Entry)>,
    total: (u64, u64),
}

impl Client {
    /// Finds out which files there are to download, and which of them are at the destination.
    ///
    /// # Errors
    /// [`Error::Conflicts`] if something is in the way that must not be touched; what ends the call.
    pub(super) fn find(
        &mut self,
        plan: &DownloadPlan<'_>,
        store: &dyn Store,
        earlier: Option<&EarlierHere>,
        policy: ConflictPolicy,
        attempts: &Attempts,
        recorder: &mut ProgressRecorder<'_>,
    ) -> Result<DownloadWork> {
        let mut handler = FindHandler {
            plan,
            store,
            earlier,
            policy,
            names: SeenNames::default(),
            looks: StatSequence::default(),
            wanted: DownloadWork::default(),
            selecting: plan.selecting(),
            recorder,
        };
        let request = plan.find_request(AttributeSet::NONE);
        self.call_in(&attempts.context, request, &mut handler)?;
        handler.ask();
        let mut wanted = handler.wanted;
        if !wanted.conflicts.is_empty() {
            return Err(Error::Conflicts(wanted.conflicts));
        }
        if plan.options.dry_run {
            return Ok(wanted);
        }
        // Reported once: another attempt is for the same files.
        if !attempts.is_again() {
            recorder.total(wanted.total.0, wanted.total.1);
        }
        for (path, mode) in std::mem::take(&mut wanted.modes) {
            attempts.context.check_at_work()?;
            if let Err(failure) = store.set_mode(&path, mode) {
                recorder.failed(failure.at(plan.destination.join(path.as_relative()).display()));
            }
        }
        if policy.resume {
            let check = || attempts.context.check_at_work();
            wanted.look_at_partials(store, plan.partials(store)?, &check)?;
        }
        Ok(wanted)
    }
}

impl DownloadWork {
    /// Checks the partials of the files, which takes as long as reading them.
    fn look_at_partials(
        &mut self,
        store: &dyn Store,
        partials: Vec<Partial>,
        check: &dyn Fn() -> Result<()>,
    ) -> Result<()> {
        let mut partials: HashMap<RemotePath, Partial> =
            partials.into_iter().map(|partial| (partial.path.clone(), partial)).collect();
        for (file, _) in &mut self.files {
            let path = self.beside.remove(&file.name).or_else(|| RemotePath::root().join(&file.name).ok());
            let Some(partial) = path.and_then(|path| partials.remove(&path)) else { continue };
            // A partial that cannot be read is not resumed.
            let Ok(mut checking) = self.checked.begin(store, &partial) else { continue };
            let seen = loop {
                check()?;
                match checking.step() {
                    Ok(false) => {}
                    Ok(true) => break true,
                    Err(_) => break false,
                }
            };
            if seen {
                self.bytes_there += partial.received;
                let partial = self.checked.finish(checking);
                file.known = Some(Known { size: partial.size, modified: partial.modified, marks: partial.marks });
            }
        }
        Ok(())
    }
}

struct FindHandler<'a, 'b> {
    plan: &'a DownloadPlan<'a>,
    store: &'a dyn Store,
    earlier: Option<&'a EarlierHere>,
    policy: ConflictPolicy,
    names: SeenNames,
    looks: StatSequence,
    wanted: DownloadWork,
    selecting: Selecting,
    recorder: &'a mut ProgressRecorder<'b>,
}

impl Handler for FindHandler<'_, '_> {
    fn entries(&mut self, payload: &[u8]) -> Result<u64> {
        decode(payload, &mut |element| self.take(element)).map(|()| 0)
    }

    fn waiting(&mut self, holders: &[Holder]) {
        self.recorder.monitor.report(Event::Waiting { holders });
    }

    fn produce(&mut self, call: &mut OngoingCall<'_>) -> Result<Produced> {
        self.selecting.produce(call)
    }
}

/// The names of files that a server has found, as hashes: there may be millions. Nobody can prepare names of one hash, as the
/// keys are this process's.
#[derive(Debug, Default)]
pub(crate) struct SeenNames {
    seen: BTreeSet<u64>,
    keys: RandomState,
}

impl SeenNames {
    /// Adds a name. Returns true if it is new.
    fn add(&mut self, name: &str) -> bool {
        self.seen.insert(self.keys.hash_one(name))
    }

    pub(crate) fn len(&self) -> usize {
        self.seen.len()
    }
}

/// Returns the path of something that a server has found, if it may come and was not named before.
///
/// # Errors
/// [`Error::Protocol`]
pub(crate) fn admit(expected: &Expected, names: &mut SeenNames, name: &str, entry: &Entry) -> Result<RemotePath> {
    let path = match entry.kind {
        Kind::Directory => expected.check(name, Arriving::Directory)?,
        Kind::File => expected.check(name, Arriving::File { size: Some(entry.size) })?,
        Kind::Special => expected.check(name, Arriving::Link)?,
        Kind::Link => expected.check_link(name)?,
    };
    if entry.kind != Kind::Directory && !names.add(name) {
        return Err(Error::Protocol(format!("it names {name:?} twice")));
    }
    Ok(path)
}

impl FindHandler<'_, '_> {
    fn take(&mut self, element: Element) -> Result<()> {
        let Found { name, entry } = match element {
            Element::Found(found) => found,
            Element::Listed(Listed::Failed(failure)) => {
                self.recorder.failed(failure);
                return Ok(());
            }
            _ => {
                return Err(Error::Protocol("elements that were not asked for".to_owned()));
            }
        };
        if self.policy.ask && !self.wanted.conflicts.is_empty() {
            return Ok(()); // Nothing will be done, so nobody is asked about more.
        }
        if entry.kind == Kind::Directory && name.is_empty() {
            return Ok(()); // The root itself.
        }
        let path = admit(self.plan.expected(), &mut self.names, &name, &entry)?;
        // The server may name files without end.
        if self.names.len() + self.wanted.directories.len() > MOST_REMEMBERED {
            return Err(too_many_files(MOST_REMEMBERED));
        }
        let (existing, is_link) = match self.looks.stat(self.store, &path) {
            Ok(Seen { entry, is_link }) => (Some(entry), is_link),
            Err(_) => (None, false),
        };
        match entry.kind {
            Kind::Directory => self.take_directory(name, &entry, existing),
            Kind::Special if !self.plan.options.selection.devices => {}
            Kind::File | Kind::Link | Kind::Special => {
                if entry.kind == Kind::File {
                    self.wanted.total.0 += 1;
                    self.wanted.total.1 = self.wanted.total.1.saturating_add(entry.size);
                }
                // A link is in the way itself, wherever it leads.
                let existing = existing
                    .map(|existing| Entry { kind: if is_link { Kind::Link } else { existing.kind }, ..existing });
                self.take_file(name, entry, existing);
            }
        }
        Ok(())
    }

    fn take_directory(&mut self, name: String, entry: &Entry, existing: Option<Entry>) {
        match existing {
            Some(existing) if existing.kind != Kind::Directory && self.policy.on_conflict == OnConflict::Abort => {
                self.conflict(&existing);
            }
            existing => {
                // One that is there gets its mode with its other attributes.
                let is_set = self.policy.preserve_mode || (existing.is_none() && self.plan.options.send.preserve_mode);
                self.wanted.directories.push((name, entry.mode.filter(|_| is_set)));
            }
        }
    }

    fn take_file(&mut self, name: String, entry: Entry, existing: Option<Entry>) {
        let Some(existing) = existing else {
            return self.want(name, entry);
        };
        if self.policy.must_ask(&entry, &existing) {
            // A person who is asked may think for long: the server must not wait for that.
            return self.wanted.open.push((Found { name, entry }, existing));
        }
        let decision = self.policy.decide(&entry, &existing);
        self.settle(decision, name, entry, &existing);
    }

    /// Asks about the files that were put by.
    fn ask(&mut self) {
        for (Found { name, entry }, existing) in std::mem::take(&mut self.wanted.open) {
            if !self.wanted.conflicts.is_empty() {
                return;
            }
            let decision = self.policy.ask(&name, &entry, &existing, self.recorder.monitor);
            self.settle(decision, name, entry, &existing);
        }
    }

    fn settle(&mut self, decision: ConflictDecision, name: String, entry: Entry, existing: &Entry) {
        match decision {
            ConflictDecision::Present => {
                self.wanted.bytes_there += entry.size;
                if let Some(mode) = self.policy.mode_to_set(&entry, existing) {
                    self.wanted.modes.push((existing.path.clone(), mode));
                }
                return self.recorder.present(&name, entry.size);
            }
            ConflictDecision::Skip(failure) => {
                return self.recorder.failed(failure.at(self.plan.destination.join(&name).display()));
            }
            ConflictDecision::Conflict => return self.conflict(existing),
            ConflictDecision::Send(rule) => {
                if let Some(rule) = rule {
                    self.wanted.rules.insert(ItemRules::key(&name), rule);
                }
                if rule.unwrap_or(self.policy.on_conflict) == OnConflict::Rename {
                    return self.beside(name, entry);
                }
            }
        }
        self.want(name, entry);
    }

    /// Takes a file that goes beside another. An earlier attempt may have stored it there, or begun to.
    fn beside(&mut self, name: String, entry: Entry) {
        for candidate in (1..).map_while(|number| numbered_path(&name, number)) {
            let Ok(path) = RemotePath::root().join(&candidate) else { break };
            match self.store.stat(&path) {
                // An earlier attempt may have received it under this name.
                Ok(existing) if self.policy.resume && is_same(&entry, &existing) && !existing.unflushed => {
                    return self.settle(ConflictDecision::Present, candidate, entry, &existing);
                }
                Ok(_) => {}
                Err(_) => {
                    self.wanted.beside.insert(name.clone(), path);
                    break;
                }
            }
        }
        self.want(name, entry);
    }

    fn want(&mut self, name: String, entry: Entry) {
        let as_link = entry.kind == Kind::Link;
        if self.plan.options.dry_run {
            self.wanted.times.insert(ItemRules::key(&name), entry.modified);
        }
        let Entry { path, kind, size, modified, mode, .. } = entry;
        let may_be_linked = kind == Kind::File && !self.wanted.beside.contains_key(&name);
        let (version, is_alone) = (Version { size, modified, mode }, self.plan.has_one_source());
        let of = self.earlier.filter(|_| may_be_linked).and_then(|earlier| earlier.find(&name, version, is_alone));
        let file = (Selected { path, name, known: None, as_link, parts: Vec::new() }, size);
        match of {
            Some(of) => self.wanted.linked.push((file, of)),
            None => self.wanted.files.push(file),
        }
    }

    fn conflict(&mut self, existing: &Entry) {
        if self.wanted.conflicts.len() < MOST_CONFLICTS {
            let shown = self.plan.destination.join(existing.path.as_relative());
            self.wanted.conflicts.push(in_the_way(existing).at(shown.display()));
        }
    }
}
