//! The directory that a path is resolved beneath: the root, or the top of a scope in it.

use super::disk_name::{DiskName, Encoding};
use super::names::is_temporary_beside;
use super::{alias, errors};
use crate::store::{FollowLinks, Scope, StoreResult};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{ErrorCode, Failure};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use std::borrow::Cow;

/// The root of a store, and the links that lead on in it.
#[derive(Clone, Copy)]
pub(super) struct Jail<'a> {
    pub(super) root: BorrowedFd<'a>,
    pub(super) follow: &'a FollowLinks,
    pub(super) encoding: Encoding,
}

/// A directory that nothing leads out of, and the rest of a path in it.
pub(super) struct Base<'a> {
    pub(super) directory: Start<'a>,
    /// True if the directory is the root, in which one name is reserved.
    pub(super) is_root: bool,
    pub(super) bounds: Bounds,
    /// Names as the disk has them, with slashes between them.
    pub(super) rest: Cow<'a, [u8]>,
}

pub(super) enum Start<'a> {
    Root(BorrowedFd<'a>),
    Scope(OwnedFd),
}

/// A directory that a path led to.
pub(super) struct Place {
    pub(super) directory: OwnedFd,
    /// True if the directory is the root, in which one name is reserved.
    pub(super) is_root: bool,
}

/// The area that links must not lead out of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bounds {
    Root,
    Scope,
    /// No link is followed.
    Nowhere,
}

impl<'a> Jail<'a> {
    pub(super) fn new(root: BorrowedFd<'a>, follow: &'a FollowLinks, encoding: Encoding) -> Self {
        Self { root, follow, encoding }
    }

    pub(super) fn root(&self) -> BorrowedFd<'a> {
        self.root
    }

    /// Refuses to make a link at a path that is the top of a scope or outside of all scopes.
    pub(super) fn refuse_link(&self, path: &RemotePath) -> StoreResult<()> {
        match self.follow {
            FollowLinks::InScope(scopes) if !matches!(scopes.scope_of(path), Scope::Below(_)) => {
                let why = "a link in the place of a requested source would lead out of it";
                Err(Failure::new(ErrorCode::OutsideRoot).because(why))
            }
            _ => Ok(()),
        }
    }
}

impl Base<'_> {
    /// Reports whether a name in this directory is the store's own.
    pub(super) fn is_reserved(&self, name: &[u8]) -> bool {
        self.is_root && alias::is_staging(self.as_fd(), name)
    }
}

impl Place {
    /// Refuses the names that are the store's own: the staging directory, and files staged beside
    /// their destination.
    pub(super) fn refuse_reserved(&self, name: &DiskName) -> StoreResult<()> {
        let name = name.bytes();
        let is_staging = self.is_root && alias::is_staging(self.directory.as_fd(), name);
        if is_staging || is_temporary_beside(name) { Err(errors::reserved()) } else { Ok(()) }
    }

    /// Refuses a new name that the staging directory would be found by, once there is one.
    pub(super) fn refuse_to_become_staging(&self, name: &DiskName) -> StoreResult<()> {
        let becomes = self.is_root && alias::would_be_staging(self.directory.as_fd(), name.bytes());
        if becomes { Err(errors::reserved()) } else { Ok(()) }
    }
}

impl AsFd for Base<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.directory {
            Start::Root(root) => *root,
            Start::Scope(directory) => directory.as_fd(),
        }
    }
}

impl Bounds {
    /// Returns the failure of a link that leads out of these bounds.
    pub(super) fn left(self) -> Failure {
        let failure = Failure::new(ErrorCode::OutsideRoot);
        match self {
            Self::Root => failure,
            Self::Scope | Self::Nowhere => failure.because(
                "a symbolic link in the destination leads out of what was asked for: remove it, or download to \
                 where it leads",
            ),
        }
    }

    /// Returns the failure of a path with a link on its way where none is followed.
    pub(super) fn link_in_the_way() -> Failure {
        Failure::new(ErrorCode::NotADirectory).because(
            "a symbolic link is in the way, and nothing is received through links: remove it, or give the \
             directory that it leads to",
        )
    }
}
