//! The long listing: kind, size, time and name in aligned columns.

use super::text::human_size;
use super::time::Clock;
use remofile::protocol::wire::{Entry, Kind};
use std::fmt::Write;

/// Entries that are aligned together before they are printed.
const BATCH_ENTRIES: usize = 512;

/// Gathers entries and gives them out aligned, a batch at a time, so that neither the memory grows
/// with the listing nor the first line waits for the last.
pub(crate) struct Columns {
    clock: Clock,
    /// True if sizes are rounded.
    is_human: bool,
    rows: Vec<Row>,
    size_width: usize,
    time_width: usize,
}

struct Row {
    kind: Kind,
    size: String,
    time: String,
    name: String,
}

impl Columns {
    /// Columns without rows.
    pub(crate) fn new(clock: Clock, is_human: bool) -> Self {
        Self { clock, is_human, rows: Vec::new(), size_width: 0, time_width: 0 }
    }

    /// Adds an entry under the name it is shown by, which must be harmless; gives a batch when one is complete.
    pub(crate) fn push(&mut self, entry: &Entry, name: String) -> Option<String> {
        let row = Row {
            kind: entry.kind,
            size: if self.is_human { human_size(entry.size) } else { entry.size.to_string() },
            time: self.clock.show(entry.modified),
            name,
        };
        self.size_width = self.size_width.max(row.size.len());
        self.time_width = self.time_width.max(row.time.len());
        self.rows.push(row);
        (self.rows.len() >= BATCH_ENTRIES).then(|| self.take())
    }

    /// The rows so far, aligned. Columns never get narrower than they were in the batch before.
    pub(crate) fn take(&mut self) -> String {
        let (size_width, time_width) = (self.size_width, self.time_width);
        let mut text = String::new();
        for Row { kind, size, time, name } in self.rows.drain(..) {
            let mark = mark(kind);
            let _ = writeln!(text, "{mark}  {size:>size_width$}  {time:<time_width$}  {name}");
        }
        text
    }
}

fn mark(kind: Kind) -> &'static str {
    match kind {
        Kind::File => "[F]",
        Kind::Directory => "[D]",
        Kind::Link => "[L]",
        Kind::Special => "[S]",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use remofile::protocol::wire::Timestamp;

    fn entry(path: &str, kind: Kind, size: u64) -> Entry {
        Entry { path: path.parse().unwrap(), kind, size, modified: Timestamp::new(0, 0), mode: None, unflushed: false }
    }

    #[test]
    fn sizes_end_and_names_begin_in_one_column() {
        let mut columns = Columns::new(Clock::utc(), false);
        assert_eq!(columns.push(&entry("/dir", Kind::Directory, 0), "dir".into()), None);
        columns.push(&entry("/file", Kind::File, 12_345), "file".into());
        columns.push(&entry("/link", Kind::Link, 0), "link".into());
        assert_eq!(
            columns.take(),
            "[D]      0  1970-01-01 00:00:00  dir\n\
             [F]  12345  1970-01-01 00:00:00  file\n\
             [L]      0  1970-01-01 00:00:00  link\n"
        );
        assert_eq!(columns.take(), "");
    }

    #[test]
    fn batches_come_when_they_are_full_and_keep_their_width() {
        let mut columns = Columns::new(Clock::utc(), false);
        let mut batches = Vec::new();
        for number in 0..=BATCH_ENTRIES {
            let size = if number == 0 { 1_000_000 } else { 1 };
            batches.extend(columns.push(&entry("/f", Kind::File, size), "f".into()));
        }
        batches.push(columns.take());
        assert_eq!(batches.len(), 2);
        assert_eq!(batches[0].lines().count(), BATCH_ENTRIES);
        assert_eq!(batches[1], "[F]        1  1970-01-01 00:00:00  f\n");
    }
}
