//! Admission: the choice of the peers that get one of the server's sessions, and of the sessions that have to make
//! room.
//!
//! Nobody's session is ended while there is room. When there is none, or an address or a token has its share, a
//! newcomer gets the place of a session that has done nothing for the idle timeout; of those, of the address that
//! has most sessions, the one that has been idle longest. Sessions at work are never ended for others.

use super::clients::ClientId;
use super::limits::Limits;
use super::network::Network;
use super::options::DEFAULT_MAX_SESSIONS;
use super::presence::Presence;
use super::principal::{Principal, PrincipalId};
use super::roster::Pass;
use remofile_protocol::handshake::ClientIdentity;
use remofile_protocol::wire::ErrorCode;
use std::cmp::Reverse;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// The owner of a session: its address, its token and its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// The address; of IPv6, its network of 64 bits.
    network: Network,
    principal: PrincipalId,
    /// Sessions of that principal at most.
    principal_limit: usize,
    /// The identity of the client, if it tells one.
    client: Option<ClientIdentity>,
}

/// The sessions there are. `R` is how one goes on.
pub(super) struct Admission<R> {
    max_sessions: usize,
    per_address: usize,
    idle_timeout: Duration,
    members: BTreeMap<u64, Member<R>>,
    of_network: HashMap<Network, usize>,
    of_principal: HashMap<PrincipalId, usize>,
    of_client: HashMap<ClientId, Vec<u64>>,
    /// Sessions that were asked to leave.
    dismissed: BTreeSet<u64>,
    /// Nobody will have been idle for long enough before that.
    nobody_before: Option<Instant>,
}

struct Member<R> {
    place: Place,
    pass: Option<Pass>,
    presence: Presence,
    running: R,
}

/// The answer to a newcomer that asks for a session.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// A session is free: the newcomer may begin.
    Free,
    /// The newcomer may begin when this session is over. That session was asked to leave.
    After(u64),
    /// No session is free, and none has been idle for long enough to be dismissed.
    None,
}

/// A way to make room for a newcomer.
enum Way {
    Free,
    InPlaceOf(u64),
    /// In place of one that is of the same client, and ends anyway.
    AfterOwn(u64),
    None,
}

/// Returns the number of sessions that one address may have of all: three quarters. The rest is for others, so that
/// one client cannot take them all, and a proxy or a router in front of many clients still gets most.
fn share_of(max_sessions: usize) -> usize {
    max_sessions - max_sessions / 4
}

impl Limits {
    /// Returns the most sessions of one address, if there are `max_sessions` in all.
    pub(super) fn sessions_of_an_address(&self, max_sessions: usize) -> usize {
        self.sessions_per_address.unwrap_or_else(|| share_of(max_sessions))
    }

    /// Workers for the sessions of one address at most, where there are so many in all.
    pub(super) fn workers_of_an_address(&self, workers: usize) -> usize {
        self.sessions_per_address.map_or(share_of(workers), |sessions| sessions.min(workers))
    }

    /// Logs that there will be fewer sessions than asked for, where the process may not open enough files for them.
    pub(super) fn tell_of_fewer_sessions(&self, most: usize) {
        if self.max_sessions > most && self.max_sessions != DEFAULT_MAX_SESSIONS {
            tracing::warn!(sessions = most, "fewer sessions than '--max-sessions': raise the limit of open files");
        }
    }
}

impl Place {
    pub(super) fn new(address: IpAddr, principal: &Principal) -> Self {
        let principal_limit = principal.limits.sessions.unwrap_or(usize::MAX);
        Self { network: Network::of(address), principal: principal.id, principal_limit, client: None }
    }

    /// The same, of a client with this identity.
    pub(super) fn of_client(self, client: Option<ClientIdentity>) -> Self {
        Self { client, ..self }
    }

    /// Reports whether a session of this owner ends one of another.
    fn replaces(&self, former: &Self) -> bool {
        let is_replaced = |former: ClientIdentity| self.client.is_some_and(|own| own.replaces(&former));
        self.principal == former.principal && former.client.is_some_and(is_replaced)
    }

    /// Reports whether another session is one that the client of this one has left.
    fn has_left(&self, other: &Self, left: &[u64]) -> bool {
        let is_left = |other: ClientIdentity| self.client.is_some_and(|own| own.has_left(&other, left));
        self.principal == other.principal && other.client.is_some_and(is_left)
    }

    fn client_id(&self) -> Option<ClientId> {
        self.client.map(|identity| ClientId::new(self.principal, identity))
    }

    fn is_of_client_of(&self, other: &Self) -> bool {
        self.client.is_some() && self.client_id() == other.client_id()
    }

