//! Looks at a store whose answers may take longer than a client waits for a word.

use super::disk::{answers, said};
use super::flushes::await_end;
use super::*;
use crate::store::{StagePlan, WriteStore};
use remofile_protocol::hash::HashAlgorithm;
use remofile_protocol::wire::ToSign;

/// Calls that wait while their gates are closed.
const CALLS: [StoreCall; 4] = [StoreCall::Stat, StoreCall::Walk, StoreCall::Open, StoreCall::Read];

fn scene() -> Scene {
    Scene::of(Faulty::new(store()).distant(), unflushed())
}

fn store() -> Arc<MemoryStore> {
    let store = MemoryStore::new();
    store.make_directory(&at("d"), false, false).unwrap();
    for (name, bytes) in [("d/a", 10), ("d/b", 3 * MIB), ("c", 70_000)] {
        let path = at(name);
        let directory = store.directory(&path.parent().unwrap()).unwrap();
        let mut staged = directory.stage(&path.file_name().unwrap(), &StagePlan::default()).unwrap();
        let content: Vec<u8> = (0..bytes).map(|number| (number % 251) as u8).collect();
        staged.write(&content).unwrap();
        staged.commit().unwrap();
    }
    Arc::new(store)
}

fn at(name: &str) -> RemotePath {
    root().join(name).unwrap()
}

fn read(name: &str, credit: u64) -> Request {
    Request::Read { path: at(name), offset: 0, length: u64::MAX, version: None, credit, growing: None }
}

fn download_of(credit: u64, selection: Option<Selection>) -> Request {
    Request::Download {
        sources: vec![root()],
        recursive: true,
        total: selection.is_none(),
        credit,
        selection,
        send_options: None,
    }
}

fn looks() -> Vec<Request> {
    let sources = || vec![root()];
    let (path, attributes) = (at("d"), AttributeSet::NONE);
    vec![
        Request::Stat { path: at("c") },
        Request::Stat { path: at("missing") },
        Request::Look { path: at("c") },
        Request::List { path, recursive: true, rules: Vec::new(), targets: false, unflushed: true, extras: false },
        Request::Find { sources: sources(), recursive: true, selection: None, digests: false, attributes },
        Request::Find { sources: sources(), recursive: true, selection: None, digests: true, attributes },
        Request::Hash { sources: sources(), recursive: true, selection: None, algorithm: HashAlgorithm::Sha256 },
        Request::Sign {
            files: vec![ToSign { path: at("d/b"), block_bytes: 4096, seed: 7, parts: Vec::new(), undigested: false }],
        },
        Request::Survey { destination: root(), names: vec!["d".to_owned()], unflushed: true },
        read("c", 16 * MIB),
        read("missing", 16 * MIB),
        download_of(16 * MIB, None),
    ]
}

/// The bodies and payloads of all messages until an operation ends. Credit comes whenever nothing else does.
fn conversation(session: &mut Session, number: u64) -> (Vec<String>, Vec<u8>) {
    let (mut told, mut all, mut payload) = (Vec::new(), Vec::new(), Vec::new());
    loop {
        let mut message = MessageWriter::new(&mut payload, 0, DEFAULT_PAYLOAD_BYTES as usize);
        let turn = session.produce(NOW, &mut message).unwrap();
        let bytes = message.payload_bytes();
        match turn {
            Turn::Message(header) => {
                all.extend_from_slice(&payload[..bytes]);
                let ends = matches!(header.body, Body::Signal(Signal::Done { .. } | Signal::Failed { .. }));
                told.push(format!("{:?}", header.body));
                if ends {
                    return (told, all);
                }
            }
            Turn::Work => {}
            Turn::Nothing if session.await_work() => {}
            Turn::Nothing => tell(session, number, Signal::Credit { bytes: 100_000 }),
        }
    }
}

#[test]
fn pings_are_answered_while_a_look_waits_for_a_distant_store() {
    for request in looks() {
        let scene = scene();
        let gates = CALLS.map(|call| scene.faults.gate(call));
        let closed = gates.each_ref().map(|gate| gate.lock().unwrap());
        let mut session = scene.session(1);
        ask(&mut session, 1, request.clone());
        for _ in 0..3 {
            assert!(answers(&mut session), "{request:?}");
        }
        assert!(session.operations[&OperationId(1)].is_away(), "{request:?}");
        drop(closed);
        let is_missing = format!("{request:?}").contains("missing");
        assert_eq!(await_end(&mut session, 1).is_err(), is_missing, "{request:?}");
    }
}

#[test]
fn a_distant_store_is_told_as_one_that_is_near() {
    let requests = looks().into_iter().chain([read("d/b", 70_000), download_of(70_000, None)]);
    for request in requests {
        let store = store();
        let of = |store: Faulty| {
            let mut session = Scene::of(store, unflushed()).session(1);
            ask(&mut session, 1, request.clone());
            conversation(&mut session, 1)
        };
        let (near, near_bytes) = of(Faulty::new(Arc::clone(&store) as Arc<dyn Store>));
        let (distant, distant_bytes) = of(Faulty::new(store).distant());
        // How much is in one message is a matter of time.
        assert_eq!(near.last(), distant.last(), "{request:?}");
        assert!(near_bytes == distant_bytes, "{request:?}");
    }
}

