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
    let holders: Vec<String> = report.holders.iter().map(describe_holder).collect();
    let holders = if holders.is_empty() { "nobody".to_owned() } else { holders.join(", ") };
    let mut rows = vec![
        ("server", format!("{} answers", status.address)),
        ("round trip", format!("{:.1} ms", status.round_trip.as_secs_f64() * 1000.0)),
        ("version", report.agent.clone()),
        ("encryption", status.cipher.to_owned()),
        ("uptime", text::duration(Duration::from_millis(report.uptime_milliseconds))),
        ("in use by", holders),
        ("waiting", report.waiting.to_string()),
    ];
    rows.extend(report.token.iter().map(|token| ("token", token.clone())));
    rows.extend(used(report).map(|used| ("used", used)));
    let lines = rows.into_iter().map(|(name, value)| format!("{name:<11} {}\n", text::harmless(&value)));
    lines.collect()
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
        };
        let shown = describe(&ServerStatus {
            report,
            round_trip: Duration::from_micros(400),
            address: "127.0.0.1:6768".parse().unwrap(),
            cipher: "AES-256-GCM",
        });
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
        };
        assert_eq!(used(&report(None, None)), None);
        assert_eq!(used(&report(Some(1024), None)).unwrap(), "1.00 KiB");
        assert_eq!(used(&report(None, Some(1024))).unwrap(), "not counted yet, of 1.00 KiB");
    }
}
