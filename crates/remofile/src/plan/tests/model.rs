//! A file system in memory that refuses what a real one would refuse.

use super::super::node::parent;
use super::super::{Action, Answers, Draft, Join, Node, NodeKind, Plan, Planner, Rules, Side, Step, TreeElement};
use remofile_protocol::digest::Digest;
use remofile_protocol::handshake::Capabilities;
use remofile_protocol::wire::{Failure, Kind, Timestamp};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::time::Duration;

/// An entry of a model tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Thing {
    Directory(u32),
    File { content: String, modified: Timestamp, mode: u32 },
    Link(String),
    Special,
}

/// A path by its names, which gives the order of listings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place(pub(super) String);

impl Ord for Place {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.split('/').cmp(other.0.split('/'))
    }
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A tree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tree(pub(super) BTreeMap<Place, Thing>);

pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::new(seconds, 7)
}

pub(super) fn file(content: &str, seconds: i64) -> Thing {
    Thing::File { content: content.to_owned(), modified: at(seconds), mode: 0o644 }
}

pub(super) fn link(target: &str) -> Thing {
    Thing::Link(target.to_owned())
}

/// Nothing is asked for.
pub(super) const PLAIN: Rules = Rules {
    capabilities: Capabilities::ALL,
    delete: false,
    max_delete: None,
    checksum: false,
    size_only: false,
    update: false,
    existing: false,
    ignore_existing: false,
    preserve_mode: false,
    modify_window: Duration::ZERO,
    min_size: None,
    max_size: None,
    delta_from: None,
};

pub(super) const DIRECTORY: Thing = Thing::Directory(0o755);

/// Makes a tree of these things, with the directories that they are in.
pub(super) fn tree<const N: usize>(things: [(&str, Thing); N]) -> Tree {
    let mut tree = Tree::default();
    for (path, thing) in things {
        tree.put(path, thing);
    }
    tree
}

pub(super) fn digest(content: &str) -> Digest {
    let mut digest = [0; 16];
    digest[..content.len()].copy_from_slice(content.as_bytes());
    digest
}

impl Tree {
    pub(super) fn get(&self, path: &str) -> Option<&Thing> {
        self.0.get(&Place(path.to_owned()))
    }

    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(|place| place.0.as_str())
    }

    /// Puts something somewhere, whatever is in the way.
    pub(super) fn put(&mut self, path: &str, thing: Thing) {
        let above = parent(path);
        if !above.is_empty() && !matches!(self.get(above), Some(Thing::Directory(_))) {
            self.put(above, DIRECTORY);
        }
        if !matches!((&thing, self.get(path)), (Thing::Directory(_), Some(Thing::Directory(_)))) {
            self.remove(path);
        }
        self.0.insert(Place(path.to_owned()), thing);
    }

    /// Removes something with its contents, which are returned by their paths below it.
    pub(super) fn remove(&mut self, path: &str) -> Vec<(String, Thing)> {
        let is_in = |place: &str| place.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let removed: Vec<_> = self.0.extract_if(.., |place, _| is_in(&place.0)).collect();
        removed.into_iter().map(|(place, thing)| (place.0[path.len()..].to_owned(), thing)).collect()
    }

    pub(super) fn nodes(&self) -> Vec<Node> {
        self.0.iter().map(|(place, thing)| Node { path: place.0.as_str().into(), what: thing.what() }).collect()
    }

    pub(super) fn told(&self) -> Vec<TreeElement> {
        self.nodes().into_iter().map(TreeElement::Node).collect()
    }

    fn content(&self, path: &str) -> Option<&str> {
        match self.get(path) {
            Some(Thing::File { content, .. }) => Some(content),
            _ => None,
        }
    }

    fn is_empty_directory(&self, path: &str) -> bool {
        let prefix = format!("{path}/");
        !self.paths().any(|other| other.starts_with(&prefix))
    }
}

impl Thing {
    pub(super) fn what(&self) -> NodeKind {
        match self {
            Self::Directory(mode) => NodeKind::Directory { mode: Some(*mode) },
            Self::File { content, modified, mode } => {
                NodeKind::File { size: content.len() as u64, modified: *modified, mode: Some(*mode), unflushed: false }
            }
            Self::Link(target) => NodeKind::Link { target: target.clone() },
            Self::Special => NodeKind::Special,
        }
    }
}

/// Returns the draft of two listings.
pub(super) fn draft(source: Vec<TreeElement>, destination: Vec<TreeElement>, rules: Rules) -> Draft {
    let mut pulled = source.into_iter();
    let mut join = Join::new(Planner::new(rules), Side::Source, || pulled.next());
    destination.into_iter().for_each(|told| join.push(told));
    join.finish()
}

/// Answers all questions of a draft.
pub(super) fn answers(draft: &Draft, source: &Tree, destination: &Tree) -> Answers {
    let questions = draft.questions();
    let answer = |tree: &Tree, paths: Vec<Box<str>>| {
        let of = |path: Box<str>| {
            let digest = digest(tree.content(&path).expect("questions are of files"));
            (path, digest)
        };
        paths.into_iter().map(of).collect()
    };
    Answers { source: answer(source, questions.source), destination: answer(destination, questions.destination) }
}

