//! Tokens in aligned columns.

use super::text::{duration, harmless};
use super::time::Clock;
use indicatif::HumanBytes;
use remofile::TokenEntry;
use remofile::protocol::wire::Timestamp;
use remofile::tokens::{TokenUsage, show_size};
use std::fmt::Write;
use std::time::SystemTime;

const HEADINGS: [&str; 7] = ["NAME", "RIGHTS", "DIRECTORY", "EXPIRES", "LIMITS", "LAST USED", "HELD"];

/// Gathers lines.
pub(crate) struct TokenColumns {
    clock: Clock,
    now: SystemTime,
    rows: Vec<[String; 7]>,
}

impl TokenColumns {
    /// Columns without rows.
    pub(crate) fn new() -> Self {
        Self { clock: Clock::local(), now: SystemTime::now(), rows: Vec::new() }
    }

    /// Adds a token.
    pub(crate) fn push(&mut self, entry: &TokenEntry, usage: &TokenUsage) {
        self.rows.push([
            entry.name.to_string(),
            entry.rights.name().to_owned(),
            harmless(entry.below.as_str()).into_owned(),
            self.expires(entry.expires),
            self.limits(entry),
            self.last_used(usage),
            held(entry, usage),
        ]);
    }

    fn expires(&self, time: Option<SystemTime>) -> String {
        match time {
            None => "never".to_owned(),
            Some(time) if time <= self.now => "expired".to_owned(),
            Some(time) => self.clock.show(timestamp(time)),
        }
    }

    fn limits(&self, entry: &TokenEntry) -> String {
        let size = |bytes: Option<u64>| bytes.map(show_size);
        let former = entry.superseded.as_ref().and_then(|former| former.expires.duration_since(self.now).ok());
        let limits = [
            size(entry.quota).map(|size| format!("quota {size}")),
            size(entry.file_size_limit).map(|size| format!("files {size}")),
            size(entry.bwlimit).map(|size| format!("{size}/s")),
            entry.sessions.map(|count| format!("{count} session{}", if count == 1 { "" } else { "s" })),
            former.map(|time| format!("former token for {}", duration(time))),
        ];
        let limits: Vec<String> = limits.into_iter().flatten().collect();
        if limits.is_empty() { "-".to_owned() } else { limits.join(", ") }
    }

    /// Returns how long ago it was; a time to come counts as now.
    fn last_used(&self, usage: &TokenUsage) -> String {
        let ago = |time| format!("{} ago", duration(self.now.duration_since(time).unwrap_or_default()));
        usage.last_used.map_or_else(|| "-".to_owned(), ago)
    }

    /// A line each, below the headings.
    pub(crate) fn into_text(self) -> String {
        let headings = HEADINGS.map(str::to_owned);
        let rows: Vec<&[String; 7]> = std::iter::once(&headings).chain(&self.rows).collect();
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..HEADINGS.len()).map(width).collect();
        let mut text = String::new();
        for row in &rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                let _ = write!(line, "{cell:<width$}  ");
            }
            let _ = writeln!(text, "{}", line.trim_end());
        }
        text
    }
}

fn held(entry: &TokenEntry, usage: &TokenUsage) -> String {
    match (usage.used, entry.quota) {
        (None, _) => "-".to_owned(),
        (Some(used), None) => HumanBytes(used).to_string(),
        (Some(used), Some(quota)) => format!("{} of {}", HumanBytes(used), HumanBytes(quota)),
    }
}

/// Returns a time as listings show it, in whole seconds.
fn timestamp(time: SystemTime) -> Timestamp {
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    Timestamp::new(i64::try_from(seconds).unwrap_or(i64::MAX), 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use remofile::TokenRights;
    use remofile::protocol::token::Token;
    use std::time::Duration;

    #[test]
    fn columns_are_aligned_and_say_what_there_is() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let mut columns = TokenColumns { clock: Clock::utc(), now, rows: Vec::new() };
        let entry = |name: &str| TokenEntry::new(name.parse().unwrap(), &Token::generate());
        columns.push(&entry("a"), &TokenUsage::default());
        let scanner = TokenEntry {
            rights: TokenRights::Upload,
            below: "/in\u{202e}box".parse().unwrap(),
            expires: Some(now + Duration::from_secs(86_400)),
            quota: Some(5 << 30),
            bwlimit: Some(10 << 20),
            sessions: Some(1),
            ..entry("scanner")
        };
        let usage = TokenUsage { last_used: Some(now - Duration::from_secs(65)), used: Some(1 << 30) };
        columns.push(&scanner, &usage);
        columns.push(&TokenEntry { expires: Some(now), ..entry("b") }, &usage);
        let shown = columns.into_text();
        let lines: Vec<&str> = shown.lines().collect();
        assert!(lines[0].starts_with("NAME     RIGHTS  DIRECTORY") && lines[0].ends_with("HELD"), "{shown}");
        assert!(lines[1].starts_with("a        all     /   ") && lines[1].contains("never"), "{shown}");
        for part in ["/in\\u{202e}box", "1970-01-13 13:46:40", "quota 5G, 10M/s, 1 session ", "1 min 5 s ago"] {
            assert!(lines[2].contains(part), "{part}: {shown}");
        }
        assert!(lines[2].ends_with("1.00 GiB of 5.00 GiB"), "{shown}");
        assert!(lines[3].contains("expired") && lines[3].ends_with("1.00 GiB"), "{shown}");
    }
}
