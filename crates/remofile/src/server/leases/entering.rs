//! Operations that nobody of this server is in the way of, until other servers have answered, and those whose lease is lost.

use super::claim::{Access, View};
use super::crowd::Ticket;
use super::entry::Entry;
use super::others::{News, OtherServers, Reached, Settled, busy};
use super::table::Table;
use super::wake::Wake;
use super::{Leases, Lock};
use remofile_protocol::handshake::ClientIdentity;
use remofile_protocol::wire::{Failure, OperationId};
use std::sync::Arc;
use std::time::Instant;

impl<W: Wake> Table<W> {
    /// Asks other servers for the lease of an operation that nobody is in the way of here; false if it has that already.
    pub(super) fn enters(&self, ticket: Ticket, entry: &Entry<W>) -> bool {
        let Some(others) = &self.others else { return false };
        !others.enter(ticket.0, &entry.claimant, &entry.claims)
    }

    /// Reports whether an operation waits for the word of other servers alone.
    pub(super) fn is_entering(&self, ticket: Ticket) -> bool {
        self.entries.get(&ticket).is_some_and(Entry::is_entering)
    }

    /// Grants the lease of an operation that nobody is in the way of at any server.
    pub(super) fn entered(&mut self, now: Instant, ticket: Ticket, granted: &mut Vec<W>) {
        let Some(entry) = self.entries.get_mut(&ticket).filter(|entry| entry.is_entering()) else { return };
        granted.extend(entry.grant(now));
        for rider in entry.riders.clone() {
            granted.extend(self.entries.get_mut(&rider).and_then(|rider| rider.grant(now)));
        }
    }

    /// Forgets what an operation, or all of a session, was to hear.
    pub(super) fn forget_news(&mut self, session: u64, operation: Option<OperationId>) {
        match operation {
            _ if self.news.is_empty() => {}
            Some(operation) => drop(self.news.remove(&(session, operation))),
            None => self.news.retain(|(of, _), _| *of != session),
        }
    }

    /// Marks what others may change from now on: all that is held to be written.
    fn lose(&mut self, bells: &mut Vec<W>) {
        let writes = |entry: &Entry<W>| entry.claims.iter().any(|claim| claim.access == Access::Write);
        let lost: Vec<Ticket> = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.is_held() && entry.rides_on.is_none() && writes(entry))
            .flat_map(|(ticket, entry)| [*ticket].into_iter().chain(entry.riders.iter().copied()))
            .collect();
        for ticket in lost {
            if let Some(entry) = self.entries.get_mut(&ticket) {
                entry.is_lost = true;
                bells.extend(entry.bell.clone());
            }
        }
    }
}

impl<W: Wake, L: Lock<Table<W>>> Leases<W, L> {
    /// Has leases need the word of other servers as well, from now on.
    pub(in crate::server) fn share(&self, others: Arc<dyn OtherServers>) {
        self.table.with(|table| table.others = Some(others));
    }

    /// Reports whether leases need the word of other servers as well.
    pub(in crate::server) fn are_shared(&self) -> bool {
        self.table.with(|table| table.others.is_some())
    }

    /// Takes the answer of other servers to what an operation has asked for.
    pub(in crate::server) fn settle_entry(&self, now: Instant, ticket: u64, settled: Settled) {
        let ticket = Ticket(ticket);
        self.changed(|table, granted| {
            let Some(entry) = table.entries.get(&ticket).filter(|entry| entry.is_entering()) else { return };
            let (session, operation) = (entry.claimant.session, entry.claimant.operation);
            let news = match settled {
                Settled::Granted => return table.entered(now, ticket, granted),
                Settled::Waits => News::Waits,
                Settled::Failed(failure) => News::Refused(failure),
                Settled::Refused => {
                    let others = table.others.as_ref();
                    let holders = others.and_then(|others| others.in_the_way(ticket.0, &View::of(&entry.claimant)));
                    News::Refused(busy(holders.unwrap_or_default()))
                }
            };
            granted.extend(entry.bell.clone());
            if matches!(news, News::Refused(_)) {
                table.release(now, ticket, granted);
            }
            table.news.insert((session, operation), news);
        });
    }

    /// Returns the operations of a session that are to be told for whom they wait, once.
    pub(in crate::server) fn take_waits(&self, session: u64) -> Vec<OperationId> {
        self.table.with(|table| {
            let all = table.news.range((session, OperationId(0))..=(session, OperationId(u64::MAX)));
            let waits = all.filter(|(_, news)| matches!(news, News::Waits)).map(|((_, operation), _)| *operation);
            let waits: Vec<OperationId> = waits.collect();
            for operation in &waits {
                table.news.remove(&(session, *operation));
            }
            waits
        })
    }

    /// Returns the reason for which an operation that waited was refused, once.
    pub(in crate::server) fn take_refusal(&self, session: u64, operation: OperationId) -> Option<Failure> {
        match self.table.with(|table| table.news.remove(&(session, operation)))? {
            News::Refused(failure) => Some(failure),
            News::Waits => None,
        }
    }

    /// Records that others may change from now on what is held to be written. Their sessions are woken; none of it is in the
    /// way of anybody once they have given it back.
    pub(in crate::server) fn lose(&self) {
        self.changed(|table, bells| table.lose(bells));
    }

    /// Has somebody called when an operation that has its lease loses it: who does not wait is called for nothing else.
    pub(in crate::server) fn call_when_lost(&self, session: u64, operation: OperationId, bell: &W) {
        self.changed(|table, bells| {
            for ticket in table.tickets(session, Some(operation)) {
                let Some(entry) = table.entries.get_mut(&ticket) else { continue };
                entry.bell = Some(bell.clone());
                // It may be lost already.
                bells.extend(entry.is_lost.then(|| bell.clone()));
            }
        });
    }

    /// Reports whether anything is left of what was lost.
    pub(in crate::server) fn has_lost(&self) -> bool {
        self.table.with(|table| table.entries.values().any(|entry| entry.is_lost))
    }

    /// Returns the operations of a session that have lost their lease.
    pub(in crate::server) fn lost(&self, session: u64) -> Vec<OperationId> {
        self.table.with(|table| {
            let tickets = table.tickets(session, None).into_iter().filter_map(|ticket| table.entries.get(&ticket));
            tickets.filter(|entry| entry.is_lost).map(|entry| entry.claimant.operation).collect()
        })
    }

    /// Returns the sessions with leases that a session of the same client at another server takes the place of.
    pub(in crate::server) fn replaced_by(&self, token: &str, by: &ClientIdentity) -> Vec<Reached<W>> {
        let is_former = |entry: &&Entry<W>| {
            entry.claimant.token == token && entry.claimant.identity.is_some_and(|own| by.replaces(&own))
        };
        self.table.with(|table| {
            let former = table.entries.values().filter(is_former);
            former.map(|entry| Reached { session: entry.claimant.session, bell: entry.bell.clone() }).collect()
        })
    }
}
