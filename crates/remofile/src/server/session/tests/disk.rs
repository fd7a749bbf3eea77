//! Operations whose disk takes its time: their session goes on meanwhile, and their lease stays until they are over.

#![expect(clippy::disallowed_methods, reason = "tests look at the disk themselves")]

use super::flushes::await_end;
use super::*;
use crate::store::faults::gate;
use crate::store::{LocalStore, StoreOptions};
use crate::transfer::LONGEST_WAIT;
use std::ops::Deref;
use tempfile::TempDir;

/// A scene on a real directory.
struct SlowScene {
    scene: Scene,
    root: TempDir,
}

impl Deref for SlowScene {
    type Target = Scene;

    fn deref(&self) -> &Scene {
        &self.scene
    }
}

/// A scene in which every change of the root waits for a gate, once it is closed.
fn slow_scene() -> SlowScene {
    let root = tempfile::tempdir().unwrap();
    let fsync = Fsync::Each;
    let store = LocalStore::open(root.path(), StoreOptions { fsync, ..StoreOptions::default() }).unwrap();
    let scene = Scene::over(Arc::new(store), ServerOptions { fsync, ..unflushed() });
    let scene = SlowScene { scene, root };
    for name in ["tree/a", "tree/b", "gone", "edited"] {
        let path = scene.root.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, name).unwrap();
    }
    scene
}

fn at(name: &str) -> RemotePath {
    root().join(name).unwrap()
}

/// Returns what a session says at once, without waiting for other threads.
pub(super) fn said(session: &mut Session) -> Vec<Header> {
    let (mut said, mut payload) = (Vec::new(), Vec::new());
    loop {
        let mut message = MessageWriter::new(&mut payload, 0, DEFAULT_PAYLOAD_BYTES as usize);
        match session.produce(NOW, &mut message).unwrap() {
            Turn::Message(header) => said.push(header),
            Turn::Work => {}
            Turn::Nothing => return said,
        }
    }
}

/// Reports whether a session answers a ping now.
pub(super) fn answers(session: &mut Session) -> bool {
    tell(session, 0, Signal::Ping);
    said(session).iter().any(|header| matches!(header.body, Body::Signal(Signal::Pong)))
}

pub(super) fn file_items(path: &str) -> Vec<Item> {
    let begin = Item::Begin {
        path: path.into(),
        size: Some(0),
        modified: None,
        mode: None,
        rule: None,
        offset: 0,
        replaces: None,
    };
    vec![begin, Item::End { digest: remofile_protocol::digest::Digester::of(DigestKind::Xxh3).finish() }]
}

#[test]
fn pings_are_answered_while_a_change_waits_for_the_disk() {
    let (update, parents) = (false, false);
    let requests = [
        Request::MakeDirectory { path: at("d"), update, parents },
        Request::CreateFile { path: at("f"), update },
        Request::Remove { path: at("gone"), recursive: false },
        Request::Remove { path: at("tree"), recursive: true },
        Request::Move { source: at("edited"), destination: at("moved"), replace: false },
    ];
    for request in requests {
        let scene = slow_scene();
        let gate = gate(scene.root.path());
        let closed = gate.lock().unwrap();
        let mut session = scene.session(1);
        ask(&mut session, 1, request.clone());
        said(&mut session);
        assert!(session.operations[&OperationId(1)].is_working_away(), "{request:?}");
        assert!(answers(&mut session), "{request:?}");
        drop(closed);
        assert!(await_end(&mut session, 1).is_ok(), "{request:?}");
    }
}

#[test]
fn pings_are_answered_and_messages_taken_while_an_upload_waits_for_the_disk() {
    let scene = slow_scene();
    let gate = gate(scene.root.path());
    let closed = gate.lock().unwrap();
    let mut session = scene.session(1);
    ask(&mut session, 1, upload(None));
    let remove = |path: &str| Item::Remove { path: path.to_owned() };
    tell(&mut session, 1, Signal::Data { items: [file_items("new"), vec![remove("gone")]].concat() });
    said(&mut session);
    assert!(answers(&mut session));
    // More comes, and waits within its credit.
    tell(&mut session, 1, Signal::Data { items: vec![remove("edited"), remove("missing")] });
    tell(&mut session, 1, Signal::Finish);
    assert!(answers(&mut session) && scene.root.path().join("edited").exists());
    assert!(session.operations[&OperationId(1)].memory_bytes() > 0);
    drop(closed);
    assert_eq!(await_end(&mut session, 1).unwrap().files, 1);
    let exists = |name: &str| scene.root.path().join(name).exists();
    assert!(exists("new") && !exists("gone") && !exists("edited"));
}

