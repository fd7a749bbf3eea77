//! Servers that make up sizes and digests, or send nothing of what they list.

use crate::common::raw::{Raw, listen};
use crate::common::{remote, write};
use remofile::protocol::token::Token;
use remofile::protocol::wire::{Done, Element, Entry, Header, Kind, Listed, OperationId, Request, Signal, Timestamp};
use remofile::{
    Client, ClientOptions, Delta, Error, Result, RetryOptions, Silent, SyncOptions, SyncReport, synchronize_download,
};
use std::path::Path;

/// The answers of a server to requests for anything but the lease and the listing.
type Answer = Box<dyn FnMut(&mut Raw, OperationId, &Request) + Send>;

fn payload(elements: &[Element]) -> Vec<u8> {
    let mut payload = Vec::new();
    for element in elements {
        minicbor::encode(element, &mut payload).unwrap();
    }
    payload
}

fn file(path: &str, size: u64) -> Element {
    let (path, modified) = (path.parse().unwrap(), Timestamp::new(1_000_000_000, 0));
    Element::Listed(Listed::Entry(Entry { path, kind: Kind::File, size, modified, mode: None, unflushed: false }))
}

/// Makes a directory like what such a server lists.
fn download(here: &Path, listed: Vec<Element>, options: &SyncOptions, mut answer: Answer) -> Result<SyncReport> {
    let token = Token::generate();
    let own = token.clone();
    let (address, server) = listen(move |stream| {
        let mut raw = Raw::accept(stream, &own);
        while let Some((operation, request)) = raw.next_request() {
            match request {
                Request::Hold { .. } => {
                    raw.signal(operation, Signal::Credit { bytes: 1 << 20 });
                    continue;
                }
                Request::List { .. } => {
                    raw.send(&Header::signal(operation, Signal::Entries), &payload(&listed));
                }
                other => answer(&mut raw, operation, &other),
            }
            raw.signal(operation, Signal::Done { done: Done::default() });
        }
    });
    let mut client = Client::new(ClientOptions::new("127.0.0.1", address.port(), token));
    let options = SyncOptions { retry: RetryOptions::NEVER, ..options.clone() };
    let result = synchronize_download(&mut client, &remote("/"), here, &options, &mut Silent);
    drop(client);
    server.join().unwrap();
    result
}

#[test]
fn files_that_are_said_to_be_immense_overflow_nothing() {
    let here = tempfile::tempdir().unwrap();
    let mut listed = Vec::new();
    for (number, size) in [70_001, u64::MAX, u64::MAX].into_iter().enumerate() {
        write(here.path(), &format!("f{number}"), "x".repeat(70_000));
        listed.push(file(&format!("/f{number}"), size));
    }
    let options = SyncOptions { delta: Delta::Always, ..SyncOptions::default() };
    // Nothing comes of them, which is told in one way or another.
    let _ = download(here.path(), listed, &options, Box::new(|_, _, _| {}));
    assert_eq!(std::fs::read(here.path().join("f0")).unwrap().len(), 70_000);
}

#[test]
fn a_server_that_sends_nothing_of_what_it_listed_is_told_and_nothing_is_deleted() {
    let here = tempfile::tempdir().unwrap();
    for name in ["extra", "b/x"] {
        write(here.path(), name, "mine");
    }
    let options = SyncOptions { delete: true, ..SyncOptions::default() };
    let listed = vec![file("/a", 4), file("/b", 4)];
    let report = download(here.path(), listed, &options, Box::new(|_, _, _| {})).unwrap();
    assert!(!report.transfer.failures.is_empty());
    assert!(here.path().join("extra").exists() && here.path().join("b/x").exists());
}

#[test]
fn digests_that_nobody_asked_for_end_the_session() {
    let digest = |name: &str| Element::Digest { name: name.to_owned(), digest: [1; 16] };
    for told in [vec![digest("b")], vec![digest("a"), digest("a")]] {
        let here = tempfile::tempdir().unwrap();
        write(here.path(), "a", "abcd");
        let options = SyncOptions { checksum: true, dry_run: true, ..SyncOptions::default() };
        let answer = move |raw: &mut Raw, operation, request: &Request| {
            if let Request::Find { .. } = request {
                raw.send(&Header::signal(operation, Signal::Entries), &payload(&told));
            }
        };
        let result = download(here.path(), vec![file("/a", 4)], &options, Box::new(answer));
        assert!(matches!(result, Err(Error::Protocol(_))), "{result:?}");
    }
}
