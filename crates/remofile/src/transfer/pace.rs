//! A limit on bytes a second.

use remofile_protocol::wire::SendOptions;
use std::num::NonZeroU64;
use std::time::Duration;

const NANOSECONDS: i128 = 1_000_000_000;

/// The share of a second whose bytes may be sent at once.
const BURSTS_A_SECOND: u64 = 20;

/// Bytes that may be sent at once however low the rate: a message needs some to be worth its header.
const MIN_BURST_BYTES: u64 = 4 * 1024;

/// Bytes that are waited for at most before anything is sent again. With fewer, a sender would be woken for
/// messages of a few bytes.
const MAX_PORTION_BYTES: u64 = 256 * 1024;

/// Portions in a burst, so that low rates are smooth, too.
const PORTIONS_A_BURST: u64 = 8;

/// Spreads bytes evenly: never more than a twentieth of a second's worth (at least 4 KiB) at once,
/// and nothing saved up while idle beyond that.
///
/// Time is an argument: how long it has been since any moment before, as long as it is always the same.
#[derive(Debug, Clone)]
pub struct Pace {
    limit: Option<Limit>,
}

/// A bucket that fills at the rate. Its level is counted in bytes times nanoseconds of a second, so that nothing is
/// lost to rounding.
#[derive(Debug, Clone)]
struct Limit {
    rate: i128,
    burst: i128,
    portion: i128,
    /// Below zero: more was sent than allowed.
    level: i128,
    /// Time of the last count; `None` before the first call.
    counted_at: Option<Duration>,
}

impl Pace {
    /// Creates a pace without a limit.
    #[must_use]
    pub fn unlimited() -> Self {
        Self { limit: None }
    }

    /// As options for sending say.
    #[must_use]
    pub fn of(send: &SendOptions) -> Self {
        send.rate().map_or_else(Self::unlimited, Self::new)
    }

    /// Creates a pace of at most this many bytes a second.
    #[must_use]
    pub fn new(bytes_per_second: NonZeroU64) -> Self {
        let rate = bytes_per_second.get();
        let burst = (rate / BURSTS_A_SECOND).max(MIN_BURST_BYTES);
        let portion = (burst / PORTIONS_A_BURST).min(MAX_PORTION_BYTES);
        let scaled = |bytes: u64| i128::from(bytes) * NANOSECONDS;
        let (burst, portion) = (scaled(burst), scaled(portion));
        Self { limit: Some(Limit { rate: i128::from(rate), burst, portion, level: burst, counted_at: None }) }
    }

    /// Returns the number of bytes that may be sent now: `u64::MAX` without a limit, 0 until they are worth a message.
    pub fn allowance(&mut self, now: Duration) -> u64 {
        let Some(limit) = &mut self.limit else {
            return u64::MAX;
        };
        limit.count(now);
        if limit.level < limit.portion {
            return 0;
        }
        u64::try_from(limit.level / NANOSECONDS).unwrap_or(u64::MAX)
    }

    /// Records that bytes were sent. More than allowed may be sent: the debt is paid off later.
    pub fn spend(&mut self, now: Duration, bytes: u64) {
        if let Some(limit) = &mut self.limit {
            limit.count(now);
            limit.level = limit.level.saturating_sub(i128::from(bytes) * NANOSECONDS);
        }
    }

    /// Returns the time at which something may be sent again, on the clock of `now`; `None` if now, or without a
    /// limit.
    #[must_use]
    pub fn ready_at(&self, now: Duration) -> Option<Duration> {
        let limit = self.limit.as_ref()?;
        let lacking = limit.portion.saturating_sub(limit.level_at(now));
        if lacking <= 0 {
            return None;
        }
        // Rounded up: at that moment the allowance must not be zero.
        let wait = lacking.saturating_add(limit.rate - 1) / limit.rate;
        // If the clock went back, time passes only once it has reached the last count again.
        let from = limit.counted_at.map_or(now, |counted_at| counted_at.max(now));
        Some(from.saturating_add(duration_of(wait)))
    }
}

impl Limit {
    fn count(&mut self, now: Duration) {
        self.level = self.level_at(now);
        self.counted_at = Some(self.counted_at.map_or(now, |counted_at| counted_at.max(now)));
    }

    fn level_at(&self, now: Duration) -> i128 {
        let passed = self.counted_at.map_or(Duration::ZERO, |counted_at| now.saturating_sub(counted_at));
        let passed = i128::try_from(passed.as_nanos()).unwrap_or(i128::MAX);
        self.level.saturating_add(passed.saturating_mul(self.rate)).min(self.burst)
    }
}

