//! An unpacker that moves to a thread of its own when its disk turns out to be slow.
//!
//! On a fast disk it works where it is: nothing is copied, and nobody is waited for. What takes longer than a turn is gone on
//! with on another thread, while whoever has it answers its peer.

use super::intake::UnpackerMonitor;
use super::trouble::Trouble;
use super::unpacker::Unpacker;
use crate::blocking::{Cancel, Pending, Pool};
use crate::carrier::{KeptPayload, Waker};
use remofile_protocol::wire::{ErrorCode, Failure, Item};
use std::time::{Duration, Instant};

/// The longest time for which it works where it is.
const TURN: Duration = Duration::from_millis(50);

/// An unpacker, wherever it is.
pub(crate) struct Unpacking {
    place: Place,
    /// `None` where it has to stay, as its monitor is asked about every chunk.
    pool: Option<Pool>,
    waker: Waker,
    cancel: Cancel,
    is_slow: bool,
    /// Messages that came while it was away.
    arrived: Vec<(Vec<Item>, KeptPayload, u64)>,
    /// The credit of what it has put by and was given without.
    held: u64,
}

enum Place {
    Here(Box<Unpacker>),
    Away(Pending<Back>),
    /// Its thread panicked.
    Gone,
}

/// The unpacker as it comes back, with what it did.
struct Back {
    unpacker: Box<Unpacker>,
    events: Events,
    outcome: Result<(), Trouble>,
}

/// The outcome of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unpacked {
    /// Something was done.
    Some,
    /// The unpacker is at work on its own thread, and calls the waker when it is back.
    Away,
    /// Nothing is to do.
    Nothing,
}

impl Unpacking {
    /// `waker` is called when it has something to tell; with `stays` it never goes to another thread.
    pub(crate) fn new(unpacker: Unpacker, waker: Waker, stays: bool) -> Self {
        Self {
            place: Place::Here(Box::new(unpacker)),
            pool: (!stays).then(|| Pool::new(1)),
            waker,
            cancel: Cancel::default(),
            is_slow: false,
            arrived: Vec::new(),
            held: 0,
        }
    }

    pub(crate) fn waker(&self) -> &Waker {
        &self.waker
    }

    /// Takes items, for a turn; gives how much of their credit is held until they are unpacked.
    pub(crate) fn take(
        &mut self,
        items: Vec<Item>,
        payload: &[u8],
        credit: u64,
        monitor: &mut dyn UnpackerMonitor,
    ) -> Result<u64, Trouble> {
        match &mut self.place {
            Place::Here(unpacker) if self.is_slow || unpacker.is_busy() => {
                unpacker.put_by(items, payload.to_vec().into(), credit);
                Ok(credit)
            }
            Place::Here(unpacker) => {
                let began = Instant::now();
                unpacker.take_some(items, payload, &|| began.elapsed() >= TURN, monitor)?;
                self.is_slow = self.pool.is_some() && began.elapsed() >= TURN;
                let held = if unpacker.is_busy() { credit } else { 0 };
                self.held += held;
                Ok(held)
            }
            Place::Away(_) | Place::Gone => {
                self.arrived.push((items, payload.to_vec().into(), credit));
                Ok(credit)
            }
        }
    }

    /// Makes a flush due, if it is here and files wait for one.
    pub(crate) fn want_flush(&mut self) {
        if let Place::Here(unpacker) = &mut self.place {
            unpacker.want_flush();
        }
    }

    /// Reports whether something is still to be unpacked.
    pub(crate) fn is_busy(&self) -> bool {
        match &self.place {
            Place::Here(unpacker) => unpacker.is_busy(),
            Place::Away(_) => true,
            Place::Gone => false,
        }
    }

    /// Goes on for a turn, here or on its own thread.
    pub(crate) fn step(&mut self, monitor: &mut dyn UnpackerMonitor) -> Result<Unpacked, Trouble> {
        match std::mem::replace(&mut self.place, Place::Gone) {
            Place::Here(unpacker) if !unpacker.is_busy() => {
                self.place = Place::Here(unpacker);
                Ok(Unpacked::Nothing)
            }
            Place::Here(unpacker) => self.work(unpacker, monitor),
            Place::Away(pending) => match pending.take() {
                None => {
                    self.place = Place::Away(pending);
                    Ok(Unpacked::Away)
                }
                Some(back) => {
                    let Back { mut unpacker, events, outcome } = back.map_err(|_lost| lost())?;
                    self.arrived.drain(..).for_each(|(items, payload, credit)| unpacker.put_by(items, payload, credit));
                    self.place = Place::Here(unpacker);
                    events.tell(monitor);
                    outcome.map(|()| Unpacked::Some)
                }
            },
            Place::Gone => Err(lost()),
        }
    }

