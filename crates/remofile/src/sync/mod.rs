//! Making a directory like another one: plan, then act.
//!
//! Both trees are listed as sorted streams; [`crate::plan`] compares them, purely, while they come; what it cannot
//! tell without contents is asked for once. The plan is told to the monitor, and carried out: as one stream
//! of items that the destination takes in order, be it on the server (an upload) or here (a download, in
//! which this side merges its own items with those that come).
//!
//! Goals: nothing is sent that the other side has, nothing is deleted that might still be needed, and a run
//! that breaks off leaves complete files and is continued by the next. Non-goals: what users see.

mod attributes;
mod compare;
mod deltas;
mod download;
mod feed;
mod foretold_attributes;
mod hard_links;
mod items;
mod links_to_earlier;
mod options;
mod plan_merger;
mod planned_files;
mod sections;
#[cfg(test)]
pub(crate) mod simulated;
mod stages;
mod temporary_targets;
mod tree;
mod trees;
mod upload;

pub use crate::plan::{self, Plan};
pub use download::synchronize_download;
pub use options::{Delta, SyncOptions};
pub use upload::synchronize_upload;

use crate::client::{Syncing, TransferReport};
use crate::error::{Error, Result};
use crate::monitor::Event;
use crate::plan::{Action, Reason, StepIter, Touch};
use crate::transfer::escape;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Entry, ErrorCode, Failure};

/// The report of a sync.
#[derive(Debug)]
pub struct SyncReport {
    /// The plan that was carried out; with [`SyncOptions::dry_run`], that would have been.
    pub plan: Plan,
    /// Report of the transfer: numbers of what was moved, and failures.
    pub transfer: TransferReport,
}

/// Reports the plan to the monitor, and records what it cannot do; `destination` is the user's name for it.
fn report(syncing: &mut Syncing<'_>, plan: &Plan, destination: &str) {
    trees::outermost(plan.failures.clone()).into_iter().for_each(|failure| syncing.failed(failure));
    for step in &plan.steps {
        let Action::Skip { reason } = step.action else { continue };
        let code = match reason {
            Reason::DirectoryInTheWay | Reason::SpecialInTheWay => ErrorCode::AlreadyExists,
            Reason::CannotReplace => ErrorCode::Unsupported,
            _ => continue,
        };
        let path = format!("{}/{}", destination.trim_end_matches('/'), step.path);
        syncing.failed(Failure::new(code).at(path).because(reason));
    }
    syncing.monitor().report(Event::Planned { plan });
}

/// Returns the path of the backup directory.
fn backup_path(destination: &RemotePath, backup: &str) -> Result<RemotePath> {
    let path = if backup.starts_with('/') { RemotePath::parse(backup) } else { destination.join(backup) };
    let path = path.map_err(|invalid| Error::Local(Failure::from(invalid).at(backup)))?;
    if destination.is_within(&path) {
        let why = "the backup directory must not hold the destination: choose another";
        return Err(Error::Local(Failure::new(ErrorCode::IntoItself).at(path).because(why)));
    }
    Ok(path)
}

/// Returns the error for a source entry with the path of the backup directory: the rule that leaves out the backup
/// would leave it out, too, unseen.
fn hidden_by_backup(shown: impl std::fmt::Display) -> Error {
    let why = "a source entry has the same path as the backup directory; rename one, or exclude it explicitly";
    Error::Local(Failure::new(ErrorCode::AlreadyExists).at(shown).because(why))
}

/// Returns the rule that leaves out a directory below `top`.
fn rule_against(top: &RemotePath, directory: &RemotePath) -> Option<String> {
    directory.relative_to(top).filter(|below| !below.is_empty()).map(|below| format!("/{}/", escape(below)))
}

fn has_work(mut steps: StepIter<'_>) -> bool {
    steps.any(|step| !matches!(step.action, Action::Skip { .. }))
}

/// Reports whether a file that looks the same has to be written all the same: its contents were compared already,
/// or the file at the destination may not be on the disk.
fn must_be_written(plan: &Plan, index: usize) -> bool {
    let action = plan.steps.get(index).map(|step| step.action);
    matches!(action, Some(Action::Update { why, .. }) if why.content)
}

/// Turns an update into a touch: the contents turned out to be the same, so the file only gets its time and
/// permission bits.
fn only_touch(plan: &mut Plan, index: usize, source: &Entry, preserve_mode: bool) {
    let mode = source.mode.filter(|_| preserve_mode);
    let touch = Touch { modified: Some(source.modified), mode, directory: false };
    plan.steps.set_action(index, Action::Touch(Box::new(touch)));
}
