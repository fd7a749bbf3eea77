//! The plan that a draft becomes when the contents in question are known.

use super::draft::{Answers, Arrival, Compared, Draft, Extraneous, Obstacle, Questions};
use super::mode_changes::plan_mode_changes;
use super::node::path_order;
use super::renames::{Pair, of_sizes};
use super::result::{Plan, Withheld};
use super::step::{Action, Reason, Rename, Step, Touch};
use remofile_protocol::handshake::Capability;
use remofile_protocol::wire::Kind;
use std::mem;

/// The steps that clear a way, by whether anything is deleted for it.
struct ClearedSteps<'a> {
    plain: &'a mut Vec<Step>,
    deleting: &'a mut Vec<Step>,
}

impl Draft {
    /// Returns the files whose digests are needed. Most trees need none: files of one size whose times differ, with
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

    /// Makes the plan, as the answers decide.
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
        // Kept apart, to come behind all steps that delete nothing.
        let mut deleting = Vec::new();
        for obstacle in mem::take(&mut self.obstacles) {
            let cleared = ClearedSteps { plain: &mut steps, deleting: &mut deleting };
            self.clear_way(obstacle, may_delete, &mut extraneous, cleared);
        }
        steps.append(&mut deleting);
        if may_delete {
            // In reverse path order, so that a directory is empty when its turn comes.
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

    /// Turns updates into touches where contents are the same. Returns the indices of those that need nothing.
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

    /// Adds the steps by which a directory makes way, if it may: it is empty, or its contents may be deleted.
    fn clear_way(
        &self,
        obstacle: Obstacle,
        may_delete: bool,
        extraneous: &mut [Option<Extraneous>],
        cleared: ClearedSteps<'_>,
    ) {
        let Obstacle { step, is_occupied, is_kept, contents } = obstacle;
        let contents = &mut extraneous[contents];
        // The renames above may have taken its contents.
        let is_occupied = if self.rules.delete { contents.iter().any(Option::is_some) } else { is_occupied };
        // What takes its place comes under another name first.
        let can_make_way = may_delete && self.rules.capabilities.has(Capability::Renames);
        if is_kept || self.is_destination_unread || (is_occupied && !can_make_way) {
            cleared.plain.push(Step { path: step.path, action: Action::Skip { reason: Reason::DirectoryInTheWay } });
            return;
        }
        let steps = if contents.iter().any(Option::is_some) { cleared.deleting } else { cleared.plain };
        steps.extend(contents.iter_mut().rev().filter_map(Option::take).map(deletion));
        steps.push(Step::new(step.path.clone(), Action::Clear { kind: Kind::Directory }));
        steps.push(step);
    }
}

fn deletion(file: Extraneous) -> Step {
    Step { path: file.path, action: Action::Delete { kind: file.kind, size: file.size } }
}

/// Removes the steps with these indices.
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
