//! The places of the lobby, and the choice of a guest that has to leave when none is left: one of the network or site
//! that takes most of the room.
//!
//! Every change takes a time that grows with the logarithm of the number of guests, however they came.

use crate::server::network::{Network, Site};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Instant;

/// Places of one network at most, unless the room is small: more than one client that means well opens at once.
const OF_A_NETWORK: usize = 128;

/// Places of the networks of one site at most, unless the room is small.
const OF_A_SITE: usize = 256;

/// Guests that the lobby holds, by the number of their connection: a later one has a greater number.
pub(super) struct Room<G> {
    limits: Limits,
    guests: BTreeMap<usize, G>,
    networks: HashMap<Network, BTreeSet<usize>>,
    sites: HashMap<Site, Neighbours>,
    crowds: BTreeSet<Crowd>,
    deadlines: BTreeSet<(Instant, usize)>,
}

/// An occupant of a place.
pub(super) trait Guest {
    /// Returns the network that the guest connects from.
    fn network(&self) -> Network;
    /// Returns the time at which the guest has to leave.
    fn deadline(&self) -> Instant;
}

/// The guests of one site.
#[derive(Default)]
struct Neighbours {
    guests: usize,
    crowds: BTreeSet<Crowd>,
}

struct Limits {
    all: usize,
    network: usize,
    site: usize,
}

/// The guests of one network; the greater, the sooner one of them has to make room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Crowd {
    guests: usize,
    /// Number of the oldest guest. Of two networks with equally many guests, the one whose oldest came first is
    /// greater.
    oldest: Reverse<usize>,
    network: Network,
}

impl<G: Guest> Room<G> {
    /// Creates a room for `places` guests, at least one.
    pub(super) fn new(places: usize) -> Self {
        let limits = Limits {
            all: places.max(1),
            network: OF_A_NETWORK.min(places / 4).max(1),
            site: OF_A_SITE.min(places / 2).max(1),
        };
        Self {
            limits,
            guests: BTreeMap::new(),
            networks: HashMap::new(),
            sites: HashMap::new(),
            crowds: BTreeSet::new(),
            deadlines: BTreeSet::new(),
        }
    }

    /// Takes a guest in, or back in.
    pub(super) fn insert(&mut self, number: usize, guest: G) {
        // A guest that comes back may be listed under another deadline.
        self.remove(number);
        self.deadlines.insert((guest.deadline(), number));
        self.recount(guest.network(), |numbers| numbers.insert(number));
        self.guests.insert(number, guest);
    }

    /// Reports whether a guest is still there.
    pub(super) fn contains(&self, number: usize) -> bool {
        self.guests.contains_key(&number)
    }

    /// Lets a guest go.
    pub(super) fn remove(&mut self, number: usize) -> Option<G> {
        let guest = self.guests.remove(&number)?;
        self.deadlines.remove(&(guest.deadline(), number));
        self.recount(guest.network(), |numbers| numbers.remove(&number));
        Some(guest)
    }

    /// Makes room for one more guest from a network, and returns the guest that had to leave for it.
    pub(super) fn make_room(&mut self, network: Network) -> Option<G> {
        let own = self.crowd(network).filter(|crowd| crowd.guests >= self.limits.network);
        let leaving = own.or_else(|| self.fullest_of_a_full_site(network.site()));
        match leaving {
            Some(crowd) => self.remove(crowd.oldest.0),
            None if self.guests.len() >= self.limits.all => self.evict(),
            None => None,
        }
    }

    /// Removes the oldest guest of the network that takes most of the room.
    pub(super) fn evict(&mut self) -> Option<G> {
        let crowd = self.crowds.last()?;
        self.remove(crowd.oldest.0)
    }

