//! The stages in which a plan is executed, so that nothing is deleted before everything has come.

use super::items::StepEncoder;
use super::temporary_targets::TemporaryTargets;
use crate::client::Syncing;
use crate::error::Result;
use crate::plan::{Action, Plan, Step};
use remofile_protocol::wire::{ErrorCode, Failure};
use std::ops::Range;
use std::sync::Arc;

/// An executor, which has the destination of a sync take steps of a plan.
pub(super) trait PlanExecutor {
    /// Executes some steps.
    fn execute(&mut self, syncing: &mut Syncing<'_>, steps: Range<usize>, encoder: StepEncoder) -> Result<()>;

    /// Removes files at the destination, as far as they are there.
    fn clear_away(&mut self, syncing: &mut Syncing<'_>, places: Vec<String>) -> Result<()>;
}

/// Executes a plan. The first `harmless` failures, which were recorded before, do not keep anything from being
/// deleted.
///
/// 1. Everything that deletes nothing.
/// 2. If nothing of it failed: files and links for places where directories are in the way, to names of their own
///    beside these.
/// 3. If nothing of that failed, either: deletions, what is in those directories and they themselves first; then what
///    has come beside them takes its place by a rename.
/// 4. Permission bits of directories, in any case.
pub(super) fn execute_plan(
    syncing: &mut Syncing<'_>,
    plan: &Plan,
    plain: StepEncoder,
    harmless: u64,
    executor: &mut dyn PlanExecutor,
) -> Result<()> {
    let Stages { gate, closing } = Stages::of(plan);
    let all = plan.steps.len();
    if super::has_work(plan.steps.range(0..gate)) {
        executor.execute(syncing, 0..gate, plain.clone())?;
    }
    if gate == closing || !may_delete(syncing, harmless) {
        return if closing < all { executor.execute(syncing, closing..all, plain) } else { Ok(()) };
    }
    let temporary_targets = Arc::new(TemporaryTargets::of(plan, gate..closing));
    let encoder = StepEncoder { temporary_targets: Arc::clone(&temporary_targets), ..plain };
    if temporary_targets.is_empty() {
        return executor.execute(syncing, gate..all, encoder);
    }
    let before = syncing.failure_count();
    executor.execute(syncing, gate..closing, StepEncoder { is_arriving: true, ..encoder.clone() })?;
    let from = if may_delete(syncing, harmless) { gate } else { closing };
    if from < all {
        executor.execute(syncing, from..all, encoder)?;
    }
    // Files that did not get from their temporary names to their places are of no use to anybody.
    if syncing.failure_count() > before {
        executor.clear_away(syncing, temporary_targets.paths().cloned().collect())?;
    }
    Ok(())
}

/// The indices at which the stages of a plan begin.
pub(super) struct Stages {
    /// Index of the first step that deletes.
    pub(super) gate: usize,
    /// Index of the first step that sets permission bits of directories. They come last, since they may forbid
    /// deletions.
    pub(super) closing: usize,
}

impl Stages {
    pub(super) fn of(plan: &Plan) -> Self {
        let is_touch = |step: &Step| matches!(&step.action, Action::Touch(touch) if touch.directory);
        let is_deletion = |step: Step| matches!(step.action, Action::Delete { .. });
        let closing = plan.steps.len() - plan.steps.iter().rev().take_while(is_touch).count();
        Self { gate: plan.steps.range(0..closing).position(is_deletion).unwrap_or(closing), closing }
    }
}

/// Reports whether deletions may begin, because nothing failed before. Otherwise records that they were skipped.
fn may_delete(syncing: &mut Syncing<'_>, harmless: u64) -> bool {
    let is_safe = syncing.failure_count() <= harmless;
    if !is_safe {
        let why = "something could not be transferred: try again";
        syncing.failed(Failure::new(ErrorCode::Skipped).at("deletions").because(why));
    }
    is_safe
}
