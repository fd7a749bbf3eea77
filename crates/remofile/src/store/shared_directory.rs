//! The mark of a directory that several servers share: by it they find out that they mean the same directory, on whatever
//! machine, and the same coordinator.
//!
//! It is a line of text in the staging directory: the number of the directory, which stays, and that of the coordinator whose
//! servers have it. A server that has the directory for itself may write another coordinator; where others are, it may not.

use super::result::StoreResult;
use super::{STAGING_NAME, system};
use remofile_protocol::wire::{ErrorCode, Failure};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags, flock};
use rustix::io::Errno;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

/// The name of the mark in the staging directory.
const NAME: &str = "servers";

/// Bytes of the mark at most.
const MOST_BYTES: usize = 256;

/// A directory that a server shares, as far as the server knows it.
#[derive(Debug)]
pub(super) struct SharedDirectory {
    pub(super) identity: String,
}

/// The mark of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mark {
    identity: String,
    /// Empty if no coordinator has it yet.
    cluster: String,
}

impl SharedDirectory {
    /// Reads the mark, and makes it if there is none.
    pub(super) fn open(directory: &OwnedFd) -> StoreResult<Self> {
        with_mark(directory, |mark| mark.identity.clone()).map(|identity| Self { identity })
    }

    /// Writes the number of a coordinator into the mark, unless other servers have another one.
    pub(super) fn join(&self, directory: &OwnedFd, cluster: &str) -> StoreResult<()> {
        let is_same = with_mark(directory, |mark| {
            if mark.cluster == cluster || mark.cluster.is_empty() || is_alone(directory) {
                cluster.clone_into(&mut mark.cluster);
            }
            mark.cluster == cluster && mark.identity == self.identity
        })?;
        if is_same {
            return Ok(());
        }
        Err(Failure::new(ErrorCode::Other).because(
            "servers with another coordinator, or with another prefix there, serve this directory: give all of its servers the same \
             (if the coordinator has lost everything, stop all of them, then start them again)",
        ))
    }
}

/// Reports whether no other server has the directory. It is shared with others again after that.
fn is_alone(directory: &OwnedFd) -> bool {
    let is_alone = system::flock(directory, FlockOperation::NonBlockingLockExclusive).is_ok();
    // A lock that could not be changed may be lost, and somebody else may have it by now.
    system::flock(directory, FlockOperation::NonBlockingLockShared).is_ok() && is_alone
}

/// Looks at the mark while nobody else does, and writes it if it was changed.
fn with_mark<T>(directory: &OwnedFd, look: impl FnOnce(&mut Mark) -> T) -> StoreResult<T> {
    let failed = |errno: Errno| {
        let error = std::io::Error::from(errno);
        Failure::new(ErrorCode::Other)
            .because(format!("the mark of shared directories, {STAGING_NAME}/{NAME}: {error}"))
    };
    let file = open(directory).map_err(failed)?;
    flock(&file, FlockOperation::LockExclusive).map_err(failed)?;
    let mut bytes = [0; MOST_BYTES];
    let count = system::pread(&file, &mut bytes, 0).map_err(failed)?;
    let found = std::str::from_utf8(&bytes[..count]).ok().and_then(Mark::read);
    let mut mark = found.clone().unwrap_or_else(Mark::new);
    let looked = look(&mut mark);
    if found.as_ref() != Some(&mark) {
        rustix::io::pwrite(&file, mark.line().as_bytes(), 0).map_err(failed)?;
        rustix::fs::fsync(&file).map_err(failed)?;
    }
    Ok(looked)
}

fn open(directory: &OwnedFd) -> Result<OwnedFd, Errno> {
    match system::mkdirat(directory, STAGING_NAME, Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(errno) => return Err(errno),
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let staging = system::openat(directory, STAGING_NAME, flags, Mode::empty())?;
    let is_link = |stat: &rustix::fs::Stat| stat.st_nlink > 1;
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = system::openat(staging.as_fd(), NAME, flags, Mode::RUSR | Mode::WUSR)?;
    match system::statat(&staging, NAME, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) if is_link(&stat) => Err(Errno::MLINK),
        looked => looked.map(|_| file),
    }
}

impl Mark {
    fn new() -> Self {
        let identity = format!("{:016x}", RandomState::new().build_hasher().finish());
        Self { identity, cluster: String::new() }
    }

    fn read(text: &str) -> Option<Self> {
        let mut words = text.split_ascii_whitespace();
        let identity = words.next().filter(|word| word.len() == 16)?.to_owned();
        let cluster = words.next().unwrap_or_default();
        Some(Self { identity, cluster: cluster.trim_matches('-').to_owned() })
    }

    /// Returns its line, which is always as long.
    fn line(&self) -> String {
        format!("{} {:->16}\n", self.identity, self.cluster)
    }
}

#[cfg(test)]
mod tests {
    use super::super::ServedDirectory;

    #[test]
    fn servers_of_one_coordinator_share_a_directory_and_others_are_refused_until_they_are_gone() {
        let root = tempfile::tempdir().unwrap();
        let (first, second) =
            (ServedDirectory::share(root.path()).unwrap(), ServedDirectory::share(root.path()).unwrap());
        assert_eq!(first.identity().map(str::len), Some(16));
        assert_eq!(first.identity(), second.identity());
        first.join("0123456789abcdef").unwrap();
        second.join("0123456789abcdef").unwrap();
        let other = ServedDirectory::share(root.path()).unwrap();
        let refused = other.join("fedcba9876543210").unwrap_err().to_string();
        assert!(refused.contains("another coordinator"), "{refused}");
        assert!(ServedDirectory::claim(root.path()).is_err(), "a server without a coordinator");
        drop((first, second));
        other.join("fedcba9876543210").unwrap();
        drop(other);
        let alone = ServedDirectory::claim(root.path()).unwrap();
        assert!(ServedDirectory::share(root.path()).is_err());
        drop(alone);
        let elsewhere = tempfile::tempdir().unwrap();
        let (here, there) = (ServedDirectory::share(root.path()), ServedDirectory::share(elsewhere.path()));
        assert_ne!(here.unwrap().identity(), there.unwrap().identity());
    }
}
