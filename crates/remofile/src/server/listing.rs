//! Operations that answer with elements of a listing.

use super::operation::OperationStep;
use super::signing::{Digests, Signing};
use crate::carrier::MessageWriter;
use crate::store::{Partial, Store, StoreResult, Walk};
use crate::transfer::{ALLOCATION_BYTES, Checked, Checking, Feed, Feeding, Next, Scan, listed};
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
    elements: Elements,
    /// What partials took at first, in bytes.
    partials_bytes: u64,
    ended: bool,
}

/// Encoded elements on their way into a message, none of which is split.
#[derive(Default)]
struct Elements {
    /// Those that fit in the next message.
    pending: Vec<u8>,
    /// The one behind them, which does not.
    held: Vec<u8>,
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
        let partials_bytes = match &contents {
            Contents::Partials(partials) => partials_bytes(partials),
            _ => 0,
        };
        Self { contents, elements: Elements::default(), partials_bytes, ended: false }
    }

    /// Where more sources are named.
    pub(super) fn feed(&mut self) -> Option<&mut Feed> {
        match &mut self.contents {
            Contents::Found(feed) => Some(feed),
            Contents::Digests(digests) => Some(digests.feed()),
            _ => None,
        }
    }

    /// What it holds in memory, in bytes.
    pub(super) fn memory_bytes(&self) -> u64 {
        let contents = match &self.contents {
            Contents::Directory { scan, .. } => scan.memory_bytes(),
            Contents::Found(feed) => feed.memory_bytes(),
            Contents::Digests(digests) => digests.memory_bytes(),
            Contents::Signing(signing) => signing.memory_bytes(),
            Contents::Survey(survey) => survey.memory_bytes(),
            Contents::Partials(_) => self.partials_bytes,
        };
        self.elements.memory_bytes() + contents
    }

    pub(super) fn step(
        &mut self,
        id: OperationId,
        machine: &mut ServerSession,
        message: &mut MessageWriter<'_>,
    ) -> Result<OperationStep, SessionError> {
        let mut may_go_on = true;
        for _ in 0..LISTING_STEP {
            if self.ended || self.elements.are_enough() {
                break;
            }
            match self.contents.next() {
                Next::End => self.ended = true,
                Next::Item(listed) => self.elements.add(&listed, message.room()),
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
        let count = self.elements.pending.len();
        if count == 0 && self.ended {
            return Ok(self.finish());
        }
        let is_worth_it = self.ended || !may_go_on || self.elements.are_enough();
        if count == 0 || !is_worth_it {
            return Ok(if may_go_on { OperationStep::Work } else { OperationStep::Nothing });
        }
        if machine.credit(id) < count as u64 {
            return Ok(OperationStep::Nothing);
        }
        self.elements.give(message);
        Ok(OperationStep::Message(machine.entries(id, message.payload_bytes())?))
    }

    fn finish(&mut self) -> OperationStep {
        match &mut self.contents {
            Contents::Survey(survey) => OperationStep::Surveyed(std::mem::take(&mut survey.checked)),
            _ => OperationStep::Ended(Ok(Done::default())),
        }
    }
}

impl Elements {
    /// What they hold in memory, in bytes.
    fn memory_bytes(&self) -> u64 {
        (self.pending.capacity() + self.held.capacity()) as u64
    }

    /// Adds an element to those of a message with this much room.
    fn add(&mut self, element: &Element, room: usize) {
        let before = self.pending.len();
        encode(element, &mut self.pending);
        if self.pending.len() <= room {
            return;
        }
        self.held = self.pending.split_off(before);
        if self.held.len() > room {
            self.held.clear();
            let why = "what there is to tell of it is longer than the client takes in one message";
            let failure = Failure::new(ErrorCode::OutOfResources).because(why);
            encode(&Element::Listed(Listed::Failed(failure)), &mut self.held);
        }
        if before == 0 {
            std::mem::swap(&mut self.pending, &mut self.held);
        }
    }

    fn are_enough(&self) -> bool {
        self.pending.len() >= LISTING_BYTES || !self.held.is_empty()
    }

    /// Puts the elements into a message that has room for them.
    fn give(&mut self, message: &mut MessageWriter<'_>) {
        let given = message.append(&self.pending);
        // What did not fit after all is not lost: it begins the next message.
        self.pending.drain(..given);
        self.pending.append(&mut self.held);
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

fn partials_bytes(partials: &std::vec::IntoIter<Partial>) -> u64 {
    let texts = partials.as_slice().iter().map(|partial| partial.path.as_str().len() + ALLOCATION_BYTES);
    (size_of_val(partials.as_slice()) + texts.sum::<usize>()) as u64
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
    /// What the partials took at first, in bytes.
    partials_bytes: u64,
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
        let partials = partials.into_iter();
        Ok(Self {
            store: Arc::clone(store),
            paths: paths.into_iter(),
            walk: None,
            partials_bytes: partials_bytes(&partials),
            partials,
            checking: None,
            checked: Checked::default(),
            knows_unflushed,
        })
    }

    /// What it holds in memory, in bytes.
    fn memory_bytes(&self) -> u64 {
        let walk = self.walk.as_ref().map_or(0, |walk| walk.memory_bytes());
        let checking = self.checking.as_ref().map_or(0, Checking::memory_bytes);
        self.partials_bytes + walk + checking + self.checked.memory_bytes()
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

#[cfg(test)]
mod tests {
    use super::*;
    use remofile_protocol::limits::MIN_PAYLOAD_BYTES;
    use remofile_protocol::wire::{Entry, Kind, Timestamp};

    fn found(length: usize) -> Element {
        let name = "n".repeat(length);
        let path = RemotePath::root().join(&vec!["p".repeat(200); 80].join("/")).unwrap();
        let modified = Timestamp::new(0, 0);
        Element::Found(Found {
            name,
            entry: Entry { path, kind: Kind::File, size: 1, modified, mode: None, unflushed: false },
        })
    }

    /// The payloads that elements come in.
    fn payloads(elements: &[Element]) -> Vec<Vec<u8>> {
        let (mut bytes, mut sent, mut on_their_way) = (Vec::new(), Vec::new(), Elements::default());
        let mut give = |elements: &mut Elements| {
            let mut message = MessageWriter::new(&mut bytes, 0, MIN_PAYLOAD_BYTES as usize);
            elements.give(&mut message);
            let length = message.payload_bytes();
            sent.push(bytes[..length].to_vec());
        };
        for element in elements {
            on_their_way.add(element, MIN_PAYLOAD_BYTES as usize);
            if on_their_way.are_enough() {
                give(&mut on_their_way);
            }
        }
        while !on_their_way.pending.is_empty() {
            give(&mut on_their_way);
        }
        sent
    }

    fn decoded(payload: &[u8]) -> Vec<Element> {
        let mut decoder = minicbor::Decoder::new(payload);
        let mut elements = Vec::new();
        while decoder.position() < payload.len() {
            elements.push(decoder.decode().unwrap());
        }
        elements
    }

    #[test]
    fn elements_of_33_kib_are_not_cut_by_a_payload_limit_of_64_kib() {
        let elements: Vec<Element> = [10, 16_500, 16_600, 17_000, 17_000, 10, 16_650].map(found).into();
        let all: Vec<Element> = payloads(&elements).iter().flat_map(|payload| decoded(payload)).collect();
        assert_eq!(all, elements);
    }

    #[test]
    fn an_element_that_no_message_takes_is_a_failure_and_the_listing_goes_on() {
        let all: Vec<Element> =
            payloads(&[found(1), found(70_000), found(2)]).iter().flat_map(|payload| decoded(payload)).collect();
        assert_eq!((&all[0], &all[2]), (&found(1), &found(2)));
        assert!(
            matches!(&all[1], Element::Listed(Listed::Failed(failure)) if failure.code == ErrorCode::OutOfResources)
        );
    }
}
