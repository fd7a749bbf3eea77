//! Counts of how often the sides of a transfer wait for each other, over a simulated line with a delay and a
//! virtual clock. Flights are counted: trips of the line's whole length, one after the other.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    unreachable_pub,
    reason = "tests look at the disk themselves, and fail by panicking"
)]

use crate::common;

use common::{noise, tree, write};
use remofile::SendOptions;
use remofile::carrier::OutBuffer;
use remofile::protocol::digest::DigestKind;
use remofile::protocol::limits::{CREDIT_WINDOW_BYTES, DEFAULT_PAYLOAD_BYTES};
use remofile::protocol::path::{NameRule, RemotePath};
use remofile::protocol::session::{ClientEvent, ClientSession, ServerEvent, ServerSession};
use remofile::protocol::wire::{Done, Failure, Header, Links, OnConflict, OperationId, Request, Signal, credit_bytes};
use remofile::store::{LocalStore, Store, StoreOptions};
use remofile::transfer::{
    Checked, Feed, FeedOptions, Filter, InStore, ItemRules, Packed, Packer, PackerMonitor, PackerOptions, Unpacker,
    UnpackerMonitor, UnpackerOptions,
};
use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Delay of the line.
const FLIGHT: Duration = Duration::from_millis(100);

struct Quiet;

impl PackerMonitor for Quiet {}

impl UnpackerMonitor for Quiet {
    fn failed(&mut self, failure: Failure, _by_sender: bool) {
        panic!("{failure}");
    }
}

/// Messages on their way in one direction, and when they arrive.
#[derive(Default)]
struct Line(VecDeque<(Duration, Header, Vec<u8>)>);

impl Line {
    fn send(&mut self, now: Duration, header: Header, payload: &[u8]) {
        self.0.push_back((now + FLIGHT, header, payload.to_vec()));
    }

    fn arrived(&mut self, now: Duration) -> Option<(Header, Vec<u8>)> {
        if self.next().is_none_or(|at| at > now) {
            return None;
        }
        self.0.pop_front().map(|(_, header, payload)| (header, payload))
    }

    fn next(&self) -> Option<Duration> {
        self.0.front().map(|(at, ..)| *at)
    }
}

fn store(root: &Path) -> Arc<LocalStore> {
    Arc::new(LocalStore::open(root, StoreOptions::default()).unwrap())
}

fn packer(root: &Path) -> Packer {
    let origins = InStore::new(store(root) as Arc<dyn Store>, vec![RemotePath::root()], false);
    let permit = Arc::new(NameRule::Posix);
    let (filter, links) = (Filter::none(), Links::Skip);
    let options = FeedOptions { recursive: true, permit, filter, links, devices: false, hard_links: false };
    let packing = PackerOptions::of(SendOptions::default(), u64::MAX, DigestKind::Xxh3).unwrap();
    Packer::new(Feed::new(Box::new(origins), options), packing).unwrap()
}

fn unpacker(root: &Path) -> Unpacker {
    let options = UnpackerOptions {
        destination: RemotePath::root(),
        on_conflict: OnConflict::Abort,
        file_size_limit: u64::MAX,
        sizes: 0..=u64::MAX,
        permit: Arc::new(NameRule::Posix),
        preserve_mode: false,
        rules: ItemRules::Theirs,
        changes: false,
        digest: DigestKind::Xxh3,
    };
    Unpacker::new(store(root), options, Checked::default()).unwrap()
}

/// The next message of a packer, within this credit.
fn pack(packer: &mut Packer, credit: u64) -> Result<(Vec<remofile::protocol::wire::Item>, Vec<u8>), Packed> {
    let mut buffer = OutBuffer::new(DEFAULT_PAYLOAD_BYTES as usize);
    let mut message = buffer.message();
    loop {
        match packer.pack(&mut message, credit, u64::MAX, &mut Quiet) {
            Packed::Working => {}
            Packed::Items(items) => {
                let length = message.payload_bytes();
                message.truncate(0);
                return Ok((items, message.space(length).to_vec()));
            }
            other => return Err(other),
        }
    }
}

