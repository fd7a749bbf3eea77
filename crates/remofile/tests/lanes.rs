//! One transfer over several connections of one session: a large file, and whatever else moves.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    unreachable_pub,
    reason = "tests look at the disk themselves, and fail by panicking"
)]

use crate::common;

use common::raw::{Raw, identified};
use common::{Fixture, LOCALHOST, assert_serves, noise, remote, tree, write};
use remofile::protocol::handshake::{ClientHello, ClientIdentity, Refusal};
use remofile::protocol::limits::MAX_LANES;
use remofile::protocol::wire::{OnConflict, OperationId, Signal};
use remofile::{Client, ClientOptions, Error, Silent, SyncOptions, TransferOptions, Wait};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

const MIB: usize = 1024 * 1024;

/// A line that counts connections, and cuts one of them.
struct Line {
    address: SocketAddr,
    /// Bytes up and down that each connection has carried.
    carried: Arc<Mutex<Vec<Arc<AtomicUsize>>>>,
}

impl Line {
    /// Forwards connections for as long as the process runs; that with number `cut` ends after so much that a partial is there.
    fn new(server: SocketAddr, cut: Option<usize>) -> Self {
        Self::ending(server, move |number| if cut == Some(number) { End::Cut(3 * MIB) } else { End::Never })
    }

    /// A line over which the server is never heard but by the first connection.
    fn with_one_connection(server: SocketAddr) -> Self {
        Self::ending(server, |number| if number == 0 { End::Never } else { End::Cut(0) })
    }

    fn ending(server: SocketAddr, end: impl Fn(usize) -> End + Send + 'static) -> Self {
        let listener = TcpListener::bind((LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let carried: Arc<Mutex<Vec<Arc<AtomicUsize>>>> = Arc::default();
        let all = Arc::clone(&carried);
        std::thread::spawn(move || {
            for (number, client) in listener.incoming().map(Result::unwrap).enumerate() {
                let end = end(number);
                let (count, server) = (Arc::new(AtomicUsize::new(0)), TcpStream::connect(server).unwrap());
                all.lock().unwrap().push(Arc::clone(&count));
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    let count = Arc::clone(&count);
                    std::thread::spawn(move || pump(from, to, &count, end));
                }
            }
        });
        Self { address, carried }
    }

    fn options(&self, fixture: &Fixture) -> ClientOptions {
        ClientOptions { port: self.address.port(), wait: Wait::Forever, ..fixture.options() }
    }

    /// The bytes that each connection has carried.
    fn carried(&self) -> Vec<usize> {
        self.carried.lock().unwrap().iter().map(|count| count.load(Ordering::SeqCst)).collect()
    }
}

/// The event that a connection meets after so many bytes.
#[derive(Clone, Copy)]
enum End {
    Never,
    Cut(usize),
}

fn pump(mut from: TcpStream, mut to: TcpStream, count: &AtomicUsize, end: End) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = from.read(&mut buffer).unwrap_or(0);
        let carried = count.fetch_add(read, Ordering::SeqCst) + read;
        let is_cut = matches!(end, End::Cut(most) if carried > most);
        let is_over = read == 0 || is_cut;
        if is_over || to.write_all(&buffer[..read]).is_err() {
            for stream in [from, to] {
                let _closed = stream.shutdown(Shutdown::Both);
            }
            return;
        }
    }
}

fn over(transfers: u8) -> TransferOptions {
    TransferOptions { recursive: true, transfers, ..TransferOptions::default() }
}

