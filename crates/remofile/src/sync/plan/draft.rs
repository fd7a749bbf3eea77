//! What is left of two trees when all that is the same is taken away, and what becomes of it.

use super::mode_changes::{WritableDirectoryGuard, plan_mode_changes};
use super::node::{is_below, path_order};
use super::renames::{Pair, arriving_size, of_sizes};
use super::result::{Plan, Tally, Withheld};
use super::rules::Rules;
use super::step::{Action, Reason, Rename, Step, Touch};
use remofile_protocol::digest::Digest;
use remofile_protocol::handshake::Capability;
use remofile_protocol::wire::{Failure, Kind, Timestamp};
use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::mem;
use std::ops::Range;

/// A plan but for the contents that have to be compared.
#[derive(Debug)]
pub struct Draft {
    rules: Rules,
    /// Directories that are made, with what is cleared for them.
    pub(super) made: Vec<Step>,
    pub(super) guards: Vec<WritableDirectoryGuard>,
    /// Files, links, touches and skips.
    pub(super) sent: Vec<Step>,
    /// Those of `sent` that are an update unless digests are equal.
    pub(super) compared: Vec<Compared>,
    /// Those of `sent` that create a file that may be a rename.
    pub(super) arrivals: Vec<Arrival>,
    /// Directories with something else at the source.
    pub(super) obstacles: Vec<Obstacle>,
    /// What only the destination has, if that is of interest.
    pub(super) extraneous: Vec<Extraneous>,
    /// What stays at the destination, with all below it.
    pub(super) shields: Vec<Box<str>>,
    pub(super) unchanged: Tally,
    pub(super) failures: Vec<Failure>,
    pub(super) is_destination_unread: bool,
}

/// A file whose contents decide: what is to be set if they are the same.
#[derive(Debug)]
pub(super) struct Compared {
    /// Its place in `sent`.
    pub(super) step: usize,
    /// Its length in bytes.
    pub(super) size: u64,
    pub(super) modified: Option<Timestamp>,
    pub(super) mode: Option<u32>,
}

/// A file that comes to where nothing is.
#[derive(Debug)]
pub(super) struct Arrival {
    /// Its place in `sent`.
    pub(super) step: usize,
    pub(super) modified: Timestamp,
    pub(super) mode: Option<u32>,
}

/// A directory that is in the way of a file or link.
#[derive(Debug)]
pub(super) struct Obstacle {
    /// What it is in the way of.
    pub(super) step: Step,
    /// Whether anything was in it.
    pub(super) is_occupied: bool,
    /// Whether something is in it that is left out: then it stays, and so does everything in it.
    pub(super) is_kept: bool,
    /// What was in it, as places in `extraneous`.
    pub(super) contents: Range<usize>,
}

/// Something that only the destination has.
#[derive(Debug)]
pub(super) struct Extraneous {
    pub(super) path: Box<str>,
    pub(super) kind: Kind,
    /// Length in bytes and time, of a file.
    pub(super) size: u64,
    pub(super) modified: Timestamp,
    /// Whether it is a file that may not be on the disk.
    pub(super) unflushed: bool,
    /// Whether it stays: the source has something there, or something in it is left out.
    pub(super) is_kept: bool,
}

/// The files whose digests are needed, in path order, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Questions<'a> {
    /// Paths of files at the source.
    pub source: Vec<&'a str>,
    /// Paths of files at the destination.
    pub destination: Vec<&'a str>,
}

/// The digests of files. What is missing could not be read: it is taken to be like nothing else, so that it is
/// sent.
#[derive(Debug, Clone, Default)]
pub struct Answers {
    /// By their paths at the source.
    pub source: HashMap<Box<str>, Digest>,
    /// By their paths at the destination.
    pub destination: HashMap<Box<str>, Digest>,
}

impl Draft {
    pub(super) fn new(rules: Rules) -> Self {
        Self {
            rules,
            made: Vec::new(),
            guards: Vec::new(),
            sent: Vec::new(),
            compared: Vec::new(),
            arrivals: Vec::new(),
            obstacles: Vec::new(),
            extraneous: Vec::new(),
            shields: Vec::new(),
            unchanged: Tally::default(),
            failures: Vec::new(),
            is_destination_unread: false,
        }
    }

