//! The opening of a session: preface, Noise handshake and hello, in one flight each way.
//!
//! Participants: a client that knows a token (and perhaps the server's public key), a server that
//! knows its tokens (and perhaps its private key). Goals: both prove that they know the token without
//! sending it, agree on version, cipher and limits so that nobody on the line can change the choice,
//! and do it in one round trip. Non-goals: hiding which token is used (its identifier is in clear).
//!
//! The handshake is always `Noise_NNpsk0_25519_ChaChaPoly_SHA256`, or `NKpsk0` where the client knows
//! the server's public key. The cipher of the session is negotiated inside it (see [`Cipher`]): the
//! choice is authenticated and costs no round trip.

mod capabilities;
mod client;
mod client_identity;
mod hello;
mod preface;
mod refusal;
mod rights;
mod server;
#[cfg(test)]
mod tests;
mod zeromq;

pub use capabilities::{Capabilities, Capability};
pub use client::{ClientCredentials, ClientHandshake, HandshakeError};
pub use client_identity::{CLIENT_SECRET_BYTES, ClientIdentity, ClientSecret};
pub use hello::{ChunkSizes, ClientHello, MAX_LEFT, MAX_PLACES, Place, ServerHello};
pub use preface::{Greeting, MAGIC, recognise};
pub use refusal::Refusal;
pub use rights::{Right, Rights};
pub use server::{ServerAnswer, ServerCredentials, answer, answer_regardless, answer_to};
pub use zeromq::{SentToken, ZeroMqAnswer, ZeroMqHello};

use crate::transport::{Cipher, Opener, Sealer};

/// The result of a finished handshake: the two directions of the session and the peer's hello.
#[derive(Debug)]
pub struct Established<Hello> {
    /// Protects what this side sends.
    pub sealer: Sealer,
    /// Opens what this side receives.
    pub opener: Opener,
    /// The cipher both use.
    pub cipher: Cipher,
    /// The peer's hello.
    pub peer: Hello,
}

#[expect(clippy::expect_used, reason = "nothing of it comes from a peer")]
fn noise_parameters(pattern: preface::Pattern) -> snow::params::NoiseParams {
    match pattern {
        preface::Pattern::TokenOnly => "Noise_NNpsk0_25519_ChaChaPoly_SHA256",
        preface::Pattern::ServerKey => "Noise_NKpsk0_25519_ChaChaPoly_SHA256",
    }
    .parse()
    .expect("both names are Noise protocols that the resolver knows")
}
