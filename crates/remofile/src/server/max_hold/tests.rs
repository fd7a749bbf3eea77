use super::super::presence::Presence;
use super::super::principal::Grant;
use super::super::session::{Peer, Session, SharedState, Turn};
use super::super::{ServerOptions, protocol1};
use crate::carrier::{MessageWriter, Waker};
use crate::store::{Fsync, MemoryStore};
use remofile_protocol::digest::DigestKind;
use remofile_protocol::protocol1::{Directory, Request as Request1, Response};
use remofile_protocol::wire::{
    Body, ErrorCode, Failure, Header, Item, OnConflict, OperationId, Request, Signal, Timestamp, WAIT_FOREVER,
};
use std::sync::Arc;
use std::time::{Duration, Instant};

const HOUR: u64 = 3600;

/// A server without sockets, on a clock of the test's.
struct Scene {
    shared: Arc<SharedState>,
    grant: Arc<Grant>,
    waker: Waker,
}

impl Scene {
    fn new() -> Self {
        let (max_hold, fsync) = (Duration::from_secs(HOUR), Fsync::None);
        let options = ServerOptions { max_hold, fsync, ..ServerOptions::default() };
        let grant = Arc::new(Grant::unlimited(Arc::new(MemoryStore::new()), &options));
        Self { shared: Arc::new(SharedState::new(options)), grant, waker: Waker::new().unwrap() }
    }

    fn peer(&self, session: u64) -> Peer {
        let presence = Presence::new(Instant::now(), None);
        let (client, address) = (format!("client {session}"), "192.0.2.1:1".to_owned());
        Peer { session, client, address, network: None, identity: None, presence, grant: Arc::clone(&self.grant) }
    }

    fn session(&self, number: u64) -> Talk {
        let session =
            Session::new(Arc::clone(&self.shared), self.peer(number), self.waker.clone(), DigestKind::default());
        Talk { session, started: 0, seconds: 0 }
    }

    fn holders(&self) -> Vec<String> {
        self.shared
            .leases
            .told(Instant::now(), &remofile_protocol::path::RemotePath::root(), None)
            .holders
            .into_iter()
            .map(|holder| holder.client)
            .collect()
    }
}

/// A session, and a peer that answers every ping.
struct Talk {
    session: Session,
    started: u64,
    seconds: u64,
}

