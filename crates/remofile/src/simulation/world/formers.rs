//! The clients of protocol 1 in a world.

use super::{Action, End, Line, World};
use crate::simulation::client::{Link, Moment};
use crate::simulation::link::{Arrived, Pipe};
use std::time::Duration;

impl World {
    /// All that will happen to clients of protocol 1, with its time.
    pub(super) fn pending_of_formers(&self, pending: &mut Vec<(Duration, Action)>) {
        for (number, former) in self.formers.iter().enumerate() {
            match former.connection.and_then(|line| self.lines.get(&line)) {
                None if former.is_content() || self.server.is_none() || self.is_stopping => {}
                None => pending.push((former.wakes_at, Action::FormerConnect(number))),
                Some(line) => {
                    if former.has_time() {
                        pending.push((former.wakes_at, Action::FormerLook(number)));
                    }
                    pending.extend(line.down.next_at().map(|at| (at, Action::FormerHear(number))));
                    pending.extend(former.next_timeout().map(|at| (at, Action::FormerTimeout(number))));
                }
            }
        }
    }

    pub(super) fn act_of_former(&mut self, action: Action) -> Result<(), String> {
        match action {
            Action::FormerConnect(number) => self.connect_former(number),
            Action::FormerLook(number) => self.look_of_former(number),
            Action::FormerHear(number) => self.hear_of_former(number)?,
            Action::FormerTimeout(number) => {
                self.tell(format!("former {number} waits no longer"));
                self.lose_former(number);
            }
            _ => {}
        }
        Ok(())
    }

    fn connect_former(&mut self, number: usize) {
        self.next_line += 1;
        let store = self.disk.store(self.next_line, None);
        let session = self.server.as_mut().map(|server| server.open_former(store));
        let (up, down, client) = (Pipe::default(), Pipe::default(), End::Former(number));
        self.lines.insert(self.next_line, Line { client, up, down, session, is_dirty: true, has_client: true });
        self.formers[number].connected(self.next_line);
        self.tell(format!("former {number} opens {}", self.next_line));
    }

    fn look_of_former(&mut self, number: usize) {
        let (now, is_calm, step) = (self.now(), self.is_calm(), self.step);
        let (former, disk) = (&mut self.formers[number], &self.disk);
        if former.is_content() {
            return self.lose_former(number);
        }
        let is_damaged = |content: &[u8]| disk.lock().is_damaged(content);
        let request = former.ask(&mut Moment { now, step, model: &mut self.model, is_damaged: &is_damaged, is_calm });
        let told = former.told();
        let delay = self.chance.time(Duration::from_millis(80));
        let line = self.formers[number].connection.and_then(|line| self.lines.get_mut(&line));
        if let (Some(request), Some(line)) = (request, line) {
            line.up.send_bytes(now, delay, Vec::new(), request);
        }
        self.tell(told);
    }

    fn hear_of_former(&mut self, number: usize) -> Result<(), String> {
        let (now, is_calm, step) = (self.now(), self.is_calm(), self.step);
        let (former, disk) = (&mut self.formers[number], &self.disk);
        let Some(line) = former.connection.and_then(|line| self.lines.get_mut(&line)) else { return Ok(()) };
        let is_damaged = |content: &[u8]| disk.lock().is_damaged(content);
        let heard = match line.down.take() {
            Arrived::Bytes(answer) => {
                let mut moment = Moment { now, step, model: &mut self.model, is_damaged: &is_damaged, is_calm };
                former.answered(&mut moment, &answer)?
            }
            Arrived::Message(..) => return Err("a message of another protocol".to_owned()),
            Arrived::End => Link::Lost,
        };
        if heard == Link::Lost {
            self.tell(format!("former {number} hears the end"));
            self.lose_former(number);
        }
        Ok(())
    }

    /// A client of protocol 1 gives its connection up.
    pub(super) fn lose_former(&mut self, number: usize) {
        let now = self.now();
        if let Some(line) = self.formers[number].connection.and_then(|line| self.lines.get_mut(&line)) {
            line.has_client = false;
            // A client of protocol 1 has no name by which its next session ends what is left of it: what it has asked for on a
            // silent line would be done whenever that speaks again, and nobody promises otherwise.
            match line.up.is_silent(now) {
                true => line.up.cut(0),
                false => line.up.close(),
            }
            line.down.deafen();
        }
        self.formers[number].lost(now);
        self.remove_finished_lines();
    }
}
