//! The client's machine.

use super::SessionError;
use super::core::{Core, check_items, cost};
use super::credit::{ReceiveWindow, SendCredit};
use crate::limits::{INITIAL_CREDIT_BYTES, MAX_HOLDERS, MAX_WAITING_REPORTS};
use crate::wire::{Body, Done, ErrorCode, Failure, Flow, Header, Holder, Item, OperationId, Request, Selected, Signal};
use std::collections::BTreeMap;
use std::time::Duration;

/// The client's side of a session.
#[derive(Debug)]
pub struct ClientSession {
    core: Core,
    operations: BTreeMap<OperationId, Operation>,
    started: u64,
}

#[derive(Debug)]
struct Operation {
    credit: SendCredit,
    window: ReceiveWindow,
    /// The number of reports on whom it waits for.
    waiting_reports: u32,
}

/// The meaning of a message from the server.
#[derive(Debug, PartialEq, Eq)]
pub enum ClientEvent {
    /// Nothing that the caller has to know.
    None,
    /// The payload holds elements of a listing. Tell when they are consumed.
    Entries(OperationId),
    /// The payload holds the next bytes of a part of a file. Tell when they are consumed.
    Bytes(OperationId),
    /// Files of a download; their bytes are the payload. Tell when they are consumed.
    Items(OperationId, Vec<Item>),
    /// More may be sent: the server has begun the operation.
    Granted(OperationId),
    /// A file of an upload was not stored.
    ItemFailed(OperationId, Failure),
    /// The total of what a download will send.
    Total {
        /// The download.
        operation: OperationId,
        /// Regular files.
        files: u64,
        /// Bytes of content.
        bytes: u64,
    },
    /// The operation waits for the lease.
    Waiting(OperationId, Vec<Holder>),
    /// The operation is over.
    Finished(OperationId, Result<Done, Failure>),
    /// The server ends the session, for this reason if it gave one.
    Closed(Option<ErrorCode>),
}

impl ClientSession {
    /// A fresh session; `max_payload_bytes` is what this side announced in its hello.
    #[must_use]
    pub fn new(max_payload_bytes: u32) -> Self {
        Self { core: Core::new(max_payload_bytes), operations: BTreeMap::new(), started: 0 }
    }

    /// Starts an operation. Its files, if it is an upload, may follow at once within the credit.
    pub fn start(&mut self, now: Duration, request: Request, wait_milliseconds: u64) -> OperationId {
        self.started += 1;
        let id = OperationId(self.started);
        let flow = request.flow();
        let window = match flow {
            Flow::Content { credit } => ReceiveWindow::granted(credit),
            Flow::Nothing | Flow::Entries | Flow::Data | Flow::Hold => ReceiveWindow::initial(),
        };
        self.operations
            .insert(id, Operation { credit: SendCredit::new(INITIAL_CREDIT_BYTES), window, waiting_reports: 0 });
        self.core.queue_header(Header { operation: id, body: Body::Request(request), wait_milliseconds });
        self.core.operations_changed(now, self.operations.len());
        if flow == Flow::Entries
            && let Some(operation) = self.operations.get_mut(&id)
        {
            let grant = operation.window.open();
            self.core.grant(id, grant);
        }
        id
    }

    /// Asks the server to end an operation; its end is still to come as an event.
    pub fn cancel(&mut self, operation: OperationId) {
        if self.operations.contains_key(&operation) {
            self.core.queue(operation, Signal::Cancel);
        }
    }

    /// Tells the server that a file of a download is not wanted.
    pub fn unwanted(&mut self, operation: OperationId, path: String) {
        self.core.queue(operation, Signal::Unwanted { path });
    }

    /// Names files of a download; takes their credit.
    ///
    /// # Errors
    /// [`SessionError::BeyondCredit`] if the caller did not keep to [`ClientSession::credit`].
    pub fn select(&mut self, operation: OperationId, files: Vec<Selected>) -> Result<(), SessionError> {
        let signal = Signal::Select { files };
        let state = self.operations.get_mut(&operation).ok_or(SessionError::Unexpected(operation))?;
        state.credit.take(operation, cost(&signal, 0))?;
        self.core.queue(operation, signal);
        Ok(())
    }

    /// Tells the server that an upload has no more items, or a download no more files.
    pub fn finish(&mut self, operation: OperationId) {
        self.core.queue(operation, Signal::Finish);
    }

    /// Asks the server whether it hears. One question at a time waits to be sent.
    pub fn ping(&mut self) {
        self.core.queue_ping();
    }

    /// Tells the server that this session ends.
    pub fn goodbye(&mut self) {
        self.core.queue(OperationId::SESSION, Signal::Goodbye { reason: None });
    }

