//! The four commands of a CurveZMQ handshake: HELLO, WELCOME, INITIATE, READY.
//!
//! C and S are the lasting keys of client and server, C' and S' those of the connection. The client
//! knows S from elsewhere; nobody knows C, which is made for each connection and only vouches for C'.
//!
//! The server keeps S' until the connection ends, instead of giving it away in the cookie: what a
//! stranger can make a server keep is bounded by the number of connections it takes. The cookie is
//! random and must come back.

use super::HandshakeError;
use super::salsa_box::{SalsaBox, long_nonce, short_nonce};
use super::sealer::Direction;
use super::{FrameOpener, FrameSealer};
use crate::key::{PrivateKey, PublicKey};
use ring::rand::{SecureRandom, SystemRandom};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

const HELLO: &[u8] = b"\x05HELLO\x01\x00";
const WELCOME: &[u8] = b"\x07WELCOME";
const INITIATE: &[u8] = b"\x08INITIATE";
const READY: &[u8] = b"\x05READY";

const HELLO_NONCE: &[u8; 16] = b"CurveZMQHELLO---";
const WELCOME_NONCE: &[u8; 8] = b"WELCOME-";
const INITIATE_NONCE: &[u8; 16] = b"CurveZMQINITIATE";
const VOUCH_NONCE: &[u8; 8] = b"VOUCH---";
const READY_NONCE: &[u8; 16] = b"CurveZMQREADY---";

const PADDING_BYTES: usize = 72;
const SIGNATURE: [u8; 64] = [0; 64];
const COOKIE_BYTES: usize = 96;
const VOUCH_BYTES: usize = 80;

/// The keys that both sides have when the handshake is over.
pub(super) struct Session {
    key: SalsaBox,
    sent: u64,
    received: u64,
}

impl Session {
    /// The two directions as a client has them.
    pub(super) fn of_client(self) -> (FrameSealer, FrameOpener) {
        self.split(Direction::TO_SERVER, Direction::TO_CLIENT)
    }

    /// The two directions as a server has them.
    pub(super) fn of_server(self) -> (FrameSealer, FrameOpener) {
        self.split(Direction::TO_CLIENT, Direction::TO_SERVER)
    }

    fn split(self, ours: &'static [u8; 16], theirs: &'static [u8; 16]) -> (FrameSealer, FrameOpener) {
        let sealer = FrameSealer::curve(Direction { key: self.key.clone(), prefix: ours, nonce: self.sent });
        let opener = FrameOpener::curve(Direction { key: self.key, prefix: theirs, nonce: self.received });
        (sealer, opener)
    }
}

/// A server that has sent its WELCOME.
pub(super) struct Welcomed {
    lasting: PrivateKey,
    short: PrivateKey,
    peer_short: PublicKey,
    cookie: [u8; COOKIE_BYTES],
    received: u64,
}

impl Welcomed {
    /// Answers the body of a HELLO with that of a WELCOME.
    pub(super) fn answer(lasting: PrivateKey, hello: &[u8]) -> Result<(Self, Vec<u8>), HandshakeError> {
        let mut rest = hello.strip_prefix(HELLO).ok_or(HandshakeError::OutOfOrder)?;
        let padding = take::<PADDING_BYTES>(&mut rest)?;
        let peer_short = PublicKey::from_bytes(*take(&mut rest)?);
        let received = u64::from_be_bytes(*take(&mut rest)?);
        if *padding != [0; PADDING_BYTES] || rest.len() != SIGNATURE.len() + 16 {
            return Err(HandshakeError::Malformed);
        }
        let key = SalsaBox::new(&lasting, &peer_short).ok_or(HandshakeError::NotProved)?;
        let mut signature = rest.to_vec();
        let signature = key.open(&short_nonce(HELLO_NONCE, received), &mut signature);
        if !signature.is_some_and(|text| text.ct_eq(&SIGNATURE).into()) {
            return Err(HandshakeError::NotProved);
        }
        let (short, cookie, nonce) = (PrivateKey::generate(), random(), random());
        let text = [short.public().as_bytes(), &cookie[..]].concat();
        let welcome = [WELCOME, &nonce, &key.seal_copy(&long_nonce(WELCOME_NONCE, &nonce), &text)].concat();
        Ok((Self { lasting, short, peer_short, cookie, received }, welcome))
    }

    /// Opens the body of an INITIATE: the client's metadata, and the session.
    pub(super) fn open(self, initiate: &[u8]) -> Result<(Zeroizing<Vec<u8>>, Session), HandshakeError> {
        let mut rest = initiate.strip_prefix(INITIATE).ok_or(HandshakeError::OutOfOrder)?;
        let cookie = take::<COOKIE_BYTES>(&mut rest)?;
        let received = u64::from_be_bytes(*take(&mut rest)?);
        if received <= self.received {
            return Err(HandshakeError::Malformed);
        }
        let key = SalsaBox::new(&self.short, &self.peer_short).ok_or(HandshakeError::NotProved)?;
        let mut sealed = Zeroizing::new(rest.to_vec());
        let text = key.open(&short_nonce(INITIATE_NONCE, received), &mut sealed);
        let mut text = &*text.filter(|_| cookie.ct_eq(&self.cookie).into()).ok_or(HandshakeError::NotProved)?;
        let peer_lasting = PublicKey::from_bytes(*take(&mut text)?);
        let vouch_nonce = take(&mut text)?;
        let vouch = take::<VOUCH_BYTES>(&mut text)?;
        self.check_vouch(&peer_lasting, vouch_nonce, vouch)?;
        Ok((Zeroizing::new(text.to_vec()), Session { key, sent: 0, received }))
    }

