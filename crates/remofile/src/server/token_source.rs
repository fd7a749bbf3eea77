//! The tokens of a server: where they come from, and the thread that has changes of them taken while the server runs.

use super::options::ServerOptions;
use super::roster::{Roster, RosterMaker, Rosters};
use crate::carrier::Waker;
use crate::error::{Error, Result};
use crate::tokens::{LiveTokens, Subscription};
use remofile_protocol::token::Token;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// The tokens of a server.
#[derive(Clone)]
pub(super) enum TokenSource {
    /// One that does everything, for as long as the server runs.
    One(Token),
    /// Those that the program changes.
    Live(LiveTokens),
}

/// The thread that puts a new roster in force after each change of the tokens. It ends when this is dropped.
pub(super) struct TokenWatch {
    signal: Arc<Signal>,
    thread: Option<JoinHandle<()>>,
    _subscription: Subscription,
}

#[derive(Default)]
struct Signal {
    state: Mutex<SignalState>,
    changed: Condvar,
}

#[derive(Default)]
struct SignalState {
    /// The number of changes so far.
    asked: u64,
    /// The number of those that are in force.
    taken: u64,
    is_ending: bool,
}

/// The thread's word that it takes changes. When this is dropped nobody waits for it any more.
struct Taking(Arc<Signal>);

impl TokenSource {
    /// Reports whether others may change the tokens while the server runs.
    pub(super) fn may_change(&self) -> bool {
        !matches!(self, Self::One(_))
    }

    /// Returns the tokens that others may change.
    pub(super) fn live(&self) -> Option<&LiveTokens> {
        match self {
            Self::One(_) => None,
            Self::Live(tokens) => Some(tokens),
        }
    }

    /// Returns what tells other servers whether they have the same, without any secret.
    pub(super) fn told_to_servers(&self) -> String {
        match self {
            Self::One(token) => {
                let identifier = token.stretch().identifier();
                identifier.0.iter().map(|byte| format!("{byte:02x}")).collect()
            }
            Self::Live(_) => "many".to_owned(),
        }
    }

    /// Makes the first roster.
    pub(super) fn first_roster(&self, maker: &mut RosterMaker) -> Roster {
        match self {
            Self::One(token) => maker.make_of_one(token, None),
            Self::Live(tokens) => {
                maker.note_uses(tokens);
                maker.make(&tokens.snapshot(), None)
            }
        }
    }
}

/// The maker of a running server's rosters, with what they are made of.
pub(super) struct Roll {
    state: Mutex<RollState>,
    rosters: Arc<Rosters>,
    waker: Waker,
}

struct RollState {
    tokens: TokenSource,
    maker: RosterMaker,
}

impl Roll {
    /// The roll of a server whose first roster is in force; `waker` is called when another one is.
    pub(super) fn new(tokens: TokenSource, maker: RosterMaker, rosters: &Arc<Rosters>, waker: &Waker) -> Self {
        let state = Mutex::new(RollState { tokens, maker });
        Self { state, rosters: Arc::clone(rosters), waker: waker.clone() }
    }

    /// Changes the limits that principals have of the server, and puts them in force.
    pub(super) fn change(&self, change: impl FnOnce(&mut ServerOptions)) {
        let mut state = self.lock();
        state.maker.change(change);
        self.renew(&mut state);
    }

    /// Takes another token in place of the only one; false if there are those of many users.
    pub(super) fn exchange(&self, token: Token) -> bool {
        let mut state = self.lock();
        let TokenSource::One(current) = &mut state.tokens else { return false };
        *current = token;
        self.renew(&mut state);
        true
    }

    /// Puts the tokens in force as they are now.
    fn renew(&self, state: &mut RollState) {
        let current = self.rosters.current();
        let roster = match &state.tokens {
            TokenSource::One(token) => state.maker.make_of_one(token, Some(&current)),
            TokenSource::Live(tokens) => state.maker.make(&tokens.snapshot(), Some(&current)),
        };
        self.rosters.replace(roster);
        self.waker.wake();
    }

    fn lock(&self) -> MutexGuard<'_, RollState> {
        // What a panic leaves half done is made again with the next change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TokenWatch {
    /// Begins to take changes of the tokens, if others can make any. What has changed since the first roster was made is in
    /// force when this returns. Whoever changes tokens waits until that is in force: a token that was handed out can be used
    /// at once.
    pub(super) fn begin(roll: &Arc<Roll>) -> Result<Option<Self>> {
        let TokenSource::Live(tokens) = roll.lock().tokens.clone() else { return Ok(None) };
        let signal = Arc::new(Signal::default());
        let own = Arc::clone(&signal);
        let subscription = tokens.subscribe(move || own.await_taken(own.ask()));
        let taking = Taking(Arc::clone(&signal));
        let roll = Arc::clone(roll);
        let thread = std::thread::Builder::new()
            .name("tokens".to_owned())
            .spawn(move || take_changes(&roll, &taking))
            .map_err(|source| Error::System { what: "cannot watch the tokens", source })?;
        signal.await_taken(signal.ask());
        Ok(Some(Self { signal, thread: Some(thread), _subscription: subscription }))
    }
}

fn take_changes(roll: &Roll, Taking(signal): &Taking) {
    while let Some(asked) = signal.await_asked() {
        roll.renew(&mut roll.lock());
        signal.lock().taken = asked;
        signal.changed.notify_all();
    }
}

impl Signal {
    /// Says that there is a change, and returns its number.
    fn ask(&self) -> u64 {
        let mut state = self.lock();
        state.asked += 1;
        self.changed.notify_all();
        state.asked
    }

    /// Waits for a change, and returns the number of the last one. `None` if none will come.
    fn await_asked(&self) -> Option<u64> {
        let waits = |state: &mut SignalState| state.taken == state.asked && !state.is_ending;
        let waited = self.changed.wait_while(self.lock(), waits);
        let state = waited.unwrap_or_else(PoisonError::into_inner);
        (!state.is_ending).then_some(state.asked)
    }

    /// Waits until a change is in force, or none is taken any more.
    fn await_taken(&self, number: u64) {
        let waits = |state: &mut SignalState| state.taken < number && !state.is_ending;
        drop(self.changed.wait_while(self.lock(), waits));
    }

    fn end(&self) {
        self.lock().is_ending = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, SignalState> {
        // Every change is complete before it can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Taking {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl Drop for TokenWatch {
    fn drop(&mut self) {
        self.signal.end();
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

/// A token is a secret.
impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(_) => f.write_str("One(hidden)"),
            Self::Live(tokens) => f.debug_tuple("Live").field(tokens).finish(),
        }
    }
}
