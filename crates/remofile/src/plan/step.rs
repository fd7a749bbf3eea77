//! One step of a plan.

use remofile_protocol::wire::{Kind, Timestamp};
use std::fmt;

/// One thing to do at the destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What it is done to, relative to the tree's top.
    pub path: Box<str>,
    /// What is done.
    pub action: Action,
}

impl Step {
    pub(super) fn new(path: impl Into<Box<str>>, action: Action) -> Self {
        Self { path: path.into(), action }
    }
}

/// What is done at the destination. Small, as there may be millions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// A directory is made where nothing is.
    MakeDirectory {
        /// Its permission bits, if they are preserved. The owner may always write into it: where the source
        /// says otherwise, a [`Touch`] takes that back when everything is in it.
        mode: Option<u32>,
    },
    /// A file is sent to where nothing is.
    Create {
        /// Length in bytes.
        size: u64,
    },
    /// A file is sent to where a file or a link is, and replaces it at once.
    Update {
        /// Length in bytes.
        size: u64,
        /// Length of the file that is there; 0 for a link.
        old_size: u64,
        /// Whether it may travel as what changed.
        delta: bool,
        /// What differs.
        why: Changed,
    },
    /// A link is made.
    Link {
        /// Where it leads.
        target: Box<str>,
        /// Whether a file or another link is there, and is replaced; otherwise nothing is there.
        replaces: bool,
    },
    /// What is elsewhere at the destination is moved to where nothing is.
    Rename(Box<Rename>),
    /// Content is right; time or permission bits are not.
    Touch(Box<Touch>),
    /// What is there is of another kind than what comes next to the same path, and is removed first. A
    /// directory is empty by then.
    Clear {
        /// What is there.
        kind: Kind,
    },
    /// What only the destination has is removed. A directory is empty by then.
    Delete {
        /// What is there.
        kind: Kind,
        /// Length in bytes, of a file; otherwise 0.
        size: u64,
    },
    /// Nothing is done, though source and destination differ.
    Skip {
        /// Why.
        reason: Reason,
    },
}

/// A file at the destination that is what the source has elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rename {
    /// Where it is.
    pub from: Box<str>,
    /// Its length in bytes.
    pub size: u64,
    /// The time that it has at the source, and gets after it was moved.
    pub modified: Timestamp,
    /// The permission bits that it gets, if they are preserved.
    pub mode: Option<u32>,
}

/// What is set at a file or directory whose content is right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touch {
    /// The time, if it is set.
    pub modified: Option<Timestamp>,
    /// The permission bits, if they are set.
    pub mode: Option<u32>,
    /// Whether it is a directory; otherwise it is a file.
    pub directory: bool,
}

/// In what a file differs from the one that it replaces.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Changed {
    /// Contents of one size differ, could not be compared, or may not be on the disk.
    pub content: bool,
    /// The sizes differ.
    pub size: bool,
    /// The times differ.
    pub time: bool,
    /// The permission bits differ, and are preserved.
    pub mode: bool,
}

impl Changed {
    pub(super) const ALL: Self = Self { content: true, size: true, time: true, mode: true };

    pub(super) fn is_any(self) -> bool {
        self.content || self.size || self.time || self.mode
    }
}

/// Why something is left as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The destination's file is newer.
    Newer,
    /// Something is there, and what exists is left.
    Exists,
    /// Nothing of its kind is there, and nothing is created. A directory's contents are left out with it.
    NotExisting,
    /// It is a device, socket or pipe at the source.
    Special,
    /// It is a link at the source, and links are passed over.
    Link,
    /// It is a link at the source that leads out of it, or nowhere where links are followed.
    LinkOut,
    /// A directory with contents is there, and they may not be deleted.
    DirectoryInTheWay,
    /// A device, socket or pipe is there, and nothing may be deleted. A directory's contents are left out
    /// with it.
    SpecialInTheWay,
    /// A file or link is there, and the destination replaces none.
    CannotReplace,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Newer => "what is at the destination is newer",
            Self::Exists => "it exists already",
            Self::NotExisting => "it does not exist at the destination",
            Self::Special => "it is a device, socket or pipe",
            Self::Link => "it is a symbolic link",
            Self::LinkOut => "it is a symbolic link that is absolute, leads out of the source, or cannot be followed",
            Self::DirectoryInTheWay => "a directory that is not empty is in the way",
            Self::SpecialInTheWay => "a device, socket or pipe is in the way",
            Self::CannotReplace => "the server replaces no files: remove it first",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_steps_fit_into_memory() {
        assert!(size_of::<Step>() <= 40, "{}", size_of::<Step>());
    }

    #[test]
    fn every_reason_is_a_sentence_of_its_own() {
        use Reason::{
            CannotReplace, DirectoryInTheWay, Exists, Link, LinkOut, Newer, NotExisting, Special, SpecialInTheWay,
        };
        let all =
            [Newer, Exists, NotExisting, Special, Link, LinkOut, DirectoryInTheWay, SpecialInTheWay, CannotReplace];
        let sentences: std::collections::HashSet<_> = all.iter().map(Reason::to_string).collect();
        assert_eq!(sentences.len(), all.len());
    }
}
