//! How the library tells what it is doing. It never prints: whoever wants to show something
//! implements [`Monitor`].

use crate::error::Error;
use crate::plan::Plan;
use remofile_protocol::wire::{Entry, Failure, Holder, OnConflict};
use std::num::NonZeroU32;
use std::time::Duration;

/// Receives events while an operation runs, and answers its questions, on the thread that called it. Keep
/// it quick: the transfer waits for it.
pub trait Monitor {
    /// Something happened.
    fn report(&mut self, event: Event<'_>);

    /// A file is in the way, and the options say to ask. Asked once for each such file.
    /// [`OnConflict::Abort`] ends the transfer before anything is changed.
    fn resolve(&mut self, _conflict: &Conflict<'_>) -> OnConflict {
        OnConflict::Abort
    }

    /// How many bytes [`Monitor::process_chunk`] wants to see at once; `None` if it is not to be called.
    fn chunk_size(&self) -> Option<NonZeroU32> {
        None
    }

    /// Called with every chunk of a file before it is sent or written: each as long as was asked for,
    /// but for the last of a file. `false` ends the call with [`Error::Stopped`]; an error ends it with
    /// [`Error::Callback`]. A transfer that is tried again after its connection was lost shows chunks that
    /// it sends again once more.
    ///
    /// # Errors
    /// Whatever the callback wants to tell its caller.
    fn process_chunk(&mut self, _chunk: &Chunk<'_>) -> Result<bool, Box<dyn std::error::Error + Send + Sync>> {
        Ok(true)
    }
}

/// A file that is in the way of another.
#[derive(Debug)]
pub struct Conflict<'a> {
    /// Its path below the destination.
    pub path: &'a str,
    /// What is there.
    pub existing: &'a Entry,
    /// What is to be put there.
    pub new: &'a Entry,
}

/// A piece of a file.
#[derive(Debug)]
pub struct Chunk<'a> {
    /// Its bytes.
    pub data: &'a [u8],
    /// Bytes of the file that are not processed yet, these included.
    pub remaining_bytes: u64,
    /// Bytes of the whole file.
    pub file_size: u64,
    /// The file's name: the last of its path.
    pub file_name: &'a str,
}

/// What can happen.
#[derive(Debug)]
pub enum Event<'a> {
    /// The operation waits for the lease that others hold.
    Waiting {
        /// Who.
        holders: &'a [Holder],
    },
    /// The connection was lost; after a pause everything is tried again, from where it was. What is told
    /// then counts afresh: files that were moved before are present, one that was begun is resumed.
    Retrying {
        /// What went wrong.
        error: &'a Error,
        /// Which attempt is to come, counted from 1, since something was last moved.
        attempt: u32,
        /// How many there will be at most.
        of: u32,
        /// The pause before it.
        pause: Duration,
    },
    /// A plan was made to make a directory like another one, and is about to be carried out.
    Planned {
        /// The plan.
        plan: &'a Plan,
    },
    /// How much there is to transfer; comes before the first file, if it was asked for. Files that are
    /// present already count.
    Total {
        /// Regular files.
        files: u64,
        /// Bytes of content.
        bytes: u64,
    },
    /// A file is complete at its destination already, as its size and time tell, and is not sent.
    FilePresent {
        /// Its path below the destination.
        path: &'a str,
        /// Its size in bytes.
        size: u64,
    },
    /// A file begins.
    FileStarted {
        /// Its path below the destination.
        path: &'a str,
        /// Its size in bytes, where it is known.
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
        /// Its path below the destination.
        path: &'a str,
    },
    /// A file was not transferred, because the rules for conflicts or links say so, or because it is no
    /// regular file.
    FileSkipped {
        /// What and why.
        failure: &'a Failure,
    },
    /// A file was not transferred; the operation goes on, and the report will name it again.
    FileFailed {
        /// What and why.
        failure: &'a Failure,
    },
}

/// Ignores every event.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Monitor for Silent {
    fn report(&mut self, _event: Event<'_>) {}
}
