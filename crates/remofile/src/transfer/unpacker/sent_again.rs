//! Files that a sender has stored before, and cannot know of.

use super::{Access, Beginning, Unpacker};
use remofile_protocol::wire::Kind;

impl Unpacker {
    /// Reports whether a sender that may not look at what is there sends a file that it has stored already.
    pub(super) fn is_sent_again(&self, file: &Beginning) -> bool {
        let Beginning { size: Some(size), modified: Some(modified), replaces: None, .. } = *file else { return false };
        self.options.permit.is_blind()
            && self.locate(&file.path, Access::Create).and_then(|path| self.store.stat(&path)).is_ok_and(|there| {
                there.kind == Kind::File && there.size == size && there.modified == modified && !there.unflushed
            })
    }
}
