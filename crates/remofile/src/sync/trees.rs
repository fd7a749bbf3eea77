//! Both trees compared, while the remote one is listed.

use super::plan::{Draft, Join, Node, Planner, Rules, Side, Told, What};
use super::tree::{Read, Reading};
use crate::client::Syncing;
use crate::error::{Error, Result};
use crate::store::Store;
use crate::transfer::Filter;
use remofile_protocol::wire::{Element, ErrorCode, Failure};
use std::sync::Arc;

/// So many elements of the local tree are looked at before it is asked whether to go on.
const CHECK_EVERY: u64 = 256;

/// Failures of the remote listing at most: each is kept until the end of it.
const MOST_NOTED: usize = 100_000;

/// Two trees.
pub(super) struct Trees<'a> {
    pub(super) here: Reading,
    pub(super) there: Reading,
    /// What holds the local one; `None` if that does not exist.
    pub(super) store: Option<&'a Arc<dyn Store>>,
    /// Which of the two is the local one.
    pub(super) local: Side,
    pub(super) rules: Rules,
    /// What is left out of both.
    pub(super) left_out: &'a [String],
}

impl Trees<'_> {
    /// What they come to; and, where the remote one does not exist, the failure that says so.
    ///
    /// # Errors
    /// A root that cannot be read: it never looks empty. What ends the call.
    pub(super) fn draft(&self, syncing: &mut Syncing<'_>) -> Result<(Draft, Option<Failure>)> {
        let filter = Filter::new(self.left_out, None, None).map_err(Error::Local)?;
        let rules = filter.clone();
        let shown = |failure: Failure| Error::Local(failure.at(&self.here.shown));
        let mut elements = self.store.map(|store| self.here.walk(store, filter)).transpose().map_err(shown)?;
        let (listed, compared) = syncing.elements_aside(self.there.request(self.left_out), |incoming, check| {
            let (mut ours, mut theirs, mut broken) =
                (Listing::of(&self.here, &rules), Listing::of(&self.there, &rules), None);
            let mut pulled = 0_u64;
            let pull = || loop {
                pulled += 1;
                let may_go_on = if pulled.is_multiple_of(CHECK_EVERY) { check() } else { Ok(()) };
                let element =
                    may_go_on.and_then(|()| elements.as_mut().map_or(Ok(None), |elements| elements.next(check)));
                // A listing that is broken off must not look like one that is over.
                let told = ours.read(element.map_err(|error| broken = Some(error)).ok()??);
                if told.is_some() {
                    return told;
                }
            };
            let mut join = Join::new(Planner::new(self.rules), self.local, pull);
            while let Some(elements) = incoming.next() {
                elements.into_iter().filter_map(|element| theirs.read(element)).for_each(|told| join.push(told));
                if theirs.noted.len() > MOST_NOTED {
                    let why = format!("the server cannot list more than {MOST_NOTED} files and directories");
                    return Err(Error::Local(Failure::new(ErrorCode::OutOfResources).because(why)));
                }
            }
            let draft = join.finish();
            let has_local = self.store.is_some();
            match broken {
                Some(error) => Err(error),
                None => Ok((draft, [(has_local, ours), (true, theirs)])),
            }
        })?;
        let missing = match listed {
            Ok(()) => None,
            Err(Error::Remote(failure)) if failure.code == ErrorCode::NotFound => Some(failure),
            Err(error) => return Err(error),
        };
        let (draft, listings) = compared?;
        for (exists, listing) in listings {
            if exists && missing.is_none() && !listing.has_top {
                return Err(Error::Local(listing.reading.untold()));
            }
            outermost(listing.noted).into_iter().for_each(|failure| syncing.failed(failure));
        }
        Ok((draft, missing))
    }
}

/// What one side has told so far.
struct Listing<'a> {
    reading: &'a Reading,
    /// What is left out of it.
    rules: &'a Filter,
    noted: Vec<Failure>,
    /// Whether it is known to be of a directory.
    has_top: bool,
}

impl<'a> Listing<'a> {
    fn of(reading: &'a Reading, rules: &'a Filter) -> Self {
        Self { reading, rules, noted: Vec::new(), has_top: !reading.tells_top() }
    }

    /// What an element tells for the plan.
    fn read(&mut self, element: Element) -> Option<Told> {
        match self.reading.read(element) {
            // Whoever listed a source: what was left out here must not come from there.
            Read::Told(Told::Node(node)) if self.reading.is_source() && !self.admits(&node) => {}
            Read::Told(told) => return Some(told),
            Read::Top => self.has_top = true,
            Read::Noted(failure, told) => {
                self.noted.push(failure);
                return told;
            }
            Read::Nothing => {}
        }
        None
    }

    fn admits(&self, Node { path, what }: &Node) -> bool {
        let is_entered = path.match_indices('/').all(|(end, _)| self.rules.admits_directory(&path[..end]));
        is_entered
            && match what {
                What::Directory { .. } => self.rules.admits_directory(path),
                What::File { size, .. } => self.rules.admits_file(path, *size),
                What::Link { .. } | What::Special | What::Passed(_) => self.rules.admits_link(path),
            }
    }
}

/// Without what is below something that comes before it: who knows of a directory knows of what is in it.
pub(super) fn outermost(mut failures: Vec<Failure>) -> Vec<Failure> {
    let mut above: Option<String> = None;
    failures.retain(|failure| {
        let Some(path) = &failure.path else { return true };
        let is_below = above
            .as_ref()
            .and_then(|above| path.strip_prefix(above.as_str()))
            .is_some_and(|rest| rest.starts_with('/'));
        if !is_below {
            above = Some(path.clone());
        }
        !is_below
    });
    failures
}
