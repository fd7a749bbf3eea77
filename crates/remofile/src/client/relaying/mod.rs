//! Files from one server to another through this client, which keeps nothing of them.
//!
//! Each server has a session of its own, on a thread of its own: one is a download, the other an upload. Between them is a
//! *pipe*, which is as long as the credit of the download: a server that is slow slows the other one down. Messages are not
//! taken apart: content passes as it comes, compressed or as a hole, and so does the digest of each file, so that the receiver
//! checks what the sender read. Attributes come last, as in an upload. The partials of the receiver are shown to the sender, which goes on behind what it finds in them.

mod adapting;
mod attributes;
mod call;
mod end;
mod fetching;
mod passing;
mod pipe;
mod storing;
mod wanted;

pub use call::{ForeseenCopy, foresee_relay, relay};
pub use end::{RelayEnd, RelayError, RelaySide};
