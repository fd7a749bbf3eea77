//! The identity of a client: by it a server knows what is left of the client's former sessions.

use crate::token::TokenIdentifier;
use minicbor::{Decode, Encode};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use std::fmt;
use zeroize::Zeroizing;

/// Length of a client's secret, in bytes.
pub const CLIENT_SECRET_BYTES: usize = 32;

/// Keeps what is made of the secret apart from whatever else is made of keys.
const PURPOSE: &[u8] = b"remofile client, protocol 2";

/// The secret that a client keeps and makes its identities from: another one for each token, so that nobody can tell
/// that two tokens are used by one client. Wiped when dropped.
#[derive(Clone)]
pub struct ClientSecret(Zeroizing<[u8; CLIENT_SECRET_BYTES]>);

impl ClientSecret {
    /// Makes a new secret at random.
    ///
    /// # Panics
    /// If the operating system gives no random bytes.
    #[must_use]
    #[expect(clippy::expect_used, reason = "without random bytes there are no secrets")]
    pub fn generate() -> Self {
        let mut random = Zeroizing::new([0; CLIENT_SECRET_BYTES]);
        SystemRandom::new().fill(&mut random[..]).expect("the operating system gives random bytes");
        Self(random)
    }

    /// The secret of bytes that were kept.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; CLIENT_SECRET_BYTES]) -> Self {
        Self(Zeroizing::new(*bytes))
    }

    /// Its bytes, to keep them. Do not log them.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; CLIENT_SECRET_BYTES] {
        &self.0
    }

    /// Returns what it tells the server of a token as [`ClientIdentity::client`].
    #[must_use]
    pub fn client(&self, token: TokenIdentifier) -> [u8; 16] {
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &self.0[..]));
        context.update(PURPOSE);
        context.update(&token.0);
        let tag = context.sign();
        tag.as_ref().first_chunk().copied().unwrap_or_default()
    }
}

/// The secret is not shown.
impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientSecret(hidden)")
    }
}

/// The identity of a client in one of its sessions. A server ends, as a session begins, what is left of others of the
/// same token and `client`: those of another `incarnation`, and one of the same `connection`.
///
/// It is a secret of the client's: another client with the same token that knew it could end its sessions.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Encode, Decode)]
#[cbor(array)]
pub struct ClientIdentity {
    /// Random bytes that the client keeps. Two that run at the same time have different ones.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub client: [u8; 16],
    /// A random number of this run of the client.
    #[n(1)]
    pub incarnation: u64,
    /// The number of the connection, of those that this run has at the same time.
    #[n(2)]
    pub connection: u64,
}

impl ClientIdentity {
    /// Reports whether a session with this identity ends one that has `former`, if both are of one token.
    #[must_use]
    pub fn replaces(&self, former: &Self) -> bool {
        let is_of_one_run = self.incarnation == former.incarnation;
        self.client == former.client && (!is_of_one_run || self.connection == former.connection)
    }

    /// Reports whether `other` is one of the connections of the same run that have been `left`.
    #[must_use]
    pub fn has_left(&self, other: &Self, left: &[u64]) -> bool {
        let is_of_one_run = self.client == other.client && self.incarnation == other.incarnation;
        is_of_one_run && self.connection != other.connection && left.contains(&other.connection)
    }
}

impl fmt::Debug for ClientIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientIdentity(hidden, connection {})", self.connection)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_replaces_those_of_former_runs_and_that_of_its_own_connection() {
        let session =
            |client: u8, incarnation, connection| ClientIdentity { client: [client; 16], incarnation, connection };
        let new = session(1, 7, 0);
        for (former, is_replaced) in [
            (session(1, 7, 0), true),
            (session(1, 7, 1), false),
            (session(1, 6, 0), true),
            (session(1, 6, 5), true),
            (session(2, 7, 0), false),
            (session(2, 6, 0), false),
        ] {
            assert_eq!(new.replaces(&former), is_replaced, "{former:?}");
        }
        let has_left = |other, left: &[u64]| new.has_left(&other, left);
        assert!(has_left(session(1, 7, 3), &[2, 3]) && !has_left(session(1, 7, 4), &[2, 3]));
        assert!(!has_left(session(1, 7, 0), &[0]), "it is this connection itself");
        assert!(!has_left(session(1, 6, 3), &[3]) && !has_left(session(2, 7, 3), &[3]));
    }

    #[test]
    fn a_client_is_another_one_for_each_token_and_the_same_for_a_secret_that_was_kept() {
        let (one, other) = (TokenIdentifier([1; 16]), TokenIdentifier([2; 16]));
        let secret = ClientSecret::generate();
        assert_ne!(secret.client(one), secret.client(other));
        assert_eq!(ClientSecret::from_bytes(secret.as_bytes()).client(one), secret.client(one));
        assert_ne!(ClientSecret::generate().client(one), secret.client(one));
        assert_eq!(format!("{secret:?}"), "ClientSecret(hidden)");
    }
}
