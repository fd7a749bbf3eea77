//! The speed of a transfer.

use std::collections::VecDeque;
use std::time::Duration;

/// Bytes a second over the last seconds. What was there already is no measure of how fast the rest will be,
/// and is not counted.
#[derive(Debug, Default)]
pub(super) struct Rate {
    samples: VecDeque<(Duration, u64)>,
}

impl Rate {
    const WINDOW: Duration = Duration::from_secs(10);
    const BETWEEN_SAMPLES: Duration = Duration::from_millis(250);

    /// Takes the number of bytes that were moved until now.
    pub(super) fn note(&mut self, now: Duration, moved: u64) {
        let is_due = |last: &(Duration, u64)| now.saturating_sub(last.0) >= Self::BETWEEN_SAMPLES;
        if self.samples.back().is_none_or(is_due) {
            self.samples.push_back((now, moved));
        }
        while self.samples.len() > 2 && now.saturating_sub(self.samples[0].0) > Self::WINDOW {
            self.samples.pop_front();
        }
    }

    /// Returns the bytes a second, when something is known of them.
    pub(super) fn per_second(&self) -> Option<u64> {
        let (first, last) = (self.samples.front()?, self.samples.back()?);
        let milliseconds = last.0.saturating_sub(first.0).as_millis();
        let bytes = u128::from(last.1.saturating_sub(first.1));
        u64::try_from((bytes * 1000).checked_div(milliseconds)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_of_what_was_moved_lately() {
        let mut rate = Rate::default();
        rate.note(Duration::ZERO, 0);
        assert_eq!(rate.per_second(), None);
        rate.note(Duration::from_secs(1), 1024);
        assert_eq!(rate.per_second(), Some(1024));
        for second in 2..60 {
            rate.note(Duration::from_secs(second), 1024);
        }
        assert_eq!(rate.per_second(), Some(0));
    }
}
