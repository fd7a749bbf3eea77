//! One server among those of a coordinator: how it joins, and what its leases ask.

use super::clock;
use super::coordinated::{Coordinated, PARTS, Standing};
use super::coordinator::{CoordinatorError, Term};
use super::machine::Machine;
use super::registration::{Registration, Unfit};
use super::shared_quotas::SharedQuotas;
use super::shared_tokens::SharedTokens;
use crate::error::{Error, Result};
use crate::server::leases::{Claim, Claimant, OtherServers, Settled, View};
use crate::tokens::LiveTokens;
use remofile_protocol::handshake::ClientIdentity;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{ErrorCode, Failure, Holder};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

/// The failure of a change that was not begun, since the coordinator is lost: another server may make it. Clients of before read
/// `other`, and show the detail.
pub(in crate::server) fn unreachable() -> Failure {
    Failure::new(ErrorCode::CoordinatorLost).because(
        "the server's coordinator cannot be reached, so that nothing is changed until it can: try again in a moment",
    )
}

/// The failure of a change in the middle of which the coordinator was lost.
pub(in crate::server) fn interrupted() -> Failure {
    Failure::new(ErrorCode::OutOfResources).because(
        "the server lost its coordinator in the middle of it, and a part of it may have been done: look before you try again",
    )
}

/// Longest time for which a protocol without a word for waiting waits for the coordinator.
const AWAITED: Duration = Duration::from_secs(10);

/// The reason a server cannot join.
#[derive(Debug)]
pub(super) enum JoinError {
    /// The server may try again.
    Unreachable(String),
    /// Somebody has to change something.
    Refused(String),
}

/// The service, which hears what has come of its claims.
pub(in crate::server) trait Served: Send + Sync {
    /// Takes the answer to what an operation has asked for.
    fn settle(&self, ticket: u64, settled: Settled);

    /// Ends what is left of a client that has a session at another server.
    fn end_replaced(&self, token: &str, by: &ClientIdentity);

    /// Interrupts whatever changes something.
    fn lose(&self);

    /// Reports whether something that was interrupted is not over yet.
    fn has_lost(&self) -> bool;
}

/// One server among those of a coordinator.
pub(in crate::server) struct Coordination {
    pub(super) coordinated: Coordinated,
    registration: Registration,
    /// The tokens, if they are those of many users.
    pub(super) tokens: Option<SharedTokens>,
    pub(super) quotas: SharedQuotas,
    machine: Mutex<Machine>,
    /// Called when there is something to do for a thread of the keeper.
    pub(super) changed: Condvar,
    /// The number of times at which outcomes were told, and the call behind each.
    pub(super) rounds: Mutex<u64>,
    pub(super) settled: Condvar,
    /// The number of watches so far: only the last one counts.
    pub(super) watches: AtomicU64,
    pub(super) stopping: AtomicBool,
    pub(super) served: OnceLock<Weak<dyn Served>>,
}

impl Coordination {
    /// Registers a server. If the coordinator cannot be reached the server begins without, and joins when it can.
    ///
    /// # Errors
    /// [`Error::Root`] if servers with other settings are there, or if the coordinator refuses us.
    pub(in crate::server) fn begin(
        coordinated: Coordinated,
        registration: Registration,
        tokens: Option<&LiveTokens>,
    ) -> Result<Arc<Self>> {
        let shared = |own: &Weak<Self>, live| {
            let own = own.clone();
            SharedTokens::new(live, move || own.upgrade().iter().for_each(|own| own.note_tokens_changed()))
        };
        let coordination = Arc::new_cyclic(|own| Self {
            tokens: tokens.map(|live| shared(own, live)),
            quotas: SharedQuotas::default(),
            machine: Mutex::new(Machine::new(registration.server(), unreachable())),
            coordinated,
            registration,
            changed: Condvar::new(),
            rounds: Mutex::new(0),
            settled: Condvar::new(),
            watches: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
            served: OnceLock::new(),
        });
        match coordination.join() {
            Ok(()) => Ok(coordination),
            Err(JoinError::Unreachable(why)) => {
                coordination.coordinated.note(Standing::Lost(why.clone()));
                let address = coordination.coordinated.address();
                tracing::warn!(
                    coordinator = address,
                    "the coordinator cannot be reached: clients read, and change nothing until it can: {why}"
                );
                Ok(coordination)
            }
            Err(JoinError::Refused(why)) => {
                let (path, failure) = (coordination.coordinated.address(), Failure::new(ErrorCode::Other).because(why));
                Err(Error::Root { path, failure })
            }
        }
    }

