//! The steps of a plan as items: what a destination is told to do, be it over there or here.

use super::plan::{Action, Step};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Item, Kind, OnConflict};

/// How steps become items.
#[derive(Debug, Clone, Default)]
pub(super) struct Doing {
    /// Where what is replaced or deleted is kept.
    pub(super) backup: Option<RemotePath>,
}

impl Doing {
    /// What is done before the content of a file comes.
    pub(super) fn before(&self, step: &Step) -> Vec<Item> {
        match &step.action {
            Action::Update { .. } => self.keep(step).into_iter().collect(),
            _ => Vec::new(),
        }
    }

    /// What a step without content is; nothing for one with content, and for one that is left out.
    pub(super) fn whole(&self, step: &Step) -> Vec<Item> {
        let path = || step.path.to_string();
        match &step.action {
            Action::MakeDirectory { mode } => vec![Item::Directory { path: path(), mode: *mode }],
            Action::Link { target, replaces } => {
                let kept = self.keep(step).filter(|_| *replaces);
                let rule = Some(OnConflict::Replace);
                let link = Item::Link { path: path(), target: target.to_string(), rule };
                kept.into_iter().chain([link]).collect()
            }
            Action::Rename(rename) => {
                let moved = Item::Move { from: rename.from.to_string(), path: path() };
                vec![moved, Item::Touch { path: path(), modified: Some(rename.modified), mode: rename.mode }]
            }
            Action::Touch(touch) => vec![Item::Touch { path: path(), modified: touch.modified, mode: touch.mode }],
            Action::Clear { kind } | Action::Delete { kind, .. } => {
                let kept = self.keep(step).filter(|_| matches!(kind, Kind::File | Kind::Link));
                kept.into_iter().chain([Item::Remove { path: path() }]).collect()
            }
            Action::Create { .. } | Action::Update { .. } | Action::Skip { .. } => Vec::new(),
        }
    }

    fn keep(&self, step: &Step) -> Option<Item> {
        let to = self.backup.as_ref()?.join(&step.path).ok()?;
        Some(Item::Keep { path: step.path.to_string(), to: to.to_string() })
    }
}

/// Whether a step has content that has to come.
pub(super) fn has_content(step: &Step) -> bool {
    matches!(step.action, Action::Create { .. } | Action::Update { .. })
}