    /// The vouch says, from C to S', that C' is the client's own, and that S is whom it wants.
    fn check_vouch(&self, lasting: &PublicKey, nonce: &[u8; 16], vouch: &[u8]) -> Result<(), HandshakeError> {
        let key = SalsaBox::new(&self.short, lasting).ok_or(HandshakeError::NotProved)?;
        let expected = [*self.peer_short.as_bytes(), *self.lasting.public().as_bytes()].concat();
        let mut vouch = vouch.to_vec();
        let text = key.open(&long_nonce(VOUCH_NONCE, nonce), &mut vouch);
        if text.is_some_and(|text| text.ct_eq(&expected).into()) { Ok(()) } else { Err(HandshakeError::NotProved) }
    }
}

impl Session {
    /// The body of the server's READY.
    pub(super) fn ready(&mut self, metadata: &[u8]) -> Vec<u8> {
        self.sent += 1;
        let sealed = self.key.seal_copy(&short_nonce(READY_NONCE, self.sent), metadata);
        [READY, &self.sent.to_be_bytes(), &sealed].concat()
    }

    /// Opens the body of the server's READY: its metadata.
    pub(super) fn open_ready(&mut self, ready: &[u8]) -> Result<Zeroizing<Vec<u8>>, HandshakeError> {
        let mut rest = ready.strip_prefix(READY).ok_or(HandshakeError::OutOfOrder)?;
        self.received = u64::from_be_bytes(*take(&mut rest)?);
        let mut sealed = Zeroizing::new(rest.to_vec());
        let text = self.key.open(&short_nonce(READY_NONCE, self.received), &mut sealed);
        text.map(|text| Zeroizing::new(text.to_vec())).ok_or(HandshakeError::NotProved)
    }
}

/// A client that has sent its HELLO.
pub(super) struct Helloed {
    server: PublicKey,
    short: PrivateKey,
    key: SalsaBox,
}

impl Helloed {
    /// Makes the keys of a connection, and the body of a HELLO.
    pub(super) fn start(server: PublicKey) -> Result<(Self, Vec<u8>), HandshakeError> {
        let short = PrivateKey::generate();
        let key = SalsaBox::new(&short, &server).ok_or(HandshakeError::NotProved)?;
        let signature = key.seal_copy(&short_nonce(HELLO_NONCE, 1), &SIGNATURE);
        let public = short.public();
        let hello = [HELLO, &[0; PADDING_BYTES], public.as_bytes(), &1u64.to_be_bytes(), &signature].concat();
        Ok((Self { server, short, key }, hello))
    }

    /// Answers the body of a WELCOME with that of an INITIATE.
    pub(super) fn answer(self, welcome: &[u8], metadata: &[u8]) -> Result<(Session, Vec<u8>), HandshakeError> {
        let mut rest = welcome.strip_prefix(WELCOME).ok_or(HandshakeError::OutOfOrder)?;
        let nonce = take(&mut rest)?;
        let mut sealed = rest.to_vec();
        let text = self.key.open(&long_nonce(WELCOME_NONCE, nonce), &mut sealed);
        let mut text = &*text.ok_or(HandshakeError::NotProved)?;
        let server_short = PublicKey::from_bytes(*take(&mut text)?);
        let cookie = take::<COOKIE_BYTES>(&mut text)?;
        if !text.is_empty() {
            return Err(HandshakeError::Malformed);
        }
        let key = SalsaBox::new(&self.short, &server_short).ok_or(HandshakeError::NotProved)?;
        let (lasting, vouch) = self.vouch(&server_short)?;
        let text = Zeroizing::new([lasting.as_bytes(), &vouch[..], metadata].concat());
        let sealed = key.seal_copy(&short_nonce(INITIATE_NONCE, 2), &text);
        let initiate = [INITIATE, cookie, &2u64.to_be_bytes(), &sealed].concat();
        Ok((Session { key, sent: 2, received: 0 }, initiate))
    }

    /// A lasting key that lasts for this connection, its vouch, and the nonce of that in front.
    fn vouch(&self, server_short: &PublicKey) -> Result<(PublicKey, Vec<u8>), HandshakeError> {
        let (lasting, nonce) = (PrivateKey::generate(), random());
        let key = SalsaBox::new(&lasting, server_short).ok_or(HandshakeError::NotProved)?;
        let text = [*self.short.public().as_bytes(), *self.server.as_bytes()].concat();
        let vouch = key.seal_copy(&long_nonce(VOUCH_NONCE, &nonce), &text);
        Ok((lasting.public(), [&nonce[..], &vouch].concat()))
    }
}

fn take<'a, const N: usize>(rest: &mut &'a [u8]) -> Result<&'a [u8; N], HandshakeError> {
    let (taken, later) = rest.split_first_chunk::<N>().ok_or(HandshakeError::Malformed)?;
    *rest = later;
    Ok(taken)
}

#[expect(clippy::expect_used, reason = "nothing of it comes from a peer")]
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}
