//! A coordinator in memory, for servers of one process, and for tests.

use super::coordinator::{
    Change, Condition, Coordinator, CoordinatorError, CoordinatorResult, Event, SharedValue, Snapshot, Term, Watch,
};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Longest time for which a watch waits at once.
const WATCHED: Duration = Duration::from_millis(50);

/// A coordinator in memory. Clones are the same one; each server has a link of its own, which can be cut.
///
/// ```
/// use remofile::server::{Coordinated, MemoryCoordinator};
///
/// let coordinator = MemoryCoordinator::new();
/// let (first, second) = (Coordinated::new(coordinator.link()), Coordinated::new(coordinator.link()));
/// # drop((first, second));
/// ```
#[derive(Debug, Clone, Default)]
pub struct MemoryCoordinator {
    state: Arc<(Mutex<State>, Condvar)>,
    is_cut: Arc<AtomicBool>,
}

#[derive(Debug, Default)]
struct State {
    revision: u64,
    values: BTreeMap<String, (SharedValue, Option<Term>)>,
    terms: HashMap<i64, (Duration, Instant)>,
    next_term: i64,
    events: Vec<Event>,
}

impl MemoryCoordinator {
    /// Makes one that has no values.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes the link of a server to it.
    #[must_use]
    pub fn link(&self) -> Self {
        Self { state: Arc::clone(&self.state), is_cut: Arc::default() }
    }

    /// Cuts the link, or mends it.
    pub fn cut(&self, is_cut: bool) {
        self.is_cut.store(is_cut, Ordering::Release);
    }

    fn reach(&self) -> CoordinatorResult<MutexGuard<'_, State>> {
        if self.is_cut.load(Ordering::Acquire) {
            return Err(CoordinatorError::Unreachable("the link is cut".to_owned()));
        }
        // Every change is complete before it can panic.
        let mut state = self.state.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.expire();
        Ok(state)
    }
}

impl State {
    fn expire(&mut self) {
        let now = Instant::now();
        let over: Vec<i64> = self.terms.iter().filter(|(_, (_, until))| *until <= now).map(|(term, _)| *term).collect();
        over.into_iter().for_each(|term| self.end(Term(term)));
    }

    fn end(&mut self, term: Term) {
        if self.terms.remove(&term.0).is_none() {
            return;
        }
        let of_term = self.values.iter().filter(|(_, (_, of))| *of == Some(term));
        let changes: Vec<Change> = of_term.map(|(key, _)| Change::Delete { key: key.clone() }).collect();
        self.make(&changes);
    }

    fn make(&mut self, changes: &[Change]) -> u64 {
        if !changes.is_empty() {
            self.revision += 1;
        }
        for change in changes {
            match change {
                Change::Put { key, value, term } => {
                    let created = self.values.get(key).map_or(self.revision, |(former, _)| former.created);
                    let (key, value, modified) = (key.clone(), value.clone(), self.revision);
                    let value = SharedValue { key, value, created, modified };
                    self.events.push(Event::Put(value.clone()));
                    self.values.insert(value.key.clone(), (value, *term));
                }
                Change::Delete { key } => {
                    if self.values.remove(key).is_some() {
                        self.events.push(Event::Delete { key: key.clone(), revision: self.revision });
                    }
                }
            }
        }
        self.revision
    }
}

impl Coordinator for MemoryCoordinator {
    fn address(&self) -> String {
        "memory:".to_owned()
    }

    fn begin_term(&self, time: Duration) -> CoordinatorResult<Term> {
        let mut state = self.reach()?;
        state.next_term += 1;
        let term = state.next_term;
        state.terms.insert(term, (time, Instant::now() + time));
        Ok(Term(term))
    }

    fn keep_term(&self, term: Term) -> CoordinatorResult<()> {
        let mut state = self.reach()?;
        let (time, until) = state.terms.get_mut(&term.0).ok_or(CoordinatorError::TermOver)?;
        *until = Instant::now() + *time;
        Ok(())
    }

    fn end_term(&self, term: Term) -> CoordinatorResult<()> {
        self.reach()?.end(term);
        self.state.1.notify_all();
        Ok(())
    }

    fn read(&self, prefix: &str) -> CoordinatorResult<Snapshot> {
        let state = self.reach()?;
        let values = state.values.range(prefix.to_owned()..).take_while(|(key, _)| key.starts_with(prefix));
        Ok(Snapshot { revision: state.revision, values: values.map(|(_, (value, _))| value.clone()).collect() })
    }

    fn write(&self, conditions: &[Condition], changes: &[Change]) -> CoordinatorResult<Option<u64>> {
        let mut state = self.reach()?;
        let revision = |condition: &Condition| state.values.get(&condition.key).map_or(0, |(value, _)| value.modified);
        if conditions.iter().any(|condition| revision(condition) != condition.revision) {
            return Ok(None);
        }
        let is_over = |change: &Change| matches!(change, Change::Put { term: Some(term), .. } if !state.terms.contains_key(&term.0));
        if changes.iter().any(is_over) {
            return Err(CoordinatorError::TermOver);
        }
        let revision = state.make(changes);
        self.state.1.notify_all();
        Ok(Some(revision))
    }

    fn watch(&self, from: u64) -> CoordinatorResult<Box<dyn Watch>> {
        drop(self.reach()?);
        Ok(Box::new(MemoryWatch { link: self.clone(), from }))
    }
}

struct MemoryWatch {
    link: MemoryCoordinator,
    from: u64,
}

impl Watch for MemoryWatch {
    fn next(&mut self) -> CoordinatorResult<Vec<Event>> {
        let mut state = self.link.reach()?;
        if state.events.last().is_none_or(|last| last.revision() < self.from) {
            let waited = self.link.state.1.wait_timeout(state, WATCHED);
            drop(waited);
            state = self.link.reach()?;
        }
        let first = state.events.partition_point(|event| event.revision() < self.from);
        let events = state.events[first..].to_vec();
        self.from = events.last().map_or(self.from, |last| last.revision() + 1);
        Ok(events)
    }
}
