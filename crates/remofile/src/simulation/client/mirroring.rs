//! A sync that is under way, in either direction: the parts of the real one, one request after the other.

use super::work::{Next, Part};
use super::{Checked, Moment};
use crate::client::{ItemMerger, LocalFlush, Present};
use crate::plan::{Action, Answers, Draft, Plan};
use crate::simulation::disk::{Disk, MirrorGuard, content_of};
use crate::simulation::mutant::Mutant;
use crate::simulation::sending::{Sources, Uploading};
use crate::simulation::task::{MIRRORED, Mirror};
use crate::sync::SyncOptions;
use crate::sync::simulated::{SimulatedSync, plan_rules};
use crate::transfer::{Trouble, Unpacker, UnpackerMonitor};
use remofile_protocol::path::RemotePath;
use remofile_protocol::session::ClientSession;
use remofile_protocol::wire::{
    AttributeSet, Done, Element, Failure, Item, Known, OnConflict, OperationId, Request, Selected, Selection,
};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// Smallest file of which something may have been kept.
const LEAST_PARTIAL_BYTES: u64 = 1024 * 1024;

/// A sync.
pub(super) struct Mirroring {
    sync: SimulatedSync,
    /// The disk of its user, for a download.
    disk: Disk,
    /// `None` for an upload.
    guard: Option<MirrorGuard>,
    phase: Phase,
    failures: u64,
    mutant: Option<Mutant>,
}

enum Phase {
    Compare,
    /// Contents are to be compared.
    Ask(Box<Draft>),
    /// Partials of large files are to be looked at.
    Look(Arc<Plan>),
    Execute {
        plan: Arc<Plan>,
        /// Stages that are left, the next one first.
        stages: Vec<Range<usize>>,
        known: HashMap<Box<str>, Known>,
    },
}

impl Mirroring {
    pub(super) fn begin(mirror: &Mirror, sources: &Sources, disk: &Disk, mutant: Option<Mutant>, step: u64) -> Self {
        let options = SyncOptions { delete: mirror.deletes, checksum: mirror.checks, ..SyncOptions::default() };
        let top = if mirror.is_upload { RemotePath::root() } else { mirror.directory.clone() };
        let local = if mirror.is_upload { sources.store() } else { disk.store(0, None) };
        let (is_upload, remote, rules) = (mirror.is_upload, mirror.directory.clone(), plan_rules(&options));
        let sync = SimulatedSync { is_upload, local, top, remote, rules };
        let guard = (!is_upload).then(|| disk.begin_mirror(step));
        Self { sync, disk: disk.clone(), guard, phase: Phase::Compare, failures: 0, mutant }
    }

    /// Begins again, as an attempt or a user does.
    pub(super) fn again(&mut self) {
        (self.phase, self.failures) = (Phase::Compare, 0);
        if !self.sync.is_upload {
            // Its disk may have come up again.
            self.sync.local = self.disk.store(0, None);
        }
    }

    pub(super) fn is_finished(&self) -> bool {
        matches!(&self.phase, Phase::Execute { stages, .. } if stages.is_empty()) && self.failures == 0
    }

    /// Asks for what comes next. `None` if nothing is needed from the server any more.
    pub(super) fn ask(&mut self, machine: &mut ClientSession, now: Duration) -> Checked<Option<(OperationId, Part)>> {
        let wait = 0;
        Ok(Some(match &mut self.phase {
            Phase::Compare => (machine.start(now, self.sync.listing(), wait), Part::Elements(Vec::new())),
            Phase::Ask(draft) => {
                let questions = draft.questions();
                let theirs = if self.sync.is_upload { questions.destination } else { questions.source };
                let named = |path: Box<str>| {
                    let (at, name) = (self.sync.remote.join(&path).ok()?, path.into());
                    Some(Selected { path: at, name, known: None, as_link: false, parts: Vec::new() })
                };
                let files = theirs.into_iter().filter_map(named).collect();
                let selection = Some(Selection { one_by_one: true, ..Selection::default() });
                let (sources, attributes) = (Vec::new(), AttributeSet::NONE);
                let request = Request::Find { sources, recursive: false, selection, digests: true, attributes };
                (select(machine, now, request, files)?, Part::Elements(Vec::new()))
            }
            Phase::Look(plan) => {
                let (destination, names) = (self.sync.remote.clone(), large(plan));
                let present = Present::at(&destination);
                let request = Request::Survey { destination, names, unflushed: true };
                (machine.start(now, request, wait), Part::Survey(present))
            }
            Phase::Execute { .. } => return self.execute(machine, now),
        }))
    }

