//! Moving files: from a store into messages, and from messages into a store.
//!
//! The same two halves serve both directions: a client's upload and a server's download pack files
//! with a [`Packer`]; a server's upload and a client's download unpack them with an [`Unpacker`].
//! Goals: nothing is waited for per file or per chunk, no payload is copied, every file is checked
//! before it is visible. Non-goals: credit and the course of the operation belong to the session.

mod conflict;
mod feed;
mod packer;
mod unpacker;

pub use feed::{Census, Feed, FeedItem, Origin};
pub use packer::{Packed, Packer, PackerMonitor};
pub use unpacker::{Outcome, Stored, Unpacker, UnpackerOptions};
