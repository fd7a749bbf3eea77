//! The two ends of a relay.

use crate::client::{Client, ClientOptions};
use crate::error::{Error, Result};
use remofile_protocol::wire::Failure;
use std::fmt;

/// An end of a relay: a client, and how its server is named in front of its paths.
#[derive(Debug)]
pub struct RelayEnd<'a> {
    /// The client of the server.
    pub client: &'a mut Client,
    /// Text in front of each path of this server, in failures: `nas:` makes `nas:/photos` of `/photos`.
    pub label: String,
}

impl<'a> RelayEnd<'a> {
    /// Creates an end whose server is named by its address.
    #[must_use]
    pub fn new(client: &'a mut Client) -> Self {
        let ClientOptions { hostname, port, .. } = &client.options;
        let told = client.options.servers().map(|servers| servers.iter().map(ToString::to_string).collect::<Vec<_>>());
        let label = told.map_or_else(|_| format!("{hostname}:{port}"), |servers| servers.join(","));
        Self { client, label }
    }
}

/// A side of a relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelaySide {
    /// The server that has the files.
    Source,
    /// The server that gets them.
    Destination,
}

impl fmt::Display for RelaySide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Source => "the source",
            Self::Destination => "the destination",
        })
    }
}

/// The reason why a relay ended, and the server that it is about.
#[derive(Debug, thiserror::Error)]
#[error("{side}: {error}")]
pub struct RelayError {
    /// The side whose server, or connection, failed.
    pub side: RelaySide,
    /// The reason. Paths in it begin with the label of their server.
    #[source]
    pub error: Error,
}

/// Puts the label of a server in front of the path of a failure.
pub(super) fn labelled(label: &str, failure: Failure) -> Failure {
    match failure.path.clone() {
        Some(path) if path.starts_with('/') => failure.at(format!("{label}{path}")),
        _ => failure,
    }
}

/// The outcome of a call of one side, with the label of its server in front of paths.
pub(super) trait OfSide<T> {
    /// Tells of an error which server it is about.
    fn of(self, side: RelaySide, label: &str) -> std::result::Result<T, RelayError>;
}

impl<T> OfSide<T> for Result<T> {
    fn of(self, side: RelaySide, label: &str) -> std::result::Result<T, RelayError> {
        self.map_err(|error| {
            let error = match error {
                Error::Remote(failure) => Error::Remote(labelled(label, failure)),
                Error::Local(failure) => Error::Local(labelled(label, failure)),
                Error::Conflicts(conflicts) => {
                    Error::Conflicts(conflicts.into_iter().map(|conflict| labelled(label, conflict)).collect())
                }
                other => other,
            };
            RelayError { side, error }
        })
    }
}
