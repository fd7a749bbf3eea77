//! The slowdown of guesses: refusals to one address are spaced out.
//!
//! Invariant: where [`Slowdown::is_exhausted`] is false, [`Slowdown::refuse`] at the same moment gives a time in
//! the future. So whoever asks the first before it compares a token never has to answer a guess at once.

use super::network::{Network, Site};
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Queues remembered at most; each address takes one, and its site another.
const QUEUES: usize = 8192;

/// Time after which the failures of an address are forgotten.
const FORGET_AFTER: Duration = Duration::from_secs(600);

/// Least time between two searches of a full table for forgotten failures.
const SWEEP_EVERY: Duration = Duration::from_secs(10);

/// Longest time a refused peer is kept: it gives up after ten seconds.
const LONGEST_STAY: Duration = Duration::from_secs(7);

/// The delays of one address.
const OF_ONE: Pace = Pace { first: Duration::from_millis(100), longest: Duration::from_secs(3) };

/// The delays of many together: as fast as sixteen of them at their slowest.
const OF_MANY: Pace = Pace { first: Duration::from_millis(100), longest: Duration::from_millis(190) };

/// The times at which peers with a wrong token are answered.
#[derive(Debug)]
pub(super) struct Slowdown {
    queues: HashMap<Key, Queue>,
    swept: Option<Instant>,
}

/// Guesses that are answered one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Network(Network),
    /// Of one site, so that an owner of many networks guesses no faster than one of a few.
    Site(Site),
    /// Of addresses that were never seen before, while there is no room to remember another.
    Newcomers,
    /// Of peers whose addresses are not known.
    Nameless,
}

/// The delays between the answers of a queue: each twice the one before, from the first to the longest.
struct Pace {
    first: Duration,
    longest: Duration,
}

#[derive(Debug, Clone, Copy)]
struct Queue {
    failures: u32,
    /// Time at which the last guess so far is answered.
    answered: Instant,
}

impl Slowdown {
    pub(super) fn new() -> Self {
        Self { queues: HashMap::new(), swept: None }
    }

    /// Counts a wrong token. Returns the time at which to answer it, or `None` if that is too far away to keep the
    /// peer for. Refusals to one address come one after the other, with growing delays, however many connections it
    /// opens.
    pub(super) fn refuse(&mut self, now: Instant, address: Option<IpAddr>) -> Option<Instant> {
        let keys = self.keys(address);
        let slot = self.slot(now, &keys);
        if slot > now + LONGEST_STAY {
            return None;
        }
        for key in keys.into_iter().flatten() {
            let queue = self.queues.entry(key).or_insert(Queue::new(now));
            *queue =
                Queue { failures: queue.failures_at(now).saturating_add(1), answered: queue.slot(now, key.pace()) };
        }
        Some(slot)
    }

    /// Reports whether so many wrong tokens came from an address that another one could not be answered slowly.
    pub(super) fn is_exhausted(&mut self, now: Instant, address: Option<IpAddr>) -> bool {
        // Only here, not in `refuse`: the finding must still hold when the guess is counted.
        self.make_room(now);
        self.slot(now, &self.keys(address)) > now + LONGEST_STAY
    }

    /// Returns the time at which all of these queues are ready to answer another guess.
    fn slot(&self, now: Instant, keys: &[Option<Key>; 2]) -> Instant {
        let slots = keys.iter().flatten().map(|key| {
            let queue = self.queues.get(key).copied().unwrap_or(Queue::new(now));
            queue.slot(now, key.pace())
        });
        slots.max().unwrap_or(now)
    }

    fn keys(&self, address: Option<IpAddr>) -> [Option<Key>; 2] {
        let Some(address) = address else { return [Some(Key::Nameless), None] };
        let network = Network::of(address);
        let is_known = self.queues.contains_key(&Key::Network(network));
        if !is_known && self.queues.len() + 2 > QUEUES {
            return [Some(Key::Newcomers), None];
        }
        [Some(Key::Network(network)), Some(Key::Site(network.site()))]
    }

    /// Forgets the queues whose failures are forgiven, if there is no room for another address.
    fn make_room(&mut self, now: Instant) {
        let is_due = self.swept.is_none_or(|at| at + SWEEP_EVERY <= now);
        if self.queues.len() + 2 > QUEUES && is_due {
            self.swept = Some(now);
            self.queues.retain(|_, queue| queue.failures_at(now) > 0);
        }
    }
}

impl Key {
    fn pace(self) -> &'static Pace {
        match self {
            Self::Network(_) | Self::Newcomers => &OF_ONE,
            Self::Site(_) | Self::Nameless => &OF_MANY,
        }
    }
}

impl Queue {
    fn new(now: Instant) -> Self {
        Self { failures: 0, answered: now }
    }

    /// Returns the number of failures that are not forgotten yet.
    fn failures_at(&self, now: Instant) -> u32 {
        if self.answered + FORGET_AFTER <= now { 0 } else { self.failures }
    }

