//! The queue for a client's turns: who may begin a call, and who is next.
//!
//! It is fair, but for calls about a path at which another call of the client waits for others: they would only wait
//! beside it, so they are passed by until that one is over, and take nobody's turn.

use remofile::Interrupt;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Most calls at work at a time, and so most connections for them. Beside them are [`MOST_WAITING`].
pub(super) const MOST_AT_WORK: usize = 16;

/// Most calls that wait for other clients and for that reason do not count as being at work.
const MOST_WAITING: usize = 112;

/// A call in the queue, which begins as `W` says.
struct Queued<W> {
    number: u64,
    whom: W,
    about: Option<Arc<str>>,
    interrupt: Interrupt,
    /// The time since which it is passed by.
    passed_by: Option<Instant>,
}

/// A call at work.
#[derive(Debug, Default)]
struct AtWork {
    about: Option<Arc<str>>,
    /// True if it was told to wait for others.
    is_waiting: bool,
    /// True if it does not count as being at work, since it waits.
    is_beyond: bool,
}

/// The right of one call to begin.
#[derive(Debug)]
pub(super) struct Grant {
    pub(super) number: u64,
    /// The time for which it was passed by.
    pub(super) waited: Duration,
}

/// The calls of a client.
pub(super) struct Queue<W> {
    most: usize,
    counted: usize,
    beyond: usize,
    next_number: u64,
    queued: VecDeque<Queued<W>>,
    at_work: HashMap<u64, AtWork>,
    /// Paths at which calls wait for others, with their number.
    contended: HashMap<Arc<str>, usize>,
}

impl<W> Queue<W> {
    /// Creates the queue of a client that makes at most so many calls at a time.
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            counted: 0,
            beyond: 0,
            next_number: 0,
            queued: VecDeque::new(),
            at_work: HashMap::new(),
            contended: HashMap::new(),
        }
    }

    /// Puts a call behind all others. Returns its number.
    pub(super) fn push(&mut self, whom: W, about: Option<Arc<str>>, interrupt: Interrupt) -> u64 {
        self.next_number += 1;
        let number = self.next_number;
        self.queued.push_back(Queued { number, whom, about, interrupt, passed_by: None });
        number
    }

    /// Returns the next call that may begin.
    pub(super) fn next(&mut self) -> Option<(W, Grant)> {
        let index = self.find()?;
        let Queued { number, whom, about, passed_by, .. } = self.queued.remove(index)?;
        self.counted += 1;
        self.at_work.insert(number, AtWork { about, ..AtWork::default() });
        Some((whom, Grant { number, waited: passed_by.map_or(Duration::ZERO, |since| since.elapsed()) }))
    }

    fn find(&mut self) -> Option<usize> {
        if self.counted >= self.most {
            return None;
        }
        let contended = &self.contended;
        if contended.is_empty() {
            return if self.queued.is_empty() { None } else { Some(0) };
        }
        self.queued.iter_mut().position(|queued| {
            let is_contended = queued.about.as_ref().is_some_and(|about| contended.contains_key(about));
            // One that was cancelled ends as soon as it begins.
            if is_contended && !queued.interrupt.is_triggered() {
                queued.passed_by.get_or_insert_with(Instant::now);
                return false;
            }
            true
        })
    }

    /// Takes a call out of the queue; `None` if it is not there (any more).
    pub(super) fn withdraw(&mut self, number: u64) -> Option<W> {
        let index = self.queued.iter().position(|queued| queued.number == number)?;
        self.queued.remove(index).map(|queued| queued.whom)
    }

    /// Notes that a call at work waits for other clients. Others may begin in its place, up to a bound.
    pub(super) fn note_waiting(&mut self, number: u64) {
        let Some(call) = self.at_work.get_mut(&number).filter(|call| !call.is_waiting) else { return };
        call.is_waiting = true;
        if let Some(about) = &call.about {
            *self.contended.entry(Arc::clone(about)).or_default() += 1;
        }
        self.step_aside(number);
    }

    /// Lets another call begin in the place of one at work, up to a bound.
    pub(super) fn step_aside(&mut self, number: u64) {
        let Some(call) = self.at_work.get_mut(&number).filter(|call| !call.is_beyond) else { return };
        if self.beyond < MOST_WAITING && self.most > 1 {
            call.is_beyond = true;
            (self.counted, self.beyond) = (self.counted - 1, self.beyond + 1);
        }
    }

    /// Ends a call at work.
    pub(super) fn release(&mut self, number: u64) {
        let Some(call) = self.at_work.remove(&number) else { return };
        match call.is_beyond {
            true => self.beyond -= 1,
            false => self.counted -= 1,
        }
        if let Some(about) = call.about.filter(|_| call.is_waiting)
            && let Some(count) = self.contended.get_mut(&about)
        {
            *count -= 1;
            if *count == 0 {
                self.contended.remove(&about);
            }
        }
    }

    pub(super) fn is_at_work(&self) -> bool {
        self.is_at_work_beside(0)
    }

    /// Reports whether more calls than these are at work.
    pub(super) fn is_at_work_beside(&self, calls: usize) -> bool {
        self.at_work.len() > calls
    }
}
