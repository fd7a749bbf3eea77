//! The clients of the world: they connect, look for work, speak, hear, and lose their lines.

use super::{End, Line, World};
use crate::simulation::client::{Link, Moment};
use crate::simulation::link::{Arrived, Pipe};
use crate::simulation::mutant::Mutant;
use std::time::Duration;

impl World {
    pub(super) fn connect(&mut self, client: usize) {
        // An attempt that its client has given up already comes before.
        if !self.is_calm() && self.chance.one_in(10) {
            let line = self.open(client);
            self.tell(format!("client {client} opens {line}, and gives it up"));
            if let Some(line) = self.lines.get_mut(&line) {
                line.has_client = false;
                line.up.close();
                line.down.deafen();
            }
        }
        let line = self.open(client);
        self.tell(format!("client {client} opens {line}"));
        self.clients[client].connected(line);
    }

    fn open(&mut self, client: usize) -> u64 {
        self.next_line += 1;
        let one = &self.clients[client];
        let (name, identity) = (one.name(), one.identity());
        let store = self.disk.store(self.next_line, Some(identity));
        let mutant = self.mutant;
        let session = self.server.as_mut().map(|server| match mutant {
            Some(Mutant::SharedLeases) => server.open_unleased(&name, identity, store),
            _ => server.open(&name, identity, store),
        });
        let (up, down) = (Pipe::default(), Pipe::default());
        let client = End::Client(client);
        self.lines.insert(self.next_line, Line { client, up, down, session, is_dirty: true, has_client: true });
        self.next_line
    }

    pub(super) fn look(&mut self, client: usize) -> Result<(), String> {
        let (now, is_calm) = (self.now(), self.is_calm());
        let one = &mut self.clients[client];
        if one.is_content() {
            one.wakes_at = Duration::MAX;
            one.say_goodbye();
            return Ok(());
        }
        let (model, disk) = (&mut self.model, &self.disk);
        let is_damaged = |content: &[u8]| disk.lock().is_damaged(content);
        one.look_for_work(&mut Moment { now, step: self.step, model, is_damaged: &is_damaged, is_calm })?;
        let told = one.told();
        self.tell(told);
        Ok(())
    }

    pub(super) fn speak(&mut self, client: usize) -> Result<(), String> {
        let (now, is_calm, step) = (self.now(), self.is_calm(), self.step);
        let (one, model, disk) = (&mut self.clients[client], &mut self.model, &self.disk);
        let is_damaged = |content: &[u8]| disk.lock().is_damaged(content);
        let moment = Moment { now, step, model, is_damaged: &is_damaged, is_calm };
        let sent = one.produce(&moment)?;
        let delay = self.chance.time(Duration::from_millis(80));
        let Some(line) = one.connection.and_then(|line| self.lines.get_mut(&line)) else { return Ok(()) };
        match sent {
            Some((header, payload)) => line.up.send(now, delay, &header, &payload),
            // Behind a goodbye nothing comes.
            None if one.is_content() && one.wakes_at == Duration::MAX => {
                line.has_client = false;
                line.up.close();
                line.down.deafen();
                one.connection = None;
                self.remove_finished_lines();
            }
            None => {}
        }
        Ok(())
    }

    pub(super) fn hear(&mut self, client: usize) -> Result<(), String> {
        let (now, is_calm, step) = (self.now(), self.is_calm(), self.step);
        let (one, model, disk) = (&mut self.clients[client], &mut self.model, &self.disk);
        let Some(line) = one.connection.and_then(|line| self.lines.get_mut(&line)) else { return Ok(()) };
        let is_damaged = |content: &[u8]| disk.lock().is_damaged(content);
        let heard = match line.down.take() {
            Arrived::End => Link::Lost,
            Arrived::Bytes(_) => return Err("an answer of another protocol".to_owned()),
            Arrived::Message(header, payload) => {
                let mut moment = Moment { now, step, model, is_damaged: &is_damaged, is_calm };
                one.receive(&mut moment, *header, &payload)?
            }
        };
        if heard == Link::Lost {
            self.tell(format!("client {client} hears the end"));
            self.lose(client);
        }
        Ok(())
    }

    /// A client gives its connection up.
    pub(super) fn lose(&mut self, client: usize) {
        let now = self.now();
        if let Some(line) = self.clients[client].connection.and_then(|line| self.lines.get_mut(&line)) {
            line.has_client = false;
            line.up.close();
            line.down.deafen();
        }
        self.clients[client].lost(now);
        self.remove_finished_lines();
    }
}
