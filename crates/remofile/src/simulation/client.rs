//! A simulated client: the machine of the protocol, the judgement of the real client and the halves of its transfers, and
//! a user who does not give up.
//!
//! It does what the commands do: an upload is first sent blindly, surveyed if something is there or after a connection was
//! lost, and goes on behind what was kept. Whatever does not succeed is done again, as its user would.

mod mirroring;
mod work;

use super::chance::Chance;
use super::disk::{Disk, Fall};
use super::model::Model;
use super::mutant::Mutant;
use super::task::{Task, Upload};
use minicbor::Decoder;
use remofile_protocol::handshake::ClientIdentity;
use remofile_protocol::limits::DEFAULT_PAYLOAD_BYTES;
use remofile_protocol::session::{ClientEvent, ClientSession, SessionError};
use remofile_protocol::wire::{Done, Element, Failure, Header, Kind, Listed, OperationId, WAIT_FOREVER, credit_bytes};
use std::collections::VecDeque;
use std::time::Duration;
use work::{Hold, Next, Part, Work};

/// Content that is sent before the server has accepted an upload, in bytes.
const BLIND_BYTES: u64 = 128 * 1024;

/// The world as a client sees it at one moment.
pub(super) struct Moment<'a> {
    pub(super) now: Duration,
    pub(super) step: u64,
    pub(super) model: &'a mut Model,
    /// Reports whether some content is what a fall left of a file.
    pub(super) is_damaged: &'a dyn Fn(&[u8]) -> bool,
    /// True when the faults are over: then nobody loses patience.
    pub(super) is_calm: bool,
}

pub(super) struct Client {
    pub(super) number: usize,
    /// The number of its user, whose other connections are clients beside this one.
    pub(super) user: usize,
    chance: Chance,
    mutant: Option<Mutant>,
    identity: ClientIdentity,
    pub(super) connection: Option<u64>,
    machine: ClientSession,
    tasks: VecDeque<Task>,
    work: Option<Work>,
    /// The disk of its user's machine.
    disk: Disk,
    /// The time at which it looks for work, or connects again.
    pub(super) wakes_at: Duration,
    /// True if there may be something to send.
    pub(super) is_dirty: bool,
}

/// The user of one or more clients.
#[derive(Clone)]
pub(super) struct User {
    pub(super) number: usize,
    /// The disk of its machine.
    pub(super) disk: Disk,
    pub(super) mutant: Option<Mutant>,
}

/// The state of a client after something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    Kept,
    Lost,
}

type Checked<T> = Result<T, String>;

impl Client {
    pub(super) fn new(number: usize, user: &User, connection: u64, tasks: VecDeque<Task>, chance: Chance) -> Self {
        let User { number: user, disk, mutant } = user.clone();
        let identity = ClientIdentity { client: [user as u8 + 1; 16], incarnation: 1, connection };
        Self {
            number,
            user,
            disk,
            chance,
            mutant,
            identity,
            connection: None,
            machine: ClientSession::new(DEFAULT_PAYLOAD_BYTES),
            tasks,
            work: None,
            wakes_at: Duration::ZERO,
            is_dirty: false,
        }
    }

    pub(super) fn name(&self) -> String {
        format!("client {}", self.number)
    }

    pub(super) fn identity(&self) -> ClientIdentity {
        self.identity
    }

    /// Reports whether its user has nothing more to ask for.
    pub(super) fn is_content(&self) -> bool {
        self.work.is_none() && self.tasks.is_empty()
    }

    /// Its subject, for people.
    pub(super) fn told(&self) -> String {
        let work = self.work.as_ref().map(|work| (&work.task, work.hold, work.part.as_ref().map(|(id, _)| id.0)));
        format!(
            "client {} on connection {:?} at {work:?}, {} tasks wait",
            self.number,
            self.connection,
            self.tasks.len()
        )
    }

    /// Takes a connection, whose session has just begun.
    pub(super) fn connected(&mut self, connection: u64) {
        self.connection = Some(connection);
        self.machine = ClientSession::new(DEFAULT_PAYLOAD_BYTES);
        self.is_dirty = true;
    }

