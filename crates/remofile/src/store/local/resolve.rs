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

use super::disk_name::{DiskName, disk_path};
use super::errors;
use super::jail::{Base, Bounds, Jail, Place, Start};
use crate::store::system;
use crate::store::{FollowLinks, Scope, StoreResult};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{ErrorCode, Failure};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::borrow::Cow;

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

/// The end of a path: a name in a real directory, or a directory without a name (the root, or the target of a link
/// that ends with `..`).
enum Found {
    Named(Place, Vec<u8>),
    Directory(Place),
}

impl<'a> Jail<'a> {
    /// Returns the directory that a path is resolved beneath. The top of a scope is opened first, and then is a root
    /// of its own: whatever becomes of the links below it, nothing leads out again.
    pub(super) fn base<'path>(&self, path: &'path RemotePath) -> StoreResult<Base<'path>>
    where
        'a: 'path,
    {
        let whole = path.relative_to(&RemotePath::root()).unwrap_or_default();
        let whole = disk_path(whole, self.encoding)?;
        let at_root = |bounds| Base { directory: Start::Root(self.root), is_root: true, bounds, rest: whole };
        let base = match self.follow {
            FollowLinks::InRoot => at_root(Bounds::Root),
            FollowLinks::Never => at_root(Bounds::Nowhere),
            FollowLinks::InScope(scopes) => match scopes.scope_of(path) {
                Scope::Above if scopes.is_root() => at_root(Bounds::Nowhere),
                Scope::Above => at_root(Bounds::Root),
                Scope::Outside => at_root(Bounds::Nowhere),
                Scope::Below(top) => {
                    let rest = path.relative_to(&top).ok_or_else(|| Failure::new(ErrorCode::OutsideRoot))?;
                    // Whoever may write above the top could put a link there, or one that leads out of what is his own.
                    let to_top = if scopes.is_root() { &FollowLinks::Never } else { &FollowLinks::InRoot };
                    let beneath_root = Jail { follow: to_top, ..*self };
                    let Place { directory, is_root } = directory(beneath_root, &top)?;
                    let bounds = match scopes.follows_below() {
                        true if scopes.is_root() => Bounds::Root,
                        true => Bounds::Scope,
                        false => Bounds::Nowhere,
                    };
                    Base { directory: Start::Scope(directory), is_root, bounds, rest: disk_path(rest, self.encoding)? }
                }
            },
        };
        match base.rest.split(|&byte| byte == b'/').next() {
            Some(first) if base.is_reserved(first) => Err(errors::reserved()),
            _ => Ok(base),
        }
    }
}

/// Opens a directory, links followed.
pub(super) fn directory(jail: Jail<'_>, path: &RemotePath) -> StoreResult<Place> {
    let base = jail.base(path)?;
    let is_base = base.rest.is_empty();
    match descend(base.as_fd(), relative(&base), HANDLE) {
        Ok(directory) => Ok(Place { directory, is_root: base.is_root && is_base }),
        Err(errno) if needs_the_slow_way(errno) => match Resolver::new(&base)?.run()? {
            Found::Directory(place) => Ok(place),
            Found::Named(place, name) => {
                let directory = open_found(&base, &place, &name, HANDLE)?;
                Ok(Place { directory, is_root: false })
            }
        },
        Err(errno) => Err(errors::failure(errno)),
    }
}

/// Opens the directory that holds the last name of a path, links followed, and tells the name; that
/// name itself is not looked at.
pub(super) fn parent(jail: Jail<'_>, path: &RemotePath) -> StoreResult<(Place, DiskName)> {
    let (parent, name) = split(jail, path)?;
    let place = directory(jail, &parent)?;
    place.refuse_reserved(&name)?;
    Ok((place, name))
}

fn split(jail: Jail<'_>, path: &RemotePath) -> StoreResult<(RemotePath, DiskName)> {
    let root = |_| Failure::new(ErrorCode::BadRequest).because("the root directory itself cannot be changed");
    let (parent, name) = path.split().map_err(root)?;
    Ok((parent, DiskName::of(name, jail.encoding)?))
}

/// The directory that a link is going to be in.
pub(super) struct LinkPlace {
    pub(super) place: Place,
    pub(super) name: DiskName,
    /// The names down to it, itself no link anywhere on the way, from the directory that the link must not lead out of.
    pub(super) names: Vec<u8>,
    /// The directory, if it is the root.
    pub(super) root: Option<OwnedFd>,
    pub(super) bounds: Bounds,
}

