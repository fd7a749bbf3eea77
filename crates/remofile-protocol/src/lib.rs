//! The Remofile protocol, version 2: what both sides say, and when.
//!
//! Participants: a *client*, which starts operations, and a *server*, which owns one root directory
//! and answers. A *carrier* moves messages between their two session machines.
//!
//! Goals: everything that both sides must agree on lives here and only here: names and paths
//! ([`path`]), secrets ([`token`], [`key`]), numbers ([`limits`]), messages ([`wire`]), the opening
//! of a session ([`handshake`]), the protection of its bytes ([`transport`]) and its course
//! ([`session`]). [`zmtp`] is the framing of ZeroMQ, for peers that speak it.
//!
//! Non-goals: sockets, files, clocks, threads. Bytes, messages and time come in as arguments;
//! messages and events go out as values. Invariant: no dependency of this crate opens a socket or a
//! file, reads a clock or brings a runtime; randomness comes from the operating system through the
//! cryptographic libraries.
//!
//! Apart from all that, [`protocol1`] reads and writes the messages of the Python prototype, which are
//! pickles ([`pickle`]).
//!
//! Text that a peer chose is shown to people by way of [`printable`] alone.
//!
//! `docs/protocol.md` in the repository is the normative description of what this crate implements.

// Everything here reads what a stranger may have sent. What is this side's own says so where it is excepted.
#![deny(clippy::indexing_slicing, clippy::string_slice, clippy::unwrap_used, clippy::expect_used)]

pub mod block;
pub mod digest;
pub mod handshake;
pub mod hash;
pub mod key;
pub mod limits;
pub mod path;
pub mod pickle;
pub mod printable;
pub mod protocol1;
pub mod session;
pub mod token;
pub mod transport;
pub mod wire;
pub mod zmtp;
