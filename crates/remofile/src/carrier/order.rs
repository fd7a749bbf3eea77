//! The order of messages that come over several connections.

use super::error::LinkError;
use super::kept::KeptPayload;
use remofile_protocol::limits::MOST_CREDIT_WINDOW_BYTES;
use std::collections::BTreeMap;

/// Bytes of messages that may come early and wait for those before them. A peer that keeps to its credit sends no more.
const EARLY_BYTES: usize = MOST_CREDIT_WINDOW_BYTES as usize;

/// Bytes that a message counts beside its payload.
const MESSAGE_COST: usize = 1024;

/// The messages that came early, and the number of the one that is due.
pub(super) struct MessageOrder {
    due: u64,
    /// Their headers stay encoded: decoded they may take many times as much.
    early: BTreeMap<u64, (Vec<u8>, KeptPayload)>,
    early_bytes: usize,
    most_early_bytes: usize,
}

impl Default for MessageOrder {
    fn default() -> Self {
        Self { due: 0, early: BTreeMap::new(), early_bytes: 0, most_early_bytes: EARLY_BYTES }
    }
}

/// The place of a message in the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrival {
    /// The message is the one that is due.
    Due,
    /// Others come before it.
    Early,
}

impl MessageOrder {
    /// Reports whether a numbered message has come.
    pub(super) fn has_begun(&self) -> bool {
        self.due > 0
    }

    /// Reports whether no message waits for those before it.
    pub(super) fn is_empty(&self) -> bool {
        self.early.is_empty()
    }

    /// Sets the bytes that may come early.
    pub(super) fn limit(&mut self, bytes: usize) {
        self.most_early_bytes = bytes.min(EARLY_BYTES);
    }

    /// Reports whether a connection is read, of which this was the last number: not where too much has come early, unless
    /// what is due may come over it. It comes over one whose numbers are below, as those of each connection rise.
    pub(super) fn admits(&self, last: Option<u64>) -> bool {
        self.early_bytes < self.most_early_bytes || last.is_none_or(|last| last < self.due)
    }

    /// Takes note of a number, behind the `last` of the same connection.
    ///
    /// # Errors
    /// [`LinkError::Malformed`] if it was there before, or the numbers of its connection do not rise.
    pub(super) fn arrive(&mut self, number: u64, last: Option<u64>) -> Result<Arrival, LinkError> {
        let is_rising = last.is_none_or(|last| last < number);
        if !is_rising || number < self.due || self.early.contains_key(&number) {
            return Err(LinkError::Malformed);
        }
        if number > self.due {
            return Ok(Arrival::Early);
        }
        self.due += 1;
        Ok(Arrival::Due)
    }

    /// Keeps a message, with its encoded header, until it is due.
    pub(super) fn keep(&mut self, number: u64, header: Vec<u8>, payload: KeptPayload) {
        self.early_bytes += header.len() + payload.memory_bytes() + MESSAGE_COST;
        self.early.insert(number, (header, payload));
    }

    /// Takes the message that is due, if it has come.
    pub(super) fn take(&mut self) -> Option<(Vec<u8>, KeptPayload)> {
        let (header, payload) = self.early.remove(&self.due)?;
        self.early_bytes -= header.len() + payload.memory_bytes() + MESSAGE_COST;
        self.due += 1;
        Some((header, payload))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use remofile_protocol::wire::{Header, OperationId, Signal};

    fn message(number: u64) -> (Vec<u8>, KeptPayload) {
        let mut header = Vec::new();
        Header::signal(OperationId(number), Signal::Ping).encode(&mut header);
        (header, vec![0; 100].into())
    }

    fn taken(order: &mut MessageOrder) -> OperationId {
        Header::decode(&order.take().unwrap().0).unwrap().operation
    }

    fn keep(order: &mut MessageOrder, number: u64) {
        let (header, payload) = message(number);
        order.keep(number, header, payload);
    }

    #[test]
    fn messages_are_taken_in_the_order_of_their_numbers() {
        let mut order = MessageOrder::default();
        assert!(!order.has_begun());
        assert_eq!(order.arrive(1, None).unwrap(), Arrival::Early);
        keep(&mut order, 1);
        assert_eq!(order.arrive(2, Some(1)).unwrap(), Arrival::Early);
        keep(&mut order, 2);
        assert!(order.take().is_none());
        assert_eq!(order.arrive(0, None).unwrap(), Arrival::Due);
        assert_eq!(taken(&mut order), OperationId(1));
        assert_eq!(taken(&mut order), OperationId(2));
        assert!(order.take().is_none() && order.early_bytes == 0 && order.has_begun());
    }

    #[test]
    fn numbers_that_come_twice_or_do_not_rise_are_refused() {
        let mut order = MessageOrder::default();
        assert_eq!(order.arrive(0, None).unwrap(), Arrival::Due);
        assert!(order.arrive(0, None).is_err(), "it was taken");
        assert_eq!(order.arrive(5, Some(0)).unwrap(), Arrival::Early);
        keep(&mut order, 5);
        assert!(order.arrive(5, None).is_err(), "it waits");
        assert!(order.arrive(4, Some(5)).is_err(), "another one of its connection was behind it");
    }

    #[test]
    fn what_waits_counts_as_much_as_was_sent() {
        let mut order = MessageOrder::default();
        order.keep(7, vec![0; EARLY_BYTES], vec![].into());
        assert!(!order.admits(Some(7)), "a header may be long, too");
    }

    #[test]
    fn a_connection_on_which_the_message_that_is_due_may_come_is_always_read() {
        let mut order = MessageOrder::default();
        order.arrive(0, None).unwrap();
        order.keep(7, message(7).0, vec![0; EARLY_BYTES].into());
        assert!(!order.admits(Some(7)), "what is due cannot come over it");
        assert!(order.admits(Some(0)) && order.admits(None));
    }
}
