//! The use that is made of tokens.

use super::name::TokenName;
use std::collections::BTreeMap;
use std::time::SystemTime;

/// The use that is made of one token.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TokenUsage {
    /// The time of the last session with it.
    pub last_used: Option<SystemTime>,
    /// Bytes of file content below its directory, if they are counted.
    pub used: Option<u64>,
}

/// The use of each token.
pub type TokenUsages = BTreeMap<TokenName, TokenUsage>;
