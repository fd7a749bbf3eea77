//! The memory that a client can make a session hold.

mod disk;
mod distant;
mod flushes;
mod former;
mod given_up;
mod withdrawn;

use super::*;
use crate::carrier::MessageWriter;
use crate::server::options::ServerOptions;
use crate::server::presence::Presence;
use crate::server::principal::Grant;
use crate::store::{Faults, Faulty, Fsync, MemoryStore, Store, StoreCall};
use remofile_protocol::limits::{CREDIT_WINDOW_BYTES, ITEMS_WINDOW_BYTES};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{AttributeSet, Body, Done, Item, OnConflict, Selected, Selection, SendOptions, Signal};
use std::collections::BTreeMap;

const MIB: u64 = 1024 * 1024;
const NOW: Duration = Duration::ZERO;

/// Options of a server that flushes nothing, so that operations end without another thread.
fn unflushed() -> ServerOptions {
    ServerOptions { fsync: Fsync::None, ..ServerOptions::default() }
}

struct Scene {
    faults: Arc<Faults>,
    shared: Arc<SharedState>,
    grant: Arc<Grant>,
}

impl Scene {
    fn new(session_memory: u64) -> Self {
        Self::with(ServerOptions { session_memory, ..unflushed() })
    }

    fn with(options: ServerOptions) -> Self {
        Self::over(Arc::new(MemoryStore::new()), options)
    }

    fn over(store: Arc<dyn Store>, options: ServerOptions) -> Self {
        Self::of(Faulty::new(store), options)
    }

    fn of(store: Faulty, options: ServerOptions) -> Self {
        let faults = Arc::clone(store.faults());
        let grant = Grant::unlimited(Arc::new(store), &options);
        Self { faults, shared: Arc::new(SharedState::new(options)), grant: Arc::new(grant) }
    }

    fn has(&self, path: &str) -> bool {
        self.grant.store.stat(&path.parse().unwrap()).is_ok()
    }

    fn session(&self, number: u64) -> Session {
        let presence = Presence::new(Instant::now(), None);
        let grant = Arc::clone(&self.grant);
        let peer = Peer {
            session: number,
            client: "c".to_owned(),
            address: "a".to_owned(),
            network: None,
            identity: None,
            presence,
            grant,
        };
        Session::new(Arc::clone(&self.shared), peer, Waker::new().unwrap(), DigestKind::Xxh3)
    }
}

impl Session {
    /// Waits until what is on other threads is back, but for flushes; whether there was something.
    pub(in crate::server) fn await_work(&self) -> bool {
        let leaving = || self.leaving.iter().filter(|leaving| leaving.is_changing);
        let has_work = leaving().next().is_some()
            || self.operations.values().any(|running| running.is_away() && !running.is_flushing());
        self.operations.values().for_each(Running::await_back);
        leaving().for_each(|leaving| leaving.over.await_result());
        has_work
    }
}

fn root() -> RemotePath {
    RemotePath::root()
}

fn upload(group: Option<u64>) -> Request {
    Request::Upload { destination: root(), on_conflict: OnConflict::Replace, names: None, group, claims: None }
}

fn download(send_options: Option<SendOptions>, selection: Option<Selection>) -> Request {
    Request::Download { sources: vec![root()], recursive: true, total: false, credit: 0, selection, send_options }
}

fn ask(session: &mut Session, number: u64, request: Request) {
    let header = Header { operation: OperationId(number), body: Body::Request(request), wait_milliseconds: 60_000 };
    session.receive(NOW, header, [].as_slice()).unwrap();
}

fn tell(session: &mut Session, number: u64, signal: Signal) {
    session.receive(NOW, Header::signal(OperationId(number), signal), [].as_slice()).unwrap();
}

