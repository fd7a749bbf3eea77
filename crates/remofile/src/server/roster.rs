//! The roster: the tokens that a server takes, and what each of them gives.
//!
//! Participants: a [`RosterMaker`] makes a roster of tokens; [`Rosters`] has the one in force, and all who have to do with
//! tokens look there. A roster never changes: when the tokens do, another takes its place as a whole. What a peer has
//! proved is a [`Pass`], and a session goes on as long as the roster in force admits it. Principals keep their numbers and
//! their counts for as long as there is a token of their name.

use super::bandwidth::Bandwidth;
use super::options::ServerOptions;
use super::principal::{Grant, Principal, PrincipalId};
use crate::store::{Meters, Store};
use crate::tokens::{LiveTokens, TokenEntry, TokenName, Tokens};
use remofile_protocol::handshake::{Place, Refusal};
use remofile_protocol::token::{
    KnownToken, Origin, Recognised, Token, TokenIdentifier, TokenKey, TokenRecogniser, TokenTable,
};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

/// The tokens that a server takes, and what each of them gives.
pub(super) struct Roster {
    table: Arc<TokenTable>,
    /// By the indices of the table.
    holders: Vec<Holder>,
    by_name: HashMap<TokenName, Arc<Grant>>,
    recogniser: Arc<RwLock<TokenRecogniser>>,
    has_expiries: bool,
    /// The place where the use of tokens is noted.
    uses: Option<LiveTokens>,
}

/// The holder of one key. A token that was rotated has two keys for a while.
#[derive(Clone)]
struct Holder {
    grant: Arc<Grant>,
    /// `None`: of the only token of a server.
    name: Option<TokenName>,
    expires: Option<SystemTime>,
}

/// A token that a peer has proved, and what it gives.
#[derive(Clone)]
pub(super) struct Pass {
    pub(super) grant: Arc<Grant>,
    key: TokenIdentifier,
}

/// The roster in force.
pub(super) struct Rosters {
    current: RwLock<Arc<Roster>>,
}

/// The maker of a server's rosters, one after the other.
pub(super) struct RosterMaker {
    store: Arc<dyn Store>,
    /// Those of the store, if there may be quotas.
    meters: Option<Arc<Meters>>,
    options: ServerOptions,
    /// Places of the store's root.
    places: Vec<Place>,
    recogniser: Arc<RwLock<TokenRecogniser>>,
    next_principal: usize,
    uses: Option<LiveTokens>,
}

impl Roster {
    /// A roster of one token, with all rights on an empty store.
    #[cfg(test)]
    pub(super) fn of_one(token: &Token) -> Self {
        let store = Arc::new(crate::store::MemoryStore::new());
        RosterMaker::new(store, None, ServerOptions::default(), Vec::new()).make_of_one(token, None)
    }

    /// The tokens as the handshake finds them. Its indices are those of this roster.
    pub(super) fn table(&self) -> &Arc<TokenTable> {
        &self.table
    }

    /// The origin of the token that is the easiest to guess.
    pub(super) fn origin(&self) -> Origin {
        self.table.origin()
    }

    /// Looks for a token that came as it is.
    pub(super) fn recognise(&self, bytes: &[u8]) -> Recognised {
        self.recogniser.read().unwrap_or_else(PoisonError::into_inner).find(&self.table, bytes)
    }

    /// Finds out whether chosen tokens are among these, and remembers those that are. Takes a tenth of a second for each.
    pub(super) fn settle(&self, tokens: &[Token]) {
        for token in tokens {
            let known = TokenRecogniser::settle(&self.table, token).and_then(|index| self.table.tokens().get(index));
            if let Some(known) = known {
                self.remember(token, &known.key);
            }
        }
    }

    fn remember(&self, token: &Token, key: &TokenKey) {
        self.recogniser.write().unwrap_or_else(PoisonError::into_inner).remember(token, key.identifier());
    }

    /// Notes that a session begins with a pass.
    pub(super) fn note_use(&self, pass: &Pass, now: SystemTime) {
        let holder = self.table.named(pass.key).and_then(|token| self.holders.get(token));
        if let Some((uses, name)) = self.uses.as_ref().zip(holder.and_then(|holder| holder.name.as_ref())) {
            uses.note_use(name, now);
        }
    }

    /// Returns the pass of whoever has proved the token with an index.
    ///
    /// # Errors
    /// The reason to refuse it.
    pub(super) fn pass(&self, token: usize, now: SystemTime) -> Result<Pass, Refusal> {
        let (holder, known) = self.holders.get(token).zip(self.table.tokens().get(token)).ok_or(Refusal::Token)?;
        if holder.expires.is_some_and(|expires| expires <= now) {
            return Err(Refusal::Expired);
        }
        Ok(Pass { grant: Arc::clone(&holder.grant), key: known.key.identifier() })
    }

    /// Reports whether a session with this pass may go on: its token is still here, is not over, and gives no less.
    pub(super) fn admits(&self, pass: &Pass, now: SystemTime) -> bool {
        let Some(token) = self.table.named(pass.key) else { return false };
        self.pass(token, now).is_ok_and(|current| {
            Arc::ptr_eq(&current.grant, &pass.grant) || current.grant.principal.is_no_less_than(&pass.grant.principal)
        })
    }

    /// The principal of the token with an index.
    pub(super) fn principal(&self, token: usize) -> Option<PrincipalId> {
        self.holders.get(token).map(|holder| holder.grant.principal.id)
    }

