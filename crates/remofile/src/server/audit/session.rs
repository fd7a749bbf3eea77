//! The lines of one session: its beginning, each of its operations, its end.

use super::client::{AuditedClient, ClientFields, INTERRUPTED, OK};
use super::entries::EntryLog;
use super::line::{Displayed, Line};
use super::reporter::Reporter;
use super::subject::{self, Subject};
use crate::server::observer::ServerEvent;
use remofile_protocol::wire::{Done, Failure, OperationId, Request};
use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The lines of one session, if there is a log. Operations that are under way when it is dropped are told as interrupted.
#[derive(Default)]
pub(in crate::server) struct SessionAudit(Option<Box<Begun>>);

struct Begun {
    reporter: Reporter,
    client: Arc<ClientFields>,
    under_way: BTreeMap<OperationId, UnderWay>,
    began: Instant,
    outcome: &'static str,
}

struct UnderWay {
    subject: Subject,
    began: Instant,
    /// True while it waits for others.
    waits: bool,
    /// Bytes of its messages' content, both ways.
    bytes: u64,
}

impl SessionAudit {
    /// Tells that a session begins.
    pub(in crate::server) fn begin(reporter: &Reporter, client: &AuditedClient<'_>) -> Self {
        if reporter.is_silent() {
            return Self(None);
        }
        let (reporter, client) = (reporter.clone(), Arc::new(ClientFields::of(client)));
        let begun = Begun { reporter, client, under_way: BTreeMap::new(), began: Instant::now(), outcome: OK };
        if let Some(log) = &begun.reporter.log {
            // Sessions begin on the thread that everybody waits for.
            log.append_of_beginning(begun.session_line("open", OK));
        }
        begun.reporter.observe(&ServerEvent::SessionOpened);
        Self(Some(Box::new(begun)))
    }

    /// A request has come.
    pub(in crate::server) fn asked(&mut self, id: OperationId, request: &Request) {
        if let Some(begun) = &mut self.0 {
            begun.begin(id, subject::of_request(request, &begun.client.root));
        }
    }

    /// A request has come that is about one path.
    pub(in crate::server) fn asked_about(&mut self, id: OperationId, what: &'static str, path: &str) {
        if let Some(begun) = &mut self.0 {
            begun.begin(id, subject::of_path(what, path, &begun.client.root));
        }
    }

    /// Content of an operation has come.
    pub(in crate::server) fn received(&mut self, id: OperationId, bytes: usize) {
        self.moved(id, bytes, |bytes| ServerEvent::Received { bytes });
    }

    /// Content of an operation has left.
    pub(in crate::server) fn sent(&mut self, id: OperationId, bytes: usize) {
        self.moved(id, bytes, |bytes| ServerEvent::Sent { bytes });
    }

    fn moved(&mut self, id: OperationId, bytes: usize, event: impl FnOnce(u64) -> ServerEvent<'static>) {
        let Some(begun) = self.0.as_mut().filter(|_| bytes > 0) else { return };
        if let Some(under_way) = begun.under_way.get_mut(&id) {
            under_way.bytes += bytes as u64;
            begun.reporter.observe(&event(bytes as u64));
        }
    }

    /// An operation waits for others from now on.
    pub(in crate::server) fn waits(&mut self, id: OperationId) {
        if let Some(under_way) = self.0.as_mut().and_then(|begun| begun.under_way.get_mut(&id)) {
            under_way.waits = true;
        }
    }

    /// An operation waits no more: it begins.
    pub(in crate::server) fn begins(&mut self, id: OperationId) {
        if let Some(begun) = &mut self.0
            && let Some(under_way) = begun.under_way.get_mut(&id)
        {
            under_way.end_wait(&begun.reporter);
        }
    }

    /// An operation of protocol 1 has stored the file that it is about.
    pub(in crate::server) fn stored(&self, id: OperationId) {
        if let Some(begun) = &self.0
            && let Some(under_way) = begun.under_way.get(&id)
            && let Some(path) = &under_way.subject.asked
        {
            self.entries(id, under_way.subject.what).observe_stored(path, under_way.bytes);
        }
    }

    /// Returns the bytes of content of an operation that have come or left.
    pub(in crate::server) fn bytes_of(&self, id: OperationId) -> u64 {
        let under_way = self.0.as_ref().and_then(|begun| begun.under_way.get(&id));
        under_way.map_or(0, |under_way| under_way.bytes)
    }

