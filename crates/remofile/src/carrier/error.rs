//! The end of a connection.

use remofile_protocol::transport::Tampered;
use remofile_protocol::wire::MalformedMessage;
use std::io;

/// The reason why a connection is of no more use.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The peer closed it between two records.
    #[error("the peer closed the connection")]
    Closed,
    /// The connection broke.
    #[error(transparent)]
    Lost(io::Error),
    /// A record was changed on the way.
    #[error(transparent)]
    Tampered(#[from] Tampered),
    /// A record without a header, or a frame that makes no sense.
    #[error("a record makes no sense")]
    Malformed,
    /// A header that makes no sense.
    #[error(transparent)]
    Header(#[from] MalformedMessage),
}