    pub(super) fn network(&self) -> Network {
        self.network
    }
}

impl<R> Admission<R> {
    /// Creates an admission of at most `most` sessions, even if the options allow more.
    pub(super) fn new(limits: Limits, most: usize) -> Self {
        let max_sessions = limits.max_sessions.min(most);
        Self {
            max_sessions,
            per_address: limits.sessions_of_an_address(max_sessions),
            idle_timeout: limits.idle_timeout,
            members: BTreeMap::new(),
            of_network: HashMap::new(),
            of_principal: HashMap::new(),
            of_client: HashMap::new(),
            dismissed: BTreeSet::new(),
            nobody_before: None,
        }
    }

    /// Takes other limits. Sessions that there are beyond them stay until they end, or are idle and others need room.
    pub(super) fn change(&mut self, limits: Limits, most: usize) {
        self.max_sessions = limits.max_sessions.min(most);
        self.per_address = limits.sessions_of_an_address(self.max_sessions);
        self.idle_timeout = limits.idle_timeout;
        self.nobody_before = None;
    }

    /// A newcomer asks for room; `expected` are those that wait for a place they were promised. Whoever makes room for
    /// it, as [`Room::After`] tells, has to be woken.
    pub(super) fn ask(&mut self, place: Place, left: &[u64], expected: &[Place], now: Instant) -> Room {
        loop {
            let session = match self.way(place, left, expected, now) {
                Way::Free => return Room::Free,
                Way::None => return Room::None,
                Way::AfterOwn(session) => return Room::After(session),
                Way::InPlaceOf(session) => session,
            };
            // It may have got a request this moment, and then is no candidate any more.
            let idle_timeout = self.idle_timeout;
            if self.members.get(&session).is_some_and(|member| member.presence.dismiss(now, idle_timeout)) {
                self.dismissed.insert(session);
                return Room::After(session);
            }
        }
    }

    /// Reports whether a newcomer that asked now would get room. No session is asked to leave.
    pub(super) fn has_room(&mut self, place: Place, left: &[u64], expected: &[Place], now: Instant) -> bool {
        !matches!(self.way(place, left, expected, now), Way::None)
    }

    fn way(&mut self, place: Place, left: &[u64], expected: &[Place], now: Instant) -> Way {
        let same_address = |other: &Place| other.network == place.network;
        let same_principal = |other: &Place| other.principal == place.principal;
        let mut leaving = self.leaving();
        let own = self.replaced_by(&place, left);
        // Those of its own client end when it begins.
        leaving.extend(own.iter().filter(|(_, member)| !member.presence.is_leaving()).map(|(_, member)| member.place));
        let own: Vec<u64> = own.into_iter().map(|(session, _)| session).collect();
        // Sessions that stay or are promised. One that leaves makes room for one that is promised.
        let count = |all: Option<&usize>, is_same: &dyn Fn(&Place) -> bool| {
            let expected = expected.iter().filter(|place| is_same(place)).count();
            let leaving = leaving.iter().filter(|place| is_same(place)).count();
            (all.copied().unwrap_or(0) + expected).saturating_sub(leaving)
        };
        let address_is_full = count(self.of_network.get(&place.network), &same_address) >= self.per_address;
        let principals = self.of_principal.get(&place.principal);
        let principal_is_full = count(principals, &same_principal) >= place.principal_limit;
        if !address_is_full && !principal_is_full && self.members.len() < self.max_sessions {
            return Way::Free;
        }
        let promised = expected.iter().filter(|other| other.is_of_client_of(&place)).count();
        if let Some(session) = own.get(promised)
            && !address_is_full
            && !principal_is_full
        {
            return Way::AfterOwn(*session);
        }
        let makes_room =
            |other: &Place| (!address_is_full || same_address(other)) && (!principal_is_full || same_principal(other));
        self.longest_idle(makes_room, &leaving, now).map_or(Way::None, Way::InPlaceOf)
    }

    /// The session to make room: of those that have been idle for long enough, of the address that has most.
    fn longest_idle(&mut self, makes_room: impl Fn(&Place) -> bool, leaving: &[Place], now: Instant) -> Option<u64> {
        if self.nobody_before.is_some_and(|at| now < at) {
            return None;
        }
        let (mut longest, mut soonest) = (None, self.idle_timeout);
        for (session, member) in &self.members {
            let Some(idle) = member.presence.idle_for(now) else { continue };
            soonest = soonest.min(self.idle_timeout.saturating_sub(idle));
            if idle >= self.idle_timeout && makes_room(&member.place) {
                let leaving = leaving.iter().filter(|place| place.network == member.place.network).count();
                let staying = self.of_network.get(&member.place.network).map(|all| all - leaving);
                longest = longest.max(Some((staying, idle, Reverse(*session))));
            }
        }
        // Nobody is found again for every newcomer, however many there are of both.
        self.nobody_before = now.checked_add(soonest);
        longest.map(|(.., Reverse(session))| session)
    }

