//! The digest of a file while it passes.

use remofile_protocol::digest::{Digest, Digester, digest};

/// The digest of what has passed so far. A file that passes in one piece is digested in one go.
#[derive(Default)]
pub(super) struct Check {
    whole: Option<Digest>,
    running: Option<Digester>,
}

impl Check {
    /// Goes on where this digest is.
    pub(super) fn resumed(running: Digester) -> Self {
        Self { whole: None, running: Some(running) }
    }

    /// Adds the next bytes; `are_all` tells whether these are the whole file.
    pub(super) fn update(&mut self, bytes: &[u8], are_all: bool) {
        if are_all && self.running.is_none() {
            self.whole = Some(digest(bytes));
        } else {
            self.running.get_or_insert_default().update(bytes);
        }
    }

    /// Adds so many zeros.
    pub(super) fn update_zeros(&mut self, count: u64) {
        self.running.get_or_insert_default().update_zeros(count);
    }

    /// The digest of everything that has passed.
    pub(super) fn finish(&self) -> Digest {
        match (self.whole, &self.running) {
            (Some(whole), _) => whole,
            (None, Some(running)) => running.finish(),
            (None, None) => digest(&[]),
        }
    }
}
