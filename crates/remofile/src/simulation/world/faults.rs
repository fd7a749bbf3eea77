//! Faults of a world.

use super::{End, World};
use crate::simulation::disk::Fall;
use std::time::Duration;

impl World {
    /// Something goes wrong.
    pub(super) fn fault(&mut self) {
        let now = self.now();
        self.next_fault = now + self.chance.time(Duration::from_secs(16));
        let line = match self.lines.len() {
            0 => None,
            lines => self.lines.keys().copied().nth(self.chance.below(lines)),
        };
        match (self.chance.below(10), line) {
            (0, _) => self.fall(Fall::Process),
            (1 | 2, _) => self.fall(Fall::Machine),
            (3, _) => {
                if let Some(server) = &mut self.server {
                    server.stop();
                }
                self.is_stopping = true;
                self.tell("the server is to stop".to_owned());
            }
            (4, Some(number)) => {
                let client = self.lines.get(&number).filter(|line| line.has_client).map(|line| line.client);
                match client {
                    Some(End::Client(client)) => self.kill(self.clients[client].user),
                    Some(End::Former(number)) => self.lose_former(number),
                    None => {}
                }
            }
            (5 | 6, Some(number)) => {
                let until = now + self.chance.time(Duration::from_secs(30));
                let (up, down) = (self.chance.one_in(2), self.chance.one_in(2));
                if let Some(line) = self.lines.get_mut(&number) {
                    if up || !down {
                        line.up.fall_silent(until);
                    }
                    if down || !up {
                        line.down.fall_silent(until);
                    }
                }
                self.tell(format!("line {number} is silent until {until:?}"));
            }
            (_, Some(number)) => {
                if let Some(line) = self.lines.get_mut(&number) {
                    let (up, down) = (self.chance.below(line.up.len() + 1), self.chance.below(line.down.len() + 1));
                    line.up.cut(up);
                    line.down.cut(down);
                }
                self.tell(format!("line {number} is cut"));
            }
            (_, None) => {}
        }
    }

    /// The program of a user is killed, or its machine falls.
    fn kill(&mut self, user: usize) {
        let (now, fall) = (self.now(), *self.chance.pick(&[Fall::Process, Fall::Process, Fall::Machine]));
        let clients: Vec<usize> = self.clients.iter().filter(|one| one.user == user).map(|one| one.number).collect();
        for (at, client) in clients.into_iter().enumerate() {
            if at == 0 {
                self.clients[client].fall(fall);
            }
            self.lose(client);
            self.clients[client].killed(now);
        }
        self.tell(format!("user {user} is killed: {fall:?}"));
    }

    /// The server, or its machine, falls: another server begins after some time.
    fn fall(&mut self, fall: Fall) {
        self.tell(format!("the server falls: {fall:?}"));
        self.disk.fall(fall);
        for line in self.lines.values_mut() {
            let kept = self.chance.below(line.down.len() + 1);
            line.down.cut(kept);
            line.up.deafen();
            // What it would still do is done on a disk that is gone.
            drop(line.session.take());
        }
        self.end_server();
        self.remove_finished_lines();
    }

    pub(super) fn end_server(&mut self) {
        while self.server.as_ref().is_some_and(|server| server.run_job(0)) {}
        self.server = None;
        self.is_stopping = false;
        self.next_fault = self.now() + self.chance.time(Duration::from_secs(5));
    }
}