    /// The sessions that end as soon as one begins there, since they are left of the same client. Of those of the same run
    /// the client tells which ones it has `left`.
    fn replaced_by(&self, place: &Place, left: &[u64]) -> Vec<(u64, &Member<R>)> {
        let own = place.client_id().and_then(|client| self.of_client.get(&client)).into_iter().flatten();
        let members = own.filter_map(|session| Some((*session, self.members.get(session)?)));
        let is_over = |former: &Place| place.replaces(former) || place.has_left(former, left);
        members.filter(|(_, member)| is_over(&member.place)).collect()
    }

    /// Ends the sessions that are left of the client of one that begins there, and returns them. They have to be woken.
    pub(super) fn end_replaced(&mut self, place: &Place, left: &[u64]) -> Vec<u64> {
        let ended = ended(self.replaced_by(place, left), ErrorCode::SessionReplaced);
        self.dismissed.extend(&ended);
        ended
    }

    /// Ends the sessions whose passes are not admitted any more, and returns them. They have to be woken.
    pub(super) fn end_not_admitted(&mut self, is_admitted: impl Fn(&Pass) -> bool) -> Vec<u64> {
        let is_over = |member: &Member<R>| member.pass.as_ref().is_some_and(|pass| !is_admitted(pass));
        let members = self.members.iter().filter(|(_, member)| is_over(member));
        let ended = ended(members.map(|(session, member)| (*session, member)), ErrorCode::TokenRevoked);
        self.dismissed.extend(&ended);
        ended
    }

    /// The places of sessions that were asked to leave, and have not decided otherwise.
    fn leaving(&mut self) -> Vec<Place> {
        let members = &self.members;
        let leaving = |session: &u64| members.get(session).filter(|member| member.presence.is_leaving());
        self.dismissed.retain(|session| leaving(session).is_some());
        self.dismissed.iter().filter_map(leaving).map(|member| member.place).collect()
    }

    /// Adds a session that begins.
    pub(super) fn add(&mut self, session: u64, place: Place, pass: Option<Pass>, presence: Presence, running: R) {
        *self.of_network.entry(place.network).or_default() += 1;
        *self.of_principal.entry(place.principal).or_default() += 1;
        if let Some(client) = place.client_id() {
            self.of_client.entry(client).or_default().push(session);
        }
        self.members.insert(session, Member { place, pass, presence, running });
    }

    /// A session is over.
    pub(super) fn remove(&mut self, session: u64) {
        let Some(Member { place, .. }) = self.members.remove(&session) else { return };
        decrease(&mut self.of_network, place.network);
        decrease(&mut self.of_principal, place.principal);
        let Some(Entry::Occupied(mut sessions)) = place.client_id().map(|client| self.of_client.entry(client)) else {
            return;
        };
        sessions.get_mut().retain(|other| *other != session);
        if sessions.get().is_empty() {
            sessions.remove();
        }
    }

    /// Reports whether a session was asked to leave for a newcomer and still intends to.
    pub(super) fn is_leaving(&self, session: u64) -> bool {
        self.members.get(&session).is_some_and(|member| member.presence.is_leaving())
    }

    /// Returns the state of a session and its place.
    pub(super) fn running_mut(&mut self, session: u64) -> Option<(Place, &mut R)> {
        self.members.get_mut(&session).map(|member| (member.place, &mut member.running))
    }

    /// Returns the number of sessions.
    pub(super) fn sessions(&self) -> usize {
        self.members.len()
    }

    /// Their numbers.
    pub(super) fn numbers(&self) -> Vec<u64> {
        self.members.keys().copied().collect()
    }
}

/// Ends sessions for a reason, and returns those that do not leave already.
fn ended<'a, R: 'a>(members: impl IntoIterator<Item = (u64, &'a Member<R>)>, reason: ErrorCode) -> Vec<u64> {
    let members = members.into_iter().filter(|(_, member)| member.presence.end(reason));
    members.map(|(session, _)| session).collect()
}

fn decrease<K: Eq + Hash>(counts: &mut HashMap<K, usize>, key: K) {
    if let Entry::Occupied(mut count) = counts.entry(key) {
        *count.get_mut() -= 1;
        if *count.get() == 0 {
            count.remove();
        }
    }
}

#[cfg(test)]
mod tests;
