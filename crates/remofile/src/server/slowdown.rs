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
        self.make_room(now, address)?;
        let offender = self.offenders.entry(address).or_insert(Offender { failures: 0, answered: now });
        if offender.answered + FORGET_AFTER <= now {
            offender.failures = 0;
        }
        let delay = (FIRST_DELAY * 2u32.pow(offender.failures.min(5))).min(LONGEST_DELAY);
        let slot = offender.answered.max(now) + delay;
        if slot > now + LONGEST_STAY {
            return None;
        }
        offender.failures = offender.failures.saturating_add(1);
        offender.answered = slot;
        Some(slot)
    }

    /// Forgets who behaved; nothing if there is no room for another address even so.
    fn make_room(&mut self, now: Instant, address: IpAddr) -> Option<()> {
        if self.offenders.len() >= ADDRESSES {
            self.offenders.retain(|_, offender| offender.answered + FORGET_AFTER > now);
        }
        (self.offenders.len() < ADDRESSES || self.offenders.contains_key(&address)).then_some(())
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
