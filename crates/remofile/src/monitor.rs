//! Monitors: the way in which the library reports what it is doing. The library never prints; a caller that wants
//! to show something implements [`Monitor`].

use crate::error::Error;
use crate::plan::Plan;
use remofile_protocol::wire::{Entry, Failure, Holder, OnConflict};
use std::num::NonZeroU32;
use std::time::Duration;

/// A receiver of events while an operation runs, which also answers its questions, on the thread that called it.
/// Keep it quick: the transfer waits for it.
pub trait Monitor {
    /// Reports an event.
    fn report(&mut self, event: Event<'_>);

    /// Decides about a file that is in the way, if the options say to ask. Called once for each such file.
    /// [`OnConflict::Abort`] ends the transfer before anything is changed.
    fn resolve(&mut self, _conflict: &Conflict<'_>) -> OnConflict {
        OnConflict::Abort
    }

    /// Returns the number of bytes that [`Monitor::process_chunk`] wants to see at once; `None` if it is not to be
    /// called.
    fn chunk_size(&self) -> Option<NonZeroU32> {
        None
    }

    /// Processes a chunk of a file before it is sent or written. Each is as long as was asked for, but for the last
    /// of a file. `false` ends the call with [`Error::Stopped`]; an error ends it with [`Error::Callback`]. A
    /// transfer that is tried again after its connection was lost shows the chunks that it sends again once more.
    ///
    /// # Errors
    /// Any error of the callback, for its caller.
    fn process_chunk(&mut self, _chunk: &Chunk<'_>) -> Result<bool, Box<dyn std::error::Error + Send + Sync>> {
        Ok(true)
    }
}

/// A file that is in the way of another.
#[derive(Debug)]
pub struct Conflict<'a> {
    /// Path below the destination.
    pub path: &'a str,
    /// Entry of the file that is there.
    pub existing: &'a Entry,
    /// Entry of the file that is to take its place.
    pub new: &'a Entry,
}

/// A piece of a file.
#[derive(Debug)]
pub struct Chunk<'a> {
    /// Bytes of the chunk.
    pub data: &'a [u8],
    /// Bytes of the file that are not processed yet, these included.
    pub remaining_bytes: u64,
    /// Bytes of the whole file.
    pub file_size: u64,
    /// The file's name: the last of its path.
    pub file_name: &'a str,
}

/// An event of an operation.
#[derive(Debug)]
pub enum Event<'a> {
    /// The operation waits for the lease that others hold.
    Waiting {
        /// Holders of the lease.
        holders: &'a [Holder],
    },
    /// The connection was lost; after a pause everything is tried again, from where it was. Later events count afresh:
    /// files that were moved before are present, one that was begun is resumed.
    Retrying {
        /// Error that ended the attempt.
        error: &'a Error,
        /// Number of the attempt that is to come, counted from 1, since something was last moved.
        attempt: u32,
        /// Most attempts that there will be.
        of: u32,
        /// The pause before it.
        pause: Duration,
    },
    /// A plan was made to make a directory like another one, and is about to be carried out.
    Planned {
        /// The plan.
        plan: &'a Plan,
    },
    /// The total that is to be transferred. It comes before the first file, if it was asked for. Files that are
    /// present already count.
    Total {
        /// Regular files.
        files: u64,
        /// Bytes of content.
        bytes: u64,
    },
    /// A file is complete at its destination already, as its size and time tell, and is not sent.
    FilePresent {
        /// Path below the destination.
        path: &'a str,
        /// Size in bytes.
        size: u64,
    },
    /// A file begins.
    FileStarted {
        /// Path below the destination.
        path: &'a str,
        /// Size in bytes, if it is known.
        size: Option<u64>,
        /// Bytes of it that the receiver has already.
        offset: u64,
    },
    /// Content moved: sent by an upload, written by a download.
    Transferred {
        /// Bytes since the last such event.
        bytes: u64,
    },
    /// The file that began last is complete on the sending side of an upload, or visible on this side
    /// of a download.
    FileFinished {
        /// Path below the destination.
        path: &'a str,
    },
    /// A file was not transferred, because the rules for conflicts or links say so, or because it is no
    /// regular file.
    FileSkipped {
        /// Path of the file, and the reason.
        failure: &'a Failure,
    },
    /// A file was not transferred; the operation goes on, and the report will name it again.
    FileFailed {
        /// Path of the file, and the reason.
        failure: &'a Failure,
    },
}

/// A monitor that ignores every event.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Monitor for Silent {
    fn report(&mut self, _event: Event<'_>) {}
}
