//! Making a directory like another one: plan, then act.
//!
//! Both trees are listed as sorted streams; [`plan`] compares them, purely, while they come; what it cannot
//! tell without contents is asked for once. The plan is told to the monitor, and carried out: as one stream
//! of items that the destination takes in order, be it on the server (an upload) or here (a download, in
//! which this side weaves its own items between those that come).
//!
//! Goals: nothing is sent that the other side has, nothing is deleted that might still be needed, and a run
//! that breaks off leaves whole files and is gone on with by the next. Non-goals: what users see.

mod compare;
mod deltas;
mod download;
mod feed;
mod items;
mod options;
pub mod plan;
mod tree;
mod trees;
mod upload;
mod weaver;

pub use download::synchronize_download;
pub use options::{Delta, SyncOptions};
pub use plan::Plan;
pub use upload::synchronize_upload;

use crate::client::{Syncing, TransferReport};
use crate::error::{Error, Result};
use crate::monitor::Event;
use crate::transfer::escape;
use plan::{Action, Reason, Step, Touch};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Entry, ErrorCode, Failure, Kind};
use std::ops::Range;

/// What was done to make a directory like another one.
#[derive(Debug)]
pub struct SyncReport {
    /// The plan that was carried out; with [`SyncOptions::dry_run`], that would have been.
    pub plan: Plan,
    /// What moved, and what could not be done.
    pub transfer: TransferReport,
}

/// Tells the plan, and what cannot be done by it; `destination` is that of the user.
fn report(syncing: &mut Syncing<'_>, plan: &Plan, destination: &str) {
    trees::outermost(plan.failures.clone()).into_iter().for_each(|failure| syncing.failed(failure));
    for step in &plan.steps {
        if let Action::Skip { reason: reason @ (Reason::DirectoryInTheWay | Reason::SpecialInTheWay) } = step.action {
            let path = format!("{}/{}", destination.trim_end_matches('/'), step.path);
            syncing.failed(Failure::new(ErrorCode::AlreadyExists).at(path).because(reason));
        }
    }
    syncing.monitor().report(Event::Planned { plan });
}

/// Where what is replaced or deleted is kept.
fn backup_path(destination: &RemotePath, backup: &str) -> Result<RemotePath> {
    let path = if backup.starts_with('/') { RemotePath::parse(backup) } else { destination.join(backup) };
    let path = path.map_err(|invalid| Error::Local(Failure::from(invalid).at(backup)))?;
    if destination.is_within(&path) {
        let why = "the backup directory must not hold the destination: choose another";
        return Err(Error::Local(Failure::new(ErrorCode::IntoItself).at(path).because(why)));
    }
    Ok(path)
}

/// What the source has where the backup is at the destination would be left out with it, unseen.
fn hidden_by_backup(shown: impl std::fmt::Display) -> Error {
    let why = "the backup directory of that name leaves it out: choose another, or exclude it yourself";
    Error::Local(Failure::new(ErrorCode::AlreadyExists).at(shown).because(why))
}

/// The rule that leaves a directory below another out of it.
fn rule_against(top: &RemotePath, directory: &RemotePath) -> Option<String> {
    directory.relative_to(top).filter(|below| !below.is_empty()).map(|below| format!("/{}/", escape(below)))
}

/// The parts of a plan, in their order.
struct Parts {
    /// What is done in any case.
    first: Range<usize>,
    /// Files and links that directories have to make way for, each with what is removed for it: none is begun after
    /// something went wrong.
    making_way: Vec<Range<usize>>,
    /// What only deletes: nothing of it is done after something went wrong.
    deletions: Range<usize>,
    /// Permission bits of directories, which may keep one from deleting in them.
    last: Range<usize>,
}

impl Parts {
    fn of(plan: &Plan) -> Self {
        let steps = &plan.steps;
        let is_touch = |step: &&Step| matches!(&step.action, Action::Touch(touch) if touch.directory);
        let is_deletion = |step: &&Step| matches!(step.action, Action::Delete { .. });
        let clears = |step: &Step| matches!(step.action, Action::Clear { kind: Kind::Directory });
        let end = steps.len() - steps.iter().rev().take_while(is_touch).count();
        let deletions = end - steps[..end].iter().rev().take_while(is_deletion).count()..end;
        let mut making_way: Vec<Range<usize>> = Vec::new();
        for cleared in (0..deletions.start).filter(|&at| clears(&steps[at])) {
            let begin = cleared - steps[..cleared].iter().rev().take_while(is_deletion).count();
            making_way.push(begin..(cleared + 2).min(deletions.start));
        }
        // They stand together, behind everything else.
        let first = 0..making_way.first().map_or(deletions.start, |one| one.start);
        for at in 1..making_way.len() {
            making_way[at - 1].end = making_way[at].start;
        }
        if let Some(one) = making_way.last_mut() {
            one.end = deletions.start;
        }
        Self { first, making_way, deletions, last: end..steps.len() }
    }
}

/// Carries a plan out, part by part; `run` does some steps.
fn carry_out<'a>(
    syncing: &mut Syncing<'a>,
    plan: &Plan,
    destination: &str,
    mut run: impl FnMut(&mut Syncing<'a>, Range<usize>) -> Result<()>,
) -> Result<()> {
    let Parts { first, making_way, deletions, last } = Parts::of(plan);
    if has_work(&plan.steps[first.clone()]) {
        run(syncing, first)?;
    }
    for steps in making_way {
        if is_safe(syncing) {
            run(syncing, steps)?;
            continue;
        }
        for step in
            plan.steps[steps].iter().filter(|step| !matches!(step.action, Action::Delete { .. } | Action::Clear { .. }))
        {
            let path = format!("{}/{}", destination.trim_end_matches('/'), step.path);
            let why = "a directory is in the way, which stays because something else could not be transferred";
            syncing.failed(Failure::new(ErrorCode::AlreadyExists).at(path).because(why));
        }
    }
    let may_delete = !deletions.is_empty() && may_delete(syncing);
    let rest = if may_delete { deletions.start..last.end } else { last };
    if rest.is_empty() { Ok(()) } else { run(syncing, rest) }
}

fn has_work(steps: &[Step]) -> bool {
    steps.iter().any(|step| !matches!(step.action, Action::Skip { .. }))
}

/// Whether nothing went wrong that might make one regret a deletion. What has a name at the destination that cannot
/// be told has no counterpart anyway.
fn is_safe(syncing: &Syncing<'_>) -> bool {
    syncing.failures().len() <= syncing.harmless
}

fn may_delete(syncing: &mut Syncing<'_>) -> bool {
    let is_safe = is_safe(syncing);
    if !is_safe {
        let why = "something could not be transferred: run the same command again";
        syncing.failed(Failure::new(ErrorCode::Skipped).at("deletions").because(why));
    }
    is_safe
}

/// A file turned out to be the same: it only gets its time, and its permission bits.
fn only_touch(plan: &mut Plan, index: usize, source: &Entry, preserve_mode: bool) {
    if let Some(step) = plan.steps.get_mut(index) {
        let mode = source.mode.filter(|_| preserve_mode);
        let touch = Touch { modified: Some(source.modified), mode, directory: false };
        step.action = Action::Touch(Box::new(touch));
    }
}