    /// The number of things that are kept, and what they take in bytes but for their texts.
    pub(super) fn held(&self) -> (u64, u64) {
        fn of<T>(things: &[T]) -> (u64, u64) {
            (things.len() as u64, size_of_val(things) as u64)
        }
        let steps = [of(&self.made), of(&self.sent), of(&self.guards), of(&self.compared), of(&self.arrivals)];
        let others = [of(&self.obstacles), of(&self.extraneous), of(&self.shields), of(&self.failures)];
        steps.iter().chain(&others).fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    }

    /// Keeps the directories that something is in.
    pub(super) fn keep_above(&mut self, path: &str, is_in_obstacle: bool) {
        for (end, _) in path.match_indices('/') {
            let found = self.extraneous.binary_search_by(|one| path_order(&one.path, &path[..end]));
            if let Ok(at) = found {
                self.extraneous[at].is_kept = true;
            }
        }
        if let Some(obstacle) = self.obstacles.last_mut().filter(|_| is_in_obstacle) {
            obstacle.is_kept = true;
        }
    }

    /// Keeps what the source has, too, though it has no part in this.
    pub(super) fn keep_shielded(&mut self) {
        for path in mem::take(&mut self.shields) {
            self.keep_above(&path, false);
            let first = self.extraneous.partition_point(|one| path_order(&one.path, &path) == Ordering::Less);
            let is_shielded = |one: &&mut Extraneous| one.path == path || is_below(&one.path, &path);
            self.extraneous[first..].iter_mut().take_while(is_shielded).for_each(|one| one.is_kept = true);
        }
    }

