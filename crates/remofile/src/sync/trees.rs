//! Both trees compared, while the remote one is listed.

use super::plan::{Draft, Join, Planner, Rules, Side, Told};
use super::tree::{Read, Reading};
use crate::client::Syncing;
use crate::error::{Error, Result};
use crate::store::Store;
use crate::transfer::Filter;
use remofile_protocol::wire::{ErrorCode, Failure, Kind};
use std::sync::Arc;

/// So many elements of the local tree are looked at before it is asked whether to go on.
const CHECK_EVERY: u64 = 256;

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
        let shown = |failure: Failure| Error::Local(failure.at(&self.here.shown));
        let mut elements = self.store.map(|store| self.here.walk(store, filter)).transpose().map_err(shown)?;
        let (listed, compared) = syncing.elements_aside(self.there.request(self.left_out), |incoming, check| {
            let (mut ours, mut theirs, mut broken) = (Vec::new(), Vec::new(), None);
            let (mut has_top, mut their_filter) = (!self.there.has_top(), self.filter_of_theirs()?);
            let mut pulled = 0_u64;
            let pull = || loop {
                pulled += 1;
                let may_go_on = if pulled.is_multiple_of(CHECK_EVERY) { check() } else { Ok(()) };
                let element =
                    may_go_on.and_then(|()| elements.as_mut().map_or(Ok(None), |elements| elements.next(check)));
                // A listing that is broken off must not look like one that is over.
                match self.here.read(element.map_err(|error| broken = Some(error)).ok()??) {
                    Read::Told(told) => return Some(told),
                    Read::Noted(failure) => ours.push(failure),
                    Read::Broken(failure) => {
                        broken = Some(Error::Local(failure));
                        return None;
                    }
                    Read::Top | Read::Nothing => {}
                }
            };
            let mut join = Join::new(Planner::new(self.rules), self.local, pull);
            while let Some(elements) = incoming.next() {
                for element in elements {
                    match self.there.read(element) {
                        Read::Told(told) => {
                            their_filter.check(&told)?;
                            join.push(told);
                        }
                        Read::Noted(failure) => theirs.push(failure),
                        Read::Top => has_top = true,
                        Read::Broken(failure) => return Err(Error::Remote(failure)),
                        Read::Nothing => {}
                    }
                }
            }
            let draft = join.finish();
            match broken {
                Some(error) => Err(error),
                None => Ok((draft, ours, theirs, has_top)),
            }
        })?;
        let missing = match listed {
            Ok(()) => None,
            Err(Error::Remote(failure)) if failure.code == ErrorCode::NotFound => Some(failure),
            Err(error) => return Err(error),
        };
        let (draft, ours, theirs, has_top) = compared?;
        if !has_top && missing.is_none() {
            return Err(Error::Remote(self.there.no_directory()));
        }
        let (ours, theirs) = (outermost(ours), outermost(theirs));
        ours.into_iter().chain(theirs).for_each(|failure| syncing.failed(failure));
        syncing.harmless = syncing.failures().len();
        Ok((draft, missing))
    }
}

/// What the user left out is left out of what a server tells, whatever it tells: a download must not
/// replace it.
struct Checked {
    filter: Option<Filter>,
    /// The directory that everything behind it is in, which was admitted.
    parent: String,
}

impl Trees<'_> {
    /// Of the destination the server tells what it left out by itself.
    fn filter_of_theirs(&self) -> Result<Checked> {
        let filter = match self.local {
            Side::Destination => Some(Filter::new(self.left_out, None, None).map_err(Error::Local)?),
            Side::Source => None,
        };
        Ok(Checked { filter, parent: String::new() })
    }
}

impl Checked {
    fn check(&mut self, told: &Told) -> Result<()> {
        let (Some(filter), Told::Node(node)) = (&self.filter, told) else { return Ok(()) };
        let is_known = |end: &usize| self.parent == node.path[..*end];
        let parents = node.path.match_indices('/').map(|(end, _)| end);
        let mut is_admitted =
            parents.filter(|end| !is_known(end)).all(|end| filter.admits_directory(&node.path[..end]));
        is_admitted &= match node.what.kind() {
            Kind::Directory => filter.admits_directory(&node.path),
            // Sizes are not asked about.
            _ => filter.admits_link(&node.path),
        };
        if !is_admitted {
            return Err(Error::Protocol(format!("it listed {:?}, which was to be left out", node.path)));
        }
        if node.what.kind() == Kind::Directory {
            self.parent = node.path.to_string();
        }
        Ok(())
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
