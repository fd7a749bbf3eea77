//! Sessions of one client, one after the other.

use super::*;
use remofile_protocol::handshake::ClientIdentity;

/// A session of a client, in one of its runs.
fn session_of(scene: &Scene, number: u64, client: u8, incarnation: u64) -> Session {
    let identity = Some(ClientIdentity { client: [client; 16], incarnation, connection: 0 });
    let presence = Presence::new(Instant::now(), None);
    let (client, address, grant) = (format!("client {client}"), "a".to_owned(), Arc::clone(&scene.grant));
    let peer = Peer { session: number, client, address, network: None, identity, presence, grant };
    Session::new(Arc::clone(&scene.shared), peer, Waker::new().unwrap(), DigestKind::Xxh3)
}

fn ask_waiting(session: &mut Session, number: u64, request: Request, wait_milliseconds: u64) {
    let header = Header { operation: OperationId(number), body: Body::Request(request), wait_milliseconds };
    session.receive(NOW, header, [].as_slice()).unwrap();
}

fn make(name: &str) -> Request {
    Request::CreateFile { path: root().join(name).unwrap(), update: false }
}

/// Ends a session as the lobby does for the next one of its client.
fn replace(session: &Session) {
    assert!(session.peer.presence.end(ErrorCode::SessionReplaced));
}

fn said(session: &mut Session) -> Vec<Header> {
    let (mut said, mut payload) = (Vec::new(), Vec::new());
    loop {
        let mut message = MessageWriter::new(&mut payload, 0, DEFAULT_PAYLOAD_BYTES as usize);
        match session.produce(NOW, &mut message).unwrap() {
            Turn::Message(header) => said.push(header),
            Turn::Work => {}
            Turn::Nothing if session.await_work() => {}
            Turn::Nothing => return said,
        }
    }
}

#[test]
fn a_session_that_was_ended_says_goodbye_with_the_reason_and_gives_its_leases_back() {
    let scene = Scene::new(16 * MIB);
    let mut session = session_of(&scene, 1, 1, 1);
    ask(&mut session, 1, upload(None));
    replace(&session);
    session.woken(NOW);
    assert!(session.is_done());
    let goodbye = Signal::Goodbye { reason: Some(ErrorCode::SessionReplaced) };
    assert_eq!(said(&mut session).last(), Some(&Header::signal(OperationId::SESSION, goodbye)));
    scene.shared.pool.drain();
    assert!(!scene.shared.leases.has_any(1));
}

#[test]
fn a_request_that_does_not_wait_is_not_refused_for_what_is_left_of_its_own_client() {
    for wait in [0, 60_000] {
        let scene = Scene::new(16 * MIB);
        let (mut ghost, mut other) = (session_of(&scene, 1, 1, 1), session_of(&scene, 2, 2, 1));
        ask(&mut ghost, 1, upload(None));
        let mut session = session_of(&scene, 3, 1, 2);
        replace(&ghost);
        ask_waiting(&mut session, 1, make("own"), wait);
        assert!(said(&mut session).is_empty(), "its client is told of nobody");
        session.handle_timeout(Duration::from_millis(20)).unwrap();
        assert!(said(&mut session).is_empty(), "the ghost is there yet");
        ask_waiting(&mut other, 1, make("other"), 0);
        assert_eq!(listen(&mut other).0[&1].as_ref().unwrap_err().code, ErrorCode::Busy, "it has no ghost");
        ghost.woken(NOW);
        said(&mut ghost);
        scene.shared.pool.drain();
        session.woken(NOW);
        assert!(listen(&mut session).0[&1].is_ok());
    }
}

#[test]
fn who_is_in_the_way_beside_what_is_left_of_a_client_is_told_when_that_is_gone() {
    for wait in [0, 60_000] {
        let scene = Scene::new(16 * MIB);
        let mut ghost = session_of(&scene, 1, 1, 1);
        ask(&mut ghost, 1, Request::Hold { write: true, paths: Vec::new() });
        let (mut other, mut session) = (session_of(&scene, 2, 2, 1), session_of(&scene, 3, 1, 2));
        ask(&mut other, 1, Request::Hold { write: true, paths: Vec::new() });
        replace(&ghost);
        ask_waiting(&mut session, 1, make("own"), wait);
        ghost.woken(NOW);
        said(&mut ghost);
        drop(ghost);
        scene.shared.pool.drain();
        other.woken(NOW);
        assert!(scene.shared.leases.has_any(2), "it has waited for longer");
        session.woken(NOW);
        session.handle_timeout(Duration::from_millis(20)).unwrap();
        let holders = said(&mut session).into_iter().find_map(|header| match header.body {
            Body::Signal(Signal::Failed { failure }) if wait == 0 => failure.holders,
            Body::Signal(Signal::Waiting { holders }) if wait > 0 => Some(holders),
            _ => None,
        });
        assert_eq!(holders.unwrap()[0].client, "client 2");
        drop(other);
        scene.shared.pool.drain();
        session.woken(NOW);
        assert_eq!(listen(&mut session).0.get(&1).is_some_and(Result::is_ok), wait > 0);
    }
}

#[test]
fn a_disk_that_takes_long_is_in_the_way_like_anybody_else() {
    let scene = Scene::new(16 * MIB);
    let mut ghost = session_of(&scene, 1, 1, 1);
    ask(&mut ghost, 1, upload(None));
    let mut session = session_of(&scene, 2, 1, 2);
    replace(&ghost);
    ask_waiting(&mut session, 1, make("own"), 0);
    session.heard(Duration::from_secs(19));
    session.handle_timeout(Duration::from_secs(19)).unwrap();
    assert!(listen(&mut session).0.is_empty());
    assert!(session.next_timeout().unwrap() <= Duration::from_secs(20));
    session.handle_timeout(Duration::from_secs(20)).unwrap();
    assert_eq!(listen(&mut session).0[&1].as_ref().unwrap_err().code, ErrorCode::Busy);
}
