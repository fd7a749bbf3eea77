//! Both machines over a simulated link with a virtual clock.

mod bounds;

use super::*;
use crate::limits::{CREDIT_WINDOW_BYTES, DEAD_AFTER, DEFAULT_PAYLOAD_BYTES, INITIAL_CREDIT_BYTES, PING_AFTER};
use crate::wire::{Body, Done, ErrorCode, Failure, Header, Holder, Item, Request, Signal};
use std::collections::VecDeque;

const CHUNK: usize = 512 * 1024;

/// One direction of a link: encoded messages and when they arrive.
#[derive(Default)]
struct Line {
    on_the_way: VecDeque<(Duration, Vec<u8>, usize)>,
    cut: bool,
}

struct Pair {
    now: Duration,
    delay: Duration,
    client: ClientSession,
    server: ServerSession,
    to_server: Line,
    to_client: Line,
    /// Changes of direction: how often a side had to wait for the other.
    flights: usize,
}

impl Pair {
    fn new() -> Self {
        Self {
            now: Duration::ZERO,
            delay: Duration::from_millis(50),
            client: ClientSession::new(DEFAULT_PAYLOAD_BYTES),
            server: ServerSession::new(DEFAULT_PAYLOAD_BYTES),
            to_server: Line::default(),
            to_client: Line::default(),
            flights: 0,
        }
    }

    fn send(line: &mut Line, at: Duration, header: &Header, payload: usize) {
        let mut bytes = Vec::new();
        header.encode(&mut bytes);
        if !line.cut {
            line.on_the_way.push_back((at, bytes, payload));
        }
    }

    fn flush(&mut self) {
        let at = self.now + self.delay;
        while let Some(header) = self.client.poll_header() {
            Self::send(&mut self.to_server, at, &header, 0);
        }
        while let Some(header) = self.server.poll_header() {
            Self::send(&mut self.to_client, at, &header, 0);
        }
    }

    fn client_sends(&mut self, header: &Header, payload: usize) {
        self.flush();
        Self::send(&mut self.to_server, self.now + self.delay, header, payload);
    }

    /// Lets everything that is on its way arrive; the events of both sides, in order.
    fn deliver(&mut self) -> (Vec<ServerEvent>, Vec<ClientEvent>) {
        self.flush();
        self.now += self.delay;
        self.flights += 1;
        let (mut at_server, mut at_client) = (Vec::new(), Vec::new());
        for (_, bytes, payload) in std::mem::take(&mut self.to_server.on_the_way) {
            at_server.push(self.server.receive(self.now, Header::decode(&bytes).unwrap(), payload).unwrap());
        }
        for (_, bytes, payload) in std::mem::take(&mut self.to_client.on_the_way) {
            at_client.push(self.client.receive(self.now, Header::decode(&bytes).unwrap(), payload).unwrap());
        }
        (at_server, at_client)
    }

    /// Advances the clock to the next timeout of either side, as long as there is one.
    fn until_dead(&mut self) -> (Result<(), SessionError>, Result<(), SessionError>) {
        loop {
            let next = self.client.next_timeout().into_iter().chain(self.server.next_timeout()).min();
            let Some(next) = next else { return (Ok(()), Ok(())) };
            self.now = self.now.max(next);
            let (client, server) = (self.client.handle_timeout(self.now), self.server.handle_timeout(self.now));
            if client.is_err() || server.is_err() {
                return (client, server);
            }
            self.deliver();
        }
    }
}

fn list() -> Request {
    Request::List {
        path: "/".parse().unwrap(),
        recursive: true,
        rules: Vec::new(),
        targets: false,
        unflushed: false,
        extras: false,
    }
}

fn upload() -> Request {
    Request::Upload {
        destination: "/".parse().unwrap(),
        on_conflict: crate::wire::OnConflict::Abort,
        names: None,
        group: None,
        claims: None,
    }
}

fn data(bytes: usize) -> Vec<Item> {
    vec![Item::Data { length: bytes as u32 }]
}

#[test]
fn a_request_is_answered_in_two_flights() {
    let mut pair = Pair::new();
    let id = pair.client.start(pair.now, list(), 0);
    let (events, _) = pair.deliver();
    let request = ServerEvent::Request { operation: id, request: list(), wait_milliseconds: 0 };
    assert_eq!(events, [request, ServerEvent::None], "the request and its credit");
    let entries = pair.server.entries(id, 100).unwrap();
    Pair::send(&mut pair.to_client, pair.now, &entries, 100);
    pair.server.finish(pair.now, id, Ok(Done::default()));
    let (_, events) = pair.deliver();
    assert_eq!(events, [ClientEvent::Entries(id), ClientEvent::Finished(id, Ok(Done::default()))]);
    assert_eq!(pair.flights, 2);
}

