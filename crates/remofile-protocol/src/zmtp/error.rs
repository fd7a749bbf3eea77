//! The reasons for which a ZeroMQ peer is refused. After any of these the connection is to be closed.

use super::Offered;

/// The reason a handshake failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    /// The first bytes are not those of a ZeroMQ peer.
    #[error("the peer does not speak ZeroMQ")]
    NotZeroMq,
    /// The peer speaks ZMTP 1 or 2.
    #[error("the peer speaks a version of ZeroMQ that is too old")]
    OldVersion,
    /// The peer wants a mechanism that this side does not want.
    #[error("the peer wants the security mechanism {0}")]
    Mechanism(Offered),
    /// The peer wants to be the server, as this side does.
    #[error("the peer wants to be the server, too")]
    Role,
    /// The peer sent more than a handshake may have.
    #[error("the handshake is too long")]
    TooLong,
    /// A frame was wrong in itself.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// Another command than the one that was due.
    #[error("the handshake is out of order")]
    OutOfOrder,
    /// The command that was due, with a wrong length, version, padding or nonce.
    #[error("a command of the handshake makes no sense")]
    Malformed,
    /// The peer's description of itself makes no sense.
    #[error("the metadata of the peer makes no sense")]
    Metadata,
    /// A box does not open: another key was used than ours, or it was changed on the way.
    #[error("the peer did not prove that it has the right key")]
    NotProved,
    /// The peer sent an ERROR with this reason (printable, at most 255 bytes).
    #[error("the peer refused: {0}")]
    Refused(String),
    /// This side ended the handshake, or it is over.
    #[error("the handshake is over")]
    Over,
}

/// The reason a frame is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Flags that do not exist, or not together.
    #[error("a frame has wrong flags")]
    Flags,
    /// A body that is longer than the limit.
    #[error("a frame is longer than allowed")]
    TooLong,
    /// A command that is none.
    #[error("a command makes no sense")]
    Command,
    /// Not protected, although CURVE was agreed on.
    #[error("a frame is not protected")]
    Unprotected,
    /// Changed, doubled, moved or left out on the way.
    #[error("a frame was changed on the way")]
    Tampered,
}
