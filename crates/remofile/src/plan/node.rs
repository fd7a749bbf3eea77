//! The elements of listings, as the planner takes them.

use super::step::{Reason, SpecialFile};
use remofile_protocol::wire::{Failure, Kind, Timestamp};
use std::cmp::Ordering;

/// One thing in a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Path relative to the tree's top: names with slashes between them.
    pub path: Box<str>,
    /// Kind and attributes.
    pub what: NodeKind,
}

/// The kind of a node, with the attributes by which trees are compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeKind {
    /// A directory.
    Directory {
        /// Permission bits, where they are known.
        mode: Option<u32>,
    },
    /// A regular file.
    File {
        /// Length in bytes.
        size: u64,
        /// Time of last modification.
        modified: Timestamp,
        /// Permission bits, where they are known.
        mode: Option<u32>,
        /// True if the file may not be on the disk, whatever is read of it. At the destination it never counts as the
        /// same.
        unflushed: bool,
    },
    /// A symbolic link.
    Link {
        /// Target of the link, as it is written in it.
        target: String,
    },
    /// A device, socket or pipe.
    Special,
    /// A device, socket or pipe that takes part, with the attributes by which it is compared.
    SpecialFile(Box<SpecialFile>),
    /// A link at the source that is passed over, and why.
    Passed(Reason),
}

impl NodeKind {
    /// Returns the kind alone.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Directory { .. } => Kind::Directory,
            Self::File { .. } => Kind::File,
            Self::Link { .. } | Self::Passed(_) => Kind::Link,
            Self::Special | Self::SpecialFile(_) => Kind::Special,
        }
    }
}

/// The attributes of a file that the planner compares.
#[derive(Debug, Clone, Copy)]
pub(super) struct File {
    pub(super) size: u64,
    pub(super) modified: Timestamp,
    pub(super) mode: Option<u32>,
}

/// An element of the listing of a tree. Nodes come in [`path_order`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TreeElement {
    /// A node.
    Node(Node),
    /// A failure to list something: whether anything is there, or below it, is not known.
    Failed(Failure),
    /// A path with something that takes no part in the sync. At the destination, the directories that hold it stay.
    LeftOut(Box<str>),
    /// A path of the source with something that takes no part in the sync. What the destination has there, or below,
    /// stays. This may come in any order.
    Withheld(Box<str>),
    /// A directory of the source with something in it that cannot be sent for its name. What only the destination has in
    /// that directory stays: it may be the same under the name that it had before. This may come in any order.
    Unsendable(Box<str>),
}

impl TreeElement {
    /// Returns the number of bytes of text in it.
    pub(super) fn text_bytes(&self) -> usize {
        match self {
            Self::Node(Node { path, what: NodeKind::Link { target } }) => path.len() + target.len(),
            Self::Node(Node { path, .. }) | Self::LeftOut(path) | Self::Withheld(path) | Self::Unsendable(path) => {
                path.len()
            }
            Self::Failed(failure) => failure_bytes(failure),
        }
    }
}

/// Returns the number of bytes of text in a failure.
pub fn failure_bytes(failure: &Failure) -> usize {
    [&failure.path, &failure.detail].into_iter().flatten().map(String::len).sum()
}

/// Compares two paths by the order of listings, which is that of remote paths: name by name, names by their bytes,
/// so that every directory is directly followed by its contents.
#[must_use]
pub fn path_order(one: &str, other: &str) -> Ordering {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let same = one.iter().zip(other).take_while(|(a, b)| a == b).count();
    // The end of a path comes first, then a slash, then all other bytes.
    let rank = |byte: Option<&u8>| byte.map(|&byte| if byte == b'/' { 0 } else { u16::from(byte) + 1 });
    rank(one.get(same)).cmp(&rank(other.get(same)))
}

/// Reports whether a path is in a directory, or in one below it.
pub(super) fn is_below(path: &str, directory: &str) -> bool {
    path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'))
}

/// Returns the directory that holds a path; empty for the top.
pub(super) fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// Returns the last name of a path.
pub(super) fn name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use remofile_protocol::path::RemotePath;

    #[test]
    fn directories_are_directly_followed_by_their_contents() {
        let paths = ["a", "a/b", "a/b/c", "a/b.c", "a b", "a!", "a.txt", "aa", "é"];
        for (at, one) in paths.iter().enumerate() {
            for (other_at, other) in paths.iter().enumerate() {
                assert_eq!(path_order(one, other), at.cmp(&other_at), "{one} {other}");
            }
        }
    }

    #[test]
    fn below_is_not_beside() {
        assert!(is_below("a/b", "a") && is_below("a/b/c", "a"));
        assert!(!is_below("a", "a") && !is_below("ab/c", "a") && !is_below("a.b", "a"));
        assert_eq!((parent("a/b/c"), parent("a")), ("a/b", ""));
        assert_eq!((name("a/b/c"), name("a")), ("c", "a"));
    }

    proptest! {
        #[test]
        fn the_order_is_that_of_remote_paths(
            one in "[!ab.é]{1,2}(/[!ab.é]{1,2}){0,2}", other in "[!ab.é]{1,2}(/[!ab.é]{1,2}){0,2}",
        ) {
            let remote = |path: &str| format!("/{path}").parse::<RemotePath>();
            if let (Ok(a), Ok(b)) = (remote(&one), remote(&other)) {
                prop_assert_eq!(path_order(&one, &other), a.cmp(&b));
            }
        }
    }
}
