//! Operations that answer with elements of a listing.

use super::operation::Step;
use super::signing::{Digests, Signing};
use crate::carrier::MessageWriter;
use crate::store::{Partial, Store, StoreResult, Walk};
use crate::transfer::{Checked, Checking, Feed, Next, Scan, listed};
use remofile_protocol::path::RemotePath;
use remofile_protocol::session::{ServerSession, SessionError};
use remofile_protocol::wire::{Done, Element, Entry, ErrorCode, Failure, Found, Listed, OperationId, Timestamp};
use std::sync::Arc;

/// Elements of a listing are sent when they have this many bytes, or at its end.
const LISTING_BYTES: usize = 32 * 1024;

/// Elements are looked at in one step at most, so that other messages are not kept waiting.
const LISTING_STEP: usize = 2048;

/// A listing on its way.
pub(super) struct Listing {
    contents: Contents,
    /// Encoded elements that did not fit in the last message.
    pending: Vec<u8>,
    ended: bool,
}

/// What is listed.
pub(super) enum Contents {
    /// What is in a directory.
    Directory {
        scan: Scan,
        /// Whether the client knows of files that may not be on the disk.
        knows_unflushed: bool,
    },
    /// What a download would send.
    Found(Box<Feed>),
    /// Digests of files.
    Digests(Digests),
    /// Signatures of the blocks of files.
    Signing(Signing),
    /// What an upload would find.
    Survey(Box<Survey>),
    /// What interrupted uploads left.
    Partials(std::vec::IntoIter<Partial>),
}

impl Listing {
    pub(super) fn new(contents: Contents) -> Self {
        Self { contents, pending: Vec::new(), ended: false }
    }

    /// Where more sources are named.
    pub(super) fn feed(&mut self) -> Option<&mut Feed> {
        match &mut self.contents {
            Contents::Found(feed) => Some(feed),
            Contents::Digests(digests) => Some(digests.feed()),
            _ => None,
        }
    }

    pub(super) fn step(
        &mut self,
        id: OperationId,
        machine: &mut ServerSession,
        message: &mut MessageWriter<'_>,
    ) -> Result<Step, SessionError> {
        let mut may_go_on = true;
        for _ in 0..LISTING_STEP {
            if self.ended || self.pending.len() >= LISTING_BYTES {
                break;
            }
            match self.contents.next() {
                Next::End => self.ended = true,
                Next::Item(listed) => encode(&listed, &mut self.pending),
                Next::Working => {
                    may_go_on = true;
                    break;
                }
                Next::Pending => {
                    may_go_on = false;
                    break;
                }
            }
        }
        if self.pending.is_empty() && self.ended {
            return Ok(self.finish());
        }
        let is_worth_it = self.ended || !may_go_on || self.pending.len() >= LISTING_BYTES;
        if self.pending.is_empty() || !is_worth_it {
            return Ok(if may_go_on { Step::Work } else { Step::Nothing });
        }
        if machine.credit(id) < self.pending.len() as u64 {
            return Ok(Step::Nothing);
        }
        message.append(&self.pending);
        self.pending.clear();
        Ok(Step::Message(machine.entries(id, message.payload_bytes())?))
    }

    fn finish(&mut self) -> Step {
        match &mut self.contents {
            Contents::Survey(survey) => Step::Surveyed(std::mem::take(&mut survey.checked)),
            _ => Step::Ended(Ok(Done::default())),
        }
    }
}

impl Contents {
    fn next(&mut self) -> Next<Element> {
        match self {
            Self::Directory { scan, knows_unflushed } => match scan.next_element() {
                Next::Item(element) if !*knows_unflushed => Next::Item(nobodys_time(element)),
                next => next,
            },
            Self::Digests(digests) => digests.next_element(),
            Self::Signing(signing) => signing.next_element(),
            Self::Partials(partials) => {
                partials.next().map_or(Next::End, |partial| Next::Item(Element::Partial(listed(partial))))
            }
            Self::Survey(survey) => survey.next(),
            Self::Found(feed) => match feed.find() {
                Next::Item(Ok(found)) => Next::Item(Element::Found(Found { name: found.path, entry: found.entry })),
                Next::Item(Err(failure)) => Next::Item(Element::Listed(Listed::Failed(failure))),
                Next::Working => Next::Working,
                Next::Pending => Next::Pending,
                Next::End => Next::End,
            },
        }
    }
}

fn encode(listed: &Element, out: &mut Vec<u8>) {
    let encoded = minicbor::encode(listed, out);
    debug_assert!(encoded.is_ok(), "memory can always be written");
}

