//! Leases: the right to run an operation now, on the paths that it claims.
//!
//! Participants: a session tells what an operation claims ([`Claim`]: a path, as far as it reaches, to read or to
//! write), and asks for all of it at once; it gets its lease, or hears who is in the way. Two claims conflict if one's
//! path is, or contains, the other's, one of them writes, and they are of different clients. Goals: no two leases
//! conflict; who waits is served in order among those whose claims conflict, and holds up nobody else. Nobody waits for
//! somebody who waits for them: an operation gets all that it claims or nothing, and a session that has a lease does not
//! wait for another one. Non-goals: to wait (a session is woken), and to know which paths a request needs
//! (`claims.rs`).
//!
//! Claims are in a tree of paths (`tree.rs`), where each has a post at its path and at every directory on the way there.
//! So whatever meets a claim is found on its own way, and whoever waits is looked at only when something goes away
//! from where it waits.

mod bounds;
mod claim;
mod crowd;
mod entering;
mod entry;
#[cfg(test)]
mod meeting;
mod mode;
mod others;
mod own;
mod passing;
mod table;
mod told;
mod tree;
mod wake;

pub(super) use bounds::Bounds;
pub(super) use claim::{
    Access, Claim, Claimant, ClientKey, GroupKey, Reach, StorePath, View, cover as covers_all, in_order, meet,
    memory_bytes,
};
#[cfg(test)]
pub(super) use meeting::Beside;
pub(super) use others::{OtherServers, Reached, Settled, busy};
pub(super) use told::{LeaseStatus, SOMEBODY};

use crate::carrier::Waker;
use entry::Entry;
use passing::Passing;
use remofile_protocol::limits::MAX_HOLDERS;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Holder, OperationId};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use table::{Outcome, Table};
use wake::Wake;

/// All leases of one store.
#[derive(Debug)]
pub(super) struct Leases<W = Waker, L = Mutex<Table<W>>> {
    table: L,
    wakes: std::marker::PhantomData<fn(W)>,
}

/// The answer to claims.
#[derive(Debug)]
pub(super) enum Answer {
    Granted,
    /// These are in the way, and the claims wait in the queue. Their waker is called when they are granted. Nobody is told
    /// if the client waits for itself.
    Waiting(Vec<Holder>),
    /// Nobody of this server is in the way. The waker is called when it is known whether somebody at another one is.
    Entering,
    /// These are in the way.
    Refused(Vec<Holder>),
}

/// A lock around a value; a test has one whose turns it decides.
pub(super) trait Lock<T> {
    fn new(value: T) -> Self;
    fn with<R>(&self, run: impl FnOnce(&mut T) -> R) -> R;
}

impl<T> Lock<T> for Mutex<T> {
    fn new(value: T) -> Self {
        Self::new(value)
    }