    /// The time from which on the fence falls, for a term that was kept by a call which began at a moment.
    pub(super) fn until(&self, sent: Duration) -> Duration {
        let term = self.coordinated.inner.term;
        sent + (term - term / PARTS * 2)
    }

    /// Begins a term, and takes what all servers claim.
    pub(super) fn join(&self) -> std::result::Result<(), JoinError> {
        let inner = &self.coordinated.inner;
        let sent = clock::now();
        let term = inner.coordinator.begin_term(inner.term).map_err(JoinError::of)?;
        let joined = self.join_in(term, sent);
        if joined.is_err() {
            // Otherwise it ends by itself.
            let _ended = inner.coordinator.end_term(term);
        }
        joined
    }

    fn join_in(&self, term: Term, sent: Duration) -> std::result::Result<(), JoinError> {
        let inner = &self.coordinated.inner;
        self.registration.put(&*inner.coordinator, term).map_err(JoinError::of)?;
        let snapshot = inner.coordinator.read("").map_err(JoinError::of)?;
        let is_first = self.registration.check(&*inner.coordinator, &snapshot)?;
        if let Some(tokens) = &self.tokens {
            tokens.join(&*inner.coordinator, &snapshot, is_first)?;
        }
        let mut machine = self.lock();
        // What watches by now goes on with changes of before: it takes no more of them.
        self.watches.fetch_add(1, Ordering::AcqRel);
        machine.join(term, &snapshot, clock::now(), clock::wall());
        // Before anything is written: others may have shared out anew what this server had.
        self.quotas.distrust_shares();
        inner.fence.put_off(self.until(sent));
        drop(machine);
        self.coordinated.note(Standing::Joined);
        self.changed.notify_all();
        Ok(())
    }

    fn note_tokens_changed(&self) {
        if let Some(tokens) = &self.tokens {
            tokens.note_change();
        }
        // A thread that is about to wait has looked before.
        drop(self.lock());
        self.changed.notify_all();
    }

    /// Waits until somebody is settled for whom no other way to wait is known, but not for long.
    pub(in crate::server) fn await_settled(&self, is_settled: impl Fn() -> bool) {
        let deadline = clock::now() + AWAITED;
        let mut rounds = self.rounds.lock().unwrap_or_else(PoisonError::into_inner);
        while !is_settled() {
            let Some(left) = deadline.checked_sub(clock::now()) else { return };
            let waited = self.settled.wait_timeout(rounds, left);
            rounds = waited.map_or_else(|poisoned| poisoned.into_inner().0, |waited| waited.0);
        }
    }

    /// Returns the number of this server among all.
    pub(super) fn server(&self) -> u64 {
        self.registration.server()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Machine> {
        // Every change is complete before it can panic.
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OtherServers for Coordination {
    fn enter(&self, ticket: u64, claimant: &Claimant, claims: &Arc<[Claim]>) -> bool {
        let mut machine = self.lock();
        let is_granted = machine.enter(ticket, claimant, claims, clock::wall());
        drop(machine);
        if !is_granted {
            self.changed.notify_all();
        }
        is_granted
    }

    fn leave(&self, ticket: u64) {
        let mut machine = self.lock();
        machine.leave(ticket);
        let has_changes = machine.has_changes();
        drop(machine);
        if has_changes {
            self.changed.notify_all();
        }
    }

    fn in_the_way(&self, ticket: u64, view: &View) -> Option<Vec<Holder>> {
        self.lock().in_the_way(ticket, view, clock::now())
    }

    fn told(&self, root: &RemotePath, only_token: Option<&str>) -> (Vec<Holder>, usize) {
        self.lock().told(root, only_token, clock::now())
    }
}

impl fmt::Debug for Coordination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Coordination").field(&self.coordinated).finish()
    }
}

impl From<Unfit> for JoinError {
    fn from(unfit: Unfit) -> Self {
        match unfit {
            Unfit::Coordinator(error) => Self::of(error),
            Unfit::Settings(why) => Self::Refused(why),
        }
    }
}

impl JoinError {
    fn of(error: CoordinatorError) -> Self {
        match error {
            CoordinatorError::Denied(why) => Self::Refused(why),
            other => Self::Unreachable(other.to_string()),
        }
    }
}
