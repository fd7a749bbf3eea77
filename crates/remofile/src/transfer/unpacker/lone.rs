//! A file that comes alone: it gets to the disk by itself.
//!
//! The flush at an operation's end brings everything to the disk that anybody has written on its file system, a large
//! upload of somebody else among it. Many files gain by that; for a single one it may be a long wait for nothing.

use remofile_protocol::wire::Item;

/// The items that came, as far as it matters whether a file is alone.
#[derive(Debug, Default)]
pub(super) struct Lone {
    files: u64,
    /// True if something came that makes or changes anything else, or a file in a directory that may have to be made.
    has_others: bool,
    is_on_disk: bool,
}

impl Lone {
    pub(super) fn note(&mut self, item: &Item) {
        match item {
            Item::Begin { path, .. } => {
                self.files += 1;
                self.has_others |= path.is_empty() || path.contains('/');
            }
            Item::Data { .. }
            | Item::Hole { .. }
            | Item::Compressed { .. }
            | Item::End { .. }
            | Item::Abort { .. }
            | Item::Failed { .. }
            | Item::Base { .. }
            | Item::Copy { .. } => {}
            Item::Directory { .. }
            | Item::Link { .. }
            | Item::KeptLink { .. }
            | Item::HardLink { .. }
            | Item::Special { .. }
            | Item::Attributes { .. }
            | Item::Keep { .. }
            | Item::Place { .. }
            | Item::Move { .. }
            | Item::Remove { .. }
            | Item::Touch { .. } => self.has_others = true,
        }
    }

    /// Reports whether a file is all that came so far.
    pub(super) fn is_alone(&self) -> bool {
        self.files == 1 && !self.has_others
    }

    pub(super) fn committed(&mut self, is_on_disk: bool) {
        self.is_on_disk = is_on_disk;
    }

    /// Reports whether that file is on the disk, so that there is nothing to flush.
    pub(super) fn is_on_disk(&self) -> bool {
        self.is_on_disk && self.is_alone()
    }
}
