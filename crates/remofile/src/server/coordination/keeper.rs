//! The threads of coordination: one keeps the term, one watches, one writes, and one tells the leases what has come of it.
//!
//! Only the last one changes leases, so that they learn of everything in its order, and it does not wait for the network:
//! when the time of a term is over, whatever the others wait for, everything is lost at that moment.

use super::clock;
use super::coordinated::{PARTS, Standing};
use super::coordinator::{Change, CoordinatorError, Event, SharedValue, Snapshot, Term};
use super::machine::{Machine, Outcome};
use super::member::{Coordination, JoinError, Served};
use super::shared_tokens::SharedTokens;
use super::watcher::Watcher;
use crate::error::{Error, Result};
use crate::store::Fence;
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

/// Changes of one write at most, and bytes of their values; etcd takes 128, and 1.5 MiB of text.
const MOST_CHANGES: usize = 100;
const MOST_BYTES: usize = 512 * 1024;

/// Pause after a call that failed.
const PAUSE: Duration = Duration::from_millis(200);

/// The threads of a server that serves. They end when this is dropped, and others are granted what they wait for.
pub(in crate::server) struct Keeper {
    coordination: Arc<Coordination>,
    threads: Vec<JoinHandle<()>>,
}

impl Keeper {
    /// Begins to keep a server among others.
    ///
    /// # Errors
    /// [`Error::System`] if no thread can be started.
    pub(in crate::server) fn begin(coordination: &Arc<Coordination>, served: Weak<dyn Served>) -> Result<Self> {
        // A server runs once with each of these.
        let _first = coordination.served.set(served);
        let mut keeper = Self { coordination: Arc::clone(coordination), threads: Vec::new() };
        for (name, run) in [
            ("coordinator", Coordination::keep as fn(&Arc<Coordination>)),
            ("coordinator out", Coordination::write_changes),
            ("coordination", Coordination::tell_outcomes),
            ("quotas", Coordination::tell_usage),
        ] {
            let own = Arc::clone(coordination);
            let spawned = std::thread::Builder::new().name(name.to_owned()).spawn(move || run(&own));
            keeper.threads.push(spawned.map_err(failed)?);
        }
        coordination.watch_anew();
        Ok(keeper)
    }
}

fn failed(source: std::io::Error) -> Error {
    Error::System { what: "cannot start a thread for the coordinator", source }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.coordination.stopping.store(true, Ordering::Release);
        // Whoever is about to wait has the lock.
        drop(self.coordination.lock());
        self.coordination.changed.notify_all();
        for thread in self.threads.drain(..) {
            let _panicked = thread.join();
        }
        self.coordination.leave_all();
    }
}

impl Coordination {
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    fn pause_between(&self) -> Duration {
        self.coordinated.inner.term / PARTS
    }

    /// Keeps the term, and begins another one when it is over and nothing is left of it.
    fn keep(self: &Arc<Self>) {
        // Of a server that begins without, the reason was told as it began.
        let mut told = match self.coordinated.standing() {
            Standing::Lost(why) => why,
            Standing::Joined | Standing::Silent(_) => String::new(),
        };
        while !self.is_stopping() {
            let term = self.lock().term();
            match term {
                Some(term) => self.keep_term(term),
                None => self.join_again(&mut told),
            }
            let pause = self.pause_between();
            let machine = self.lock();
            // Others are called on the same condition: each time has its pause.
            let _waited = self.changed.wait_timeout_while(machine, pause, |_| !self.is_stopping());
        }
    }

    fn keep_term(self: &Arc<Self>, term: Term) {
        let inner = &self.coordinated.inner;
        let sent = clock::now();
        match inner.coordinator.keep_term(term) {
            Ok(()) => {
                self.put_off_fence(term, sent);
                self.doubt_watch();
            }
            Err(CoordinatorError::TermOver) => self.lose(term, "the coordinator has ended the term of this server"),
            Err(_) if self.lock().term() != Some(term) => {}
            Err(error) => {
                let left = inner.fence.remaining().unwrap_or_default().as_secs();
                if self.coordinated.note(Standing::Silent(error.to_string())) {
                    let coordinator = self.coordinated.address();
                    tracing::warn!(
                        coordinator,
                        "the coordinator does not answer: changes are interrupted in {left} s: {error}"
                    );
                }
                self.watch_anew();
            }
        }
    }

    fn put_off_fence(&self, term: Term, sent: Duration) {
        let fence = &self.coordinated.inner.fence;
        let machine = self.lock();
        // An answer that comes too late keeps nothing: others may have been granted something.
        if machine.term() != Some(term) || fence.remaining().is_none() {
            return;
        }
        fence.put_off(self.until(sent));
        drop(machine);
        if self.coordinated.note(Standing::Joined) {
            // As loud as what it takes back, which would stand as the last word otherwise.
            tracing::warn!(coordinator = self.coordinated.address(), "the coordinator answers again");
        }
    }

