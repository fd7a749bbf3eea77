//! Making a remote directory like a local one.

use super::compare::{LocalTree, answer, digest, remote_digests};
use super::deltas::{Candidate, Changed, Deltas};
use super::feed::{PlannedFeed, Prepared, candidates};
use super::foretold_attributes::{Sides, report_with_attributes};
use super::hard_links::link_names;
use super::items::StepEncoder;
use super::sections::Sections;
use super::stages::{PlanExecutor, execute_plan};
use super::tree::Reading;
use super::trees::{Drafted, Trees};
use super::{SyncOptions, SyncReport};
use crate::client::{Client, Earlier, FeedPart, Syncing, encoded_again, missing};
use crate::error::{Error, Result};
use crate::monitor::Monitor;
use crate::plan::{Action, Answers, Plan, Side, StepCursor};
use crate::store::{LocalStore, ReadStore, Store, StoreOptions};
use crate::transfer::{FeedItem, FileRecipe, Filter};
use remofile_protocol::handshake::Capability;
use remofile_protocol::path::{NameRule, RemotePath};
use remofile_protocol::wire::{Element, ErrorCode, Failure, Item, Known, Listed, Request};
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
/// or that is a file, a destination inside its source, options that contradict each other, the lease is held by others, no connection...
pub fn synchronize_upload(
    client: &mut Client,
    source: &Path,
    destination: &RemotePath,
    options: &SyncOptions,
    monitor: &mut dyn Monitor,
) -> Result<SyncReport> {
    options.refuse_contradictions()?;
    let mut adapted = options.clone();
    let encoding =
        client.adapt(&mut adapted.selection, options.send, options.encode_names, options.link_dest.is_some())?;
    if let (Some(listed), Some(rule)) = (&adapted.listed, encoding) {
        adapted.listed = Some(listed.map(|path| encoded_again(path, rule)).map_err(Error::Local)?);
    }
    let options = &adapted;
    let job = Upload::new(source, destination, options, encoding, monitor.chunk_size().is_some())?;
    let syncing = Syncing::new(client, options.retry, monitor, true);
    let (plan, transfer) = syncing.run(!options.dry_run, &job.paths(), |syncing| job.once(syncing))?;
    Ok(SyncReport { plan, transfer })
}