#[test]
fn a_large_file_travels_over_as_many_connections_as_were_asked_for() {
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    // Which connection has room when says how much each carries: much more than a handshake.
    let content = noise(32 * MIB);
    let source = write(local.path(), "large", &content);
    let line = Line::new(fixture.address, None);
    let mut client = Client::new(line.options(&fixture));
    let report = client.upload(&[&source], &remote("/"), &over(4), &mut Silent).unwrap();
    assert_eq!((report.files, report.failures.len()), (1, 0));
    assert!(std::fs::read(fixture.path("large")).unwrap() == content);
    let carried = line.carried();
    assert_eq!(carried.len(), 4, "{carried:?}");
    assert!(carried.iter().all(|bytes| *bytes > MIB / 4), "each has its part: {carried:?}");
    assert!(report.sent_bytes > 32 * MIB as u64, "all connections are counted: {report:?}");
    let back = tempfile::tempdir().unwrap();
    let report = client.download(&[remote("/large")], back.path(), &over(3), &mut Silent).unwrap();
    assert_eq!((report.files, report.failures.len()), (1, 0));
    assert!(std::fs::read(back.path().join("large")).unwrap() == content);
    let carried = line.carried();
    assert_eq!(carried.len(), 4 + 3, "{carried:?}");
    assert!(carried[4..].iter().all(|bytes| *bytes > MIB / 4), "{carried:?}");
    assert_serves(&fixture);
}

#[test]
fn one_connection_is_one_and_on_a_fast_line_one_is_what_helps() {
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    let source = write(local.path(), "large", noise(4 * MIB));
    let line = Line::new(fixture.address, None);
    let mut client = Client::new(line.options(&fixture));
    client.upload(&[&source], &remote("/"), &over(1), &mut Silent).unwrap();
    assert_eq!(line.carried().len(), 1);
}

#[test]
fn what_a_transfer_did_not_need_is_not_opened_for_a_listing_after_it() {
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    for number in 0..2000 {
        fixture.write(&format!("d/a name that is long enough {number}"), "");
    }
    let source = write(local.path(), "small", "content");
    let line = Line::new(fixture.address, None);
    let mut client = Client::new(line.options(&fixture));
    client.upload(&[&source], &remote("/"), &over(4), &mut Silent).unwrap();
    client.list(&remote("/d"), false, &mut |_| Ok(())).unwrap();
    // Whatever was begun would be there before the answer.
    client.status().unwrap();
    let carried = line.carried();
    assert!(carried.len() == 1 && carried[0] > 64 * 1024, "{carried:?}");
}

#[test]
fn a_connection_that_is_cut_costs_an_attempt_and_nothing_else() {
    // Which connection carries how much is not said before: until one has carried enough to be cut.
    const TIMES: usize = 40;
    for cut in [0, 1, 3] {
        let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
        let content = noise(32 * MIB);
        let source = write(local.path(), "large", &content);
        let replacing = TransferOptions { on_conflict: OnConflict::Replace, ..over(4) };
        let is_resumed_up = (0..TIMES).any(|time| {
            // Never there already.
            let to = format!("/{time}");
            fixture.client().make_directory(&remote(&to), false, false).unwrap();
            let line = Line::new(fixture.address, Some(cut));
            let mut client = Client::new(line.options(&fixture));
            let report = client.upload(&[&source], &remote(&to), &replacing, &mut Silent).unwrap();
            assert_eq!((report.files, report.failures.len()), (1, 0), "{cut}");
            assert!(std::fs::read(fixture.path(&to[1..]).join("large")).unwrap() == content, "{cut}");
            report.resumed_bytes > 0
        });
        let is_resumed_down = (0..TIMES).any(|_| {
            let (back, line) = (tempfile::tempdir().unwrap(), Line::new(fixture.address, Some(cut)));
            let mut client = Client::new(line.options(&fixture));
            let report = client.download(&[remote("/0/large")], back.path(), &replacing, &mut Silent).unwrap();
            assert!(std::fs::read(back.path().join("large")).unwrap() == content, "{cut}");
            report.resumed_bytes > 0
        });
        assert!(is_resumed_up && is_resumed_down, "{cut}");
    }
}

#[test]
fn further_connections_that_are_turned_away_are_done_without() {
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    let content = noise(8 * MIB);
    let source = write(local.path(), "large", &content);
    let line = Line::with_one_connection(fixture.address);
    let mut client = Client::new(line.options(&fixture));
    let report = client.upload(&[&source], &remote("/"), &over(4), &mut Silent).unwrap();
    assert_eq!((report.files, report.retries), (1, 0));
    assert!(std::fs::read(fixture.path("large")).unwrap() == content);
    let back = tempfile::tempdir().unwrap();
    let line = Line::with_one_connection(fixture.address);
    let mut client = Client::new(line.options(&fixture));
    let report = client.download(&[remote("/large")], back.path(), &over(4), &mut Silent).unwrap();
    assert_eq!((report.files, report.retries), (1, 0));
    assert!(std::fs::read(back.path().join("large")).unwrap() == content);
}

