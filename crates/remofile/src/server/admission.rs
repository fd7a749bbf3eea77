//! Admission: who gets one of the server's sessions, and who has to make room.
//!
//! Nobody's session is ended while there is room. When there is none, or an address or a token has its share, a
//! newcomer gets the place of a session that has done nothing for the idle timeout; of those, of the address that
//! has most sessions, the one that has been idle longest. Sessions at work are never ended for others.

use super::network::Network;
use super::presence::Presence;
use super::principal::{Principal, PrincipalId};
use super::{DEFAULT_MAX_SESSIONS, ServerOptions};
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Whose a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// The address; of IPv6, its network of 64 bits.
    network: Network,
    principal: PrincipalId,
    /// Sessions of that principal at most.
    principal_limit: usize,
}

/// The sessions there are. `R` is what runs one.
pub(super) struct Admission<R> {
    max_sessions: usize,
    per_address: usize,
    idle_timeout: Duration,
    members: Vec<Member<R>>,
}

struct Member<R> {
    session: u64,
    place: Place,
    presence: Presence,
    running: R,
}

/// What a newcomer may expect.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// It may begin.
    Free,
    /// It may begin when this session is over, which was asked to leave.
    After(u64),
    /// There is none, and nobody has been idle for long enough.
    None,
}

/// How a newcomer could be given room.
enum Way {
    Free,
    /// In the place of the member with this index.
    InPlaceOf(usize),
    None,
}

/// Sessions that one address may have of so many: three quarters. The rest is for others, so that one client cannot
/// take them all, and a proxy or a router in front of many clients still gets most.
fn share_of(max_sessions: usize) -> usize {
    max_sessions - max_sessions / 4
}

impl ServerOptions {
    /// Sessions of one address at most, where there are so many in all.
    pub(super) fn sessions_of_an_address(&self, max_sessions: usize) -> usize {
        self.sessions_per_address.unwrap_or_else(|| share_of(max_sessions))
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
}

impl<R> Admission<R> {
    /// At most `most` sessions, whatever the options allow.
    pub(super) fn new(options: &ServerOptions, most: usize) -> Self {
        let max_sessions = options.max_sessions.min(most);
        Self {
            max_sessions,
            per_address: options.sessions_of_an_address(max_sessions),
            idle_timeout: options.idle_timeout,
            members: Vec::new(),
        }
    }

    /// A newcomer asks for room; `expected` are those that wait for a place they were promised. Gives whoever makes
    /// room for it as [`Room::After`], with what runs it to be woken.
    pub(super) fn ask(&self, place: Place, expected: &[Place], now: Instant) -> (Room, Option<&R>) {
        loop {
            match self.way(place, expected, now) {
                Way::Free => return (Room::Free, None),
                Way::None => return (Room::None, None),
                Way::InPlaceOf(index) => {
                    // It may have got to work this moment: then it is no candidate any more.
                    let member = &self.members[index];
                    if member.presence.dismiss(now, self.idle_timeout) {
                        return (Room::After(member.session), Some(&member.running));
                    }
                }
            }
        }
    }

    /// Whether a newcomer that asked now would get room. Nobody is asked to leave.
    pub(super) fn has_room(&self, place: Place, expected: &[Place], now: Instant) -> bool {
        !matches!(self.way(place, expected, now), Way::None)
    }

    fn way(&self, place: Place, expected: &[Place], now: Instant) -> Way {
        let same_address = |other: &Place| other.network == place.network;
        let same_principal = |other: &Place| other.principal == place.principal;
        let address_is_full = self.count(expected, same_address) >= self.per_address;
        let principal_is_full = self.count(expected, same_principal) >= place.principal_limit;
        if !address_is_full && !principal_is_full && self.members.len() < self.max_sessions {
            return Way::Free;
        }
        let makes_room =
            |other: &Place| (!address_is_full || same_address(other)) && (!principal_is_full || same_principal(other));
        let idle = self.members.iter().enumerate().filter_map(|(index, member)| {
            let idle = member.presence.idle_for(now).filter(|idle| *idle >= self.idle_timeout)?;
            makes_room(&member.place).then_some((index, member, idle))
        });
        let sizes = self.sessions_by_address();
        idle.max_by_key(|(_, member, idle)| (sizes.get(&member.place.network), *idle))
            .map_or(Way::None, |(index, ..)| Way::InPlaceOf(index))
    }

