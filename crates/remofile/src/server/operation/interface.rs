//! The interface of operations: what a session asks of each, and what each says of it.

use crate::blocking::Slice;
use crate::carrier::{MessageWriter, Payload};
use crate::server::audit::EntryLog;
use crate::server::open_files::OpenFiles;
use crate::server::principal::Grant;
use crate::server::staged_files::{SessionMark, StagedFiles};
use crate::store::Fsync;
use crate::transfer::{Checked, Origins, Permit};
use remofile_protocol::digest::DigestKind;
use remofile_protocol::wire::{Done, ErrorCode, Failure, Item};
use std::sync::Arc;
use std::time::Duration;

/// An operation that has its lease.
pub(in crate::server) trait Operation: Send {
    /// Does a piece of work that takes 50 ms at most, or says that there is none now.
    fn step(&mut self, turn: &mut OperationTurn<'_, '_>) -> Step;

    /// Does what [`Step::Blocking`] asked for, until it is done or the slice is over. No message comes meanwhile.
    fn block(&mut self, _slice: &Slice) {}

    /// Does what can be done at once while the disk is quick, for 50 ms; whether something was done.
    fn work_at_once(&mut self) -> bool {
        false
    }

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

    /// Reports whether content comes for it: while its principal has received more than it may, it is not given turns.
    fn takes_content(&self) -> bool {
        false
    }

    /// Reports whether its client goes on with it, here or at another server, from what was done of it.
    fn goes_on_elsewhere(&self) -> bool {
        false
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

    /// Returns the time at which it may go on, if it waits for one.
    fn ready_at(&self) -> Option<Duration> {
        None
    }

    /// Returns the memory that it holds beside its request, in bytes.
    fn memory_bytes(&self) -> u64 {
        0
    }

    /// Reports whether it will hold less without the client's help.
    fn is_busy(&self) -> bool {
        false
    }

    /// Reports whether it is done but for the disk: it cannot be cancelled any more, and does not depend on its peer.
    fn is_flushing(&self) -> bool {
        false
    }

    /// Reports whether it only looks at the store: however many do may be on other threads at once.
    fn only_looks(&self) -> bool {
        false
    }

    /// Reports whether all that it changes is at and below the paths that it was asked to change: whatever has other paths may be
    /// changed at once.
    fn changes_own_paths(&self) -> bool {
        false
    }

    /// Reports whether its end touches the disk.
    fn ends_on_disk(&self) -> bool {
        false
    }

    /// Interrupts the operation because the session or the server ends. Partials are retained.
    fn interrupt(self: Box<Self>) {}

    /// Cancels the operation: it forgets what it has begun.
    fn cancel(self: Box<Self>) {}
}

/// The context of one turn of an operation.
pub(in crate::server) struct OperationTurn<'a, 'b> {
    pub(in crate::server) now: Duration,
    /// The credit that its client has granted and that is not used up.
    pub(in crate::server) credit: u64,
    pub(in crate::server) message: &'a mut MessageWriter<'b>,
    /// True if nothing else of the session is being changed: what a client asks for is done in turns.
    pub(in crate::server) may_change: bool,
}

/// The outcome of a turn.
pub(in crate::server) enum Step {
    /// A message is to be sent; its payload, if any, is in place, and within the credit.
    Message(Content),
    /// All that is to be sent was counted, which its client is told.
    Counted {
        files: u64,
        bytes: u64,
    },
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

/// The content of a message.
pub(in crate::server) enum Content {
    /// Items of files, whose bytes are the payload.
    Items(Vec<Item>),
    /// Bytes of one file.
    Bytes,
    /// Elements of a listing.
    Elements,
}

/// The credit that tells a client that its operation has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::server) enum FirstWindow {
    /// The beginning is not told.
    None,
    /// The operation has not begun yet.
    NotYet,
    /// No more than there has to be.
    Least,
    /// As much as there is room for.
    Full,
}

/// The context in which an operation begins.
pub(in crate::server) struct StartContext<'a> {
    /// On whose behalf it is done, and on which store.
    pub(in crate::server) grant: &'a Arc<Grant>,
    /// The permit for each path that is changed.
    pub(in crate::server) permit: Arc<dyn Permit>,
    /// The partials that the session has looked at.
    pub(in crate::server) checked: &'a mut Checked,
    pub(in crate::server) digest: DigestKind,
    pub(in crate::server) fsync: Fsync,
    /// The files that stay open between reads.
    pub(in crate::server) open_files: &'a OpenFiles,
    /// The log of what it does to single files.
    pub(in crate::server) entries: EntryLog,
    /// The files that clients write and nobody sees yet, and the mark of this session in them.
    pub(in crate::server) staged_files: &'a Arc<StagedFiles>,
    pub(in crate::server) session: &'a SessionMark,
}
