//! The promise of the table, looked at from outside: no two leases conflict.

use super::claim::conflict;
use super::crowd::Ticket;
use super::{Entry, Leases, Lock, Table, Wake};
use std::collections::BTreeSet;

/// Leases that one client has beside each other. They stay that when one of its sessions is over, and what that has left
/// is a stranger's.
#[derive(Debug, Default)]
pub(in crate::server) struct Beside(BTreeSet<(Ticket, Ticket)>);

impl<W: Wake, L: Lock<Table<W>>> Leases<W, L> {
    /// Returns the sessions of two leases that conflict, if there are such.
    pub(in crate::server) fn meeting(&self, beside: &mut Beside) -> Option<(u64, u64)> {
        self.table.with(|table| {
            // What rides on another lease has none of its own.
            let has_lease = |entry: &Entry<W>| entry.is_held() && entry.rides_on.is_none();
            let mut held: Vec<_> = table.entries.iter().filter(|(_, entry)| has_lease(entry)).collect();
            held.sort_unstable_by_key(|(ticket, _)| **ticket);
            let pairs =
                held.iter().enumerate().flat_map(|(at, one)| held[at + 1..].iter().map(move |other| (one, other)));
            let mut now = BTreeSet::new();
            let mut meeting = None;
            for ((ticket, one), (other_ticket, other)) in
                pairs.filter(|(one, other)| conflict(&one.1.claims, &other.1.claims))
            {
                let pair = (**ticket, **other_ticket);
                if one.claimant.client == other.claimant.client || beside.0.contains(&pair) {
                    now.insert(pair);
                } else {
                    meeting = Some((one.claimant.session, other.claimant.session));
                }
            }
            beside.0 = now;
            meeting
        })
    }

    /// Returns the number of operations that hold leases or wait for them.
    pub(in crate::server) fn len(&self) -> usize {
        self.table.with(|table| table.entries.len())
    }
}