#[test]
fn what_a_quick_disk_takes_is_stored_as_it_comes_and_not_on_another_thread() {
    let scene = Scene::new(16 * MIB);
    let mut session = scene.session(1);
    ask(&mut session, 1, upload(None));
    assert!(listen(&mut session).0.is_empty(), "it is open");
    tell(&mut session, 1, Signal::Data { items: file_items("new") });
    assert!(scene.has("/new") && !session.operations[&OperationId(1)].is_away());
    tell(&mut session, 1, Signal::Finish);
    assert_eq!(await_end(&mut session, 1).unwrap().files, 1);
}

#[test]
fn many_deletions_are_done_in_slices_between_which_their_client_hears_of_them() {
    const FILES: usize = 3_000;
    let scene = slow_scene();
    (0..FILES).for_each(|number| drop(std::fs::write(scene.root.path().join(number.to_string()), "")));
    let mut session = scene.session(1);
    ask(&mut session, 1, upload(None));
    let remove = |number: usize| Item::Remove { path: number.to_string() };
    // All of them in one message, and as many that are not there.
    tell(&mut session, 1, Signal::Data { items: (0..2 * FILES).map(remove).collect() });
    tell(&mut session, 1, Signal::Finish);
    let (mut failed, mut turns) = (0, 0);
    loop {
        let headers = said(&mut session);
        failed +=
            headers.iter().filter(|header| matches!(header.body, Body::Signal(Signal::ItemFailed { .. }))).count();
        if headers.iter().any(|header| matches!(header.body, Body::Signal(Signal::Done { .. }))) {
            break;
        }
        assert!(answers(&mut session));
        turns += 1;
        session.await_work();
    }
    assert_eq!(failed, FILES);
    assert!(turns >= 1, "{turns}");
    assert_eq!(std::fs::read_dir(scene.root.path()).unwrap().count(), 3);
}

#[test]
fn what_is_cancelled_while_it_waits_for_the_disk_keeps_its_lease_and_is_told_when_it_is_over() {
    for is_dropped in [false, true] {
        let scene = slow_scene();
        let gate = gate(scene.root.path());
        let closed = gate.lock().unwrap();
        let mut session = scene.session(1);
        ask(&mut session, 1, upload(None));
        let remove = |path: &str| Item::Remove { path: path.to_owned() };
        tell(&mut session, 1, Signal::Data { items: vec![remove("gone"), remove("edited")] });
        said(&mut session);
        let mut other = scene.session(2);
        ask(&mut other, 1, Request::Hold { write: true, paths: Vec::new() });
        let mut cancelled = None;
        if is_dropped {
            drop(session);
        } else {
            tell(&mut session, 1, Signal::Cancel);
            assert!(answers(&mut session) && !session.is_idle());
            // Who is told can have the lease at once, over whatever session.
            cancelled = Some(session);
        }
        assert!(!scene.shared.leases.is_held(2, OperationId(1)), "something is still changed");
        drop(closed);
        flushes::await_call(&other.waker);
        assert!(scene.shared.leases.is_held(2, OperationId(1)));
        assert!(!scene.root.path().join("gone").exists(), "what had begun");
        let message = "what is cancelled is left, and of what is lost everything is stored that came";
        assert_eq!(scene.root.path().join("edited").exists(), !is_dropped, "{message}");
        if let Some(mut session) = cancelled {
            assert_eq!(await_end(&mut session, 1).unwrap_err().code, ErrorCode::Cancelled);
        }
    }
}

#[test]
fn a_session_changes_one_thing_at_a_time_and_reads_meanwhile() {
    let scene = slow_scene();
    let gate = gate(scene.root.path());
    let closed = gate.lock().unwrap();
    let mut session = scene.session(1);
    for (number, name) in [(1, "d"), (2, "d/e")] {
        ask(&mut session, number, Request::MakeDirectory { path: at(name), update: false, parents: false });
    }
    ask(&mut session, 3, Request::Stat { path: at("edited") });
    let ended = said(&mut session);
    assert!(ended.iter().any(|header| header.operation == OperationId(3)), "{ended:?}");
    drop(closed);
    assert!(await_end(&mut session, 2).is_ok(), "it comes behind the first");
}

#[test]
fn what_is_written_in_place_is_written_in_its_order() {
    let scene = slow_scene();
    let mut session = scene.session(1);
    let (version, length) = (None, None);
    ask(&mut session, 1, Request::Write { path: at("edited"), version, length, append: true, create: false });
    for number in 0..100 {
        let data = Signal::Data { items: vec![Item::Data { length: 2 }] };
        let bytes = format!("{number:02}");
        session.receive(NOW, Header::signal(OperationId(1), data), bytes.as_bytes()).unwrap();
    }
    tell(&mut session, 1, Signal::Finish);
    assert_eq!(await_end(&mut session, 1).unwrap().bytes, 200);
    let expected: String = (0..100).map(|number| format!("{number:02}")).collect();
    assert_eq!(std::fs::read_to_string(scene.root.path().join("edited")).unwrap(), format!("edited{expected}"));
}