    /// Reports whether no operation is in flight.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.operations.is_empty()
    }

    /// Returns the credit that an operation has now, in bytes; 0 for one that is over.
    #[must_use]
    pub fn credit(&self, operation: OperationId) -> u64 {
        self.operations.get(&operation).map_or(0, |operation| operation.credit.available())
    }

    /// The header of a message with files; takes its credit.
    ///
    /// # Errors
    /// [`SessionError::BeyondCredit`] if the caller did not keep to [`ClientSession::credit`].
    pub fn data(
        &mut self,
        operation: OperationId,
        items: Vec<Item>,
        payload_bytes: usize,
    ) -> Result<Header, SessionError> {
        let signal = Signal::Data { items };
        let state = self.operations.get_mut(&operation).ok_or(SessionError::Unexpected(operation))?;
        state.credit.take(operation, cost(&signal, payload_bytes))?;
        Ok(Header::signal(operation, signal))
    }

    /// Keeps the credit window of a download open to so many bytes from now on.
    pub fn resize_window(&mut self, operation: OperationId, bytes: u64) {
        if let Some(state) = self.operations.get_mut(&operation) {
            state.window.narrow_to(bytes);
            let grant = state.window.open_to(bytes);
            self.core.grant(operation, grant);
        }
    }

    /// Tells that credit was consumed (see [`crate::wire::credit_bytes`]), so that more may come.
    pub fn consumed(&mut self, operation: OperationId, bytes: u64) {
        if let Some(state) = self.operations.get_mut(&operation) {
            let grant = state.window.consume(bytes);
            self.core.grant(operation, grant);
        }
    }

    /// Tells that bytes came from the server, be they a whole message or not.
    pub fn heard(&mut self, now: Duration) {
        self.core.heard(now);
    }

    /// Takes a message from the server.
    ///
    /// # Errors
    /// [`SessionError`] if the server broke the protocol; the session is then over.
    pub fn receive(
        &mut self,
        now: Duration,
        header: Header,
        payload_bytes: usize,
    ) -> Result<ClientEvent, SessionError> {
        self.core.heard(now);
        self.core.check_payload(payload_bytes)?;
        let id = header.operation;
        let signal = match header.body {
            Body::Signal(signal) => signal,
            Body::Ignorable => return Ok(ClientEvent::None),
            Body::Request(_) | Body::Refused(_) => return Err(SessionError::Unexpected(id)),
        };
        if id == OperationId::SESSION {
            return self.receive_session(&signal);
        }
        if id.0 > self.started {
            return Err(SessionError::OutOfOrder(id));
        }
        let Some(operation) = self.operations.get_mut(&id) else {
            return Err(SessionError::Unexpected(id));
        };
        operation.window.receive(id, cost(&signal, payload_bytes))?;
        match signal {
            Signal::Entries => Ok(ClientEvent::Entries(id)),
            Signal::Bytes => Ok(ClientEvent::Bytes(id)),
            Signal::Data { items } => {
                check_items(&items, payload_bytes)?;
                Ok(ClientEvent::Items(id, items))
            }
            Signal::Credit { bytes } => {
                operation.credit.add(bytes);
                Ok(ClientEvent::Granted(id))
            }
            Signal::ItemFailed { failure } => Ok(ClientEvent::ItemFailed(id, failure)),
            Signal::Total { files, bytes } => Ok(ClientEvent::Total { operation: id, files, bytes }),
            Signal::Waiting { .. } if operation.waiting_reports == MAX_WAITING_REPORTS => Ok(ClientEvent::None),
            Signal::Waiting { mut holders } => {
                operation.waiting_reports += 1;
                holders.truncate(MAX_HOLDERS);
                Ok(ClientEvent::Waiting(id, holders))
            }
            Signal::Done { done } => Ok(self.ended(now, id, Ok(done))),
            Signal::Failed { mut failure } => {
                failure.holders.iter_mut().for_each(|holders| holders.truncate(MAX_HOLDERS));
                Ok(self.ended(now, id, Err(failure)))
            }
            Signal::Cancel
            | Signal::Ping
            | Signal::Pong
            | Signal::Finish
            | Signal::Goodbye { .. }
            | Signal::Unwanted { .. }
            | Signal::Select { .. } => Err(SessionError::Unexpected(id)),
        }
    }

    fn receive_session(&mut self, signal: &Signal) -> Result<ClientEvent, SessionError> {
        match signal {
            Signal::Ping => self.core.queue_pong(),
            Signal::Pong => {}
            Signal::Goodbye { reason } => return Ok(ClientEvent::Closed(*reason)),
            _ => return Err(SessionError::Unexpected(OperationId::SESSION)),
        }
        Ok(ClientEvent::None)
    }

    fn ended(&mut self, now: Duration, id: OperationId, outcome: Result<Done, Failure>) -> ClientEvent {
        self.operations.remove(&id);
        self.core.operations_changed(now, self.operations.len());
        ClientEvent::Finished(id, outcome)
    }

    /// The next header to send that has no payload.
    pub fn poll_header(&mut self) -> Option<Header> {
        self.core.poll_header()
    }

    /// Returns the time at which [`ClientSession::handle_timeout`] has to be called.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Duration> {
        self.core.next_timeout()
    }

    /// Does what is due.
    ///
    /// # Errors
    /// [`SessionError::PeerSilent`] if the server is taken for dead.
    pub fn handle_timeout(&mut self, now: Duration) -> Result<(), SessionError> {
        self.core.handle_timeout(now)
    }
}
