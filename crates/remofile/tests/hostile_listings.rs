//! Listings without end or sense: a client holds a bounded part of them, and does not go on listening.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    unreachable_pub,
    reason = "tests look at the disk themselves, and fail by panicking"
)]

mod common;

use common::raw::{Raw, listen};
use common::remote;
use remofile::protocol::token::Token;
use remofile::protocol::wire::{Body, Done, Element, ErrorCode, Failure, Header, Listed, Request, Signal};
use remofile::sync::{SyncOptions, SyncReport, synchronize_upload};
use remofile::{Client, ClientOptions, Error, Retry, Silent};

/// Payload of one message at most, in bytes.
const PAYLOAD_BYTES: usize = 256 * 1024;

/// Synchronises an empty directory with one that a server lists as these bytes; it ends the listing only when it is
/// asked to. Gives the result, and whether the next call went over the same session.
fn synchronize(listing: Vec<Vec<u8>>) -> (remofile::Result<SyncReport>, bool) {
    let token = Token::generate();
    let own = token.clone();
    let (address, server) = listen(move |stream| {
        let mut raw = Raw::accept(stream, &own);
        while let Some((operation, request)) = raw.next_request() {
            match request {
                Request::Hold { .. } => {
                    raw.signal(operation, Signal::Credit { bytes: 1 });
                }
                Request::List { .. } => {
                    for payload in &listing {
                        raw.send(&Header::signal(operation, Signal::Entries), payload);
                    }
                    raw.until(|header| {
                        header.operation == operation && matches!(header.body, Body::Signal(Signal::Cancel))
                    });
                    raw.signal(operation, Signal::Failed { failure: ErrorCode::Cancelled.into() });
                }
                _ => {
                    raw.signal(operation, Signal::Done { done: Done::default() });
                }
            }
        }
    });
    let local = tempfile::tempdir().unwrap();
    let mut client = Client::new(ClientOptions::new("127.0.0.1", address.port(), token));
    let options = SyncOptions { retry: Retry::NEVER, ..SyncOptions::default() };
    let result = synchronize_upload(&mut client, local.path(), &remote("/"), &options, &mut Silent);
    let is_usable = client.remove(&remote("/any"), false).is_ok();
    drop(client);
    server.join().unwrap();
    (result, is_usable)
}

#[test]
fn a_sync_that_cannot_go_on_asks_the_server_to_list_no_more_and_says_why() {
    let failure = Failure::new(ErrorCode::InvalidName);
    let element = minicbor::to_vec(Element::Listed(Listed::Failed(failure))).unwrap();
    let payload = element.repeat(PAYLOAD_BYTES / element.len());
    let messages = 100_001_usize.div_ceil(PAYLOAD_BYTES / element.len());
    let (result, is_usable) = synchronize(vec![payload; messages]);
    let Err(Error::Local(failure)) = result else { panic!("{result:?}") };
    assert_eq!(failure.code, ErrorCode::OutOfResources);
    assert!(failure.to_string().contains("the server cannot list more than 100000 files"), "{failure}");
    assert!(is_usable, "the session is as it was");
}

#[test]
fn elements_that_make_no_sense_end_a_sync_at_once_however_many_messages_they_come_in() {
    let messages = std::iter::repeat_n(Vec::new(), 10_000).chain([vec![0xff]]).collect();
    let (result, _) = synchronize(messages);
    assert!(matches!(result, Err(Error::Protocol(_))), "{result:?}");
}
