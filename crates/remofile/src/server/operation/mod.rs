//! The operations of a session: one file for each request, behind one trait.
//!
//! Participants: the session gives an operation that has its lease the client's messages, and turns; an operation says in
//! each turn what comes of it. What may wait for a disk longer than a peer waits for a word is not done in a turn but in
//! [`Operation::block`], on a thread of the server's pool (`running` brings the operation there and back). Around every
//! operation are two others: `queued` keeps what comes before its lease does, `flushed` brings to the disk what it did.

mod change;
mod create;
mod digests;
mod download;
mod find;
mod flushed;
mod hold;
mod interface;
mod list;
mod listing;
mod make_directory;
mod partials;
mod queued;
mod read;
mod remove;
mod rename;
mod running;
mod selection;
mod sign;
mod start;
mod stat;
mod survey;
mod upload;
mod write;

pub(super) use flushed::Flushed;
pub(super) use interface::{FirstWindow, Operation, OperationTurn, StartContext, Step};
pub(super) use running::{Leave, Running};
pub(super) use start::start;