    /// Reports whether any token ends by itself.
    pub(super) fn has_expiries(&self) -> bool {
        self.has_expiries
    }
}

impl Rosters {
    pub(super) fn new(first: Roster) -> Self {
        Self { current: RwLock::new(Arc::new(first)) }
    }

    /// Returns the roster in force.
    pub(super) fn current(&self) -> Arc<Roster> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another roster in force.
    pub(super) fn replace(&self, roster: Roster) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(roster);
    }
}

impl RosterMaker {
    pub(super) fn new(
        store: Arc<dyn Store>,
        meters: Option<Arc<Meters>>,
        options: ServerOptions,
        places: Vec<Place>,
    ) -> Self {
        Self { store, meters, options, places, recogniser: Arc::default(), next_principal: 0, uses: None }
    }

    /// Has the use of the tokens noted from now on.
    pub(super) fn note_uses(&mut self, tokens: &LiveTokens) {
        self.uses = Some(tokens.clone());
        if let Some(meters) = self.meters.as_ref().map(Arc::downgrade) {
            // Tokens may outlive their server, but do not keep its store open.
            tokens.count_bytes_with(move || meters.upgrade().map(|meters| meters.snapshot()).unwrap_or_default());
        }
    }

    /// Changes the limits that principals have of the server, for the rosters to come.
    pub(super) fn change(&mut self, change: impl FnOnce(&mut ServerOptions)) {
        change(&mut self.options);
    }

    /// Makes a roster of one token, which is recognised at once also if somebody chose it.
    pub(super) fn make_of_one(&mut self, token: &Token, before: Option<&Roster>) -> Roster {
        let before = before.and_then(|before| before.holders.first()).map(|holder| &holder.grant);
        let id = before.map_or_else(|| self.number(), |before| before.principal.id);
        let principal = Principal { id, ..Principal::unlimited(&self.options) };
        let grant = match before {
            Some(before) if before.principal == principal => Arc::clone(before),
            _ => Arc::new(self.grant(principal, Arc::default())),
        };
        let known = KnownToken::of(token);
        let roster =
            self.finish(vec![known.clone()], vec![Holder { grant, name: None, expires: None }], HashMap::new());
        if known.origin == Origin::Chosen {
            roster.remember(token, &known.key);
        }
        roster
    }

    /// Makes the roster that follows another one.
    pub(super) fn make(&mut self, tokens: &Tokens, before: Option<&Roster>) -> Roster {
        let (mut known, mut holders, mut by_name) = (Vec::new(), Vec::new(), HashMap::with_capacity(tokens.len()));
        for entry in tokens {
            let grant = self.grant_of(entry, before);
            by_name.insert(entry.name.clone(), Arc::clone(&grant));
            known.push(KnownToken { key: entry.key.clone(), origin: entry.origin });
            let name = Some(entry.name.clone());
            holders.push(Holder { grant: Arc::clone(&grant), name: name.clone(), expires: entry.expires });
            if let Some(former) = &entry.superseded {
                known.push(KnownToken { key: former.key.clone(), origin: former.origin });
                let expires = entry.expires.map_or(former.expires, |expires| expires.min(former.expires));
                holders.push(Holder { grant, name, expires: Some(expires) });
            }
        }
        if let Some(meters) = &self.meters {
            // Tokens may come and go for years, and each may have a directory of its own.
            meters.forget_others(&by_name.values().filter_map(|grant| grant.limited_directory()).collect());
        }
        self.finish(known, holders, by_name)
    }

    fn finish(&self, known: Vec<KnownToken>, holders: Vec<Holder>, by_name: HashMap<TokenName, Arc<Grant>>) -> Roster {
        let has_expiries = holders.iter().any(|holder| holder.expires.is_some());
        let recogniser = Arc::clone(&self.recogniser);
        let uses = self.uses.clone();
        Roster { table: Arc::new(TokenTable::new(known)), holders, by_name, recogniser, has_expiries, uses }
    }

    /// Gives what a token gives: the same as before, if it did not change.
    fn grant_of(&mut self, entry: &TokenEntry, before: Option<&Roster>) -> Arc<Grant> {
        let before = before.and_then(|before| before.by_name.get(&entry.name));
        let id = before.map_or_else(|| self.number(), |before| before.principal.id);
        let principal = Principal::of(entry, id, &self.options);
        let bandwidth = before.map(|before| Arc::clone(&before.bandwidth)).unwrap_or_default();
        // In force at once for all its sessions, whether they end or not.
        bandwidth.set_rate(principal.limits.bandwidth);
        match before {
            Some(before) if before.principal == principal => Arc::clone(before),
            _ => Arc::new(self.grant(principal, bandwidth)),
        }
    }

    fn grant(&self, principal: Principal, bandwidth: Arc<Bandwidth>) -> Grant {
        let places = self.places.clone();
        let grant = match &self.meters {
            Some(meters) => Grant::metered(principal, meters, &self.options, places, bandwidth),
            None => Grant::new(principal, &self.store, &self.options, places, bandwidth),
        };
        if grant.refuse_without_root().is_err() {
            let (token, directory) = (&grant.principal.name, &grant.principal.root);
            tracing::warn!(token, %directory, "no such directory, or one behind a link, which is not followed: make it, or change 'below' of the token");
        }
        grant
    }

    fn number(&mut self) -> PrincipalId {
        self.next_principal += 1;
        PrincipalId(self.next_principal)
    }
}

impl fmt::Debug for Roster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Roster").field("tokens", &self.holders.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
