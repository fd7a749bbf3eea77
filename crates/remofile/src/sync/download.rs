//! Making a local directory like a remote one.

mod preparing;

use super::compare::{LocalTree, answer};
use super::foretold_attributes::{Sides, report_with_attributes};
use super::hard_links::link_names;
use super::items::{EncodedStep, StepEncoder};
use super::links_to_earlier::LinksToEarlier;
use super::plan_merger::{PlanMerger, Recipe};
use super::planned_files::PlannedFiles;
use super::sections::Sections;
use super::stages::{PlanExecutor, execute_plan};
use super::tree::Reading;
use super::trees::{Drafted, Trees};
use super::{SyncOptions, SyncReport};
use crate::client::{Client, EarlierHere, FetchPart, LocalDestination, LocalFlush, PartialsHere, Syncing};
use crate::error::{Error, Result};
use crate::monitor::Monitor;
use crate::plan::{Answers, Plan, Side, StepCursor};
use crate::store::{FollowLinks, LocalStore, Partial, Store, StoreOptions, make_local_directory, real_path};
use crate::transfer::Filter;
use remofile_protocol::handshake::Capabilities;
use remofile_protocol::path::{NameRule, RemotePath};
use remofile_protocol::wire::{ErrorCode, Failure};
use std::collections::{HashMap, HashSet};
use std::mem;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// Makes a local directory like a remote one. It is created if its parent exists.
///
/// This is [`super::synchronize_upload`] in the other direction. Others may read from the server meanwhile, and
/// nobody changes anything there.
///
/// # Errors
/// Those of [`super::synchronize_upload`].
pub fn synchronize_download(
    client: &mut Client,
    source: &RemotePath,
    destination: &Path,
    options: &SyncOptions,
    monitor: &mut dyn Monitor,
) -> Result<SyncReport> {
    options.refuse_contradictions()?;
    let mut adapted = options.clone();
    let encoding = client.adapt(&mut adapted.selection, options.send, options.encode_names, false)?;
    let options = &adapted;
    let job = Download::new(source, destination, options, encoding, monitor.chunk_size().is_some())?;
    let syncing = Syncing::new(client, options.retry, monitor, false);
    let (plan, transfer) = syncing.run(false, std::slice::from_ref(source), |syncing| job.once(syncing))?;
    Ok(SyncReport { plan, transfer })
}

struct Download<'a> {
    source: &'a RemotePath,
    destination: &'a Path,
    options: &'a SyncOptions,
    /// The rule that names are encoded for, if they are.
    encoding: Option<NameRule>,
    shows_chunks: bool,
    top: RemotePath,
    /// The rules, and the one that leaves the backup out.
    rules: Vec<String>,
    backup: Option<RemotePath>,
}

impl<'a> Download<'a> {
    fn new(
        source: &'a RemotePath,
        destination: &'a Path,
        options: &'a SyncOptions,
        encoding: Option<NameRule>,
        shows_chunks: bool,
    ) -> Result<Self> {
        let top = RemotePath::root();
        let backup = options.backup.as_ref().map(|backup| local_backup(destination, backup)).transpose()?;
        let mut rules = options.selection.rules.clone();
        rules.extend(backup.as_ref().and_then(|backup| super::rule_against(&top, backup)));
        Filter::new(&rules, None, None).map_err(Error::Local)?;
        Ok(Self { source, destination, options, encoding, shows_chunks, top, rules, backup })
    }

    fn once(&self, syncing: &mut Syncing<'_>) -> Result<Plan> {
        syncing.refuse_download_into_itself(self.source, self.destination, self.options.delete)?;
        self.refuse_hiding_backup(syncing)?;
        if !self.options.dry_run {
            // Before anything is compared: what a killed call left in doubt is flushed now, and not fetched again.
            self.options.receive.tidy_up(self.destination);
        }
        let store = self.open()?;
        let earlier = self.earlier(syncing);
        let Drafted { draft, names, in_earlier, .. } = self.draft(syncing, store.as_ref(), earlier.as_ref())?;
        // Failures so far are of names that cannot be written: nothing comes by them, and what is here of them stays.
        let harmless = syncing.failure_count();
        syncing.await_hold()?;
        let answers = match &store {
            Some(store) => answer(syncing, &draft, LocalTree { store: &**store, top: &self.top }, self.source, false)?,
            None => Answers::default(),
        };
        let mut plan = draft.settle(&answers);
        link_names(&mut plan, &names, !self.options.ignore_existing);
        let shown = self.destination.display().to_string();
        let (remote, left_out) = (self.source, self.rules.as_slice());
        let links = LinksToEarlier { files: in_earlier, keeps_replaced: self.backup.is_some() };
        if self.options.dry_run {
            links.foretell(&mut plan);
            let sides = Sides { store: store.as_ref(), remote, left_out, shown: &shown };
            let told = report_with_attributes(syncing, &plan, &sides, self.options, false)?;
            return Ok(told.unwrap_or(plan));
        }
        let store = match store {
            Some(store) => store,
            None => self.make()?,
        };
        if let Some(earlier) = &earlier {
            links.make(syncing, earlier, &*store, self.destination, &mut plan)?;
        }
        let recipes = self.prepare(syncing, &store, &mut plan)?;
        let sides = Sides { store: Some(&store), remote, left_out, shown: &shown };
        report_with_attributes(syncing, &plan, &sides, self.options, false)?;
        let plan = Arc::new(plan);
        let mut receiver = Receiver { job: self, store: &store, plan: Arc::clone(&plan), recipes };
        execute_plan(syncing, &plan, StepEncoder::of_sync(self.options, self.backup.clone()), harmless, &mut receiver)?;
        drop(receiver);
        let here = LocalDestination { store: &store, path: self.destination };
        super::attributes::take(syncing, self.source, here, &self.rules, self.options)?;
        Ok(Arc::unwrap_or_clone(plan))
    }

