//! The table of reasons for which a server ends a handshake.

macro_rules! refusals {
    ($($(#[doc = $doc:literal])* $name:ident = $number:literal, $text:literal, $sentence:literal;)*) => {
        /// The reason a server ended the handshake. It crosses the wire as one byte, before anything is
        /// encrypted: whoever sits on the line can forge it, and gains an error message by it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
        pub enum Refusal {
            $($(#[doc = $doc])* #[error($sentence)] $name,)*
        }

        impl Refusal {
            /// Every refusal there is.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The number on the wire, never 0.
            #[must_use]
            pub fn number(self) -> u8 {
                match self { $(Self::$name => $number,)* }
            }

            /// The refusal of a number; [`Refusal::Other`] for one that this version does not know.
            #[must_use]
            pub fn from_number(number: u8) -> Self {
                match number { $($number => Self::$name,)* _ => Self::Other }
            }

            /// Its meaning, as docs/protocol.md has it.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),*).trim_ascii(),)* }
            }

            /// A stable name for scripts, in kebab case.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

refusals! {
    /// The server does not know the token.
    Token = 1, "wrong-token", "the server does not know this token (it has to be the one that the server was started with, or one that was made for you and is not removed)";
    /// No version that both sides speak.
    Version = 2, "unsupported-version", "the server does not speak this version of the protocol (update the older side)";
    /// A plain session was asked for, and the server wants encryption.
    EncryptionRequired = 3, "encryption-required", "the server accepts only encrypted sessions";
    /// The server has a private key, and the client did not use its public key.
    KeyRequired = 4, "key-required", "the server wants its public key to be used (set REMOFILE_PUBLIC_KEY to the public key of the server)";
    /// The client used a public key, and it is not this server's.
    Key = 5, "wrong-key", "the public key is not this server's (check REMOFILE_PUBLIC_KEY; somebody else may be answering in the server's place)";
    /// The client used a public key, and the server has no private key.
    NoKey = 6, "no-key", "the server has no private key to match the public key (unset REMOFILE_PUBLIC_KEY, or start the server with its private key)";
    /// The server has as many sessions as it takes.
    TooMany = 7, "too-many-sessions", "the server has too many connections, or as many as the token allows (try again later)";
    /// The server is stopping.
    ShuttingDown = 8, "shutting-down", "the server is shutting down";
    /// The preface or the hello made no sense.
    Malformed = 9, "malformed-handshake", "the server could not read the handshake (is the other side, or something between, of another kind?)";
    /// A message came over ZeroMQ that belongs to no session.
    NoSession = 10, "no-session", "the server has no session with this socket (say hello first, or again)";
    /// The time of the token is over. Only who has proved the token is told.
    Expired = 11, "expired-token", "this token has expired (ask for a new one)";
    /// A reason that this version does not know.
    Other = 255, "refused", "the server refused the session for a reason that this version does not know (update it)";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_unique_nonzero_and_come_back() {
        for &refusal in Refusal::ALL {
            assert_ne!(refusal.number(), 0);
            assert_eq!(Refusal::from_number(refusal.number()), refusal);
        }
        assert_eq!(Refusal::from_number(77), Refusal::Other);
    }
}
