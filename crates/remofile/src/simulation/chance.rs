//! Chance: the only source of what is not determined, so that a seed tells a whole course.

use std::time::Duration;

/// Numbers that follow from a seed (SplitMix64).
#[derive(Debug, Clone)]
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        let mut chance = Self(seed ^ 0x5851_F42D_4C95_7F2D);
        chance.next();
        chance
    }

    /// A source of its own, which follows from this one.
    pub(super) fn split(&mut self) -> Self {
        Self(self.next())
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below another.
    pub(super) fn below(&mut self, most: usize) -> usize {
        (self.next() % most.max(1) as u64) as usize
    }

    /// True in so many of 1,000 cases.
    pub(super) fn per_mille(&mut self, cases: u32) -> bool {
        self.next() % 1000 < u64::from(cases)
    }

    pub(super) fn one_in(&mut self, cases: u64) -> bool {
        self.next().is_multiple_of(cases)
    }

    pub(super) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// A time up to this one, mostly a short one.
    pub(super) fn time(&mut self, most: Duration) -> Duration {
        let part = self.next() % 1_000_000;
        let scale = 1 << (3 * self.below(4));
        most.mul_f64(part as f64 / 1_000_000.0) / scale
    }
}