fn duration_of(nanoseconds: i128) -> Duration {
    let seconds = u64::try_from(nanoseconds / NANOSECONDS).unwrap_or(u64::MAX);
    let rest = u32::try_from(nanoseconds % NANOSECONDS).unwrap_or(0);
    Duration::new(seconds, rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KIB: u64 = 1024;
    const MIB: u64 = 1024 * KIB;
    const GIB: u64 = 1024 * MIB;

    fn pace(rate: u64) -> Pace {
        Pace::new(NonZeroU64::new(rate).unwrap())
    }

    fn burst(rate: u64) -> u64 {
        (rate / 20).max(4 * KIB)
    }

    fn millis(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    /// Sends as `wishes` say (bytes wanted, microseconds until asked again) for ten seconds. A sender that may not
    /// send waits until it may. Returns the bytes sent.
    fn ten_seconds(rate: u64, wishes: &[(u64, u64)]) -> u64 {
        let mut pace = pace(rate);
        let (mut now, mut sent) = (Duration::from_secs(1_000), 0);
        let end = now + Duration::from_secs(10);
        for &(wanted, pause) in wishes.iter().cycle() {
            if now >= end {
                break;
            }
            let allowed = pace.allowance(now);
            assert!(allowed <= burst(rate));
            assert_eq!(allowed == 0, pace.ready_at(now).is_some());
            let bytes = allowed.min(wanted);
            pace.spend(now, bytes);
            sent += bytes;
            now = pace.ready_at(now).unwrap_or(now + Duration::from_micros(pause));
        }
        sent
    }

    #[test]
    fn the_rate_is_kept_over_ten_seconds() {
        for rate in [KIB, 50 * KIB, 1_000_000, 125_000_000, GIB, 10 * GIB] {
            let sent = ten_seconds(rate, &[(u64::MAX, 1)]);
            let slack = (rate * 10 / 50).max(burst(rate));
            assert!(sent.abs_diff(rate * 10) <= slack, "{sent} at {rate}");
        }
    }

    #[test]
    fn nothing_is_saved_up_while_idle() {
        let mut pace = pace(1_000_000);
        pace.spend(millis(0), 50_000);
        assert_eq!(pace.allowance(millis(0)), 0);
        for hours in [1, 1_000, u64::MAX / 3_600] {
            assert_eq!(pace.allowance(Duration::from_secs(hours * 3_600)), 50_000);
        }
    }

    #[test]
    fn debt_is_paid_off() {
        let mut pace = pace(1_000_000);
        assert_eq!(pace.allowance(millis(0)), 50_000);
        pace.spend(millis(0), 1_050_000);
        assert_eq!(pace.allowance(millis(1_000)), 0);
        assert_eq!(pace.ready_at(millis(500)), Some(Duration::from_micros(1_006_250)));
        assert_eq!(pace.allowance(millis(1_025)), 25_000);
    }

    #[test]
    fn a_low_rate_sends_in_portions() {
        let mut pace = pace(KIB);
        pace.spend(millis(0), 4 * KIB);
        assert_eq!(pace.ready_at(millis(0)), Some(millis(500)));
        assert_eq!(pace.allowance(millis(499)), 0);
        assert_eq!(pace.allowance(millis(500)), 512);
    }

    #[test]
    fn without_a_limit_nothing_waits() {
        let mut pace = Pace::unlimited();
        pace.spend(Duration::ZERO, u64::MAX);
        assert_eq!(pace.allowance(Duration::ZERO), u64::MAX);
        assert_eq!(pace.ready_at(Duration::ZERO), None);
    }

    #[test]
    fn a_clock_that_goes_back_gives_nothing_away() {
        let mut pace = pace(1_000_000);
        pace.spend(millis(1_000), 50_000);
        assert_eq!(pace.allowance(millis(100)), 0);
        let ready = pace.ready_at(millis(100)).unwrap();
        assert!(ready > millis(1_000));
        assert!(pace.allowance(ready) > 0);
        assert!(pace.allowance(ready) < 50_000);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 8))]

        #[test]
        fn whoever_asks_often_enough_gets_the_rate_and_nobody_more(
            rate in prop_oneof![KIB..MIB, MIB..10 * GIB],
            wishes in prop::collection::vec((1_u64..100_000, 1_u64..1_000), 1..20),
        ) {
            // Wishes for a few bytes at a high rate would take millions of steps.
            let wishes: Vec<_> = wishes.iter().map(|&(wanted, pause)| (wanted * (1 + rate / MIB), pause)).collect();
            let sent = ten_seconds(rate, &wishes);
            prop_assert!(sent <= rate * 10 + burst(rate));
            let everything: Vec<_> = wishes.iter().map(|&(_, pause)| (u64::MAX, pause)).collect();
            let sent = ten_seconds(rate, &everything);
            prop_assert!(sent.abs_diff(rate * 10) <= (rate / 5).max(burst(rate)), "{} at {}", sent, rate);
        }

        #[test]
        fn extremes_are_no_panic(
            rate in prop_oneof![Just(1), Just(u64::MAX), 1..u64::MAX],
            calls in prop::collection::vec((any::<u64>(), 0..1_000_000_000_u32, any::<u64>()), 0..20),
        ) {
            let mut pace = pace(rate);
            for (seconds, nanoseconds, bytes) in calls {
                let now = Duration::new(seconds, nanoseconds);
                prop_assert!(pace.allowance(now) <= burst(rate));
                pace.spend(now, bytes);
                if let Some(ready) = pace.ready_at(now).filter(|&ready| ready < Duration::MAX) {
                    prop_assert!(ready > now);
                    prop_assert!(pace.allowance(ready) > 0);
                }
            }
        }
    }
}
