//! The client's side of the handshake.

use super::preface::{self, Answer, Parsed, Pattern};
use super::{ClientHello, Established, Greeting, Refusal, ServerHello, hello, noise_parameters, recognise};
use crate::key::PublicKey;
use crate::limits::MAX_HANDSHAKE_BYTES;
use crate::token::TokenKey;
use crate::transport::{Opener, Sealer};

/// The secrets of a client: it proves itself with the token, and checks the server by its key.
#[derive(Debug, Clone)]
pub struct ClientCredentials {
    /// The stretched token.
    pub token: TokenKey,
    /// The server's public key, where the client has it.
    pub server: Option<PublicKey>,
}

/// A handshake that waits for the server's answer.
#[derive(Debug)]
pub struct ClientHandshake {
    noise: snow::HandshakeState,
    offered: ClientHello,
}

/// The reason a client's handshake failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    /// The server said no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The peer speaks ZeroMQ.
    #[error("it speaks ZeroMQ")]
    ZeroMq,
    /// The peer is no Remofile server.
    #[error("it does not speak Remofile's protocol")]
    NotRemofile,
    /// The answer does not prove the token, or was changed on the way.
    #[error("its answer does not prove that it knows the token")]
    NotProved,
    /// The server chose something that was not offered.
    #[error("it chose what was not offered")]
    BadChoice,
}

impl ClientHandshake {
    /// Begins a handshake: the machine, and the bytes to send to the server.
    ///
    /// # Panics
    /// If the operating system has no randomness to give.
    #[must_use]
    #[expect(clippy::expect_used, reason = "nothing of it comes from a peer")]
    pub fn start(credentials: &ClientCredentials, offered: ClientHello) -> (Self, Vec<u8>) {
        let pattern = match credentials.server {
            None => Pattern::TokenOnly,
            Some(_) => Pattern::ServerKey,
        };
        let prologue = preface::write_preface(pattern, credentials.token.identifier());
        let builder = snow::Builder::new(noise_parameters(pattern))
            .prologue(&prologue)
            .and_then(|builder| builder.psk(0, credentials.token.psk()));
        let builder = match &credentials.server {
            None => builder,
            Some(key) => builder.and_then(|builder| builder.remote_public_key(key.as_bytes())),
        };
        let mut noise =
            builder.and_then(snow::Builder::build_initiator).expect("every key that the pattern needs is set");
        let mut message = vec![0u8; MAX_HANDSHAKE_BYTES];
        let length = noise
            .write_message(&hello::write(&offered), &mut message)
            .expect("hellos are shorter than a handshake frame");
        let mut bytes = prologue.to_vec();
        bytes.extend_from_slice(&u16::try_from(length).expect("at most 1024").to_be_bytes());
        message.truncate(length);
        bytes.extend_from_slice(&message);
        (Self { noise, offered }, bytes)
    }

    /// Reads the server's answer from all bytes received so far. `None` asks for more; otherwise the
    /// session and how many of the bytes the answer had.
    ///
    /// # Errors
    /// [`HandshakeError`]; the connection is then to be closed.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<Option<(Established<ServerHello>, usize)>, HandshakeError> {
        let (noise, consumed) = match preface::read_answer(bytes) {
            Parsed::Incomplete => return Ok(None),
            Parsed::Malformed if recognise(bytes) == Greeting::ZeroMq => return Err(HandshakeError::ZeroMq),
            Parsed::Malformed => return Err(HandshakeError::NotRemofile),
            Parsed::Complete(Answer::Refused(refusal)) => return Err(refusal.into()),
            Parsed::Complete(Answer::Accepted { noise, consumed }) => (noise, consumed),
        };
        let mut payload = [0u8; MAX_HANDSHAKE_BYTES];
        let length = self.noise.read_message(noise, &mut payload).map_err(|_| HandshakeError::NotProved)?;
        let peer = payload.get(..length).and_then(ServerHello::read).ok_or(HandshakeError::BadChoice)?;
        if !self.offered.ciphers.contains(&peer.cipher) {
            return Err(HandshakeError::BadChoice);
        }
        let (to_server, to_client) = self.noise.dangerously_get_raw_split();
        Ok(Some((
            Established {
                sealer: Sealer::new(peer.cipher, to_server),
                opener: Opener::new(peer.cipher, to_client),
                cipher: peer.cipher,
                peer,
            },
            consumed,
        )))
    }
}
