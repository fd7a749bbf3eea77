//! The directory that a server serves: no two servers change one at the same time, since neither knows the leases of the
//! other.

use super::StoreResult;
use super::lock_holder::holder_of;
use super::nested_servers::NestedServers;
use super::shared_directory::SharedDirectory;
use super::system;
use remofile_protocol::wire::{ErrorCode, Failure};
use rustix::fd::{BorrowedFd, OwnedFd};
use rustix::fs::{CWD, FlockOperation, Mode, OFlags, Stat, flock, fstat};
use rustix::io::Errno;
use std::path::Path;
use std::time::Duration;

/// Attempts to share a directory that a server has for itself, and the pause between them.
const SHARE_ATTEMPTS: u32 = 20;
const SHARE_PAUSE: Duration = Duration::from_millis(50);

/// A directory that no other server serves at the same time. The lock is on the directory itself, so that it is the same
/// by every path that leads there, and nothing of it is left when the process ends, however that is.
#[derive(Debug)]
pub struct ServedDirectory {
    /// `None` where the file system has no locks.
    directory: Option<OwnedFd>,
    /// The knowledge of it, if several servers of one coordinator share it.
    shared: Option<SharedDirectory>,
    nested: NestedServers,
}

impl ServedDirectory {
    /// Claims a directory for a server that changes it.
    ///
    /// # Errors
    /// If another server has it, or it cannot be opened.
    pub fn claim(path: &Path) -> StoreResult<Self> {
        Self::claim_at(CWD, path)
    }

    /// Claims a directory for one of several servers that agree by a coordinator. Others, and servers without one, are
    /// refused meanwhile.
    ///
    /// # Errors
    /// If a server without a coordinator has it, or it cannot be opened.
    pub fn share(path: &Path) -> StoreResult<Self> {
        let failed = |errno: Errno| Failure::new(ErrorCode::Other).because(std::io::Error::from(errno));
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = system::openat(CWD, path, flags, Mode::empty()).map_err(failed)?;
        // Another server that begins has it alone for a moment.
        for _ in 0..SHARE_ATTEMPTS {
            match system::flock(&directory, FlockOperation::NonBlockingLockShared) {
                Err(Errno::WOULDBLOCK) => std::thread::sleep(SHARE_PAUSE),
                locked => {
                    if let Err(errno) = locked {
                        let error = std::io::Error::from(errno);
                        tracing::warn!(%error, "no lock on the directory: see to it that no server without the coordinator serves it");
                    }
                    let shared = Some(SharedDirectory::open(&directory)?);
                    let nested = NestedServers::mark(&directory);
                    return Ok(Self { directory: Some(directory), shared, nested }.told_of_others());
                }
            }
        }
        Err(taken(&fstat(&directory).map_err(failed)?))
    }

    /// Returns the number of a shared directory, which is the same on each machine; `None` if it is not shared.
    #[must_use]
    pub fn identity(&self) -> Option<&str> {
        self.shared.as_ref().map(|shared| shared.identity.as_str())
    }

    /// Joins those servers of a shared directory that have a coordinator with this number.
    ///
    /// # Errors
    /// If there are servers with another one.
    pub fn join(&self, cluster: &str) -> StoreResult<()> {
        match (&self.shared, &self.directory) {
            (Some(shared), Some(directory)) => shared.join(directory, cluster),
            _ => Ok(()),
        }
    }

    /// Claims a directory that is open.
    ///
    /// # Errors
    /// If another server has it.
    pub(super) fn claim_open(directory: BorrowedFd<'_>) -> StoreResult<Self> {
        // Opened once more: a lock is one of the whole descriptor, and this one may have copies.
        Self::claim_at(directory, Path::new("."))
    }

    fn claim_at(above: BorrowedFd<'_>, path: &Path) -> StoreResult<Self> {
        let failed = |errno: Errno| Failure::new(ErrorCode::Other).because(std::io::Error::from(errno));
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = system::openat(above, path, flags, Mode::empty()).map_err(failed)?;
        match system::flock(&directory, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {
                let nested = NestedServers::mark(&directory);
                Ok(Self { directory: Some(directory), shared: None, nested }.told_of_others())
            }
            Err(Errno::WOULDBLOCK) => Err(taken(&fstat(&directory).map_err(failed)?)),
            Err(errno) => {
                let error = std::io::Error::from(errno);
                tracing::warn!(%error, "no lock on the directory: see to it that no other server serves it");
                let nested = NestedServers::mark(&directory);
                Ok(Self { directory: None, shared: None, nested }.told_of_others())
            }
        }
    }

    fn told_of_others(self) -> Self {
        self.nested.look(true);
        self
    }

    /// Logs servers of directories above and below that have begun since the last look: they know nothing of the leases of this
    /// one, nor it of theirs. Returns how many it has logged. It takes some system calls and waits for nothing.
    pub(crate) fn look_around(&self) -> usize {
        self.nested.look(false)
    }
}

/// At once, also if a process that was forked has a copy of the descriptor.
impl Drop for ServedDirectory {
    fn drop(&mut self) {
        if let Some(directory) = &self.directory {
            let _unlocked = flock(directory, FlockOperation::Unlock);
        }
    }
}

fn taken(directory: &Stat) -> Failure {
    let process = holder_of(directory).map_or_else(String::new, |process| format!(" (process {process})"));
    Failure::new(ErrorCode::Other).because(format!(
        "another server{process} serves this directory: stop it first, or give both a directory of their own; servers with \
         '--read-only' may be many"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_has_one_server_by_whatever_path_until_that_is_gone() {
        let outer = tempfile::tempdir().unwrap();
        let (root, link) = (outer.path().join("root"), outer.path().join("link"));
        rustix::fs::mkdir(&root, Mode::RWXU).unwrap();
        rustix::fs::symlink(&root, &link).unwrap();
        let first = ServedDirectory::claim(&root).unwrap();
        for path in [&root, &link, &root.join(".")] {
            let refused = ServedDirectory::claim(path).unwrap_err().to_string();
            assert!(refused.contains("another server") && refused.contains("stop it first"), "{refused}");
        }
        ServedDirectory::claim(outer.path()).unwrap();
        drop(first);
        ServedDirectory::claim(&link).unwrap();
    }
}