/// Uploads everything in one directory into another; gives the flights from the request to its answer.
fn upload(source: &Path, destination: &Path) -> u128 {
    let (mut client, mut server) = machines();
    let (mut up, mut down) = (Line::default(), Line::default());
    let (mut packer, mut unpacker) = (packer(source), Some(unpacker(destination)));
    let request = Request::Upload {
        destination: RemotePath::root(),
        on_conflict: OnConflict::Abort,
        names: None,
        group: None,
        claims: None,
    };
    let id = client.start(Duration::ZERO, request, 0);
    let (mut now, mut finished) = (Duration::ZERO, false);
    loop {
        while let Some((header, payload)) = down.arrived(now) {
            if let ClientEvent::Finished(_, outcome) = client.receive(now, header, payload.len()).unwrap() {
                outcome.unwrap();
                return now.as_nanos() / FLIGHT.as_nanos();
            }
        }
        while let Some((header, payload)) = up.arrived(now) {
            match server.receive(now, header, payload.len()).unwrap() {
                ServerEvent::Request { operation, .. } => server.open_window(operation),
                ServerEvent::Items(id, items) => {
                    let credit = credit_bytes(&items, payload.len());
                    unpacker.as_mut().unwrap().take(items, &payload, &mut Quiet).unwrap();
                    server.consumed(id, credit);
                }
                ServerEvent::Finish(id) => {
                    unpacker.take().unwrap().finish(&mut Quiet).unwrap();
                    server.finish(now, id, Ok(Done::default()));
                }
                _ => {}
            }
        }
        while let Some(header) = server.poll_header() {
            down.send(now, header, &[]);
        }
        flush(&mut client, &mut up, now);
        while !finished {
            match pack(&mut packer, client.credit(id)) {
                Ok((items, payload)) => {
                    let header = client.data(id, items, payload.len()).unwrap();
                    up.send(now, header, &payload);
                }
                Err(Packed::Finished) => {
                    client.finish(id);
                    finished = true;
                    flush(&mut client, &mut up, now);
                }
                Err(_) => break,
            }
        }
        now = up.next().into_iter().chain(down.next()).min().expect("neither side waits for ever");
    }
}

fn machines() -> (ClientSession, ServerSession) {
    (ClientSession::new(DEFAULT_PAYLOAD_BYTES), ServerSession::new(DEFAULT_PAYLOAD_BYTES))
}

fn flush(client: &mut ClientSession, up: &mut Line, now: Duration) {
    while let Some(header) = client.poll_header() {
        // Pings would count for nothing: nobody waits for them.
        if !matches!(header.body, remofile::protocol::wire::Body::Signal(Signal::Ping)) {
            up.send(now, header, &[]);
        }
    }
}

/// The same for a download.
fn download(source: &Path, destination: &Path) -> u128 {
    let (mut client, mut server) = machines();
    let (mut up, mut down) = (Line::default(), Line::default());
    let (mut packer, mut unpacker) = (packer(source), unpacker(destination));
    let request = Request::Download {
        sources: vec![RemotePath::root()],
        recursive: true,
        total: false,
        credit: CREDIT_WINDOW_BYTES,
        selection: None,
        send_options: None,
    };
    client.start(Duration::ZERO, request, 0);
    let (mut now, mut sending): (_, Option<OperationId>) = (Duration::ZERO, None);
    loop {
        while let Some((header, payload)) = down.arrived(now) {
            match client.receive(now, header, payload.len()).unwrap() {
                ClientEvent::Items(id, items) => {
                    let credit = credit_bytes(&items, payload.len());
                    unpacker.take(items, &payload, &mut Quiet).unwrap();
                    client.consumed(id, credit);
                }
                ClientEvent::Finished(_, outcome) => {
                    outcome.unwrap();
                    unpacker.finish(&mut Quiet).unwrap();
                    return now.as_nanos() / FLIGHT.as_nanos();
                }
                _ => {}
            }
        }
        while let Some((header, payload)) = up.arrived(now) {
            if let ServerEvent::Request { operation, .. } = server.receive(now, header, payload.len()).unwrap() {
                sending = Some(operation);
            }
        }
        flush(&mut client, &mut up, now);
        while let Some(id) = sending {
            match pack(&mut packer, server.credit(id)) {
                Ok((items, payload)) => {
                    let header = server.data(id, items, payload.len()).unwrap();
                    down.send(now, header, &payload);
                }
                Err(Packed::Finished) => {
                    server.finish(now, id, Ok(Done::default()));
                    sending = None;
                }
                Err(_) => break,
            }
        }
        while let Some(header) = server.poll_header() {
            down.send(now, header, &[]);
        }
        now = up.next().into_iter().chain(down.next()).min().expect("neither side waits for ever");
    }
}

/// Files of one size in some directories.
fn files(count: usize, bytes: usize) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let content = noise(bytes);
    for index in 0..count {
        write(root.path(), &format!("d{:02}/f{index:05}", index % 20), &content);
    }
    root
}

#[test]
fn any_number_of_files_shares_the_flights_that_their_bytes_need() {
    type Transfer = fn(&Path, &Path) -> u128;
    let transfers: [(&str, Transfer, u128); 2] = [("upload", upload, 6), ("download", download, 4)];
    for (name, transfer, most) in transfers {
        let flights = |count, bytes| {
            let (source, destination) = (files(count, bytes), tempfile::tempdir().unwrap());
            let flights = transfer(source.path(), destination.path());
            assert!(tree(source.path()) == tree(destination.path()), "{name}");
            flights
        };
        assert_eq!(flights(1, 10), 2, "{name}: request and answer");
        let (many, few) = (flights(4000, 2048), flights(4, 2_048_000));
        assert!(many <= most && many <= few + 2, "{name}: {many} flights for many files, {few} for few");
    }
}

#[test]
fn four_thousand_empty_files_need_no_more_flights_than_a_megabyte_of_credit() {
    let (source, destination) = (files(4000, 0), tempfile::tempdir().unwrap());
    assert!(upload(source.path(), destination.path()) <= 4);
    let destination = tempfile::tempdir().unwrap();
    assert_eq!(download(source.path(), destination.path()), 2);
}