    /// The log of the entries that an operation is about.
    pub(in crate::server) fn entries(&self, id: OperationId, what: &'static str) -> EntryLog {
        self.0.as_ref().map_or_else(EntryLog::default, |begun| {
            EntryLog::new(begun.reporter.clone(), Arc::clone(&begun.client), id, what)
        })
    }

    /// An operation is over.
    pub(in crate::server) fn ended(&mut self, id: OperationId, outcome: &Result<Done, Failure>) {
        match outcome {
            Ok(done) => self.ended_as(id, OK, Some(done)),
            Err(failure) => self.ended_as(id, failure.code.name(), None),
        }
    }

    /// An operation is over; `outcome` is `ok` or the name of a failure's code.
    pub(in crate::server) fn ended_as(&mut self, id: OperationId, outcome: &'static str, done: Option<&Done>) {
        if let Some(begun) = &mut self.0
            && let Some(under_way) = begun.under_way.remove(&id)
        {
            begun.tell_end(id, under_way, outcome, done);
        }
    }

    /// The session ends for this reason, when everything of it is over.
    pub(in crate::server) fn ends_for(&mut self, reason: &'static str) {
        if let Some(begun) = &mut self.0 {
            begun.outcome = reason;
        }
    }
}

impl UnderWay {
    fn end_wait(&mut self, reporter: &Reporter) {
        if mem::take(&mut self.waits) {
            reporter.observe(&ServerEvent::LeaseWaited { duration: self.began.elapsed() });
        }
    }
}

impl Begun {
    fn begin(&mut self, id: OperationId, subject: Subject) {
        self.under_way.insert(id, UnderWay { subject, began: Instant::now(), waits: false, bytes: 0 });
    }

    fn session_line(&self, what: &'static str, outcome: &'static str) -> Line {
        let mut line = Line::new("session");
        line.fields(&self.client.fields);
        line.text("what", what);
        line.seconds("seconds", self.began.elapsed());
        line.text("outcome", outcome);
        line
    }

    fn tell_end(&self, id: OperationId, mut under_way: UnderWay, outcome: &'static str, done: Option<&Done>) {
        under_way.end_wait(&self.reporter);
        let UnderWay { subject, began, bytes, waits: _ } = under_way;
        let (bytes, duration) = (done.map_or(bytes, |done| done.bytes), began.elapsed());
        let line = || {
            let mut line = Line::new("operation");
            line.fields(&self.client.fields);
            line.number("operation", id.0);
            line.fields(&subject.fields);
            if let Some(done) = done {
                line.number("files", done.files);
                line.number("directories", done.directories);
            }
            line.number("bytes", bytes);
            line.seconds("seconds", duration);
            line.text("outcome", outcome);
            line
        };
        self.reporter.append(line);
        if self.reporter.is_logging() {
            self.log_end(&subject, bytes, duration, outcome);
        }
        self.reporter.observe(&ServerEvent::OperationEnded {
            what: subject.what,
            outcome,
            duration,
            bytes,
            record: &Displayed(line),
        });
    }

    /// Logs the one line that an operation has in the server's own log.
    fn log_end(&self, subject: &Subject, bytes: u64, duration: Duration, outcome: &'static str) {
        let ClientFields { session, token, client, address, root, .. } = &*self.client;
        let (what, path) = (subject.what, subject.asked.as_deref().map(|path| subject::seen(root, path)));
        // As many digits as are never shown with an exponent.
        let seconds = (duration.as_secs_f64() * 1e4).round() / 1e4;
        let path = path.as_deref().unwrap_or_default();
        tracing::info!(target: "remofile::operations", what, path, bytes, seconds, outcome, session, token, client, address, "operation");
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        let under_way = mem::take(&mut self.under_way);
        if !under_way.is_empty() && self.outcome == OK {
            self.outcome = INTERRUPTED;
        }
        for (id, under_way) in under_way {
            self.tell_end(id, under_way, INTERRUPTED, None);
        }
        self.reporter.append(|| self.session_line("close", self.outcome));
        let (outcome, duration) = (self.outcome, self.began.elapsed());
        self.reporter.observe(&ServerEvent::SessionClosed { outcome, duration });
    }
}
