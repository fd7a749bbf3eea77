//! One step of a plan.

use super::AttributeChange;
use remofile_protocol::wire::{Kind, Special, Timestamp};
use std::fmt;

/// One thing to do at the destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Path that the step is about, relative to the tree's top.
    pub path: Box<str>,
    /// Action on that path.
    pub action: Action,
}

impl Step {
    pub(super) fn new(path: impl Into<Box<str>>, action: Action) -> Self {
        Self { path: path.into(), action }
    }
}

/// An action at the destination. Small, as there may be millions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// A directory is made where nothing is.
    MakeDirectory {
        /// Permission bits, if they are preserved. The owner may always write into the directory: if the source does
        /// not allow that, a [`Touch`] takes it back when everything is in it.
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
        /// True if the file may travel as a delta.
        delta: bool,
        /// Attributes that differ.
        why: Changed,
    },
    /// A link is made.
    Link {
        /// Target of the link.
        target: Box<str>,
        /// True if a file or another link is there, and is replaced; otherwise nothing is there.
        replaces: bool,
    },
    /// A file gets another name.
    HardLink {
        /// Path that it has.
        of: Box<str>,
        /// True if a file is there, and is replaced; otherwise nothing is there.
        replaces: bool,
    },
    /// A special file is made.
    Special {
        /// Attributes of it.
        file: Box<SpecialFile>,
        /// True if a file or link is there, and is replaced; otherwise nothing is there.
        replaces: bool,
    },
    /// A file that is elsewhere at the destination is moved to where nothing is.
    Rename(Box<Rename>),
    /// Content is right; time or permission bits are not.
    Touch(Box<Touch>),
    /// Attributes differ beside content, and are set when everything is there. A plan has such steps only where they are to be
    /// told; nobody needs them to carry it out.
    Attributes(AttributeChange),
    /// An entry of another kind than the source's is removed, before the source's comes to its path. A directory is
    /// empty by then.
    Clear {
        /// Kind of the entry that is removed.
        kind: Kind,
    },
    /// An entry that only the destination has is removed. A directory is empty by then.
    Delete {
        /// Kind of the entry that is removed.
        kind: Kind,
        /// Length in bytes, of a file; otherwise 0.
        size: u64,
    },
    /// Nothing is done, though source and destination differ.
    Skip {
        /// Reason why nothing is done.
        reason: Reason,
    },
}

/// A special file that takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpecialFile {
    /// Kind of it.
    pub special: Special,
    /// Time of last modification.
    pub modified: Timestamp,
    /// Permission bits, where they are known.
    pub mode: Option<u32>,
}

/// A file at the destination that is what the source has elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rename {
    /// Present path.
    pub from: Box<str>,
    /// Size in bytes.
    pub size: u64,
    /// The time that it has at the source, and gets after it was moved.
    pub modified: Timestamp,
    /// The permission bits that it gets, if they are preserved.
    pub mode: Option<u32>,
}

/// The attributes that are set at a file or directory whose content is right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touch {
    /// The time, if it is set.
    pub modified: Option<Timestamp>,
    /// The permission bits, if they are set.
    pub mode: Option<u32>,
    /// True for a directory, false for a file.
    pub directory: bool,
}

/// The differences between a file and the one that it replaces.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Changed {
    /// True if contents of one size differ, could not be compared, or may not be on the disk.
    pub content: bool,
    /// True if the sizes differ.
    pub size: bool,
    /// True if the times differ.
    pub time: bool,
    /// True if the permission bits differ, and are preserved.
    pub mode: bool,
}

impl Changed {
    pub(super) const ALL: Self = Self { content: true, size: true, time: true, mode: true };

    pub(super) fn is_any(self) -> bool {
        self.content || self.size || self.time || self.mode
    }
}

/// The reason why something is left as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The destination's file is newer.
    Newer,
    /// Something is there, and what exists is left.
    Exists,
    /// Nothing of its kind is there, and nothing is created. A directory's contents are left out with it.
    NotExisting,
    /// The source has a device, socket or pipe.
    Special,
    /// The source has a link, and links are passed over.
    Link,
    /// The source has a link that leads out of it, or, where links are followed, nowhere.
    LinkOut,
    /// A directory with contents is there, and they may not be deleted.
    DirectoryInTheWay,
    /// A device, socket or pipe is there, and nothing may be deleted. A directory's contents are left out
    /// with it.
    SpecialInTheWay,
    /// A file or link is there, and the destination replaces none.
    CannotReplace,
    /// The source has a file that is smaller or larger than those that take part.
    Size,
}

impl Reason {
    /// All of them.
    pub(super) const ALL: [Self; 10] = [
        Self::Newer,
        Self::Exists,
        Self::NotExisting,
        Self::Special,
        Self::Link,
        Self::LinkOut,
        Self::DirectoryInTheWay,
        Self::SpecialInTheWay,
        Self::CannotReplace,
        Self::Size,
    ];
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Newer => "the file at the destination is newer",
            Self::Exists => "it exists already",
            Self::NotExisting => "it does not exist at the destination",
            Self::Special => "it is a device, socket or pipe",
            Self::Link => "it is a symbolic link",
            Self::LinkOut => "it is a symbolic link that is absolute, leads out of the source, or cannot be followed",
            Self::DirectoryInTheWay => "a directory that is not empty is in the way",
            Self::SpecialInTheWay => "a device, socket or pipe is in the way",
            Self::CannotReplace => "the server replaces no files: remove it first",
            Self::Size => "its size leaves it out",
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
            CannotReplace, DirectoryInTheWay, Exists, Link, LinkOut, Newer, NotExisting, Size, Special, SpecialInTheWay,
        };
        let all = [
            Newer,
            Exists,
            NotExisting,
            Special,
            Link,
            LinkOut,
            DirectoryInTheWay,
            SpecialInTheWay,
            CannotReplace,
            Size,
        ];
        let sentences: std::collections::HashSet<_> = all.iter().map(Reason::to_string).collect();
        assert_eq!(sentences.len(), all.len());
    }
}
