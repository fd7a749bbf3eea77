//! Many requests in one flight, each with one answer: none waits for the answer to the one before it.

use crate::carrier::{Link, Produced, drive};
use crate::client::OnWaiting;
use crate::client::session::call::{Session, closed};
use crate::client::session::context::CallContext;
use crate::client::session::endpoint::{ClientEndpoint, LeaseHold, SessionUse};
use crate::error::{Error, Result};
use crate::monitor::{Event, Monitor};
use remofile_protocol::path::RemotePath;
use remofile_protocol::session::{ClientEvent, ClientSession};
use remofile_protocol::wire::{Done, Failure, OperationId, Request};
use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

/// Requests under way at most: a fraction of what a server takes.
const MOST_REQUESTS: usize = 64;

/// The receiver of the answers: of each with the number of its request, in their order.
pub(crate) type OnAnswer<'a> = &'a mut dyn FnMut(usize, std::result::Result<Done, Failure>);

/// Requests that are made over one session.
pub(crate) struct Flight<'a> {
    requests: &'a [Request],
    /// Number of the next request to make.
    next: usize,
    /// Those under way, with their numbers.
    running: HashMap<OperationId, usize>,
    /// Those under way that wait for others.
    waiting: HashSet<OperationId>,
    /// The answers to those from `told` on, as far as they have come.
    answers: VecDeque<Option<std::result::Result<Done, Failure>>>,
    /// Number of the first request whose answer was not passed on.
    told: usize,
    on_answer: OnAnswer<'a>,
    on_waiting: OnWaiting,
}

impl<'a> Flight<'a> {
    pub(crate) fn new(requests: &'a [Request], on_answer: OnAnswer<'a>, on_waiting: OnWaiting) -> Self {
        Self {
            requests,
            next: 0,
            running: HashMap::new(),
            waiting: HashSet::new(),
            answers: VecDeque::new(),
            told: 0,
            on_answer,
            on_waiting,
        }
    }

    /// Returns the number of requests that were made.
    pub(crate) fn made(&self) -> usize {
        self.next
    }

    fn make(&mut self, machine: &mut ClientSession, now: Duration, wait_milliseconds: u64) -> bool {
        // Answers are passed on in their order: those that wait for an earlier one are bounded, too.
        let has_room = self.answers.len() < MOST_REQUESTS;
        let Some(request) = self.requests.get(self.next).filter(|_| has_room) else { return false };
        // A server does what one client asks for side by side, or in slices: what meets something waits for its end here.
        if self.running.values().any(|number| self.requests.get(*number).is_none_or(|other| meet(request, other))) {
            return false;
        }
        self.running.insert(machine.start(now, request.clone(), wait_milliseconds), self.next);
        self.answers.push_back(None);
        self.next += 1;
        true
    }

    fn end(&mut self, operation: OperationId, outcome: std::result::Result<Done, Failure>) {
        self.waiting.remove(&operation);
        let Some(number) = self.running.remove(&operation) else { return };
        if let Some(answer) = self.answers.get_mut(number - self.told) {
            *answer = Some(outcome);
        }
        while let Some(answer) = self.answers.front_mut().and_then(Option::take) {
            self.answers.pop_front();
            let number = self.told;
            self.told += 1;
            (self.on_answer)(number, answer);
        }
    }
}

/// Reports whether one request is about something at, above or below what the other is about.
fn meet(one: &Request, other: &Request) -> bool {
    let (Some(ones), Some(others)) = (changed(one), changed(other)) else { return true };
    let nested = |one: &RemotePath, other: &RemotePath| one.is_within(other) || other.is_within(one);
    ones.iter().any(|one| others.iter().any(|other| nested(one, other)))
}

/// Returns the paths at and below which a request changes something; `None` if that is not known.
fn changed(request: &Request) -> Option<Vec<&RemotePath>> {
    match request {
        Request::Remove { path, .. } => Some(vec![path]),
        Request::Move { source, destination, .. } => Some(vec![source, destination]),
        _ => None,
    }
}

