//! The client at the other end of a session.

use crate::server::audit::AuditedClient;
use crate::server::leases::ClientKey;
use crate::server::network::Network;
use crate::server::presence::Presence;
use crate::server::principal::Grant;
use remofile_protocol::handshake::ClientIdentity;
use std::sync::Arc;

/// The client at the other end of a session.
#[derive(Debug, Clone)]
pub(in crate::server) struct Peer {
    pub(in crate::server) session: u64,
    pub(in crate::server) client: String,
    pub(in crate::server) address: String,
    /// The network of the address, if it is known.
    pub(in crate::server) network: Option<Network>,
    /// The identity of the client, if it told one.
    pub(in crate::server) identity: Option<ClientIdentity>,
    pub(in crate::server) presence: Presence,
    /// On whose behalf, and what the session is made from.
    pub(in crate::server) grant: Arc<Grant>,
}

impl Peer {
    /// The client as the audit log tells it.
    pub(in crate::server) fn audited(&self) -> AuditedClient<'_> {
        let (session, principal) = (self.session, &self.grant.principal);
        let (token, root) = (&principal.name, &principal.root);
        AuditedClient { session, token, client: &self.client, address: &self.address, root }
    }

    /// The client that its leases are those of, if it tells no identity: it is never in its own way.
    pub(in crate::server) fn client_key(&self) -> ClientKey {
        ClientKey::of_session(self.session)
    }
}
