//! The comparison of both trees, while the remote one is listed.

use super::hard_links::{NamesOfBoth, SharedNames};
use super::tree::{Read, Reading};
use crate::client::{EarlierHere, Syncing, Version};
use crate::error::{Error, Result};
use crate::plan::{Draft, Join, Node, NodeKind, Planner, Rules, Side, TreeElement, failure_bytes};
use crate::store::Store;
use crate::transfer::{Filter, ListedPaths};
use remofile_protocol::wire::{Element, ErrorCode, Extra, Failure};
use std::collections::HashSet;
use std::sync::Arc;

/// Elements of the local tree between two questions whether to go on.
const CHECK_EVERY: u64 = 256;

/// Failures of the remote listing at most: each is kept until the end of it.
const MOST_REPORTED: usize = 100_000;

/// Memory that a remote listing may take on this side, in bytes: a server may list without end. A step takes
/// some 20 bytes, so that there is room for more than a hundred million.
const MOST_HELD_BYTES: u64 = 4 << 30;

/// The two trees of a sync.
pub(super) struct Trees<'a> {
    pub(super) here: Reading,
    pub(super) there: Reading,
    /// Store of the local tree; `None` if that does not exist.
    pub(super) store: Option<&'a Arc<dyn Store>>,
    /// Side of the local tree.
    pub(super) local: Side,
    pub(super) rules: Rules,
    /// Rules for what is left out of both.
    pub(super) left_out: &'a [String],
    /// The paths that alone take part, if not all do.
    pub(super) listed: Option<&'a ListedPaths>,
    /// An earlier copy of the source, on this side.
    pub(super) earlier: Option<&'a EarlierHere>,
}

/// The comparison of two trees.
pub(super) struct Drafted {
    /// Draft of the plan.
    pub(super) draft: Draft,
    /// Failure that says that the remote tree does not exist, if it does not.
    pub(super) missing: Option<Failure>,
    /// Files that have several names, if they are asked for.
    pub(super) names: NamesOfBoth,
    /// Files of the source that an earlier copy has.
    pub(super) in_earlier: HashSet<Box<str>>,
}

impl Trees<'_> {
    /// Compares both trees.
    ///
    /// # Errors
    /// The failure of a root that cannot be read, which never looks empty; whatever else ends the call.
    pub(super) fn draft(&self, syncing: &mut Syncing<'_>) -> Result<Drafted> {
        let filter = |side| {
            let filter = Filter::new(self.left_out, None, None).map_err(Error::Local)?;
            Ok::<_, Error>(filter.within(self.listed, side == Side::Destination))
        };
        let [local, remote] = [self.local, self.local.other()];
        let (filter, ours, theirs) = (filter(local)?, filter(local)?, filter(remote)?);
        let shown = |failure: Failure| Error::Local(failure.at(&self.here.shown));
        let mut elements = self.store.map(|store| self.here.walk(store, filter)).transpose().map_err(shown)?;
        let (listed, compared) = syncing.list_in_background(self.there.request(self.left_out), |incoming, check| {
            let (mut ours, mut theirs, mut broken) =
                (Listing::of(&self.here, &ours, None), Listing::of(&self.there, &theirs, self.earlier), None);
            let mut pulled = 0_u64;
            let pull = || loop {
                pulled += 1;
                let may_go_on = if pulled.is_multiple_of(CHECK_EVERY) { check() } else { Ok(()) };
                let element =
                    may_go_on.and_then(|()| elements.as_mut().map_or(Ok(None), |elements| elements.next(check)));
                // A listing that is broken off must not look like one that is over.
                let read = ours.read(element.map_err(|error| broken = Some(error)).ok()??);
                if read.is_some() {
                    return read;
                }
            };
            let join = Join::new(Planner::new(self.rules), self.local, pull);
            let draft = compare(join, &mut theirs, &mut || incoming.next(), MOST_HELD_BYTES)?;
            let has_local = self.store.is_some();
            match broken {
                Some(error) => Err(error),
                None => Ok((draft, [(has_local, ours), (true, theirs)])),
            }
        })?;
        // If the work failed, its error is the reason: the listing was only ended by it.
        let compared = match compared {
            Err(error) if !matches!(error, Error::Stopped) => return Err(error),
            compared => compared,
        };
        let missing = match listed {
            Ok(()) => None,
            Err(Error::Remote(failure)) if failure.code == ErrorCode::NotFound => Some(failure),
            Err(error) => return Err(error),
        };
        let (mut draft, listings) = compared?;
        let (mut names, mut in_earlier) = (NamesOfBoth::default(), HashSet::new());
        for (exists, listing) in listings {
            if exists && missing.is_none() && !listing.has_top {
                return Err(Error::Local(listing.reading.untold()));
            }
            let is_source = listing.reading.is_source();
            for failure in listing.missing() {
                match failure.code {
                    ErrorCode::Skipped => syncing.failed(failure),
                    _ => draft.source_failed(failure),
                }
            }
            in_earlier.extend(listing.in_earlier);
            *(if is_source { &mut names.source } else { &mut names.destination }) = listing.shared;
            for failure in outermost(listing.reported) {
                // What only the destination has stays, whatever it is called.
                if !is_source && !self.rules.delete && failure.code == ErrorCode::InvalidName {
                    continue;
                }
                let keeps = self.rules.delete && is_source && failure.code == ErrorCode::InvalidName;
                syncing.failed(if keeps { keeping(failure) } else { failure });
            }
        }
        Ok(Drafted { draft, missing, names, in_earlier })
    }
}

