//! The search for renames: files that are new at the source and have the content of files that only the destination
//! has.

use super::draft::{Answers, Arrival, Draft, Extraneous};
use super::node::name;
use super::steps::StepCursor;
use remofile_protocol::digest::Digest;
use remofile_protocol::wire::{Kind, Timestamp};
use std::collections::{HashMap, HashSet};

/// Two paths of one content, by their places in the draft.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) arrival: usize,
    pub(super) extraneous: usize,
}

/// The attributes of a file by which pairs are formed.
#[derive(Debug)]
struct Candidate {
    at: usize,
    size: u64,
    digest: Digest,
    modified: Timestamp,
    name: Box<str>,
}

/// Reports whether what only the destination has may be what the source has elsewhere. A file that may not be on the disk must
/// be sent again, so it cannot save sending.
fn may_move(file: &Extraneous) -> bool {
    file.kind == Kind::File && !file.unflushed
}

impl Draft {
    /// Forgets creations that cannot be renames. If something could not be listed none can, since a file that seems to
    /// be gone may be there.
    pub(super) fn choose_candidates(&mut self) {
        let arrivals = std::mem::take(&mut self.arrivals);
        if !self.failures.is_empty() || arrivals.is_empty() {
            return;
        }
        let sizes: HashSet<u64> = self.movable().map(|(_, file)| file.size).collect();
        self.arrivals = arrivals.into_iter().filter(|arrival| sizes.contains(&arrival.size)).collect();
    }

    /// Returns the files that only the destination has and that do not stay, with their indices.
    fn movable(&self) -> impl Iterator<Item = (usize, Extraneous)> {
        let files = self.extraneous.iter().enumerate();
        files.filter(|(at, file)| may_move(file) && !self.kept.has(*at))
    }

    /// Returns the files that only the destination has and whose size is among these.
    pub(super) fn of_sizes(&self, sizes: &HashSet<u64>) -> impl Iterator<Item = (usize, Extraneous)> {
        self.movable().filter(|(_, file)| sizes.contains(&file.size))
    }

    /// Returns the sizes of the files that may be renames.
    pub(super) fn arriving_sizes(&self) -> HashSet<u64> {
        self.arrivals.iter().map(|arrival| arrival.size).collect()
    }

    /// Returns the pairs that the answers prove, in path order: preferably with one time, then with one name, then as
    /// they come. Each file is in one pair at most.
    pub(super) fn pairs(&self, answers: &Answers) -> Vec<Pair> {
        if self.arrivals.is_empty() {
            return Vec::new();
        }
        let mut new = self.arriving(answers);
        let mut old = self.vanishing(answers);
        let mut pairs = Vec::new();
        for (by_time, by_name) in [(true, true), (true, false), (false, true), (false, false)] {
            let key = |file: &Candidate| {
                let file_name = by_name.then(|| file.name.clone());
                (file.size, file.digest, by_time.then_some(file.modified.seconds()), file_name)
            };
            let mut waiting: HashMap<_, Vec<usize>> = HashMap::new();
            // In reverse, so that `pop` takes the first of them.
            for file in old.iter().rev() {
                waiting.entry(key(file)).or_default().push(file.at);
            }
            let mut taken = HashSet::new();
            new.retain(|file| {
                let Some(extraneous) = waiting.get_mut(&key(file)).and_then(Vec::pop) else { return true };
                pairs.push(Pair { arrival: file.at, extraneous });
                taken.insert(extraneous);
                false
            });
            old.retain(|file| !taken.contains(&file.at));
        }
        pairs.sort_unstable_by_key(|pair| pair.arrival);
        pairs
    }

    fn arriving(&self, answers: &Answers) -> Vec<Candidate> {
        let mut steps = StepCursor::default();
        let candidate = |(at, arrival): (usize, Arrival)| {
            let step = steps.get(&self.sent, arrival.step)?;
            let digest = *answers.source.get(&step.path)?;
            let Arrival { size, modified, .. } = arrival;
            Some(Candidate { at, size, digest, modified, name: name(&step.path).into() })
        };
        self.arrivals.iter().enumerate().filter_map(candidate).collect()
    }

    fn vanishing(&self, answers: &Answers) -> Vec<Candidate> {
        let candidate = |(at, file): (usize, Extraneous)| {
            let digest = *answers.destination.get(&file.path)?;
            Some(Candidate { at, size: file.size, digest, modified: file.modified, name: name(&file.path).into() })
        };
        self.of_sizes(&self.arriving_sizes()).filter_map(candidate).collect()
    }
}
