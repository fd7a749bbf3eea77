//! Requests that were to run under a hold which gave up.

use super::*;

fn ask_waiting(session: &mut Session, number: u64, request: Request, wait_milliseconds: u64) {
    let header = Header { operation: OperationId(number), body: Body::Request(request), wait_milliseconds };
    session.receive(NOW, header, [].as_slice()).unwrap();
}

fn hold(path: &str) -> Request {
    Request::Hold { write: true, paths: vec![path.parse().unwrap()] }
}

fn make(path: &str) -> Request {
    Request::CreateFile { path: path.parse().unwrap(), update: false }
}

#[test]
fn a_request_behind_a_hold_that_gave_up_is_answered_though_its_session_has_another_lease() {
    let scene = Scene::new(16 * MIB);
    let (mut other, mut session) = (scene.session(1), scene.session(2));
    ask(&mut other, 1, hold("/a"));
    ask_waiting(&mut session, 1, hold("/a"), 10);
    ask_waiting(&mut session, 2, hold("/b"), 10);
    ask_waiting(&mut session, 3, make("/a/x"), WAIT_FOREVER);
    ask_waiting(&mut session, 4, make("/a/y"), 20);
    assert!(listen(&mut session).0.is_empty());
    session.handle_timeout(Duration::from_millis(10)).unwrap();
    session.woken(NOW);
    let (ended, _) = listen(&mut session);
    for number in [1, 3, 4] {
        let failure = ended[&number].as_ref().unwrap_err();
        assert_eq!(failure.code, ErrorCode::Busy);
        assert_eq!(failure.holders.as_ref().unwrap().len(), 1, "who is in the way is told");
    }
    assert!(session.next_timeout().is_none_or(|at| at > Duration::from_millis(20)), "nothing is due for ever");
}
