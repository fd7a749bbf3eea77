//! The client at the other end of a session.

use crate::server::network::Network;
use crate::server::presence::Presence;
use crate::server::principal::Grant;
use std::sync::Arc;

/// The client at the other end of a session.
#[derive(Debug, Clone)]
pub(in crate::server) struct Peer {
    pub(in crate::server) session: u64,
    pub(in crate::server) client: String,
    pub(in crate::server) address: String,
    /// The network of the address, if it is known.
    pub(in crate::server) network: Option<Network>,
    pub(in crate::server) presence: Presence,
    /// On whose behalf, and what the session is made from.
    pub(in crate::server) grant: Arc<Grant>,
}