    /// Returns the time at which the next wrong token is answered.
    fn slot(&self, now: Instant, pace: &Pace) -> Instant {
        // 2^5 first delays exceed the longest one of every pace, and the power cannot overflow.
        let delay = pace.first * 2u32.pow(self.failures_at(now).min(5));
        self.answered.max(now) + delay.min(pace.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));

    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    /// Returns the number of guesses that are answered at all, when `many` addresses make `rounds` rounds of one each
    /// in an instant.
    fn answered(
        slowdown: &mut Slowdown,
        now: Instant,
        rounds: u32,
        address: impl Fn(u32) -> IpAddr,
        many: u32,
    ) -> usize {
        let mut guess = |number| {
            let is_exhausted = slowdown.is_exhausted(now, Some(address(number)));
            let slot = slowdown.refuse(now, Some(address(number)));
            assert_eq!(slot.is_none(), is_exhausted, "a guess is answered at once, or an answer depends on the token");
            assert!(slot.is_none_or(|at| at > now), "a guess is answered at once");
            slot.is_some()
        };
        (0..rounds).flat_map(|_| 0..many).filter(|&number| guess(number)).count()
    }

    #[test]
    fn many_connections_at_once_do_not_guess_faster_than_one() {
        let (mut slowdown, now) = (Slowdown::new(), Instant::now());
        let answered = (0..100).filter_map(|_| slowdown.refuse(now, ADDRESS)).count();
        assert!(answered <= 7, "{answered} guesses in {LONGEST_STAY:?}");
        let later = now + Duration::from_secs(60);
        assert!((0..100).filter_map(|_| slowdown.refuse(later, ADDRESS)).count() <= 3, "no slower the second time");
    }

    #[test]
    fn an_address_that_guesses_too_fast_is_exhausted_until_its_queue_is_shorter() {
        let (mut slowdown, now) = (Slowdown::new(), Instant::now());
        assert!(!slowdown.is_exhausted(now, ADDRESS));
        while slowdown.refuse(now, ADDRESS).is_some() {
            assert!(slowdown.queues.len() == 2);
        }
        assert!(slowdown.is_exhausted(now, ADDRESS));
        assert!(!slowdown.is_exhausted(now, address("192.0.2.1")));
        assert!(!slowdown.is_exhausted(now, address("127.0.0.2")));
        assert!(!slowdown.is_exhausted(now + OF_ONE.longest, ADDRESS));
    }

    #[test]
    fn neighbours_in_a_network_of_ipv6_are_one() {
        let (mut slowdown, now) = (Slowdown::new(), Instant::now());
        while slowdown.refuse(now, address("2001:db8::1")).is_some() {}
        assert!(slowdown.is_exhausted(now, address("2001:db8::ffff:2")));
        assert!(!slowdown.is_exhausted(now, address("2001:db8:0:1::1")));
    }

    #[test]
    fn the_owner_of_many_networks_guesses_no_faster_than_a_few_of_them() {
        let (mut slowdown, now) = (Slowdown::new(), Instant::now());
        let in_a_site = |number: u32| IpAddr::V6((0x2001_0db8_u128 << 96 | u128::from(number) << 64).into());
        let answers = answered(&mut slowdown, now, 1, in_a_site, 65_536);
        assert!(answers <= 40, "{answers} guesses in {LONGEST_STAY:?}");
        assert!(!slowdown.is_exhausted(now, address("2001:db8:1::1")), "another site pays for it");
    }

    #[test]
    fn a_first_mistake_costs_a_tenth_of_a_second_and_is_forgotten() {
        let (mut slowdown, now) = (Slowdown::new(), Instant::now());
        assert_eq!(slowdown.refuse(now, ADDRESS), Some(now + OF_ONE.first));
        let later = now + FORGET_AFTER * 2;
        assert_eq!(slowdown.refuse(later, ADDRESS), Some(later + OF_ONE.first));
    }

    #[test]
    fn more_addresses_than_are_remembered_guess_no_faster_and_take_no_more_memory() {
        let (mut slowdown, now) = (Slowdown::new(), Instant::now());
        // Each is of a site of its own, and there are twice as many as fit.
        let anywhere = |number: u32| IpAddr::from((number << 8).to_be_bytes());
        let many = u32::try_from(QUEUES).unwrap();
        let first = answered(&mut slowdown, now, 1, anywhere, many);
        assert!(first <= QUEUES / 2 + 7, "{first}: those who found no room were answered");
        assert!(slowdown.queues.len() <= QUEUES + 1);
        // Round and round does not help: nobody is forgotten for it.
        let again = answered(&mut slowdown, now, 20, anywhere, many);
        assert!(again <= QUEUES / 2 * 7, "{again}");
        assert!(slowdown.is_exhausted(now, address("203.0.113.1")), "newcomers have a queue together");
        let later = now + FORGET_AFTER * 2;
        assert!(!slowdown.is_exhausted(later, address("203.0.113.1")));
        assert!(slowdown.refuse(later, address("203.0.113.1")).is_some());
        assert!(slowdown.queues.len() < 8, "{}", slowdown.queues.len());
    }

    #[test]
    fn peers_without_an_address_share_a_queue() {
        let (mut slowdown, now) = (Slowdown::new(), Instant::now());
        let answers = (0..1000).filter_map(|_| slowdown.refuse(now, None)).count();
        assert!((20..=40).contains(&answers), "{answers}");
        assert!(slowdown.is_exhausted(now, None) && !slowdown.is_exhausted(now, ADDRESS));
    }
}
