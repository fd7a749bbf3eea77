//! The state that all sessions of a server share.

use super::peer::Peer;
use crate::blocking::Pool;
use crate::budget::Budget;
use crate::server::audit::Reporter;
use crate::server::clients::{ClientId, ClientSession, Clients};
use crate::server::coordination::{Coordination, Served};
use crate::server::lanes::{Joining, Lanes};
use crate::server::leases::{Leases, OtherServers, Reached, Settled};
use crate::server::limits::{Limits, LiveLimits};
use crate::server::open_files::OpenFiles;
use crate::server::options::ServerOptions;
use crate::server::staged_files::StagedFiles;
use remofile_protocol::handshake::ClientIdentity;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

/// The state that all sessions of a server share.
pub(in crate::server) struct SharedState {
    pub(in crate::server) leases: Leases,
    pub(in crate::server) clients: Clients,
    /// The sessions that further connections may join.
    pub(in crate::server) lanes: Lanes,
    /// Files that stay open between reads.
    pub(in crate::server) open_files: OpenFiles,
    pub(in crate::server) options: ServerOptions,
    /// The limits of the options as they are now.
    pub(in crate::server) limits: LiveLimits,
    /// The observers of what is done.
    pub(in crate::server) reporter: Reporter,
    pub(in crate::server) agent: String,
    pub(in crate::server) started: Instant,
    pub(in crate::server) stopping: AtomicBool,
    /// Memory that all sessions together may hold.
    pub(in crate::server) memory: Arc<Budget>,
    /// The threads for what may wait for a disk.
    pub(in crate::server) pool: Pool,
    /// The files that are written and not visible yet.
    pub(in crate::server) staged_files: Arc<StagedFiles>,
    /// The number of the next session.
    next_session: AtomicU64,
    /// The server's place among those of a coordinator.
    coordination: Option<Arc<Coordination>>,
}

impl SharedState {
    /// The state of a server that begins now.
    pub(in crate::server) fn new(options: ServerOptions) -> Self {
        Self {
            leases: Leases::default(),
            clients: Clients::default(),
            lanes: Lanes::default(),
            open_files: OpenFiles::default(),
            memory: Budget::of_server(options.server_memory),
            pool: Pool::default(),
            staged_files: Arc::default(),
            limits: LiveLimits::new(Limits::of(&options)),
            reporter: Reporter::of(&options),
            options,
            agent: crate::agent(),
            started: Instant::now(),
            stopping: AtomicBool::new(false),
            next_session: AtomicU64::new(1),
            coordination: None,
        }
    }

    /// The state of a server that begins now, as one of those of a coordinator if there is one.
    pub(in crate::server) fn coordinated(options: ServerOptions, coordination: Option<&Arc<Coordination>>) -> Self {
        let state = Self { coordination: coordination.cloned(), ..Self::new(options) };
        if let Some(coordination) = coordination {
            state.leases.share(Arc::clone(coordination) as Arc<dyn OtherServers>);
        }
        state
    }

    pub(in crate::server) fn coordination(&self) -> Option<&Arc<Coordination>> {
        self.coordination.as_ref()
    }

    /// Takes note of a session of a client that tells its identity.
    pub(super) fn know(&self, peer: &Peer) -> Option<ClientSession> {
        let client = ClientId::new(peer.grant.principal.id, peer.identity?);
        let has_lease = |session| self.leases.has_any(session);
        Some(self.clients.begin(client, peer.session, peer.presence.clone(), has_lease))
    }

    /// Lets further connections join a session of a client that tells its identity.
    pub(super) fn open_lanes(&self, peer: &Peer) -> Option<Joining> {
        Some(self.lanes.open(peer.grant.principal.id, peer.identity?, peer.session))
    }

    /// A number that no session of this server had before: leases are given back by it, perhaps long after its end.
    pub(in crate::server) fn number_session(&self) -> u64 {
        self.next_session.fetch_add(1, Ordering::Relaxed)
    }
}

impl Served for SharedState {
    fn settle(&self, ticket: u64, settled: Settled) {
        self.leases.settle_entry(Instant::now(), ticket, settled);
    }

    fn end_replaced(&self, token: &str, by: &ClientIdentity) {
        for Reached { session, bell } in self.leases.replaced_by(token, by) {
            if self.clients.end(session)
                && let Some(bell) = bell
            {
                bell.wake();
            }
        }
    }

    fn lose(&self) {
        self.leases.lose();
    }

    fn has_lost(&self) -> bool {
        self.leases.has_lost()
    }
}
