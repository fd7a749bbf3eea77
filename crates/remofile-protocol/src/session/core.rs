//! The part that both machines share: the queue of headers, the heartbeat, the check of payloads.

use super::SessionError;
use crate::limits::{DEAD_AFTER, MAX_BLOCK_BYTES, MAX_COPY_BYTES, MAX_HOLE_BYTES, MAX_PAYLOAD_BYTES, PING_AFTER};
use crate::wire::{Body, Header, Holder, Item, OperationId, Selected, Signal, credit_bytes};
use std::collections::VecDeque;
use std::time::Duration;

#[derive(Debug)]
pub(super) struct Core {
    outbox: VecDeque<Header>,
    /// The memory that the headers in it take, in bytes.
    outbox_bytes: usize,
    heartbeat: Heartbeat,
    max_payload_bytes: usize,
}

/// The state of the heartbeat.
#[derive(Debug)]
enum Heartbeat {
    /// No operation is in flight: silence means nothing.
    Idle,
    /// The peer was last heard, and last told that this side is there, at these times. It is told
    /// whether it was heard or not: its own words to us may wait behind megabytes on a slow line.
    Beating { heard: Duration, pinged: Duration },
}

impl Core {
    /// `max_payload_bytes` is what this side announced.
    pub(super) fn new(max_payload_bytes: u32) -> Self {
        let max_payload_bytes = max_payload_bytes.min(MAX_PAYLOAD_BYTES) as usize;
        Self { outbox: VecDeque::new(), outbox_bytes: 0, heartbeat: Heartbeat::Idle, max_payload_bytes }
    }

    pub(super) fn queue(&mut self, operation: OperationId, signal: Signal) {
        self.queue_header(Header::signal(operation, signal));
    }

    pub(super) fn queue_header(&mut self, header: Header) {
        self.outbox_bytes += memory_bytes(&header);
        self.outbox.push_back(header);
    }

    /// Grants credit; nothing for nothing.
    pub(super) fn grant(&mut self, operation: OperationId, bytes: u64) {
        if bytes > 0 {
            self.queue(operation, Signal::Credit { bytes });
        }
    }

    /// One pong answers any number of pings that came before it could be sent.
    pub(super) fn queue_pong(&mut self) {
        let pong = Header::signal(OperationId::SESSION, Signal::Pong);
        if !self.outbox.contains(&pong) {
            self.outbox_bytes += memory_bytes(&pong);
            self.outbox.push_front(pong);
        }
    }

    pub(super) fn queue_ping(&mut self) {
        let ping = Header::signal(OperationId::SESSION, Signal::Ping);
        if !self.outbox.contains(&ping) {
            self.queue_header(ping);
        }
    }

    pub(super) fn poll_header(&mut self) -> Option<Header> {
        let header = self.outbox.pop_front()?;
        self.outbox_bytes -= memory_bytes(&header);
        Some(header)
    }

    /// Returns the memory that the headers to be sent take, in bytes.
    pub(super) fn queued_bytes(&self) -> usize {
        self.outbox_bytes
    }

    /// Frees the memory of the queue, which is empty.
    pub(super) fn rest(&mut self) {
        self.outbox.shrink_to_fit();
    }

    pub(super) fn queued(&self) -> usize {
        self.outbox.len()
    }

    pub(super) fn heard(&mut self, now: Duration) {
        if let Heartbeat::Beating { heard, .. } = &mut self.heartbeat {
            *heard = now;
        }
    }

    /// Starts or ends the heartbeat with the operations in flight.
    pub(super) fn operations_changed(&mut self, now: Duration, in_flight: usize) {
        match (&self.heartbeat, in_flight) {
            (_, 0) => self.heartbeat = Heartbeat::Idle,
            (Heartbeat::Idle, _) => self.heartbeat = Heartbeat::Beating { heard: now, pinged: now },
            _ => {}
        }
    }

    pub(super) fn next_timeout(&self) -> Option<Duration> {
        match self.heartbeat {
            Heartbeat::Idle => None,
            Heartbeat::Beating { heard, pinged } => Some((heard + DEAD_AFTER).min(pinged + PING_AFTER)),
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Duration) -> Result<(), SessionError> {
        let Heartbeat::Beating { heard, pinged } = &mut self.heartbeat else {
            return Ok(());
        };
        if now >= *heard + DEAD_AFTER {
            return Err(SessionError::PeerSilent(DEAD_AFTER));
        }
        if now >= *pinged + PING_AFTER {
            *pinged = now;
            self.queue(OperationId::SESSION, Signal::Ping);
        }
        Ok(())
    }

    pub(super) fn check_payload(&self, payload_bytes: usize) -> Result<(), SessionError> {
        if payload_bytes > self.max_payload_bytes {
            return Err(SessionError::PayloadTooLarge(payload_bytes));
        }
        Ok(())
    }
}

/// Returns the memory of a header, in bytes; of requests, which only clients queue, no more than its own size.
fn memory_bytes(header: &Header) -> usize {
    let text = |text: &str| text.len() + 16;
    let holders = |holders: &[Holder]| holders.iter().map(|holder| size_of::<Holder>() + text(&holder.client)).sum();
    let more: usize = match &header.body {
        Body::Signal(Signal::ItemFailed { failure } | Signal::Failed { failure }) => {
            let told = failure.holders.as_deref().map_or(0, holders);
            failure.path.as_deref().map_or(0, text) + failure.detail.as_deref().map_or(0, text) + told
        }
        Body::Signal(Signal::Waiting { holders: told }) => holders(told),
        Body::Signal(Signal::Unwanted { path }) => text(path),
        _ => 0,
    };
    size_of::<Header>() + more
}

/// The credit that a message takes.
pub(super) fn cost(signal: &Signal, payload_bytes: usize) -> u64 {
    match signal {
        Signal::Data { items } => credit_bytes(items, payload_bytes),
        Signal::Select { files } => files.iter().map(Selected::credit_bytes).sum::<u64>() + payload_bytes as u64,
        _ => payload_bytes as u64,
    }
}

/// The items of a message must say of every byte of its payload where it belongs, and none may stand for more
/// content than its kind is allowed.
pub(super) fn check_items(items: &[Item], payload_bytes: usize) -> Result<(), SessionError> {
    items.iter().try_for_each(check_content)?;
    if items.is_empty() {
        return Err(SessionError::PayloadMismatch { items: 0, payload: payload_bytes });
    }
    let named: u64 = items.iter().map(|item| u64::from(item.payload_bytes())).sum();
    if named != payload_bytes as u64 {
        return Err(SessionError::PayloadMismatch { items: named, payload: payload_bytes });
    }
    Ok(())
}

/// Content that costs its sender next to nothing is bounded in each item: its receiver works through it in one go.
fn check_content(item: &Item) -> Result<(), SessionError> {
    let (content, most) = match *item {
        Item::Hole { length } => (length, MAX_HOLE_BYTES),
        Item::Copy { length, .. } => (length, MAX_COPY_BYTES),
        Item::Compressed { size, .. } => (size.into(), MAX_BLOCK_BYTES as u64),
        _ => return Ok(()),
    };
    if content > most { Err(SessionError::ItemTooLong { content, most }) } else { Ok(()) }
}
