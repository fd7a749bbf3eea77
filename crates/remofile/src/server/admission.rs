//! Admission: the choice of the peers that get one of the server's sessions, and of the sessions that have to make
//! room.
//!
//! Nobody's session is ended while there is room. When there is none, or an address or a token has its share, a
//! newcomer gets the place of a session that has done nothing for the idle timeout; of those, of the address that
//! has most sessions, the one that has been idle longest. Sessions at work are never ended for others.

use super::network::Network;
use super::options::{DEFAULT_MAX_SESSIONS, ServerOptions};
use super::presence::Presence;
use super::principal::{Principal, PrincipalId};
use std::cmp::Reverse;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// The owner of a session: its address and its token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// The address; of IPv6, its network of 64 bits.
    network: Network,
    principal: PrincipalId,
    /// Sessions of that principal at most.
    principal_limit: usize,
}

/// The sessions there are. `R` is how one goes on.
pub(super) struct Admission<R> {
    max_sessions: usize,
    per_address: usize,
    idle_timeout: Duration,
    members: BTreeMap<u64, Member<R>>,
    of_network: HashMap<Network, usize>,
    of_principal: HashMap<PrincipalId, usize>,
    /// Sessions that were asked to leave.
    dismissed: Vec<u64>,
    /// Nobody will have been idle for long enough before that.
    nobody_before: Option<Instant>,
}

struct Member<R> {
    place: Place,
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
    None,
}

/// Returns the number of sessions that one address may have of all: three quarters. The rest is for others, so that
/// one client cannot take them all, and a proxy or a router in front of many clients still gets most.
fn share_of(max_sessions: usize) -> usize {
    max_sessions - max_sessions / 4
}

impl ServerOptions {
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
        Self { network: Network::of(address), principal: principal.id, principal_limit }
    }

    pub(super) fn network(&self) -> Network {
        self.network
    }
}

impl<R> Admission<R> {
    /// Creates an admission of at most `most` sessions, even if the options allow more.
    pub(super) fn new(options: &ServerOptions, most: usize) -> Self {
        let max_sessions = options.max_sessions.min(most);
        Self {
            max_sessions,
            per_address: options.sessions_of_an_address(max_sessions),
            idle_timeout: options.idle_timeout,
            members: BTreeMap::new(),
            of_network: HashMap::new(),
            of_principal: HashMap::new(),
            dismissed: Vec::new(),
            nobody_before: None,
        }
    }

    /// A newcomer asks for room; `expected` are those that wait for a place they were promised. Whoever makes room for
    /// it, as [`Room::After`] tells, has to be woken.
    pub(super) fn ask(&mut self, place: Place, expected: &[Place], now: Instant) -> Room {
        loop {
            let session = match self.way(place, expected, now) {
                Way::Free => return Room::Free,
                Way::None => return Room::None,
                Way::InPlaceOf(session) => session,
            };
            // It may have got a request this moment, and then is no candidate any more.
            let idle_timeout = self.idle_timeout;
            if self.members.get(&session).is_some_and(|member| member.presence.dismiss(now, idle_timeout)) {
                self.dismissed.push(session);
                return Room::After(session);
            }
        }
    }

    /// Reports whether a newcomer that asked now would get room. No session is asked to leave.
    pub(super) fn has_room(&mut self, place: Place, expected: &[Place], now: Instant) -> bool {
        !matches!(self.way(place, expected, now), Way::None)
    }