/// Compares with the listing of the other side, as it comes.
///
/// # Errors
/// `out-of-resources` if that makes this side hold more than `most_bytes`; malformed elements.
fn compare(
    mut join: Join<impl FnMut() -> Option<TreeElement>>,
    theirs: &mut Listing<'_>,
    next: &mut dyn FnMut() -> Result<Option<Element>>,
    most_bytes: u64,
) -> Result<Draft> {
    let refuse = |why: String| Err(Error::Local(Failure::new(ErrorCode::OutOfResources).because(why)));
    while let Some(element) = next()? {
        if let Some(element) = theirs.read(element) {
            join.push(element);
        }
        if theirs.reported.len() > MOST_REPORTED {
            return refuse(format!("the server cannot list more than {MOST_REPORTED} files and directories"));
        }
        if join.pushed_bytes() + theirs.reported_bytes > most_bytes {
            let mebibytes = most_bytes >> 20;
            let why = format!(
                "what the server lists would take more than {mebibytes} MiB of memory to compare: synchronise the \
                 directories in it one after the other"
            );
            return refuse(why);
        }
    }
    Ok(join.finish())
}

/// The listing of one side so far.
struct Listing<'a> {
    reading: &'a Reading,
    /// Rules for what is left out of it.
    rules: &'a Filter,
    reported: Vec<Failure>,
    /// Memory of these failures, in bytes.
    reported_bytes: u64,
    /// Files that have several names.
    shared: SharedNames,
    /// True if it is known to be the listing of a directory.
    has_top: bool,
    /// The listed paths of the source that were not met yet.
    awaited: HashSet<&'a str>,
    earlier: Option<&'a EarlierHere>,
    /// Files that the earlier copy has.
    in_earlier: HashSet<Box<str>>,
}

impl<'a> Listing<'a> {
    fn of(reading: &'a Reading, rules: &'a Filter, earlier: Option<&'a EarlierHere>) -> Self {
        let awaited = if reading.is_source() { rules.listed().collect() } else { HashSet::new() };
        let (shared, has_top) = (SharedNames::default(), !reading.tells_top());
        let in_earlier = HashSet::new();
        Self { reading, rules, reported: Vec::new(), reported_bytes: 0, shared, has_top, awaited, earlier, in_earlier }
    }

    /// Returns a failure for each listed path that was not met, in their order.
    fn missing(&self) -> Vec<Failure> {
        let mut missing: Vec<&str> = self.awaited.iter().copied().collect();
        missing.sort_unstable();
        let failure = |path: &str| {
            let failure = match self.rules.admits_by_rules(path) {
                true => Failure::new(ErrorCode::NotFound),
                false => Failure::new(ErrorCode::Skipped).because("a rule leaves it out"),
            };
            failure.at(self.reading.show(path))
        };
        missing.into_iter().map(failure).collect()
    }

    /// Returns the element for the planner, if it has one.
    fn read(&mut self, element: Element) -> Option<TreeElement> {
        let number = match element {
            Element::Extra(_, Extra::Shared(number)) if self.reading.hard_links => Some(number),
            _ => None,
        };
        if let Some(below) = self.reading.below(&element) {
            if !self.awaited.is_empty() {
                self.awaited.remove(below);
            }
            if !below.is_empty() && !self.rules.may_list(below) {
                return (!self.reading.is_source()).then(|| TreeElement::LeftOut(below.into()));
            }
        }
        match self.reading.read(element) {
            // A server that lists a source must not get files past the rules of this side.
            Read::Element(TreeElement::Node(node)) if self.reading.is_source() && !self.admits(&node) => {}
            Read::Element(element) => {
                if let (Some(number), TreeElement::Node(node)) = (number, &element) {
                    self.shared.add(&node.path, number);
                }
                if let TreeElement::Node(Node { path, what: NodeKind::File { size, modified, mode, .. } }) = &element
                    && self.earlier.is_some_and(|earlier| {
                        earlier.has(path, Version { size: *size, modified: *modified, mode: *mode })
                    })
                {
                    self.in_earlier.insert(path.clone());
                }
                return Some(element);
            }
            Read::Top => self.has_top = true,
            Read::Reported(failure, element) => {
                // What is in a directory of such a name needs no word of its own.
                let above = self.reported.last().and_then(|failure| failure.path.as_deref());
                if !is_below(failure.path.as_deref(), above) {
                    self.reported_bytes += (size_of::<Failure>() + failure_bytes(&failure)) as u64;
                    self.reported.push(failure);
                }
                return element;
            }
            Read::Nothing => {}
        }
        None
    }