    fn with<R>(&self, run: impl FnOnce(&mut T) -> R) -> R {
        // Every change of a table is complete before it can panic.
        run(&mut self.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<W: Wake, L: Lock<Table<W>>> Default for Leases<W, L> {
    fn default() -> Self {
        Self { table: L::new(Table::default()), wakes: std::marker::PhantomData }
    }
}

impl<W: Wake, L: Lock<Table<W>>> Leases<W, L> {
    /// Asks for all that an operation claims. If something is in the way it waits, if `waker` is to be called then: for other
    /// clients only if the claimant says so.
    pub(super) fn claim(&self, now: Instant, claimant: Claimant, claims: Vec<Claim>, waker: Option<&W>) -> Answer {
        self.table.with(|table| {
            let view = View::of(&claimant);
            let entry = Entry::new(now, claimant, claims, waker.cloned());
            match table.claim(entry) {
                Outcome::Granted => Answer::Granted,
                Outcome::Entering => Answer::Entering,
                Outcome::Waiting(ticket) => Answer::Waiting(table.told(now, &view, &table.in_the_way(ticket))),
                Outcome::Refused(in_the_way) => Answer::Refused(table.told(now, &view, &in_the_way)),
            }
        })
    }

    /// Returns the number of operations that have a lease, and of those that wait for one.
    pub(super) fn count(&self) -> (usize, usize) {
        self.table.with(|table| {
            let held = table.entries.values().filter(|entry| entry.is_held()).count();
            (held, table.entries.len() - held)
        })
    }

    /// Reports whether an operation has its lease.
    pub(super) fn is_held(&self, session: u64, operation: OperationId) -> bool {
        self.table.with(|table| table.is_held(session, operation))
    }

    /// Reports whether an operation waits for its lease. One that did, and neither does nor has it, was refused: the hold
    /// that it was to run under gave up, and it may not wait for itself.
    pub(super) fn waits(&self, session: u64, operation: OperationId) -> bool {
        self.table.with(|table| table.waiting(session, operation).is_some())
    }

    /// Returns those who are in the way of an operation that waits.
    pub(super) fn in_the_way(&self, now: Instant, session: u64, operation: OperationId) -> Vec<Holder> {
        self.table
            .with(|table| {
                let ticket = table.waiting(session, operation)?;
                let view = table.view(ticket)?;
                if let Some(others) = table.others.as_ref().filter(|_| table.is_entering(ticket)) {
                    return others.in_the_way(ticket.0, &view);
                }
                Some(table.told(now, &view, &table.in_the_way(ticket)))
            })
            .unwrap_or_default()
    }

    /// Reports whether a session has a lease, or waits for one.
    pub(super) fn has_any(&self, session: u64) -> bool {
        self.table.with(|table| !table.tickets(session, None).is_empty())
    }

    /// Gives up waiting, and returns those who are in the way now; `None` if the lease was granted meanwhile, or if the client
    /// waits for itself alone, which it is never refused for.
    pub(super) fn give_up(&self, now: Instant, session: u64, operation: OperationId) -> Option<Vec<Holder>> {
        self.changed(|table, granted| {
            let ticket = table.waiting(session, operation)?;
            if table.is_entering(ticket) {
                // Until it is known who is in the way it is not told either.
                let holders = table.others.as_ref()?.in_the_way(ticket.0, &table.view(ticket)?)?;
                table.release(now, ticket, granted);
                return Some(holders);
            }
            table.insist(now, ticket, Passing::Held, granted);
            let ticket = table.waiting(session, operation)?;
            let in_the_way = table.in_the_way(ticket);
            if in_the_way.is_empty() {
                return None;
            }
            let holders = table.told(now, &table.view(ticket)?, &in_the_way);
            table.release(now, ticket, granted);
            Some(holders)
        })
    }

    /// Grants the lease of an operation that waits if only those are in its way who wait for leases that its own client had
    /// before they came: neither would get on.
    pub(super) fn insist(&self, now: Instant, session: u64, operation: OperationId) {
        self.changed(|table, granted| {
            if let Some(ticket) = table.waiting(session, operation) {
                table.insist(now, ticket, Passing::HeldBefore, granted);
            }
        });
    }

    /// Makes what sessions that are over have left into strangers', so that it is in the way of their own client as well.
    /// Returns whether they have left anything.
    pub(super) fn estrange(&self, sessions: &[u64], own: ClientKey) -> bool {
        self.table.with(|table| table.estrange(sessions, own))
    }

    /// Returns the claims of the lease that an operation runs under.
    pub(super) fn claims(&self, session: u64, operation: OperationId) -> Option<Arc<[Claim]>> {
        self.table.with(|table| table.claims(session, operation))
    }

    /// Returns those who hold leases now as a client sees them that has `root` for its root, and the number of
    /// operations that wait. With `only_token`, those of this token alone.
    pub(super) fn told(&self, now: Instant, root: &RemotePath, only_token: Option<&str>) -> LeaseStatus {
        let (mut told, others) = self.table.with(|table| (table.all_told(now, root, only_token), table.others.clone()));
        if let Some(others) = others {
            let (holders, waiting) = others.told(root, only_token);
            let room = MAX_HOLDERS.saturating_sub(told.holders.len());
            told.holders.extend(holders.into_iter().take(room));
            told.waiting += waiting;
        }
        told
    }

    /// Records that an operation is over but for the disk: nobody of its session works under its lease any more.
    pub(super) fn settle(&self, session: u64, operation: Option<OperationId>) {
        self.table.with(|table| table.settle(session, operation));
    }

    /// Releases the lease of an operation, or its place in the queue; without an operation, all of a session.
    pub(super) fn release(&self, now: Instant, session: u64, operation: Option<OperationId>) {
        self.changed(|table, granted| {
            for ticket in table.tickets(session, operation) {
                table.release(now, ticket, granted);
            }
            table.forget_news(session, operation);
        });
    }

    /// Changes the table, and wakes those who got their lease by that.
    fn changed<R>(&self, change: impl FnOnce(&mut Table<W>, &mut Vec<W>) -> R) -> R {
        let mut granted = Vec::new();
        let result = self.table.with(|table| change(table, &mut granted));
        granted.iter().for_each(W::wake);
        result
    }
}

#[cfg(test)]
mod tests;