#[test]
fn four_thousand_small_files_take_no_flight_of_their_own() {
    let mut pair = Pair::new();
    let id = pair.client.start(pair.now, upload(), 0);
    let file = |_| {
        [
            Item::Begin {
                path: "f".into(),
                size: Some(100),
                modified: None,
                mode: None,
                rule: None,
                offset: 0,
                replaces: None,
            },
            Item::Data { length: 100 },
            Item::End { digest: [0; 16] },
        ]
    };
    for _ in 0..40 {
        let items: Vec<Item> = (0..100).flat_map(file).collect();
        let header = pair.client.data(id, items, 10_000).unwrap();
        pair.client_sends(&header, 10_000);
    }
    pair.client.finish(id);
    let (events, _) = pair.deliver();
    assert_eq!(events.len(), 42);
    pair.server.finish(pair.now, id, Ok(Done { files: 4_000, ..Done::default() }));
    let (_, events) = pair.deliver();
    assert_eq!(events.len(), 1);
    assert_eq!(pair.flights, 2, "files were waited for");
}

#[test]
fn an_upload_flows_within_its_credit_and_never_beyond() {
    let mut pair = Pair::new();
    let id = pair.client.start(pair.now, upload(), 0);
    assert_eq!(pair.client.credit(id), INITIAL_CREDIT_BYTES);
    let (mut sent, mut consumed) = (0u64, 0u64);
    let total = 400 * CHUNK as u64;
    let mut opened = false;
    while consumed < total {
        while sent < total && pair.client.credit(id) > CHUNK as u64 + 32 {
            let header = pair.client.data(id, data(CHUNK), CHUNK).unwrap();
            pair.client_sends(&header, CHUNK);
            sent += CHUNK as u64;
        }
        assert!(sent - consumed <= CREDIT_WINDOW_BYTES);
        for event in pair.deliver().0 {
            match event {
                ServerEvent::Request { .. } => {}
                ServerEvent::Items(_, _) => {
                    consumed += CHUNK as u64;
                    pair.server.consumed(id, CHUNK as u64 + 32);
                }
                other => panic!("{other:?}"),
            }
        }
        if !std::mem::replace(&mut opened, true) {
            pair.server.open_window(id);
        }
    }
    assert!(pair.client.data(id, data(34 * CHUNK), 34 * CHUNK).is_err(), "the machine lets its own side overdraw");
    assert!(pair.flights < 100, "{} flights for {total} bytes", pair.flights);
}

#[test]
fn a_peer_that_overdraws_ends_the_session() {
    let mut server = ServerSession::new(DEFAULT_PAYLOAD_BYTES);
    let request = Header { operation: OperationId(1), body: Body::Request(upload()), wait_milliseconds: 0 };
    server.receive(Duration::ZERO, request, 0).unwrap();
    let message = || Header::signal(OperationId(1), Signal::Data { items: data(CHUNK) });
    server.receive(Duration::ZERO, message(), CHUNK).unwrap();
    let error = server.receive(Duration::ZERO, message(), CHUNK).unwrap_err();
    assert_eq!(error, SessionError::BeyondCredit { operation: OperationId(1), excess: 64 });
}

#[test]
fn a_peer_whose_long_message_is_on_its_way_is_alive_and_is_told_so_too() {
    let mut client = ClientSession::new(DEFAULT_PAYLOAD_BYTES);
    client.start(Duration::ZERO, upload(), 0);
    client.poll_header();
    let mut pings = 0;
    for second in 1..=60 {
        let now = Duration::from_secs(second);
        client.heard(now);
        client.handle_timeout(now).unwrap();
        while client.poll_header().is_some() {
            pings += 1;
        }
    }
    assert_eq!(pings, 20, "one every 3 s");
    let late = Duration::from_secs(60) + DEAD_AFTER;
    assert_eq!(client.handle_timeout(late), Err(SessionError::PeerSilent(DEAD_AFTER)));
}

#[test]
fn items_without_payload_take_credit_too() {
    let mut server = ServerSession::new(DEFAULT_PAYLOAD_BYTES);
    let request = Header { operation: OperationId(1), body: Body::Request(upload()), wait_milliseconds: 0 };
    server.receive(Duration::ZERO, request, 0).unwrap();
    let empty = Item::Begin {
        path: "f".repeat(68),
        size: Some(0),
        modified: None,
        mode: None,
        rule: None,
        offset: 0,
        replaces: None,
    };
    let message = || Header::signal(OperationId(1), Signal::Data { items: vec![empty.clone(); 1000] });
    let taken = (0..).take_while(|_| server.receive(Duration::ZERO, message(), 0).is_ok()).count();
    assert_eq!(taken as u64, INITIAL_CREDIT_BYTES / 100_000);
}

