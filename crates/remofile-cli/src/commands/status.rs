//! `remofile status`

use super::Context;
use crate::args::Status;
use crate::exit::Exit;
use crate::failed::Result;
use crate::output::{self, json, text};
use indicatif::HumanBytes;
use remofile::protocol::wire::StatusReport;
use remofile::{ServerStatus, describe_holder};
use std::time::Duration;

pub(super) fn run(status: &Status, context: Context) -> Result<Exit> {
    let answer = context.connect(&status.connection, None)?.status()?;
    let shown = if status.connection.json { format!("{}\n", json::status(&answer)) } else { describe(&answer) };
    output::data(&shown)?;
    Ok(Exit::Success)
}

fn describe(status: &ServerStatus) -> String {
    let report = &status.report;
    let mut rows = vec![
        ("server", format!("{} answers", status.address)),
        ("round trip", format!("{:.1} ms", status.round_trip.as_secs_f64() * 1000.0)),
        ("version", report.agent.clone()),
        ("encryption", status.cipher.to_owned()),
        ("uptime", text::duration(Duration::from_millis(report.uptime_milliseconds))),
        ("in use by", users(report)),
    ];
    rows.extend(waiting(report).map(|waiting| ("waiting", waiting)));
    rows.extend(report.token.iter().map(|token| ("token", token.clone())));
    rows.extend(used(report).map(|used| ("used", used)));
    let lines = rows.into_iter().map(|(name, value)| format!("{name:<11} {}\n", text::harmless(&value)));
    lines.collect()
}

/// Returns who is at work, and whether that is all that there are.
fn users(report: &StatusReport) -> String {
    let holders: Vec<String> = report.holders.iter().map(describe_holder).collect();
    match (holders.is_empty(), report.hides_others) {
        (true, false) => "nobody".to_owned(),
        (true, true) => "not shown to this token".to_owned(),
        (false, false) => holders.join(", "),
        (false, true) => format!("{} (others are not shown to this token)", holders.join(", ")),
    }
}

/// Returns the number of operations that wait; `None` if it is not known that there are none.
fn waiting(report: &StatusReport) -> Option<String> {
    match (report.waiting, report.hides_others) {
        (0, true) => None,
        (waiting, true) => Some(format!("{waiting} of this token")),
        (waiting, false) => Some(waiting.to_string()),
    }
}

/// Returns the bytes that the token uses, as far as the server counts them.
fn used(report: &StatusReport) -> Option<String> {
    match (report.used, report.quota) {
        (None, None) => None,
        (Some(used), None) => Some(HumanBytes(used).to_string()),
        (Some(used), Some(quota)) => Some(format!("{} of {}", HumanBytes(used), HumanBytes(quota))),
        (None, Some(quota)) => Some(format!("not counted yet, of {}", HumanBytes(quota))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use remofile::protocol::wire::Holder;

    fn shown(report: StatusReport) -> String {
        let (round_trip, address) = (Duration::from_micros(400), "127.0.0.1:6768".parse().unwrap());
        describe(&ServerStatus { report, round_trip, address, cipher: "AES-256-GCM" })
    }

    #[test]
    fn what_a_token_is_not_shown_is_not_told_as_nobody() {
        let holder = Holder {
            client: "ben@host".into(),
            address: "192.0.2.7:1".into(),
            activity: "upload".into(),
            held_milliseconds: 3000,
            path: None,
        };
        let report = |holders, waiting| StatusReport {
            agent: String::new(),
            uptime_milliseconds: 0,
            holders,
            waiting,
            token: Some("ben".to_owned()),
            used: None,
            quota: None,
            hides_others: true,
        };
        let nothing = shown(report(Vec::new(), 0));
        assert!(nothing.contains("in use by   not shown to this token\n"), "{nothing}");
        assert!(!nothing.contains("waiting"), "{nothing}");
        let own = shown(report(vec![holder], 1));
        assert!(own.contains("upload for 3 s (others are not shown to this token)\n"), "{own}");
        assert!(own.contains("waiting     1 of this token\n"), "{own}");
    }

    #[test]
    fn status_names_who_holds_the_server_and_escapes_what_clients_call_themselves() {
        let holder = Holder {
            client: "eve\u{1b}[2J@host".into(),
            address: "192.0.2.7:1".into(),
            activity: "upload".into(),
            held_milliseconds: 42_000,
            path: None,
        };
        let report = StatusReport {
            agent: "remofile 0.1.0".into(),
            uptime_milliseconds: 65_000,
            holders: vec![holder],
            waiting: 2,
            token: None,
            used: Some(3 << 29),
            quota: Some(5 << 30),
            hides_others: false,
        };
        let shown = shown(report);
        assert!(shown.contains("in use by   eve\\u{1b}[2J@host (192.0.2.7:1): upload for 42 s\n"), "{shown}");
        assert!(shown.contains("round trip  0.4 ms\n"), "{shown}");
        assert!(shown.contains("uptime      1 min 5 s\n"), "{shown}");
        assert!(shown.contains("used        1.50 GiB of 5.00 GiB\n"), "{shown}");
    }

    #[test]
    fn what_is_not_counted_is_not_told_as_nothing() {
        let report = |used, quota| StatusReport {
            agent: String::new(),
            uptime_milliseconds: 0,
            holders: Vec::new(),
            waiting: 0,
            token: None,
            used,
            quota,
            hides_others: false,
        };
        assert_eq!(used(&report(None, None)), None);
        assert_eq!(used(&report(Some(1024), None)).unwrap(), "1.00 KiB");
        assert_eq!(used(&report(None, Some(1024))).unwrap(), "not counted yet, of 1.00 KiB");
    }
}
