//! Messages to a peer of a ROUTER socket that is not ours.

use std::fmt;

/// Text that stands for the address of a peer that is not known.
pub(super) const NO_ADDRESS: &str = "a ZeroMQ socket";

/// A message to send: to this peer, these frames.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    /// The routing id that a ROUTER socket wants in front. It may be a token.
    pub identity: Vec<u8>,
    /// The frames behind it.
    pub frames: Vec<Vec<u8>>,
}

/// The identity may be a token, and the frames hold what users send.
impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("frames", &self.frames.len()).finish_non_exhaustive()
    }
}
