//! The world of a simulation: one server, its disk, some clients, the lines between them, and time.
//!
//! At each step one thing of all that could happen now happens; when nothing can, time goes on to the next that will. So
//! a seed tells the whole course. All promises are looked at after each step.

mod checks;
mod clients;
mod faults;
mod formers;
mod sessions;
mod setup;

use super::chance::Chance;
use super::client::{Client, Link};
use super::disk::Disk;
use super::former::FormerClient;
use super::link::Pipe;
use super::model::Model;
use super::mutant::Mutant;
use crate::carrier::clock;
use crate::server::ServerOptions;
use crate::server::simulated::{SimulatedServer, SimulatedSession};
use std::collections::{BTreeMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

/// Virtual time in which there are faults, and in which everything has to be over after them.
const TROUBLED: Duration = Duration::from_secs(40);
const CALM: Duration = Duration::from_secs(5 * 60);

/// Steps of one course at most: more are a circle.
const MOST_STEPS: u64 = 200_000;

/// Events that are told of a course that failed.
const TOLD: usize = 60;

pub(super) struct World {
    chance: Chance,
    mutant: Option<Mutant>,
    base: Instant,
    step: u64,
    options: ServerOptions,
    disk: Disk,
    server: Option<SimulatedServer>,
    lines: BTreeMap<u64, Line>,
    next_line: u64,
    clients: Vec<Client>,
    /// The clients of protocol 1.
    formers: Vec<FormerClient>,
    model: Model,
    next_fault: Duration,
    /// True if the server takes no more connections and ends with its sessions.
    is_stopping: bool,
    events: VecDeque<String>,
    /// The events and their times, so that two courses can be compared.
    trace: u64,
    is_told_all: bool,
}

/// The client at the end of a line.
#[derive(Debug, Clone, Copy)]
enum End {
    Client(usize),
    /// A client of protocol 1.
    Former(usize),
}

/// A connection: the client's end, and the session at the server's.
struct Line {
    client: End,
    up: Pipe,
    down: Pipe,
    session: Option<SimulatedSession>,
    is_dirty: bool,
    /// True as long as a client has it.
    has_client: bool,
}

#[derive(Debug, Clone, Copy, Hash)]
enum Action {
    Connect(usize),
    Look(usize),
    Speak(usize),
    Hear(usize),
    ClientTimeout(usize),
    FormerConnect(usize),
    FormerLook(usize),
    FormerHear(usize),
    FormerTimeout(usize),
    Produce(u64),
    Receive(u64),
    Woken(u64),
    SessionTimeout(u64),
    Job,
    Fault,
    Stop,
    Restart,
}

/// The outcome of a course.
#[derive(Debug)]
pub(super) struct Course {
    pub(super) steps: u64,
    pub(super) trace: u64,
    /// Tasks that were done, by what they are.
    pub(super) done: BTreeMap<&'static str, u64>,
    /// A promise that was broken, with the last events before.
    pub(super) broken: Option<String>,
}

impl World {
    /// Runs until all clients are content and everything is over, or a promise is broken.
    pub(super) fn run(mut self) -> Course {
        let broken = self.run_on().err();
        let broken = broken.map(|broken| {
            let events: Vec<String> = self.events.iter().cloned().collect();
            format!("{broken}\nat step {} after {:?}:\n  {}", self.step, self.now(), events.join("\n  "))
        });
        Course { steps: self.step, trace: self.trace, done: std::mem::take(&mut self.model.done), broken }
    }

    fn run_on(&mut self) -> Result<(), String> {
        while let Some(action) = self.next_action()? {
            self.step += 1;
            self.note(action);
            self.act(action)?;
            self.check()?;
            if self.step > MOST_STEPS {
                return Err("it goes round in circles".to_owned());
            }
        }
        self.check_end()
    }

    fn note(&mut self, action: Action) {
        let now = self.now();
        // Always with the same keys.
        let mut hasher = DefaultHasher::new();
        (self.trace, now, action).hash(&mut hasher);
        self.trace = hasher.finish();
        if self.is_told_all {
            self.tell(format!("{now:?} {action:?}"));
        }
    }

    fn now(&self) -> Duration {
        clock::now() - self.base
    }

    fn is_calm(&self) -> bool {
        self.now() >= TROUBLED
    }

    fn tell(&mut self, event: impl std::fmt::Display) {
        if self.events.len() == TOLD && !self.is_told_all {
            self.events.pop_front();
        }
        let told = format!("{:>6} {:>12?} {event}", self.step, self.now());
        self.events.push_back(told);
    }

    /// Chooses among all that can happen now; lets time go on if that is nothing. `None` when all is over.
    fn next_action(&mut self) -> Result<Option<Action>, String> {
        loop {
            let now = self.now();
            if now > TROUBLED + CALM {
                let clients = self.clients.iter().filter(|one| !one.is_content()).map(Client::told);
                let formers = self.formers.iter().filter(|one| !one.is_content()).map(FormerClient::told);
                let told: Vec<String> = clients.chain(formers).collect();
                return Err(format!("somebody waits for ever: {told:?}"));
            }
            let (mut possible, mut next) = (Vec::new(), None::<Duration>);
            for (at, action) in self.pending() {
                if at <= now {
                    possible.push(action);
                } else {
                    next = Some(next.map_or(at, |next| next.min(at)));
                }
            }
            if !possible.is_empty() {
                return Ok(Some(*self.chance.pick(&possible)));
            }
            let is_over = self.lines.is_empty() && self.are_all_content();
            match next {
                Some(_) | None if is_over => return Ok(None),
                Some(at) => clock::simulated::advance(at - now),
                None => return Err("nothing can happen any more, and somebody waits".to_owned()),
            }
        }
    }

    /// All that will happen, with its time.
    fn pending(&self) -> Vec<(Duration, Action)> {
        let mut pending = Vec::with_capacity(32);
        for client in &self.clients {
            let number = client.number;
            match client.connection.and_then(|line| self.lines.get(&line)) {
                None if client.is_content() || self.server.is_none() || self.is_stopping => {}
                None => pending.push((client.wakes_at, Action::Connect(number))),
                Some(line) => {
                    if client.has_time() || client.is_content() {
                        pending.push((client.wakes_at, Action::Look(number)));
                    }
                    if client.is_dirty && line.up.has_room() {
                        pending.push((Duration::ZERO, Action::Speak(number)));
                    }
                    pending.extend(line.down.next_at().map(|at| (at, Action::Hear(number))));
                    pending.extend(client.next_timeout().map(|at| (at, Action::ClientTimeout(number))));
                }
            }
        }
        self.pending_of_formers(&mut pending);
        for (number, line) in &self.lines {
            let Some(session) = &line.session else { continue };
            if line.is_dirty && line.down.has_room() {
                pending.push((Duration::ZERO, Action::Produce(*number)));
            }
            if session.wants_messages() || session.is_done() {
                pending.extend(line.up.next_at().map(|at| (at, Action::Receive(*number))));
            }
            if session.is_called() {
                pending.push((Duration::ZERO, Action::Woken(*number)));
            }
            pending.extend(session.next_timeout().map(|at| (at, Action::SessionTimeout(*number))));
        }
        match &self.server {
            Some(server) if server.has_jobs() => pending.push((Duration::ZERO, Action::Job)),
            Some(_) if self.is_stopping && self.lines.values().all(|line| line.session.is_none()) => {
                pending.push((Duration::ZERO, Action::Stop));
            }
            Some(_) => {}
            None => pending.push((self.next_fault, Action::Restart)),
        }
        if self.server.is_some() && !self.is_stopping && self.next_fault < TROUBLED && !self.are_all_content() {
            pending.push((self.next_fault, Action::Fault));
        }
        pending
    }

    fn are_all_content(&self) -> bool {
        self.clients.iter().all(Client::is_content) && self.formers.iter().all(FormerClient::is_content)
    }

    fn act(&mut self, action: Action) -> Result<(), String> {
        match action {
            Action::Connect(client) => self.connect(client),
            Action::Look(client) => self.look(client)?,
            Action::Speak(client) => self.speak(client)?,
            Action::Hear(client) => self.hear(client)?,
            Action::ClientTimeout(client) => {
                let now = self.now();
                if self.clients[client].handle_timeout(now)? == Link::Lost {
                    self.tell(format!("client {client} takes the server for dead"));
                    self.lose(client);
                }
            }
            Action::FormerConnect(_) | Action::FormerLook(_) | Action::FormerHear(_) | Action::FormerTimeout(_) => {
                self.act_of_former(action)?;
            }
            Action::Produce(line) => self.produce(line)?,
            Action::Receive(line) => self.receive(line)?,
            Action::Woken(line) => self.with_session(line, |session, now| {
                session.woken(now);
                Ok(())
            })?,
            Action::SessionTimeout(line) => {
                self.with_session(line, SimulatedSession::handle_timeout)?;
            }
            Action::Job => {
                let choice = self.chance.below(64);
                if let Some(server) = &self.server {
                    server.run_job(choice);
                }
            }
            Action::Fault => self.fault(),
            Action::Stop => {
                self.tell("the server has stopped".to_owned());
                self.end_server();
            }
            Action::Restart => {
                self.server = Some(SimulatedServer::new(self.options.clone()));
                self.next_fault = self.now() + self.chance.time(Duration::from_secs(8));
                self.tell("a server begins".to_owned());
            }
        }
        Ok(())
    }

    fn remove_finished_lines(&mut self) {
        self.lines.retain(|_, line| line.has_client || line.session.is_some());
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.lines.clear();
        while self.server.as_ref().is_some_and(|server| server.run_job(0)) {}
        crate::blocking::manual::help_no_more();
        clock::simulated::set(None);
    }
}
