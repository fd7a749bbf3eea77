//! The driving of a conversation: the messages that it sends, its time, and its end.

use super::{Conversation, ConversationError, Outgoing, ProtocolState, answered};
use crate::carrier::MessageWriter;
use crate::server::bandwidth::Direction;
use crate::server::roster::{Pass, Roster};
use crate::server::session::Turn;
use remofile_protocol::wire::ErrorCode;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

impl Conversation {
    /// Gives the next message to send; its payload is put into `message`.
    pub(in crate::server) fn produce(
        &mut self,
        now: Duration,
        message: &mut MessageWriter<'_>,
    ) -> Result<Outgoing, ConversationError> {
        self.take_answers(now)?;
        self.paced_until = self.wait_for_bandwidth().map(|wait| now + wait);
        if self.paced_until.is_some() {
            return Ok(Outgoing::Nothing);
        }
        if let Some(frames) = self.next_reply() {
            return Ok(Outgoing::Frames(frames));
        }
        match &mut self.protocol {
            ProtocolState::Protocol2(session, _) => Ok(match session.produce(now, message)? {
                Turn::Message(header) => Outgoing::Message(header),
                Turn::Work => Outgoing::Work,
                Turn::Nothing => Outgoing::Nothing,
            }),
            _ => Ok(Outgoing::Nothing),
        }
    }

    /// Ends it if the roster in force does not admit it any more.
    pub(in crate::server) fn end_unless_admitted(&self, roster: &Roster, pass: &Pass, now: SystemTime) {
        if !roster.admits(pass, now) {
            self.peer.presence.end(ErrorCode::TokenRevoked);
        }
    }

    /// Takes the answers of protocol 1 that have come from other threads.
    fn take_answers(&mut self, now: Duration) -> Result<(), ConversationError> {
        let ProtocolState::Protocol1(exchange) = &mut self.protocol else { return Ok(()) };
        let Some(answer) = exchange.come_back(now) else { return Ok(()) };
        let reply = answered(answer);
        self.count(Direction::Sent, reply.iter().map(Vec::len));
        self.replies.push_back(reply);
        self.rest_if_idle();
        self.count_replies()
    }

    /// Starts what has waited; ends everything if the server stops.
    pub(in crate::server) fn woken(&mut self, now: Duration) {
        match &mut self.protocol {
            ProtocolState::Protocol2(session, _) => session.woken(now),
            ProtocolState::Undecided | ProtocolState::Protocol1(_)
                if self.context.shared.stopping.load(Ordering::Acquire) =>
            {
                self.protocol = ProtocolState::Ended;
            }
            // Protocol 1 has no goodbye: its sockets connect again by themselves.
            ProtocolState::Undecided | ProtocolState::Protocol1(_) if self.peer.presence.leave().is_some() => {
                self.protocol = ProtocolState::Ended;
            }
            ProtocolState::Protocol1(exchange) => {
                exchange.woken();
                self.rest_if_idle();
            }
            ProtocolState::Undecided | ProtocolState::Ended => {}
        }
    }

    /// Returns the time at which [`Conversation::handle_timeout`] is to be called.
    pub(in crate::server) fn next_timeout(&self) -> Option<Duration> {
        match &self.protocol {
            ProtocolState::Protocol1(exchange) => exchange.next_timeout().into_iter().chain(self.paced_until).min(),
            ProtocolState::Protocol2(session, _) => session.next_timeout(),
            ProtocolState::Undecided | ProtocolState::Ended => None,
        }
    }

    /// Does what is due.
    pub(in crate::server) fn handle_timeout(&mut self, now: Duration) -> Result<(), ConversationError> {
        match &mut self.protocol {
            ProtocolState::Protocol1(exchange) => exchange.handle_timeout(now),
            ProtocolState::Protocol2(session, _) => session.handle_timeout(now)?,
            ProtocolState::Undecided | ProtocolState::Ended => {}
        }
        self.rest_if_idle();
        Ok(())
    }

    /// Reports whether messages are taken now.
    pub(in crate::server) fn wants_messages(&self) -> bool {
        match &self.protocol {
            // A peer that does not take its answers is not read either.
            ProtocolState::Undecided => self.replies.is_empty(),
            ProtocolState::Protocol1(exchange) => exchange.wants_requests() && self.replies.is_empty(),
            ProtocolState::Protocol2(session, _) => session.wants_messages() && self.replies.is_empty(),
            ProtocolState::Ended => false,
        }
    }

    /// Reports whether the conversation is over, except for messages in the queue.
    pub(in crate::server) fn is_done(&self) -> bool {
        self.replies.is_empty()
            && match &self.protocol {
                ProtocolState::Ended => true,
                ProtocolState::Protocol2(session, _) => session.is_done(),
                ProtocolState::Undecided | ProtocolState::Protocol1(_) => false,
            }
    }
}
