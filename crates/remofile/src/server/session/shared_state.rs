//! The state that all sessions of a server share.

use crate::blocking::Pool;
use crate::budget::Budget;
use crate::server::leases::Leases;
use crate::server::options::ServerOptions;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

/// The state that all sessions of a server share.
pub(in crate::server) struct SharedState {
    pub(in crate::server) leases: Leases,
    pub(in crate::server) options: ServerOptions,
    pub(in crate::server) agent: String,
    pub(in crate::server) started: Instant,
    pub(in crate::server) stopping: AtomicBool,
    /// Memory that all sessions together may hold.
    pub(in crate::server) memory: Arc<Budget>,
    /// The threads for what may wait for a disk.
    pub(in crate::server) pool: Pool,
    /// The number of the next session.
    next_session: AtomicU64,
}

impl SharedState {
    /// The state of a server that begins now.
    pub(in crate::server) fn new(options: ServerOptions) -> Self {
        Self {
            leases: Leases::default(),
            memory: Budget::of_server(options.server_memory),
            pool: Pool::default(),
            options,
            agent: crate::agent(),
            started: Instant::now(),
            stopping: AtomicBool::new(false),
            next_session: AtomicU64::new(1),
        }
    }

    /// A number that no session of this server had before: leases are given back by it, perhaps long after its end.
    pub(in crate::server) fn number_session(&self) -> u64 {
        self.next_session.fetch_add(1, Ordering::Relaxed)
    }
}