    /// Executes the next stages, up to one that needs the server.
    fn execute(&mut self, machine: &mut ClientSession, now: Duration) -> Checked<Option<(OperationId, Part)>> {
        let Phase::Execute { plan, stages, known } = &mut self.phase else { return Ok(None) };
        while let Some(steps) = stages.first().cloned() {
            if steps.is_empty() {
                stages.remove(0);
                continue;
            }
            if self.sync.is_upload {
                let (destination, on_conflict) = (self.sync.remote.clone(), OnConflict::Replace);
                let request = Request::Upload { destination, on_conflict, names: None, group: None, claims: None };
                let uploading = Uploading::of(self.sync.feed(plan, steps, std::mem::take(known)));
                return Ok(Some((machine.start(now, request, 0), Part::Upload(Box::new(uploading)))));
            }
            let files = self.sync.files(plan, steps.clone());
            let mut fetching = Fetching::begin(&self.sync, plan, steps)?;
            if !files.is_empty() {
                let selection = Some(Selection { one_by_one: true, ..Selection::default() });
                let request = Request::Download {
                    sources: Vec::new(),
                    recursive: false,
                    total: false,
                    credit: 256 * 1024,
                    selection,
                    send_options: None,
                };
                return Ok(Some((select(machine, now, request, files)?, Part::Fetch(Box::new(fetching)))));
            }
            fetching.end();
            self.failures += fetching.failures;
            if self.failures > 0 {
                // Its user asks again.
                self.phase = Phase::Compare;
                return Ok(None);
            }
            stages.remove(0);
        }
        Ok(None)
    }

    /// Learns what has come of a request.
    pub(super) fn learn(&mut self, part: Part, outcome: &Result<Done, Failure>) -> Checked<Next> {
        if outcome.is_err() {
            if let Part::Fetch(fetching) = part {
                fetching.interrupt();
            }
            self.again();
            return Ok(Next::Pause);
        }
        match part {
            Part::Elements(elements) => self.compared(elements)?,
            Part::Survey(present) => {
                let Phase::Look(plan) = &self.phase else { return Ok(Next::Part) };
                let kept = |name: String| Some((name.as_str().into(), present.partial(&name)?.clone()));
                let known = large(plan).into_iter().filter_map(kept).collect();
                self.phase = self.executing(Arc::clone(plan), known);
            }
            Part::Upload(uploading) => self.executed(uploading.failures()),
            Part::Fetch(mut fetching) => {
                fetching.end();
                self.executed(fetching.failures);
            }
            Part::Receive(_) | Part::List | Part::Change => {}
        }
        Ok(match &self.phase {
            _ if self.failures > 0 => {
                self.again();
                Next::Pause
            }
            _ if self.is_finished() => Next::Task,
            _ => Next::Part,
        })
    }

    fn executed(&mut self, failures: u64) {
        if self.mutant != Some(Mutant::ForgottenFailures) {
            self.failures += failures;
        }
        if let Phase::Execute { stages, .. } = &mut self.phase {
            stages.remove(0);
        }
    }

    /// Takes a listing, or digests.
    fn compared(&mut self, elements: Vec<Element>) -> Checked<()> {
        match std::mem::replace(&mut self.phase, Phase::Compare) {
            Phase::Compare => {
                let draft = match self.sync.compare(elements) {
                    Ok(draft) => draft,
                    // The user's own disk has failed.
                    Err(_) => {
                        self.failures += 1;
                        return Ok(());
                    }
                };
                let questions = draft.questions();
                if questions.source.is_empty() && questions.destination.is_empty() {
                    self.planned(draft.settle(&Answers::default()));
                } else {
                    self.phase = Phase::Ask(Box::new(draft));
                }
            }
            Phase::Ask(draft) => {
                let digest = |element| match element {
                    Element::Digest { name, digest } => Some((name.into(), digest)),
                    _ => None,
                };
                let theirs = elements.into_iter().filter_map(digest).collect();
                let questions = draft.questions();
                let ours = if self.sync.is_upload { questions.source } else { questions.destination };
                let digest = |path: Box<str>| self.sync.digest(&path).map(|digest| (path, digest));
                let ours = ours.into_iter().filter_map(digest).collect();
                let (source, destination) = if self.sync.is_upload { (ours, theirs) } else { (theirs, ours) };
                self.planned(draft.settle(&Answers { source, destination }));
            }
            phase => self.phase = phase,
        }
        Ok(())
    }

    fn planned(&mut self, plan: Plan) {
        self.failures += plan.failures.len() as u64;
        let plan = Arc::new(plan);
        self.phase = match self.sync.is_upload && !large(&plan).is_empty() {
            true => Phase::Look(plan),
            false => self.executing(plan, HashMap::new()),
        };
    }

    fn executing(&self, plan: Arc<Plan>, known: HashMap<Box<str>, Known>) -> Phase {
        let mut stages = SimulatedSync::stages(&plan).to_vec();
        if self.mutant == Some(Mutant::EagerDeletions) {
            stages.swap(0, 1);
        }
        Phase::Execute { plan, stages, known }
    }

