//! The routing ids of peers.

use std::borrow::Borrow;
use std::hash::{Hash, Hasher};
use zeroize::Zeroizing;

/// The routing id of a peer, which may be a token.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Identity(pub(super) Zeroizing<Vec<u8>>);

impl Identity {
    pub(super) fn new(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(bytes.to_vec()))
    }
}

impl Borrow<[u8]> for Identity {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

/// As what it borrows, so that it is found by that.
impl Hash for Identity {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.as_slice().hash(state);
    }
}
