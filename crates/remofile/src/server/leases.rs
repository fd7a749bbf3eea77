//! Leases: the right to run an operation now.
//!
//! Reads share, a write has the root to itself. Operations of one session never block each other: the rule protects
//! clients from each other, not from themselves. Requests that wait are served in order, and a session without a
//! lease never passes them.

use crate::carrier::Waker;
use remofile_protocol::limits::MAX_HOLDERS;
use remofile_protocol::wire::{Holder, OperationId};
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// The kind of access that an operation needs to the root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

/// An operation that has or wants a lease.
#[derive(Debug, Clone)]
pub(super) struct Claim {
    pub(super) session: u64,
    pub(super) operation: OperationId,
    pub(super) access: Access,
    /// Operations of one group are one client's, over several sessions.
    pub(super) group: Option<u64>,
    pub(super) client: String,
    pub(super) address: String,
    pub(super) activity: &'static str,
}

/// All leases of one root.
#[derive(Debug, Default)]
pub(super) struct Leases {
    state: Mutex<LeaseState>,
}

#[derive(Debug, Default)]
struct LeaseState {
    held: Vec<(Claim, Instant)>,
    queue: VecDeque<(Claim, Waker)>,
}

/// The outcome of a claim.
#[derive(Debug)]
pub(super) enum Answer {
    Granted,
    /// These holders block the claim. If a waker was given, the claim is in the queue.
    Busy(Vec<Holder>),
}

impl Leases {
    /// Claims a lease; queues the claim if it is refused and `waker` is to be called when it is due.
    pub(super) fn claim(&self, now: Instant, claim: Claim, waker: Option<&Waker>) -> Answer {
        let mut state = self.lock();
        let blockers = state.blockers(now, &claim);
        // A session without a lease queues behind the requests that already wait. Otherwise a stream of reads would
        // keep a write out for ever.
        let must_queue = !state.queue.is_empty() && !state.has_any(&claim);
        match waker {
            _ if blockers.is_empty() && !must_queue => {
                state.held.push((claim, now));
                Answer::Granted
            }
            None => Answer::Busy(if blockers.is_empty() { state.holders(now) } else { blockers }),
            Some(waker) => {
                state.queue.push_back((claim, waker.clone()));
                Answer::Busy(if blockers.is_empty() { state.holders(now) } else { blockers })
            }
        }
    }

    /// Reports whether an operation has its lease.
    pub(super) fn is_held(&self, session: u64, operation: OperationId) -> bool {
        self.lock().held.iter().any(|(claim, _)| claim.is(session, operation))
    }

    /// Returns the holders of the lease now, and the number of claims in the queue.
    pub(super) fn holders(&self, now: Instant) -> (Vec<Holder>, usize) {
        let state = self.lock();
        (state.holders(now), state.queue.len())
    }

    /// Releases the lease of an operation, or its place in the queue.
    pub(super) fn release(&self, now: Instant, session: u64, operation: OperationId) {
        self.release_where(now, |claim| claim.is(session, operation));
    }

    /// Releases the lease of one operation of a session, or of all of them.
    pub(super) fn give_back(&self, session: u64, operation: Option<OperationId>) {
        match operation {
            Some(operation) => self.release(Instant::now(), session, operation),
            None => self.release_session(Instant::now(), session),
        }
    }

    /// Releases all leases and places in the queue that a session has.
    pub(super) fn release_session(&self, now: Instant, session: u64) {
        self.release_where(now, |claim| claim.session == session);
    }

