//! The mechanisms that protect connections: ours, and those that peers offer.

use std::fmt;

/// The protection of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// Not at all.
    Null,
    /// Encrypted and authenticated; the client is sure of the server.
    Curve,
}

/// The mechanism that a peer announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offered {
    /// No protection.
    Null,
    /// A name and a password, not protected.
    Plain,
    /// Encryption.
    Curve,
    /// Kerberos.
    Gssapi,
    /// One that this version does not know.
    Unknown,
}

impl From<Mechanism> for Offered {
    fn from(mechanism: Mechanism) -> Self {
        match mechanism {
            Mechanism::Null => Self::Null,
            Mechanism::Curve => Self::Curve,
        }
    }
}

impl fmt::Display for Offered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "NULL",
            Self::Plain => "PLAIN",
            Self::Curve => "CURVE",
            Self::Gssapi => "GSSAPI",
            Self::Unknown => "(unknown)",
        })
    }
}