    /// Opens the earlier copy that files may be linked to, if one is named and there.
    fn earlier(&self, syncing: &mut Syncing<'_>) -> Option<EarlierHere> {
        let directory = self.options.link_dest_here.as_ref()?;
        let compares_modes = self.options.send.sets_modes();
        let opened = EarlierHere::open(directory, self.destination, self.encoding, compares_modes);
        opened.map_err(|failure| syncing.failed(failure)).ok()
    }

    fn refuse_hiding_backup(&self, syncing: &mut Syncing<'_>) -> Result<()> {
        let Some(below) = self.backup.as_ref().and_then(|backup| backup.relative_to(&self.top)) else { return Ok(()) };
        let filter = Filter::new(&self.options.selection.rules, None, None).map_err(Error::Local)?;
        match self.source.join(below) {
            Ok(path) if filter.admits_directory(below) && syncing.exists(&path)? => Err(super::hidden_by_backup(path)),
            _ => Ok(()),
        }
    }

    /// Opens the destination, if it exists.
    fn open(&self) -> Result<Option<Arc<dyn Store>>> {
        // Both trees are compared with links as what they are: what is to be stored through one was not in the plan.
        let options = self.options.receive.store_options(FollowLinks::Never);
        let options = StoreOptions { encoding: self.encoding, ..options };
        match LocalStore::open(self.destination, options) {
            Ok(store) => Ok(Some(Arc::new(store))),
            Err(failure) if failure.code == ErrorCode::NotFound => {
                if self.options.dry_run && self.options.missing_is_empty {
                    return Ok(None);
                }
                let parent = match self.destination.parent() {
                    Some(parent) if !parent.as_os_str().is_empty() => parent,
                    _ => Path::new("."),
                };
                let orphan = |failure: Failure| Error::Local(failure.at(parent.display()));
                LocalStore::open(parent, StoreOptions::default()).map(|_| None).map_err(orphan)
            }
            Err(failure) => Err(self.local(failure)),
        }
    }

    fn make(&self) -> Result<Arc<dyn Store>> {
        make_local_directory(self.destination).map_err(|failure| self.local(failure))?;
        self.open()?.ok_or_else(|| self.local(ErrorCode::NotFound.into()))
    }

    fn local(&self, failure: Failure) -> Error {
        Error::Local(failure.at(self.destination.display()))
    }

    /// Compares both trees.
    fn draft(
        &self,
        syncing: &mut Syncing<'_>,
        store: Option<&Arc<dyn Store>>,
        earlier: Option<&EarlierHere>,
    ) -> Result<Drafted> {
        let (shown, names) = (self.source.to_string(), NameRule::Posix);
        let attributes_follow = super::attributes::follow(syncing, self.options, false)?;
        let there = Reading::of_source(self.options, names, self.source.clone(), shown);
        let there = Reading { attributes_follow, encoding: self.encoding, ..there };
        let (top, shown) = (self.top.clone(), self.destination.display().to_string());
        let here = Reading { top, shown, links: None, encoding: None, ..there };
        let can = store.map_or(Capabilities::ALL, |store| store.capabilities());
        let rules = self.options.plan_rules(self.shows_chunks, can);
        let (local, left_out) = (Side::Destination, &self.rules);
        let listed = self.options.listed.as_ref();
        let trees = Trees { here, there, store, local, rules, left_out, listed, earlier };
        match trees.draft(syncing)? {
            // A missing source must not be taken for an empty one, as everything would be deleted.
            Drafted { missing: Some(failure), .. } => Err(Error::Remote(failure)),
            drafted => Ok(drafted),
        }
    }
}

/// The executor of a download, which carries out steps on this side with the files that come.
struct Receiver<'a, 'b> {
    job: &'a Download<'b>,
    store: &'a Arc<dyn Store>,
    plan: Arc<Plan>,
    recipes: HashMap<usize, Recipe>,
}

