//! Joining: a peer that has proved its token becomes a further connection of a session that it has.

use super::Lobby;
use super::newcomer::Newcomer;
use super::waiting::{Stage, Waiting, is_long};
use crate::carrier::{Link, RecordKeys};
use crate::server::lanes::Seat;
use crate::server::roster::Pass;
use remofile_protocol::handshake::{ClientHello, Refusal, ServerHello};
use remofile_protocol::limits::DEFAULT_PAYLOAD_BYTES;

/// The part of all descriptors that further connections may take.
const SHARE: usize = 8;

impl Lobby {
    /// Returns the hello for a peer with this token, and its `seat` if it joins a session that is there: so it need not wait for
    /// more than this answer.
    pub(super) fn hello(
        &self,
        token: usize,
        peer: &ClientHello,
        seat: &mut Option<Seat>,
    ) -> Result<ServerHello, Refusal> {
        let pass = self.pass(token)?;
        *seat = self.reserve(&pass, peer);
        Ok(ServerHello { has_joined: seat.is_some(), ..pass.grant.hello.clone() })
    }

    fn reserve(&self, pass: &Pass, peer: &ClientHello) -> Option<Seat> {
        let most = self.descriptors / SHARE;
        self.context.shared.lanes.reserve(pass.grant.principal.id, peer.identity?, peer.joins?, most)
    }

    /// Hands a newcomer over to its session. If there is none, or no room, its connection is closed.
    pub(super) fn join(&mut self, newcomer: Newcomer) {
        let Newcomer::Native { waiting, pass } = newcomer else { return };
        self.leave(&waiting);
        let Waiting { stream, address, stage: Stage::Answered { session, since, received, seat, .. }, .. } = waiting
        else {
            return;
        };
        let Some(seat) = seat.or_else(|| self.reserve(&pass, &session.peer)) else {
            return tracing::debug!(%address, "no session that it could be a further connection of");
        };
        let send_payload = session.peer.max_payload_bytes.min(DEFAULT_PAYLOAD_BYTES);
        let keys = RecordKeys { sealer: session.sealer, opener: session.opener };
        let link = Link::new(stream, keys, send_payload, DEFAULT_PAYLOAD_BYTES, &received);
        let link = if is_long(since, address) { link.over_long_line() } else { link };
        match seat.hand_over(link) {
            Some(session) => {
                tracing::debug!(%address, session, "a further connection of a session");
                self.wake(session);
            }
            None => tracing::debug!(%address, "the session that it would have joined is over"),
        }
    }
}