    /// Looks at what a download has made, which its user believes to be what the server has.
    pub(super) fn check_copy(&self, mirror: &Mirror, moment: &Moment<'_>) -> Checked<()> {
        let Some(MirrorGuard { since, .. }) = self.guard else { return Ok(()) };
        for name in MIRRORED {
            let path = mirror.directory.join(name).map_err(|error| error.to_string())?;
            let source = self.sync.local.open(&path).ok();
            let content = source.and_then(|source| content_of(&*source));
            let is_damaged = content.as_deref().is_some_and(moment.is_damaged);
            let is_right = moment.model.allows(&path, content.as_deref(), since);
            // What the server has not is left here, if it is not deleted.
            let is_left = !mirror.deletes && moment.model.allows(&path, None, since);
            if !is_right && !is_damaged && !is_left {
                let (bytes, told) = (content.map(|content| content.len()), moment.model.told(&path));
                return Err(format!("{path} was mirrored as {bytes:?} bytes of no version since {since}: {told}"));
            }
        }
        Ok(())
    }
}

/// Asks for files that are named one by one.
fn select(machine: &mut ClientSession, now: Duration, request: Request, files: Vec<Selected>) -> Checked<OperationId> {
    let operation = machine.start(now, request, 0);
    if !files.is_empty() {
        machine.select(operation, files).map_err(|error| error.to_string())?;
    }
    machine.finish(operation);
    Ok(operation)
}

/// The paths of large files that a plan sends.
fn large(plan: &Plan) -> Vec<String> {
    let is_large = |action: &Action| match action {
        Action::Create { size } | Action::Update { size, .. } => *size >= LEAST_PARTIAL_BYTES,
        _ => false,
    };
    plan.steps.iter().filter(|step| is_large(&step.action)).map(|step| step.path.to_string()).collect()
}

/// The files of a download on their way to the disk of its user, with the steps of the plan between them.
pub(super) struct Fetching {
    /// `None` once it has ended.
    unpacker: Option<Unpacker>,
    merger: Box<dyn ItemMerger>,
    flush: Option<LocalFlush>,
    sync: SimulatedSync,
    failures: u64,
}

/// Counts what was not stored.
struct Failures<'a>(&'a mut u64);

impl UnpackerMonitor for Failures<'_> {
    fn failed(&mut self, _failure: Failure, _by_sender: bool) {
        *self.0 += 1;
    }
}

impl Fetching {
    fn begin(sync: &SimulatedSync, plan: &Arc<Plan>, steps: Range<usize>) -> Checked<Self> {
        let flush = Some(LocalFlush::begin(&*sync.local));
        let (unpacker, failures) = match sync.unpacker() {
            Ok(unpacker) => (Some(unpacker), 0),
            Err(_) => (None, 1),
        };
        let merger = sync.merger(plan, steps);
        let mut fetching = Self { unpacker, merger, flush, sync: sync.clone(), failures };
        loop {
            let items = fetching.merger.items_before();
            if items.is_empty() {
                return Ok(fetching);
            }
            fetching.unpack(items, &[])?;
        }
    }

    /// Takes items that have come.
    pub(super) fn take(&mut self, items: Vec<Item>, payload: &[u8]) -> Checked<()> {
        let merged = self.merger.merge(items).map_err(|error| error.to_string())?;
        self.unpack(merged, payload)
    }

    fn unpack(&mut self, items: Vec<Item>, payload: &[u8]) -> Checked<()> {
        let Some(unpacker) = &mut self.unpacker else { return Ok(()) };
        let mut monitor = Failures(&mut self.failures);
        let taken = unpacker.take(items, payload, &mut monitor);
        taken.and_then(|()| unpacker.work(&|| false, &mut monitor)).map_err(|trouble| match trouble {
            Trouble::Failed(failure) => format!("the server sent nonsense: {failure}"),
            Trouble::Stopped => "nobody has stopped it".to_owned(),
        })
    }

    /// Takes what is left of the plan, and flushes all of it.
    fn end(&mut self) {
        loop {
            let items = self.merger.items_after();
            if items.is_empty() {
                break;
            }
            if self.unpack(items, &[]).is_err() {
                self.failures += 1;
            }
        }
        let mut monitor = Failures(&mut self.failures);
        if let Some(unpacker) = self.unpacker.take()
            && unpacker.finish(&mut monitor).is_err()
        {
            self.failures += 1;
        }
        self.flush();
    }

    /// Keeps what has come.
    pub(super) fn interrupt(mut self: Box<Self>) {
        let mut monitor = Failures(&mut self.failures);
        if let Some(unpacker) = self.unpacker.take() {
            unpacker.interrupt(&mut monitor);
        }
        self.flush();
    }

    fn flush(&mut self) {
        let flushed = self.flush.take().map_or(Ok(()), |flush| flush.force(&*self.sync.local, "/".as_ref()));
        self.failures += u64::from(flushed.is_err());
    }
}