impl Talk {
    fn now(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    fn hear(&mut self, header: Header, payload: &[u8]) {
        self.session.receive(self.now(), header, payload).unwrap();
    }

    fn request(&mut self, request: Request) -> OperationId {
        self.started += 1;
        let operation = OperationId(self.started);
        self.hear(Header { operation, body: Body::Request(request), wait_milliseconds: WAIT_FOREVER }, &[]);
        operation
    }

    fn signal(&mut self, operation: OperationId, signal: Signal) {
        self.hear(Header::signal(operation, signal), &[]);
    }

    /// Returns everything that the session says now.
    fn said(&mut self) -> Vec<(OperationId, Signal)> {
        let (mut said, mut payload) = (Vec::new(), Vec::new());
        loop {
            let mut message = MessageWriter::new(&mut payload, 0, 1 << 20);
            match self.session.produce(self.now(), &mut message).unwrap() {
                Turn::Message(Header { operation, body: Body::Signal(signal), .. }) => said.push((operation, signal)),
                Turn::Message(other) => panic!("{other:?}"),
                Turn::Work => {}
                Turn::Nothing if self.session.await_work() => {}
                Turn::Nothing => return said,
            }
        }
    }

    /// Lets time pass, in which the peer answers pings and nothing else; how operations failed meanwhile.
    fn pass(&mut self, seconds: u64) -> Vec<(OperationId, Failure)> {
        let mut failed = Vec::new();
        let end = self.seconds + seconds;
        loop {
            self.session.woken(self.now());
            if self.session.next_timeout().is_some_and(|at| at <= self.now()) {
                self.session.handle_timeout(self.now()).unwrap();
            }
            for (operation, signal) in self.said() {
                match signal {
                    Signal::Ping => self.signal(OperationId::SESSION, Signal::Pong),
                    Signal::Failed { failure } => failed.push((operation, failure)),
                    _ => {}
                }
            }
            if self.seconds >= end {
                return failed;
            }
            self.seconds += 1;
        }
    }
}

fn expired(failed: &[(OperationId, Failure)]) -> Vec<OperationId> {
    assert!(failed.iter().all(|(_, failure)| failure.code == ErrorCode::LeaseExpired), "{failed:?}");
    failed.iter().map(|(operation, _)| *operation).collect()
}

#[test]
fn a_hold_that_only_answers_pings_loses_the_lease_and_who_waits_gets_it() {
    let scene = Scene::new();
    let (mut idler, mut other) = (scene.session(1), scene.session(2));
    let hold = idler.request(Request::Hold { write: true, paths: Vec::new() });
    other.request(Request::Hold { write: true, paths: Vec::new() });
    assert!(idler.pass(HOUR - 1).is_empty());
    assert!(other.pass(HOUR - 1).is_empty());
    assert_eq!(scene.holders(), ["client 1"]);
    let failed = idler.pass(1);
    assert_eq!(expired(&failed), [hold]);
    let sentence = failed[0].1.to_string();
    assert_eq!(
        sentence,
        "the server ended it because it made no progress for too long; run the command again (its '--max-hold' is 3600 s)"
    );
    // It has waited for nearly as long, and has its own hour from now on.
    assert!(other.pass(HOUR - 1).is_empty());
    assert_eq!(scene.holders(), ["client 2"]);
    assert_eq!(other.pass(1).len(), 1);
    assert!(scene.holders().is_empty());
}

#[test]
fn a_hold_under_which_other_operations_run_keeps_the_lease() {
    let scene = Scene::new();
    let mut busy = scene.session(1);
    let hold = busy.request(Request::Hold { write: true, paths: Vec::new() });
    for number in 0..5 {
        assert!(busy.pass(HOUR - 1).is_empty());
        busy.request(Request::CreateFile { path: format!("/{number}").parse().unwrap(), update: false });
    }
    assert!(busy.pass(HOUR - 1).is_empty());
    // What needs no lease is no progress: whoever asks for the state of the server does nothing in it.
    busy.request(Request::Status);
    assert_eq!(expired(&busy.pass(1)), [hold]);
}

#[test]
fn an_upload_that_stands_still_ends_and_what_can_be_resumed_is_kept() {
    let scene = Scene::new();
    let mut stalled = scene.session(1);
    let destination = "/".parse().unwrap();
    let upload = stalled.request(Request::Upload {
        destination,
        on_conflict: OnConflict::Abort,
        names: None,
        group: None,
        claims: None,
    });
    let modified = Some(Timestamp::new(1_700_000_000, 5));
    let begin = Item::Begin {
        path: "f".into(),
        size: Some(2 << 20),
        modified,
        mode: None,
        rule: None,
        offset: 0,
        replaces: None,
    };
    stalled.signal(upload, Signal::Data { items: vec![begin] });
    for _ in 0..3 {
        assert!(stalled.pass(HOUR - 1).is_empty());
        let data = Signal::Data { items: vec![Item::Data { length: 4096 }] };
        stalled.hear(Header::signal(upload, data), &[7; 4096]);
    }
    assert!(stalled.pass(HOUR - 1).is_empty());
    assert_eq!(expired(&stalled.pass(1)), [upload]);
    let kept: Vec<String> =
        scene.grant.store.partials().unwrap().into_iter().map(|partial| partial.path.to_string()).collect();
    assert_eq!(kept, ["/f"]);
    // What it still sends meanwhile is dropped, and the session is of use.
    stalled.hear(Header::signal(upload, Signal::Data { items: vec![Item::Data { length: 1 }] }), &[7]);
    stalled.request(Request::CreateFile { path: "/g".parse().unwrap(), update: false });
    assert!(stalled.pass(0).is_empty());
}

#[test]
fn what_a_client_takes_nothing_of_ends() {
    let scene = Scene::new();
    let mut stalled = scene.session(1);
    for name in ["/a", "/b"] {
        stalled.request(Request::CreateFile { path: name.parse().unwrap(), update: false });
    }
    let download = stalled.request(Request::Download {
        sources: vec!["/a".parse().unwrap()],
        recursive: false,
        total: false,
        credit: 0,
        selection: None,
        send_options: None,
    });
    assert!(stalled.pass(HOUR - 1).is_empty());
    // Credit that is granted and used is progress.
    stalled.signal(download, Signal::Credit { bytes: 1 });
    assert_eq!(expired(&stalled.pass(HOUR)), [download]);
    assert!(scene.holders().is_empty());
}

#[test]
fn a_transfer_of_protocol_1_is_not_kept_alive_by_listings() {
    let scene = Scene::new();
    let mut session = protocol1::Session::new(Arc::clone(&scene.shared), scene.peer(1));
    let mut ask = |seconds: u64, request: Request1<'_>| {
        let now = Duration::from_secs(seconds);
        if session.next_timeout().is_some_and(|at| at <= now) {
            session.handle_timeout(now);
        }
        Response::decode(&session.answer(now, &request.encode())).unwrap().into_owned()
    };
    let root = || Directory::new("/");
    let upload = || Request1::UploadFile { name: "f".into(), directory: root(), file_size: 4096, chunk_size: 512 };
    let chunk = || Request1::SendChunk { data: vec![7; 512].into() };
    assert_eq!(ask(0, upload()), Response::TransferAccepted { file_size: None });
    for seconds in (10..HOUR).step_by(10) {
        assert!(matches!(ask(seconds, Request1::ListFiles { directory: root() }), Response::FilesListed(_)));
    }
    assert_eq!(scene.holders(), ["client 1"]);
    assert_eq!(ask(HOUR - 1, chunk()), Response::ChunkReceived);
    for seconds in (HOUR..2 * HOUR - 1).step_by(10) {
        assert!(matches!(ask(seconds, Request1::ListFiles { directory: root() }), Response::FilesListed(_)));
    }
    assert_eq!(ask(2 * HOUR - 1, chunk()), Response::BadRequest, "its hour is over, though it was never silent");
    assert!(scene.holders().is_empty());
}