/// Returns all that a session says until it has nothing to say: the outcomes of operations, and the credit that
/// they got.
fn listen(session: &mut Session) -> (BTreeMap<u64, Result<Done, Failure>>, BTreeMap<u64, u64>) {
    let (mut ended, mut granted) = (BTreeMap::new(), BTreeMap::new());
    let mut payload = Vec::new();
    loop {
        let mut message = MessageWriter::new(&mut payload, 0, DEFAULT_PAYLOAD_BYTES as usize);
        let header = match session.produce(NOW, &mut message).unwrap() {
            Turn::Message(header) => header,
            Turn::Work => continue,
            Turn::Nothing if session.await_work() => continue,
            Turn::Nothing => return (ended, granted),
        };
        let id = header.operation.0;
        match header.body {
            Body::Signal(Signal::Done { done }) => drop(ended.insert(id, Ok(done))),
            Body::Signal(Signal::Failed { failure }) => drop(ended.insert(id, Err(failure))),
            Body::Signal(Signal::Credit { bytes }) => *granted.entry(id).or_default() += bytes,
            _ => {}
        }
    }
}

fn is_refused(outcome: &Result<Done, Failure>) -> bool {
    let Err(failure) = outcome else { return false };
    failure.code == ErrorCode::OutOfResources && failure.to_string().contains("'--session-memory'")
}

#[test]
fn waiting_uploads_hold_no_more_than_the_session_may() {
    let scene = Scene::new(16 * MIB);
    let (mut first, mut second) = (scene.session(1), scene.session(2));
    ask(&mut first, 1, upload(None));
    for number in 1..=64 {
        ask(&mut second, number, upload(None));
        // Three bytes each on the wire, and all that the initial credit allows.
        let items = vec![Item::Hole { length: 0 }; 32_000];
        tell(&mut second, number, Signal::Data { items });
    }
    let budget = second.accounts.budget();
    assert!(budget.most() <= 16 * MIB && budget.used() > 8 * MIB, "{budget:?}");
    let (ended, _) = listen(&mut second);
    assert!(ended.len() > 50 && ended.values().all(is_refused), "{ended:?}");
    // Those that had room go on when they get their lease: what they sent makes no sense.
    drop(first);
    scene.shared.pool.drain();
    second.woken(NOW);
    let (ended, _) = listen(&mut second);
    let code = |outcome: &Result<Done, Failure>| outcome.as_ref().unwrap_err().code;
    assert!(!ended.is_empty() && ended.values().all(|outcome| code(outcome) == ErrorCode::BadRequest), "{ended:?}");
    drop(second);
    assert_eq!(scene.shared.memory.used(), 0);
}

#[test]
fn sources_that_wait_to_be_sent_count() {
    let scene = Scene::new(4 * MIB);
    let mut session = scene.session(1);
    let selection = Selection { one_by_one: true, ..Selection::default() };
    let mut refused = 0;
    for number in 1..=8 {
        ask(&mut session, number, download(None, Some(selection.clone())));
        let selected = Selected { path: root(), name: "a".to_owned(), known: None, as_link: false, parts: Vec::new() };
        tell(&mut session, number, Signal::Select { files: vec![selected; 10_000] });
        refused += listen(&mut session).0.values().filter(|outcome| is_refused(outcome)).count();
    }
    assert!(refused >= 4, "{refused}");
    assert!(session.accounts.budget().most() <= 4 * MIB);
}

#[test]
fn downloads_that_compress_are_no_more_than_there_is_memory_for() {
    let scene = Scene::new(16 * MIB);
    let mut session = scene.session(1);
    let send_options = SendOptions { compress_level: Some(19), ..SendOptions::default() };
    for number in 1..=256 {
        ask(&mut session, number, download(Some(send_options), None));
    }
    let (ended, _) = listen(&mut session);
    let refused = ended.values().filter(|outcome| is_refused(outcome)).count();
    assert_eq!(refused, 254);
    assert!(session.accounts.budget().most() <= 16 * MIB);
}

#[test]
fn rules_count_as_what_is_made_of_them() {
    let scene = Scene::new(16 * MIB);
    let mut session = scene.session(1);
    let rules = vec!["*a".to_owned(); 20_000];
    ask(
        &mut session,
        1,
        Request::List {
            path: root(),
            recursive: true,
            rules: rules.clone(),
            targets: false,
            unflushed: false,
            extras: false,
        },
    );
    let selection = Selection { rules, ..Selection::default() };
    ask(
        &mut session,
        2,
        Request::Find {
            sources: vec![root()],
            recursive: true,
            selection: Some(selection),
            digests: false,
            attributes: AttributeSet::NONE,
        },
    );
    let (ended, _) = listen(&mut session);
    assert!(ended.len() == 2 && ended.values().all(is_refused), "{ended:?}");
    assert!(session.accounts.budget().most() < 4096, "refused before anything is made of them");
}