    /// Its connection is gone: what was under way begins again.
    pub(super) fn lost(&mut self, now: Duration) {
        self.connection = None;
        self.wakes_at = now + self.chance.time(Duration::from_secs(2));
        match &mut self.work {
            Some(work) if work.is_done => self.work = None,
            Some(work) => work.again(),
            None => {}
        }
    }

    /// The machine of its user falls, or what runs there.
    pub(super) fn fall(&self, fall: Fall) {
        self.disk.fall(fall);
    }

    /// Returns the disk of its user.
    pub(super) fn disk(&self) -> &Disk {
        &self.disk
    }

    /// Its process is killed, and its user starts the command once more.
    pub(super) fn killed(&mut self, now: Duration) {
        self.lost(now);
        self.identity.incarnation += 1;
    }

    /// Begins with the next task if there is none under way, and asks for what it needs next.
    pub(super) fn look_for_work(&mut self, moment: &mut Moment<'_>) -> Checked<()> {
        if self.work.is_none()
            && let Some(task) = self.tasks.pop_front()
        {
            self.work = Some(Work::begin(task, &self.disk, self.mutant, moment));
        }
        let wait = match moment.is_calm || self.chance.one_in(2) {
            true => WAIT_FOREVER,
            false => *self.chance.pick(&[0, 500, 5_000, 60_000]),
        };
        if let Some(work) = &mut self.work
            && work.part.is_none()
        {
            work.ask(&mut self.machine, moment, wait)?;
            if work.part.is_none() && work.is_finished() {
                self.end_work(moment);
            }
        }
        self.is_dirty = true;
        Ok(())
    }

    /// Reports whether it waits for nothing: then it looks for work.
    pub(super) fn has_time(&self) -> bool {
        match &self.work {
            Some(work) => work.part.is_none() && !matches!(work.hold, Hold::Asked(_) | Hold::Returned(_)),
            None => !self.tasks.is_empty(),
        }
    }

    /// Returns the next message to send, if there is one.
    pub(super) fn produce(&mut self, moment: &Moment<'_>) -> Checked<Option<(Header, Vec<u8>)>> {
        if let Some(header) = self.machine.poll_header() {
            return Ok(Some((header, Vec::new())));
        }
        if let Some(work) = &mut self.work
            && let Some((operation, Part::Upload(uploading))) = &mut work.part
        {
            let is_calm = moment.is_calm;
            if let Task::Upload(Upload { cancelled_in: Some(turns), .. }) = &mut work.task
                && !is_calm
            {
                if *turns == 0 {
                    self.machine.cancel(*operation);
                    uploading.stop();
                }
                *turns = turns.wrapping_sub(1);
            }
            let sent = uploading.produce(&mut self.machine, *operation, BLIND_BYTES)?;
            if sent.is_some() {
                return Ok(sent);
            }
        }
        if let Some(header) = self.machine.poll_header() {
            return Ok(Some((header, Vec::new())));
        }
        self.is_dirty = false;
        Ok(None)
    }

    pub(super) fn next_timeout(&self) -> Option<Duration> {
        self.connection.and_then(|_| self.machine.next_timeout())
    }

    /// Does what is due.
    pub(super) fn handle_timeout(&mut self, now: Duration) -> Checked<Link> {
        self.is_dirty = true;
        match self.machine.handle_timeout(now) {
            Ok(()) => Ok(Link::Kept),
            Err(SessionError::PeerSilent(_)) => Ok(Link::Lost),
            Err(error) => Err(format!("the client's machine: {error}")),
        }
    }

    /// Ends the session, if nothing of it is under way. Returns whether it was.
    pub(super) fn say_goodbye(&mut self) -> bool {
        if self.machine.is_idle() {
            self.machine.goodbye();
            self.is_dirty = true;
        }
        self.machine.is_idle()
    }