    fn join_again(self: &Arc<Self>, told: &mut String) {
        // What was begun before is to be over: its fence was that of another term.
        if self.lock().has_untold_loss() || self.served().is_some_and(|served| served.has_lost()) {
            return;
        }
        let coordinator = self.coordinated.address();
        match self.join() {
            Ok(()) => {
                tracing::warn!(coordinator, "the coordinator was reached: changes are made again");
                told.clear();
                self.watch_anew();
            }
            Err(JoinError::Unreachable(why) | JoinError::Refused(why)) => {
                self.coordinated.note(Standing::Lost(why.clone()));
                if is_news(&why, told) {
                    tracing::error!(coordinator, "clients read, and change nothing: {why}");
                    *told = why;
                }
            }
        }
    }

    /// Loses everything at this moment.
    fn lose(&self, term: Term, why: &str) {
        let mut machine = self.lock();
        if machine.term() != Some(term) {
            return;
        }
        machine.lose();
        self.interrupt(machine, why);
    }

    /// Lets the fence fall behind a machine that has lost everything, and says why.
    fn interrupt(&self, machine: MutexGuard<'_, Machine>, why: &str) {
        self.coordinated.inner.fence.fall();
        drop(machine);
        self.coordinated.note(Standing::Lost(why.to_owned()));
        tracing::error!(coordinator = self.coordinated.address(), "changes are interrupted: {why}");
        self.changed.notify_all();
    }

    /// Tells leases what has come of what they asked for, and loses everything when the fence has fallen.
    fn tell_outcomes(self: &Arc<Self>) {
        while !self.is_stopping() {
            let mut machine = self.lock();
            let fence = &self.coordinated.inner.fence;
            let left = machine.term().map(|_| fence.remaining().unwrap_or_default());
            if !self.is_stopping() && !machine.has_outcomes() && left.is_none_or(|left| !left.is_zero()) {
                let waited = self.changed.wait_timeout(machine, left.unwrap_or(self.coordinated.inner.term));
                machine = waited.map_or_else(|poisoned| poisoned.into_inner().0, |waited| waited.0);
            }
            let outcomes = machine.take_outcomes();
            let over = machine.term().filter(|_| fence.remaining().is_none());
            drop(machine);
            if let Some(term) = over {
                self.lose(term, "the coordinator has not answered for too long");
            }
            if !outcomes.is_empty() {
                self.tell(outcomes);
            }
        }
    }

    fn tell(&self, outcomes: Vec<Outcome>) {
        let Some(served) = self.served() else { return self.lock().note_told_loss() };
        for outcome in outcomes {
            match outcome {
                Outcome::Settled(ticket, settled) => served.settle(ticket, settled),
                Outcome::Replaced { token, by } => served.end_replaced(&token, &by),
                Outcome::Lost => {
                    served.lose();
                    self.lock().note_told_loss();
                }
            }
        }
        *self.rounds.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.settled.notify_all();
    }

    fn served(&self) -> Option<Arc<dyn Served>> {
        self.served.get()?.upgrade()
    }

    /// Writes what is to be written, in its order.
    fn write_changes(self: &Arc<Self>) {
        while !self.is_stopping() {
            let machine = self.lock();
            let waits = |machine: &mut Machine| {
                let has_tokens = machine.term().is_some() && self.tokens.as_ref().is_some_and(SharedTokens::is_changed);
                !machine.has_changes() && !has_tokens && !self.is_stopping()
            };
            let waited = self.changed.wait_while(machine, waits);
            let mut machine = waited.unwrap_or_else(PoisonError::into_inner);
            let (term, changes) = (machine.term(), machine.take_changes(MOST_CHANGES, MOST_BYTES));
            drop(machine);
            let Some(term) = term else { continue };
            self.write_one(term, &changes);
            if let Some(tokens) = self.tokens.as_ref().filter(|tokens| tokens.is_changed())
                && let Err(error) = tokens.sync(&*self.coordinated.inner.coordinator)
            {
                tracing::warn!("the tokens could not be told to other servers, which is tried again: {error}");
                self.pause();
            }
        }
    }

    fn write_one(&self, term: Term, changes: &[Change]) {
        // What was lost meanwhile is not to be written any more.
        while !changes.is_empty() && self.lock().term() == Some(term) {
            match self.coordinated.inner.coordinator.write(&[], changes) {
                Ok(_) => return,
                Err(CoordinatorError::TermOver) => {
                    return self.lose(term, "the coordinator has ended the term of this server");
                }
                Err(CoordinatorError::Denied(why)) => return self.lose(term, &why),
                // Whoever keeps the term says so.
                Err(_) if self.pause() => {}
                Err(_) => return,
            }
        }
    }

