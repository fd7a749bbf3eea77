//! The identity of a client: by it a server ends what is left of the client's former sessions, which nobody has to wait
//! for then.
//!
//! Participants: an [`Identity`] is that of all clients that are made with it; each of their sessions has a
//! [`Connection`]. One that is over on this side in the middle of something is a ghost, which the server may have for a
//! while yet: the next session tells it, and ends it by that. Numbers of connections are used once, so that no hello that
//! is late ends another session than the one it means.

use crate::client::servers::ServerAddress;
use crate::store::PrivateSlot;
use remofile_protocol::handshake::{ClientIdentity, ClientSecret, MAX_LEFT};
use remofile_protocol::token::TokenIdentifier;
use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// The identity of a client. A server ends, as a session begins, the sessions that it still has of the same identity,
/// so that a client which was killed or has lost its line does not wait for itself. Clones are the same identity, and the
/// clients of one process that have it do not end each other's sessions: for a server they are one client, whose calls are
/// never in each other's way. It is made into another one for each token,
/// so that no server can tell that two tokens are used by one client.
///
/// The default is a new identity, random and forgotten with the process.
#[derive(Clone, Default)]
pub struct Identity(Arc<Shared>);

#[derive(Default)]
struct Shared {
    source: Source,
    run: OnceLock<Run>,
    numbers: Mutex<Numbers>,
}

/// The place that the secret comes from.
#[derive(Default)]
enum Source {
    #[default]
    Random,
    Given(ClientSecret),
    /// A file in this directory that no other process has at the same time.
    Kept(PathBuf),
}

/// The identity as this process has it, settled by the first session.
struct Run {
    secret: ClientSecret,
    incarnation: u64,
    slot: Option<PrivateSlot>,
}

/// The numbers of connections.
#[derive(Debug, Default)]
struct Numbers {
    next: u64,
    /// Those that may have left something at their servers.
    unsettled: BTreeSet<u64>,
    /// Those that have left something, until their server knows.
    ghosts: Vec<Ghost>,
}

/// Ghosts that are remembered. A server notices by itself that others are over.
const MOST_GHOSTS: usize = 256;

/// A connection that was over in the middle of something.
#[derive(Debug)]
struct Ghost {
    number: u64,
    server: ServerAddress,
}

/// The identity of one session, for as long as there is something of it on this side.
#[derive(Debug)]
pub(crate) struct Connection {
    identity: Identity,
    number: u64,
    client: [u8; 16],
    server: ServerAddress,
    /// The ghosts that it ends.
    left: Vec<u64>,
    /// True once there is a session.
    is_open: bool,
    /// True if nothing was under way in it at the end.
    pub(crate) is_settled: bool,
}

impl Identity {
    /// The identity of this secret. Two processes that use it at the same time end each other's sessions.
    #[must_use]
    pub fn of_secret(secret: ClientSecret) -> Self {
        Self::of(Source::Given(secret))
    }

    /// An identity that is kept in a directory: that of a process that was killed, if it used the same token, else one
    /// that no process has now. The directory is made if need be. Where nothing can be kept the identity is a random one.
    #[must_use]
    pub fn kept_in(directory: impl Into<PathBuf>) -> Self {
        Self::of(Source::Kept(directory.into()))
    }

    fn of(source: Source) -> Self {
        Self(Arc::new(Shared { source, run: OnceLock::new(), numbers: Mutex::default() }))
    }

    /// Makes the identity of a session that is about to begin.
    pub(crate) fn connect(&self, token: TokenIdentifier, server: ServerAddress) -> Connection {
        let run = self.0.run.get_or_init(|| Run::begin(&self.0.source, token));
        let mut numbers = self.0.lock();
        let number = numbers.next;
        numbers.next += 1;
        numbers.unsettled.insert(number);
        // A server may have several addresses, and takes no notice of those that it has never had.
        let (there, elsewhere) = numbers.ghosts.iter().partition::<Vec<_>, _>(|ghost| ghost.server == server);
        let left = there.into_iter().chain(elsewhere).map(|ghost| ghost.number).take(MAX_LEFT).collect();
        let client = run.secret.client(token);
        Connection { identity: self.clone(), number, client, server, left, is_open: false, is_settled: false }
    }

