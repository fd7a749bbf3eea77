//! Making a remote directory like a local one.

use super::compare::{LocalTree, answer, digest, remote_digests};
use super::deltas::{Candidate, Changed, Deltas};
use super::feed::{PlannedFeed, Prepared, candidates};
use super::items::StepEncoder;
use super::stages::{PlanExecutor, execute_plan};
use super::tree::Reading;
use super::trees::Trees;
use super::{SyncOptions, SyncReport, report};
use crate::client::{Client, Syncing};
use crate::error::{Error, Result};
use crate::monitor::Monitor;
use crate::plan::{Action, Answers, Draft, Plan, Side};
use crate::store::{LocalStore, ReadStore, Store, StoreOptions};
use crate::transfer::{FeedItem, FileRecipe, Filter};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Element, Failure, Item, Known, Listed, Request};
use std::collections::{HashMap, VecDeque};
use std::mem;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// Smallest file that is resumed, in bytes. Smaller ones are sent anew.
const LEAST_PARTIAL: u64 = 1024 * 1024;

/// Makes a remote directory like a local one. It is created if its parent exists.
///
/// The lease is held from the first look to the last change. What cannot be done is in the report;
/// everything else is. A file is whole, old or new, at every moment; deletions come last, and only if
/// everything of the source could be read. If the connection is lost, it is tried again as often as the
/// options say; so is what an earlier call left undone, by the same call made again.
///
/// # Examples
/// ```no_run
/// use remofile::protocol::token::Token;
/// use remofile::{Client, ClientOptions, Silent, SyncOptions, synchronize_upload};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let token = Token::parse("e9NUu9DRuDtUa5mSvc3VC7")?;
/// let mut client = Client::connect(ClientOptions::new("localhost", 6768, token))?;
/// let options = SyncOptions { delete: true, max_delete: Some(100), ..SyncOptions::default() };
/// let report = synchronize_upload(&mut client, "photos".as_ref(), &"/photos".parse()?, &options, &mut Silent)?;
/// println!("{} files sent, {} unchanged", report.transfer.files, report.plan.unchanged.files);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// What ends it: a source that is no directory or cannot be read, a destination whose parent does not exist
/// or that is a file, a destination inside its source, the lease is held by others, no connection...
pub fn synchronize_upload(
    client: &mut Client,
    source: &Path,
    destination: &RemotePath,
    options: &SyncOptions,
    monitor: &mut dyn Monitor,
) -> Result<SyncReport> {
    let job = Upload::new(source, destination, options, monitor.chunk_size().is_some())?;
    let syncing = Syncing::new(client, options.retry, monitor, true);
    let (plan, transfer) = syncing.run(!options.dry_run, |syncing| job.once(syncing))?;
    Ok(SyncReport { plan, transfer })
}

struct Upload<'a> {
    source: &'a Path,
    destination: &'a RemotePath,
    options: &'a SyncOptions,
    shows_chunks: bool,
    store: Arc<dyn Store>,
    top: RemotePath,
    /// The rules, and the one that leaves the backup out.
    rules: Vec<String>,
    backup: Option<RemotePath>,
}

impl<'a> Upload<'a> {
    fn new(
        source: &'a Path,
        destination: &'a RemotePath,
        options: &'a SyncOptions,
        shows_chunks: bool,
    ) -> Result<Self> {
        options.check()?;
        let local = |failure: Failure| Error::Local(failure.at(source.display()));
        let store = LocalStore::open(source, StoreOptions::default()).map_err(local)?;
        let backup = options.backup.as_ref().map(|backup| super::backup_path(destination, backup)).transpose()?;
        let mut rules = options.selection.rules.clone();
        if let Some(below) = backup.as_ref().and_then(|backup| backup.relative_to(destination))
            && Filter::new(&rules, None, None).map_err(Error::Local)?.admits_directory(below)
            && !below.is_empty()
            && RemotePath::root().join(below).is_ok_and(|path| store.stat(&path).is_ok())
        {
            return Err(super::hidden_by_backup(source.join(below).display()));
        }
        rules.extend(backup.as_ref().and_then(|backup| super::rule_against(destination, backup)));
        Filter::new(&rules, None, None).map_err(Error::Local)?;
        let top = RemotePath::root();
        Ok(Self { source, destination, options, shows_chunks, store: Arc::new(store), top, rules, backup })
    }

    fn once(&self, syncing: &mut Syncing<'_>) -> Result<Plan> {
        self.options.refuse_unsupported(syncing.server()?.capabilities)?;
        syncing.refuse_upload_into_itself(self.source, self.destination, self.options.delete)?;
        let (draft, exists) = self.draft(syncing)?;
        // Failures so far are of names that the server does not admit: it can never have them, and what it has of them
        // stays.
        let harmless = syncing.failure_count();
        syncing.await_hold()?;
        let answers = match exists {
            true => answer(syncing, &draft, LocalTree { store: &*self.store, top: &self.top }, self.destination, true)?,
            false => Answers::default(),
        };
        let mut plan = draft.settle(&answers);
        if self.options.dry_run {
            report(syncing, &plan, self.destination.as_str());
            return Ok(plan);
        }
        let prepared = self.prepare(syncing, &mut plan)?;
        report(syncing, &plan, self.destination.as_str());
        if !exists {
            syncing.make_directory(self.destination)?;
        }
        // After the destination was made, since a missing directory cannot be surveyed.
        let known = self.known(syncing, &plan)?;
        let plan = Arc::new(plan);
        let file_size_limit = syncing.server()?.file_size_limit;
        let mut sender = Sender { job: self, plan: Arc::clone(&plan), prepared, known, file_size_limit };
        execute_plan(syncing, &plan, self.backup.clone(), harmless, &mut sender)?;
        drop(sender);
        Ok(Arc::unwrap_or_clone(plan))
    }

