//! Turns: which of the sessions that have something to do gets a worker next.
//!
//! There are as many workers as there are descriptors for their files. While all are at work, the addresses take turns,
//! and one address never has more than its share, so that what one client has its sessions do does not hold up others.

use crate::server::network::Network;
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// Newcomers are turned away while somebody has waited for a worker for so long.
const TOO_LONG: Duration = Duration::from_secs(2);

/// Workers that are no longer few, however many there may be.
const MANY: usize = 128;

/// Sessions that wait for workers, and how many have one.
pub(super) struct Turns {
    /// Workers at most, and of one address.
    most: usize,
    per_address: usize,
    running: usize,
    of_network: HashMap<Network, usize>,
    waiting: HashMap<Network, VecDeque<(u64, Instant)>>,
    /// The networks that wait, in the order of their turns.
    order: VecDeque<Network>,
}

impl Turns {
    pub(super) fn new() -> Self {
        Self {
            most: 1,
            per_address: 1,
            running: 0,
            of_network: HashMap::new(),
            waiting: HashMap::new(),
            order: VecDeque::new(),
        }
    }

    /// Changes how many workers there may be, and how many of them for one address.
    pub(super) fn set_most(&mut self, most: usize, per_address: usize) {
        (self.most, self.per_address) = (most.max(1), per_address.max(1));
    }

    /// A session has something to do.
    pub(super) fn wait(&mut self, session: u64, network: Network, now: Instant) {
        let waiting = self.waiting.entry(network).or_default();
        if waiting.is_empty() {
            self.order.push_back(network);
        }
        waiting.push_back((session, now));
    }

    /// The session that gets a worker now, if there is one. It has it until [`Turns::end`].
    pub(super) fn next(&mut self) -> Option<u64> {
        if self.running >= self.most {
            return None;
        }
        let place = self.order.iter().position(|network| self.has_room(*network))?;
        let network = self.order.remove(place)?;
        let waiting = self.waiting.get_mut(&network)?;
        let (session, _) = waiting.pop_front()?;
        match waiting.is_empty() {
            true => drop(self.waiting.remove(&network)),
            false => self.order.push_back(network),
        }
        self.running += 1;
        *self.of_network.entry(network).or_default() += 1;
        Some(session)
    }

    fn has_room(&self, network: Network) -> bool {
        self.of_network.get(&network).is_none_or(|running| *running < self.per_address)
    }

    /// A session of this network gives its worker back.
    pub(super) fn end(&mut self, network: Network) {
        self.running -= 1;
        if let Some(running) = self.of_network.get_mut(&network) {
            *running -= 1;
            if *running == 0 {
                self.of_network.remove(&network);
            }
        }
    }

    /// Reports whether workers are rare, so that none is to be kept by a session that has nothing to do.
    pub(super) fn are_rare(&self) -> bool {
        self.running > MANY.min(self.most / 2) || !self.order.is_empty()
    }

    /// Reports whether a session of this network would have to wait for others that do not come to an end.
    pub(super) fn are_blocked(&self, network: Network, now: Instant) -> bool {
        let next = if self.has_room(network) { self.order.front().copied() } else { Some(network) };
        let longest = next.and_then(|network| self.waiting.get(&network)?.front());
        (self.running >= self.most || !self.has_room(network))
            && longest.is_some_and(|(_, since)| now.saturating_duration_since(*since) >= TOO_LONG)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(address: &str) -> Network {
        Network::of(address.parse().unwrap())
    }

    fn turns(most: usize, per_address: usize) -> Turns {
        let mut turns = Turns::new();
        turns.set_most(most, per_address);
        turns
    }

    fn all(turns: &mut Turns) -> Vec<u64> {
        std::iter::from_fn(|| turns.next()).collect()
    }

    #[test]
    fn addresses_take_turns_and_one_has_no_more_than_its_share() {
        let (now, busy, other) = (Instant::now(), from("192.0.2.1"), from("192.0.2.2"));
        let mut turns = turns(4, 3);
        (0..10).for_each(|session| turns.wait(session, busy, now));
        assert_eq!(all(&mut turns), [0, 1, 2], "the fourth is for others");
        turns.wait(10, other, now);
        turns.wait(11, other, now);
        assert_eq!(all(&mut turns), [10]);
        turns.end(busy);
        assert_eq!(all(&mut turns), [3], "it came first");
        turns.end(busy);
        assert_eq!(all(&mut turns), [11], "and now it is the other's turn");
        turns.end(other);
        assert_eq!(all(&mut turns), [4]);
    }

    #[test]
    fn whoever_would_wait_for_long_is_told_so() {
        let (began, busy, other) = (Instant::now(), from("192.0.2.1"), from("192.0.2.2"));
        let mut turns = turns(2, 1);
        turns.wait(1, busy, began);
        turns.wait(2, busy, began);
        assert_eq!(all(&mut turns), [1]);
        assert!(!turns.are_blocked(busy, began) && !turns.are_blocked(other, began + TOO_LONG));
        assert!(turns.are_blocked(busy, began + TOO_LONG));
        turns.end(busy);
        assert_eq!(all(&mut turns), [2]);
        assert!(!turns.are_blocked(busy, began + TOO_LONG));
        turns.end(busy);
        assert!(turns.of_network.is_empty() && turns.waiting.is_empty() && turns.order.is_empty());
    }
}
