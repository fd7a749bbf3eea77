//! The plan that a draft becomes when the contents in question are known.

use super::draft::{Answers, Compared, Draft, Extraneous, Obstacle, Questions};
use super::marks::Marks;
use super::mode_changes::plan_mode_changes;
use super::node::path_order;
use super::renames::Pair;
use super::result::{Plan, Withheld};
use super::step::{Action, Reason, Rename, Step, Touch};
use super::steps::{StepCursor, Steps};
use crate::packed::Cursor;
use remofile_protocol::handshake::Capability;
use remofile_protocol::wire::Kind;
use std::mem;

/// The steps that clear a way, by whether anything is deleted for it.
struct ClearedSteps<'a> {
    plain: &'a mut Steps,
    deleting: &'a mut Steps,
}

/// The outcome for a step once contents are compared.
enum Settled {
    /// The step is not done.
    Gone,
    /// The step is done otherwise.
    Becomes(Action),
}

impl Draft {
    /// Returns the files whose digests are needed. Most trees need none: files of one size whose times differ, with
    /// `checksum` those of one size, and with `delete` files that may have been renamed.
    #[must_use]
    pub fn questions(&self) -> Questions {
        let mut steps = StepCursor::default();
        let mut path = |step: usize| steps.get(&self.sent, step).map(|step| step.path);
        let compared: Vec<_> = self.compared.iter().filter_map(|file| path(file.step)).collect();
        let mut source = compared.clone();
        source.extend(self.arrivals.iter().filter_map(|arrival| path(arrival.step)));
        let mut destination = compared;
        if !self.arrivals.is_empty() {
            destination.extend(self.of_sizes(&self.arriving_sizes()).map(|(_, file)| file.path));
        }
        Questions { source: in_order(source), destination: in_order(destination) }
    }

    /// Makes the plan, as the answers decide.
    #[must_use]
    pub fn settle(mut self, answers: &Answers) -> Plan {
        let pairs = self.pairs(answers);
        let mut gone = mem::take(&mut self.kept);
        let (renames, moved) = self.renames(&pairs, &mut gone);
        for obstacle in self.obstacles.iter().filter(|obstacle| obstacle.is_kept) {
            gone.set_all(obstacle.contents.clone());
        }
        let withheld = self.withheld((self.extraneous.len() - gone.count()) as u64);
        let may_delete = self.rules.delete && withheld.is_none();
        let mut steps = self.settle_sent(answers, moved);
        // Kept apart, to come behind all steps that delete nothing.
        let mut deleting = Steps::default();
        for obstacle in mem::take(&mut self.obstacles) {
            let cleared = ClearedSteps { plain: &mut steps, deleting: &mut deleting };
            self.clear_way(obstacle, may_delete, &mut gone, cleared);
        }
        steps.append(deleting);
        // In reverse path order, so that a directory is empty when its turn comes. What each took in memory is free then.
        while may_delete && let Some(one) = self.extraneous.pop() {
            if !gone.has(self.extraneous.len()) {
                steps.push(deletion(one));
            }
        }

        let between = self.made.iter().chain(&renames).cloned();
        let mode_changes = plan_mode_changes(mem::take(&mut self.guards), between.chain(steps.iter()));
        let mut first = self.made;
        first.extend(mode_changes.before);
        // Stable, so that what is cleared stays before what it makes way for.
        first.sort_by(|one, other| path_order(&one.path, &other.path));
        let mut all: Steps = first.into_iter().chain(renames).collect();
        all.append(steps);
        all.extend(mode_changes.after);
        Plan { steps: all, unchanged: self.unchanged, withheld, failures: self.failures }
    }

    /// Returns the steps that send something, but for those that are `moved` instead. Updates become touches where contents
    /// are the same, or nothing.
    fn settle_sent(&mut self, answers: &Answers, moved: Vec<usize>) -> Steps {
        let mut settled: Vec<(usize, Settled)> = moved.into_iter().map(|step| (step, Settled::Gone)).collect();
        let mut steps = StepCursor::default();
        for Compared { step, size, modified, mode } in mem::take(&mut self.compared) {
            let Some(path) = steps.get(&self.sent, step).map(|step| step.path) else { continue };
            let digest = answers.source.get(&path);
            if digest.is_none() || digest != answers.destination.get(&path) {
                continue;
            }
            if modified.is_some() || mode.is_some() {
                let touch = Touch { modified, mode, directory: false };
                settled.push((step, Settled::Becomes(Action::Touch(Box::new(touch)))));
            } else {
                settled.push((step, Settled::Gone));
                self.unchanged.add(size);
            }
        }
        let sent = mem::take(&mut self.sent);
        if settled.is_empty() {
            return sent;
        }
        settled.sort_unstable_by_key(|(step, _)| *step);
        let mut settled = settled.into_iter().peekable();
        let of_step = |(at, step): (usize, Step)| match settled.next_if(|(step, _)| *step == at) {
            None => Some(step),
            Some((_, Settled::Gone)) => None,
            Some((_, Settled::Becomes(action))) => Some(Step { action, ..step }),
        };
        sent.into_iter().enumerate().filter_map(of_step).collect()
    }

    /// Makes the renames of pairs, and marks what is renamed as gone. Returns them with the indices of the steps that they are
    /// instead of.
    fn renames(&self, pairs: &[Pair], gone: &mut Marks) -> (Vec<Step>, Vec<usize>) {
        let (mut arrivals, mut steps) = (Cursor::default(), StepCursor::default());
        let (mut renames, mut moved) = (Vec::new(), Vec::new());
        for pair in pairs {
            let Some(arrival) = arrivals.get(&self.arrivals, pair.arrival) else { continue };
            let Some(old) = self.extraneous.get(pair.extraneous) else { continue };
            let Some(Step { path, .. }) = steps.get(&self.sent, arrival.step) else { continue };
            gone.set(pair.extraneous);
            moved.push(arrival.step);
            let rename = Rename { from: old.path, size: old.size, modified: arrival.modified, mode: arrival.mode };
            renames.push(Step { path, action: Action::Rename(Box::new(rename)) });
        }
        (renames, moved)
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
    fn clear_way(&self, obstacle: Obstacle, may_delete: bool, gone: &mut Marks, cleared: ClearedSteps<'_>) {
        let Obstacle { step, is_occupied, is_kept, contents } = obstacle;
        // Renames may have taken its contents.
        let has_contents = contents.clone().any(|at| !gone.has(at));
        let is_occupied = if self.rules.delete { has_contents } else { is_occupied };
        // What takes its place comes under another name first.
        let can_make_way = may_delete && self.rules.capabilities.has(Capability::Renames);
        if is_kept || self.is_destination_unread || (is_occupied && !can_make_way) {
            cleared.plain.push(Step { path: step.path, action: Action::Skip { reason: Reason::DirectoryInTheWay } });
            return;
        }
        let steps = if has_contents { cleared.deleting } else { cleared.plain };
        for (at, one) in contents.clone().zip(self.extraneous.range(contents)).rev() {
            if !gone.has(at) {
                gone.set(at);
                steps.push(deletion(one));
            }
        }
        steps.push(Step::new(step.path.clone(), Action::Clear { kind: Kind::Directory }));
        steps.push(step);
    }
}

fn deletion(file: Extraneous) -> Step {
    Step { path: file.path, action: Action::Delete { kind: file.kind, size: file.size } }
}

fn in_order(mut paths: Vec<Box<str>>) -> Vec<Box<str>> {
    paths.sort_unstable_by(|one, other| path_order(one, other));
    paths.dedup();
    paths
}
