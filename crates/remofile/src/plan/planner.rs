//! The planner: it decides for each name, as source and destination list it.

use super::draft::{Arrival, Draft, Extraneous, Obstacle};
use super::mode_changes::WritableDirectoryGuard;
use super::node::{File, Node, NodeKind, is_below};
use super::rules::Rules;
use super::step::{Action, Changed, Reason, SpecialFile, Step};
use remofile_protocol::handshake::Capability;
use remofile_protocol::wire::{Failure, Kind, Timestamp};

/// A comparison of two trees, name by name, which keeps the differences.
#[derive(Debug)]
pub struct Planner {
    pub(super) rules: Rules,
    pub(super) draft: Draft,
    /// The directory whose contents are not compared, as only one side has it, if the last name was one.
    shadow: Option<Shadow>,
}

/// A directory of one side, with something else or nothing at the other.
#[derive(Debug)]
struct Shadow {
    top: Box<str>,
    /// True if the contents may have to make way; otherwise they are left alone.
    is_obstacle: bool,
}

impl Planner {
    /// Begins a comparison.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self { rules, draft: Draft::new(rules), shadow: None }
    }

    /// Takes the nodes of the next path, in [`path_order`](super::path_order): both at once if both trees have
    /// something there. Nothing is kept of nodes that are the same.
    pub fn meet(&mut self, source: Option<Node>, destination: Option<Node>) {
        let Some(path) = source.as_ref().or(destination.as_ref()).map(|node| &node.path) else { return };
        let shadow = self.shadow.take().filter(|shadow| is_below(path, &shadow.top));
        let is_in_obstacle = shadow.as_ref().is_some_and(|shadow| shadow.is_obstacle);
        self.shadow = shadow;
        if self.shadow.is_some() && !is_in_obstacle {
            return;
        }
        match (source, destination) {
            (Some(node), Some(there)) => self.both(node.path, node.what, there.what),
            (Some(node), None) => self.arrives(node.path, node.what),
            (None, Some(there)) => self.is_extraneous(there, is_in_obstacle),
            (None, None) => {}
        }
    }

    /// Records that something of the source could not be listed. Nothing is deleted then.
    pub fn source_failed(&mut self, failure: Failure) {
        self.draft.failures.push(failure);
    }

    /// Records that something of the destination could not be listed. Nothing is deleted then, and no directory counts
    /// as empty.
    pub fn destination_failed(&mut self, failure: Failure) {
        self.draft.failures.push(failure);
        self.draft.is_destination_unread = true;
    }

    /// Records that something at the destination takes no part in the sync; the paths before it were met. The
    /// directories that hold it stay.
    pub fn left_out(&mut self, path: &str) {
        let is_in_obstacle =
            self.shadow.as_ref().is_some_and(|shadow| shadow.is_obstacle && is_below(path, &shadow.top));
        self.draft.keep_above(path, is_in_obstacle);
    }

    /// Records that the source has something at a path that takes no part in the sync. What the destination has there
    /// stays.
    pub fn withheld(&mut self, path: Box<str>) {
        if self.rules.delete {
            self.draft.shields.push(path);
        }
    }

    /// Records that a directory of the source has something in it that cannot be sent for its name. What only the
    /// destination has in that directory stays.
    pub fn unsendable(&mut self, directory: Box<str>) {
        if self.rules.delete && self.draft.unsendable.last() != Some(&directory) {
            self.draft.unsendable.push(directory);
        }
    }

    /// Ends the comparison: both trees were listed completely.
    #[must_use]
    pub fn finish(mut self) -> Draft {
        self.draft.keep_shielded();
        self.draft.keep_beside_unsendable();
        self.draft.choose_candidates();
        self.draft
    }

    fn both(&mut self, path: Box<str>, what: NodeKind, there: NodeKind) {
        match (what, there) {
            (what, _) if self.rules.leaves_out(&what) => self.leave(path, Reason::Size),
            (NodeKind::Special, _) => self.leave(path, Reason::Special),
            (NodeKind::Passed(reason), _) => self.leave(path, reason),
            (NodeKind::Directory { mode }, NodeKind::Directory { mode: old_mode }) => {
                self.directories(path, mode, old_mode);
            }
            (
                NodeKind::File { size, modified, mode, .. },
                NodeKind::File { size: old_size, modified: old_modified, mode: old_mode, unflushed },
            ) => {
                let old = File { size: old_size, modified: old_modified, mode: old_mode };
                let new = File { size, modified, mode };
                if unflushed { self.meets_unflushed(path, new, old) } else { self.files(path, new, old) }
            }
            (NodeKind::Link { target }, NodeKind::Link { target: old_target }) => self.links(path, target, &old_target),
            (NodeKind::SpecialFile(new), NodeKind::SpecialFile(old)) => self.special_files(path, new, &old),
            (what, there) => self.kinds(path, what, there.kind()),
        }
    }

    fn directories(&mut self, path: Box<str>, mode: Option<u32>, old_mode: Option<u32>) {
        if !self.rules.preserve_mode {
            return;
        }
        if let Some(guard) = WritableDirectoryGuard::between(path, old_mode, mode) {
            self.draft.guards.push(guard);
        }
    }

    fn links(&mut self, path: Box<str>, target: String, old_target: &str) {
        if target == old_target {
            self.draft.unchanged.add(0);
        } else if self.rules.ignore_existing {
            self.skip(path, Reason::Exists);
        } else {
            self.send(path, Action::Link { target: target.into(), replaces: true });
        }
    }

    fn special_files(&mut self, path: Box<str>, new: Box<SpecialFile>, old: &SpecialFile) {
        let is_same_mode = !self.rules.preserve_mode || new.mode == old.mode;
        if new.special == old.special && new.modified == old.modified && is_same_mode {
            self.draft.unchanged.add(0);
        } else if self.rules.ignore_existing {
            self.skip(path, Reason::Exists);
        } else {
            self.send(path, Action::Special { file: new, replaces: true });
        }
    }

    /// Decides about two nodes of different kinds. The source's is not special.
    fn kinds(&mut self, path: Box<str>, what: NodeKind, there: Kind) {
        let is_new = what.kind() == Kind::Directory || matches!(there, Kind::Directory | Kind::Special);
        match there {
            _ if self.rules.ignore_existing => self.leave(path, Reason::Exists),
            _ if self.rules.existing && is_new => self.leave(path, Reason::NotExisting),
            Kind::Special if !self.rules.delete => self.leave(path, Reason::SpecialInTheWay),
            Kind::Directory => self.meets_directory(path, what),
            Kind::File | Kind::Link | Kind::Special => self.replace(path, what, there),
        }
    }

    fn meets_directory(&mut self, path: Box<str>, what: NodeKind) {
        let Some(action) = creation(what) else { return };
        self.shadow = Some(Shadow { top: path.clone(), is_obstacle: true });
        let first = self.draft.extraneous.len();
        let step = Step { path, action };
        self.draft.obstacles.push(Obstacle { step, is_occupied: false, is_kept: false, contents: first..first });
    }

    /// Replaces something other than a directory by something of another kind.
    fn replace(&mut self, path: Box<str>, what: NodeKind, there: Kind) {
        match what {
            NodeKind::Directory { mode } => {
                self.draft.made.push(Step::new(path.clone(), Action::Clear { kind: there }));
                self.make(path, mode);
            }
            what if there == Kind::Special => {
                let Some(action) = creation(what) else { return };
                self.send(path.clone(), Action::Clear { kind: there });
                self.send(path, action);
            }
            NodeKind::File { size, .. } => {
                self.send(path, Action::Update { size, old_size: 0, delta: false, why: Changed::ALL });
            }
            NodeKind::Link { target } => self.send(path, Action::Link { target: target.into(), replaces: true }),
            NodeKind::SpecialFile(file) => self.send(path, Action::Special { file, replaces: true }),
            NodeKind::Special | NodeKind::Passed(_) => {}
        }
    }

    /// Decides about a node that only the source has.
    fn arrives(&mut self, path: Box<str>, what: NodeKind) {
        match what {
            what if self.rules.leaves_out(&what) => self.leave(path, Reason::Size),
            NodeKind::Special => self.leave(path, Reason::Special),
            NodeKind::Passed(reason) => self.leave(path, reason),
            _ if self.rules.existing => self.leave(path, Reason::NotExisting),
            NodeKind::Directory { mode } => self.make(path, mode),
            NodeKind::File { size, modified, mode, .. } => {
                // Without deletions nothing vanishes that could be renamed, and an empty file costs nothing to send.
                if self.rules.delete && size > 0 && self.rules.capabilities.has(Capability::Renames) {
                    let mode = self.rules.new_mode(mode);
                    self.draft.arrivals.push(Arrival { step: self.draft.sent.len(), size, modified, mode });
                }
                self.send(path, Action::Create { size });
            }
            NodeKind::Link { target } => self.send(path, Action::Link { target: target.into(), replaces: false }),
            NodeKind::SpecialFile(file) => self.send(path, Action::Special { file, replaces: false }),
        }
    }

    /// Keeps a node that only the destination has, perhaps in a directory that has to make way.
    fn is_extraneous(&mut self, node: Node, is_in_obstacle: bool) {
        if self.rules.delete {
            let kind = node.what.kind();
            let (size, modified, unflushed) = match node.what {
                NodeKind::File { size, modified, unflushed, .. } => (size, modified, unflushed),
                _ => (0, Timestamp::new(0, 0), false),
            };
            self.draft.extraneous.push(Extraneous { path: node.path, kind, size, modified, unflushed });
        }
        if let Some(obstacle) = self.draft.obstacles.last_mut().filter(|_| is_in_obstacle) {
            obstacle.is_occupied = true;
            obstacle.contents.end = self.draft.extraneous.len();
        }
    }

    fn make(&mut self, path: Box<str>, mode: Option<u32>) {
        let (mode, guard) = WritableDirectoryGuard::of_new(&path, self.rules.new_mode(mode));
        self.draft.guards.extend(guard);
        self.draft.made.push(Step { path, action: Action::MakeDirectory { mode } });
    }

    pub(super) fn send(&mut self, path: Box<str>, action: Action) {
        let replaces = matches!(
            action,
            Action::Update { .. } | Action::Link { replaces: true, .. } | Action::Special { replaces: true, .. }
        );
        let action = match replaces && !self.rules.capabilities.has(Capability::Replacing) {
            true => Action::Skip { reason: Reason::CannotReplace },
            false => action,
        };
        self.draft.sent.push(Step { path, action });
    }

    pub(super) fn skip(&mut self, path: Box<str>, reason: Reason) {
        self.send(path, Action::Skip { reason });
    }

    /// Skips something together with what is in it, at either side.
    fn leave(&mut self, path: Box<str>, reason: Reason) {
        self.shadow = Some(Shadow { top: path.clone(), is_obstacle: false });
        self.skip(path, reason);
    }
}

/// Returns the action that makes a file or link where nothing is.
fn creation(what: NodeKind) -> Option<Action> {
    match what {
        NodeKind::File { size, .. } => Some(Action::Create { size }),
        NodeKind::Link { target } => Some(Action::Link { target: target.into(), replaces: false }),
        NodeKind::SpecialFile(file) => Some(Action::Special { file, replaces: false }),
        NodeKind::Directory { .. } | NodeKind::Special | NodeKind::Passed(_) => None,
    }
}