    /// Compares both trees. Returns the draft, and whether the remote tree exists.
    fn draft(&self, syncing: &mut Syncing<'_>) -> Result<(Draft, bool)> {
        let names = syncing.server()?.names;
        let shown = self.source.display().to_string();
        let here = Reading { top: self.top.clone(), shown, links: Some(self.options.selection.links), names };
        let shown = self.destination.to_string();
        let there = Reading { top: self.destination.clone(), shown, links: None, names };
        let rules = self.options.plan_rules(self.shows_chunks, syncing.server()?.capabilities);
        let left_out = &self.rules;
        let trees = Trees { here, there, store: Some(&self.store), local: Side::Source, rules, left_out };
        let (draft, missing) = trees.draft(syncing)?;
        let exists = missing.is_none();
        missing.map_or(Ok(()), |failure| syncing.refuse_orphan(self.destination, failure))?;
        Ok((draft, exists))
    }

    /// Searches large files for what changed. A file in which nothing changed only gets its time.
    fn prepare(&self, syncing: &mut Syncing<'_>, plan: &mut Plan) -> Result<HashMap<usize, Prepared>> {
        let candidate = |(index, size, old_size): (usize, u64, u64)| {
            let path = plan.steps.get(index)?.path.clone();
            Some(Candidate { index, path, local_bytes: size, remote_bytes: old_size })
        };
        let candidates: Vec<Candidate> = candidates(plan).into_iter().filter_map(candidate).collect();
        if candidates.is_empty() {
            return Ok(HashMap::new());
        }
        let (store, most_literals) = (Arc::clone(&self.store), usize::MAX);
        let deltas = Deltas { store, local: &self.top, remote: self.destination, is_upload: true, most_literals };
        let found = deltas.find(syncing, candidates, self.options)?;
        let mut prepared = HashMap::new();
        for changed in found {
            if changed.is_same() && !super::must_be_written(plan, changed.index) && self.is_same(syncing, &changed)? {
                super::only_touch(plan, changed.index, &changed.local, self.options.send.preserve_mode);
                continue;
            }
            let Changed { index, path, pieces, local, .. } = changed;
            let recipe = FileRecipe::new(path.to_string(), pieces);
            prepared.insert(index, Prepared { size: local.size, modified: local.modified, recipe });
        }
        Ok(prepared)
    }

    fn is_same(&self, syncing: &mut Syncing<'_>, changed: &Changed) -> Result<bool> {
        let theirs = remote_digests(syncing, self.destination, &[&changed.path])?;
        let ours = syncing.attend(|check| digest(&*self.store, &self.top, &changed.path, check))?;
        Ok(ours.is_ok_and(|ours| ours.is_some() && ours.as_ref() == theirs.get(&changed.path)))
    }

    /// Returns the partials at the destination of files that are to be sent.
    fn known(&self, syncing: &mut Syncing<'_>, plan: &Plan) -> Result<HashMap<Box<str>, Known>> {
        let is_large = |action: &Action| match action {
            Action::Create { size } | Action::Update { size, .. } => *size >= LEAST_PARTIAL,
            _ => false,
        };
        let sent: Vec<&str> = plan.steps.iter().filter(|step| is_large(&step.action)).map(|step| &*step.path).collect();
        if sent.is_empty() { Ok(HashMap::new()) } else { syncing.known_partials(self.destination, &sent) }
    }
}

/// The executor of an upload, which has the server take the steps.
struct Sender<'a, 'b> {
    job: &'a Upload<'b>,
    plan: Arc<Plan>,
    prepared: HashMap<usize, Prepared>,
    known: HashMap<Box<str>, Known>,
    file_size_limit: u64,
}

impl Sender<'_, '_> {
    fn feed(&mut self, steps: Range<usize>, encoder: StepEncoder) -> PlannedFeed {
        PlannedFeed {
            store: Arc::clone(&self.job.store),
            top: self.job.top.clone(),
            shown: self.job.source.display().to_string(),
            plan: Arc::clone(&self.plan),
            steps,
            encoder,
            prepared: mem::take(&mut self.prepared),
            known: mem::take(&mut self.known),
            file_size_limit: self.file_size_limit,
            queue: VecDeque::new(),
        }
    }
}

impl PlanExecutor for Sender<'_, '_> {
    fn execute(&mut self, syncing: &mut Syncing<'_>, steps: Range<usize>, encoder: StepEncoder) -> Result<()> {
        let feed = self.feed(steps, encoder);
        syncing.send(feed, self.job.destination, &self.job.options.transfer())
    }

    fn clear_away(&mut self, syncing: &mut Syncing<'_>, places: Vec<String>) -> Result<()> {
        let mut feed = self.feed(0..0, StepEncoder::default());
        let destination = self.job.destination.clone();
        syncing.elements(
            Request::Survey { destination: destination.clone(), names: places.clone(), unflushed: true },
            &mut |element| {
                if let Element::Listed(Listed::Entry(entry)) = element
                    && let Some(path) = entry.path.relative_to(&destination).map(str::to_owned)
                    && places.contains(&path)
                {
                    feed.queue.push_back(FeedItem::Change(Item::Remove { path }));
                }
                Ok(())
            },
        )?;
        if feed.queue.is_empty() { Ok(()) } else { syncing.send(feed, &destination, &self.job.options.transfer()) }
    }
}
