//! Former conversations of a client, which end as its next one begins.

use super::{Conversation, FirstMessage};
use crate::server::principal::PrincipalId;
use remofile_protocol::handshake::ClientIdentity;
use remofile_protocol::wire::ErrorCode;

impl FirstMessage {
    /// The same of frames that are kept.
    pub(in crate::server) fn of_vecs(frames: &[Vec<u8>]) -> Self {
        Self::of(&frames.iter().map(Vec::as_slice).collect::<Vec<_>>())
    }

    /// The identity of the client, if it tells one.
    pub(in crate::server) fn identity(&self) -> Option<ClientIdentity> {
        match self {
            Self::Hello(hello) => hello.identity,
            Self::Request { .. } | Self::Malformed | Self::Stray => None,
        }
    }
}

impl Conversation {
    /// Ends it if it is left of the client of a session that begins; whether it ends.
    pub(super) fn end_if_replaced(&self, principal: PrincipalId, by: &ClientIdentity) -> bool {
        let is_replaced = self.peer.identity.is_some_and(|own| by.replaces(&own));
        is_replaced && self.principal().id == principal && self.peer.presence.end(ErrorCode::SessionReplaced)
    }

    /// Reports whether it was ended.
    pub(super) fn is_leaving(&self) -> bool {
        self.peer.presence.is_leaving()
    }
}