    /// Sessions that stay or are promised. One that leaves makes room for one that is promised.
    fn count(&self, expected: &[Place], of: impl Fn(&Place) -> bool) -> usize {
        let staying = self.members.iter().filter(|member| !member.presence.is_leaving());
        staying.map(|member| &member.place).chain(expected).filter(|place| of(place)).count()
    }

    fn sessions_by_address(&self) -> HashMap<Network, usize> {
        let mut sizes = HashMap::new();
        for member in self.members.iter().filter(|member| !member.presence.is_leaving()) {
            *sizes.entry(member.place.network).or_default() += 1;
        }
        sizes
    }

    /// A session begins.
    pub(super) fn add(&mut self, session: u64, place: Place, presence: Presence, running: R) {
        self.members.push(Member { session, place, presence, running });
    }

    /// Forgets the sessions that are over, and gives them.
    pub(super) fn take_over(&mut self) -> Vec<(u64, R)> {
        let (over, members) = self.members.drain(..).partition(|member| member.presence.is_over());
        self.members = members;
        over.into_iter().map(|member: Member<R>| (member.session, member.running)).collect()
    }

    /// Whether a session is still about to leave for somebody.
    pub(super) fn is_leaving(&self, session: u64) -> bool {
        self.members.iter().any(|member| member.session == session && member.presence.is_leaving())
    }

    /// What runs the sessions there are.
    pub(super) fn running(&self) -> impl Iterator<Item = &R> {
        self.members.iter().map(|member| &member.running)
    }

    /// Forgets every session.
    pub(super) fn take_all(&mut self) -> Vec<R> {
        self.members.drain(..).map(|member| member.running).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::presence::EndsPresence;
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

        /// A session that begins at a second, and does nothing.
        fn idle(&mut self, place: Place, seconds: u64) {
            let presence = Presence::new(self.at(seconds), None);
            self.admission.add(self.presences.len() as u64, place, presence.clone(), ());
            self.presences.push(presence);
        }

        fn busy(&mut self, place: Place) {
            self.idle(place, 0);
            self.presences.last().unwrap().work();
        }

        fn ask(&self, address: &str, seconds: u64) -> Room {
            self.admission.ask(from(address), &[], self.at(seconds)).0
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
        assert_eq!(scene.admission.ask(newcomer, &[], scene.at(100)).0, Room::None);
        assert_eq!(scene.admission.ask(other, &[], scene.at(100)).0, Room::Free);
        scene.presences[1].rest(scene.at(0));
        assert_eq!(scene.admission.ask(newcomer, &[], scene.at(100)).0, Room::After(1));
    }

    #[test]
    fn what_is_promised_counts_until_it_is_taken() {
        let mut scene = Scene::new(&ServerOptions { sessions_per_address: Some(1), ..options(2) });
        scene.idle(from("192.0.2.1"), 0);
        scene.idle(from("192.0.2.2"), 0);
        let newcomer = from("192.0.2.3");
        let (room, running) = scene.admission.ask(newcomer, &[], scene.at(30));
        let Room::After(leaving) = room else { panic!("{room:?}") };
        assert!(running.is_some() && scene.admission.is_leaving(leaving));
        assert!(!scene.admission.has_room(newcomer, &[newcomer], scene.at(30)), "its address has its share");
        assert!(scene.admission.take_over().is_empty());
        drop(EndsPresence(scene.presences[leaving as usize].clone()));
        assert_eq!(scene.admission.take_over(), [(leaving, ())]);
        assert!(!scene.admission.is_leaving(leaving));
        assert_eq!(scene.admission.ask(newcomer, &[], scene.at(30)).0, Room::Free);
    }

    #[test]
    fn one_address_has_three_quarters_and_at_least_one() {
        assert_eq!([1, 2, 3, 4, 8, 512].map(share_of), [1, 2, 3, 3, 6, 384]);
    }
}