struct Upload<'a> {
    source: &'a Path,
    destination: &'a RemotePath,
    options: &'a SyncOptions,
    /// The rule that names are encoded for, if they are.
    encoding: Option<NameRule>,
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
        encoding: Option<NameRule>,
        shows_chunks: bool,
    ) -> Result<Self> {
        let local = |failure: Failure| Error::Local(failure.at(source.display()));
        let store = LocalStore::open(source, StoreOptions { encoding, ..StoreOptions::default() }).map_err(local)?;
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
        let store = Arc::new(store);
        Ok(Self { source, destination, options, encoding, shows_chunks, store, top, rules, backup })
    }

    /// The paths that nobody else may change meanwhile.
    fn paths(&self) -> Vec<RemotePath> {
        std::iter::once(self.destination).chain(self.backup_outside()).cloned().collect()
    }

    fn backup_outside(&self) -> Option<&RemotePath> {
        self.backup.as_ref().filter(|backup| backup.relative_to(self.destination).is_none())
    }

    /// Returns the number of connections that files are sent over at once. Only the one with the lease may change something
    /// outside of the destination.
    fn connections(&self) -> usize {
        if self.backup_outside().is_some() { 1 } else { self.options.connections(self.shows_chunks) }
    }

    fn once(&self, syncing: &mut Syncing<'_>) -> Result<Plan> {
        self.options.refuse_unsupported(syncing.server()?.capabilities)?;
        syncing.refuse_upload_into_itself(self.source, self.destination, self.options.delete)?;
        let Drafted { draft, missing, names, .. } = self.draft(syncing)?;
        let exists = missing.is_none();
        // Failures so far are of names that the server does not admit: it can never have them, and what it has of them
        // stays.
        let harmless = syncing.failure_count();
        syncing.await_hold()?;
        let answers = match exists {
            true => answer(syncing, &draft, LocalTree { store: &*self.store, top: &self.top }, self.destination, true)?,
            false => Answers::default(),
        };
        let mut plan = draft.settle(&answers);
        link_names(&mut plan, &names, !self.options.ignore_existing);
        // A destination that is missing has nothing yet that could get other attributes.
        let (store, remote, shown) =
            (Some(&self.store).filter(|_| exists), self.destination, self.destination.as_str());
        let sides = Sides { store, remote, left_out: &self.rules, shown };
        if self.options.dry_run {
            let told = report_with_attributes(syncing, &plan, &sides, self.options, true)?;
            return Ok(told.unwrap_or(plan));
        }
        let prepared = self.prepare(syncing, &mut plan)?;
        report_with_attributes(syncing, &plan, &sides, self.options, true)?;
        if !exists {
            syncing.make_directory(self.destination)?;
        }
        // After the destination was made, since a missing directory cannot be surveyed.
        let known = self.known(syncing, &plan, &prepared)?;
        let plan = Arc::new(plan);
        let file_size_limit = syncing.server()?.file_size_limit;
        let earlier = self.earlier(syncing)?;
        let mut sender = Sender { job: self, plan: Arc::clone(&plan), prepared, known, file_size_limit, earlier };
        execute_plan(syncing, &plan, StepEncoder::of_sync(self.options, self.backup.clone()), harmless, &mut sender)?;
        drop(sender);
        super::attributes::give(syncing, &self.store, self.destination, &self.rules, self.options)?;
        Ok(Arc::unwrap_or_clone(plan))
    }

    /// Compares both trees.
    fn draft(&self, syncing: &mut Syncing<'_>) -> Result<Drafted> {
        let names = syncing.server()?.names;
        let shown = self.source.display().to_string();
        let attributes_follow = super::attributes::follow(syncing, self.options, true)?;
        let here = Reading::of_source(self.options, names, self.top.clone(), shown);
        let takes_links = syncing.server()?.capabilities.has(Capability::Links);
        let here = Reading { attributes_follow, takes_links, ..here };
        let (top, shown) = (self.destination.clone(), self.destination.to_string());
        let there = Reading { top, shown, links: None, encoding: self.encoding, ..here };
        let rules = self.options.plan_rules(self.shows_chunks, syncing.server()?.capabilities);
        let left_out = &self.rules;
        let trees = Trees {
            here,
            there,
            store: Some(&self.store),
            local: Side::Source,
            rules,
            left_out,
            listed: self.options.listed.as_ref(),
            earlier: None,
        };
        let drafted = trees.draft(syncing)?;
        let missing = drafted.missing.clone().filter(|_| !(self.options.dry_run && self.options.missing_is_empty));
        missing.map_or(Ok(()), |failure| syncing.refuse_orphan(self.destination, failure))?;
        Ok(drafted)
    }

    /// Lists the earlier backup that files may be linked to, if one is named and there.
    fn earlier(&self, syncing: &mut Syncing<'_>) -> Result<Option<Arc<Earlier>>> {
        let Some(directory) = &self.options.link_dest else { return Ok(None) };
        let mut earlier = Earlier::new(directory.clone(), self.options.send.sets_modes());
        match syncing.elements(earlier.request(), &mut |element| earlier.add(element)) {
            Ok(()) => Ok(Some(Arc::new(earlier))),
            Err(Error::Remote(failure)) if matches!(failure.code, ErrorCode::NotFound | ErrorCode::NotADirectory) => {
                syncing.failed(missing(directory, failure));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Searches large files for what changed. A file in which nothing changed only gets its time.
    fn prepare(&self, syncing: &mut Syncing<'_>, plan: &mut Plan) -> Result<HashMap<usize, Prepared>> {
        let candidate = |(index, size, old_size): (usize, u64, u64)| {
            let path = plan.steps.get(index)?.path;
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
    fn known(
        &self,
        syncing: &mut Syncing<'_>,
        plan: &Plan,
        prepared: &HashMap<usize, Prepared>,
    ) -> Result<HashMap<Box<str>, Known>> {
        if !self.options.resume && !syncing.is_again() {
            return Ok(HashMap::new());
        }
        let is_large = |action: &Action| match action {
            Action::Create { size } | Action::Update { size, .. } => *size >= LEAST_PARTIAL,
            _ => false,
        };
        // What is made of a file that is there goes on with no partial.
        let is_sent = |index: usize, action: &Action| is_large(action) && !prepared.contains_key(&index);
        let steps = plan.steps.iter().enumerate().filter(|(index, step)| is_sent(*index, &step.action));
        let sent: Vec<_> = steps.map(|(_, step)| step.path).collect();
        let sent: Vec<&str> = sent.iter().map(|path| &**path).collect();
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
    earlier: Option<Arc<Earlier>>,
}

impl Sender<'_, '_> {
    /// Sends steps over several connections, each of which has its own part of what was prepared.
    fn spread(&mut self, syncing: &mut Syncing<'_>, parts: Vec<Range<usize>>, encoder: &StepEncoder) -> Result<()> {
        let plan = Arc::clone(&self.plan);
        let part = |steps: Range<usize>| {
            let paths = plan.steps.range(steps.clone()).map(|step| step.path);
            let partials = match self.known.is_empty() {
                true => Vec::new(),
                false => paths.filter(|path| self.known.remove(path).is_some()).map(String::from).collect(),
            };
            let prepared = self.prepared.extract_if(|index, _| steps.contains(index)).collect();
            let feed = PlannedFeed { prepared, ..self.feed(steps, encoder.clone()) };
            FeedPart { feed, partials }
        };
        let parts = parts.into_iter().map(part).collect();
        let adopt = |feed: &mut PlannedFeed, known| feed.known = known;
        syncing.send_together(parts, self.job.destination, &self.job.options.transfer(), adopt)
    }

    fn feed(&mut self, steps: Range<usize>, encoder: StepEncoder) -> PlannedFeed {
        PlannedFeed {
            store: Arc::clone(&self.job.store),
            top: self.job.top.clone(),
            shown: self.job.source.display().to_string(),
            plan: Arc::clone(&self.plan),
            cursor: StepCursor::default(),
            steps,
            encoder,
            prepared: mem::take(&mut self.prepared),
            known: mem::take(&mut self.known),
            file_size_limit: self.file_size_limit,
            earlier: self.earlier.clone(),
            queue: VecDeque::new(),
        }
    }
}

impl PlanExecutor for Sender<'_, '_> {
    fn execute(&mut self, syncing: &mut Syncing<'_>, steps: Range<usize>, encoder: StepEncoder) -> Result<()> {
        if let Some(Sections { first, parts }) = Sections::of(&self.plan, steps.clone(), self.job.connections()) {
            if super::has_work(self.plan.steps.range(first.clone())) {
                self.execute(syncing, first, encoder.clone())?;
            }
            return self.spread(syncing, parts, &encoder);
        }
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