impl Session {
    /// Makes requests, as many at once as there may be, until all are answered.
    ///
    /// # Errors
    /// Those of the connection: the session is not to be used again.
    pub(crate) fn fly(&mut self, flight: &mut Flight<'_>, context: &CallContext) -> Result<()> {
        let (watch, clock) = (self.stall_watch(), self.clock);
        let (machine, lease_hold) = (&mut self.machine, &mut self.lease_hold);
        let session = SessionUse { machine, lease_hold, context, clock, watch };
        let mut flying = Flying { session, flight, closed: None };
        let waker = context.interrupt.waker();
        let wakers: Vec<_> = waker.into_iter().collect();
        drive(&mut self.link, &mut flying, &wakers, self.clock)?;
        flying.closed.map_or(Ok(()), Err)
    }
}

/// A session that makes the requests of a flight.
struct Flying<'a, 'f> {
    session: SessionUse<'a>,
    flight: &'a mut Flight<'f>,
    /// The reason why the server has ended the session, if it has.
    closed: Option<Error>,
}

impl ClientEndpoint for Flying<'_, '_> {
    fn session(&self) -> &SessionUse<'_> {
        &self.session
    }

    fn is_kept_waiting(&self) -> bool {
        !self.flight.waiting.is_empty() && self.flight.waiting.len() == self.flight.running.len()
    }

    fn machine(&mut self) -> &mut ClientSession {
        self.session.machine
    }

    fn lease_hold(&mut self) -> &mut Option<LeaseHold> {
        self.session.lease_hold
    }

    fn learn(&mut self, _operation: OperationId, event: ClientEvent, _payload: &[u8]) -> Result<()> {
        match event {
            ClientEvent::Finished(operation, outcome) => self.flight.end(operation, outcome),
            ClientEvent::Waiting(operation, holders) => {
                self.flight.waiting.insert(operation);
                self.flight.on_waiting.report(Event::Waiting { holders: &holders });
            }
            ClientEvent::Closed(reason) => self.closed = Some(closed(reason)),
            ClientEvent::Granted(operation) => {
                self.flight.waiting.remove(&operation);
            }
            _ => {}
        }
        Ok(())
    }

    fn watch(&mut self, now: Duration) {
        self.session.watch.look(now, self.session.context, self.session.machine);
    }

    fn work(&mut self, now: Duration, _link: &mut Link) -> Result<Produced> {
        let wait = self.session.context.wait.milliseconds();
        let is_made = self.closed.is_none() && self.flight.make(self.session.machine, now, wait);
        Ok(if is_made { Produced::Work } else { Produced::Nothing })
    }

    fn is_over(&self) -> bool {
        self.closed.is_some() || self.flight.told == self.flight.requests.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use remofile_protocol::limits::DEFAULT_PAYLOAD_BYTES;

    #[test]
    fn a_request_waits_for_those_before_it_whose_paths_it_meets() {
        let path = |text: &str| text.parse::<RemotePath>().unwrap();
        let remove = |text: &str| Request::Remove { path: path(text), recursive: true };
        let renamed = Request::Move { source: path("/c"), destination: path("/b/c"), replace: false };
        let requests = [remove("/a/x"), remove("/ab"), remove("/a"), renamed, remove("/b")];
        let mut answered = Vec::new();
        let mut on_answer = |number: usize, _: std::result::Result<Done, Failure>| answered.push(number);
        let mut flight = Flight::new(&requests, &mut on_answer, OnWaiting::default());
        let mut machine = ClientSession::new(DEFAULT_PAYLOAD_BYTES);
        let mut make = |flight: &mut Flight<'_>| {
            while flight.make(&mut machine, Duration::ZERO, 0) {}
            flight.made()
        };
        let end = |flight: &mut Flight<'_>, number: usize| {
            let ended = flight.running.iter().find(|(_, running)| **running == number).map(|(id, _)| *id).unwrap();
            flight.end(ended, Ok(Done::default()));
        };
        assert_eq!(make(&mut flight), 2, "/a waits for /a/x");
        end(&mut flight, 1);
        assert_eq!(make(&mut flight), 2);
        end(&mut flight, 0);
        assert_eq!(make(&mut flight), 4, "/b waits for the move into it");
        end(&mut flight, 3);
        assert_eq!(make(&mut flight), 5);
        end(&mut flight, 2);
        end(&mut flight, 4);
        assert_eq!(answered, [0, 1, 2, 3, 4]);
    }
}
