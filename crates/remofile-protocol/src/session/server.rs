//! The server's machine.

use super::SessionError;
use super::core::{Core, check_items, cost};
use super::credit::{ReceiveWindow, SendCredit};
use crate::limits::{CREDIT_WINDOW_BYTES, INITIAL_CREDIT_BYTES, MAX_OPERATIONS};
use crate::wire::{Body, Done, ErrorCode, Failure, Flow, Header, Holder, Item, OperationId, Request, Selected, Signal};
use std::collections::BTreeMap;
use std::time::Duration;

/// Headers that wait to be sent before this side stops to take new messages.
const BACKLOG: usize = 1024;

/// The memory they may take before that, in bytes.
const BACKLOG_BYTES: usize = 1024 * 1024;

/// The server's side of a session.
#[derive(Debug)]
pub struct ServerSession {
    core: Core,
    operations: BTreeMap<OperationId, Operation>,
    last: OperationId,
}

#[derive(Debug)]
struct Operation {
    credit: SendCredit,
    window: ReceiveWindow,
}

/// The meaning of a message from the client.
#[derive(Debug, PartialEq, Eq)]
pub enum ServerEvent {
    /// Nothing that the caller has to know.
    None,
    /// A new operation.
    Request {
        /// Its number.
        operation: OperationId,
        /// The request.
        request: Request,
        /// For how many milliseconds to wait for the lease.
        wait_milliseconds: u64,
    },
    /// Files of an upload; their bytes are the payload. Tell when they are consumed.
    Items(OperationId, Vec<Item>),
    /// An upload has no more items, or a download no more files.
    Finish(OperationId),
    /// Files of a download that names them one by one. Tell when they are consumed.
    Select(OperationId, Vec<Selected>),
    /// A file of a download is not wanted.
    Unwanted(OperationId, String),
    /// The client wants an operation to end.
    Cancel(OperationId),
    /// The client ends the session.
    Closed,
}

impl ServerSession {
    /// A fresh session; `max_payload_bytes` is what this side announced in its hello.
    #[must_use]
    pub fn new(max_payload_bytes: u32) -> Self {
        Self { core: Core::new(max_payload_bytes), operations: BTreeMap::new(), last: OperationId::SESSION }
    }

    /// Tells that bytes came from the client, be they a whole message or not.
    pub fn heard(&mut self, now: Duration) {
        self.core.heard(now);
    }

    /// Takes a message from the client.
    ///
    /// # Errors
    /// [`SessionError`] if the client broke the protocol; the session is then over.
    pub fn receive(
        &mut self,
        now: Duration,
        header: Header,
        payload_bytes: usize,
    ) -> Result<ServerEvent, SessionError> {
        self.core.heard(now);
        self.core.check_payload(payload_bytes)?;
        let id = header.operation;
        match header.body {
            Body::Ignorable => Ok(ServerEvent::None),
            Body::Signal(signal) if id == OperationId::SESSION => self.receive_session(&signal),
            Body::Signal(signal) => self.receive_signal(id, signal, payload_bytes),
            Body::Request(request) => {
                if !self.begin(now, id, &request)? {
                    return Ok(ServerEvent::None);
                }
                Ok(ServerEvent::Request { operation: id, request, wait_milliseconds: header.wait_milliseconds })
            }
            Body::Refused(failure) => {
                self.take_number(id)?;
                self.core.queue(id, Signal::Failed { failure });
                Ok(ServerEvent::None)
            }
        }
    }

    fn take_number(&mut self, id: OperationId) -> Result<(), SessionError> {
        if id <= self.last {
            return Err(SessionError::OutOfOrder(id));
        }
        self.last = id;
        Ok(())
    }

    fn begin(&mut self, now: Duration, id: OperationId, request: &Request) -> Result<bool, SessionError> {
        self.take_number(id)?;
        if self.operations.len() >= MAX_OPERATIONS {
            self.core.queue(id, Signal::Failed { failure: ErrorCode::TooMany.into() });
            return Ok(false);
        }
        let credit = match request.flow() {
            Flow::Content { credit } => credit,
            Flow::Nothing | Flow::Entries | Flow::Data | Flow::Hold => INITIAL_CREDIT_BYTES,
        };
        self.operations.insert(id, Operation { credit: SendCredit::new(credit), window: ReceiveWindow::initial() });
        self.core.operations_changed(now, self.operations.len());
        Ok(true)
    }

    fn receive_session(&mut self, signal: &Signal) -> Result<ServerEvent, SessionError> {
        match signal {
            Signal::Ping => self.core.queue_pong(),
            Signal::Pong => {}
            Signal::Goodbye { .. } => return Ok(ServerEvent::Closed),
            _ => return Err(SessionError::Unexpected(OperationId::SESSION)),
        }
        Ok(ServerEvent::None)
    }

    fn receive_signal(
        &mut self,
        id: OperationId,
        signal: Signal,
        payload_bytes: usize,
    ) -> Result<ServerEvent, SessionError> {
        if id > self.last {
            return Err(SessionError::OutOfOrder(id));
        }
        // The client cannot know yet that the operation is over: what it still sends is dropped.
        let Some(operation) = self.operations.get_mut(&id) else {
            return Ok(ServerEvent::None);
        };
        operation.window.receive(id, cost(&signal, payload_bytes))?;
        match signal {
            Signal::Data { items } => {
                check_items(&items, payload_bytes)?;
                Ok(ServerEvent::Items(id, items))
            }
            Signal::Credit { bytes } => {
                operation.credit.add(bytes);
                Ok(ServerEvent::None)
            }
            Signal::Finish => Ok(ServerEvent::Finish(id)),
            Signal::Select { files } => Ok(ServerEvent::Select(id, files)),
            Signal::Unwanted { path } => Ok(ServerEvent::Unwanted(id, path)),
            Signal::Cancel => Ok(ServerEvent::Cancel(id)),
            _ => Err(SessionError::Unexpected(id)),
        }
    }

