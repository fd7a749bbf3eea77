//! The steps of a plan as what an upload sends.

use super::items::{EncodedStep, StepEncoder};
use crate::plan::{Action, Plan};
use crate::store::{Store, StoreResult};
use crate::transfer::{FedFile, FeedItem, Feeding, FileRecipe, Next};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Entry, ErrorCode, Failure, Known, Timestamp};
use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;

/// What a file was when its delta was looked for, and what came of it.
pub(super) struct Prepared {
    pub(super) size: u64,
    pub(super) modified: Timestamp,
    pub(super) recipe: FileRecipe,
}

/// Sends some steps of a plan, in their order.
pub(super) struct PlannedFeed {
    pub(super) store: Arc<dyn Store>,
    /// The top of the source, and what it is for the user.
    pub(super) top: RemotePath,
    pub(super) shown: String,
    pub(super) plan: Arc<Plan>,
    /// Which steps.
    pub(super) steps: Range<usize>,
    pub(super) encoder: StepEncoder,
    /// By the index of their steps.
    pub(super) prepared: HashMap<usize, Prepared>,
    /// What is kept of files at the destination, by their paths.
    pub(super) known: HashMap<Box<str>, Known>,
    /// Larger files are not taken.
    pub(super) file_size_limit: u64,
    pub(super) queue: VecDeque<FeedItem>,
}

impl Feeding for PlannedFeed {
    fn next_item(&mut self) -> Next<FeedItem> {
        loop {
            if let Some(item) = self.queue.pop_front() {
                return Next::Item(item);
            }
            let Some(index) = self.steps.next() else { return Next::End };
            self.enqueue(index);
        }
    }
}

impl PlannedFeed {
    fn enqueue(&mut self, index: usize) {
        let plan = Arc::clone(&self.plan);
        let Some(step) = plan.steps.get(index) else { return };
        let (place, before, rule) = match self.encoder.encode(&plan, index) {
            EncodedStep::Content { place, before, rule } => (place, before, rule),
            EncodedStep::Changes(items) => return self.queue.extend(items.into_iter().map(FeedItem::Change)),
        };
        let shown = format!("{}/{}", self.shown.trim_end_matches('/'), step.path);
        match self.open(index, &step.path, shown.clone()) {
            Ok(file) => {
                self.queue.extend(before.into_iter().map(FeedItem::Change));
                self.queue.push_back(FeedItem::File(Box::new(FedFile { path: place, rule: Some(rule), ..file })));
            }
            // Gone between its listing and now.
            Err(failure) if failure.code == ErrorCode::NotFound => {
                self.queue.push_back(FeedItem::Failed(Failure::new(ErrorCode::SourceChanged).at(shown)));
            }
            Err(failure) => self.queue.push_back(FeedItem::Failed(failure.at(shown))),
        }
    }

    fn open(&mut self, index: usize, path: &str, shown: String) -> StoreResult<FedFile> {
        let source = self.store.open(&self.top.join(path)?)?;
        let Entry { size, modified, .. } = *source.entry();
        // Before anything makes way for it.
        if size > self.file_size_limit {
            return Err(ErrorCode::FileTooLarge.into());
        }
        let prepared = self.prepared.remove(&index);
        let known = self.known.remove(path);
        let is_same = |prepared: &Prepared| prepared.size == size && prepared.modified == modified;
        // What was begun goes on, and is not begun anew as a delta.
        let prepared = prepared.filter(|prepared| is_same(prepared) && known.is_none());
        let recipe = prepared.map(|prepared| prepared.recipe);
        Ok(FedFile { path: path.to_owned(), shown, source, rule: None, known, recipe })
    }
}

/// Files that travel as a delta, if they may: their steps, and their sizes at the source and destination.
pub(super) fn candidates(plan: &Plan) -> Vec<(usize, u64, u64)> {
    let candidate = |(index, step): (usize, &crate::plan::Step)| match step.action {
        Action::Update { size, old_size, delta: true, .. } => Some((index, size, old_size)),
        _ => None,
    };
    plan.steps.iter().enumerate().filter_map(candidate).collect()
}