    /// Removes and returns a guest whose time is over.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<G> {
        let &(_, number) = self.deadlines.first().filter(|(deadline, _)| *deadline <= now)?;
        self.remove(number)
    }

    /// Returns the time at which the next guest has to leave.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// Removes all guests.
    pub(super) fn clear(&mut self) {
        *self = Self::new(self.limits.all);
    }

    fn crowd(&self, network: Network) -> Option<Crowd> {
        let numbers = self.networks.get(&network)?;
        let oldest = *numbers.first()?;
        Some(Crowd { guests: numbers.len(), oldest: Reverse(oldest), network })
    }

    fn fullest_of_a_full_site(&self, site: Site) -> Option<Crowd> {
        let neighbours = self.sites.get(&site).filter(|neighbours| neighbours.guests >= self.limits.site)?;
        neighbours.crowds.last().copied()
    }

    /// Changes the guests of a network, and its rank among the other networks.
    fn recount(&mut self, network: Network, change: impl FnOnce(&mut BTreeSet<usize>) -> bool) {
        // A crowd is ordered by its own size: it has to be taken out of the sets as it was before the change.
        let before = self.crowd(network);
        change(self.networks.entry(network).or_default());
        let after = self.crowd(network);
        let neighbours = self.sites.entry(network.site()).or_default();
        if let Some(before) = before {
            self.crowds.remove(&before);
            neighbours.crowds.remove(&before);
            neighbours.guests -= before.guests;
        }
        match after {
            Some(after) => {
                self.crowds.insert(after);
                neighbours.crowds.insert(after);
                neighbours.guests += after.guests;
            }
            None => drop(self.networks.remove(&network)),
        }
        if neighbours.guests == 0 {
            self.sites.remove(&network.site());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;
    use std::time::Duration;

    struct Somebody {
        number: usize,
        network: Network,
        deadline: Instant,
    }

    impl Guest for Somebody {
        fn network(&self) -> Network {
            self.network
        }

        fn deadline(&self) -> Instant {
            self.deadline
        }
    }

    /// A room with a clock of its own.
    struct House {
        room: Room<Somebody>,
        now: Instant,
        next: usize,
        /// Numbers of the guests that had to leave.
        left: BTreeSet<usize>,
    }

    impl House {
        fn new(places: usize) -> Self {
            Self { room: Room::new(places), now: Instant::now(), next: 0, left: BTreeSet::new() }
        }

        /// Lets a guest come for ten seconds, as in the lobby.
        fn comes(&mut self, address: IpAddr) -> usize {
            let (number, network) = (self.next, Network::of(address));
            self.next += 1;
            self.left.extend(self.room.make_room(network).map(|guest| guest.number));
            let deadline = self.now + Duration::from_secs(10);
            self.room.insert(number, Somebody { number, network, deadline });
            assert!(self.room.guests.len() <= self.room.limits.all);
            number
        }

        fn passes(&mut self, time: Duration) {
            self.now += time;
            while let Some(guest) = self.room.pop_due(self.now) {
                self.left.insert(guest.number);
            }
        }

        fn is_there(&self, number: usize) -> bool {
            assert_ne!(self.room.guests.contains_key(&number), self.left.contains(&number));
            !self.left.contains(&number)
        }
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_flood_from_two_addresses_costs_nobody_else_a_place() {
        let mut house = House::new(1024);
        let (client, attackers) = (ip("127.0.0.1"), [ip("127.0.0.2"), ip("127.0.0.3")]);
        let honest = house.comes(client);
        for turn in 0..20_000 {
            house.passes(Duration::from_micros(100));
            house.comes(attackers[turn % 2]);
        }
        assert!(house.is_there(honest), "it had {:?} of its ten seconds", Duration::from_secs(2));
        // The addresses are of one site, which is no reason to drop the one that behaves.
        assert_eq!(house.room.guests.len(), 1 + 2 * OF_A_NETWORK - 1);
    }

    #[test]
    fn whoever_fills_the_room_makes_room() {
        let mut house = House::new(1024);
        // Five sites with four addresses each: more than fit, none over the bounds of one.
        let attackers: Vec<IpAddr> = (0..20).map(|n| ip(&format!("10.0.{}.{}", n / 4, n % 4))).collect();
        let honest = house.comes(ip("192.0.2.1"));
        let first = house.comes(attackers[0]);
        for turn in 0..10_000 {
            house.comes(attackers[turn % 20]);
        }
        assert!(house.is_there(honest));
        assert!(!house.is_there(first), "the oldest of the attackers goes first");
        let later = house.comes(ip("192.0.2.1"));
        for _ in 0..10_000 {
            house.room.evict();
            house.comes(attackers[7]);
        }
        assert!(house.is_there(honest) && house.is_there(later), "nor when descriptors run out");
    }

    #[test]
    fn the_owner_of_many_networks_takes_no_more_than_a_quarter() {
        let mut house = House::new(1024);
        let honest = house.comes(ip("192.0.2.1"));
        let neighbour = house.comes(ip("2001:db8:0:ffff::1"));
        for number in 0..20_000u32 {
            house.comes(IpAddr::V6((0x2001_0db8_u128 << 96 | u128::from(number % 65_000) << 64).into()));
        }
        assert!(house.is_there(honest) && !house.is_there(neighbour));
        assert_eq!(house.room.guests.len(), 1 + OF_A_SITE);
    }

    #[test]
    fn a_household_with_many_transfers_has_room() {
        for places in [1024, 256] {
            let mut house = House::new(places);
            let numbers: Vec<usize> = (0..33).map(|_| house.comes(ip("192.0.2.1"))).collect();
            assert!(numbers.into_iter().all(|number| house.is_there(number)), "{places}");
        }
    }

    #[test]
    fn guests_leave_when_their_time_is_over_and_nothing_is_kept_of_them() {
        let mut house = House::new(4);
        assert_eq!(house.room.next_deadline(), None);
        let first = house.comes(ip("192.0.2.1"));
        let due = house.now + Duration::from_secs(10);
        house.passes(Duration::from_secs(5));
        let second = house.comes(ip("2001:db8::1"));
        assert_eq!(house.room.next_deadline(), Some(due));
        house.passes(Duration::from_secs(5));
        assert!(!house.is_there(first) && house.is_there(second));
        // Let out and in again, with another deadline.
        let guest = house.room.remove(second).unwrap();
        assert!(house.room.remove(second).is_none());
        house.room.insert(second, Somebody { deadline: house.now + Duration::from_secs(1), ..guest });
        house.passes(Duration::from_secs(1));
        assert!(!house.is_there(second));
        let Room { guests, networks, sites, crowds, deadlines, .. } = house.room;
        assert!(guests.is_empty() && networks.is_empty() && sites.is_empty() && crowds.is_empty());
        assert!(deadlines.is_empty());
    }
}
