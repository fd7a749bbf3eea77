//! Crowds: claims of many clients in order, of which those of one client are easily left out.

use super::claim::ClientKey;
use std::collections::BTreeSet;

/// The number of an operation that makes claims. They are numbered as they come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Ticket(pub(super) u64);

/// Claims that are alike at one place.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    by_client: BTreeSet<(ClientKey, Ticket)>,
    /// The first ticket of each client.
    firsts: BTreeSet<(Ticket, ClientKey)>,
}

impl Crowd {
    pub(super) fn insert(&mut self, client: ClientKey, ticket: Ticket) {
        let before = self.first_of(client);
        self.by_client.insert((client, ticket));
        if before.is_none_or(|before| ticket < before) {
            before.map(|before| self.firsts.remove(&(before, client)));
            self.firsts.insert((ticket, client));
        }
    }

    pub(super) fn remove(&mut self, client: ClientKey, ticket: Ticket) {
        self.by_client.remove(&(client, ticket));
        if self.firsts.remove(&(ticket, client))
            && let Some(next) = self.first_of(client)
        {
            self.firsts.insert((next, client));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_client.is_empty()
    }

    pub(super) fn first(&self) -> Option<(Ticket, ClientKey)> {
        self.firsts.first().copied()
    }

    pub(super) fn first_of(&self, client: ClientKey) -> Option<Ticket> {
        self.of(client).next()
    }

    /// The tickets of a client, in order.
    pub(super) fn of(&self, client: ClientKey) -> impl Iterator<Item = Ticket> {
        let own = (client, Ticket(0))..=(client, Ticket(u64::MAX));
        self.by_client.range(own).map(|(_, ticket)| *ticket)
    }

    /// All tickets of other clients than this one.
    pub(super) fn all_others(&self, client: ClientKey) -> impl Iterator<Item = (Ticket, ClientKey)> {
        self.by_client.iter().filter(move |(of, _)| *of != client).map(|(of, ticket)| (*ticket, *of))
    }

    pub(super) fn has(&self, client: ClientKey, ticket: Ticket) -> bool {
        self.by_client.contains(&(client, ticket))
    }

    /// The first ticket of each client but this one, in order.
    pub(super) fn others(&self, client: ClientKey) -> impl Iterator<Item = (Ticket, ClientKey)> {
        self.firsts.iter().copied().filter(move |(_, of)| *of != client)
    }
}
