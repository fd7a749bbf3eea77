//! The steps of a plan as items, which tell a destination what to do, whether it is on the server or here.

use super::SyncOptions;
use super::temporary_targets::TemporaryTargets;
use crate::plan::{Action, Plan, SpecialFile, Step, StepCursor};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Item, Kind, Links, OnConflict};
use std::sync::Arc;

/// Encodes the steps of a plan as items.
#[derive(Debug, Clone, Default)]
pub(super) struct StepEncoder {
    /// Directory in which backups of replaced and deleted files are kept.
    pub(super) backup: Option<RemotePath>,
    /// Temporary paths of files and links that have a directory in their way.
    pub(super) temporary_targets: Arc<TemporaryTargets>,
    /// True if links are kept whatever they lead to.
    pub(super) keeps_links: bool,
    /// True while exactly those files and links are sent, and nothing else is done.
    pub(super) is_arriving: bool,
}

/// A step as its destination takes it.
#[derive(Debug)]
pub(super) enum EncodedStep {
    /// Items that need no content; none if there is nothing to do.
    Changes(Vec<Item>),
    /// Content that has to come.
    Content {
        /// Path at the destination.
        place: String,
        /// Items that come directly before the content, and only if the content comes.
        before: Vec<Item>,
        /// Conflict rule for a file that is there, as planned or not.
        rule: OnConflict,
    },
}

impl StepEncoder {
    /// Returns the encoder of a sync's steps, for their first stage.
    pub(super) fn of_sync(options: &SyncOptions, backup: Option<RemotePath>) -> Self {
        Self { backup, keeps_links: options.selection.links == Links::Keep, ..Self::default() }
    }

    /// Encodes a step, which the cursor may have at hand. A step that is left out has no items.
    pub(super) fn encode(&self, plan: &Plan, cursor: &mut StepCursor, index: usize) -> EncodedStep {
        let Some(step) = cursor.get(&plan.steps, index) else { return EncodedStep::Changes(Vec::new()) };
        match (self.temporary_targets.of_step(index), self.is_arriving) {
            (None, true) => EncodedStep::Changes(Vec::new()),
            (Some(target), true) => self.at_temporary_target(&step, target),
            (Some(target), false) => {
                EncodedStep::Changes(vec![Item::Move { from: target.to_owned(), path: step.path.into() }])
            }
            (None, false) => self.step(plan, cursor, index, step),
        }
    }

    fn step(&self, plan: &Plan, cursor: &mut StepCursor, index: usize, step: Step) -> EncodedStep {
        let mut is_for_content = |index| is_for_content(plan, cursor, index, &self.temporary_targets);
        match &step.action {
            // The directory is removed together with the file that takes its place, when that comes.
            Action::Clear { kind: Kind::Directory } if is_for_content(index) => EncodedStep::Changes(Vec::new()),
            Action::Create { .. } => {
                let is_cleared = index > 0 && is_for_content(index - 1);
                let before = if is_cleared { vec![Item::Remove { path: step.path.to_string() }] } else { Vec::new() };
                // A file that came there since the listing belongs to somebody else.
                EncodedStep::Content { place: step.path.into(), before, rule: OnConflict::Abort }
            }
            Action::Update { .. } => {
                let before = self.backup_item(&step).into_iter().collect();
                EncodedStep::Content { place: step.path.into(), before, rule: OnConflict::Replace }
            }
            _ => EncodedStep::Changes(self.whole(&step)),
        }
    }

    /// Encodes a step without content.
    fn whole(&self, step: &Step) -> Vec<Item> {
        let path = || step.path.to_string();
        match &step.action {
            Action::MakeDirectory { mode } => vec![Item::Directory { path: path(), mode: *mode }],
            Action::Link { target, replaces } => {
                let kept = self.backup_item(step).filter(|_| *replaces);
                let rule = Some(if *replaces { OnConflict::Replace } else { OnConflict::Abort });
                let link = self.link_item(path(), target, rule);
                kept.into_iter().chain([link]).collect()
            }
            Action::HardLink { of, replaces } => {
                let kept = self.backup_item(step).filter(|_| *replaces);
                let rule = Some(rule_of(*replaces));
                kept.into_iter().chain([Item::HardLink { path: path(), of: of.to_string(), rule }]).collect()
            }
            Action::Special { file, replaces } => {
                let kept = self.backup_item(step).filter(|_| *replaces);
                kept.into_iter().chain([special_item(path(), file, rule_of(*replaces))]).collect()
            }
            Action::Rename(rename) => {
                let moved = Item::Move { from: rename.from.to_string(), path: path() };
                vec![moved, Item::Touch { path: path(), modified: Some(rename.modified), mode: rename.mode }]
            }
            Action::Touch(touch) => vec![Item::Touch { path: path(), modified: touch.modified, mode: touch.mode }],
            Action::Clear { kind } | Action::Delete { kind, .. } => {
                let kept = self.backup_item(step).filter(|_| matches!(kind, Kind::File | Kind::Link));
                kept.into_iter().chain([Item::Remove { path: path() }]).collect()
            }
            Action::Create { .. } | Action::Update { .. } | Action::Attributes(_) | Action::Skip { .. } => Vec::new(),
        }
    }

    fn link_item(&self, path: String, target: &str, rule: Option<OnConflict>) -> Item {
        let target = target.to_owned();
        match self.keeps_links {
            true => Item::KeptLink { path, target, rule },
            false => Item::Link { path, target, rule },
        }
    }

    /// Encodes a step whose path is taken by a directory: its content comes beside that.
    fn at_temporary_target(&self, step: &Step, temporary: &str) -> EncodedStep {
        let (place, rule) = (temporary.to_owned(), OnConflict::Abort);
        match &step.action {
            Action::Link { target, .. } => EncodedStep::Changes(vec![self.link_item(place, target, Some(rule))]),
            Action::HardLink { of, .. } => {
                EncodedStep::Changes(vec![Item::HardLink { path: place, of: of.to_string(), rule: Some(rule) }])
            }
            Action::Special { file, .. } => EncodedStep::Changes(vec![special_item(place, file, rule)]),
            _ => EncodedStep::Content { place, before: Vec::new(), rule },
        }
    }

    fn backup_item(&self, step: &Step) -> Option<Item> {
        let to = self.backup.as_ref()?.join(&step.path).ok()?;
        Some(Item::Keep { path: step.path.to_string(), to: to.to_string() })
    }
}

fn rule_of(replaces: bool) -> OnConflict {
    if replaces { OnConflict::Replace } else { OnConflict::Abort }
}

fn special_item(path: String, file: &SpecialFile, rule: OnConflict) -> Item {
    let SpecialFile { special, modified, mode } = *file;
    Item::Special { path, special, modified: Some(modified), mode, rule: Some(rule) }
}

/// Reports whether a step clears an empty directory for a file that comes to the same path.
fn is_for_content(plan: &Plan, cursor: &mut StepCursor, index: usize, temporary_targets: &TemporaryTargets) -> bool {
    let is_clear = |step: &Step| matches!(step.action, Action::Clear { kind: Kind::Directory });
    let Some(step) = cursor.get(&plan.steps, index).filter(is_clear) else { return false };
    let Some(next) = cursor.get(&plan.steps, index + 1) else { return false };
    step.path == next.path && has_content(&next) && temporary_targets.of_step(index + 1).is_none()
}

/// Reports whether a step has content that has to come.
pub(super) fn has_content(step: &Step) -> bool {
    matches!(step.action, Action::Create { .. } | Action::Update { .. })
}
