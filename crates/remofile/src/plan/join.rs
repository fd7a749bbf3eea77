//! The comparison of two listings as they come, one pulled and one pushed.

use super::draft::Draft;
use super::node::{Node, NodeKind, TreeElement, is_below, path_order};
use super::planner::Planner;
use remofile_protocol::wire::{ErrorCode, Failure};
use std::cmp::Ordering;

/// Approximate memory of an allocation beside its content, in bytes.
const ALLOCATION_BYTES: u64 = 16;

/// A side of the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The tree that is copied.
    Source,
    /// The tree that is changed.
    Destination,
}

impl Side {
    /// Returns the other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Source => Self::Destination,
            Self::Destination => Self::Source,
        }
    }
}

/// The comparison of a listing that is pulled with one that is pushed, so that either may come over the network. It
/// holds one node of the pulled one, and as much as [`Planner`] holds.
///
/// A listing out of [`path_order`] would make existing files look extraneous, and one with something in a link would
/// reach what the link leads to. Such a node is reported as a failure of its side instead, so that nothing is
/// deleted.
#[derive(Debug)]
pub struct Join<P> {
    planner: Planner,
    pull: P,
    pulled: Order,
    pushed: Order,
    /// The next node of the pulled listing.
    ahead: Option<Node>,
    is_drained: bool,
    pushed_bytes: u64,
}

/// The last node of a listing so far, by which its order is checked.
#[derive(Debug)]
struct Order {
    side: Side,
    last: String,
    /// True if something may be below the last node.
    has_contents: bool,
    is_broken: bool,
}

impl<P: FnMut() -> Option<TreeElement>> Join<P> {
    /// Begins to compare the listing of `pulled_side`, which `pull` gives until it gives `None`, with one that will be
    /// pushed.
    pub fn new(planner: Planner, pulled_side: Side, pull: P) -> Self {
        let order = |side| Order { side, last: String::new(), has_contents: true, is_broken: false };
        let (pulled, pushed) = (order(pulled_side), order(pulled_side.other()));
        Self { planner, pull, pulled, pushed, ahead: None, is_drained: false, pushed_bytes: 0 }
    }

    /// Takes the next element of the pushed listing.
    pub fn push(&mut self, element: TreeElement) {
        let text = element.text_bytes() as u64;
        let Some(node) = self.counting(text, |join| join.pushed.check(element, &mut join.planner)) else { return };
        while let Some(ahead) = self.pull() {
            match path_order(&ahead.path, &node.path) {
                Ordering::Less => self.meet(Some(ahead), None),
                Ordering::Equal => return self.counting(text, |join| join.meet(Some(ahead), Some(node))),
                Ordering::Greater => {
                    self.ahead = Some(ahead);
                    break;
                }
            }
        }
        self.counting(text, |join| join.meet(None, Some(node)));
    }

    /// Returns the approximate memory that is held because of the pushed listing, in bytes. The pulled listing, which
    /// may need far more, is not counted.
    #[must_use]
    pub fn pushed_bytes(&self) -> u64 {
        self.pushed_bytes
    }

    /// Runs `body`, and counts the memory that is held more after it, for an element with so many bytes of text.
    fn counting<T>(&mut self, text: u64, body: impl FnOnce(&mut Self) -> T) -> T {
        let (things, bytes) = self.planner.draft.held();
        let outcome = body(self);
        let (things_now, bytes_now) = self.planner.draft.held();
        let more = things_now.saturating_sub(things);
        self.pushed_bytes += bytes_now.saturating_sub(bytes) + more * (text + ALLOCATION_BYTES);
        outcome
    }

    /// Ends the pushed listing, and pulls the rest of the other.
    #[must_use]
    pub fn finish(mut self) -> Draft {
        while let Some(ahead) = self.pull() {
            self.meet(Some(ahead), None);
        }
        self.planner.finish()
    }

    fn pull(&mut self) -> Option<Node> {
        while self.ahead.is_none() && !self.is_drained {
            match (self.pull)() {
                Some(element) => self.ahead = self.pulled.check(element, &mut self.planner),
                None => self.is_drained = true,
            }
        }
        self.ahead.take()
    }

    fn meet(&mut self, pulled: Option<Node>, pushed: Option<Node>) {
        match self.pulled.side {
            Side::Source => self.planner.meet(pulled, pushed),
            Side::Destination => self.planner.meet(pushed, pulled),
        }
    }
}

impl Order {
    /// Returns the node of an element, if it is in order; otherwise reports the failure to the planner.
    fn check(&mut self, element: TreeElement, planner: &mut Planner) -> Option<Node> {
        let failure = match element {
            TreeElement::Failed(failure) => failure,
            TreeElement::LeftOut(path) => {
                if self.side == Side::Destination {
                    planner.left_out(&path);
                }
                return None;
            }
            TreeElement::Withheld(path) => {
                if self.side == Side::Source {
                    planner.withheld(path);
                }
                return None;
            }
            TreeElement::Unsendable(directory) => {
                if self.side == Side::Source {
                    planner.unsendable(directory);
                }
                return None;
            }
            TreeElement::Node(node) => match self.fault(&node) {
                None => {
                    self.last.clear();
                    self.last.push_str(&node.path);
                    self.has_contents = matches!(node.what, NodeKind::Directory { .. });
                    return Some(node);
                }
                // One of them tells enough.
                Some(_) if self.is_broken => return None,
                Some(fault) => {
                    self.is_broken = true;
                    Failure::new(ErrorCode::BadRequest).at(&node.path).because(fault)
                }
            },
        };
        match self.side {
            Side::Source => planner.source_failed(failure),
            Side::Destination => planner.destination_failed(failure),
        }
        None
    }

    /// Returns the fault of a node that comes behind the last, if it has one.
    fn fault(&self, node: &Node) -> Option<&'static str> {
        if self.last.is_empty() {
            return None;
        }
        if path_order(&self.last, &node.path) != Ordering::Less {
            return Some("the listing is not in order");
        }
        // A file below a link would be stored where the link leads.
        (!self.has_contents && is_below(&node.path, &self.last))
            .then_some("the listing has it in something that is no directory")
    }
}