/// Opens the directory that a link is going to be in, as [`parent`] does, and finds its real place.
pub(super) fn link_place(jail: Jail<'_>, path: &RemotePath) -> StoreResult<LinkPlace> {
    let (_, name) = split(jail, path)?;
    jail.refuse_link(path)?;
    let mut base = jail.base(path)?;
    let above = base.rest.iter().rposition(|&byte| byte == b'/').unwrap_or(0);
    base.rest = match base.rest {
        Cow::Borrowed(rest) => Cow::Borrowed(&rest[..above]),
        Cow::Owned(rest) => Cow::Owned(rest[..above].to_vec()),
    };
    let mut resolver = Resolver::new(&base)?;
    if resolver.advance()?.is_some() {
        return Err(Failure::new(ErrorCode::NotADirectory));
    }
    let Resolver { directory, names, .. } = resolver;
    let place = Place { directory, is_root: base.is_root && names.is_empty() };
    place.refuse_reserved(&name)?;
    let root = base.is_root.then(|| open_one(base.as_fd(), b".", HANDLE)).transpose().map_err(errors::failure)?;
    Ok(LinkPlace { place, name, names, root, bounds: base.bounds })
}

/// Opens the file or directory that a path names, links followed.
pub(super) fn open(jail: Jail<'_>, path: &RemotePath, flags: OFlags) -> StoreResult<OwnedFd> {
    let base = jail.base(path)?;
    match descend(base.as_fd(), relative(&base), flags) {
        Err(errno) if needs_the_slow_way(errno) => match Resolver::new(&base)?.run()? {
            Found::Directory(place) => open_one(place.directory.as_fd(), b".", flags).map_err(errors::failure),
            Found::Named(place, name) => open_found(&base, &place, &name, flags),
        },
        result => result.map_err(errors::failure),
    }
}

/// Tells what a path leads to in the end, links followed.
pub(super) fn stat_target(jail: Jail<'_>, path: &RemotePath) -> StoreResult<Stat> {
    match Resolver::new(&jail.base(path)?)?.run()? {
        Found::Directory(place) => system::fstat(&place.directory),
        Found::Named(place, name) => system::statat(&place.directory, &name[..], AtFlags::SYMLINK_NOFOLLOW),
    }
    .map_err(errors::failure)
}

/// Opens the directory of what a path leads to in the end, links followed, and tells the name that it has there. There need
/// not be anything of that name.
pub(super) fn target(jail: Jail<'_>, path: &RemotePath) -> StoreResult<(Place, Vec<u8>)> {
    let base = jail.base(path)?;
    let resolver = Resolver { last_may_miss: true, ..Resolver::new(&base)? };
    match resolver.run()? {
        Found::Named(place, name) => Ok((place, name)),
        Found::Directory(_) => Err(errors::directory_in_the_way()),
    }
}

/// Returns the relative path to open beneath a base: `.` if no names are left.
fn relative<'a>(base: &'a Base<'_>) -> &'a [u8] {
    if base.rest.is_empty() { b"." } else { &base.rest }
}

/// Opens the name that a path led to in the end: a link only where none is followed.
fn open_found(base: &Base<'_>, place: &Place, name: &[u8], flags: OFlags) -> StoreResult<OwnedFd> {
    open_one(place.directory.as_fd(), name, flags).map_err(|errno| match errno {
        Errno::LOOP | Errno::NOTDIR if base.bounds == Bounds::Nowhere && is_link(place, name) => {
            Bounds::link_in_the_way()
        }
        _ => errors::failure(errno),
    })
}

fn is_link(place: &Place, name: &[u8]) -> bool {
    system::readlinkat(&place.directory, name).is_ok()
}

/// Opens one name in a directory, without following it.
pub(super) fn open_one(directory: BorrowedFd<'_>, name: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    debug_assert!(!name.contains(&b'/'));
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    system::openat(directory, name, flags, Mode::empty())
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
    match retry(|| system::openat2(from, relative, flags, Mode::empty(), resolve)) {
        // An old kernel, or a container that has not heard of the call.
        Err(Errno::NOSYS | Errno::PERM) => open_by_steps(from, relative, flags),
        result => result,
    }
}