    fn release_where(&self, now: Instant, matches: impl Fn(&Claim) -> bool) {
        let mut state = self.lock();
        state.held.retain(|(claim, _)| !matches(claim));
        state.queue.retain(|(claim, _)| !matches(claim));
        // Only from the front: a read behind a waiting write must not pass it.
        while let Some((claim, _)) = state.queue.front() {
            if !state.blockers(now, claim).is_empty() {
                break;
            }
            if let Some((claim, waker)) = state.queue.pop_front() {
                state.held.push((claim, now));
                waker.wake();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, LeaseState> {
        // Every change above is complete before it can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LeaseState {
    fn blockers(&self, now: Instant, wanted: &Claim) -> Vec<Holder> {
        let blocks = |claim: &Claim| {
            !claim.is_of_one_client(wanted) && (claim.access == Access::Write || wanted.access == Access::Write)
        };
        told(self.held.iter().filter(|(claim, _)| blocks(claim)), now)
    }

    fn holders(&self, now: Instant) -> Vec<Holder> {
        told(self.held.iter(), now)
    }

    fn has_any(&self, wanted: &Claim) -> bool {
        self.held.iter().any(|(claim, _)| claim.is_of_one_client(wanted))
    }
}

/// Lists the holders of these claims: each session once, by the activity that it began with, since a sync holds the
/// lease and uploads under it.
fn told<'a>(held: impl Iterator<Item = &'a (Claim, Instant)>, now: Instant) -> Vec<Holder> {
    let mut sessions = Vec::new();
    let mut is_first = |claim: &Claim| {
        let is_first = !sessions.contains(&claim.session);
        if is_first {
            sessions.push(claim.session);
        }
        is_first
    };
    let firsts = held.filter(|(claim, _)| is_first(claim)).take(MAX_HOLDERS);
    firsts.map(|(claim, since)| claim.holder(now, *since)).collect()
}

impl Claim {
    fn is(&self, session: u64, operation: OperationId) -> bool {
        self.session == session && self.operation == operation
    }

    fn is_of_one_client(&self, other: &Self) -> bool {
        self.session == other.session || (self.group.is_some() && self.group == other.group)
    }

    fn holder(&self, now: Instant, since: Instant) -> Holder {
        let held = now.saturating_duration_since(since).as_millis();
        Holder {
            client: self.client.clone(),
            address: self.address.clone(),
            activity: self.activity.to_owned(),
            held_milliseconds: u64::try_from(held).unwrap_or(u64::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn claim(session: u64, access: Access) -> Claim {
        Claim {
            session,
            operation: OperationId(1),
            access,
            group: None,
            client: format!("client {session}"),
            address: "192.0.2.1:1".to_owned(),
            activity: "upload",
        }
    }

    fn is_granted(answer: &Answer) -> bool {
        matches!(answer, Answer::Granted)
    }

    #[test]
    fn reads_share_and_a_write_is_alone() {
        let (leases, now) = (Leases::default(), Instant::now());
        assert!(is_granted(&leases.claim(now, claim(1, Access::Read), None)));
        assert!(is_granted(&leases.claim(now, claim(2, Access::Read), None)));
        assert!(!is_granted(&leases.claim(now, claim(3, Access::Write), None)));
        leases.release_session(now, 1);
        leases.release_session(now, 2);
        assert!(is_granted(&leases.claim(now, claim(3, Access::Write), None)));
        assert!(!is_granted(&leases.claim(now, claim(1, Access::Read), None)));
    }

    #[test]
    fn a_refusal_names_who_and_since_when() {
        let (leases, now) = (Leases::default(), Instant::now());
        leases.claim(now, claim(1, Access::Write), None);
        let Answer::Busy(holders) = leases.claim(now + Duration::from_secs(5), claim(2, Access::Read), None) else {
            panic!("granted");
        };
        assert_eq!((holders[0].client.as_str(), holders[0].held_milliseconds), ("client 1", 5000));
    }

    #[test]
    fn a_session_is_never_in_its_own_way() {
        let (leases, now) = (Leases::default(), Instant::now());
        leases.claim(now, claim(1, Access::Write), None);
        let own = Claim { operation: OperationId(2), ..claim(1, Access::Write) };
        assert!(is_granted(&leases.claim(now, own, None)));
    }

    #[test]
    fn a_session_is_told_once_by_what_it_began_with() {
        let (leases, now) = (Leases::default(), Instant::now());
        for (number, activity) in [(1, "sync"), (2, "upload"), (3, "list")] {
            leases.claim(now, Claim { operation: OperationId(number), activity, ..claim(1, Access::Write) }, None);
        }
        let Answer::Busy(holders) = leases.claim(now, claim(2, Access::Write), None) else { panic!("granted") };
        for told in [holders, leases.holders(now).0] {
            assert_eq!(told.iter().map(|holder| holder.activity.as_str()).collect::<Vec<_>>(), ["sync"]);
        }
        leases.release_session(now, 1);
        for session in [4, 5] {
            leases.claim(now, claim(session, Access::Read), None);
        }
        assert_eq!(leases.holders(now).0.len(), 2, "every session is told");
    }

    #[test]
    fn operations_of_one_group_share_a_lease_and_pass_who_waits() {
        let (leases, now, waker) = (Leases::default(), Instant::now(), Waker::new().unwrap());
        let grouped = |session, group| Claim { group: Some(group), ..claim(session, Access::Write) };
        assert!(is_granted(&leases.claim(now, grouped(1, 7), None)));
        assert!(!is_granted(&leases.claim(now, grouped(2, 8), Some(&waker))));
        assert!(is_granted(&leases.claim(now, grouped(3, 7), None)));
        assert!(!is_granted(&leases.claim(now, claim(4, Access::Write), None)));
        leases.release_session(now, 1);
        assert!(!leases.is_held(2, OperationId(1)));
        leases.release_session(now, 3);
        assert!(leases.is_held(2, OperationId(1)));
    }

    #[test]
    fn who_waits_is_served_in_order_and_woken() {
        let (leases, now, waker) = (Leases::default(), Instant::now(), Waker::new().unwrap());
        leases.claim(now, claim(1, Access::Write), None);
        assert!(!is_granted(&leases.claim(now, claim(2, Access::Write), Some(&waker))));
        assert!(!is_granted(&leases.claim(now, claim(3, Access::Read), Some(&waker))));
        assert!(!is_granted(&leases.claim(now, claim(4, Access::Read), Some(&waker))));
        leases.release_session(now, 1);
        assert!(leases.is_held(2, OperationId(1)));
        assert!(!leases.is_held(3, OperationId(1)));
        leases.release_session(now, 2);
        assert!(leases.is_held(3, OperationId(1)) && leases.is_held(4, OperationId(1)));
    }

    #[test]
    fn who_gives_up_waiting_leaves_the_queue() {
        let (leases, now, waker) = (Leases::default(), Instant::now(), Waker::new().unwrap());
        leases.claim(now, claim(1, Access::Write), None);
        leases.claim(now, claim(2, Access::Write), Some(&waker));
        leases.claim(now, claim(3, Access::Write), Some(&waker));
        leases.release(now, 2, OperationId(1));
        leases.release_session(now, 1);
        assert!(leases.is_held(3, OperationId(1)));
    }

    #[test]
    fn a_waiting_write_is_not_starved_by_reads_that_do_not_wait() {
        let (leases, now, waker) = (Leases::default(), Instant::now(), Waker::new().unwrap());
        leases.claim(now, claim(1, Access::Read), None);
        leases.claim(now, claim(2, Access::Write), Some(&waker));
        assert!(!is_granted(&leases.claim(now, claim(3, Access::Read), None)));
    }

    #[test]
    fn a_waiting_write_is_not_starved_by_reads_that_wait() {
        let (leases, now, waker) = (Leases::default(), Instant::now(), Waker::new().unwrap());
        leases.claim(now, claim(1, Access::Read), None);
        leases.claim(now, claim(2, Access::Write), Some(&waker));
        assert!(!is_granted(&leases.claim(now, claim(3, Access::Read), Some(&waker))));
        leases.release_session(now, 1);
        assert!(leases.is_held(2, OperationId(1)));
    }
}
