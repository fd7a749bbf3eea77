//! The files of a plan that a download asks for.

use super::items::{EncodedStep, StepEncoder};
use crate::plan::{Action, Plan, Step, StepCursor};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Known, Part, Selected};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// The files that are asked for, in the order of their steps.
pub(super) struct PlannedFiles {
    pub(super) source: RemotePath,
    pub(super) plan: Arc<Plan>,
    pub(super) cursor: StepCursor,
    pub(super) steps: Range<usize>,
    pub(super) encoder: StepEncoder,
    /// The parts that are wanted of some, by the index of their steps.
    pub(super) parts: HashMap<usize, Vec<Part>>,
    pub(super) known: HashMap<RemotePath, Known>,
}

impl Iterator for PlannedFiles {
    type Item = (Selected, u64);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let index = self.steps.next()?;
            let Step { path: below, action } = self.cursor.get(&self.plan.steps, index)?;
            let (Action::Create { size } | Action::Update { size, .. }) = action else { continue };
            let encoded = self.encoder.encode(&self.plan, &mut self.cursor, index);
            let EncodedStep::Content { place: name, .. } = encoded else { continue };
            let (Ok(path), Ok(place)) = (self.source.join(&below), RemotePath::root().join(&name)) else { continue };
            let parts = self.parts.remove(&index).unwrap_or_default();
            let known = self.known.remove(&place);
            return Some((Selected { path, name, known, as_link: false, parts }, size));
        }
    }
}