    fn way(&mut self, place: Place, expected: &[Place], now: Instant) -> Way {
        let same_address = |other: &Place| other.network == place.network;
        let same_principal = |other: &Place| other.principal == place.principal;
        let leaving = self.leaving();
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

    /// The places of sessions that were asked to leave, and have not decided otherwise.
    fn leaving(&mut self) -> Vec<Place> {
        let members = &self.members;
        let leaving = |session: &u64| members.get(session).filter(|member| member.presence.is_leaving());
        self.dismissed.retain(|session| leaving(session).is_some());
        self.dismissed.iter().filter_map(leaving).map(|member| member.place).collect()
    }

    /// Adds a session that begins.
    pub(super) fn add(&mut self, session: u64, place: Place, presence: Presence, running: R) {
        *self.of_network.entry(place.network).or_default() += 1;
        *self.of_principal.entry(place.principal).or_default() += 1;
        self.members.insert(session, Member { place, presence, running });
    }

    /// A session is over.
    pub(super) fn remove(&mut self, session: u64) {
        let Some(Member { place, .. }) = self.members.remove(&session) else { return };
        decrease(&mut self.of_network, place.network);
        decrease(&mut self.of_principal, place.principal);
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

    /// The numbers of the sessions.
    pub(super) fn numbers(&self) -> Vec<u64> {
        self.members.keys().copied().collect()
    }
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
mod tests {
    use super::*;

    /// Sessions by their numbers, on a clock of the test's.
    struct Scene {
        admission: Admission<()>,
        presences: Vec<Presence>,
        began: Instant,
    }

    fn options(max_sessions: usize) -> ServerOptions {
        ServerOptions { max_sessions, sessions_per_address: Some(max_sessions), ..ServerOptions::default() }
    }

    fn from(address: &str) -> Place {
        let network = Network::of(address.parse().unwrap());
        Place { network, principal: PrincipalId(0), principal_limit: usize::MAX }
    }

    impl Scene {
        fn new(options: &ServerOptions) -> Self {
            Self { admission: Admission::new(options, usize::MAX), presences: Vec::new(), began: Instant::now() }
        }

        fn at(&self, seconds: u64) -> Instant {
            self.began + Duration::from_secs(seconds)
        }

        /// Adds a session that begins at a second, and does nothing.
        fn idle(&mut self, place: Place, seconds: u64) {
            let presence = Presence::new(self.at(seconds), None);
            self.admission.add(self.presences.len() as u64, place, presence.clone(), ());
            self.presences.push(presence);
        }

        fn busy(&mut self, place: Place) {
            self.idle(place, 0);
            self.presences.last().unwrap().work();
        }

        fn ask(&mut self, address: &str, seconds: u64) -> Room {
            let now = self.at(seconds);
            self.admission.ask(from(address), &[], now)
        }
    }

    #[test]
    fn nobody_has_to_go_while_there_is_room() {
        let mut scene = Scene::new(&options(2));
        scene.idle(from("192.0.2.1"), 0);
        assert_eq!(scene.ask("192.0.2.2", 1_000_000), Room::Free);
        assert!(!scene.presences[0].leave());
    }

    #[test]
    fn who_has_been_idle_longest_makes_room_and_who_works_never() {
        let mut scene = Scene::new(&options(3));
        scene.busy(from("192.0.2.1"));
        scene.idle(from("192.0.2.2"), 5);
        scene.idle(from("192.0.2.3"), 2);
        assert_eq!(scene.ask("192.0.2.4", 31), Room::None, "nobody has been idle for 30 s");
        assert_eq!(scene.ask("192.0.2.4", 32), Room::After(2));
        assert_eq!(scene.ask("192.0.2.5", 35), Room::After(1));
        assert_eq!(scene.ask("192.0.2.6", 1_000_000), Room::None, "one is at work, two make room for others");
    }

    #[test]
    fn the_address_with_most_sessions_makes_room_before_others_that_are_idle_for_longer() {
        let mut scene = Scene::new(&options(4));
        scene.idle(from("192.0.2.1"), 0);
        // One network of IPv6 is one address, whatever the rest.
        for (number, address) in ["2001:db8::1", "2001:db8::2:1", "2001:db8::3:4:5:6"].into_iter().enumerate() {
            scene.idle(from(address), 10 - number as u64);
        }
        assert_eq!(scene.ask("192.0.2.9", 100), Room::After(3));
    }

    #[test]
    fn an_address_that_has_its_share_makes_room_itself_and_leaves_the_rest_to_others() {
        let mut scene = Scene::new(&ServerOptions { max_sessions: 4, ..ServerOptions::default() });
        scene.idle(from("192.0.2.9"), 0);
        for _ in 0..3 {
            scene.busy(from("192.0.2.1"));
        }
        assert_eq!(scene.ask("192.0.2.1", 100), Room::None, "it has three quarters, all at work");
        scene.presences[2].rest(scene.at(100));
        assert_eq!(scene.ask("192.0.2.1", 130), Room::After(2), "not another's, which has been idle for longer");
        assert_eq!(scene.ask("192.0.2.2", 130), Room::After(0));
    }

    #[test]
    fn the_clients_of_one_token_share_what_one_token_has() {
        let mut scene = Scene::new(&options(8));
        let two_at_most = |address| Place { principal_limit: 2, ..from(address) };
        let other = Place { principal: PrincipalId(1), ..from("192.0.2.1") };
        scene.idle(other, 0);
        scene.busy(two_at_most("192.0.2.2"));
        scene.busy(two_at_most("192.0.2.3"));
        let newcomer = two_at_most("192.0.2.4");
        assert_eq!(scene.admission.ask(newcomer, &[], scene.began + Duration::from_secs(100)), Room::None);
        assert_eq!(scene.admission.ask(other, &[], scene.began + Duration::from_secs(100)), Room::Free);
        scene.presences[1].rest(scene.at(100));
        assert_eq!(scene.admission.ask(newcomer, &[], scene.began + Duration::from_secs(130)), Room::After(1));
    }

    #[test]
    fn what_is_promised_counts_until_it_is_taken() {
        let mut scene = Scene::new(&ServerOptions { sessions_per_address: Some(1), ..options(2) });
        scene.idle(from("192.0.2.1"), 0);
        scene.idle(from("192.0.2.2"), 0);
        let newcomer = from("192.0.2.3");
        let now = scene.at(30);
        let room = scene.admission.ask(newcomer, &[], now);
        let Room::After(leaving) = room else { panic!("{room:?}") };
        assert!(scene.admission.is_leaving(leaving));
        assert!(!scene.admission.has_room(newcomer, &[newcomer], now), "its address has its share");
        scene.admission.remove(leaving);
        assert!(!scene.admission.is_leaving(leaving));
        assert_eq!(scene.admission.ask(newcomer, &[], now), Room::Free);
    }

    #[test]
    fn one_address_has_three_quarters_and_at_least_one() {
        assert_eq!([1, 2, 3, 4, 8, 512].map(share_of), [1, 2, 3, 3, 6, 384]);
    }
}
