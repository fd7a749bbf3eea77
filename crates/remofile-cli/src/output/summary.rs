//! The summary of a run over many files of which some failed or were left out: how many, and why.

use super::text::harmless;
use remofile::TransferReport;
use remofile::protocol::wire::{ErrorCode, Failure};
use remofile::transfer::UNTRIED;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Reasons that are named, the most frequent first.
const MOST_REASONS: usize = 4;

/// Returns the lines that tell how much of a transfer failed or was left out; `unchanged` are files that were the same
/// already. None if there was one file alone: its own line tells it.
pub(crate) fn of_transfer(report: &TransferReport, unchanged: u64) -> Vec<String> {
    let (failed, skipped) = (report.failure_count(), report.skipped_count());
    let total = report.files + report.present + unchanged + failed + skipped;
    // Nobody has counted what a full disk left untried, so the number of all files is not known, either.
    let (untried, failures): (Vec<&Failure>, Vec<&Failure>) =
        report.failures.iter().partition(|failure| is_uncounted(failure));
    let (failed, of_all) =
        if untried.is_empty() { (failed, Some(total)) } else { (failed - untried.len() as u64, None) };
    let skips: Vec<&Failure> = report.skipped.iter().collect();
    let lines = [line(&failures, failed, of_all, "failed"), line(&skips, skipped, of_all, "left out")];
    lines.into_iter().flatten().filter(|_| total > 1).collect()
}

/// Reports whether a failure stands for all files that a full disk left untried, whose number nobody knows.
fn is_uncounted(failure: &Failure) -> bool {
    let says_so = |detail: &String| detail.starts_with(UNTRIED);
    failure.path.is_none() && is_of_disk(failure) && failure.detail.as_ref().is_some_and(says_so)
}

/// Returns the line that tells how many of some paths failed.
pub(crate) fn of_paths(failures: &[Failure], done: u64) -> Option<String> {
    let failed = failures.len() as u64;
    let failures: Vec<&Failure> = failures.iter().collect();
    line(&failures, failed, Some(done + failed), "failed").filter(|_| done + failed > 1)
}

/// Returns the line that tells how far a run over some paths came that broke off.
pub(crate) fn so_far(done: usize, total: usize, what: &str) -> String {
    format!("{} of {} paths are {what}; of the others some may be", grouped(done as u64), grouped(total as u64))
}

/// Returns how often each kind of failure was met, among those that are known.
pub(crate) fn kinds(failures: &[Failure]) -> Value {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    failures.iter().for_each(|failure| *counts.entry(failure.code.name()).or_default() += 1);
    counts.into_iter().map(|(kind, count)| (kind.to_owned(), Value::from(count))).collect::<Map<_, _>>().into()
}

/// "3 of 1,204 files failed, 2 of them: permission denied, 1: the name is not valid (each is named above)", without a total
/// "3 files failed, ..."
fn line(failures: &[&Failure], count: u64, total: Option<u64>, what: &str) -> Option<String> {
    if count == 0 {
        return None;
    }
    let mut reasons: BTreeMap<String, u64> = BTreeMap::new();
    failures.iter().for_each(|failure| *reasons.entry(reason(failure)).or_default() += 1);
    let mut reasons: Vec<(String, u64)> = reasons.into_iter().collect();
    reasons.sort_by_key(|(_, times)| std::cmp::Reverse(*times));
    let files = if total.unwrap_or(count) == 1 { "file" } else { "files" };
    let of_all = total.map(|total| format!(" of {}", grouped(total))).unwrap_or_default();
    let mut text = format!("{}{of_all} {files} {what}", grouped(count));
    match &reasons[..] {
        // Where the disk is full one failure stands for all that was not tried.
        [(reason, times)] if *times == count || failures.iter().all(|failure| is_of_disk(failure)) => {
            text += &format!(": {reason}");
        }
        reasons => {
            for (index, (reason, times)) in reasons.iter().take(MOST_REASONS).enumerate() {
                let of_them = if index == 0 { " of them" } else { "" };
                text += &format!(", {}{of_them}: {reason}", grouped(*times));
            }
            let named: u64 = reasons.iter().take(MOST_REASONS).map(|(_, times)| times).sum();
            if count > named {
                text += &format!(", {}: other reasons", grouped(count - named));
            }
        }
    }
    Some(format!("{text} (see above)"))
}

