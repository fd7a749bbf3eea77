//! The server's ends of the lines: what their sessions take, say and do.

use super::World;
use crate::server::simulated::{SimulatedSession, SimulatedTurn};
use crate::simulation::link::Arrived;
use crate::simulation::mutant::Mutant;
use remofile_protocol::session::SessionError;
use std::time::Duration;

impl World {
    pub(super) fn produce(&mut self, number: u64) -> Result<(), String> {
        let now = self.now();
        let Some(line) = self.lines.get_mut(&number) else { return Ok(()) };
        let Some(session) = &mut line.session else { return Ok(()) };
        let mut payload = Vec::new();
        let turn = session.produce(now, &mut payload).map_err(|error| format!("a session: {error}"))?;
        match turn {
            SimulatedTurn::Message(header) => {
                let delay = self.chance.time(Duration::from_millis(80));
                let is_lost = self.mutant == Some(Mutant::LostAnswer) && self.chance.one_in(40);
                if !is_lost {
                    line.down.send(now, delay, &header, &payload);
                }
            }
            SimulatedTurn::Answer(answer) => {
                let delay = self.chance.time(Duration::from_millis(80));
                line.down.send_bytes(now, delay, Vec::new(), answer);
            }
            SimulatedTurn::Work => {}
            SimulatedTurn::Nothing => {
                line.is_dirty = false;
                if session.is_done() {
                    self.end_session(number);
                }
            }
        }
        Ok(())
    }

    pub(super) fn receive(&mut self, number: u64) -> Result<(), String> {
        let now = self.now();
        let Some(line) = self.lines.get_mut(&number) else { return Ok(()) };
        let Some(session) = &mut line.session else { return Ok(()) };
        match line.up.take() {
            Arrived::End => {
                self.tell(format!("the session of {number} sees the end"));
                self.end_session(number);
            }
            Arrived::Bytes(request) => {
                line.is_dirty = true;
                session.ask(now, &request)?;
            }
            Arrived::Message(header, payload) => {
                line.is_dirty = true;
                session
                    .receive(now, *header, &payload)
                    .map_err(|error| format!("the session hears nonsense: {error}"))?;
            }
        }
        Ok(())
    }

    pub(super) fn with_session(
        &mut self,
        number: u64,
        act: impl FnOnce(&mut SimulatedSession, Duration) -> Result<(), SessionError>,
    ) -> Result<(), String> {
        let now = self.now();
        let Some(line) = self.lines.get_mut(&number) else { return Ok(()) };
        line.is_dirty = true;
        match line.session.as_mut().map(|session| act(session, now)) {
            None | Some(Ok(())) => Ok(()),
            Some(Err(SessionError::PeerSilent(_))) => {
                self.tell(format!("the session of {number} takes its client for dead"));
                self.end_session(number);
                Ok(())
            }
            Some(Err(error)) => Err(format!("a session: {error}")),
        }
    }

    /// A session ends, and closes its connection.
    pub(super) fn end_session(&mut self, number: u64) {
        let waits = self.chance.one_in(2);
        let Some(line) = self.lines.get_mut(&number) else { return };
        if let Some(session) = line.session.take() {
            if let Some(server) = &mut self.server {
                server.forget(session.number());
            }
            session.end(waits);
        }
        line.down.close();
        line.up.deafen();
        self.remove_finished_lines();
    }
}
