//! All that observe a server: its metrics, its hooks, and the spans of its operations.

use super::hooks::Hooks;
use super::spans::Spans;
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
    spans: Option<Arc<Spans>>,
}

/// Those that have something to do when the server has ended.
pub(super) struct Running {
    hooks: Hooks,
    spans: Option<Arc<Spans>>,
}

impl Observers {
    /// Opens what they need, before the process is confined and has a second thread.
    ///
    /// # Errors
    /// If nothing can listen on the address of `--metrics`, hooks cannot be started, or the variables of OpenTelemetry make no
    /// sense.
    pub(super) fn open(settings: &ServerSettings) -> Result<Self> {
        let what = "cannot make the metrics";
        let open = |address| -> Result<_> {
            let metrics = Metrics::new().map_err(|error| Failed::System { what, source: io::Error::other(error) })?;
            Ok((status::listen(address)?, Arc::new(metrics)))
        };
        let metrics = settings.metrics.map(open).transpose()?;
        let hooks = Hooks::start(&settings.hooks, &settings.root, metrics.as_ref().map(|(_, metrics)| metrics))?;
        Ok(Self { metrics, hooks, spans: Spans::open()?.map(Arc::new) })
    }

    /// Returns the address at which the metrics are.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().and_then(|(listener, _)| listener.local_addr().ok())
    }

    /// The option by which a server tells them; `None` if there are none.
    pub(super) fn option(&self) -> Option<Observer> {
        let metrics = self.metrics.as_ref().map(|(_, metrics)| Arc::clone(metrics) as Arc<dyn ServerObserver>);
        let hooks = (!self.hooks.is_empty()).then(|| Arc::new(self.hooks.clone()) as Arc<dyn ServerObserver>);
        let spans = self.spans.clone().map(|spans| spans as Arc<dyn ServerObserver>);
        let mut all: Vec<_> = [metrics, hooks, spans].into_iter().flatten().collect();
        match all.len() {
            0 | 1 => all.pop().map(Observer::shared),
            _ => Some(Observer::new(Several(all))),
        }
    }

    /// Reports whether they call machines by their names while the server runs. Hooks do so beyond the wall.
    pub(super) fn call_machines(&self) -> bool {
        self.spans.is_some()
    }

    /// Begins to answer, to run hooks and to send spans.
    pub(super) fn begin(self, server: &Server) -> Result<Running> {
        if let Some((listener, metrics)) = self.metrics {
            status::begin(listener, server, &metrics)?;
        }
        self.hooks.begin()?;
        self.spans.as_ref().inspect(|spans| spans.begin());
        Ok(Running { hooks: self.hooks, spans: self.spans })
    }
}

impl Running {
    /// Lets them do what waits, for a while, and ends them.
    pub(super) fn finish(&self) {
        self.hooks.finish();
        self.spans.as_ref().inspect(|spans| spans.finish());
    }
}

/// Several observers of one server.
struct Several(Vec<Arc<dyn ServerObserver>>);

impl ServerObserver for Several {
    fn observe(&self, event: &ServerEvent<'_>) {
        self.0.iter().for_each(|observer| observer.observe(event));
    }
}
