//! The feed of an upload, which sends the steps of a plan.

use super::items::{EncodedStep, StepEncoder};
use crate::client::Earlier;
use crate::plan::{Action, Plan, Step, StepCursor};
use crate::store::{Store, StoreResult};
use crate::transfer::{FedFile, FeedItem, Feeding, FileRecipe, Next};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Entry, ErrorCode, Failure, Item, Known, Timestamp};
use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;

/// The recipe of a file, with the size and time that the file had when its delta was looked for.
pub(super) struct Prepared {
    pub(super) size: u64,
    pub(super) modified: Timestamp,
    pub(super) recipe: FileRecipe,
}

/// A feed that sends some steps of a plan, in their order.
pub(super) struct PlannedFeed {
    pub(super) store: Arc<dyn Store>,
    /// Path of the source in its store. `shown` is the source as the user knows it.
    pub(super) top: RemotePath,
    pub(super) shown: String,
    pub(super) plan: Arc<Plan>,
    pub(super) cursor: StepCursor,
    /// Indices of the steps.
    pub(super) steps: Range<usize>,
    pub(super) encoder: StepEncoder,
    /// Prepared files by the indices of their steps.
    pub(super) prepared: HashMap<usize, Prepared>,
    /// Partials at the destination, by the paths of their files.
    pub(super) known: HashMap<Box<str>, Known>,
    /// Largest file that the server takes, in bytes.
    pub(super) file_size_limit: u64,
    /// The earlier backup that files which are new here may be linked to.
    pub(super) earlier: Option<Arc<Earlier>>,
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
        let (place, before, rule) = match self.encoder.encode(&plan, &mut self.cursor, index) {
            EncodedStep::Content { place, before, rule } => (place, before, rule),
            EncodedStep::Changes(items) => return self.queue.extend(items.into_iter().map(FeedItem::Change)),
        };
        let Some(step) = self.cursor.get(&plan.steps, index) else { return };
        let shown = format!("{}/{}", self.shown.trim_end_matches('/'), step.path);
        match self.open(index, &step.path, shown.clone()) {
            Ok(file) if let Some(of) = self.earlier_name(&step.path, file.source.entry()) => {
                self.queue.extend(before.into_iter().map(FeedItem::Change));
                let (of, rule) = (of.to_string(), Some(rule));
                self.queue.push_back(FeedItem::Change(Item::HardLink { path: place, of, rule }));
            }
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

    fn earlier_name(&self, path: &str, entry: &Entry) -> Option<RemotePath> {
        self.earlier.as_ref()?.same(path, entry)
    }

    fn open(&mut self, index: usize, path: &str, shown: String) -> StoreResult<FedFile> {
        let source = self.store.open(&self.top.join(path)?)?;
        let Entry { size, modified, .. } = *source.entry();
        // Checked here, before anything at the destination makes way for the file.
        if size > self.file_size_limit {
            return Err(Failure::larger_than(self.file_size_limit));
        }
        let prepared = self.prepared.remove(&index);
        let known = self.known.remove(path);
        let is_same = |prepared: &Prepared| prepared.size == size && prepared.modified == modified;
        // A file with a partial is resumed, not begun anew as a delta.
        let prepared = prepared.filter(|prepared| is_same(prepared) && known.is_none());
        let recipe = prepared.map(|prepared| prepared.recipe);
        Ok(FedFile { path: path.to_owned(), shown, source, rule: None, known, recipe })
    }
}

/// Returns the files that may travel as a delta: the indices of their steps, and their sizes at the source and
/// destination.
pub(super) fn candidates(plan: &Plan) -> Vec<(usize, u64, u64)> {
    let candidate = |(index, step): (usize, Step)| match step.action {
        Action::Update { size, old_size, delta: true, .. } => Some((index, size, old_size)),
        _ => None,
    };
    plan.steps.iter().enumerate().filter_map(candidate).collect()
}
