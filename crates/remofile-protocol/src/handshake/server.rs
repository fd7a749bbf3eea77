//! The server's side of the handshake: one message in, one out.

use super::preface::{self, Parsed, Pattern, Preface};
use super::{ClientHello, Established, Refusal, ServerHello, hello, noise_parameters};
use crate::key::PrivateKey;
use crate::limits::{MAX_HANDSHAKE_BYTES, PROTOCOL_VERSION};
use crate::token::{TokenKey, TokenTable};
use crate::transport::{Cipher, Opener, Sealer};
use std::sync::Arc;

/// The secrets of a server, and its demands on a client.
#[derive(Debug)]
pub struct ServerCredentials {
    /// The tokens that it takes.
    pub tokens: Arc<TokenTable>,
    /// Its private key; with one, clients must use the public key and encrypt.
    pub private_key: Option<PrivateKey>,
    /// True if a client may ask for an authenticated session that is not encrypted.
    pub allow_plain: bool,
}

/// The server's answer to the bytes of a peer.
#[derive(Debug)]
pub enum ServerAnswer {
    /// They are not complete: wait for more.
    Incomplete,
    /// Send this and close.
    Refuse {
        /// The reason.
        refusal: Refusal,
        /// The bytes to send.
        bytes: Vec<u8>,
    },
    /// Send this and begin the session.
    Accept {
        /// The session.
        session: Box<Established<ClientHello>>,
        /// The index of the client's token in [`ServerCredentials::tokens`].
        token: usize,
        /// The bytes to send.
        bytes: Vec<u8>,
    },
}

/// The answer to the bytes that a client has sent so far, if it is the same whichever token the client has. `None`:
/// what [`answer`] gives tells something of the server's tokens, and took longer for a right one.
#[must_use]
pub fn answer_regardless(credentials: &ServerCredentials, received: &[u8]) -> Option<ServerAnswer> {
    match read(credentials, received) {
        Read::Incomplete => Some(ServerAnswer::Incomplete),
        Read::Refused(refusal) => Some(ServerAnswer::refuse(refusal)),
        Read::Fit(..) => None,
    }
}

/// Answers the bytes that a client has sent so far. `hello` gives what the server says of itself to whoever has the token
/// with this index, and its cipher is set here; or the reason for which this token is refused, of which only they learn.
#[must_use]
pub fn answer(
    credentials: &ServerCredentials,
    hello: impl FnOnce(usize) -> Result<ServerHello, Refusal>,
    received: &[u8],
) -> ServerAnswer {
    answer_to(credentials, |token, _| hello(token), received)
}

/// As [`answer`], where what the server says depends on what the client has said.
#[must_use]
pub fn answer_to(
    credentials: &ServerCredentials,
    hello: impl FnOnce(usize, &ClientHello) -> Result<ServerHello, Refusal>,
    received: &[u8],
) -> ServerAnswer {
    match read(credentials, received) {
        Read::Incomplete => ServerAnswer::Incomplete,
        Read::Refused(refusal) => ServerAnswer::refuse(refusal),
        Read::Fit(preface, keys) => match accept(credentials, hello, &preface, keys) {
            Ok(accepted) => accepted,
            Err(refusal) => ServerAnswer::refuse(refusal),
        },
    }
}

impl ServerAnswer {
    fn refuse(refusal: Refusal) -> Self {
        Self::Refuse { refusal, bytes: refusal.to_bytes() }
    }
}

impl Refusal {
    /// The bytes that tell a client of this refusal, whatever it sent.
    #[must_use]
    pub fn to_bytes(self) -> Vec<u8> {
        preface::write_answer(self.number(), &[])
    }
}

/// The part of a first message that can be read without a token.
enum Read<'a> {
    Incomplete,
    Refused(Refusal),
    /// A preface that this server can go on with, and what it asks to be proved.
    Fit(Preface<'a>, Keys<'a>),
}

