//! One bar for the whole transfer, and under it the file that is being moved.

use super::count::Count;
use crate::output::text::{duration, harmless};
use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::VecDeque;
use std::time::Duration;

/// Redraws a second.
const DRAWS_PER_SECOND: u8 = 10;

/// The shortest time between two changes of the text.
const BETWEEN_TEXTS: Duration = Duration::from_millis(100);

const WITH_TOTAL: &str = "{percent:>3}% [{bar:30}] {binary_bytes}/{binary_total_bytes}{prefix}\n{wide_msg}";
const WITHOUT_TOTAL: &str = "{binary_bytes}{prefix}\n{wide_msg}";

/// A bar on standard error.
pub(super) struct Bar {
    bar: ProgressBar,
    rate: Rate,
    has_total: bool,
    texts_at: Option<Duration>,
    current: String,
}

impl Bar {
    pub(super) fn new() -> Self {
        Self::on(ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(DRAWS_PER_SECOND)))
    }

    fn on(bar: ProgressBar) -> Self {
        bar.set_style(style(WITHOUT_TOTAL));
        Self { bar, rate: Rate::default(), has_total: false, texts_at: None, current: String::new() }
    }

    /// Shows how far it is; `now` is the time since the beginning.
    pub(super) fn update(&mut self, count: &Count, now: Duration) {
        if let Some(total) = count.total() {
            if !std::mem::replace(&mut self.has_total, true) {
                self.bar.set_style(style(WITH_TOTAL));
            }
            if self.bar.length() != Some(total) {
                self.bar.set_length(total);
            }
        }
        self.rate.note(now, count.moved());
        if self.texts_at.is_none_or(|at| now.saturating_sub(at) >= BETWEEN_TEXTS) {
            self.texts_at = Some(now);
            self.bar.set_prefix(self.rate.text(count));
        }
        let current = count.current().unwrap_or_default();
        if self.current != current {
            current.clone_into(&mut self.current);
            self.bar.set_message(harmless(current).into_owned());
        }
        self.bar.set_position(count.done());
    }

    /// Does something with the bar out of the way.
    pub(super) fn suspend<T>(&self, what: impl FnOnce() -> T) -> T {
        self.bar.suspend(what)
    }

    /// Takes it away.
    pub(super) fn finish(self) {}
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> ")
}

/// Bytes a second over the last seconds. What was there already is no measure of how fast the rest will be,
/// and is not counted.
#[derive(Debug, Default)]
struct Rate {
    samples: VecDeque<(Duration, u64)>,
}

impl Rate {
    const WINDOW: Duration = Duration::from_secs(10);
    const BETWEEN_SAMPLES: Duration = Duration::from_millis(250);

    /// So many bytes were moved until now.
    fn note(&mut self, now: Duration, moved: u64) {
        let is_due = |last: &(Duration, u64)| now.saturating_sub(last.0) >= Self::BETWEEN_SAMPLES;
        if self.samples.back().is_none_or(is_due) {
            self.samples.push_back((now, moved));
        }
        while self.samples.len() > 2 && now.saturating_sub(self.samples[0].0) > Self::WINDOW {
            self.samples.pop_front();
        }
    }

    fn per_second(&self) -> Option<u64> {
        let (first, last) = (self.samples.front()?, self.samples.back()?);
        let milliseconds = last.0.saturating_sub(first.0).as_millis();
        let bytes = u128::from(last.1.saturating_sub(first.1));
        u64::try_from((bytes * 1000).checked_div(milliseconds)?).ok()
    }

    /// ", 1.50 MiB/s, 12 s left"
    fn text(&self, count: &Count) -> String {
        let Some(rate) = self.per_second() else { return String::new() };
        let mut text = format!(", {}/s", HumanBytes(rate));
        let rest = count.total().map(|total| total - count.done());
        if let (Some(rest), 1..) = (rest, rate) {
            text += &format!(", {} left", duration(Duration::from_secs(rest.div_ceil(rate))));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_are_valid() {
        for template in [WITH_TOTAL, WITHOUT_TOTAL] {
            ProgressStyle::with_template(template).unwrap();
        }
    }

    #[test]
    fn it_shows_the_total_the_position_and_the_file() {
        let mut bar = Bar::on(ProgressBar::hidden());
        let mut count = Count::default();
        count.set_total(100);
        count.started("dir/a\u{1b}", None, 40);
        bar.update(&count, Duration::ZERO);
        assert_eq!((bar.bar.position(), bar.bar.length()), (40, Some(100)));
        assert_eq!(bar.bar.message(), r"dir/a\u{1b}");
        count.again();
        count.present(10);
        bar.update(&count, Duration::from_secs(1));
        assert_eq!(bar.bar.position(), 40);
    }

    #[test]
    fn the_rate_is_of_what_was_moved_lately() {
        let (mut rate, mut count) = (Rate::default(), Count::default());
        count.set_total(10_240);
        count.present(1024);
        rate.note(Duration::ZERO, count.moved());
        assert_eq!(rate.text(&count), "");
        count.transferred(1024);
        rate.note(Duration::from_secs(1), count.moved());
        assert_eq!(rate.text(&count), ", 1.00 KiB/s, 8 s left");
        for second in 2..60 {
            rate.note(Duration::from_secs(second), count.moved());
        }
        assert_eq!(rate.text(&count), ", 0 B/s");
    }
}
