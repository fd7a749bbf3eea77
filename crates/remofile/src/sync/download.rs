//! Making a local directory like a remote one.

use super::compare::{LocalTree, answer, digest};
use super::deltas::{Candidate, Changed, Deltas};
use super::feed::candidates;
use super::items::{EncodedStep, StepEncoder, has_content};
use super::plan_merger::{PlanMerger, Recipe};
use super::stages::{PlanExecutor, execute_plan};
use super::tree::Reading;
use super::trees::Trees;
use super::{SyncOptions, SyncReport, report};
use crate::client::{Client, LocalDestination, PartialsHere, Syncing};
use crate::delta::Piece;
use crate::error::{Error, Result};
use crate::monitor::Monitor;
use crate::plan::{Action, Answers, Draft, Plan, Side, Step};
use crate::store::{FollowLinks, LocalStore, Partial, Store, StoreOptions, make_local_directory, real_path};
use crate::transfer::Filter;
use remofile_protocol::handshake::Capabilities;
use remofile_protocol::path::{NameRule, RemotePath};
use remofile_protocol::wire::{ErrorCode, Failure, Known, Part, Selected};
use std::collections::{HashMap, HashSet};
use std::mem;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// Parts of one file that are asked for at most: each takes room in a message.
const MOST_PARTS: usize = 4000;

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
    let job = Download::new(source, destination, options, monitor.chunk_size().is_some())?;
    let syncing = Syncing::new(client, options.retry, monitor, false);
    let (plan, transfer) = syncing.run(false, |syncing| job.once(syncing))?;
    Ok(SyncReport { plan, transfer })
}

