//! Further connections of sessions: the lobby, which has them proved, hands them to the session that they are for.
//!
//! A client names the session by the number of its connection, and has to be the same run of the same client, of the same
//! principal: so nobody joins a session but who made it. All lanes of a server together are bounded, since each takes a
//! descriptor that no session counts.

use super::principal::PrincipalId;
use crate::carrier::{Line, Link};
use remofile_protocol::handshake::ClientIdentity;
use remofile_protocol::limits::MAX_LANES;
use remofile_protocol::wire::{Header, OperationId, Signal};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The sessions that may be joined.
#[derive(Debug, Default)]
pub(super) struct Lanes(Arc<LaneTable>);

#[derive(Debug, Default)]
struct LaneTable {
    sessions: Mutex<HashMap<SessionKey, Joinable>>,
    /// Further connections there are.
    taken: AtomicUsize,
}

type SessionKey = (PrincipalId, ClientIdentity);

#[derive(Debug)]
struct Joinable {
    session: u64,
    waiting: Arc<Newcomers>,
    /// The numbers of its connections. A client gives each another one.
    lanes: Arc<Mutex<Vec<u64>>>,
}

/// The connections that wait for their session to take them.
#[derive(Debug, Default)]
struct Newcomers {
    links: Mutex<Vec<Link>>,
    /// True if some came since the session looked last: it looks with each message.
    has_news: AtomicBool,
}

/// The place at which a session finds connections that join it. Nobody joins it any more when this is dropped.
#[derive(Debug)]
pub(super) struct Joining {
    table: Arc<LaneTable>,
    key: SessionKey,
    session: u64,
    waiting: Arc<Newcomers>,
}

/// The place of a further connection in a session, which counts until this is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    table: Arc<LaneTable>,
    key: SessionKey,
    session: u64,
    /// The number of its own connection.
    connection: u64,
    lanes: Arc<Mutex<Vec<u64>>>,
}

impl Lanes {
    /// Lets a session be joined that begins.
    pub(super) fn open(&self, principal: PrincipalId, identity: ClientIdentity, session: u64) -> Joining {
        let (key, waiting) = ((principal, identity), Arc::default());
        let joinable =
            Joinable { session, waiting: Arc::clone(&waiting), lanes: Arc::new(Mutex::new(vec![identity.connection])) };
        lock(&self.0.sessions).insert(key, joinable);
        Joining { table: Arc::clone(&self.0), key, session, waiting }
    }

    /// Returns the number of further connections there are.
    pub(super) fn taken(&self) -> usize {
        self.0.taken.load(Ordering::Relaxed)
    }

    /// Keeps a place for a connection in the session of the same client that it is for; `most` is the number of further
    /// connections that there may be. Returns `None` if there is no such session yet, or no room, or if that connection has a place
    /// already: then this is a recording of its hello, which proves nothing.
    pub(super) fn reserve(&self, principal: PrincipalId, own: ClientIdentity, joins: u64, most: usize) -> Option<Seat> {
        let key = (principal, ClientIdentity { connection: joins, ..own });
        // Locked until it is counted.
        let sessions = lock(&self.0.sessions);
        let Joinable { session, lanes, .. } = sessions.get(&key)?;
        let mut connections = lock(lanes);
        if connections.len() >= MAX_LANES || connections.contains(&own.connection) || self.taken() >= most {
            return None;
        }
        connections.push(own.connection);
        self.0.taken.fetch_add(1, Ordering::Relaxed);
        let (table, lanes) = (Arc::clone(&self.0), Arc::clone(lanes));
        Some(Seat { table, key, session: *session, connection: own.connection, lanes })
    }
}

impl Seat {
    /// Hands the connection that has this place over to its session. Returns the number of the session, which has to be
    /// woken; `None` if it is over.
    pub(super) fn hand_over(self, link: Link) -> Option<u64> {
        let table = Arc::clone(&self.table);
        let sessions = lock(&table.sessions);
        let joinable = sessions.get(&self.key).filter(|joinable| joinable.session == self.session)?;
        let session = self.session;
        let mut link = link.holding(Box::new(self));
        // Tells a client that it was taken: one that was not told so before sends nothing over it until then.
        link.push(&Header::signal(OperationId::SESSION, Signal::Ping));
        let _noticed_by_the_session = link.flush();
        joinable.waiting.put(link);
        Some(session)
    }
}

impl Joining {
    /// Takes the connections that have come.
    pub(super) fn take(&self) -> Vec<Link> {
        self.waiting.take()
    }
}

impl Newcomers {
    fn put(&self, link: Link) {
        lock(&self.links).push(link);
        // Behind it, so that a look that misses it is followed by another one.
        self.has_news.store(true, Ordering::Release);
    }

    fn take(&self) -> Vec<Link> {
        match self.has_news.swap(false, Ordering::AcqRel) {
            true => std::mem::take(&mut lock(&self.links)),
            false => Vec::new(),
        }
    }
}

impl Drop for Joining {
    fn drop(&mut self) {
        let mut sessions = lock(&self.table.sessions);
        // A later session may have the same key.
        if sessions.get(&self.key).is_some_and(|joinable| joinable.session == self.session) {
            sessions.remove(&self.key);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.table.taken.fetch_sub(1, Ordering::Relaxed);
        lock(&self.lanes).retain(|connection| *connection != self.connection);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every change is complete before it can panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seat_is_free_again_when_its_connection_is_gone() {
        let (lanes, principal) = (Lanes::default(), PrincipalId(1));
        let own = |connection| ClientIdentity { client: [1; 16], incarnation: 7, connection };
        let reserve = |most| lanes.reserve(principal, own(9), 0, most);
        assert!(reserve(99).is_none(), "there is no session yet");
        let joining = lanes.open(principal, own(0), 5);
        let seats: Vec<Seat> = (1..).map_while(|number| lanes.reserve(principal, own(number), 0, 99)).collect();
        assert_eq!((seats.len(), lanes.taken()), (MAX_LANES - 1, MAX_LANES - 1));
        drop(seats);
        assert_eq!(lanes.taken(), 0);
        assert!(reserve(0).is_none(), "the server has no room");
        assert!(reserve(1).is_some());
        drop(joining);
        assert!(reserve(99).is_none(), "the session is over");
    }

    #[test]
    fn a_recorded_hello_takes_no_place_beside_the_connection_that_has_sent_it() {
        let (lanes, principal) = (Lanes::default(), PrincipalId(1));
        let own = |connection| ClientIdentity { client: [1; 16], incarnation: 7, connection };
        let _joining = lanes.open(principal, own(0), 5);
        let seat = lanes.reserve(principal, own(1), 0, 99);
        assert!(seat.is_some() && lanes.reserve(principal, own(1), 0, 99).is_none());
        assert!(lanes.reserve(principal, own(2), 0, 99).is_some(), "another one has room");
        assert_eq!(lanes.taken(), 1);
    }
}
