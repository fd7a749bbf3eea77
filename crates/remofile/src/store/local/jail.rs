//! The directory that a path is resolved beneath: the root, or the top of a scope in it.

use super::resolve::{self, Place};
use super::{alias, errors};
use crate::store::{FollowLinks, Scope, StoreResult};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{ErrorCode, Failure};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};

/// The root of a store, and the links that lead on in it.
#[derive(Clone, Copy)]
pub(super) struct Jail<'a> {
    root: BorrowedFd<'a>,
    follow: &'a FollowLinks,
}

/// A directory that nothing leads out of, and the rest of a path in it.
pub(super) struct Base<'a> {
    directory: Start<'a>,
    /// True if the directory is the root, in which one name is reserved.
    pub(super) is_root: bool,
    pub(super) bounds: Bounds,
    /// Names with slashes between them.
    pub(super) rest: &'a str,
}

enum Start<'a> {
    Root(BorrowedFd<'a>),
    Scope(OwnedFd),
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
    pub(super) fn new(root: BorrowedFd<'a>, follow: &'a FollowLinks) -> Self {
        Self { root, follow }
    }

    pub(super) fn root(&self) -> BorrowedFd<'a> {
        self.root
    }

    /// Returns the directory that a path is resolved beneath. The top of a scope is opened first, and then is a root
    /// of its own: whatever becomes of the links below it, nothing leads out again.
    pub(super) fn base<'path>(&self, path: &'path RemotePath) -> StoreResult<Base<'path>>
    where
        'a: 'path,
    {
        let whole = path.relative_to(&RemotePath::root()).unwrap_or_default();
        let at_root = |bounds| Base { directory: Start::Root(self.root), is_root: true, bounds, rest: whole };
        let base = match self.follow {
            FollowLinks::InRoot => at_root(Bounds::Root),
            FollowLinks::Never => at_root(Bounds::Nowhere),
            FollowLinks::InScope(scopes) => match scopes.scope_of(path) {
                Scope::Above => at_root(Bounds::Root),
                Scope::Outside => at_root(Bounds::Nowhere),
                Scope::Below(top) => {
                    let rest = path.relative_to(&top).ok_or_else(|| Failure::new(ErrorCode::OutsideRoot))?;
                    let beneath_root = Jail { root: self.root, follow: &FollowLinks::InRoot };
                    let Place { directory, is_root } = resolve::directory(beneath_root, &top)?;
                    let bounds = if scopes.follows_below() { Bounds::Scope } else { Bounds::Nowhere };
                    Base { directory: Start::Scope(directory), is_root, bounds, rest }
                }
            },
        };
        match base.rest.split('/').next() {
            Some(first) if base.is_reserved(first.as_bytes()) => Err(errors::reserved()),
            _ => Ok(base),
        }
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