/// What is at, below, or kept of some names in a directory.
pub(super) struct Survey {
    store: Arc<dyn Store>,
    paths: std::vec::IntoIter<RemotePath>,
    walk: Option<Box<dyn Walk>>,
    partials: std::vec::IntoIter<Partial>,
    checking: Option<Checking>,
    checked: Checked,
    knows_unflushed: bool,
}

impl Survey {
    pub(super) fn new(
        store: &Arc<dyn Store>,
        destination: &RemotePath,
        names: &[String],
        knows_unflushed: bool,
    ) -> StoreResult<Self> {
        let paths = paths_of(destination, names)?;
        store.directory(destination).map_err(|failure| failure.at(destination))?;
        let mut partials = store.partials()?;
        partials.retain(|partial| paths.iter().any(|path| partial.path.is_within(path)));
        Ok(Self {
            store: Arc::clone(store),
            paths: paths.into_iter(),
            walk: None,
            partials: partials.into_iter(),
            checking: None,
            checked: Checked::default(),
            knows_unflushed,
        })
    }

    fn next(&mut self) -> Next<Element> {
        if let Some(walk) = &mut self.walk {
            match walk.next() {
                Some(Listed::Entry(entry)) if entry.unflushed && !self.knows_unflushed => return Next::Working,
                Some(listed) => return Next::Item(Element::Listed(listed)),
                None => {}
            }
            self.walk = None;
        }
        if let Some(path) = self.paths.next() {
            return self.look_at(&path);
        }
        if let Some(mut checking) = self.checking.take() {
            return match checking.step() {
                Ok(true) => Next::Item(Element::Partial(self.checked.finish(checking))),
                Ok(false) => {
                    self.checking = Some(checking);
                    Next::Working
                }
                // What cannot be read is not gone on with.
                Err(_) => Next::Working,
            };
        }
        match self.partials.next() {
            None => Next::End,
            Some(partial) => {
                self.checking = self.checked.begin(&*self.store, &partial).ok();
                Next::Working
            }
        }
    }

    fn look_at(&mut self, path: &RemotePath) -> Next<Element> {
        use remofile_protocol::wire::Kind;
        match self.store.stat(path) {
            Err(failure) if failure.code == ErrorCode::NotFound => Next::Working,
            Err(failure) => Next::Item(Element::Listed(Listed::Failed(failure.at(path)))),
            Ok(mut entry) => {
                if entry.kind == Kind::File && self.store.read_link(path).is_ok() {
                    // As in a directory that is walked: a link is in the way itself, wherever it leads.
                    entry.kind = Kind::Link;
                }
                if entry.kind == Kind::Directory {
                    self.walk = self.store.walk(path, true).ok();
                }
                match entry.unflushed && !self.knows_unflushed {
                    true => Next::Working,
                    false => Next::Item(Element::Listed(Listed::Entry(entry))),
                }
            }
        }
    }
}

/// For clients that know files by their sizes and times alone: one that may not be on the disk is none that they have.
fn nobodys_time(element: Element) -> Element {
    match element {
        Element::Listed(Listed::Entry(entry)) if entry.unflushed => {
            let (seconds, nanoseconds) = (entry.modified.seconds(), entry.modified.nanoseconds());
            // Never a whole second, which stands for any time in it.
            let beside = if nanoseconds < 2 { nanoseconds + 1 } else { nanoseconds - 1 };
            Element::Listed(Listed::Entry(Entry { modified: Timestamp::new(seconds, beside), ..entry }))
        }
        element => element,
    }
}

fn paths_of(destination: &RemotePath, names: &[String]) -> StoreResult<Vec<RemotePath>> {
    let path = |name: &String| destination.join(name).map_err(|invalid| Failure::from(invalid).at(name));
    names.iter().map(path).collect()
}

/// Whether some names are new: nothing is there, and nothing was kept of a file there.
///
/// # Errors
/// `occupied` with the first that is not.
pub(super) fn refuse_occupied(store: &dyn Store, destination: &RemotePath, names: &[String]) -> StoreResult<()> {
    let paths = paths_of(destination, names)?;
    let taken = paths.iter().find(|path| store.stat(path).is_ok());
    if let Some(path) = taken {
        return Err(Failure::new(ErrorCode::Occupied).at(path));
    }
    let partials = store.partials()?;
    match partials.iter().find(|partial| paths.iter().any(|path| partial.path.is_within(path))) {
        Some(partial) => Err(Failure::new(ErrorCode::Occupied).at(&partial.path)),
        None => Ok(()),
    }
}