#[test]
fn a_server_that_stops_waits_for_what_the_disk_has_begun() {
    let scene = slow_scene();
    let gate = gate(scene.root.path());
    let closed = gate.lock().unwrap();
    let mut session = scene.session(1);
    ask(&mut session, 1, Request::MakeDirectory { path: at("d"), update: false, parents: false });
    said(&mut session);
    scene.shared.stopping.store(true, Ordering::Release);
    let stopped = std::thread::spawn(move || {
        session.woken(NOW);
        assert!(session.is_done());
    });
    assert!(scene.shared.leases.is_held(1, OperationId(1)));
    drop(closed);
    stopped.join().unwrap();
    assert!(!scene.shared.leases.is_held(1, OperationId(1)));
}

#[test]
fn what_does_not_fit_an_operation_that_was_away_ends_it_at_once() {
    let scene = slow_scene();
    let gate = gate(scene.root.path());
    let closed = gate.lock().unwrap();
    let mut session = scene.session(1);
    ask(&mut session, 1, Request::Remove { path: at("tree"), recursive: true });
    said(&mut session);
    assert!(session.operations[&OperationId(1)].is_working_away());
    tell(&mut session, 1, Signal::Data { items: vec![Item::Hole { length: 0 }] });
    drop(closed);
    session.await_work();
    let said = said(&mut session);
    assert!(said.iter().any(|header| matches!(header.body, Body::Signal(Signal::Failed { .. }))), "{said:?}");
}

#[test]
fn what_a_lost_session_has_under_way_counts_until_it_is_over() {
    let scene = slow_scene();
    let gate = gate(scene.root.path());
    let closed = gate.lock().unwrap();
    let mut session = scene.session(1);
    ask(&mut session, 1, upload(None));
    let remove = |path: &str| Item::Remove { path: path.to_owned() };
    tell(&mut session, 1, Signal::Data { items: vec![remove("gone"); 1000] });
    said(&mut session);
    drop(session);
    assert!(scene.shared.memory.used() > 0, "who comes again and again makes the server hold ever more");
    drop(closed);
    scene.shared.pool.drain();
    assert_eq!(scene.shared.memory.used(), 0);
}

#[test]
fn no_operation_expires_while_one_that_was_cancelled_waits_for_the_disk() {
    let scene = slow_scene();
    let gate = gate(scene.root.path());
    let closed = gate.lock().unwrap();
    let mut session = scene.session(1);
    ask(&mut session, 1, Request::Hold { write: true, paths: Vec::new() });
    ask(&mut session, 2, Request::MakeDirectory { path: at("d"), update: false, parents: false });
    said(&mut session);
    tell(&mut session, 2, Signal::Cancel);
    let late = scene.shared.options.max_hold + Duration::from_secs(1);
    session.heard(late);
    session.handle_timeout(late).unwrap();
    assert!(session.operations.contains_key(&OperationId(1)), "the disk is slow, and not the client");
    drop(closed);
}

#[test]
fn a_complete_file_does_not_wait_long_for_others_and_stays_though_its_upload_is_cancelled() {
    let root = tempfile::tempdir().unwrap();
    let fsync = Fsync::End;
    let store = LocalStore::open(root.path(), StoreOptions { fsync, ..StoreOptions::default() }).unwrap();
    let scene = Scene::over(Arc::new(store), ServerOptions { fsync, ..unflushed() });
    let mut session = scene.session(1);
    ask(&mut session, 1, upload(None));
    tell(&mut session, 1, Signal::Data { items: file_items("one") });
    listen(&mut session);
    assert!(!scene.has("/one"), "it waits for a flush that others share");
    let due = session.next_timeout().unwrap();
    assert!(due <= LONGEST_WAIT);
    let mut payload = Vec::new();
    loop {
        let mut message = MessageWriter::new(&mut payload, 0, DEFAULT_PAYLOAD_BYTES as usize);
        let turn = session.produce(NOW + LONGEST_WAIT, &mut message).unwrap();
        if matches!(turn, Turn::Nothing) && !session.await_work() {
            break;
        }
    }
    assert!(scene.has("/one"));
    tell(&mut session, 1, Signal::Data { items: file_items("two") });
    listen(&mut session);
    assert!(!scene.has("/two"));
    tell(&mut session, 1, Signal::Cancel);
    listen(&mut session);
    assert!(scene.has("/two"));
}