    /// Reports whether a server may have sessions that were over on this side in the middle of something.
    pub(crate) fn has_left(&self, server: &ServerAddress) -> bool {
        self.0.lock().ghosts.iter().any(|ghost| ghost.server == *server)
    }
}

impl Run {
    fn begin(source: &Source, token: TokenIdentifier) -> Self {
        let fresh = ClientSecret::generate;
        let (secret, slot) = match source {
            Source::Random => (fresh(), None),
            Source::Given(secret) => (secret.clone(), None),
            Source::Kept(directory) => {
                let mark = |secret: &_| ClientSecret::from_bytes(secret).client(token);
                match PrivateSlot::take(directory, mark, || *fresh().as_bytes()) {
                    Ok(slot) => (ClientSecret::from_bytes(&slot.secret()), Some(slot)),
                    Err(error) => {
                        tracing::trace!(%error, directory = %directory.display(), "no identity is kept");
                        (fresh(), None)
                    }
                }
            }
        };
        let random = fresh();
        let incarnation = random.as_bytes().first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
        Self { secret, incarnation, slot }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Numbers> {
        // Every change is complete before it can panic.
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The next process need not end anything if this one has left nothing.
impl Drop for Shared {
    fn drop(&mut self) {
        let has_left_nothing = self.lock().unsettled.is_empty();
        if let Some(slot) = self.run.get().and_then(|run| run.slot.as_ref())
            && has_left_nothing
        {
            slot.settle();
        }
    }
}

impl Connection {
    /// Returns what it tells the server.
    pub(crate) fn told(&self) -> ClientIdentity {
        let incarnation = self.identity.0.run.get().map_or(0, |run| run.incarnation);
        ClientIdentity { client: self.client, incarnation, connection: self.number }
    }

    /// Returns the connections that it ends, as it tells the server.
    pub(crate) fn left(&self) -> Vec<u64> {
        self.left.clone()
    }

    /// Records that there is a session, and that its server knows of the ghosts.
    pub(crate) fn opened(&mut self) {
        self.is_open = true;
        let mut numbers = self.identity.0.lock();
        let is_told = |ghost: &Ghost| ghost.server == self.server && self.left.contains(&ghost.number);
        let told: Vec<u64> = numbers.ghosts.iter().filter(|ghost| is_told(ghost)).map(|ghost| ghost.number).collect();
        numbers.ghosts.retain(|ghost| !told.contains(&ghost.number));
        numbers.unsettled.retain(|number| !told.contains(number));
    }

    /// Lets go of it in a process that was forked from its own, where its lock may be held for ever.
    pub(crate) fn disown(self) {
        std::mem::forget(self);
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let mut numbers = self.identity.0.lock();
        if self.is_settled || !self.is_open {
            numbers.unsettled.remove(&self.number);
        } else {
            let server = ServerAddress { hostname: std::mem::take(&mut self.server.hostname), port: self.server.port };
            if numbers.ghosts.len() == MOST_GHOSTS {
                numbers.ghosts.remove(0);
            }
            numbers.ghosts.push(Ghost { number: self.number, server });
        }
    }
}

/// Nothing of the secret is shown.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.source {
            Source::Random => f.write_str("Identity(random)"),
            Source::Given(_) => f.write_str("Identity(given)"),
            Source::Kept(directory) => f.debug_tuple("Identity").field(directory).finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: TokenIdentifier = TokenIdentifier([1; 16]);

    fn server() -> ServerAddress {
        ServerAddress { hostname: "localhost".to_owned(), port: 6768 }
    }

    #[test]
    fn the_sessions_of_one_identity_end_those_that_are_over_in_the_middle_of_something_and_no_others() {
        let identity = Identity::default();
        let (mut first, second, mut third) =
            (identity.connect(TOKEN, server()), identity.connect(TOKEN, server()), identity.connect(TOKEN, server()));
        assert!(!second.told().replaces(&first.told()) && !first.told().replaces(&second.told()));
        first.opened();
        third.opened();
        third.is_settled = true;
        let lost = first.told();
        drop((first, third));
        assert!(identity.has_left(&server()) && !identity.has_left(&ServerAddress { port: 1, ..server() }));
        let elsewhere = identity.connect(TOKEN, ServerAddress { port: 1, ..server() });
        assert_eq!(elsewhere.left(), [0], "it may be the same server");
        let mut again = identity.connect(TOKEN, server());
        assert!(again.told().has_left(&lost, &again.left()) && !again.told().has_left(&second.told(), &again.left()));
        assert!(identity.has_left(&server()), "the server does not know it yet");
        again.opened();
        assert!(!identity.has_left(&server()));
        let other = Identity::default().connect(TOKEN, server());
        assert!(!other.told().replaces(&lost));
    }

    #[test]
    fn a_connection_that_never_was_a_session_leaves_nothing() {
        let identity = Identity::default();
        drop(identity.connect(TOKEN, server()));
        assert!(!identity.has_left(&server()));
        assert!(identity.0.lock().unsettled.is_empty());
    }

    #[test]
    fn more_ghosts_than_a_hello_may_tell_are_told_by_several() {
        let identity = Identity::default();
        let all: Vec<Connection> = (0..MAX_LEFT + 1).map(|_| identity.connect(TOKEN, server())).collect();
        for mut connection in all {
            connection.opened();
        }
        for told in [MAX_LEFT, 1] {
            let mut next = identity.connect(TOKEN, server());
            assert_eq!(next.left().len(), told);
            next.opened();
            next.is_settled = true;
        }
        assert!(!identity.has_left(&server()));
    }

    #[test]
    fn an_identity_is_another_one_for_each_token_and_a_secret_is_the_same_in_each_run() {
        let secret = ClientSecret::generate();
        let (one, other) = (Identity::of_secret(secret.clone()), Identity::of_secret(secret));
        let (before, after) = (one.connect(TOKEN, server()), other.connect(TOKEN, server()));
        assert!(after.told().replaces(&before.told()) && before.told().replaces(&after.told()));
        assert!(!other.connect(TokenIdentifier([2; 16]), server()).told().replaces(&before.told()));
    }

    #[test]
    fn a_process_has_the_identity_of_the_one_that_was_killed_and_two_at_once_have_different_ones() {
        let home = tempfile::tempdir().unwrap();
        let directory = home.path().join("state/clients");
        let kept = || Identity::kept_in(&directory);
        let (first, second) = (kept(), kept());
        let (mut one, mut two) = (first.connect(TOKEN, server()), second.connect(TOKEN, server()));
        one.opened();
        two.opened();
        assert_ne!(one.told().client, two.told().client);
        let (one_told, two_told) = (one.told(), two.told());
        // The first ends well, the second is killed.
        let mut settled = one;
        settled.is_settled = true;
        drop((settled, first, two, second));
        let next = kept().connect(TOKEN, server());
        assert!(next.told().replaces(&two_told), "it was the second file");
        assert_eq!(kept().connect(TOKEN, server()).told().client, one_told.client);
    }

    #[test]
    fn an_identity_that_was_killed_is_left_to_the_token_that_it_was_used_with() {
        let home = tempfile::tempdir().unwrap();
        let kept = || Identity::kept_in(home.path());
        let killed = {
            let mut killed = kept().connect(TOKEN, server());
            killed.opened();
            killed.told()
        };
        let (elsewhere, other_token) = (kept(), TokenIdentifier([2; 16]));
        let other = elsewhere.connect(other_token, server());
        assert!(kept().connect(TOKEN, server()).told().replaces(&killed));
        assert_ne!(other.told().client, killed.client);
    }
}
