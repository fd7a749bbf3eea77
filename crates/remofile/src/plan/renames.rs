//! The search for renames: files that are new at the source and have the content of files that only the destination
//! has.

use super::draft::{Answers, Draft, Extraneous};
use super::node::name;
use super::step::{Action, Step};
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
struct Candidate<'a> {
    at: usize,
    size: u64,
    digest: Digest,
    modified: Timestamp,
    name: &'a str,
}

/// Returns the size of a file that is sent to where nothing is.
pub(super) fn arriving_size(step: &Step) -> u64 {
    match step.action {
        Action::Create { size } => size,
        _ => 0,
    }
}

/// Returns the files that only the destination has and whose size is among `sizes`.
pub(super) fn of_sizes<'a>(
    extraneous: &'a [Extraneous],
    sizes: &HashSet<u64>,
) -> impl Iterator<Item = (usize, &'a Extraneous)> {
    // A file that may not be on the disk must be sent again, so it cannot save sending.
    let is_candidate =
        |file: &Extraneous| file.kind == Kind::File && !file.is_kept && !file.unflushed && sizes.contains(&file.size);
    extraneous.iter().enumerate().filter(move |(_, file)| is_candidate(file))
}

impl Draft {
    /// Forgets creations that cannot be renames. If something could not be listed none can, since a file that seems to
    /// be gone may be there.
    pub(super) fn choose_candidates(&mut self) {
        if !self.failures.is_empty() {
            self.arrivals = Vec::new();
        }
        let may_move = |file: &&Extraneous| file.kind == Kind::File && !file.is_kept && !file.unflushed;
        let sizes: HashSet<u64> = self.extraneous.iter().filter(may_move).map(|file| file.size).collect();
        self.arrivals.retain(|arrival| sizes.contains(&arriving_size(&self.sent[arrival.step])));
        self.arrivals.shrink_to_fit();
    }

    /// Returns the sizes of the files that may be renames.
    pub(super) fn arriving_sizes(&self) -> HashSet<u64> {
        self.arrivals.iter().map(|arrival| arriving_size(&self.sent[arrival.step])).collect()
    }

    /// Returns the pairs that the answers prove, in path order: preferably with one time, then with one name, then as
    /// they come. Each file is in one pair at most.
    pub(super) fn pairs(&self, answers: &Answers) -> Vec<Pair> {
        let mut new = self.arriving(answers);
        let mut old = self.vanishing(answers);
        let mut pairs = Vec::new();
        for (by_time, by_name) in [(true, true), (true, false), (false, true), (false, false)] {
            let key = |file: &Candidate<'_>| {
                let file_name = by_name.then(|| file.name.to_owned());
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

    fn arriving<'a>(&'a self, answers: &Answers) -> Vec<Candidate<'a>> {
        let candidate = |(at, arrival): (usize, &super::draft::Arrival)| {
            let step = &self.sent[arrival.step];
            let digest = *answers.source.get(&step.path)?;
            let size = arriving_size(step);
            Some(Candidate { at, size, digest, modified: arrival.modified, name: name(&step.path) })
        };
        self.arrivals.iter().enumerate().filter_map(candidate).collect()
    }

    fn vanishing<'a>(&'a self, answers: &Answers) -> Vec<Candidate<'a>> {
        let candidate = |(at, file): (usize, &'a Extraneous)| {
            let digest = *answers.destination.get(&file.path)?;
            Some(Candidate { at, size: file.size, digest, modified: file.modified, name: name(&file.path) })
        };
        of_sizes(&self.extraneous, &self.arriving_sizes()).filter_map(candidate).collect()
    }
}
