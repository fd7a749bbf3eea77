//! The other side of a connection.

use super::{FrameOpener, FrameSealer, Mechanism};
use std::fmt;
use zeroize::Zeroizing;

/// The type of socket that a peer says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SocketType {
    /// Asks, then waits for the answer.
    Req,
    /// Sends and receives as it likes.
    Dealer,
    /// Waits for a question, then answers.
    Rep,
    /// Sends and receives as it likes, to and from many.
    Router,
    /// Any other. Announced as `OTHER`, which no peer accepts.
    Other,
}

/// The other side of a connection whose handshake is over.
pub struct Peer {
    /// The protection of the connection.
    pub mechanism: Mechanism,
    /// The type of socket that the peer says it is.
    pub socket_type: SocketType,
    /// The peer's identity, 0 to 255 bytes; it may be a secret.
    pub identity: Zeroizing<Vec<u8>>,
    /// For what is sent.
    pub sealer: FrameSealer,
    /// For what is received.
    pub opener: FrameOpener,
    /// The bytes that were received behind the handshake: the beginning of the first frames.
    pub rest: Vec<u8>,
}

impl fmt::Debug for Peer {
    /// Leaves the identity out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer")
            .field("mechanism", &self.mechanism)
            .field("socket_type", &self.socket_type)
            .finish_non_exhaustive()
    }
}

impl SocketType {
    pub(super) fn from_name(name: &[u8]) -> Self {
        match name {
            b"REQ" => Self::Req,
            b"DEALER" => Self::Dealer,
            b"REP" => Self::Rep,
            b"ROUTER" => Self::Router,
            _ => Self::Other,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Req => "REQ",
            Self::Dealer => "DEALER",
            Self::Rep => "REP",
            Self::Router => "ROUTER",
            Self::Other => "OTHER",
        }
    }
}
