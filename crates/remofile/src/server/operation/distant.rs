//! An operation that looks at a distant store, whose answers may take longer than its client waits for a word: all of it is
//! done on other threads.
//!
//! Each of its turns is prepared in [`Operation::block`], with the credit and the room that it would have, and its message is
//! copied into its place when the operation is back: meanwhile the session says what else there is to say, heartbeats too.

use super::interface::{Operation, OperationTurn, Step};
use crate::blocking::Slice;
use crate::carrier::{MessageRoom, MessageWriter, clock};
use crate::transfer::Origins;
use remofile_protocol::wire::{ErrorCode, Failure, Request};
use std::time::Duration;

/// The beginning of an operation, which may take its time as well.
pub(in crate::server) type Begin = Box<dyn FnOnce() -> Result<Box<dyn Operation>, Failure> + Send>;

/// An operation on other threads.
pub(in crate::server) struct Distant {
    state: DistantState,
    /// The circumstances of the turn that is to be prepared, or was.
    turn: Circumstances,
    /// The outcome of the turn that was prepared.
    outcome: Option<Step>,
    /// The payload of its message, and the number of its bytes.
    payload: Vec<u8>,
    payload_bytes: usize,
    /// True if something came for it since.
    has_news: bool,
}

enum DistantState {
    Asked(Begin),
    Begun(Box<dyn Operation>),
    Over,
}

#[derive(Default)]
struct Circumstances {
    now: Duration,
    credit: u64,
    room: MessageRoom,
}

/// Reports whether a request only looks at the store.
pub(in crate::server) fn only_looks(request: &Request) -> bool {
    match request {
        Request::Stat { .. }
        | Request::Look { .. }
        | Request::Space { .. }
        | Request::Hash { .. }
        | Request::List { .. }
        | Request::Find { .. }
        | Request::Sign { .. }
        | Request::Survey { .. }
        | Request::Partials
        | Request::Read { .. }
        | Request::Download { .. } => true,
        // What a session stages is its own and not in the store yet.
        Request::Stage { .. } | Request::ReadStaged { .. } => false,
        Request::Status | Request::Hold { .. } => false,
        Request::ClearPartials { .. }
        | Request::CreateFile { .. }
        | Request::MakeDirectory { .. }
        | Request::Upload { .. }
        | Request::Remove { .. }
        | Request::Move { .. }
        | Request::Write { .. }
        | Request::Copy { .. }
        | Request::MakeLink { .. }
        | Request::SetAttributes { .. } => false,
    }
}

impl Distant {
    /// An operation that begins when it is on another thread for the first time.
    pub(in crate::server) fn new(begin: Begin) -> Self {
        Self {
            state: DistantState::Asked(begin),
            turn: Circumstances::default(),
            outcome: None,
            payload: Vec::new(),
            payload_bytes: 0,
            has_news: false,
        }
    }

    fn begin(&mut self, begin: Begin) {
        match begin() {
            Ok(operation) => self.state = DistantState::Begun(operation),
            Err(failure) => self.outcome = Some(Step::Ended(Err(failure))),
        }
    }

    fn prepare(&mut self, operation: &mut dyn Operation, slice: &Slice) {
        let began = clock::now();
        loop {
            let mut message = MessageWriter::within(&mut self.payload, self.turn.room);
            let now = self.turn.now + (clock::now() - began);
            let turn = &mut OperationTurn { now, credit: self.turn.credit, message: &mut message, may_change: false };
            match operation.step(turn) {
                Step::Work => {}
                Step::Blocking => operation.block(slice),
                step => {
                    self.payload_bytes = message.payload_bytes();
                    self.outcome = Some(step);
                    return;
                }
            }
            if slice.is_over() {
                return;
            }
        }
    }

    fn operation(&self) -> Option<&dyn Operation> {
        match &self.state {
            DistantState::Begun(operation) => Some(&**operation),
            DistantState::Asked(_) | DistantState::Over => None,
        }
    }

    fn operation_mut(&mut self) -> Option<&mut dyn Operation> {
        match &mut self.state {
            DistantState::Begun(operation) => Some(&mut **operation),
            DistantState::Asked(_) | DistantState::Over => None,
        }
    }

    /// Reports whether an operation that had nothing to do may have something now.
    fn may_go_on(&self, turn: &OperationTurn<'_, '_>) -> bool {
        let is_ready = || self.operation().and_then(Operation::ready_at).is_some_and(|at| at <= turn.now);
        self.has_news || turn.credit != self.turn.credit || is_ready()
    }
}

impl Operation for Distant {
    fn step(&mut self, turn: &mut OperationTurn<'_, '_>) -> Step {
        match self.outcome.take() {
            Some(Step::Message(content)) => match turn.message.append(&self.payload[..self.payload_bytes]) {
                written if written == self.payload_bytes => Step::Message(content),
                _ => Step::Ended(Err(Failure::new(ErrorCode::Other).because("its message became too short"))),
            },
            Some(Step::Nothing) if !self.may_go_on(turn) => {
                self.outcome = Some(Step::Nothing);
                Step::Nothing
            }
            None | Some(Step::Nothing | Step::Work | Step::Blocking) => {
                self.turn = Circumstances { now: turn.now, credit: turn.credit, room: turn.message.limits() };
                self.has_news = false;
                Step::Blocking
            }
            Some(step @ (Step::Counted { .. } | Step::Ended(_) | Step::Changed(_) | Step::Surveyed(_))) => step,
        }
    }

    fn block(&mut self, slice: &Slice) {
        match std::mem::replace(&mut self.state, DistantState::Over) {
            DistantState::Asked(begin) => self.begin(begin),
            DistantState::Begun(mut operation) => {
                self.prepare(&mut *operation, slice);
                self.state = DistantState::Begun(operation);
            }
            DistantState::Over => {}
        }
    }

    fn only_looks(&self) -> bool {
        true
    }

    fn origins(&mut self) -> Option<&mut dyn Origins> {
        self.has_news = true;
        self.operation_mut()?.origins()
    }

    fn unwanted(&mut self, path: &str) {
        self.has_news = true;
        if let Some(operation) = self.operation_mut() {
            operation.unwanted(path);
        }
    }

    fn take_released(&mut self) -> u64 {
        self.operation_mut().map_or(0, Operation::take_released)
    }

    fn ready_at(&self) -> Option<Duration> {
        // What is prepared is told first.
        let waits = matches!(self.outcome, Some(Step::Nothing));
        self.operation().filter(|_| waits)?.ready_at()
    }

    fn memory_bytes(&self) -> u64 {
        self.payload.capacity() as u64 + self.operation().map_or(0, Operation::memory_bytes)
    }
}
