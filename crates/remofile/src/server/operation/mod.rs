//! The operations of a session: one file for each request, behind one trait.
//!
//! Participants: the session gives an operation that has its lease the client's messages, and turns; an operation says in
//! each turn what comes of it. What may wait for a disk longer than a peer waits for a word is not done in a turn but in
//! [`Operation::block`], on a thread of the server's pool (`running` brings the operation there and back). Around every
//! operation are two others: `queued` keeps what comes before its lease does, `flushed` brings to the disk what it did.

mod attributes;
mod change;
mod copy;
mod create;
mod digests;
mod distant;
mod download;
mod find;
mod find_attributes;
mod flushed;
mod former_wait;
mod hash;
mod hold;
mod interface;
mod list;
mod listing;
mod look;
mod make_directory;
mod make_link;
mod missing;
mod partials;
mod pieces;
mod queued;
mod read;
mod read_staged;
mod remove;
mod rename;
mod running;
mod selection;
mod sign;
mod space;
mod stage;
mod start;
mod stat;
mod survey;
mod upload;
mod write;

pub(super) use distant::{Distant, only_looks};
pub(super) use flushed::Flushed;
pub(super) use former_wait::FormerWait;
pub(super) use interface::{Content, FirstWindow, Operation, OperationTurn, StartContext, Step};
pub(super) use running::{Leave, Running};
pub(super) use start::start;