    /// The files whose digests are needed. Most trees need none: files of one size whose times differ, with
    /// `checksum` those of one size, and with `delete` files that may have been renamed.
    #[must_use]
    pub fn questions(&self) -> Questions<'_> {
        let compared = self.compared.iter().map(|file| &*self.sent[file.step].path);
        let arrivals = self.arrivals.iter().map(|file| &*self.sent[file.step].path);
        let sizes = self.arriving_sizes();
        let vanishing = of_sizes(&self.extraneous, &sizes).map(|(_, file)| &*file.path);
        Questions {
            source: in_order(compared.clone().chain(arrivals).collect()),
            destination: in_order(compared.chain(vanishing).collect()),
        }
    }

    /// The plan, as the answers decide.
    #[must_use]
    pub fn settle(mut self, answers: &Answers) -> Plan {
        let pairs = self.pairs(answers);
        let mut gone = self.settle_compared(answers);
        gone.extend(pairs.iter().map(|pair| self.arrivals[pair.arrival].step));
        let mut extraneous: Vec<_> =
            mem::take(&mut self.extraneous).into_iter().map(|one| (!one.is_kept).then_some(one)).collect();
        let renames = self.renames(&pairs, &mut extraneous);
        for obstacle in self.obstacles.iter().filter(|obstacle| obstacle.is_kept) {
            extraneous[obstacle.contents.clone()].fill_with(|| None);
        }

        let withheld = self.withheld(extraneous.iter().flatten().count() as u64);
        let may_delete = self.rules.delete && withheld.is_none();
        let mut steps = mem::take(&mut self.sent);
        remove(&mut steps, gone);
        // Behind those that delete nothing.
        let mut deleting = Vec::new();
        for obstacle in mem::take(&mut self.obstacles) {
            self.clear_way(obstacle, may_delete, &mut extraneous, (&mut steps, &mut deleting));
        }
        steps.append(&mut deleting);
        if may_delete {
            steps.extend(extraneous.into_iter().rev().flatten().map(deletion));
        }

        let mode_changes = plan_mode_changes(self.guards, self.made.iter().chain(&renames).chain(&steps));
        let mut first = self.made;
        first.extend(mode_changes.before);
        // Stable, so that what is cleared stays before what it makes way for.
        first.sort_by(|one, other| path_order(&one.path, &other.path));
        first.extend(renames);
        steps.splice(0..0, first);
        steps.extend(mode_changes.after);
        Plan { steps, unchanged: self.unchanged, withheld, failures: self.failures }
    }

    /// Forgets what cannot be a rename: nothing is where something could not be listed, as what seems to be
    /// gone may be there.
    pub(super) fn choose_candidates(&mut self) {
        if !self.failures.is_empty() {
            self.arrivals = Vec::new();
        }
        let may_move = |file: &&Extraneous| file.kind == Kind::File && !file.is_kept && !file.unflushed;
        let sizes: HashSet<u64> = self.extraneous.iter().filter(may_move).map(|file| file.size).collect();
        self.arrivals.retain(|arrival| sizes.contains(&arriving_size(&self.sent[arrival.step])));
        self.arrivals.shrink_to_fit();
    }

    /// The lengths of the files that may be renames.
    pub(super) fn arriving_sizes(&self) -> HashSet<u64> {
        self.arrivals.iter().map(|arrival| arriving_size(&self.sent[arrival.step])).collect()
    }

    /// Turns updates into touches where contents are the same. Returns the places of those that need nothing.
    fn settle_compared(&mut self, answers: &Answers) -> Vec<usize> {
        let mut gone = Vec::new();
        for Compared { step: at, size, modified, mode } in mem::take(&mut self.compared) {
            let step = &mut self.sent[at];
            let digest = answers.source.get(&step.path);
            if digest.is_none() || digest != answers.destination.get(&step.path) {
                continue;
            }
            if modified.is_some() || mode.is_some() {
                step.action = Action::Touch(Box::new(Touch { modified, mode, directory: false }));
                continue;
            }
            gone.push(at);
            self.unchanged.add(size);
        }
        gone
    }

    /// Takes the paths out of what is created and what is extraneous.
    fn renames(&mut self, pairs: &[Pair], extraneous: &mut [Option<Extraneous>]) -> Vec<Step> {
        let rename = |pair: &Pair| {
            let Arrival { step, modified, mode } = self.arrivals[pair.arrival];
            let old = extraneous[pair.extraneous].take()?;
            let path = mem::take(&mut self.sent[step].path);
            let rename = Rename { from: old.path, size: old.size, modified, mode };
            Some(Step { path, action: Action::Rename(Box::new(rename)) })
        };
        pairs.iter().filter_map(rename).collect()
    }

    fn withheld(&self, planned: u64) -> Option<Withheld> {
        if planned == 0 {
            return None;
        }
        if !self.failures.is_empty() {
            return Some(Withheld::Unreadable { planned });
        }
        let most = self.rules.max_delete?;
        (planned > most).then_some(Withheld::TooMany { planned, most })
    }

    /// A directory makes way, if it may: it is empty, or its contents may be deleted.
    fn clear_way(
        &self,
        obstacle: Obstacle,
        may_delete: bool,
        extraneous: &mut [Option<Extraneous>],
        (steps, deleting): (&mut Vec<Step>, &mut Vec<Step>),
    ) {
        let Obstacle { step, is_occupied, is_kept, contents } = obstacle;
        let contents = &mut extraneous[contents];
        // What was in it may have been renamed meanwhile.
        let is_occupied = if self.rules.delete { contents.iter().any(Option::is_some) } else { is_occupied };
        // What takes its place comes under another name first.
        let can_make_way = may_delete && self.rules.capabilities.has(Capability::Renames);
        if is_kept || self.is_destination_unread || (is_occupied && !can_make_way) {
            steps.push(Step { path: step.path, action: Action::Skip { reason: Reason::DirectoryInTheWay } });
            return;
        }
        let steps = if contents.iter().any(Option::is_some) { deleting } else { steps };
        steps.extend(contents.iter_mut().rev().filter_map(Option::take).map(deletion));
        steps.push(Step::new(step.path.clone(), Action::Clear { kind: Kind::Directory }));
        steps.push(step);
    }
}

fn deletion(file: Extraneous) -> Step {
    Step { path: file.path, action: Action::Delete { kind: file.kind, size: file.size } }
}

/// Removes what is at some places.
fn remove(steps: &mut Vec<Step>, mut places: Vec<usize>) {
    places.sort_unstable();
    let mut places = places.into_iter().peekable();
    let mut at = 0..;
    steps.retain(|_| at.next().is_none_or(|at| places.next_if_eq(&at).is_none()));
}

fn in_order(mut paths: Vec<&str>) -> Vec<&str> {
    paths.sort_unstable_by(|one, other| path_order(one, other));
    paths.dedup();
    paths
}

#[cfg(test)]
impl Draft {
    /// Whether nothing was ever kept.
    pub(super) fn holds_no_memory(&self) -> bool {
        let steps = [&self.made, &self.sent].map(Vec::capacity);
        let others = [self.guards.capacity(), self.compared.capacity(), self.arrivals.capacity()];
        let more = [self.obstacles.capacity(), self.extraneous.capacity(), self.failures.capacity()];
        steps.iter().chain(&others).chain(&more).all(|&capacity| capacity == 0)
    }
}