fn is_of_disk(failure: &Failure) -> bool {
    failure.code == ErrorCode::NoSpace
}

/// Returns the reason of a failure, without its path, and without what to do.
fn reason(failure: &Failure) -> String {
    let tells_alone = matches!(
        failure.code,
        ErrorCode::Skipped | ErrorCode::Other | ErrorCode::OutOfResources | ErrorCode::CoordinatorLost
    );
    let detail = failure.detail.as_deref().filter(|_| tells_alone);
    match detail {
        Some(detail) => harmless(detail).into_owned(),
        None => {
            let sentence = failure.code.sentence();
            sentence.split_once(" (").map_or(sentence, |(reason, _)| reason).to_owned()
        }
    }
}

/// 1204 as "1,204".
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failures(codes: &[ErrorCode]) -> Vec<Failure> {
        codes.iter().map(|code| Failure::new(*code).at("/a")).collect()
    }

    fn report(codes: &[ErrorCode], files: u64) -> TransferReport {
        TransferReport { failures: failures(codes), files, ..TransferReport::default() }
    }

    #[test]
    fn reasons_are_told_with_their_numbers_the_most_frequent_first() {
        use ErrorCode::{NoSpace, NotFound, PermissionDenied};
        let lines = of_transfer(&report(&[NotFound, PermissionDenied, PermissionDenied], 1201), 0);
        let told =
            "3 of 1,204 files failed, 2 of them: permission denied, 1: there is no such file or directory (see above)";
        assert_eq!(lines, [told]);
        let lines = of_transfer(&report(&[NoSpace], 1), 8);
        assert_eq!(lines, ["1 of 10 files failed: no space is left on the disk (see above)"]);
        let full = TransferReport { failures_left_out: 19, ..report(&[NoSpace, NoSpace], 19) };
        assert_eq!(of_transfer(&full, 0), ["21 of 40 files failed: no space is left on the disk (see above)"]);
    }

    #[test]
    fn files_that_nobody_counted_are_in_no_number() {
        let untried = Failure::new(ErrorCode::NoSpace).because(UNTRIED);
        let mut report = report(&[ErrorCode::NoSpace], 3);
        report.failures.push(untried);
        assert_eq!(of_transfer(&report, 0), ["1 file failed: no space is left on the disk (see above)"]);
    }

    #[test]
    fn what_was_left_out_has_a_line_of_its_own_and_more_than_is_known_is_counted() {
        let skipped = |why| Failure::new(ErrorCode::Skipped).at("/a").because(why);
        let report = TransferReport {
            skipped: vec![skipped("it exists already"), skipped("it is a symbolic link")],
            skipped_left_out: 7,
            ..TransferReport::default()
        };
        let told = "9 of 9 files left out, 1 of them: it exists already, 1: it is a symbolic link, 7: other reasons (see above)";
        assert_eq!(of_transfer(&report, 0), [told]);
    }

    #[test]
    fn nothing_is_told_of_one_file_alone_or_if_all_went_well() {
        assert_eq!(of_transfer(&report(&[ErrorCode::NotFound], 0), 0), [""; 0]);
        assert_eq!(of_transfer(&report(&[], 9), 0), [""; 0]);
        assert_eq!(of_paths(&failures(&[ErrorCode::NotEmpty]), 0), None);
        assert_eq!(
            of_paths(&failures(&[ErrorCode::NotEmpty]), 1).unwrap(),
            "1 of 2 files failed: the directory is not empty (see above)"
        );
    }

    #[test]
    fn numbers_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn kinds_are_counted() {
        let kinds = kinds(&failures(&[ErrorCode::NotFound, ErrorCode::NotFound, ErrorCode::NoSpace]));
        assert_eq!(kinds.to_string(), r#"{"no-space":1,"not-found":2}"#);
    }
}
