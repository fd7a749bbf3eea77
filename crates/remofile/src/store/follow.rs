//! The symbolic links that a path of a store may pass through.

use remofile_protocol::path::RemotePath;
use std::fmt::Debug;
use std::sync::Arc;

/// The symbolic links that are followed on the way to what a path names.
#[derive(Debug, Clone, Default)]
pub enum FollowLinks {
    /// Links that lead to a place inside the root.
    #[default]
    InRoot,
    /// Below a scope only links that lead to a place inside the same scope; above it, and at it, as
    /// [`FollowLinks::InRoot`]. A link is made only below a scope, and only with a target inside it.
    InScope(Arc<dyn Scopes>),
    /// None.
    Never,
}

/// The parts of a tree that a peer may write to, so that no link leads from one of them to the rest.
pub trait Scopes: Debug + Send + Sync {
    /// Tells where a path is.
    fn scope_of(&self, path: &RemotePath) -> Scope;

    /// Reports whether links below a scope are followed at all.
    fn follows_below(&self) -> bool {
        true
    }

    /// Reports whether the peer takes a scope for the root, so that it is told of leaving that.
    fn is_root(&self) -> bool {
        false
    }
}

/// The position of a path relative to scopes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// The top of a scope, or a directory on the way to one.
    Above,
    /// Below the top of this scope.
    Below(RemotePath),
    /// Neither: no link is followed.
    Outside,
}