#[test]
fn a_download_at_a_limited_rate_from_a_distant_store_goes_on_when_its_time_has_come() {
    let mut session = scene().session(1);
    let mut request = download_of(16 * MIB, None);
    if let Request::Download { send_options, .. } = &mut request {
        *send_options = Some(SendOptions { bytes_per_second: Some(MIB), ..SendOptions::default() });
    }
    ask(&mut session, 1, request);
    let (mut now, mut payload) = (NOW, Vec::new());
    loop {
        let mut message = MessageWriter::new(&mut payload, 0, DEFAULT_PAYLOAD_BYTES as usize);
        match session.produce(now, &mut message).unwrap() {
            Turn::Message(Header { body: Body::Signal(Signal::Done { .. }), .. }) => break,
            Turn::Message(_) | Turn::Work => {}
            Turn::Nothing if session.await_work() => {}
            Turn::Nothing => {
                let ready_at = session.operations.values().filter_map(Running::ready_at).min().unwrap();
                assert!(ready_at > now, "its time has come, and nothing is done");
                now = ready_at;
            }
        }
    }
    assert!(now >= Duration::from_secs(2), "3 MiB were sent in {now:?}");
}

#[test]
fn sources_that_are_named_while_a_distant_store_is_looked_at_are_sent() {
    let scene = scene();
    let gate = scene.faults.gate(StoreCall::Stat);
    let closed = gate.lock().unwrap();
    let mut session = scene.session(1);
    let selection = Selection { one_by_one: true, ..Selection::default() };
    ask(&mut session, 1, download_of(16 * MIB, Some(selection)));
    let named = |name: &str| Selected {
        path: at(name),
        name: name.replace('/', "-"),
        known: None,
        as_link: false,
        parts: Vec::new(),
    };
    for name in ["c", "d/a"] {
        assert!(answers(&mut session));
        tell(&mut session, 1, Signal::Select { files: vec![named(name)] });
    }
    tell(&mut session, 1, Signal::Unwanted { path: "d-a".to_owned() });
    tell(&mut session, 1, Signal::Finish);
    drop(closed);
    let (told, _) = conversation(&mut session, 1);
    for name in ["c", "d-a"] {
        assert!(told.iter().any(|body| body.contains(&format!("path: {name:?}"))), "{told:?}");
    }
}

#[test]
fn a_session_changes_and_looks_at_other_things_while_a_look_waits() {
    for is_cancelled in [false, true] {
        let scene = scene();
        let gate = scene.faults.gate(StoreCall::Open);
        let closed = gate.lock().unwrap();
        let mut session = scene.session(1);
        ask(&mut session, 1, read("c", 16 * MIB));
        said(&mut session);
        if is_cancelled {
            tell(&mut session, 1, Signal::Cancel);
        }
        ask(&mut session, 2, Request::MakeDirectory { path: at("new"), update: false, parents: false });
        ask(&mut session, 3, Request::Stat { path: at("c") });
        let mut ended = Vec::new();
        while ended.len() < 2 {
            let is_end = |body: &Body| matches!(body, Body::Signal(Signal::Done { .. }));
            ended.extend(said(&mut session).into_iter().filter(|header| is_end(&header.body)));
        }
        assert!(scene.has("/new") && ended.iter().all(|header| header.operation != OperationId(1)), "{ended:?}");
        drop(closed);
        assert_eq!(await_end(&mut session, 1).is_err(), is_cancelled);
    }
}

#[test]
fn a_server_that_stops_does_not_wait_for_a_look() {
    let scene = scene();
    let gate = scene.faults.gate(StoreCall::Open);
    let closed = gate.lock().unwrap();
    let mut session = scene.session(1);
    ask(&mut session, 1, read("c", 16 * MIB));
    ask(&mut session, 2, read("d/a", 16 * MIB));
    tell(&mut session, 2, Signal::Cancel);
    said(&mut session);
    scene.shared.stopping.store(true, Ordering::Release);
    session.woken(NOW);
    let ended = said(&mut session);
    let is_told =
        |header: &Header| header.operation == OperationId(1) && format!("{:?}", header.body).contains("ShuttingDown");
    assert!(ended.iter().any(is_told), "{ended:?}");
    drop(closed);
}

#[test]
fn changes_of_one_session_are_made_side_by_side_unless_their_paths_meet() {
    let scene = scene();
    let gate = scene.faults.gate(StoreCall::Remove);
    let closed = gate.lock().unwrap();
    let mut session = scene.session(1);
    // The third needs what the first removes to be gone, and the last comes behind that.
    for (number, path, recursive) in [(1, "d/a", false), (2, "c", false), (3, "d", true), (4, "d/b", false)] {
        ask(&mut session, number, Request::Remove { path: at(path), recursive });
        said(&mut session);
    }
    let away =
        |session: &Session| [1, 2, 3, 4].map(|number| session.operations[&OperationId(number)].is_working_away());
    assert_eq!(away(&session), [true, true, false, false]);
    drop(closed);
    assert_eq!(await_end(&mut session, 4).unwrap_err().code, ErrorCode::NotFound);
}