#[cfg(not(target_os = "linux"))]
fn open_beneath(from: BorrowedFd<'_>, relative: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    open_by_steps(from, relative, flags)
}

/// Opens a path one name at a time. A link on the way is `NOTDIR`, as a file is.
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

/// Calls again what a rename elsewhere interrupted.
#[cfg(target_os = "linux")]
fn retry<T>(mut call: impl FnMut() -> Result<T, Errno>) -> Result<T, Errno> {
    let mut again = 64;
    loop {
        match call() {
            Err(Errno::AGAIN) if again > 0 => again -= 1,
            result => return result,
        }
    }
}

/// Reports whether an error may mean that a link was in the way.
fn needs_the_slow_way(errno: Errno) -> bool {
    matches!(errno, Errno::LOOP | Errno::NOTDIR | Errno::XDEV | Errno::AGAIN)
}

/// Takes a path name by name and resolves links itself.
struct Resolver<'a> {
    base: &'a Base<'a>,
    /// The directory reached so far, and its real path below the base.
    directory: OwnedFd,
    names: Vec<u8>,
    /// Names that are still ahead, the nearest last.
    ahead: Vec<Vec<u8>>,
    links: usize,
    /// True if the last name may be that of nothing.
    last_may_miss: bool,
}

impl<'a> Resolver<'a> {
    fn new(base: &'a Base<'a>) -> StoreResult<Self> {
        let directory = open_one(base.as_fd(), b".", HANDLE).map_err(errors::failure)?;
        let ahead = base.rest.split(|&byte| byte == b'/').rev().map(<[u8]>::to_vec).collect();
        Ok(Self { base, directory, names: Vec::new(), ahead, links: 0, last_may_miss: false })
    }

    fn run(mut self) -> StoreResult<Found> {
        let last = self.advance()?;
        let place = Place { is_root: self.is_at_root(), directory: self.directory };
        Ok(match last {
            Some(name) => Found::Named(place, name),
            None => Found::Directory(place),
        })
    }

    /// Goes as far as there are directories; gives the last name if it is no directory.
    fn advance(&mut self) -> StoreResult<Option<Vec<u8>>> {
        while let Some(name) = self.ahead.pop() {
            match &name[..] {
                b"" | b"." => {}
                b".." => self.ascend()?,
                _ if self.names.is_empty() && self.base.is_reserved(&name) => return Err(errors::reserved()),
                _ => match open_one(self.directory.as_fd(), &name, HANDLE) {
                    Ok(directory) => self.enter(directory, &name),
                    Err(Errno::NOTDIR | Errno::LOOP) => {
                        if !self.follow(&name)? {
                            return self.end_at(name);
                        }
                    }
                    Err(Errno::NOENT) if self.last_may_miss && self.ahead.is_empty() => return Ok(Some(name)),
                    Err(errno) => return Err(errors::failure(errno)),
                },
            }
        }
        Ok(None)
    }

    fn is_at_root(&self) -> bool {
        self.base.is_root && self.names.is_empty()
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
            return Err(self.base.bounds.left());
        }
        let cut = self.names.iter().rposition(|&byte| byte == b'/').unwrap_or(0);
        self.names.truncate(cut);
        let place = if cut == 0 { &b"."[..] } else { &self.names };
        self.directory = descend(self.base.as_fd(), place, HANDLE).map_err(errors::failure)?;
        Ok(())
    }

    /// Puts the target of a link ahead; tells whether the name is one.
    fn follow(&mut self, name: &[u8]) -> StoreResult<bool> {
        let target = match system::readlinkat(&self.directory, name) {
            Ok(target) => target.into_bytes(),
            Err(Errno::INVAL) => return Ok(false),
            Err(errno) => return Err(errors::failure(errno)),
        };
        if self.base.bounds == Bounds::Nowhere {
            // The last name is what it is; who opens it finds out.
            return if self.ahead.is_empty() { Ok(false) } else { Err(Bounds::link_in_the_way()) };
        }
        self.links += 1;
        if self.links > MOST_LINKS {
            return Err(Failure::new(ErrorCode::LinkLoop));
        }
        if target.first() == Some(&b'/') {
            return Err(self.base.bounds.left());
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
