//! Operations that answer with elements: how these get into messages.

use super::interface::{Content, Operation, OperationTurn, Step};
use crate::blocking::Slice;
use crate::carrier::{MessageWriter, clock};
use crate::transfer::{Next, Origins};
use remofile_protocol::wire::{Done, Element, ErrorCode, Failure, Listed};
use std::time::{Duration, Instant};

/// Elements of a listing are sent when they have this many bytes, or at its end.
const LISTING_BYTES: usize = 32 * 1024;

/// Elements are looked at in one step at most, so that other messages are not kept waiting.
const LISTING_STEP: usize = 2048;

/// For so long, too: on a slow disk each takes its time.
const LISTING_TURN: Duration = Duration::from_millis(50);

/// The source of the elements of a listing.
pub(super) trait Elements: Send {
    /// The next element.
    fn next(&mut self) -> Next<Element>;

    /// Returns the memory that the survey holds, in bytes.
    fn memory_bytes(&self) -> u64;

    /// The place where more sources are named.
    fn origins(&mut self) -> Option<&mut dyn Origins> {
        None
    }

    /// The time for which elements wait for more of them to share a message with.
    fn patience(&self) -> Duration {
        LISTING_TURN
    }

    /// The end of the operation, when there are no more.
    fn end(&mut self) -> Step {
        Step::Ended(Ok(Done::default()))
    }
}

/// A listing on its way.
pub(super) struct Listing<E> {
    source: Source<E>,
    encoded: Encoded,
    ended: bool,
    /// The time since which elements wait for a message.
    waiting_since: Option<Instant>,
}

enum Source<E> {
    /// The elements are looked for on another thread.
    Asked(Box<dyn FnOnce() -> Result<E, Failure> + Send>),
    Failed(Failure),
    Known(E),
}

impl<E: Elements> Listing<E> {
    pub(super) fn new(elements: E) -> Self {
        Self::of(Source::Known(elements))
    }

    /// A listing whose beginning may take its time.
    pub(super) fn begun_by(begin: impl FnOnce() -> Result<E, Failure> + Send + 'static) -> Self {
        Self::of(Source::Asked(Box::new(begin)))
    }

    fn of(source: Source<E>) -> Self {
        Self { source, encoded: Encoded::default(), ended: false, waiting_since: None }
    }

    fn elements(&mut self) -> Option<&mut E> {
        match &mut self.source {
            Source::Known(elements) => Some(elements),
            Source::Asked(_) | Source::Failed(_) => None,
        }
    }
}

impl<E: Elements> Operation for Listing<E> {
    fn step(&mut self, turn: &mut OperationTurn<'_, '_>) -> Step {
        let elements = match &mut self.source {
            Source::Asked(_) => return Step::Blocking,
            Source::Failed(failure) => return Step::Ended(Err(failure.clone())),
            Source::Known(elements) => elements,
        };
        let began = clock::now();
        let (mut may_go_on, mut is_late) = (true, false);
        for _ in 0..LISTING_STEP {
            if self.ended || is_late || self.encoded.are_enough() {
                break;
            }
            match elements.next() {
                Next::End => self.ended = true,
                Next::Item(element) => self.encoded.add(&element, turn.message.whole_room()),
                Next::Working => break,
                Next::Pending => {
                    may_go_on = false;
                    break;
                }
            }
            is_late = clock::now() - began >= LISTING_TURN;
        }
        let count = self.encoded.pending.len();
        if count == 0 && self.ended {
            return elements.end();
        }
        // What is slow to come, as a hash of a large file is, keeps nothing back that was found before it.
        let waits = *self.waiting_since.get_or_insert(began);
        let is_late = is_late || clock::now() - waits >= elements.patience();
        let is_worth_it = self.ended || is_late || !may_go_on || self.encoded.are_enough();
        if count == 0 || !is_worth_it {
            return if may_go_on { Step::Work } else { Step::Nothing };
        }
        if turn.credit < count as u64 {
            return Step::Nothing;
        }
        self.encoded.give(turn.message);
        self.waiting_since = None;
        Step::Message(Content::Elements)
    }

    fn block(&mut self, _slice: &Slice) {
        let none = Source::Failed(Failure::new(ErrorCode::Other));
        self.source = match std::mem::replace(&mut self.source, none) {
            Source::Asked(begin) => begin().map_or_else(Source::Failed, Source::Known),
            source => source,
        };
    }

    fn origins(&mut self) -> Option<&mut dyn Origins> {
        self.elements()?.origins()
    }

    fn memory_bytes(&self) -> u64 {
        let elements = match &self.source {
            Source::Known(elements) => elements.memory_bytes(),
            Source::Asked(_) | Source::Failed(_) => 0,
        };
        self.encoded.memory_bytes() + elements
    }
}

/// Encoded elements on their way into a message, none of which is split.
#[derive(Default)]
struct Encoded {
    /// Elements that fit in the next message.
    pending: Vec<u8>,
    /// The one behind them, which does not.
    held: Vec<u8>,
}

impl Encoded {
    /// Returns the memory that the elements hold, in bytes.
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
        // No other element waits, so this one need not be held back for the next message.
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
        // Elements that did not fit after all begin the next message.
        self.pending.drain(..given);
        self.pending.append(&mut self.held);
    }
}

fn encode(listed: &Element, out: &mut Vec<u8>) {
    let encoded = minicbor::encode(listed, out);
    debug_assert!(encoded.is_ok(), "memory can always be written");
}

/// A failure as an element.
pub(super) fn failed(failure: Failure) -> Next<Element> {
    Next::Item(Element::Listed(Listed::Failed(failure)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use remofile_protocol::limits::MIN_PAYLOAD_BYTES;
    use remofile_protocol::path::RemotePath;
    use remofile_protocol::wire::{Entry, Found, Kind, Timestamp};

    fn found(length: usize) -> Element {
        let name = "n".repeat(length);
        let path = RemotePath::root().join(&vec!["p".repeat(200); 80].join("/")).unwrap();
        let modified = Timestamp::new(0, 0);
        Element::Found(Found {
            name,
            entry: Entry { path, kind: Kind::File, size: 1, modified, mode: None, unflushed: false },
        })
    }

    /// Returns the payloads that elements come in.
    fn payloads(elements: &[Element]) -> Vec<Vec<u8>> {
        let (mut bytes, mut sent, mut on_their_way) = (Vec::new(), Vec::new(), Encoded::default());
        let mut give = |elements: &mut Encoded| {
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