/// Returns the plan that makes one tree like the other.
pub(super) fn plan(source: &Tree, destination: &Tree, rules: Rules) -> Plan {
    let draft = draft(source.told(), destination.told(), rules);
    let answers = answers(&draft, source, destination);
    draft.settle(&answers)
}

/// Returns a plan where something could not be listed, at the source or the destination.
pub(super) fn plan_unread(
    source: Vec<TreeElement>,
    destination: Vec<TreeElement>,
    trees: [&Tree; 2],
    rules: Rules,
) -> Plan {
    let draft = draft(source, destination, rules);
    let answers = answers(&draft, trees[0], trees[1]);
    draft.settle(&answers)
}

pub(super) fn failed(path: &str) -> TreeElement {
    TreeElement::Failed(Failure::new(remofile_protocol::wire::ErrorCode::PermissionDenied).at(path))
}

/// Carries out steps, strictly.
pub(super) struct Execution<'a> {
    pub(super) source: &'a Tree,
    pub(super) rules: Rules,
}

impl Execution<'_> {
    pub(super) fn run(&self, tree: &mut Tree, steps: &[Step]) {
        for step in steps {
            self.apply(tree, step).unwrap_or_else(|refusal| panic!("{refusal}: {step:?}\nof {steps:#?}\nin {tree:#?}"));
        }
    }

    fn apply(&self, tree: &mut Tree, step: &Step) -> Result<(), &'static str> {
        let path = &*step.path;
        let there = tree.get(path).cloned();
        match &step.action {
            Action::Touch(touch) => return touched(tree, path, touch),
            Action::Attributes(_) | Action::Skip { .. } => return Ok(()),
            _ => self.enter(tree, parent(path))?,
        }
        let kind = there.as_ref().map(|there| there.what().kind());
        let thing = match &step.action {
            Action::MakeDirectory { mode } => ensure(kind.is_none(), Thing::Directory(mode.unwrap_or(0o755)))?,
            Action::Create { size } => ensure(kind.is_none(), self.sent(path, *size)?)?,
            Action::Update { size, old_size, .. } => {
                let old = there.filter(|there| matches!(there, Thing::File { .. } | Thing::Link(_)));
                let old_bytes = old.map(|_| tree.content(path).map_or(0, str::len) as u64);
                ensure(old_bytes == Some(*old_size), self.sent(path, *size)?)?
            }
            Action::Link { target, replaces: false } => ensure(kind.is_none(), link(target))?,
            Action::Link { target, .. } => {
                ensure(matches!(kind, Some(Kind::File | Kind::Link)), Thing::Link(target.to_string()))?
            }
            Action::HardLink { .. } | Action::Special { .. } => {
                unreachable!("no tree here has such")
            }
            Action::Rename(rename) => {
                self.enter(tree, parent(&rename.from))?;
                let is_it =
                    tree.content(&rename.from).is_some_and(|content| Some(content) == self.source.content(path));
                ensure(is_it && kind.is_none(), ())?;
                tree.remove(&rename.from);
                let mut moved = self.sent(path, rename.size)?;
                if let Thing::File { modified, mode, .. } = &mut moved {
                    *modified = rename.modified;
                    *mode = rename.mode.unwrap_or(0o644);
                }
                moved
            }
            Action::Clear { kind: expected } | Action::Delete { kind: expected, .. } => {
                ensure(kind == Some(*expected) && tree.is_empty_directory(path), ())?;
                tree.remove(path);
                return Ok(());
            }
            Action::Touch(_) | Action::Attributes(_) | Action::Skip { .. } => return Ok(()),
        };
        tree.0.insert(Place(path.to_owned()), thing);
        Ok(())
    }

    /// Fails if a directory does not let its owner in, and its permission bits are the plan's business.
    fn enter(&self, tree: &Tree, directory: &str) -> Result<(), &'static str> {
        if directory.is_empty() {
            return Ok(());
        }
        let Some(Thing::Directory(mode)) = tree.get(directory) else { return Err("there is no such directory") };
        let is_copied = matches!(self.source.get(directory), Some(Thing::Directory(_)));
        let is_open = mode & 0o300 == 0o300 || !self.rules.preserve_mode || !is_copied;
        if is_open { Ok(()) } else { Err("permission denied") }
    }

    fn sent(&self, path: &str, size: u64) -> Result<Thing, &'static str> {
        match self.source.get(path).cloned() {
            Some(Thing::File { content, modified, mode }) if content.len() as u64 == size => {
                let mode = if self.rules.preserve_mode { mode } else { 0o644 };
                Ok(Thing::File { content, modified, mode })
            }
            _ => Err("the source has no such file"),
        }
    }
}

fn touched(tree: &mut Tree, path: &str, touch: &super::super::Touch) -> Result<(), &'static str> {
    match (tree.0.get_mut(&Place(path.to_owned())), touch.directory) {
        (Some(Thing::Directory(mode)), true) => *mode = touch.mode.ok_or("nothing to set")?,
        (Some(Thing::File { modified, mode, .. }), false) => {
            *modified = touch.modified.unwrap_or(*modified);
            *mode = touch.mode.unwrap_or(*mode);
        }
        _ => return Err("it is not there, or something else"),
    }
    Ok(())
}

fn ensure<T>(is_met: bool, value: T) -> Result<T, &'static str> {
    if is_met { Ok(value) } else { Err("what is there is not what was planned with") }
}