    fn admits(&self, Node { path, what }: &Node) -> bool {
        if self.rules.admits_all() {
            return true;
        }
        let is_entered = path.match_indices('/').all(|(end, _)| self.rules.admits_directory(&path[..end]));
        is_entered
            && match what {
                NodeKind::Directory { .. } => self.rules.admits_directory(path),
                NodeKind::File { size, .. } => self.rules.admits_file(path, *size),
                NodeKind::Link { .. } | NodeKind::Special | NodeKind::SpecialFile(_) | NodeKind::Passed(_) => {
                    self.rules.admits_link(path)
                }
            }
    }
}

/// Removes failures below a directory that has one before: a user who knows of a directory knows of its contents.
pub(super) fn outermost(mut failures: Vec<Failure>) -> Vec<Failure> {
    let mut above: Option<String> = None;
    failures.retain(|failure| {
        let Some(path) = &failure.path else { return true };
        let is_told = is_below(Some(path), above.as_deref());
        if !is_told {
            above = Some(path.clone());
        }
        !is_told
    });
    failures
}

/// Adds to a failure about a name what comes of it for deletions.
fn keeping(failure: Failure) -> Failure {
    let why = failure.detail.clone().unwrap_or_default();
    failure.because(format!("{why}; nothing in its directory is deleted: rename it, or exclude it"))
}

fn is_below(path: Option<&str>, above: Option<&str>) -> bool {
    path.zip(above).and_then(|(path, above)| path.strip_prefix(above)).is_some_and(|rest| rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use remofile_protocol::path::{NameRule, RemotePath};
    use remofile_protocol::wire::{Entry, Kind, Links, Listed, Timestamp};

    fn file(number: u32) -> Element {
        let path = RemotePath::parse(&format!("/top/file-{number:09}")).unwrap();
        let (kind, modified) = (Kind::File, Timestamp::new(5, 0));
        Element::Listed(Listed::Entry(Entry { path, kind, size: 1, modified, mode: None, unflushed: false }))
    }

    fn failed(number: u32) -> Element {
        let failure = Failure::new(ErrorCode::Skipped).at(format!("/top/link-{number:09}"));
        Element::Listed(Listed::Failed(failure))
    }

    fn unreadable(number: u32) -> Element {
        let failure = Failure::new(ErrorCode::PermissionDenied).at(format!("/top/closed-{number:09}"));
        Element::Listed(Listed::Failed(failure))
    }

    /// Compares an empty local tree with a listing of some elements, or without end. Returns the number that was read.
    fn compared(each: fn(u32) -> Element, count: Option<u32>, delete: bool, local: Side) -> (Result<Draft>, u64) {
        let links = (local == Side::Destination).then_some(Links::Skip);
        let top = RemotePath::parse("/top").unwrap();
        let reading = Reading {
            top,
            shown: "/top".to_owned(),
            links,
            names: NameRule::Posix,
            attributes_follow: false,
            extras: false,
            takes_special: false,
            takes_links: true,
            hard_links: false,
            encoding: None,
        };
        let filter = Filter::none();
        let join = Join::new(Planner::new(Rules { delete, ..Rules::default() }), local, || None);
        let (mut numbers, mut read) = (0.., 0);
        let mut next = || {
            read += 1;
            Ok(numbers.next().filter(|number| count.is_none_or(|count| *number < count)).map(each))
        };
        let draft = compare(join, &mut Listing::of(&reading, &filter, None), &mut next, 1 << 20);
        (draft, read)
    }

    #[test]
    fn a_listing_without_end_is_read_until_it_takes_too_much_memory() {
        for (each, local) in [
            // Everything is new, extraneous, left out or cannot be read.
            (file as fn(u32) -> Element, Side::Destination),
            (file, Side::Source),
            (failed, Side::Destination),
            (unreadable, Side::Destination),
            (unreadable, Side::Source),
        ] {
            let (draft, read) = compared(each, None, true, local);
            let Err(Error::Local(failure)) = draft else { panic!("{draft:?}") };
            assert_eq!(failure.code, ErrorCode::OutOfResources);
            assert!(failure.to_string().contains("would take more than 1 MiB of memory to compare"), "{failure}");
            assert!((2_000..200_000).contains(&read), "{read} elements of 5 to 500 bytes each");
        }
    }

    #[test]
    fn what_needs_no_memory_may_be_listed_without_end() {
        let (draft, read) = compared(file, Some(100_000), false, Side::Source);
        assert_eq!((draft.is_ok(), read), (true, 100_001));
    }
}
