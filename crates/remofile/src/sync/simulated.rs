//! The parts of a sync for a simulation, which does one after the other without a connection of its own.

use super::compare;
use super::feed::PlannedFeed;
use super::items::StepEncoder;
use super::options::SyncOptions;
use super::plan_merger::PlanMerger;
use super::planned_files::PlannedFiles;
use super::stages::Stages;
use super::tree::{Read, Reading};
use crate::client::ItemMerger;
use crate::plan::{Draft, Join, Plan, Planner, Rules, Side, StepCursor};
use crate::store::{Store, StoreResult};
use crate::transfer::{Checked, Feeding, Filter, ItemRules, Unpacker, UnpackerOptions};
use remofile_protocol::digest::{Digest, DigestKind};
use remofile_protocol::handshake::Capabilities;
use remofile_protocol::path::{NameRule, RemotePath};
use remofile_protocol::wire::{Element, Known, OnConflict, Request, Selected, Selection};
use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;

/// A sync of a remote directory and one in a store of this side.
#[derive(Clone)]
pub(crate) struct SimulatedSync {
    pub(crate) is_upload: bool,
    pub(crate) local: Arc<dyn Store>,
    /// The directory in that store.
    pub(crate) top: RemotePath,
    pub(crate) remote: RemotePath,
    pub(crate) rules: Rules,
}

/// The rules of a sync with options.
pub(crate) fn plan_rules(options: &SyncOptions) -> Rules {
    options.plan_rules(false, Capabilities::ALL)
}

impl SimulatedSync {
    fn here(&self) -> Reading {
        self.reading(&self.top, self.is_upload)
    }

    fn there(&self) -> Reading {
        self.reading(&self.remote, !self.is_upload)
    }

    fn reading(&self, top: &RemotePath, is_source: bool) -> Reading {
        let links = is_source.then_some(Selection::default().links);
        Reading {
            top: top.clone(),
            shown: top.to_string(),
            links,
            names: NameRule::Posix,
            attributes_follow: false,
            extras: false,
            takes_special: false,
            takes_links: true,
            hard_links: false,
            encoding: None,
        }
    }

    /// Returns the request that lists the remote directory.
    pub(crate) fn listing(&self) -> Request {
        self.there().request(&[])
    }

    /// Compares both directories, of which the remote one was listed.
    ///
    /// # Errors
    /// What cannot be read here, in words.
    pub(crate) fn compare(&self, listed: Vec<Element>) -> Result<Draft, String> {
        let (here, there) = (self.here(), self.there());
        let mut elements = here.walk(&self.local, Filter::none()).map_err(|failure| failure.to_string())?;
        let pull = || loop {
            let element = elements.next(&|| Ok(())).ok()??;
            if let Read::Element(element) | Read::Reported(_, Some(element)) = here.read(element) {
                return Some(element);
            }
        };
        let local = if self.is_upload { Side::Source } else { Side::Destination };
        let mut join = Join::new(Planner::new(self.rules), local, pull);
        for element in listed {
            if let Read::Element(element) | Read::Reported(_, Some(element)) = there.read(element) {
                join.push(element);
            }
        }
        Ok(join.finish())
    }

    /// Returns the digest of a file of this side, if it can be read.
    pub(crate) fn digest(&self, path: &str) -> Option<Digest> {
        compare::digest(&*self.local, &self.top, path, &|| Ok(())).ok()?.ok()?
    }

    /// Returns the steps up to the first deletion, deletions, and those behind them.
    pub(crate) fn stages(plan: &Plan) -> [Range<usize>; 3] {
        let Stages { gate, closing } = Stages::of(plan);
        [0..gate, gate..closing, closing..plan.steps.len()]
    }

    /// Returns what an upload sends of some steps.
    pub(crate) fn feed(
        &self,
        plan: &Arc<Plan>,
        steps: Range<usize>,
        known: HashMap<Box<str>, Known>,
    ) -> impl Feeding + use<> {
        PlannedFeed {
            store: Arc::clone(&self.local),
            top: self.top.clone(),
            shown: self.top.to_string(),
            plan: Arc::clone(plan),
            cursor: StepCursor::default(),
            steps,
            encoder: StepEncoder::default(),
            prepared: HashMap::new(),
            known,
            file_size_limit: u64::MAX,
            earlier: None,
            queue: VecDeque::new(),
        }
    }

    /// Returns the files that a download needs for some steps.
    pub(crate) fn files(&self, plan: &Arc<Plan>, steps: Range<usize>) -> Vec<Selected> {
        let files = PlannedFiles {
            source: self.remote.clone(),
            plan: Arc::clone(plan),
            cursor: StepCursor::default(),
            steps,
            encoder: StepEncoder::default(),
            parts: HashMap::new(),
            known: HashMap::new(),
        };
        files.map(|(file, _)| file).collect()
    }

    /// Returns what puts the steps of a download between the files that come.
    pub(crate) fn merger(&self, plan: &Arc<Plan>, steps: Range<usize>) -> Box<dyn ItemMerger> {
        Box::new(PlanMerger::new(&self.remote, plan, steps, StepEncoder::default(), HashMap::new()))
    }

    /// Returns the unpacker of a download.
    ///
    /// # Errors
    /// Those of [`Unpacker::new`].
    pub(crate) fn unpacker(&self) -> StoreResult<Unpacker> {
        let options = UnpackerOptions {
            destination: self.top.clone(),
            on_conflict: OnConflict::Abort,
            file_size_limit: u64::MAX,
            sizes: 0..=u64::MAX,
            permit: Arc::new(NameRule::Posix),
            preserve_mode: false,
            rules: ItemRules::Theirs,
            changes: true,
            digest: DigestKind::Xxh3,
        };
        Unpacker::new(Arc::clone(&self.local), options, Checked::default())
    }
}