impl Receiver<'_, '_> {
    /// Fetches what some steps need, and takes the steps: one range over the connection with the lease, several over one
    /// each.
    fn fetch(&mut self, syncing: &mut Syncing<'_>, ranges: Vec<Range<usize>>, encoder: &StepEncoder) -> Result<()> {
        let (job, store, plan) = (self.job, self.store, Arc::clone(&self.plan));
        let options = job.options.transfer();
        let has_files = |steps: &Range<usize>| {
            let mut cursor = StepCursor::default();
            let mut is_file = |index| matches!(encoder.encode(&plan, &mut cursor, index), EncodedStep::Content { .. });
            steps.clone().any(&mut is_file)
        };
        let kept = match ranges.iter().any(has_files) {
            true => job.partials(syncing, &plan, &**store, &self.recipes)?,
            false => Vec::new(),
        };
        let is_one = ranges.len() == 1;
        let (mut parts, mut kept) = (Vec::new(), kept);
        for steps in ranges {
            let own = if is_one { mem::take(&mut kept) } else { take_own(&mut kept, &job.top, &plan, steps.clone()) };
            let PartialsHere { checked, known, .. } = syncing.partials_here(store, &own)?;
            let recipes: HashMap<usize, Recipe> =
                self.recipes.extract_if(|index, _| is_one || steps.contains(index)).collect();
            let files = PlannedFiles {
                source: job.source.clone(),
                plan: Arc::clone(&plan),
                cursor: StepCursor::default(),
                steps: steps.clone(),
                encoder: encoder.clone(),
                parts: recipes.iter().map(|(index, recipe)| (*index, recipe.parts())).collect(),
                known,
            };
            let files: Option<Box<dyn Iterator<Item = _> + Send>> =
                if has_files(&steps) { Some(Box::new(files)) } else { None };
            let merger = Box::new(PlanMerger::new(job.source, &self.plan, steps, encoder.clone(), recipes));
            parts.push(FetchPart { files, checked, merger });
        }
        let destination = LocalDestination { store, path: job.destination };
        match <[FetchPart<'_>; 1]>::try_from(parts) {
            Ok([FetchPart { files, checked, mut merger }]) => {
                syncing.fetch(destination, files, checked, &options, &mut *merger)
            }
            Err(parts) => syncing.fetch_together(destination, parts, &options),
        }
    }
}

impl PlanExecutor for Receiver<'_, '_> {
    fn execute(&mut self, syncing: &mut Syncing<'_>, steps: Range<usize>, encoder: StepEncoder) -> Result<()> {
        let store = self.store;
        let flush = LocalFlush::begin(&**store);
        let fetched = match Sections::of(&self.plan, steps.clone(), self.job.options.connections(self.job.shows_chunks))
        {
            Some(Sections { first, parts }) => {
                let made = if first.is_empty() { Ok(()) } else { self.fetch(syncing, vec![first], &encoder) };
                made.and_then(|()| self.fetch(syncing, parts, &encoder))
            }
            None => self.fetch(syncing, vec![steps], &encoder),
        };
        // Before the next steps: nothing is deleted before what takes its place is on the disk.
        let flushed = match &fetched {
            Ok(()) => syncing.attend(|_| Ok(flush.force(&**store, self.job.destination)))?,
            // The call has no more time: what was stored stays in doubt until the next one flushes it.
            Err(Error::Timeout(_) | Error::Stalled(_)) => Ok(()),
            Err(_) => flush.force(&**store, self.job.destination),
        };
        if let Err(failure) = flushed {
            syncing.failed(failure);
        }
        fetched
    }

    fn clear_away(&mut self, syncing: &mut Syncing<'_>, places: Vec<String>) -> Result<()> {
        for place in places {
            let removed = RemotePath::root().join(&place).map_err(Failure::from).and_then(|at| self.store.remove(&at));
            match removed {
                Err(failure) if failure.code != ErrorCode::NotFound => syncing.failed(failure.at(place)),
                _ => {}
            }
        }
        Ok(())
    }
}

/// Takes the partials of the files of some steps.
fn take_own(partials: &mut Vec<Partial>, top: &RemotePath, plan: &Plan, steps: Range<usize>) -> Vec<Partial> {
    if partials.is_empty() {
        return Vec::new();
    }
    let paths: HashSet<Box<str>> = plan.steps.range(steps).map(|step| step.path).collect();
    let is_own = |partial: &mut Partial| partial.path.relative_to(top).is_some_and(|path| paths.contains(path));
    partials.extract_if(.., is_own).collect()
}

/// Returns the backup directory of a download, as a path below the destination. Links are followed: they may lead
/// to another place in the destination, and that is the one to leave out.
fn local_backup(destination: &Path, backup: &str) -> Result<RemotePath> {
    let outside = || {
        let why = "the backup directory of a download must be inside its destination: give a relative path";
        Error::Local(Failure::new(ErrorCode::OutsideRoot).at(backup).because(why))
    };
    let path = Path::new(backup);
    let path = destination.join(path.strip_prefix(destination).unwrap_or(path));
    let (path, top) = (real_path(&path).ok_or_else(outside)?, real_path(destination).ok_or_else(outside)?);
    let below = path.strip_prefix(top).ok().and_then(Path::to_str).ok_or_else(outside)?;
    super::backup_path(&RemotePath::root(), below)
}
