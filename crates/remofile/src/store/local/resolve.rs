//! From a path to a descriptor, without ever leaving the root.
//!
//! The quick way asks the kernel for the whole path (`openat2`, beneath the root, no links); where a
//! link is met, where the kernel is too old or is not Linux, names are taken one by one, every one
//! opened without following. Either way only real directories are entered, from the root down, so
//! there is nothing to race with, and the real place of what was found is known: a link to the
//! staging directory is told from a link to anything else. (cap-std does neither that nor paths beyond
//! the 4096 bytes of one system call.)
//!
//! Invariant: no call here takes more than one name, unless the kernel promises to follow no link.

use super::names::is_temporary_beside;
use super::{STAGING_NAME, errors};
use crate::store::StoreResult;
use remofile_protocol::path::{FileName, RemotePath};
use remofile_protocol::wire::{ErrorCode, Failure};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, Mode, OFlags, Stat};
use rustix::io::Errno;

/// A directory that is only passed through or worked in by name; needs no permission to read it.
#[cfg(target_os = "linux")]
pub(super) const HANDLE: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
#[cfg(not(target_os = "linux"))]
pub(super) const HANDLE: OFlags = READABLE;

/// A directory whose names are read, or that is flushed to the disk.
pub(super) const READABLE: OFlags =
    OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC).union(OFlags::NONBLOCK);

/// Links followed in one path, as in the Linux kernel.
const MOST_LINKS: usize = 40;

/// Longest text given to one system call; 4096 with its final NUL on Linux, 1024 elsewhere.
const MOST_BYTES_A_CALL: usize = if cfg!(target_os = "linux") { 4095 } else { 1000 };

/// A directory that a path led to.
pub(super) struct Place {
    pub(super) directory: OwnedFd,
    /// Whether it is the root, in which one name is reserved.
    pub(super) is_root: bool,
}

/// What a path led to in the end: a name in a real directory, or a directory without a name (the
/// root, or the target of a link that ends with `..`).
enum Found {
    Named(Place, Vec<u8>),
    Directory(Place),
}

/// Opens a directory, links followed.
pub(super) fn directory(root: BorrowedFd<'_>, path: &RemotePath) -> StoreResult<Place> {
    refuse_reserved(path)?;
    match descend(root, path.as_relative().as_bytes(), HANDLE) {
        Ok(directory) => Ok(Place { directory, is_root: path.is_root() }),
        Err(errno) if needs_the_slow_way(errno) => match Resolver::new(root)?.run(path)? {
            Found::Directory(place) => Ok(place),
            Found::Named(place, name) => {
                let directory = open_one(place.directory.as_fd(), &name, HANDLE).map_err(errors::failure)?;
                Ok(Place { directory, is_root: false })
            }
        },
        Err(errno) => Err(errors::failure(errno)),
    }
}

/// Opens the directory that holds the last name of a path, links followed, and tells the name; that
/// name itself is not looked at.
pub(super) fn parent(root: BorrowedFd<'_>, path: &RemotePath) -> StoreResult<(Place, FileName)> {
    let Ok((parent, name)) = path.split() else {
        return Err(Failure::new(ErrorCode::BadRequest).because("the root directory itself stays as it is"));
    };
    let place = directory(root, &parent)?;
    place.refuse_reserved(&name)?;
    Ok((place, name))
}

/// Opens what a path names, links followed.
pub(super) fn open(root: BorrowedFd<'_>, path: &RemotePath, flags: OFlags) -> StoreResult<OwnedFd> {
    refuse_reserved(path)?;
    match descend(root, path.as_relative().as_bytes(), flags) {
        Err(errno) if needs_the_slow_way(errno) => match Resolver::new(root)?.run(path)? {
            Found::Directory(place) => open_one(place.directory.as_fd(), b".", flags),
            Found::Named(place, name) => open_one(place.directory.as_fd(), &name, flags),
        },
        result => result,
    }
    .map_err(errors::failure)
}

/// Tells what a path leads to in the end, links followed.
pub(super) fn stat_target(root: BorrowedFd<'_>, path: &RemotePath) -> StoreResult<Stat> {
    match Resolver::new(root)?.run(path)? {
        Found::Directory(place) => rustix::fs::fstat(&place.directory),
        Found::Named(place, name) => rustix::fs::statat(&place.directory, &name[..], AtFlags::SYMLINK_NOFOLLOW),
    }
    .map_err(errors::failure)
}

