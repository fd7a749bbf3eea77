//! Operations whose flush takes its time, and sessions that end meanwhile.

use super::*;
use remofile_protocol::digest::Digester;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

fn flushing_scene() -> Scene {
    Scene::with(ServerOptions { fsync: Fsync::End, ..unflushed() })
}

fn make_directory(name: &str) -> Request {
    Request::MakeDirectory { path: format!("/{name}").parse().unwrap(), update: true, parents: false }
}

/// Makes an upload that stores a file and is cancelled before it ends.
fn break_off_an_upload(session: &mut Session, number: u64) {
    ask(session, number, upload(None));
    let begin = Item::Begin {
        path: format!("f{number}"),
        size: Some(0),
        modified: None,
        mode: None,
        rule: None,
        offset: 0,
        replaces: None,
    };
    let digest = Digester::of(DigestKind::Xxh3).finish();
    tell(session, number, Signal::Data { items: vec![begin, Item::End { digest }] });
    assert!(listen(session).0.is_empty());
    tell(session, number, Signal::Cancel);
    let (ended, _) = listen(session);
    assert_eq!(ended[&number].as_ref().unwrap_err().code, ErrorCode::Cancelled);
}

/// Waits until a session is called.
pub(super) fn await_call(waker: &Waker) {
    let soon = Timespec { tv_sec: 30, tv_nsec: 0 };
    assert_eq!(poll(&mut [PollFd::new(waker, PollFlags::IN)], Some(&soon)), Ok(1), "nobody called");
    waker.drain();
}

/// Waits until an operation has ended.
pub(super) fn await_end(session: &mut Session, number: u64) -> Result<Done, Failure> {
    loop {
        if let Some(outcome) = listen(session).0.remove(&number) {
            return outcome;
        }
        await_call(&session.waker);
    }
}

#[test]
fn a_session_that_goes_keeps_others_out_until_what_it_stored_is_flushed() {
    let scene = flushing_scene();
    let gate = scene.faults.gate(StoreCall::Sync);
    let closed = gate.lock().unwrap();
    let mut first = scene.session(1);
    break_off_an_upload(&mut first, 1);
    drop(first);
    let mut second = scene.session(2);
    ask(&mut second, 1, make_directory("d"));
    second.woken(NOW);
    listen(&mut second);
    assert!(!scene.has("/d"), "it does not wait for the flush");
    drop(closed);
    await_call(&second.waker);
    second.woken(NOW);
    assert!(await_end(&mut second, 1).is_ok());
    assert!(scene.has("/d"));
}

#[test]
fn who_begins_and_breaks_off_again_and_again_makes_one_thread() {
    let scene = flushing_scene();
    let (gate, before) = (scene.faults.gate(StoreCall::Sync), scene.faults.count(StoreCall::Sync));
    let closed = gate.lock().unwrap();
    let mut session = scene.session(1);
    (1..=50).for_each(|number| break_off_an_upload(&mut session, number));
    let mut second = scene.session(2);
    ask(&mut second, 1, Request::Hold { write: true, paths: Vec::new() });
    drop(closed);
    await_call(&second.waker);
    second.woken(NOW);
    assert!(scene.shared.leases.is_held(2, OperationId(1)));
    let flushes = scene.faults.count(StoreCall::Sync) - before;
    assert!(flushes <= 2, "{flushes}");
    assert!(!scene.grant.store.is_unflushed());
}

#[test]
fn the_end_of_a_change_that_failed_is_told_when_its_lease_is_free() {
    let scene = flushing_scene();
    let gate = scene.faults.gate(StoreCall::Sync);
    let closed = gate.lock().unwrap();
    let mut session = scene.session(1);
    break_off_an_upload(&mut session, 1);
    ask(&mut session, 2, make_directory("missing/d"));
    let told = listen(&mut session).0;
    assert!(told.is_empty(), "another client that begins now is refused: {told:?}");
    assert!(scene.shared.leases.is_held(1, OperationId(2)));
    ask(&mut session, 3, make_directory("d"));
    listen(&mut session);
    assert!(scene.has("/d"), "it waits for the flush of another operation");
    drop(closed);
    assert_eq!(await_end(&mut session, 2).unwrap_err().code, ErrorCode::NotFound);
    assert!(!scene.shared.leases.is_held(1, OperationId(2)));
}

#[test]
fn what_waits_for_the_disk_alone_cannot_be_cancelled() {
    let scene = flushing_scene();
    let gate = scene.faults.gate(StoreCall::Sync);
    let closed = gate.lock().unwrap();
    let mut session = scene.session(1);
    ask(&mut session, 1, make_directory("d"));
    assert!(listen(&mut session).0.is_empty());
    assert!(scene.has("/d"));
    tell(&mut session, 1, Signal::Cancel);
    assert!(listen(&mut session).0.is_empty(), "its thread would not be counted any more");
    drop(closed);
    assert!(await_end(&mut session, 1).is_ok());
}

#[test]
fn what_crosses_a_goodbye_is_not_begun() {
    for is_stopping in [false, true] {
        let scene = Scene::new(4 * MIB);
        let mut session = scene.session(1);
        match is_stopping {
            true => scene.shared.stopping.store(true, Ordering::Release),
            false => assert!(session.peer.presence.dismiss(Instant::now(), Duration::ZERO)),
        }
        session.woken(NOW);
        ask(&mut session, 1, make_directory("d"));
        assert!(listen(&mut session).0.is_empty() && session.is_done());
        assert!(!scene.has("/d"));
    }
}
