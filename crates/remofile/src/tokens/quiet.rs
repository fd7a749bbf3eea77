//! The wait until a file that somebody writes has become quiet.

use crate::store::FileStamp;

/// Looks at which a file must have been the same, after the first at which it was another one. It may be half written before:
/// editors empty a file and then write it, and a half that ends between two tables is well-formed.
const QUIET_LOOKS: u32 = 4;

/// Looks after which a file that never becomes quiet is taken all the same: nobody keeps a token by rewriting the file.
const MOST_LOOKS: u32 = 50;

/// The wait until a file that has changed has become quiet.
#[derive(Debug, Default)]
pub(super) struct Quiet {
    /// The file as it was at the last look. `None` within: there was none.
    seen: Option<Option<FileStamp>>,
    same: u32,
    looks: u32,
}

impl Quiet {
    /// Notes a look at the file, which is not as it was when it was taken last. Returns whether it is quiet.
    pub(super) fn is_after(&mut self, stamp: Option<FileStamp>) -> bool {
        self.same = if self.seen == Some(stamp) { self.same + 1 } else { 0 };
        self.seen = Some(stamp);
        self.looks += 1;
        let is_over = self.same >= QUIET_LOOKS || self.looks >= MOST_LOOKS;
        if is_over {
            *self = Self::default();
        }
        is_over
    }
}