#[test]
fn a_server_of_one_session_takes_several_connections_of_it_and_audits_it_once() {
    let (fixture, local) = (Fixture::with(|options| options.max_sessions = 1), tempfile::tempdir().unwrap());
    let source = write(local.path(), "large", noise(16 * MIB));
    let line = Line::new(fixture.address, None);
    let mut client = Client::new(line.options(&fixture));
    client.upload(&[&source], &remote("/"), &over(5), &mut Silent).unwrap();
    assert_eq!(line.carried().len(), 5);
    // The session has ended with the transfer, so that there is room for the next one.
    let options = TransferOptions { resume: false, on_conflict: OnConflict::Replace, ..over(2) };
    // As soon as the server has noticed.
    let uploaded = (0..10_000).find_map(|_| match client.upload(&[&source], &remote("/"), &options, &mut Silent) {
        Err(Error::Refused(Refusal::TooMany)) => None,
        uploaded => Some(uploaded),
    });
    uploaded.expect("its place is free again").unwrap();
    assert!(line.carried().len() >= 7);
}

#[test]
fn a_sync_and_options_that_keep_files_in_a_row_use_all_connections() {
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    write(local.path(), "tree/large", noise(16 * MIB));
    write(local.path(), "tree/d/small", noise(10));
    let line = Line::new(fixture.address, None);
    let mut client = Client::new(line.options(&fixture));
    let options = SyncOptions { transfers: 3, ..SyncOptions::default() };
    let rated =
        SyncOptions { send: remofile::SendOptions { bytes_per_second: Some(1 << 40), ..options.send }, ..options };
    let source = local.path().join("tree");
    remofile::synchronize_upload(&mut client, &source, &remote("/there"), &rated, &mut Silent).unwrap();
    assert!(tree(&source) == tree(&fixture.path("there")));
    assert_eq!(line.carried().len(), 3);
    let back = local.path().join("back");
    std::fs::create_dir(&back).unwrap();
    remofile::synchronize_download(&mut client, &remote("/there"), &back, &rated, &mut Silent).unwrap();
    assert!(tree(&source) == tree(&back));
    assert_eq!(line.carried().len(), 6);
}

fn joining(identity: ClientIdentity, joins: u64) -> ClientHello {
    ClientHello { joins: Some(joins), ..identified(identity) }
}

/// Reports whether the server has closed the connection.
fn is_closed(mut raw: Raw) -> bool {
    raw.pings();
    matches!(raw.stream.read(&mut [0; 1]), Ok(0) | Err(_))
}

#[test]
fn nobody_joins_a_session_but_the_run_of_the_client_that_made_it() {
    let fixture = Fixture::new();
    let own = |connection| ClientIdentity { client: [1; 16], incarnation: 7, connection };
    let mut session = Raw::connect_identified(fixture.address, &fixture.token, own(0));
    assert!(session.pings());
    let connect = |hello| Raw::connect_with(fixture.address, &fixture.token, hello);
    let strangers = [
        joining(ClientIdentity { client: [2; 16], ..own(1) }, 0),
        joining(own(2), 9),
        ClientHello { identity: None, ..joining(own(3), 0) },
    ];
    for hello in strangers {
        let stranger = connect(hello.clone());
        assert!(!stranger.has_joined && is_closed(stranger), "{hello:?}");
    }
    assert!(session.pings(), "it has not noticed");
    let lanes: Vec<Raw> = (1..MAX_LANES as u64 + 1)
        .map(|number| {
            let mut lane = connect(joining(own(number), 0));
            assert_eq!(lane.has_joined, (number as usize) < MAX_LANES, "it is told at once: {number}");
            lane.signal(OperationId::SESSION, Signal::Ping);
            assert_eq!(lane.receive().is_some(), (number as usize) < MAX_LANES, "{number}");
            lane
        })
        .collect();
    drop(lanes);
    assert_serves(&fixture);
}
