//! No way of showing something lets a harmful character through: each way that there is, with each such character.

use super::colors::{Colors, When};
use super::columns::Columns;
use super::json::{self, Object};
use super::time::Clock;
use super::{Presentation, note_line, plan, waiting_for};
use crate::failed::Failed;
use remofile::protocol::printable::is_harmful;
use remofile::protocol::wire::{Entry, ErrorCode, Failure, Holder, Kind, StatusReport, Timestamp};
use remofile::sync::plan::{Action, Rename, Step};
use remofile::{Error, Removed, ServerStatus, TransferReport};
use serde_json::Value;
use std::time::Duration;

/// Texts that each have one of the harmful characters, of which there are some 260.
fn hostile_texts() -> Vec<String> {
    let texts: Vec<String> = ('\0'..=char::MAX).filter(|c| is_harmful(*c)).map(|c| format!("a{c}[2Jb")).collect();
    assert!(texts.len() > 200);
    texts
}

fn holder(text: &str) -> Holder {
    Holder {
        client: text.into(),
        address: text.into(),
        activity: text.into(),
        held_milliseconds: 1,
        path: Some(text.into()),
    }
}

fn failure(text: &str) -> Failure {
    Failure::new(ErrorCode::Other).at(text).because(text)
}

/// An entry of that name, if a file may have it.
fn entry(text: &str) -> Option<Entry> {
    let path = format!("/{text}").parse().ok()?;
    Some(Entry { path, kind: Kind::File, size: 1, modified: Timestamp::new(0, 0), mode: None, unflushed: false })
}

fn errors(text: &str) -> [Failed; 7] {
    let system = || std::io::Error::other("broken");
    [
        Failed::Library(Error::Remote(failure(text))),
        Failed::Library(Error::Busy(vec![holder(text)])),
        Failed::Library(Error::Conflicts(vec![failure(text), failure(text)])),
        Failed::Library(Error::Protocol(text.into())),
        Failed::Library(Error::NotRemofile { address: "a:1".into(), what: text.into() }),
        Failed::Library(Error::Root { path: text.into(), failure: failure(text) }),
        Failed::File { path: text.into(), source: system() },
    ]
}

fn step(text: &str) -> [Step; 3] {
    let modified = Timestamp::new(1, 0);
    let rename = Rename { from: text.into(), size: 1, modified, mode: None };
    let actions = [
        Action::Create { size: 1 },
        Action::Link { target: text.into(), replaces: false },
        Action::Rename(Box::new(rename)),
    ];
    actions.map(|action| Step { path: text.into(), action })
}

#[test]
fn no_line_for_people_lets_a_harmful_character_through() {
    for text in hostile_texts() {
        let words = Presentation { json: false };
        let mut columns = Columns::new(Clock::utc(), false);
        if let Some(entry) = entry(&text) {
            columns.push(&entry, Colors::new(When::Never).paint(&entry, &text));
        }
        let mut lines = vec![
            note_line(&text),
            words.file_line(&failure(&text)),
            waiting_for(&[holder(&text)]),
            failure(&text).to_string(),
            columns.take().trim_end().to_owned(),
        ];
        lines.extend(errors(&text).iter().map(super::error::line));
        lines.extend(step(&text).iter().filter_map(plan::named).map(|line| super::text::harmless(&line).into_owned()));
        for line in lines {
            assert!(!line.chars().any(is_harmful), "{line:?}");
        }
    }
}

#[test]
fn every_object_is_free_of_harmful_characters_and_exact() {
    for text in hostile_texts() {
        let report = StatusReport {
            agent: text.clone(),
            uptime_milliseconds: 1,
            holders: vec![holder(&text)],
            waiting: 0,
            token: Some(text.clone()),
            used: None,
            quota: None,
            hides_others: false,
        };
        let status = ServerStatus {
            report,
            round_trip: Duration::ZERO,
            address: ([127, 0, 0, 1], 1).into(),
            cipher: "AES-256-GCM",
        };
        let failures = vec![failure(&text)];
        let transfer = TransferReport { failures: failures.clone(), ..TransferReport::default() };
        let mut objects: Vec<(Object, &str)> = vec![
            (json::status(&status), "/version"),
            (json::status(&status), "/holders/0/client"),
            (json::status(&status), "/holders/0/activity"),
            (Object::from(&json::waiting(&[holder(&text)])), "/holders/0/address"),
            (json::file_error(&failures[0]), "/error/path"),
            (json::removed(Removed::default(), &failures), "/failures/0/path"),
            (Object::from(&json::transfer(&transfer)), "/failures/0/path"),
            (json::too_many_deletions(&text), "/error/message"),
        ];
        objects.extend(entry(&text).map(|entry| (json::entry(&entry), "/name")));
        objects.extend(step(&text).iter().map(|step| (plan::step(step), "/path")));
        objects.extend(errors(&text).iter().map(|failed| (json::error(failed), "")));
        for (object, place) in objects {
            let shown = object.to_string();
            assert!(!shown.chars().any(is_harmful), "{shown:?}");
            let read: Value = serde_json::from_str(&shown).unwrap();
            if !place.is_empty() {
                assert_eq!(read.pointer(place), Some(&Value::from(text.as_str())), "{shown}");
            }
        }
    }
}