    /// Opens the full credit window of an upload that has got its lease.
    pub fn open_window(&mut self, operation: OperationId) {
        self.open_window_to(operation, CREDIT_WINDOW_BYTES);
    }

    /// Opens the credit window of an upload to so many bytes, if it is not so wide yet. To grant anything tells the
    /// client that it has got its lease.
    pub fn open_window_to(&mut self, operation: OperationId, bytes: u64) {
        if let Some(state) = self.operations.get_mut(&operation) {
            let grant = state.window.open_to(bytes);
            self.core.grant(operation, grant);
        }
    }

    /// Keeps the credit window of an upload open no further than to so many bytes from now on.
    pub fn narrow_window_to(&mut self, operation: OperationId, bytes: u64) {
        if let Some(state) = self.operations.get_mut(&operation) {
            state.window.narrow_to(bytes);
        }
    }

    /// Tells that credit was consumed (see [`crate::wire::credit_bytes`]), so that more may come.
    pub fn consumed(&mut self, operation: OperationId, bytes: u64) {
        if let Some(state) = self.operations.get_mut(&operation) {
            let grant = state.window.consume(bytes);
            self.core.grant(operation, grant);
        }
    }

    /// Returns the credit that an operation has now, in bytes; 0 for one that is over.
    #[must_use]
    pub fn credit(&self, operation: OperationId) -> u64 {
        self.operations.get(&operation).map_or(0, |operation| operation.credit.available())
    }

    /// The header of a message with files; takes its credit.
    ///
    /// # Errors
    /// [`SessionError::BeyondCredit`] if the caller did not keep to [`ServerSession::credit`].
    pub fn data(
        &mut self,
        operation: OperationId,
        items: Vec<Item>,
        payload_bytes: usize,
    ) -> Result<Header, SessionError> {
        self.charged(operation, Signal::Data { items }, payload_bytes)
    }

    /// The header of a message with elements of a listing; takes its credit.
    ///
    /// # Errors
    /// As [`ServerSession::data`].
    pub fn entries(&mut self, operation: OperationId, payload_bytes: usize) -> Result<Header, SessionError> {
        self.charged(operation, Signal::Entries, payload_bytes)
    }

    /// The header of a message with bytes of a file; takes its credit.
    ///
    /// # Errors
    /// As [`ServerSession::data`].
    pub fn bytes(&mut self, operation: OperationId, payload_bytes: usize) -> Result<Header, SessionError> {
        self.charged(operation, Signal::Bytes, payload_bytes)
    }

    fn charged(
        &mut self,
        operation: OperationId,
        signal: Signal,
        payload_bytes: usize,
    ) -> Result<Header, SessionError> {
        let state = self.operations.get_mut(&operation).ok_or(SessionError::Unexpected(operation))?;
        state.credit.take(operation, cost(&signal, payload_bytes))?;
        Ok(Header::signal(operation, signal))
    }

    /// Tells the client that a file of its upload was not stored.
    pub fn item_failed(&mut self, operation: OperationId, failure: Failure) {
        self.core.queue(operation, Signal::ItemFailed { failure });
    }

    /// Tells the client what a download will send.
    pub fn total(&mut self, operation: OperationId, files: u64, bytes: u64) {
        self.core.queue(operation, Signal::Total { files, bytes });
    }

    /// Tells the client that its operation waits for the lease.
    pub fn waiting(&mut self, operation: OperationId, holders: Vec<Holder>) {
        self.core.queue(operation, Signal::Waiting { holders });
    }

    /// Ends an operation.
    pub fn finish(&mut self, now: Duration, operation: OperationId, outcome: Result<Done, Failure>) {
        if self.operations.remove(&operation).is_none() {
            return;
        }
        self.core.queue(
            operation,
            match outcome {
                Ok(done) => Signal::Done { done },
                Err(failure) => Signal::Failed { failure },
            },
        );
        self.core.operations_changed(now, self.operations.len());
    }

    /// Tells the client that this session ends, and why if there is more to say than that it did nothing.
    pub fn goodbye(&mut self, reason: Option<ErrorCode>) {
        self.core.queue(OperationId::SESSION, Signal::Goodbye { reason });
    }

    /// Reports whether no operation is in flight and nothing waits to be sent: nothing is due before a message comes.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.operations.is_empty() && self.core.queued() == 0
    }

    /// Frees the memory that only operations need; for a session that is idle.
    pub fn rest(&mut self) {
        self.core.rest();
        if self.operations.is_empty() {
            self.operations = BTreeMap::new();
        }
    }

    /// Reports whether so much waits to be sent that no further message should be taken.
    #[must_use]
    pub fn is_congested(&self) -> bool {
        self.core.queued() >= BACKLOG || self.core.queued_bytes() >= BACKLOG_BYTES
    }

    /// Returns the memory that the messages to be sent take, payload aside, in bytes.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.core.queued_bytes()
    }

    /// The next header to send that has no payload.
    pub fn poll_header(&mut self) -> Option<Header> {
        self.core.poll_header()
    }

    /// Returns the time at which [`ServerSession::handle_timeout`] has to be called.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Duration> {
        self.core.next_timeout()
    }

    /// Does what is due.
    ///
    /// # Errors
    /// [`SessionError::PeerSilent`] if the client is taken for dead.
    pub fn handle_timeout(&mut self, now: Duration) -> Result<(), SessionError> {
        self.core.handle_timeout(now)
    }
}