    fn work(&mut self, mut unpacker: Box<Unpacker>, monitor: &mut dyn UnpackerMonitor) -> Result<Unpacked, Trouble> {
        match &self.pool {
            Some(pool) if self.is_slow || unpacker.is_flush_due() => {
                let slice = self.cancel.slice();
                let job = move || {
                    let mut events = Events::default();
                    let outcome = unpacker.work(&|| slice.is_over(), &mut events);
                    Back { unpacker, events, outcome }
                };
                self.place = Place::Away(pool.run(self.waker.clone(), job));
                Ok(Unpacked::Away)
            }
            _ => {
                let began = Instant::now();
                let worked = unpacker.work(&|| began.elapsed() >= TURN, monitor);
                self.is_slow = self.pool.is_some() && began.elapsed() >= TURN;
                self.place = Place::Here(unpacker);
                worked.map(|()| Unpacked::Some)
            }
        }
    }

    /// As [`Unpacking::step`], for who has nothing else to do: waits for a turn where it is away.
    pub(crate) fn step_or_wait(&mut self, monitor: &mut dyn UnpackerMonitor) -> Result<(), Trouble> {
        if self.step(monitor)? == Unpacked::Away
            && let Place::Away(pending) = &self.place
        {
            pending.wait_for(TURN);
        }
        Ok(())
    }

    /// The credit of what is unpacked since the last call.
    pub(crate) fn take_released(&mut self) -> u64 {
        match &mut self.place {
            Place::Here(unpacker) if unpacker.is_busy() => unpacker.take_released(),
            Place::Here(unpacker) => unpacker.take_released() + std::mem::take(&mut self.held),
            Place::Away(_) | Place::Gone => 0,
        }
    }

    /// The unpacker itself, if its thread did not panic; what it has begun is done before.
    pub(crate) fn into_unpacker(self, monitor: &mut dyn UnpackerMonitor) -> Option<Unpacker> {
        match self.place {
            Place::Here(unpacker) => Some(*unpacker),
            Place::Away(pending) => {
                self.cancel.cancel();
                let Back { mut unpacker, events, .. } = pending.wait().ok()?;
                self.arrived.into_iter().for_each(|(items, payload, credit)| unpacker.put_by(items, payload, credit));
                events.tell(monitor);
                Some(*unpacker)
            }
            Place::Gone => None,
        }
    }
}

fn lost() -> Trouble {
    Failure::new(ErrorCode::Other).because("unpacking it failed").into()
}

/// The events of an unpacker on another thread.
#[derive(Default)]
struct Events(Vec<UnpackerEvent>);

enum UnpackerEvent {
    Started { path: String, size: Option<u64>, offset: u64 },
    Written(u64),
    Stored(String),
    Failed { failure: Failure, by_sender: bool },
    Unwanted(String),
}

impl Events {
    fn tell(self, monitor: &mut dyn UnpackerMonitor) {
        for event in self.0 {
            match event {
                UnpackerEvent::Started { path, size, offset } => monitor.started(&path, size, offset),
                UnpackerEvent::Written(bytes) => monitor.written(bytes),
                UnpackerEvent::Stored(path) => monitor.stored(&path),
                UnpackerEvent::Failed { failure, by_sender } => monitor.failed(failure, by_sender),
                UnpackerEvent::Unwanted(path) => monitor.unwanted(&path),
            }
        }
    }
}

impl UnpackerMonitor for Events {
    fn started(&mut self, path: &str, size: Option<u64>, offset: u64) {
        self.0.push(UnpackerEvent::Started { path: path.to_owned(), size, offset });
    }

    fn written(&mut self, bytes: u64) {
        match self.0.last_mut() {
            Some(UnpackerEvent::Written(before)) => *before += bytes,
            _ => self.0.push(UnpackerEvent::Written(bytes)),
        }
    }

    fn stored(&mut self, path: &str) {
        self.0.push(UnpackerEvent::Stored(path.to_owned()));
    }

    fn failed(&mut self, failure: Failure, by_sender: bool) {
        self.0.push(UnpackerEvent::Failed { failure, by_sender });
    }

    fn unwanted(&mut self, path: &str) {
        self.0.push(UnpackerEvent::Unwanted(path.to_owned()));
    }
}

#[cfg(test)]
mod tests;
