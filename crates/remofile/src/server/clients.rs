//! Clients: which sessions are those of one client, so that they are one holder of leases, and none of it is refused for what
//! is left of a former one.
//!
//! A session that was ended may still keep leases: until its operations are interrupted, and what they stored is on the
//! disk. A request that meets only those is not refused for it: the client would be in its own way.

use super::leases::ClientKey;
use super::presence::Presence;
use super::principal::PrincipalId;
use remofile_protocol::handshake::ClientIdentity;
use remofile_protocol::wire::ErrorCode;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A client of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct ClientId {
    principal: PrincipalId,
    client: [u8; 16],
}

/// The sessions of the clients that tell an identity.
#[derive(Debug, Default)]
pub(super) struct Clients(Arc<Mutex<ClientTable>>);

#[derive(Debug, Default)]
struct ClientTable {
    clients: HashMap<ClientId, KnownClient>,
    /// Sessions that are over, and had leases when they ended.
    over: Vec<(ClientId, u64)>,
}

#[derive(Debug)]
struct KnownClient {
    /// The client as leases know it.
    key: ClientKey,
    sessions: Vec<KnownSession>,
}

#[derive(Debug)]
struct KnownSession {
    session: u64,
    presence: Presence,
    is_over: bool,
}

/// A session that counts as one of its client until this is dropped, and as a former one from then on.
#[derive(Debug)]
pub(super) struct ClientSession {
    table: Arc<Mutex<ClientTable>>,
    client: ClientId,
    key: ClientKey,
    session: u64,
}

impl ClientId {
    pub(super) fn new(principal: PrincipalId, identity: ClientIdentity) -> Self {
        Self { principal, client: identity.client }
    }
}

impl Clients {
    /// Takes note of a session that begins. Forgets those that are over and have no lease any more.
    pub(super) fn begin(
        &self,
        client: ClientId,
        session: u64,
        presence: Presence,
        has_lease: impl Fn(u64) -> bool,
    ) -> ClientSession {
        let mut table = lock(&self.0);
        let over = std::mem::take(&mut table.over);
        let (held, free): (Vec<_>, Vec<_>) = over.into_iter().partition(|(_, session)| has_lease(*session));
        table.over = held;
        free.into_iter().for_each(|(client, session)| table.forget(client, session));
        let first = || KnownClient { key: ClientKey::of_first_session(session), sessions: Vec::new() };
        let known = table.clients.entry(client).or_insert_with(first);
        known.sessions.push(KnownSession { session, presence, is_over: false });
        ClientSession { table: Arc::clone(&self.0), client, key: known.key, session }
    }
}

impl Clients {
    /// Ends a session, since its client has another one at another server; false if it ends already.
    pub(super) fn end(&self, session: u64) -> bool {
        let table = lock(&self.0);
        let all = table.clients.values().flat_map(|client| &client.sessions);
        let mut found = all.filter(|known| known.session == session && !known.is_over);
        found.any(|known| known.presence.end(ErrorCode::SessionReplaced))
    }
}

impl ClientSession {
    /// The client as leases know it: all sessions of it are one holder.
    pub(super) fn key(&self) -> ClientKey {
        self.key
    }

    /// Returns the other sessions of the client that are over, or have been ended.
    pub(super) fn former(&self) -> Vec<u64> {
        let table = lock(&self.table);
        let sessions = table.clients.get(&self.client).into_iter().flat_map(|client| &client.sessions);
        let others = sessions.filter(|known| known.session != self.session);
        others.filter(|known| known.is_over || known.presence.is_leaving()).map(|known| known.session).collect()
    }

    /// Takes note that the session is over, though there may be something of it yet.
    pub(super) fn end(&self) {
        let mut table = lock(&self.table);
        let sessions = table.clients.get_mut(&self.client).into_iter().flat_map(|client| &mut client.sessions);
        let found = sessions.filter(|known| known.session == self.session && !known.is_over);
        if found.map(|known| known.is_over = true).count() > 0 {
            table.over.push((self.client, self.session));
        }
    }
}

impl Drop for ClientSession {
    fn drop(&mut self) {
        self.end();
    }
}

impl ClientTable {
    fn forget(&mut self, client: ClientId, session: u64) {
        let Some(KnownClient { sessions, .. }) = self.clients.get_mut(&client) else { return };
        sessions.retain(|known| known.session != session);
        if sessions.is_empty() {
            self.clients.remove(&client);
        }
    }
}

fn lock(table: &Mutex<ClientTable>) -> MutexGuard<'_, ClientTable> {
    // Every change is complete before it can panic.
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn a_session_that_was_ended_is_a_former_one_before_it_notices() {
        let client = ClientId { principal: PrincipalId(0), client: [1; 16] };
        let (clients, presence) = (Clients::default(), Presence::new(Instant::now(), None));
        let _first = clients.begin(client, 1, presence.clone(), |_| true);
        let second = clients.begin(client, 2, Presence::new(Instant::now(), None), |_| true);
        assert!(second.former().is_empty());
        presence.end(ErrorCode::SessionReplaced);
        assert_eq!(second.former(), [1]);
    }

    #[test]
    fn former_sessions_are_known_until_they_have_no_lease_and_no_others_are() {
        let identity = |client| ClientIdentity { client: [client; 16], incarnation: 1, connection: 0 };
        let id = |principal, client| ClientId::new(PrincipalId(principal), identity(client));
        let clients = Clients::default();
        let presence = || Presence::new(Instant::now(), None);
        let begin = |client, session| clients.begin(client, session, presence(), |session| session < 3);
        let (first, second) = (begin(id(0, 1), 1), begin(id(0, 1), 2));
        let (other, other_token) = (begin(id(0, 2), 3), begin(id(1, 1), 4));
        assert!(second.former().is_empty());
        assert_eq!(first.key(), second.key());
        assert!(![&other, &other_token].iter().any(|stranger| stranger.key() == first.key()));
        first.end();
        assert_eq!(second.former(), [1]);
        drop((first, other));
        assert_eq!(second.former(), [1]);
        assert!(other_token.former().is_empty());
        let third = begin(id(0, 1), 5);
        assert_eq!(lock(&clients.0).clients.len(), 2, "the third had no lease");
        drop(second);
        assert_eq!(third.former(), [1, 2]);
        drop((third, other_token));
        drop(clients.begin(id(7, 7), 9, presence(), |_| false));
        let table = lock(&clients.0);
        assert_eq!((table.clients.len(), table.over.len()), (1, 1));
    }
}
