//! Partials in aligned columns.

use super::text::duration;
use super::time::Clock;
use indicatif::HumanBytes;
use remofile::protocol::wire::{PartialEntry, Timestamp};
use std::fmt::Write;
use std::time::SystemTime;

/// The amount that is told of each partial.
pub(crate) enum Style {
    /// Rounded sizes, and how long ago it was.
    Short,
    /// Bytes, and when it was.
    Long(Clock),
}

/// Gathers lines.
pub(crate) struct PartialColumns {
    style: Style,
    now: SystemTime,
    rows: Vec<[String; 3]>,
}

impl PartialColumns {
    /// Columns without rows.
    pub(crate) fn new(style: Style) -> Self {
        Self { style, now: SystemTime::now(), rows: Vec::new() }
    }

    /// Adds what was kept of a file.
    pub(crate) fn push(&mut self, partial: &PartialEntry, path: String) {
        let (received, size) = (partial.received, partial.size);
        let row = match &self.style {
            Style::Short => {
                [format!("{} of {}", HumanBytes(received), HumanBytes(size)), self.age(partial.touched), path]
            }
            Style::Long(clock) => [format!("{received}/{size}"), clock.show(partial.touched), path],
        };
        self.rows.push(row);
    }

    /// Returns how long ago a time was; a time to come counts as now.
    fn age(&self, time: Timestamp) -> String {
        let age = time.to_system_time().and_then(|time| self.now.duration_since(time).ok());
        format!("{} ago", duration(age.unwrap_or_default()))
    }

    /// A line each.
    pub(crate) fn into_text(self) -> String {
        let width = |column: usize| self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let (sizes, times) = (width(0), width(1));
        let mut text = String::new();
        for [size, time, path] in &self.rows {
            let _ = writeln!(text, "{size:>sizes$}  {time:>times$}  {path}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn columns(style: Style) -> String {
        let mut columns = PartialColumns::new(style);
        columns.now = SystemTime::UNIX_EPOCH + Duration::from_secs(3600);
        for (path, received, seconds) in [("/a", 1 << 20, 0), ("/b", 10, 3540), ("/future", 0, 7200)] {
            let partial = PartialEntry {
                path: path.parse().unwrap(),
                size: 2 << 20,
                modified: Timestamp::new(0, 0),
                received,
                touched: Timestamp::new(seconds, 0),
                marks: Vec::new(),
            };
            columns.push(&partial, path.to_owned());
        }
        columns.into_text()
    }

    #[test]
    fn columns_are_aligned() {
        assert_eq!(
            columns(Style::Short),
            "1.00 MiB of 2.00 MiB  1 h 0 min ago  /a\n\
             \u{20}   10 B of 2.00 MiB  1 min 0 s ago  /b\n\
             \u{20}    0 B of 2.00 MiB        0 s ago  /future\n"
        );
        assert_eq!(
            columns(Style::Long(Clock::utc())),
            "1048576/2097152  1970-01-01 00:00:00  /a\n\
             \u{20}    10/2097152  1970-01-01 00:59:00  /b\n\
             \u{20}     0/2097152  1970-01-01 02:00:00  /future\n"
        );
    }
}