/// The names from the root down to where a directory really is, without a link among them.
pub(super) fn real_names(root: BorrowedFd<'_>, path: &RemotePath) -> StoreResult<Vec<u8>> {
    let mut resolver = Resolver::new(root)?;
    match resolver.advance(path)? {
        None => Ok(resolver.names),
        Some(_) => Err(Failure::new(ErrorCode::NotADirectory)),
    }
}

/// Opens one name in a directory, without following it.
pub(super) fn open_one(directory: BorrowedFd<'_>, name: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    debug_assert!(!name.contains(&b'/'));
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    retry(|| rustix::fs::openat(directory, name, flags, Mode::empty()))
}

/// Opens what lies beneath a directory, following no link at all. A link on the way is `LOOP` or `NOTDIR`.
pub(super) fn descend(from: BorrowedFd<'_>, relative: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    let mut held: Option<OwnedFd> = None;
    let mut rest = relative;
    while rest.len() > MOST_BYTES_A_CALL {
        let cut = rest[..MOST_BYTES_A_CALL].iter().rposition(|&byte| byte == b'/').ok_or(Errno::NAMETOOLONG)?;
        let next = open_beneath(held.as_ref().map_or(from, AsFd::as_fd), &rest[..cut], HANDLE)?;
        held = Some(next);
        rest = &rest[cut + 1..];
    }
    open_beneath(held.as_ref().map_or(from, AsFd::as_fd), rest, flags)
}

#[cfg(target_os = "linux")]
fn open_beneath(from: BorrowedFd<'_>, relative: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    use rustix::fs::ResolveFlags;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match retry(|| rustix::fs::openat2(from, relative, flags, Mode::empty(), resolve)) {
        // An old kernel, or a container that has not heard of the call.
        Err(Errno::NOSYS | Errno::PERM) => open_by_steps(from, relative, flags),
        result => result,
    }
}

#[cfg(not(target_os = "linux"))]
fn open_beneath(from: BorrowedFd<'_>, relative: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    open_by_steps(from, relative, flags)
}

/// One name at a time. A link on the way is `NOTDIR`, as a file is.
fn open_by_steps(from: BorrowedFd<'_>, relative: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    let mut held: Option<OwnedFd> = None;
    let mut rest = relative;
    while let Some(slash) = rest.iter().position(|&byte| byte == b'/') {
        let next = open_one(held.as_ref().map_or(from, AsFd::as_fd), &rest[..slash], HANDLE)?;
        held = Some(next);
        rest = &rest[slash + 1..];
    }
    open_one(held.as_ref().map_or(from, AsFd::as_fd), rest, flags)
}

/// Calls again what a signal or a rename elsewhere interrupted.
pub(super) fn retry<T>(mut call: impl FnMut() -> Result<T, Errno>) -> Result<T, Errno> {
    let mut again = 64;
    loop {
        match call() {
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) if again > 0 => again -= 1,
            result => return result,
        }
    }
}

/// Refuses a path at or below the staging directory.
pub(super) fn refuse_reserved(path: &RemotePath) -> StoreResult<()> {
    match path.names().next() {
        Some(STAGING_NAME) => Err(errors::reserved()),
        _ => Ok(()),
    }
}

impl Place {
    /// Refuses the names that are the store's own: the staging directory, and files staged beside
    /// their destination.
    pub(super) fn refuse_reserved(&self, name: &FileName) -> StoreResult<()> {
        let is_staging = self.is_root && name.as_str() == STAGING_NAME;
        if is_staging || is_temporary_beside(name.as_str().as_bytes()) { Err(errors::reserved()) } else { Ok(()) }
    }
}

/// Whether a link may be what was in the way.
fn needs_the_slow_way(errno: Errno) -> bool {
    matches!(errno, Errno::LOOP | Errno::NOTDIR | Errno::XDEV | Errno::AGAIN)
}

/// Takes a path name by name and resolves links itself.
struct Resolver<'root> {
    root: BorrowedFd<'root>,
    /// The directory reached so far, and its real path below the root.
    directory: OwnedFd,
    names: Vec<u8>,
    /// What is still ahead, the nearest last.
    ahead: Vec<Vec<u8>>,
    links: usize,
}

impl<'root> Resolver<'root> {
    fn new(root: BorrowedFd<'root>) -> StoreResult<Self> {
        let directory = open_one(root, b".", HANDLE).map_err(errors::failure)?;
        Ok(Self { root, directory, names: Vec::new(), ahead: Vec::new(), links: 0 })
    }

