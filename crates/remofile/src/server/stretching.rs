//! Chosen tokens that came as they are, over ZeroMQ, and have not been seen before: they are stretched on a thread of
//! their own, one at a time.
//!
//! Goals: however many strangers send texts, one processor and 64 MiB are all that they take; nobody who waits for a socket
//! waits for it; and a network that sends many keeps out its own alone, since networks take turns.

use super::network::Network;
use super::roster::Roster;
use crate::carrier::Waker;
use remofile_protocol::token::Token;
use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Peers that wait for it at most.
const MAX_WAITING: usize = 64;

/// Peers of one network that wait for it at most.
const MAX_OF_A_NETWORK: usize = 8;

/// The queue of texts to stretch. Clones are the same queue.
#[derive(Clone, Default)]
pub(super) struct Stretching {
    queue: Arc<Mutex<Queue>>,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    /// The network whose job was done last.
    last: Option<Network>,
    is_running: bool,
}

struct Job {
    network: Option<Network>,
    texts: Vec<Token>,
    roster: Arc<Roster>,
    ticket: Ticket,
    waker: Waker,
}

/// Tells whether a job is done. Whoever drops it does not wait any more.
#[derive(Clone)]
pub(super) struct Ticket(Arc<AtomicBool>);

impl Ticket {
    pub(super) fn is_done(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Reports whether nobody waits for it.
    fn is_abandoned(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}

impl Stretching {
    /// Has texts stretched, and those that a roster has remembered there; `waker` is called when that is done. `None` if too
    /// many wait.
    pub(super) fn ask(
        &self,
        network: Option<Network>,
        texts: Vec<Token>,
        roster: &Arc<Roster>,
        waker: &Waker,
    ) -> Option<Ticket> {
        let mut queue = self.lock();
        queue.jobs.retain(|job| !job.ticket.is_abandoned());
        let same = queue.jobs.iter().filter(|job| job.network == network).count();
        if queue.jobs.len() >= MAX_WAITING || (network.is_some() && same >= MAX_OF_A_NETWORK) {
            return None;
        }
        let ticket = Ticket(Arc::default());
        let job = Job { network, texts, roster: Arc::clone(roster), ticket: ticket.clone(), waker: waker.clone() };
        queue.jobs.push_back(job);
        if !queue.is_running {
            self.start().ok()?;
            queue.is_running = true;
        }
        Some(ticket)
    }

    fn start(&self) -> io::Result<()> {
        let own = self.clone();
        std::thread::Builder::new().name("stretching".to_owned()).spawn(move || own.run()).map(drop)
    }

    fn run(&self) {
        while let Some(job) = self.next() {
            job.roster.settle(&job.texts);
            job.ticket.0.store(true, Ordering::Release);
            job.waker.wake();
        }
    }

    /// Takes the next job: the first of another network than the last one's, if there is one.
    fn next(&self) -> Option<Job> {
        let mut queue = self.lock();
        queue.jobs.retain(|job| !job.ticket.is_abandoned());
        let last = queue.last;
        let turn = queue.jobs.iter().position(|job| job.network != last).unwrap_or(0);
        let job = queue.jobs.remove(turn);
        queue.is_running = job.is_some();
        queue.last = job.as_ref().and_then(|job| job.network);
        job
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Every change is complete before it can panic.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
