//! All that want to know what clients do: the audit log, an observer, and the server's own log.

use super::AuditLog;
use super::line::Line;
use crate::server::observer::{Observer, ServerEvent};
use crate::server::options::ServerOptions;
use std::time::Duration;

/// All that want to know what clients do.
#[derive(Debug, Clone, Default)]
pub(in crate::server) struct Reporter {
    pub(super) log: Option<AuditLog>,
    observer: Option<Observer>,
    /// True if the server's own log has a line for each operation.
    is_logging: bool,
}

impl Reporter {
    /// Those that options name.
    pub(in crate::server) fn of(options: &ServerOptions) -> Self {
        let is_logging = tracing::enabled!(target: "remofile::operations", tracing::Level::INFO);
        Self { log: options.audit.clone(), observer: options.observer.clone(), is_logging }
    }

    /// The audit log alone.
    #[cfg(test)]
    pub(in crate::server) fn of_log(log: &AuditLog) -> Self {
        Self { log: Some(log.clone()), ..Self::default() }
    }

    /// Reports whether nobody wants to know anything.
    pub(super) fn is_silent(&self) -> bool {
        self.log.is_none() && self.observer.is_none() && !self.is_logging
    }

    pub(super) fn has_observer(&self) -> bool {
        self.observer.is_some()
    }

    pub(super) fn is_logging(&self) -> bool {
        self.is_logging
    }

    /// Adds a line to the log, and waits for room for it.
    pub(super) fn append(&self, line: impl FnOnce() -> Line) {
        if let Some(log) = &self.log {
            log.append(line());
        }
    }

    pub(in crate::server) fn observe(&self, event: &ServerEvent<'_>) {
        if let Some(observer) = &self.observer {
            observer.observe(event);
        }
    }

    /// Tells that a peer was refused, without waiting.
    pub(in crate::server) fn refused(&self, address: &str, reason: &'static str) {
        self.observe(&ServerEvent::Refused { reason, connections: 1 });
        if let Some(log) = &self.log {
            log.tell_refused(Some(address), reason, None);
        }
    }

    /// Tells of peers that are not told one by one.
    pub(in crate::server) fn more_refused(&self, connections: u64) {
        self.observe(&ServerEvent::Refused { reason: "more", connections });
        if let Some(log) = &self.log {
            log.tell_refused(None, "more", Some(connections));
        }
    }

    /// Tells of a flush that an operation ended with.
    pub(in crate::server) fn flushed(&self, is_durable: bool, duration: Duration) {
        self.observe(&ServerEvent::Flushed { is_durable, duration });
    }

    /// Waits until every line of the log is written.
    pub(in crate::server) fn flush(&self) {
        self.log.as_ref().inspect(|log| log.flush());
    }
}