/// The keys of the handshake besides the token.
#[derive(Clone, Copy)]
enum Keys<'a> {
    None,
    Private(&'a PrivateKey),
}

/// Refuses whatever can be refused before a token is looked for: of these answers a guess must learn nothing.
fn read<'a>(credentials: &'a ServerCredentials, received: &'a [u8]) -> Read<'a> {
    let preface = match preface::read_preface(received) {
        Parsed::Incomplete => return Read::Incomplete,
        Parsed::Malformed => return Read::Refused(Refusal::Malformed),
        Parsed::Complete(preface) => preface,
    };
    if !(preface.lowest_version..=preface.highest_version).contains(&PROTOCOL_VERSION) {
        return Read::Refused(Refusal::Version);
    }
    match (preface.pattern, &credentials.private_key) {
        (None, _) => Read::Refused(Refusal::Malformed),
        (Some(Pattern::TokenOnly), Some(_)) => Read::Refused(Refusal::KeyRequired),
        (Some(Pattern::ServerKey), None) => Read::Refused(Refusal::NoKey),
        (Some(Pattern::TokenOnly), None) => Read::Fit(preface, Keys::None),
        (Some(Pattern::ServerKey), Some(key)) => Read::Fit(preface, Keys::Private(key)),
    }
}

fn accept(
    credentials: &ServerCredentials,
    hello: impl FnOnce(usize, &ClientHello) -> Result<ServerHello, Refusal>,
    preface: &Preface<'_>,
    keys: Keys<'_>,
) -> Result<ServerAnswer, Refusal> {
    let token = credentials.tokens.named(preface.token);
    // Tried also where there is no such token, so that the time does not tell which there are.
    let mut noise = responder(credentials.tokens.key(token), preface, keys);
    let mut payload = [0u8; MAX_HANDSHAKE_BYTES];
    let read = noise.read_message(preface.noise, &mut payload);
    let token = token.ok_or(Refusal::Token)?;
    let length = read.map_err(|_| match keys {
        Keys::None => Refusal::Token,
        Keys::Private(_) => Refusal::Key,
    })?;
    let peer = payload.get(..length).and_then(ClientHello::read).ok_or(Refusal::Malformed)?;
    let cipher = Cipher::choose(&peer.ciphers, credentials.allow_plain && credentials.private_key.is_none())
        .ok_or(Refusal::EncryptionRequired)?;
    let hello = ServerHello { cipher, ..hello(token, &peer)? };
    let mut message = vec![0u8; MAX_HANDSHAKE_BYTES];
    #[expect(clippy::expect_used, reason = "what is written does not come from a peer")]
    let length =
        noise.write_message(&hello::write(&hello), &mut message).expect("hellos are shorter than a handshake frame");
    message.truncate(length);
    let (to_server, to_client) = noise.dangerously_get_raw_split();
    let session =
        Established { sealer: Sealer::new(cipher, to_client), opener: Opener::new(cipher, to_server), cipher, peer };
    Ok(ServerAnswer::Accept { session: Box::new(session), token, bytes: preface::write_answer(0, &message) })
}

fn responder(token: &TokenKey, preface: &Preface<'_>, keys: Keys<'_>) -> snow::HandshakeState {
    let pattern = match keys {
        Keys::None => Pattern::TokenOnly,
        Keys::Private(_) => Pattern::ServerKey,
    };
    let builder = snow::Builder::new(noise_parameters(pattern))
        .prologue(preface.prologue)
        .and_then(|builder| builder.psk(0, token.psk()));
    let builder = match keys {
        Keys::None => builder,
        Keys::Private(key) => builder.and_then(|builder| builder.local_private_key(key.as_bytes())),
    };
    #[expect(clippy::expect_used, reason = "the keys are this side's own, of a length that their types fix")]
    builder.and_then(snow::Builder::build_responder).expect("every key that the pattern needs is set")
}
