//! A server that listens: it answers as soon as it is told to serve.

use super::config::{Prepared, ServerConfig};
use super::expiry::Expiry;
use super::lifetime::Lifetime;
use super::lobby::Lobby;
use super::neighbours::Neighbours;
use crate::error::{Error, Result};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

/// A server that listens and does not answer yet.
pub struct Bound {
    pub(super) listeners: Vec<TcpListener>,
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) config: ServerConfig,
    pub(super) lifetime: Lifetime,
}

impl Bound {
    /// Returns the addresses that it really listens on.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Serves until [`Server::terminate`](super::Server::terminate).
    ///
    /// # Errors
    /// [`Error::System`] if the operating system fails the event loop.
    pub fn serve(self) -> Result<()> {
        let Self { listeners, config, lifetime, .. } = self;
        let options = &config.options;
        let (read_only, partial_expiry) = (options.read_only, options.partial_expiry);
        let Prepared { context, store, watch, control } =
            config.prepare(&lifetime.stop.waker, lifetime.coordination.as_ref())?;
        let keeper = lifetime.keep(&context.shared)?;
        let _first = lifetime.stop.control.set(control);
        let context = Arc::new(context);
        let expiry =
            (!read_only).then(|| Expiry::begin(store, partial_expiry, Arc::clone(&context.shared.staged_files)));
        let (pool, reporter) = (context.shared.pool.clone(), context.shared.reporter.clone());
        let served = Lobby::new(listeners, context, expiry, &lifetime.stop.waker)
            .and_then(|lobby| lobby.run(&lifetime.stop, Neighbours::of(lifetime.directory.clone())))
            .map_err(|source| Error::System { what: "the server cannot go on", source });
        drop(watch);
        // What sessions that are gone had under way is to be whole.
        pool.drain();
        drop(keeper);
        reporter.flush();
        served
    }
}

impl std::fmt::Debug for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bound").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}
