//! The course of a session: two machines that never wait.
//!
//! Participants: [`ClientSession`] starts operations, [`ServerSession`] answers them; a carrier brings
//! each the other's messages in order, and tells the time. Goals: credit, heartbeat, the numbering and
//! the end of operations are decided here, once, for every carrier. Non-goals: bytes of files never
//! enter the machines, only their counts; leases and the store belong to the server.
//!
//! Messages go in by `receive`, which gives at most one event; headers to send come out of
//! `poll_header`. A message with payload is announced by `data` or `entries`, which take its credit and
//! give its header; the carrier puts the payload beside it. Time is a [`Duration`] since any fixed
//! moment.

mod client;
mod core;
mod credit;
#[cfg(test)]
mod interleaving;
mod server;
#[cfg(test)]
mod tests;

pub use client::{ClientEvent, ClientSession};
pub use server::{ServerEvent, ServerSession};

use crate::wire::OperationId;
use std::time::Duration;

/// The peer broke the protocol, or is gone. The session cannot go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// More payload than was credited.
    #[error("operation {} sent {excess} bytes beyond its credit", .operation.0)]
    BeyondCredit {
        /// The operation.
        operation: OperationId,
        /// By how much.
        excess: u64,
    },
    /// A message larger than this side accepts.
    #[error("a payload of {0} bytes")]
    PayloadTooLarge(usize),
    /// Items that do not match their payload.
    #[error("items of {items} bytes with a payload of {payload}")]
    PayloadMismatch {
        /// The bytes that the items announce.
        items: u64,
        /// The bytes that came.
        payload: usize,
    },
    /// A hole, copy or compressed block of more content than one item may have.
    #[error("an item of {content} bytes of content, more than {most}")]
    ItemTooLong {
        /// Its content, in bytes.
        content: u64,
        /// The most that is allowed, in bytes.
        most: u64,
    },
    /// An operation number that was used before, or was never started.
    #[error("operation {} is out of order", .0.0)]
    OutOfOrder(OperationId),
    /// A message that does not belong to this side or this moment.
    #[error("an unexpected message in operation {}", .0.0)]
    Unexpected(OperationId),
    /// Nothing was heard from the peer for that long, with operations in flight.
    #[error("nothing was heard for {} s", .0.as_secs())]
    PeerSilent(Duration),
}
