//! How the library tells what it is doing. It never prints: whoever wants to show something
//! implements [`Monitor`].

use remofile_protocol::wire::{Failure, Holder};

/// Receives events while an operation runs, on the thread that called it. Keep it quick: the transfer
/// waits for it.
pub trait Monitor {
    /// Something happened.
    fn report(&mut self, event: Event<'_>);
}

/// What can happen.
#[derive(Debug)]
pub enum Event<'a> {
    /// The operation waits for the lease that others hold.
    Waiting {
        /// Who.
        holders: &'a [Holder],
    },
    /// How much there will be to transfer; comes before the first file, if it was asked for.
    Total {
        /// Regular files.
        files: u64,
        /// Bytes of content.
        bytes: u64,
    },
    /// A file begins.
    FileStarted {
        /// Its path below the destination.
        path: &'a str,
        /// Its size in bytes, where it is known.
        size: Option<u64>,
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
    /// A file was not transferred, because the rule for conflicts says to leave the one in the way.
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