#[test]
fn items_that_do_not_match_their_payload_end_the_session() {
    let mut server = ServerSession::new(DEFAULT_PAYLOAD_BYTES);
    let request = Header { operation: OperationId(1), body: Body::Request(upload()), wait_milliseconds: 0 };
    server.receive(Duration::ZERO, request, 0).unwrap();
    let message = Header::signal(OperationId(1), Signal::Data { items: data(10) });
    let error = server.receive(Duration::ZERO, message, 11).unwrap_err();
    assert_eq!(error, SessionError::PayloadMismatch { items: 10, payload: 11 });
}

#[test]
fn operation_numbers_only_rise() {
    let mut server = ServerSession::new(DEFAULT_PAYLOAD_BYTES);
    let request = |id| Header { operation: OperationId(id), body: Body::Request(list()), wait_milliseconds: 0 };
    server.receive(Duration::ZERO, request(5), 0).unwrap();
    for id in [5, 4, 0] {
        let error = server.receive(Duration::ZERO, request(id), 0).unwrap_err();
        assert_eq!(error, SessionError::OutOfOrder(OperationId(id)));
    }
    let early = Header::signal(OperationId(9), Signal::Finish);
    assert!(server.receive(Duration::ZERO, early, 0).is_err(), "a signal before its request");
}

#[test]
fn what_still_comes_for_a_finished_operation_is_dropped() {
    let mut pair = Pair::new();
    let id = pair.client.start(pair.now, upload(), 0);
    pair.deliver();
    pair.server.finish(pair.now, id, Err(Failure::new(ErrorCode::Busy)));
    let header = pair.client.data(id, data(CHUNK), CHUNK).unwrap();
    pair.client_sends(&header, CHUNK);
    let (at_server, at_client) = pair.deliver();
    assert_eq!(at_server, [ServerEvent::None]);
    assert!(matches!(&at_client[..], [ClientEvent::Finished(_, Err(failure))] if failure.code == ErrorCode::Busy));
    assert_eq!(pair.client.credit(id), 0);
}

#[test]
fn too_many_operations_are_refused_one_by_one() {
    let mut pair = Pair::new();
    for _ in 0..=crate::limits::MAX_OPERATIONS {
        pair.client.start(pair.now, list(), 0);
    }
    pair.deliver();
    let (_, events) = pair.deliver();
    assert!(matches!(&events[..], [ClientEvent::Finished(_, Err(failure))] if failure.code == ErrorCode::TooMany));
}

#[test]
fn a_dead_peer_is_noticed_within_seconds_by_both_sides() {
    for (cut_to_server, cut_to_client) in [(true, true), (true, false), (false, true)] {
        let mut pair = Pair::new();
        pair.client.start(pair.now, list(), 0);
        pair.deliver();
        (pair.to_server.cut, pair.to_client.cut) = (cut_to_server, cut_to_client);
        let start = pair.now;
        let (client, server) = pair.until_dead();
        assert!(client.is_err() || server.is_err());
        assert!(pair.now - start <= DEAD_AFTER + PING_AFTER, "{:?}", pair.now - start);
    }
}

#[test]
fn a_slow_operation_with_a_living_peer_goes_on_for_ever() {
    let mut pair = Pair::new();
    pair.client.start(pair.now, list(), 0);
    pair.deliver();
    for _ in 0..1000 {
        pair.now = pair.client.next_timeout().unwrap().min(pair.server.next_timeout().unwrap());
        pair.client.handle_timeout(pair.now).unwrap();
        pair.server.handle_timeout(pair.now).unwrap();
        pair.deliver();
        pair.deliver();
    }
    assert!(pair.now > DEAD_AFTER * 100);
}

#[test]
fn an_idle_session_has_no_heartbeat() {
    let mut pair = Pair::new();
    assert_eq!((pair.client.next_timeout(), pair.server.next_timeout()), (None, None));
    let id = pair.client.start(pair.now, list(), 0);
    pair.deliver();
    pair.server.finish(pair.now, id, Ok(Done::default()));
    pair.deliver();
    assert_eq!((pair.client.next_timeout(), pair.server.next_timeout()), (None, None));
}

#[test]
fn a_flood_of_pings_is_answered_by_one_pong() {
    let mut server = ServerSession::new(DEFAULT_PAYLOAD_BYTES);
    for _ in 0..1000 {
        server.receive(Duration::ZERO, Header::signal(OperationId::SESSION, Signal::Ping), 0).unwrap();
    }
    assert!(server.poll_header().is_some());
    assert!(server.poll_header().is_none());
}

