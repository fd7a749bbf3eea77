//! The lines that show how far a transfer is, for a width.

use super::progress::{Progress, Remark};
use crate::output::screen::Size;
use crate::output::text::{duration, harmless};
use crate::output::width::{amount, cut};
use std::ops::RangeInclusive;
use std::time::Duration;

/// Most files that are named.
const MOST_NAMES: usize = 4;

/// Columns of the bar itself, without its brackets: fewer show nothing, more show no more.
const BAR_COLUMNS: RangeInclusive<usize> = 10..=50;

/// The columns that these parts have at most. What is shown depends on them, so that it stays while the numbers change.
const REMARK_COLUMNS: usize = "59 min 59 s left".len();
const RATE_COLUMNS: usize = "1023 MiB/s".len();
const BYTES_COLUMNS: usize = "1023 MiB/1023 MiB".len();

/// Said where nobody knows how much there is, as of what comes from a pipe.
const TOTAL_UNKNOWN: &str = "total unknown";

/// Returns the lines for a terminal of that size: the numbers, and the files that are under way.
pub(super) fn block(progress: &mut Progress, now: Duration, size: Size) -> Vec<String> {
    // The last column stays free: some terminals begin a new line when something is written there.
    let columns = size.columns.saturating_sub(1);
    let mut lines = vec![numbers(progress, now, columns)];
    let room = size.rows.saturating_sub(2).min(MOST_NAMES);
    if !progress.is_moving() || room == 0 || columns == 0 {
        return lines;
    }
    let names = &progress.under_way;
    let shown = if names.len() > room { room - 1 } else { names.len() };
    lines.extend(names[names.len() - shown..].iter().map(|name| cut(&harmless(name), columns).into_owned()));
    if shown < names.len() {
        lines.push(cut(&format!("and {} more", names.len() - shown), columns).into_owned());
    }
    lines
}

/// Returns a line for where lines have no width.
pub(super) fn line(progress: &mut Progress, now: Duration) -> String {
    let told = numbers(progress, now, usize::MAX);
    let name = progress.under_way.last().filter(|_| progress.is_moving());
    name.map_or_else(|| told.trim_start().to_owned(), |name| format!("{}: {}", told.trim_start(), harmless(name)))
}

/// Returns the line with the numbers: as much of it as there is room for.
fn numbers(progress: &mut Progress, now: Duration, columns: usize) -> String {
    match progress.total {
        Some(total) => with_total(progress, total, now, columns),
        None => without_total(progress, now, columns),
    }
}

/// ` 45% [====>    ] 1.20 GiB/2.66 GiB, 12.3 MiB/s, 1 min 58 s left, 12/120 files`
fn with_total(progress: &mut Progress, total: u64, now: Duration, columns: usize) -> String {
    let done = progress.done;
    let percent = format!("{:>3}%", (u128::from(done) * 100).checked_div(total.into()).unwrap_or(100));
    let Some(room) = columns.checked_sub(percent.len()) else {
        return cut(percent.trim_start(), columns).into_owned();
    };
    let mut room = Room(room);
    let (files, remark) = (files(progress), remark(progress, now));
    // In the order of what is missed most.
    let has_remark = room.takes(REMARK_COLUMNS.max(remark.len()));
    let [has_rate, has_bytes] = [RATE_COLUMNS, BYTES_COLUMNS].map(|part| room.takes(part));
    let has_bar = columns < usize::MAX && room.takes(BAR_COLUMNS.start() + 2);
    let has_files = room.takes(files.len());
    let parts = [
        format!("{}/{}", amount(done), amount(total)).filter(has_bytes),
        rate(progress, now).filter(has_rate),
        remark.filter(has_remark),
        files.filter(has_files),
    ];
    let bar = match has_bar {
        true => format!(" {}", bar(done, total, (BAR_COLUMNS.start() + room.0).min(*BAR_COLUMNS.end()))),
        false => String::new(),
    };
    let rest = joined(&parts);
    format!("{percent}{bar}{}{rest}", if rest.is_empty() { "" } else { " " })
}

/// `1.20 GiB, total unknown, 12.3 MiB/s, 12 files`
fn without_total(progress: &mut Progress, now: Duration, columns: usize) -> String {
    let mut room = Room(columns);
    let has_done = progress.done > 0;
    let (files, remark) = (files(progress), remark(progress, now));
    let has_bytes = has_done && room.takes(BYTES_COLUMNS / 2);
    let has_remark = room.takes(remark.len());
    let has_rate = has_done && room.takes(RATE_COLUMNS);
    let is_known_unknown = has_done && room.takes(TOTAL_UNKNOWN.len());
    let has_files = has_done && room.takes(files.len());
    joined(&[
        amount(progress.done).filter(has_bytes),
        TOTAL_UNKNOWN.to_owned().filter(is_known_unknown),
        rate(progress, now).filter(has_rate),
        remark.filter(has_remark),
        files.filter(has_files),
    ])
}

/// Columns that are still free.
struct Room(usize);

impl Room {
    /// Takes columns for a part and what separates it from others, if there are so many.
    fn takes(&mut self, part: usize) -> bool {
        match self.0.checked_sub(part.saturating_add(2)) {
            Some(rest) => self.0 = rest,
            None => return false,
        }
        true
    }
}

trait Filter {
    /// Returns the text if it is wanted, and an empty one otherwise.
    fn filter(self, is_wanted: bool) -> Self;
}

impl Filter for String {
    fn filter(self, is_wanted: bool) -> Self {
        if is_wanted { self } else { Self::new() }
    }
}

fn joined(parts: &[String]) -> String {
    let parts: Vec<&str> = parts.iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
    parts.join(", ")
}

fn bar(done: u64, total: u64, columns: usize) -> String {
    let columns_done = (u128::from(done) * columns as u128).checked_div(total.into()).unwrap_or(columns as u128);
    let full = usize::try_from(columns_done).unwrap_or(columns).min(columns);
    let head = if full < columns { ">" } else { "" };
    format!("[{:<columns$}]", "=".repeat(full) + head)
}

fn rate(progress: &mut Progress, now: Duration) -> String {
    progress.per_second(now).map(|rate| format!("{}/s", amount(rate))).unwrap_or_default()
}

fn remark(progress: &mut Progress, now: Duration) -> String {
    match progress.remark(now) {
        Remark::Text(text) => text,
        Remark::Left(left) => format!("{} left", duration(left)),
        Remark::None => String::new(),
    }
}

/// "12/120 files". Of a single one there is nothing to count.
fn files(progress: &Progress) -> String {
    match (progress.files_done, progress.files_total) {
        (_, Some(0 | 1)) | (0, None) => String::new(),
        (done, Some(total)) => format!("{done}/{total} files"),
        (1, None) => "1 file".to_owned(),
        (done, None) => format!("{done} files"),
    }
}
