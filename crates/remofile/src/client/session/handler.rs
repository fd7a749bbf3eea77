//! The handler of a call: the part that differs between operations.

use crate::carrier::{Link, Produced, Waker};
use crate::client::session::ended::broken;
use crate::client::session::lanes::Lanes;
use crate::error::{Error, Result};
use crate::monitor::{Event, Monitor};
use remofile_protocol::session::ClientSession;
use remofile_protocol::wire::{Failure, Holder, Item, OperationId};
use std::time::Duration;

/// The part of a call that differs between operations. An error of a handler ends the operation, and becomes the
/// call's. A lost connection ends the session: so its server keeps the partial of the open file.
pub(crate) trait Handler {
    /// Takes elements of a listing. Returns the number of payload bytes that are held, to be consumed later.
    fn entries(&mut self, _payload: &[u8]) -> Result<u64> {
        Err(unexpected())
    }

    /// Takes the next bytes of a part of a file.
    fn bytes(&mut self, _payload: &[u8]) -> Result<()> {
        Err(unexpected())
    }

    /// Takes items of a download. Returns the number of payload bytes that are held, to be consumed later.
    fn items(&mut self, _items: Vec<Item>, _payload: &[u8]) -> Result<u64> {
        Err(unexpected())
    }

    /// Learns that the server has begun the operation and grants more credit.
    fn granted(&mut self) {}

    /// Learns that a file of an upload was not stored.
    fn item_failed(&mut self, _failure: Failure) -> Result<()> {
        Err(unexpected())
    }

    /// Learns the total that is going to be sent.
    fn total(&mut self, _files: u64, _bytes: u64) {}

    /// Learns that the operation waits for the lease.
    fn waiting(&mut self, holders: &[Holder]);

    /// Queues the next message of an upload, or reports bytes of a download as consumed.
    fn produce(&mut self, _call: &mut OngoingCall<'_>) -> Result<Produced> {
        Ok(Produced::Nothing)
    }

    /// Returns the time at which it may produce again, if it waits for that.
    fn ready_at(&self) -> Option<Duration> {
        None
    }

    /// Returns the waker that is called when it has something to produce again.
    fn waker(&self) -> Option<&Waker> {
        None
    }
}

/// A call that is under way, which a handler sends by.
pub(crate) struct OngoingCall<'a> {
    pub(crate) now: Duration,
    pub(crate) machine: &'a mut ClientSession,
    pub(crate) operation: OperationId,
    /// Most bytes of content that a message should have.
    pub(crate) message_bytes: u64,
    pub(super) link: &'a mut Link,
    pub(super) lanes: Option<&'a mut Lanes>,
}

impl OngoingCall<'_> {
    /// Returns the number of connections that the session has.
    pub(crate) fn connections(&self) -> usize {
        self.link.lanes()
    }

    /// Sends a message. `fill` puts the payload in place and returns the items, or an error if there is nothing to
    /// send.
    pub(crate) fn send<R>(
        &mut self,
        fill: impl FnOnce(&mut crate::carrier::MessageWriter<'_>, u64) -> std::result::Result<Vec<Item>, R>,
    ) -> Result<std::result::Result<(), R>> {
        let credit = self.machine.credit(self.operation);
        let mut message = self.link.message();
        match fill(&mut message, credit) {
            Err(nothing) => Ok(Err(nothing)),
            Ok(items) => {
                let payload = message.payload_bytes();
                if let Some(lanes) = &mut self.lanes {
                    lanes.learn(&items);
                }
                let header = self.machine.data(self.operation, items, payload).map_err(broken)?;
                self.link.finish(&header, payload);
                Ok(Ok(()))
            }
        }
    }
}

/// An operation that is one request and one answer.
pub(crate) struct Plain<'a> {
    monitor: &'a mut dyn Monitor,
}

impl<'a> Plain<'a> {
    pub(crate) fn new(monitor: &'a mut dyn Monitor) -> Self {
        Self { monitor }
    }
}

impl Handler for Plain<'_> {
    fn waiting(&mut self, holders: &[Holder]) {
        self.monitor.report(Event::Waiting { holders });
    }
}

fn unexpected() -> Error {
    Error::Protocol("a message that this operation does not have".to_owned())
}
