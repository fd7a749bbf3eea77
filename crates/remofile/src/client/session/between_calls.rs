//! A session between two calls: what comes then, and the connections that later calls have.

use crate::carrier::{LONG_ROUND_TRIP, Line, Message};
use crate::client::ClientOptions;
use crate::client::session::call::{Session, broken, closed};
use crate::client::session::endpoint::LeaseHold;
use crate::client::session::lane_choice::LaneChoice;
use crate::client::session::lane_opening::LaneOpener;
use crate::client::session::lanes::Lanes;
use crate::error::Result;
use remofile_protocol::session::ClientEvent;
use remofile_protocol::wire::ErrorCode;
use std::time::Duration;

/// Messages that are taken in a row while none is waited for. A server that sends more is not listened to any
/// longer.
const MESSAGES_BETWEEN_CALLS: usize = 1024;

impl Session {
    /// Sets the round trip of the line.
    pub(super) fn over(self, round_trip: Duration) -> Self {
        let mut session = self;
        session.round_trip = round_trip;
        session
    }

    /// Returns the time that the server took to answer, at the other end of whatever is between.
    pub(crate) fn answered(&self) -> Duration {
        self.answered
    }

    /// Reports whether one more round trip is felt: never on the same machine, which may only be busy.
    pub(crate) fn is_line_long(&self) -> bool {
        !self.place.address.ip().to_canonical().is_loopback() && self.round_trip >= LONG_ROUND_TRIP
    }

    /// Has calls from now on open further connections, if the server takes them and the session has none.
    pub(crate) fn plan_lanes(&mut self, choice: LaneChoice, options: ClientOptions) {
        let Some(connection) = self.connection.as_ref().filter(|_| self.hello.takes_lanes && self.lanes.is_none())
        else {
            return;
        };
        let (place, joins) = (self.place.clone(), connection.told().connection);
        self.lanes = Lanes::plan(choice, self.round_trip, || LaneOpener { options, place, joins });
    }

    /// Reports whether it is with the server that a new one would be with: all sessions of a client are, so that each sees what
    /// another one has done, whatever their servers share.
    pub(crate) fn is_current(&self, options: &ClientOptions) -> bool {
        // A server that is lost for changes may well go on with its sessions.
        if options.kept_servers.was_lost(&self.place) {
            return false;
        }
        let Some(current) = options.kept_servers.current().filter(|current| *current != self.place) else {
            return true;
        };
        // What is kept may be shared with clients of other servers.
        options.servers().is_ok_and(|servers| !servers.contains(&current.server))
    }

    /// Drops further connections that were begun and turned out to be of no use.
    pub(crate) fn forget_lanes_ahead(&mut self) {
        self.lanes.take_if(|lanes| lanes.is_ahead());
    }

    /// Reports whether it has further connections, or is about to have them.
    pub(crate) fn has_lanes(&self) -> bool {
        self.lanes.as_ref().is_some_and(Lanes::has_begun)
    }

    /// Reports whether the server has ended the session while it was idle.
    pub(crate) fn is_stale(&mut self) -> bool {
        if self.gateway.as_ref().is_some_and(|(guard, _)| guard.is_stale()) {
            return true;
        }
        for _ in 0..MESSAGES_BETWEEN_CALLS {
            let Ok(received) = self.link.receive() else { return true };
            let Some(Message { header, payload }) = received else { return false };
            match self.machine.receive(self.clock.elapsed(), header, payload.len()) {
                Ok(ClientEvent::Closed(reason)) => {
                    self.is_replaced = reason == Some(ErrorCode::SessionReplaced);
                    return true;
                }
                Err(_) => return true,
                Ok(event) => LeaseHold::learn(&mut self.lease_hold, &event),
            }
        }
        // A well-meaning server does not send so much to an idle client.
        true
    }

    /// Takes the messages that have come, and answers those that want an answer, without waiting.
    pub(crate) fn answer(&mut self) -> Result<()> {
        for _ in 0..MESSAGES_BETWEEN_CALLS {
            let Some(Message { header, payload }) = self.link.receive()? else { break };
            let event = self.machine.receive(self.clock.elapsed(), header, payload.len()).map_err(broken)?;
            LeaseHold::learn(&mut self.lease_hold, &event);
            if let ClientEvent::Closed(reason) = event {
                return Err(closed(reason));
            }
        }
        while self.link.has_room()
            && let Some(header) = self.machine.poll_header()
        {
            self.link.push(&header);
        }
        self.link.flush()?;
        Ok(())
    }
}
