//! Servers that send links, second names and special files to get at what is none of theirs.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    unreachable_pub,
    reason = "tests look at the disk themselves, and fail by panicking"
)]

use crate::common;

use common::raw::{self, Raw, listen};
use common::{remote, write};
use remofile::protocol::token::Token;
use remofile::protocol::wire::{Body, Done, Item, Links, OnConflict, SendOptions, Signal, Special};
use remofile::{
    Client, ClientOptions, Error, Result, RetryOptions, Selection, Silent, TransferOptions, TransferReport,
};
use std::path::Path;

/// Options that ask for all of them, or for none.
fn options(asks: bool) -> TransferOptions {
    let links = if asks { Links::Keep } else { Links::Copy };
    TransferOptions {
        recursive: true,
        on_conflict: OnConflict::Replace,
        resume: false,
        retry: RetryOptions::NEVER,
        selection: Selection { links, devices: asks, ..Selection::default() },
        send: SendOptions { hard_links: asks, ..SendOptions::default() },
        encode_names: asks,
        ..TransferOptions::default()
    }
}

/// Downloads `/d` from a server that sends these items.
fn download(destination: &Path, items: Vec<Item>, payload: &'static [u8], asks: bool) -> Result<TransferReport> {
    let token = Token::generate();
    let own = token.clone();
    let (address, server) = listen(move |stream| {
        let mut raw = Raw::accept(stream, &own);
        if let Some((operation, _)) = raw.next_request() {
            raw.data(operation, items, payload);
            raw.signal(operation, Signal::Done { done: Done::default() });
            raw.find(|header| header.body == Body::Signal(Signal::Goodbye { reason: None }));
        }
    });
    let mut client = Client::new(ClientOptions::new("127.0.0.1", address.port(), token));
    let result = client.download(&[remote("/d")], destination, &options(asks), &mut Silent);
    drop(client);
    server.join().unwrap();
    result
}

fn kept(path: &str, target: &str) -> Item {
    Item::KeptLink { path: path.to_owned(), target: target.to_owned(), rule: None }
}

fn hard(path: &str, of: &str) -> Item {
    Item::HardLink { path: path.to_owned(), of: of.to_owned(), rule: None }
}

fn pipe(path: &str) -> Item {
    let path = path.to_owned();
    Item::Special { path, special: Special::Pipe, modified: None, mode: None, rule: None }
}

#[test]
fn what_was_not_asked_for_ends_the_download() {
    let destination = tempfile::tempdir().unwrap();
    write(destination.path(), "own", "own");
    let directory = || Item::Directory { path: "d".to_owned(), mode: None };
    for item in [hard("d/h", "d/f"), pipe("d/p")] {
        let result = download(destination.path(), vec![directory(), item], b"", false);
        assert!(matches!(result, Err(Error::Protocol(_))), "{result:?}");
    }
    for item in [hard("d/h", "own"), hard("d/h", "/own"), hard("own", "d/f"), hard("d/h", "../own"), pipe("own")] {
        let result = download(destination.path(), vec![directory(), item.clone()], b"", true);
        assert!(matches!(result, Err(Error::Protocol(_))), "{item:?} {result:?}");
    }
    assert_eq!(std::fs::read_to_string(destination.path().join("own")).unwrap(), "own");
}

#[test]
fn nothing_is_stored_through_a_link_that_came() {
    for (target, through) in [("/tmp", "d/l/evil"), ("..", "d/l/evil"), (".", "d/l/evil"), ("../..", "d/l/d/evil")] {
        let outer = tempfile::tempdir().unwrap();
        let destination = outer.path().join("destination");
        std::fs::create_dir(&destination).unwrap();
        let directory = Item::Directory { path: "d".to_owned(), mode: None };
        let mut items = vec![directory, kept("d/l", target)];
        items.extend(raw::file(through, b"evil"));
        items.push(Item::Directory { path: "d/l/made".to_owned(), mode: Some(0o777) });
        items.push(kept("d/l/link", "/etc"));
        items.push(pipe("d/l/pipe"));
        let report = download(&destination, items, b"evil", true).unwrap();
        assert_eq!(report.failures.len(), 4, "{target}: {:?}", report.failures);
        let names = |directory: &Path| -> Vec<_> {
            let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name());
            entries.filter(|name| name != ".remofile").collect()
        };
        assert_eq!(names(outer.path()), ["destination"], "{target}");
        assert_eq!(names(&destination), ["d"], "{target}");
        assert_eq!(names(&destination.join("d")), ["l"], "{target}");
    }
    assert!(!Path::new("/tmp/evil").exists());
}

#[test]
fn an_encoded_name_is_no_way_out() {
    for name in ["‛2E‛2E", "‛2E", "a‛2F..‛2Fb", "‛2Fetc", "a‛00", "‛2Eremofile", "x‛61"] {
        let outer = tempfile::tempdir().unwrap();
        let destination = outer.path().join("destination");
        std::fs::create_dir(&destination).unwrap();
        let mut items = vec![Item::Directory { path: "d".to_owned(), mode: None }];
        items.extend(raw::file(&format!("d/{name}"), b"evil"));
        items.extend(raw::file(&format!("d/{name}/x"), b"evil"));
        let report = download(&destination, items, b"evilevil", true).unwrap();
        assert_eq!((report.files, report.failures.len()), (0, 2), "{name}: {report:?}");
        assert_eq!(std::fs::read_dir(destination.join("d")).unwrap().count(), 0, "{name}");
        assert_eq!(std::fs::read_dir(outer.path()).unwrap().count(), 1, "{name}");
    }
}