struct Download<'a> {
    source: &'a RemotePath,
    destination: &'a Path,
    options: &'a SyncOptions,
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
        shows_chunks: bool,
    ) -> Result<Self> {
        options.check()?;
        let top = RemotePath::root();
        let backup = options.backup.as_ref().map(|backup| local_backup(destination, backup)).transpose()?;
        let mut rules = options.selection.rules.clone();
        rules.extend(backup.as_ref().and_then(|backup| super::rule_against(&top, backup)));
        Filter::new(&rules, None, None).map_err(Error::Local)?;
        Ok(Self { source, destination, options, shows_chunks, top, rules, backup })
    }

    fn once(&self, syncing: &mut Syncing<'_>) -> Result<Plan> {
        syncing.refuse_download_into_itself(self.source, self.destination, self.options.delete)?;
        self.refuse_hiding_backup(syncing)?;
        let store = self.open()?;
        let draft = self.draft(syncing, store.as_ref())?;
        // Failures so far are of names that cannot be written: nothing comes by them, and what is here of them stays.
        let harmless = syncing.failure_count();
        syncing.await_hold()?;
        let answers = match &store {
            Some(store) => answer(syncing, &draft, LocalTree { store: &**store, top: &self.top }, self.source, false)?,
            None => Answers::default(),
        };
        let mut plan = draft.settle(&answers);
        if self.options.dry_run {
            report(syncing, &plan, &self.destination.display().to_string());
            return Ok(plan);
        }
        let store = match store {
            Some(store) => store,
            None => self.make()?,
        };
        // Partials that cannot be removed now do no harm.
        let _kept = store.expire_partials(self.options.partial_expiry);
        let recipes = self.prepare(syncing, &store, &mut plan)?;
        report(syncing, &plan, &self.destination.display().to_string());
        let plan = Arc::new(plan);
        let mut receiver = Receiver { job: self, store: &store, plan: Arc::clone(&plan), recipes };
        execute_plan(syncing, &plan, self.backup.clone(), harmless, &mut receiver)?;
        drop(receiver);
        Ok(Arc::unwrap_or_clone(plan))
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
        let options = StoreOptions { names: NameRule::Posix, follow: FollowLinks::Never, ..StoreOptions::default() };
        match LocalStore::open(self.destination, options) {
            Ok(store) => Ok(Some(Arc::new(store))),
            Err(failure) if failure.code == ErrorCode::NotFound => {
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
    fn draft(&self, syncing: &mut Syncing<'_>, store: Option<&Arc<dyn Store>>) -> Result<Draft> {
        let (shown, names) = (self.source.to_string(), NameRule::Posix);
        let there = Reading { top: self.source.clone(), shown, links: Some(self.options.selection.links), names };
        let shown = self.destination.display().to_string();
        let here = Reading { top: self.top.clone(), shown, links: None, names };
        let can = store.map_or(Capabilities::ALL, |store| store.capabilities());
        let rules = self.options.plan_rules(self.shows_chunks, can);
        let (local, left_out) = (Side::Destination, &self.rules);
        let trees = Trees { here, there, store, local, rules, left_out };
        match trees.draft(syncing)? {
            (draft, None) => Ok(draft),
            // A missing source must not be taken for an empty one, as everything would be deleted.
            (_, Some(failure)) => Err(Error::Remote(failure)),
        }
    }

    /// Returns the local partials of files that are to come and are not made of parts.
    fn partials(&self, plan: &Plan, store: &dyn Store, recipes: &HashMap<usize, Recipe>) -> Result<Vec<Partial>> {
        let mut partials = store.partials().map_err(|failure| self.local(failure))?;
        if !partials.is_empty() {
            let is_coming = |(index, step): (usize, &Step)| has_content(step) && !recipes.contains_key(&index);
            let coming: HashSet<&str> = plan
                .steps
                .iter()
                .enumerate()
                .filter(|(index, step)| is_coming((*index, step)))
                .map(|(_, step)| &*step.path)
                .collect();
            partials.retain(|partial| partial.path.relative_to(&self.top).is_some_and(|path| coming.contains(path)));
        }
        Ok(partials)
    }

    /// Searches large files for what changed. A file in which nothing changed only gets its time.
    fn prepare(
        &self,
        syncing: &mut Syncing<'_>,
        store: &Arc<dyn Store>,
        plan: &mut Plan,
    ) -> Result<HashMap<usize, Recipe>> {
        let candidate = |(index, size, old_size): (usize, u64, u64)| {
            let path = plan.steps.get(index)?.path.clone();
            Some(Candidate { index, path, local_bytes: old_size, remote_bytes: size })
        };
        let candidates: Vec<Candidate> = candidates(plan).into_iter().filter_map(candidate).collect();
        let local = Arc::clone(store);
        let (remote, most_literals) = (self.source, MOST_PARTS);
        let deltas = Deltas { store: local, local: &self.top, remote, is_upload: false, most_literals };
        let mut recipes = HashMap::new();
        if candidates.is_empty() {
            return Ok(recipes);
        }
        for changed in deltas.find(syncing, candidates, self.options)? {
            if changed.is_same() && !super::must_be_written(plan, changed.index) {
                let ours = syncing.attend(|check| digest(&**store, &self.top, &changed.path, check))?;
                if ours.is_ok_and(|ours| ours.is_some() && ours == changed.digest) {
                    super::only_touch(plan, changed.index, &changed.remote, self.options.send.preserve_mode);
                    continue;
                }
            }
            let Changed { index, pieces, remote, digest: Some(digest), .. } = changed else { continue };
            if let Some(pieces) = some_literal(pieces, remote.size) {
                recipes.insert(index, Recipe { pieces, size: remote.size, modified: remote.modified, digest });
            }
        }
        Ok(recipes)
    }
}

/// The executor of a download, which carries out steps on this side with the files that come.
struct Receiver<'a, 'b> {
    job: &'a Download<'b>,
    store: &'a Arc<dyn Store>,
    plan: Arc<Plan>,
    recipes: HashMap<usize, Recipe>,
}

impl PlanExecutor for Receiver<'_, '_> {
    fn execute(&mut self, syncing: &mut Syncing<'_>, steps: Range<usize>, encoder: StepEncoder) -> Result<()> {
        let (job, store, plan) = (self.job, self.store, Arc::clone(&self.plan));
        let recipes = mem::take(&mut self.recipes);
        let has_files = steps.clone().any(|index| matches!(encoder.encode(&plan, index), EncodedStep::Content { .. }));
        let kept = if has_files { job.partials(&plan, &**store, &recipes)? } else { Vec::new() };
        let PartialsHere { checked, known, .. } = syncing.partials_here(store, &kept)?;
        let files = PlannedFiles {
            source: job.source.clone(),
            plan: Arc::clone(&plan),
            steps: steps.clone(),
            encoder: encoder.clone(),
            parts: recipes.iter().map(|(index, recipe)| (*index, recipe.parts())).collect(),
            known,
        };
        let mut merger = PlanMerger::new(job.source, &plan, steps, encoder, recipes);
        let options = job.options.transfer();
        let destination = LocalDestination { store, path: job.destination };
        syncing.fetch(destination, has_files.then_some(files), checked, &options, &mut merger)
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

/// The files that are asked for, in the order of their steps.
struct PlannedFiles {
    source: RemotePath,
    plan: Arc<Plan>,
    steps: Range<usize>,
    encoder: StepEncoder,
    /// The parts that are wanted of some, by the index of their steps.
    parts: HashMap<usize, Vec<Part>>,
    known: HashMap<RemotePath, Known>,
}

impl Iterator for PlannedFiles {
    type Item = (Selected, u64);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let index = self.steps.next()?;
            let Step { path: below, action } = self.plan.steps.get(index)?;
            let (Action::Create { size } | Action::Update { size, .. }) = *action else { continue };
            let EncodedStep::Content { place: name, .. } = self.encoder.encode(&self.plan, index) else { continue };
            let (Ok(path), Ok(place)) = (self.source.join(below), RemotePath::root().join(&name)) else { continue };
            let parts = self.parts.remove(&index).unwrap_or_default();
            let known = self.known.remove(&place);
            return Some((Selected { path, name, known, as_link: false, parts }, size));
        }
    }
}

/// Makes sure that at least one byte of a file is asked for, since a file of which nothing is asked for would come
/// completely. `None` for an empty file.
fn some_literal(mut pieces: Vec<Piece>, size: u64) -> Option<Vec<Piece>> {
    if size == 0 {
        return None;
    }
    if !pieces.iter().any(|piece| matches!(piece, Piece::Literal { .. })) {
        let Some(Piece::Copy { offset, length }) = pieces.pop() else { return None };
        if length > 1 {
            pieces.push(Piece::Copy { offset, length: length - 1 });
        }
        pieces.push(Piece::Literal { offset: size - 1, length: 1 });
    }
    Some(pieces)
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
