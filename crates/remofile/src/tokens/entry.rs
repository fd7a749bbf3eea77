//! One token of a server.

use super::name::TokenName;
use super::rights::TokenRights;
use remofile_protocol::path::RemotePath;
use remofile_protocol::token::{Origin, Token, TokenKey};
use std::time::SystemTime;

/// A token of a server: who has it, what it allows, and what it is stretched to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenEntry {
    /// Its name.
    pub name: TokenName,
    /// The token, stretched.
    pub key: TokenKey,
    /// The token's origin: chosen tokens are looked for more slowly where they come as they are.
    pub origin: Origin,
    /// The token that this one took the place of, as long as both are taken.
    pub superseded: Option<Superseded>,
    /// The rights that it gives.
    pub rights: TokenRights,
    /// The directory that its holder sees as the root directory.
    pub below: RemotePath,
    /// The time at which it is over. `None`: it does not end.
    pub expires: Option<SystemTime>,
    /// Bytes of file content that there may be below its directory. `None`: as many as the disk takes.
    pub quota: Option<u64>,
    /// The largest file that it may store, in bytes. `None`: as the server has it.
    pub file_size_limit: Option<u64>,
    /// Bytes a second of file content that all its sessions together may send, and as many that they may receive. `None`: as
    /// fast as it goes.
    pub bwlimit: Option<u64>,
    /// Sessions at most at the same time. `None`: as the server has it.
    pub sessions: Option<usize>,
}

/// A token that another took the place of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Superseded {
    /// The token, stretched.
    pub key: TokenKey,
    /// The token's origin.
    pub origin: Origin,
    /// The time at which it is over.
    pub expires: SystemTime,
}

impl TokenEntry {
    /// A token with all rights on the whole root and no limits of its own.
    #[must_use]
    pub fn new(name: TokenName, token: &Token) -> Self {
        Self {
            name,
            key: token.stretch(),
            origin: token.origin(),
            superseded: None,
            rights: TokenRights::default(),
            below: RemotePath::root(),
            expires: None,
            quota: None,
            file_size_limit: None,
            bwlimit: None,
            sessions: None,
        }
    }
}
