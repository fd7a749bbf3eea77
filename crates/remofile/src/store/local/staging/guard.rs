//! The guard of the staging directory, under which it holds files that cannot be locked.
//!
//! What has no lock is taken for a dead process's and removed. Links cannot be locked, and a file that was exchanged for
//! another one is not locked by who did it. So whoever makes such a thing shares the guard for that time, and who
//! removes has it alone. It is a lock of the directory itself.

use crate::store::local::resolve;
use crate::store::system;
use rustix::fd::{BorrowedFd, OwnedFd};
use rustix::fs::FlockOperation;

/// The guard, given back when it is dropped.
pub(in crate::store::local) struct Guard {
    _directory: OwnedFd,
}

impl Guard {
    /// Shares the guard. Returns `None` where there are no locks: there nothing is removed before it is old.
    pub(in crate::store::local) fn shared(staging: BorrowedFd<'_>) -> Option<Self> {
        Self::take(staging, FlockOperation::LockShared)
    }

    /// Takes the guard alone. Returns `None` if others have it now.
    pub(in crate::store::local) fn alone(staging: BorrowedFd<'_>) -> Option<Self> {
        Self::take(staging, FlockOperation::NonBlockingLockExclusive)
    }

    fn take(staging: BorrowedFd<'_>, how: FlockOperation) -> Option<Self> {
        // Opened once more: a lock belongs to what was opened, which threads of one process share otherwise.
        let directory = resolve::open_one(staging, b".", resolve::READABLE).ok()?;
        system::flock(&directory, how).ok()?;
        Some(Self { _directory: directory })
    }
}
