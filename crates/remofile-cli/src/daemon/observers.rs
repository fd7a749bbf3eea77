//! All that observe a server: its metrics, and its hooks.

use super::hooks::Hooks;
use super::status::{self, Metrics};
use crate::failed::{Failed, Result};
use crate::settings::ServerSettings;
use remofile::Server;
use remofile::server::{Observer, ServerEvent, ServerObserver};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

/// All that observe a server.
pub(super) struct Observers {
    metrics: Option<(TcpListener, Arc<Metrics>)>,
    hooks: Hooks,
}

impl Observers {
    /// Opens what they need, before the process is confined and has a second thread.
    ///
    /// # Errors
    /// If nothing can listen on the address of `--metrics`, or hooks cannot be started.
    pub(super) fn open(settings: &ServerSettings) -> Result<Self> {
        let what = "cannot make the metrics";
        let open = |address| -> Result<_> {
            let metrics = Metrics::new().map_err(|error| Failed::System { what, source: io::Error::other(error) })?;
            Ok((status::listen(address)?, Arc::new(metrics)))
        };
        let metrics = settings.metrics.map(open).transpose()?;
        let hooks = Hooks::start(&settings.hooks, &settings.root, metrics.as_ref().map(|(_, metrics)| metrics))?;
        Ok(Self { metrics, hooks })
    }

    /// Returns the address at which the metrics are.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().and_then(|(listener, _)| listener.local_addr().ok())
    }

    /// The option by which a server tells them; `None` if there are none.
    pub(super) fn option(&self) -> Option<Observer> {
        let metrics = self.metrics.as_ref().map(|(_, metrics)| Arc::clone(metrics) as Arc<dyn ServerObserver>);
        let hooks = (!self.hooks.is_empty()).then(|| Arc::new(self.hooks.clone()) as Arc<dyn ServerObserver>);
        match (metrics, hooks) {
            (Some(metrics), Some(hooks)) => Some(Observer::new(Both(metrics, hooks))),
            (one, other) => one.or(other).map(Observer::shared),
        }
    }

    /// Begins to answer, and to run hooks.
    pub(super) fn begin(self, server: &Server) -> Result<Hooks> {
        if let Some((listener, metrics)) = self.metrics {
            status::begin(listener, server, &metrics)?;
        }
        self.hooks.begin()?;
        Ok(self.hooks)
    }
}

/// Two observers of one server.
struct Both(Arc<dyn ServerObserver>, Arc<dyn ServerObserver>);

impl ServerObserver for Both {
    fn observe(&self, event: &ServerEvent<'_>) {
        self.0.observe(event);
        self.1.observe(event);
    }
}