#[test]
fn windows_are_as_wide_as_the_budget_allows() {
    let scene = Scene::new(48 * MIB);
    let mut session = scene.session(1);
    for number in 1..=64 {
        ask(&mut session, number, upload(Some(7)));
    }
    let (ended, granted) = listen(&mut session);
    assert_eq!((ended.len(), granted.len()), (0, 64), "all have begun");
    let narrow = ITEMS_WINDOW_BYTES - INITIAL_CREDIT_BYTES;
    assert_eq!(granted[&1], narrow, "the first has all that it gets before content comes");
    let total: u64 = granted.values().sum();
    assert!(total <= 48 * MIB + 64 * (LEAST_WINDOW_BYTES - INITIAL_CREDIT_BYTES), "{total}");
    assert!(session.accounts.budget().most() <= 48 * MIB);
    // What the first leaves, another gets as soon as it goes on.
    tell(&mut session, 1, Signal::Cancel);
    listen(&mut session);
    tell(&mut session, 64, Signal::Data { items: vec![Item::Directory { path: "d".to_owned(), mode: None }] });
    assert!(listen(&mut session).1[&64] > MIB);
    assert!(scene.has("/d"));
}

#[test]
fn a_window_is_wide_once_content_comes() {
    let scene = Scene::new(48 * MIB);
    let mut session = scene.session(1);
    ask(&mut session, 1, upload(Some(7)));
    assert_eq!(listen(&mut session).1[&1], ITEMS_WINDOW_BYTES - INITIAL_CREDIT_BYTES);
    let begin = Item::Begin {
        path: "f".to_owned(),
        size: Some(4 * MIB),
        modified: None,
        mode: None,
        rule: None,
        offset: 0,
        replaces: None,
    };
    tell(&mut session, 1, Signal::Data { items: vec![begin] });
    assert!(listen(&mut session).1[&1] >= CREDIT_WINDOW_BYTES - ITEMS_WINDOW_BYTES);
}

#[test]
fn sessions_share_what_the_server_has() {
    let scene = Scene::new(64 * MIB);
    let server = Arc::clone(&scene.shared.memory);
    let mut hog = crate::budget::Reservation::new(&server);
    hog.resize(scene.shared.options.server_memory).unwrap();
    let mut session = scene.session(1);
    ask(&mut session, 1, Request::Stat { path: root() });
    let (ended, _) = listen(&mut session);
    let told = ended[&1].as_ref().unwrap_err().to_string();
    assert!(told.contains("'--server-memory'"), "{told}");
    drop(hog);
    ask(&mut session, 2, Request::Stat { path: root() });
    assert!(listen(&mut session).0[&2].is_ok());
}

#[test]
fn a_directory_named_again_and_again_is_held_once() {
    let scene = Scene::new(4 * MIB);
    let mut session = scene.session(1);
    ask(&mut session, 1, upload(None));
    let mut most = 0;
    for mode in [0o755, 0o500] {
        for _ in 0..20 {
            let items = vec![Item::Directory { path: "d".to_owned(), mode: Some(mode) }; 1_000];
            tell(&mut session, 1, Signal::Data { items });
            listen(&mut session);
        }
        most = most.max(session.operations[&OperationId(1)].memory_bytes());
    }
    assert!(most < 4096, "{most}");
    tell(&mut session, 1, Signal::Finish);
    let (ended, _) = listen(&mut session);
    assert_eq!(ended[&1].as_ref().unwrap().directories, 40_000);
    let store = &scene.grant.store;
    assert_eq!(store.stat(&"/d".parse().unwrap()).unwrap().mode, Some(0o500));
    store.set_mode(&"/d".parse().unwrap(), 0o700).unwrap();
}