    fn run(mut self, path: &RemotePath) -> StoreResult<Found> {
        let last = self.advance(path)?;
        let place = Place { is_root: self.names.is_empty(), directory: self.directory };
        Ok(match last {
            Some(name) => Found::Named(place, name),
            None => Found::Directory(place),
        })
    }

    /// Goes as far as there are directories; gives the last name if it is no directory.
    fn advance(&mut self, path: &RemotePath) -> StoreResult<Option<Vec<u8>>> {
        self.ahead = path.names().map(|name| name.as_bytes().to_vec()).collect();
        self.ahead.reverse();
        while let Some(name) = self.ahead.pop() {
            match &name[..] {
                b"" | b"." => {}
                b".." => self.ascend()?,
                _ if self.is_reserved(&name) => return Err(errors::reserved()),
                _ => match open_one(self.directory.as_fd(), &name, HANDLE) {
                    Ok(directory) => self.enter(directory, &name),
                    Err(Errno::NOTDIR | Errno::LOOP) => {
                        if !self.follow(&name)? {
                            return self.end_at(name);
                        }
                    }
                    Err(errno) => return Err(errors::failure(errno)),
                },
            }
        }
        Ok(None)
    }

    fn is_reserved(&self, name: &[u8]) -> bool {
        self.names.is_empty() && name == STAGING_NAME.as_bytes()
    }

    fn enter(&mut self, directory: OwnedFd, name: &[u8]) {
        if !self.names.is_empty() {
            self.names.push(b'/');
        }
        self.names.extend_from_slice(name);
        self.directory = directory;
    }

    /// Goes back to the parent: anew from the root, since a directory may be moved while we are in it.
    fn ascend(&mut self) -> StoreResult<()> {
        if self.names.is_empty() {
            return Err(Failure::new(ErrorCode::OutsideRoot));
        }
        let cut = self.names.iter().rposition(|&byte| byte == b'/').unwrap_or(0);
        self.names.truncate(cut);
        let place = if cut == 0 { &b"."[..] } else { &self.names };
        self.directory = descend(self.root, place, HANDLE).map_err(errors::failure)?;
        Ok(())
    }

    /// Puts the target of a link ahead; tells whether the name is one.
    fn follow(&mut self, name: &[u8]) -> StoreResult<bool> {
        let target = match rustix::fs::readlinkat(&self.directory, name, Vec::new()) {
            Ok(target) => target.into_bytes(),
            Err(Errno::INVAL) => return Ok(false),
            Err(errno) => return Err(errors::failure(errno)),
        };
        self.links += 1;
        if self.links > MOST_LINKS {
            return Err(Failure::new(ErrorCode::LinkLoop));
        }
        if target.first() == Some(&b'/') {
            return Err(Failure::new(ErrorCode::OutsideRoot));
        }
        self.ahead.extend(target.split(|&byte| byte == b'/').rev().map(<[u8]>::to_vec));
        Ok(true)
    }

    /// Ends at a name that is neither directory nor link.
    fn end_at(&self, name: Vec<u8>) -> StoreResult<Option<Vec<u8>>> {
        if self.ahead.is_empty() { Ok(Some(name)) } else { Err(Failure::new(ErrorCode::NotADirectory)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::CWD;

    #[test]
    fn without_help_of_the_kernel_the_same_is_found_and_the_same_refused() {
        let root = tempfile::tempdir().unwrap();
        let held = rustix::fs::openat(CWD, root.path(), READABLE, Mode::empty()).unwrap();
        rustix::fs::mkdirat(&held, "a", Mode::RWXU).unwrap();
        rustix::fs::mkdirat(&held, "a/b", Mode::RWXU).unwrap();
        rustix::fs::symlinkat("a", &held, "link").unwrap();
        for path in ["a", "a/b", "a/b/c", "c/a", "link", "link/b", "a/b/c/d"] {
            let by_steps = open_by_steps(held.as_fd(), path.as_bytes(), HANDLE).map(drop);
            let quick = open_beneath(held.as_fd(), path.as_bytes(), HANDLE).map(drop);
            match (by_steps, quick) {
                (Err(one), Err(other)) if needs_the_slow_way(one) => assert!(needs_the_slow_way(other), "{path}"),
                (one, other) => assert_eq!(one, other, "{path}"),
            }
        }
    }
}