/// From connect to the first answer: TCP's own round trip, the handshake, and the request.
#[test]
fn the_first_answer_comes_after_three_round_trips() {
    use crate::handshake::{
        ClientCredentials, ClientHandshake, ClientHello, ServerAnswer, ServerCredentials, ServerHello, answer,
    };
    use crate::transport::Cipher;
    const TCP_CONNECT_FLIGHTS: usize = 2;
    let mut flights = TCP_CONNECT_FLIGHTS;
    let token = crate::token::Token::generate().stretch();
    let hello = ServerHello {
        cipher: Cipher::Unknown,
        agent: String::new(),
        max_payload_bytes: DEFAULT_PAYLOAD_BYTES,
        names: crate::path::NameRule::Portable,
        file_size_limit: 1,
        read_only: false,
        places: Vec::new(),
        checks_versions: false,
        stages_files: false,
        hashes_files: false,
        takes_lanes: false,
        whole_copies: false,
        has_joined: false,
        capabilities: Default::default(),
        rights: Default::default(),
        chunk_sizes: None,
        attributes: false,
        as_they_are: false,
    };
    let credentials = ServerCredentials {
        tokens: std::sync::Arc::new(vec![token.clone()].into()),
        private_key: None,
        allow_plain: false,
    };
    let offer = ClientHello::new(Cipher::offer(false), "test", "test");
    let (mut handshake, first) = ClientHandshake::start(&ClientCredentials { token, server: None }, offer);
    flights += 1;
    let ServerAnswer::Accept { bytes, .. } = answer(&credentials, |_| Ok(hello), &first) else { panic!("refused") };
    flights += 1;
    assert!(handshake.receive(&bytes).unwrap().is_some(), "the handshake takes another flight");
    let mut pair = Pair::new();
    let id = pair.client.start(pair.now, list(), 0);
    pair.deliver();
    pair.server.finish(pair.now, id, Ok(Done::default()));
    let (_, events) = pair.deliver();
    assert_eq!(events, [ClientEvent::Finished(id, Ok(Done::default()))]);
    assert_eq!(flights + pair.flights, 3 * 2);
}

#[test]
fn who_holds_the_lease_learns_that_it_has_it_and_gives_it_back() {
    let mut pair = Pair::new();
    let id = pair.client.start(pair.now, Request::Hold { write: true, paths: Vec::new() }, 0);
    let (events, _) = pair.deliver();
    let request = ServerEvent::Request {
        operation: id,
        request: Request::Hold { write: true, paths: Vec::new() },
        wait_milliseconds: 0,
    };
    assert_eq!(events, [request]);
    pair.server.open_window(id);
    let (_, events) = pair.deliver();
    assert_eq!(events, [ClientEvent::Granted(id)]);
    let other = pair.client.start(pair.now, Request::Status, 0);
    pair.deliver();
    pair.server.finish(pair.now, other, Ok(Done::default()));
    let (_, events) = pair.deliver();
    assert_eq!(events, [ClientEvent::Finished(other, Ok(Done::default()))]);
    pair.client.finish(id);
    let (events, _) = pair.deliver();
    assert_eq!(events, [ServerEvent::Finish(id)]);
    pair.server.finish(pair.now, id, Ok(Done::default()));
    let (_, events) = pair.deliver();
    assert_eq!(events, [ClientEvent::Finished(id, Ok(Done::default()))]);
}

#[test]
fn a_part_of_a_file_comes_within_the_credit_of_its_request() {
    let (mut client, mut server) =
        (ClientSession::new(DEFAULT_PAYLOAD_BYTES), ServerSession::new(DEFAULT_PAYLOAD_BYTES));
    let read = Request::Read {
        path: "/f".parse().unwrap(),
        offset: 7,
        length: 100,
        version: None,
        credit: 100,
        growing: None,
    };
    let id = client.start(Duration::ZERO, read, 0);
    let request = client.poll_header().unwrap();
    server.receive(Duration::ZERO, request, 0).unwrap();
    assert_eq!(server.credit(id), 100);
    let bytes = server.bytes(id, 100).unwrap();
    assert_eq!(client.receive(Duration::ZERO, bytes.clone(), 100).unwrap(), ClientEvent::Bytes(id));
    assert!(matches!(server.bytes(id, 1), Err(SessionError::BeyondCredit { excess: 1, .. })));
    assert!(matches!(client.receive(Duration::ZERO, bytes, 1), Err(SessionError::BeyondCredit { excess: 1, .. })));
}
