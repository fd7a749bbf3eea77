//! The statistics of a transfer, in words.

use super::OutputOptions;
use crate::output::plan::Counts;
use crate::output::text::duration;
use crate::settings::Direction;
use indicatif::HumanBytes;
use remofile::TransferReport;
use std::fmt::Write;
use std::time::Duration;

/// A line a number. `moved` are the bytes of content that crossed the line.
pub(super) fn table(
    report: &TransferReport,
    planned: Option<&Counts>,
    moved: u64,
    elapsed: Duration,
    wanted: OutputOptions,
) -> String {
    let mut rows = match planned {
        Some(counts) => planned_rows(counts),
        None => vec![
            ("files", report.files.to_string()),
            ("directories", report.directories.to_string()),
            ("bytes", bytes(report.bytes)),
            ("there already", report.present.to_string()),
            ("resumed", bytes(report.resumed_bytes)),
            ("skipped", report.skipped_count().to_string()),
        ],
    };
    if report.attributes > 0 {
        rows.push(("attributes", report.attributes.to_string()));
    }
    rows.extend([
        ("failed", report.failure_count().to_string()),
        ("sent", bytes(report.sent_bytes)),
        ("received", bytes(report.received_bytes)),
    ]);
    if wanted.compression {
        let line = match wanted.direction {
            Direction::Up => report.sent_bytes,
            Direction::Down => report.received_bytes,
        };
        rows.push(("compression", ratio(moved, line)));
    }
    rows.extend([
        ("retries", report.retries.to_string()),
        ("time", time(elapsed)),
        ("rate", format!("{}/s", HumanBytes(rate(moved, elapsed)))),
    ]);
    let mut text = String::new();
    for (name, value) in rows {
        let _ = writeln!(text, "{name:<14} {value}");
    }
    text
}

fn planned_rows(counts: &Counts) -> Vec<(&'static str, String)> {
    let unchanged = counts.unchanged.unwrap_or_default();
    vec![
        ("created", counts.created.to_string()),
        ("updated", counts.updated.to_string()),
        ("renamed", counts.renamed.to_string()),
        ("touched", counts.touched.to_string()),
        ("linked", counts.linked.to_string()),
        ("directories", counts.directories.to_string()),
        ("deleted", (counts.cleared + counts.deleted).to_string()),
        ("skipped", counts.skipped.to_string()),
        ("unchanged", format!("{}, {} bytes", unchanged.files, bytes(unchanged.bytes))),
    ]
}

/// All in a sentence.
pub(super) fn sentence(report: &TransferReport, moved: u64, elapsed: Duration) -> String {
    let files = if report.files == 1 { "1 file".to_owned() } else { format!("{} files", report.files) };
    let rate = HumanBytes(rate(moved, elapsed));
    let mut text = format!("{files}, {} in {} ({rate}/s)", HumanBytes(report.bytes), time(elapsed));
    for (count, what) in [
        (report.present, "there already"),
        (report.attributes, "given attributes"),
        (report.skipped_count(), "skipped"),
        (report.failure_count(), "failed"),
    ] {
        if count > 0 {
            let _ = write!(text, ", {count} {what}");
        }
    }
    text
}

fn bytes(count: u64) -> String {
    if count < 1024 { count.to_string() } else { format!("{count} ({})", HumanBytes(count)) }
}

fn time(elapsed: Duration) -> String {
    if elapsed < Duration::from_secs(60) { format!("{:.1} s", elapsed.as_secs_f64()) } else { duration(elapsed) }
}

fn rate(moved: u64, elapsed: Duration) -> u64 {
    let milliseconds = elapsed.as_millis().max(1);
    u64::try_from(u128::from(moved) * 1000 / milliseconds).unwrap_or(u64::MAX)
}

/// "3.40 : 1"
fn ratio(moved: u64, line: u64) -> String {
    match (u128::from(moved) * 100).checked_div(line.into()) {
        Some(hundredths) => format!("{}.{:02} : 1", hundredths / 100, hundredths % 100),
        None => "none".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Changes;
    use super::*;
    use remofile::sync::plan::Tally;

    fn report() -> TransferReport {
        TransferReport { files: 2, bytes: 3 << 20, present: 1, sent_bytes: 1 << 20, ..TransferReport::default() }
    }

    #[test]
    fn the_table_has_a_row_for_each_number() {
        let wanted = OutputOptions {
            is_sync: false,
            events: None,
            quiet: false,
            files: false,
            changes: Changes::Untold,
            left: false,
            dry_run: false,
            progress: false,
            stats: true,
            compression: true,
            direction: Direction::Up,
        };
        let text = table(&report(), None, 3 << 20, Duration::from_millis(1500), wanted);
        assert!(text.contains("bytes          3145728 (3.00 MiB)\n"), "{text}");
        assert!(text.contains("compression    3.00 : 1\n"), "{text}");
        assert!(text.contains("rate           2.00 MiB/s\n"), "{text}");
        let wanted = OutputOptions { compression: false, ..wanted };
        assert!(!table(&report(), None, 0, Duration::ZERO, wanted).contains("compression"));
        let unchanged = Some(Tally { files: 4, bytes: 2048 });
        let counts = Counts { renamed: 5, cleared: 1, deleted: 6, unchanged, ..Counts::default() };
        let text = table(&report(), Some(&counts), 0, Duration::ZERO, wanted);
        for line in ["renamed        5\n", "deleted        7\n", "unchanged      4, 2048 (2.00 KiB) bytes\n"] {
            assert!(text.contains(line), "{text}");
        }
    }

    #[test]
    fn the_sentence_leaves_out_what_did_not_happen() {
        let text = sentence(&report(), 3 << 20, Duration::from_millis(1500));
        assert_eq!(text, "2 files, 3.00 MiB in 1.5 s (2.00 MiB/s), 1 there already");
    }
}