    /// Watches with another connection if somebody waits and nothing has been seen for long: the last one may be dead.
    fn doubt_watch(self: &Arc<Self>) {
        let machine = self.lock();
        let is_quiet = machine.is_expectant() && machine.quiet_for(clock::now()) > 3 * self.pause_between();
        drop(machine);
        if is_quiet {
            self.watch_anew();
        }
    }

    /// Begins to watch, in place of whoever has until now: that may wait for long.
    fn watch_anew(self: &Arc<Self>) {
        let number = self.watches.fetch_add(1, Ordering::AcqRel) + 1;
        self.lock().begin_watch(clock::now());
        let mut watcher = Watcher::new(self, number);
        let watch = move || while watcher.watch_some() {};
        let spawned = std::thread::Builder::new().name("coordinator in".to_owned()).spawn(watch);
        if let Err(error) = spawned {
            tracing::error!("cannot watch the coordinator: {error}");
        }
    }

    /// Returns the revision from which on changes are to be seen; `None` while the server has not joined.
    pub(super) fn watched_from(&self) -> Option<u64> {
        let machine = self.lock();
        machine.term().map(|_| machine.revision() + 1)
    }

    pub(super) fn is_watched_by(&self, number: u64) -> bool {
        self.watches.load(Ordering::Acquire) == number && !self.is_stopping()
    }

    /// Takes changes that a watch has seen.
    pub(super) fn take_events(&self, number: u64, events: &[Event]) {
        let values = events.iter().filter_map(|event| if let Event::Put(value) = event { Some(value) } else { None });
        self.take(number, values, |machine| machine.take(events, clock::now()));
    }

    /// Takes everything as it is, since a watch has missed changes.
    pub(super) fn take_snapshot(&self, number: u64, snapshot: &Snapshot) {
        let resync = |machine: &mut Machine| machine.resync(snapshot, clock::now(), clock::wall());
        self.take(number, snapshot.values.iter(), resync);
    }

    fn take<'a>(&self, number: u64, values: impl Iterator<Item = &'a SharedValue>, change: impl FnOnce(&mut Machine)) {
        let mut machine = self.lock();
        // A server that has not joined reads everything when it does.
        if !self.is_watched_by(number) || machine.term().is_none() {
            return;
        }
        change(&mut machine);
        if machine.term().is_none() {
            // Others may be granted already what own operations had.
            self.interrupt(machine, "somebody has deleted what this server had claimed");
        } else {
            drop(machine);
        }
        self.note_values(values);
        self.changed.notify_all();
    }

    fn note_values<'a>(&self, values: impl Iterator<Item = &'a SharedValue>) {
        for value in values {
            let is_of_tokens = self.tokens.as_ref().is_some_and(|tokens| tokens.note(value));
            if !is_of_tokens {
                self.quotas.note(value);
            }
        }
        // A thread that is about to wait has looked before.
        drop(self.lock());
    }

    /// Waits before something is tried again. Returns false if the server stops, at once.
    pub(super) fn pause(&self) -> bool {
        let waited = self.changed.wait_timeout_while(self.lock(), PAUSE, |_| !self.is_stopping());
        drop(waited);
        !self.is_stopping()
    }

    /// Ends the term, so that others need not wait until it is over by itself.
    pub(super) fn leave_all(&self) {
        let mut machine = self.lock();
        let term = machine.term();
        machine.lose();
        drop(machine);
        self.coordinated.inner.fence.fall();
        self.coordinated.note(Standing::Lost("the server has ended".to_owned()));
        if let Some(term) = term {
            let _ended = self.coordinated.inner.coordinator.end_term(term);
        }
    }
}

/// Reports whether a reason is another one than the last that was told. Some name the age of what is in the way, which grows.
fn is_news(why: &str, told: &str) -> bool {
    let is_digit = |letter: char| letter.is_ascii_digit();
    why.replace(is_digit, "") != told.replace(is_digit, "")
}

/// A server that was never served leaves as well.
impl Drop for Coordination {
    fn drop(&mut self) {
        self.leave_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_told_once_though_the_age_in_it_grows() {
        let refused = |age: u64| format!("a server (process 7 on one, {age} s ago) serves this bucket: stop it first");
        assert!(is_news(&refused(9), "") && is_news(&refused(9), "the coordinator does not answer"));
        assert!(!is_news(&refused(10), &refused(9)));
    }
}
