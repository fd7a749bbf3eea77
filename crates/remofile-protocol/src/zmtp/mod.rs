//! ZMTP 3.1, the transport protocol of ZeroMQ, with the mechanisms NULL and CURVE.
//!
//! Participants: a *server* ([`ServerHandshake`]), which announces itself as ROUTER, and a *client*
//! ([`ClientHandshake`]), which announces what it likes. Either becomes a [`Peer`]: who is on the
//! other side, a [`FrameSealer`] for what is sent and a [`FrameOpener`] for what is received.
//!
//! Goals: to speak with libzmq 4 and everything that speaks with it; exact bounds on what a stranger
//! may send; payloads that are sealed and opened where they are, without a copy.
//!
//! Non-goals: sockets, timers, queues, routing of identities, subscriptions, the mechanisms PLAIN and
//! GSSAPI, ZMTP 1 and 2. Invariant: no bytes of a peer make this module panic, or allocate more than
//! they are themselves.
//!
//! Specifications: ZeroMQ RFC 37 (ZMTP 3.1) and 26 (CurveZMQ). In one thing this side is stricter: the
//! nonce of a CURVE message must be the successor of the one before, not just any greater number, so
//! that a message that was taken out is found out as well.
//!
//! ```
//! use remofile_protocol::zmtp::{ClientHandshake, ClientSettings, ServerHandshake, ServerSettings, SocketType};
//! use remofile_protocol::zmtp::{FrameSealer, OpenedFrame};
//!
//! let settings = ClientSettings { identity: Default::default(), socket_type: SocketType::Dealer, server_key: None };
//! let mut client = ClientHandshake::new(settings);
//! let mut server = ServerHandshake::new(ServerSettings { curve: None, null: true });
//! assert!(server.receive(&client.take_output())?.is_none());
//! assert!(client.receive(&server.take_output())?.is_none());
//! let peer = server.receive(&client.take_output())?.expect("the client said all it had to say");
//! let mut answer = client.receive(&server.take_output())?.expect("the server is ready");
//!
//! let mut frame = [&[0; FrameSealer::PREFIX_BYTES], &b"hello"[..]].concat();
//! let start = { peer }.sealer.seal(&mut frame, false);
//! let received = &mut frame[start..];
//! let OpenedFrame::Frame { body, more: false, .. } = answer.opener.next(received)? else { panic!() };
//! assert_eq!(&received[body], b"hello");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod client;
mod command;
mod curve;
mod error;
mod frame;
mod greeting;
mod inbox;
mod mechanism;
mod metadata;
mod opener;
mod peer;
mod salsa_box;
mod sealer;
mod server;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_curve;

pub use client::{ClientHandshake, ClientSettings, ClientStage};
pub use command::{Command, MAX_COMMAND_BYTES, MAX_CONTEXT_BYTES, MAX_REASON_BYTES};
pub use error::{FrameError, HandshakeError};
pub use mechanism::{Mechanism, Offered};
pub use metadata::MAX_IDENTITY_BYTES;
pub use opener::{FrameOpener, OpenedFrame};
pub use peer::{Peer, SocketType};
pub use sealer::FrameSealer;
pub use server::{ServerHandshake, ServerSettings};
