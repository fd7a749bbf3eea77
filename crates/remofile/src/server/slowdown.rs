//! Makes guessing tokens slow: refusals to one address are spaced out.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Addresses remembered at most.
const ADDRESSES: usize = 4096;

/// An address that behaved for so long is forgotten.
const FORGET_AFTER: Duration = Duration::from_secs(600);

const FIRST_DELAY: Duration = Duration::from_millis(100);
/// Longest time a refused peer is kept: it gives up after ten seconds.
const LONGEST_STAY: Duration = Duration::from_secs(7);

const LONGEST_DELAY: Duration = Duration::from_secs(3);

/// When addresses that used a wrong token are answered.
#[derive(Debug, Default)]
pub(super) struct Slowdown {
    offenders: HashMap<IpAddr, Offender>,
}

#[derive(Debug)]
struct Offender {
    failures: u32,
    answered: Instant,
}

impl Slowdown {
    /// Counts a wrong token; gives the moment at which to answer it, or nothing if it is not worth to
    /// keep the peer for so long. Refusals to one address come one after the other, further and further
    /// apart, however many connections it opens.
    pub(super) fn refuse(&mut self, now: Instant, address: IpAddr) -> Option<Instant> {
        let address = network(address);
        self.make_room(now, address)?;
        let offender = self.offenders.entry(address).or_insert(Offender { failures: 0, answered: now });
        if offender.answered + FORGET_AFTER <= now {
            offender.failures = 0;
        }
        let slot = offender.slot(now);
        if slot > now + LONGEST_STAY {
            return None;
        }
        offender.failures = offender.failures.saturating_add(1);
        offender.answered = slot;
        Some(slot)
    }

    /// Whether an address has used so many wrong tokens that another one could not be answered slowly.
    pub(super) fn is_exhausted(&self, now: Instant, address: IpAddr) -> bool {
        self.offenders.get(&network(address)).is_some_and(|offender| offender.slot(now) > now + LONGEST_STAY)
    }

    /// Forgets who behaved; nothing if there is no room for another address even so.
    fn make_room(&mut self, now: Instant, address: IpAddr) -> Option<()> {
        if self.offenders.len() >= ADDRESSES {
            self.offenders.retain(|_, offender| offender.answered + FORGET_AFTER > now);
        }
        (self.offenders.len() < ADDRESSES || self.offenders.contains_key(&address)).then_some(())
    }
}

impl Offender {
    /// When the next wrong token is answered.
    fn slot(&self, now: Instant) -> Instant {
        let delay = (FIRST_DELAY * 2u32.pow(self.failures.min(5))).min(LONGEST_DELAY);
        self.answered.max(now) + delay
    }
}

/// Whoever has one address of IPv6 has the 2^64 beside it.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn many_connections_at_once_do_not_guess_faster_than_one() {
        let (mut slowdown, now) = (Slowdown::default(), Instant::now());
        let answered = (0..100).filter_map(|_| slowdown.refuse(now, ADDRESS)).count();
        assert!(answered <= 7, "{answered} guesses in {LONGEST_STAY:?}");
        let later = now + Duration::from_secs(60);
        assert!((0..100).filter_map(|_| slowdown.refuse(later, ADDRESS)).count() <= 3, "no slower the second time");
    }

    #[test]
    fn an_address_that_guesses_too_fast_is_exhausted_until_its_queue_is_shorter() {
        let (mut slowdown, now) = (Slowdown::default(), Instant::now());
        assert!(!slowdown.is_exhausted(now, ADDRESS));
        while slowdown.refuse(now, ADDRESS).is_some() {
            assert!(slowdown.offenders.len() == 1);
        }
        assert!(slowdown.is_exhausted(now, ADDRESS));
        assert!(!slowdown.is_exhausted(now, "192.0.2.1".parse().unwrap()));
        assert!(!slowdown.is_exhausted(now + LONGEST_DELAY, ADDRESS));
    }

    #[test]
    fn neighbours_in_a_network_of_ipv6_are_one() {
        let (mut slowdown, now) = (Slowdown::default(), Instant::now());
        while slowdown.refuse(now, "2001:db8::1".parse().unwrap()).is_some() {}
        assert!(slowdown.is_exhausted(now, "2001:db8::ffff:2".parse().unwrap()));
        assert!(!slowdown.is_exhausted(now, "2001:db8:0:1::1".parse().unwrap()));
    }

    #[test]
    fn a_first_mistake_costs_a_tenth_of_a_second_and_is_forgotten() {
        let (mut slowdown, now) = (Slowdown::default(), Instant::now());
        assert_eq!(slowdown.refuse(now, ADDRESS), Some(now + FIRST_DELAY));
        let later = now + FORGET_AFTER * 2;
        assert_eq!(slowdown.refuse(later, ADDRESS), Some(later + FIRST_DELAY));
    }

    #[test]
    fn the_memory_of_offenders_is_bounded() {
        let (mut slowdown, now) = (Slowdown::default(), Instant::now());
        for number in 0..10_000u32 {
            slowdown.refuse(now, IpAddr::from(number.to_be_bytes()));
        }
        assert!(slowdown.offenders.len() <= ADDRESSES);
    }
}