    /// Takes a message.
    pub(super) fn receive(&mut self, moment: &mut Moment<'_>, header: Header, payload: &[u8]) -> Checked<Link> {
        self.is_dirty = true;
        let event = self.machine.receive(moment.now, header, payload.len());
        match event.map_err(|error| format!("client {} hears nonsense: {error}", self.number))? {
            ClientEvent::None | ClientEvent::Waiting(..) | ClientEvent::Total { .. } => {}
            ClientEvent::Closed(_) => return Ok(Link::Lost),
            ClientEvent::Granted(operation) => self.granted(operation),
            ClientEvent::ItemFailed(_, failure) => {
                if let Some(Part::Upload(uploading)) = self.part() {
                    uploading.item_failed(&failure);
                }
            }
            ClientEvent::Entries(operation) => {
                self.entries(payload, moment)?;
                self.machine.consumed(operation, payload.len() as u64);
            }
            ClientEvent::Items(operation, items) => {
                let credit = credit_bytes(&items, payload.len());
                match self.part() {
                    Some(Part::Receive(receiver)) => receiver.take(items, payload)?,
                    Some(Part::Fetch(fetching)) => fetching.take(items, payload)?,
                    _ => {}
                }
                self.machine.consumed(operation, credit);
            }
            ClientEvent::Bytes(_) => return Err("bytes that nobody asked for".to_owned()),
            ClientEvent::Finished(operation, outcome) => self.finished(operation, outcome, moment)?,
        }
        Ok(Link::Kept)
    }

    fn part(&mut self) -> Option<&mut Part> {
        self.work.as_mut()?.part.as_mut().map(|(_, part)| part)
    }

    fn granted(&mut self, operation: OperationId) {
        let Some(work) = &mut self.work else { return };
        if work.hold == Hold::Asked(operation) {
            work.hold = Hold::Held(operation);
        } else if let Some((own, Part::Upload(uploading))) = &mut work.part
            && *own == operation
        {
            uploading.is_granted = true;
        }
    }

    fn entries(&mut self, payload: &[u8], moment: &Moment<'_>) -> Checked<()> {
        let mut decoder = Decoder::new(payload);
        let trusts_zeros = self.mutant == Some(Mutant::TrustedZeros);
        while decoder.position() < payload.len() {
            let mut element: Element = decoder.decode().map_err(|error| error.to_string())?;
            if let Element::Listed(Listed::Entry(entry)) = &mut element {
                entry.unflushed &= !trusts_zeros;
            }
            match self.part() {
                Some(Part::Survey(present)) => present.add(element),
                Some(Part::Elements(elements)) => elements.push(element),
                _ => {
                    if let Element::Listed(Listed::Entry(entry)) = element
                        && entry.kind == Kind::File
                        && !moment.model.paths().any(|path| *path == entry.path)
                        && entry.path.parent().is_some_and(|parent| !parent.is_root())
                    {
                        return Err(format!("{} is listed, which nobody made", entry.path));
                    }
                }
            }
        }
        Ok(())
    }

    fn finished(
        &mut self,
        operation: OperationId,
        outcome: Result<Done, Failure>,
        moment: &mut Moment<'_>,
    ) -> Checked<()> {
        let Some(work) = &mut self.work else { return Ok(()) };
        match work.hold {
            Hold::Asked(own) | Hold::Held(own) | Hold::Returned(own) if own == operation => {
                work.hold = Hold::None;
                if work.is_done {
                    self.work = None;
                } else if work.part.is_none() {
                    self.wakes_at = moment.now + self.chance.time(Duration::from_millis(500));
                }
                return Ok(());
            }
            _ => {}
        }
        let Some((_, part)) = work.part.take_if(|(own, _)| *own == operation) else { return Ok(()) };
        let next = work.learn(part, outcome, moment)?;
        if next == Next::Pause {
            self.wakes_at = moment.now + self.chance.time(Duration::from_secs(1));
        }
        if next == Next::Task {
            self.end_work(moment);
        }
        Ok(())
    }

    /// A task is done: its lease, if it has one, is given back.
    fn end_work(&mut self, moment: &mut Moment<'_>) {
        let Some(work) = &mut self.work else { return };
        moment.model.task_done(work.task.kind());
        work.is_done = true;
        match work.hold {
            Hold::Held(hold) => {
                self.machine.finish(hold);
                work.hold = Hold::Returned(hold);
            }
            _ => self.work = None,
        }
    }
}
