//! The origin of a token.

/// The origin of a token: it decides how hard the token is to guess, and so how it is stretched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// 116 random bits with a checksum: cannot be guessed.
    Generated,
    /// A text that somebody chose: can be guessed by whoever records a handshake.
    Chosen,
}
