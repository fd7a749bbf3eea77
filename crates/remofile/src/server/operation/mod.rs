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
mod stat;
mod survey;
mod upload;
mod write;

pub(super) use flushed::Flushed;
pub(super) use running::{Leave, Running};

use crate::blocking::Slice;
use crate::carrier::{MessageWriter, Payload};
use crate::server::principal::Grant;
use crate::transfer::{Checked, Origins};
use remofile_protocol::digest::DigestKind;
use remofile_protocol::session::{ServerSession, SessionError};
use remofile_protocol::wire::{Done, ErrorCode, Failure, Header, Item, OperationId, Request};
use std::sync::Arc;
use std::time::Duration;

/// An operation that has its lease.
pub(super) trait Operation: Send {
    /// Does a piece of work that takes 50 ms at most, or says that there is none now.
    fn step(&mut self, turn: &mut OperationTurn<'_, '_>) -> Result<Step, SessionError>;

    /// Does what [`Step::Blocking`] asked for, until it is done or the slice is over. No message comes meanwhile.
    fn block(&mut self, _slice: &Slice) {}

    /// Takes items, and their credit, which is [released](Operation::take_released) when they are used up.
    fn take_items(&mut self, _items: Vec<Item>, _payload: Payload<'_>, _credit: u64) -> Result<(), Failure> {
        Err(Failure::new(ErrorCode::BadRequest).because("files for an operation that takes none"))
    }

    /// The place where sources are added, for operations that take them one by one.
    fn origins(&mut self) -> Option<&mut dyn Origins> {
        None
    }

    /// The client does not want a file.
    fn unwanted(&mut self, _path: &str) {}

    /// The client has no more items or sources.
    fn finish(&mut self) -> Result<(), Failure> {
        let no_end =
            || Failure::new(ErrorCode::BadRequest).because("the end of files for an operation that takes none");
        self.origins().ok_or_else(no_end)?.finish();
        Ok(())
    }

    /// The credit of what was used up since the last call.
    fn take_released(&mut self) -> u64 {
        self.origins().map_or(0, Origins::take_released)
    }

    /// Files that were not stored since the last call.
    fn take_failures(&mut self) -> Vec<Failure> {
        Vec::new()
    }

    /// The credit that its client gets for that it has begun.
    fn first_window(&self) -> FirstWindow {
        FirstWindow::None
    }

    /// When it may go on, if it waits for a moment.
    fn ready_at(&self) -> Option<Duration> {
        None
    }

    /// What it holds in memory beside its request, in bytes.
    fn memory_bytes(&self) -> u64 {
        0
    }

    /// Whether it will hold less without the client's help.
    fn is_busy(&self) -> bool {
        false
    }

    /// Whether it is done but for the disk: it cannot be cancelled any more, and does not depend on its peer.
    fn is_flushing(&self) -> bool {
        false
    }

    /// Whether its end touches the disk.
    fn ends_on_disk(&self) -> bool {
        false
    }

    /// Interrupts the operation because the session or the server ends. Partials are retained.
    fn interrupt(self: Box<Self>) {}
}

/// What an operation has to work with in its turn.
pub(super) struct OperationTurn<'a, 'b> {
    pub(super) now: Duration,
    pub(super) id: OperationId,
    pub(super) machine: &'a mut ServerSession,
    pub(super) message: &'a mut MessageWriter<'b>,
}

/// The outcome of a turn.
pub(super) enum Step {
    /// A message is to be sent; its payload, if any, is in place.
    Message(Header),
    /// Something was done, and more is to do.
    Work,
    /// Nothing is to do before something happens.
    Nothing,
    /// The next is to be done on another thread: [`Operation::block`].
    Blocking,
    Ended(Result<Done, Failure>),
    /// Changed something: done when that is as durable as the server's `fsync` option demands.
    Changed(Done),
    /// A survey is over, and has looked at these partials.
    Surveyed(Checked),
}

/// The credit that tells a client that its operation has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FirstWindow {
    /// It is not told.
    None,
    /// It has not begun yet.
    NotYet,
    /// No more than there has to be.
    Least,
    /// As much as there is room for.
    Full,
}

/// What an operation is begun with.
pub(super) struct StartContext<'a> {
    /// On whose behalf it is done, and on which store.
    pub(super) grant: &'a Arc<Grant>,
    /// The partials that the session has looked at.
    pub(super) checked: &'a mut Checked,
    pub(super) digest: DigestKind,
}

/// Begins the operation that a request asks for, and that has its lease.
pub(super) fn start(request: Request, context: &mut StartContext<'_>) -> Result<Box<dyn Operation>, Failure> {
    let store = &context.grant.store;
    Ok(match request {
        Request::List { path, recursive, rules, targets, unflushed } => {
            Box::new(list::list(store, &path, recursive, &rules, list::ListOptions { targets, unflushed })?)
        }
        Request::Find { sources, recursive, selection, digests } => {
            let selected = selection::SourceSelection::new(sources, recursive, selection);
            let feed = Box::new(selected.feed(context.grant, selected.filter()?)?);
            match digests {
                true => Box::new(digests::digests(feed)),
                false => Box::new(find::find(feed)),
            }
        }
        Request::Sign { files } => Box::new(sign::sign(store, files)),
        Request::Hold { .. } => Box::new(hold::Hold::default()),
        Request::Survey { destination, names, unflushed } => {
            Box::new(survey::survey(store, destination, names, unflushed))
        }
        Request::Partials => Box::new(partials::list(store)),
        Request::ClearPartials { paths } => Box::new(partials::clear(store, paths)),
        Request::Upload { destination, on_conflict, names, .. } => {
            Box::new(upload::Upload::new(context, destination, on_conflict, names.unwrap_or_default()))
        }
        Request::Download { sources, recursive, total, selection, send_options, .. } => {
            let selected = selection::SourceSelection::new(sources, recursive, selection);
            Box::new(download::Download::new(context, &selected, total, send_options)?)
        }
        Request::Remove { path, recursive: true } => Box::new(remove::RemoveTree::new(store, path)),
        Request::Remove { path, recursive: false } => Box::new(remove::remove(store, path)),
        Request::Stat { path } => Box::new(stat::Stat::new(store, path)),
        Request::CreateFile { path, update } => Box::new(create::create_file(store, path, update)),
        Request::MakeDirectory { path, update, parents } => {
            Box::new(make_directory::make_directory(store, path, update, parents))
        }
        Request::Move { source, destination, replace } => Box::new(rename::rename(store, source, destination, replace)),
        Request::Read { path, offset, length, version, .. } => {
            Box::new(read::Read::new(context, path, read::Part { offset, length }, version)?)
        }
        Request::Write { path, version, length, append, create } => {
            Box::new(write::Write::new(context, path, version, write::WriteOptions { length, append, create }))
        }
        // The session itself answers it.
        Request::Status => return Err(ErrorCode::BadRequest.into()),
    })
}
