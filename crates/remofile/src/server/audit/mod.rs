//! The audit log: one line of JSON for each operation of each client, for each file that one stored, sent or removed, and
//! for each session.
//!
//! Participants: a session has a [`SessionAudit`], which learns of each request and of its end; the operations that name
//! many files have an [`EntryLog`]; the lobby tells of refused handshakes. Their lines ([`line`]) go into one [`queue`],
//! from which a thread of its own writes them. A [`Reporter`] has that log, the observer of the server and its own log: all
//! that want to know. Goals: who stored, replaced, read or removed a path can be found; what
//! wrote the log once stays true whatever clients call themselves. Non-goals: debugging, which `tracing` is for.
//! Invariant: no text of a failure, no routing id and no token gets here, only names of codes and paths.

mod client;
mod entries;
mod line;
mod queue;
mod reporter;
mod session;
mod subject;

pub(super) use client::{AuditedClient, INTERRUPTED, OK};
pub(super) use entries::{EntryLog, SentOut, TakenIn};
pub(super) use reporter::Reporter;
pub(super) use session::SessionAudit;

use crate::store::AppendFile;
use line::Line;
use queue::{Handle, Sink};
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// A log of what clients do on a server, set by [`ServerOptions::audit`](crate::ServerOptions::audit): one JSON object a
/// line, with the fields that docs/commands.md lists. Clones are the same log, and servers may share one.
///
/// Lines are written by a thread of its own, a tenth of a second after they were made at the latest while the file takes
/// them. Clients wait while a mebibyte of lines does. While the file cannot be written the server goes on: that is logged
/// as an error once a minute, lines wait as long as there is room for them, and a line tells how many were lost.
///
/// # Examples
/// ```
/// use remofile::protocol::token::Token;
/// use remofile::server::AuditLog;
/// use remofile::{Server, ServerOptions};
///
/// # let directory = tempfile::tempdir()?;
/// let log = AuditLog::open(directory.path().join("audit.jsonl"))?;
/// let server = Server::new(directory.path(), Token::generate())?;
/// server.set_options(ServerOptions { audit: Some(log.clone()), ..ServerOptions::default() })?;
/// // After the file was renamed:
/// log.reopen()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct AuditLog(Arc<Handle>);

impl AuditLog {
    /// A log at the end of a file. A missing one is created, with mode 600.
    ///
    /// # Errors
    /// If it cannot be opened, is a link, a pipe or a file of another user's, or has a second name.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        AppendFile::open(path.as_ref()).map(|file| Self::of(Box::new(file)))
    }

    /// A log that is written to anything else. Each call of the writer gets whole lines, but for the rest of what it did
    /// not take before.
    #[must_use]
    pub fn to_writer(writer: impl io::Write + Send + 'static) -> Self {
        Self::of(Box::new(queue::Writer(writer)))
    }

    fn of(sink: Box<dyn Sink>) -> Self {
        Self(Arc::new(Handle::new(sink)))
    }

    /// Opens the file again by its path, after it was renamed. All lines that are not written yet go there. A writer is
    /// left as it is.
    ///
    /// # Errors
    /// As [`AuditLog::open`]. The file that was open is written to then as before.
    pub fn reopen(&self) -> io::Result<()> {
        self.0.reopen()
    }

    /// Waits until every line is in the file, or cannot be written now.
    pub fn flush(&self) {
        self.0.flush();
    }

    /// Adds a line, and waits for room for it.
    fn append(&self, line: Line) {
        self.0.append(&line.finish());
    }

    /// Adds a line without waiting for room. There are no more of these than sessions: each of those waits as it ends.
    fn append_of_beginning(&self, line: Line) {
        self.0.append_beyond(&line.finish());
    }

    /// Tells that peers were refused, without waiting: a line for which there is no room is counted as lost. `reason` is
    /// the name of a refusal; `connections` is their number, if they are not told one by one.
    fn tell_refused(&self, address: Option<&str>, reason: &'static str, connections: Option<u64>) {
        let mut line = Line::new("refused");
        if let Some(address) = address {
            line.text("address", address);
        }
        if let Some(connections) = connections {
            line.number("connections", connections);
        }
        line.text("outcome", reason);
        self.0.append_at_once(&line.finish());
    }
}

impl fmt::Debug for AuditLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditLog").finish_non_exhaustive()
    }
}
