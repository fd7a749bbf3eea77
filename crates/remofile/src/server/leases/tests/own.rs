//! A client's own operations, and what is left of its sessions.

use super::*;

#[test]
fn brief_operations_of_one_client_are_done_one_after_the_other_and_nobody_is_told() {
    let (leases, now, bell) = (Under::default(), Instant::now(), Bell::default());
    let brief =
        |session, waits| Claimant { client: ClientKey::of_session(1), is_brief: true, waits, ..claimant(session, 1) };
    let is_silent = |answer: Answer| matches!(answer, Answer::Waiting(holders) if holders.is_empty());
    assert!(is_granted(&leases.claim(now, brief(1, false), entry("/a"), Some(&bell))));
    for session in [2, 3] {
        assert!(is_silent(leases.claim(now, brief(session, false), entry("/a"), Some(&bell))));
        assert!(leases.give_up(now, session, OperationId(1)).is_none(), "its own client is no reason");
    }
    let upload = Claimant { is_brief: false, ..brief(4, false) };
    assert!(
        is_granted(&leases.claim(now, upload, write("/a"), Some(&bell))),
        "it may take as long as its client wants"
    );
    assert!(!leases.has(2) && !bell.0.load(Ordering::Acquire));
    leases.end(1);
    assert!(leases.has(2) && !leases.has(3) && bell.0.load(Ordering::Acquire));
    leases.end(2);
    assert!(leases.has(3));
    leases.end(3);
    leases.end(4);
    leases.assert_empty();
}

#[test]
fn who_waits_behind_its_own_client_is_told_whom_that_waits_for() {
    let (leases, now, bell) = (Under::default(), Instant::now(), Bell::default());
    let brief =
        |session, waits| Claimant { client: ClientKey::of_session(1), is_brief: true, waits, ..claimant(session, 1) };
    leases.ask(9, entry("/b"));
    let both = in_order([entry("/a"), entry("/b")].concat());
    assert!(matches!(leases.claim(now, brief(1, true), both, Some(&bell)), Answer::Waiting(_)));
    assert_eq!(names(leases.claim(now, brief(2, true), entry("/a"), Some(&bell))), ["client 9"]);
    assert!(matches!(leases.claim(now, brief(3, false), entry("/a"), Some(&bell)), Answer::Refused(_)));
    assert_eq!(leases.give_up(now, 2, OperationId(1)).unwrap()[0].client, "client 9");
    leases.end(9);
    assert!(leases.has(1));
}

#[test]
fn what_is_left_of_a_session_is_in_the_way_of_its_own_client() {
    let (leases, now, bell) = (Under::default(), Instant::now(), Bell::default());
    let key = ClientKey::of_first_session(1);
    let own = |session| Claimant { client: key, ..claimant(session, 1) };
    leases.claim(now, own(1), write("/a"), None);
    assert!(leases.estrange(&[1], key) && !leases.estrange(&[2], key));
    assert_eq!(names(leases.claim(now, own(2), write("/a/b"), Some(&bell))), ["client 1"]);
    leases.end(1);
    assert!(leases.has(2) && bell.0.load(Ordering::Acquire) && !leases.estrange(&[1], key));
    leases.end(2);
    leases.assert_empty();
}

#[test]
fn what_is_left_of_a_session_under_a_hold_is_in_the_way_of_its_own_client() {
    let (leases, now, bell) = (Under::default(), Instant::now(), Bell::default());
    let key = ClientKey::of_first_session(1);
    let own = |session, operation| Claimant { client: key, ..claimant(session, operation) };
    leases.claim(now, Claimant { is_hold: true, ..own(1, 1) }, write("/a"), None);
    assert!(is_granted(&leases.claim(now, own(1, 2), write("/a/b"), None)));
    // Of the two, the one that only holds is over at once when the session is.
    leases.release(now, 1, Some(OperationId(1)));
    assert!(leases.estrange(&[1], key));
    assert_eq!(names(leases.claim(now, own(2, 1), write("/a"), Some(&bell))), ["client 1"]);
    leases.end(1);
    assert!(leases.has(2) && bell.0.load(Ordering::Acquire));
    leases.end(2);
    leases.assert_empty();
}

#[test]
fn what_is_left_of_sessions_that_worked_together_is_in_the_way_of_their_own_client() {
    let (leases, now, bell) = (Under::default(), Instant::now(), Bell::default());
    let key = ClientKey::of_first_session(1);
    let own = |session| Claimant { client: key, ..of_group(session, 0, 7) };
    leases.claim(now, own(1), write("/a"), None);
    for session in [2, 3] {
        assert!(is_granted(&leases.claim(now, own(session), write("/a/b"), None)));
    }
    leases.end(1);
    assert!(leases.estrange(&[1, 2], key), "the second one works under the lease of the first");
    assert!(
        is_granted(&leases.claim(now, Claimant { group: None, ..own(4) }, write("/a/c"), None)),
        "so does the third"
    );
    leases.end(4);
    assert!(leases.estrange(&[1, 2, 3], key));
    let again = Claimant { group: None, ..own(5) };
    assert_eq!(names(leases.claim(now, again, write("/a"), Some(&bell))), ["client 1"]);
    [2, 3].into_iter().for_each(|session| leases.end(session));
    assert!(leases.has(5));
    leases.end(5);
    leases.assert_empty();
}

#[test]
fn a_client_does_not_come_after_what_was_its_own_and_waits_for_it() {
    let (leases, now, bell) = (Under::default(), Instant::now(), Bell::default());
    let key = ClientKey::of_first_session(1);
    let own = |session, is_brief| Claimant { client: key, is_brief, ..claimant(session, 1) };
    leases.claim(now, own(1, false), write("/a"), None);
    leases.claim(now, own(2, true), write("/b"), None);
    let both = in_order([write("/a"), write("/b")].concat());
    assert!(matches!(leases.claim(now, own(3, true), both, Some(&bell)), Answer::Waiting(_)));
    assert!(matches!(leases.claim(now, own(4, true), entry("/a"), Some(&bell)), Answer::Waiting(_)));
    assert!(leases.estrange(&[3], key));
    leases.insist(now, 4, OperationId(1));
    assert!(leases.has(4) && !leases.has(3), "the first of its client is what the other one waits for");
    [1, 2, 4].into_iter().for_each(|session| leases.end(session));
    assert!(leases.has(3));
    leases.end(3);
    leases.assert_empty();
}

#[test]
fn a_client_that_goes_on_and_on_does_not_starve_those_who_wait_for_it() {
    let (leases, bell) = (Under::default(), Bell::default());
    let own = |session, is_brief| Claimant { client: ClientKey::of_session(1), is_brief, ..claimant(session, 1) };
    leases.claim(Instant::now(), own(1, false), write("/a/1"), None);
    leases.queue(2, write("/a"));
    assert!(is_granted(&leases.claim(Instant::now(), own(3, false), write("/a/3"), Some(&bell))));
    leases.end(1);
    assert!(matches!(leases.claim(Instant::now(), own(4, false), write("/a/4"), Some(&bell)), Answer::Waiting(_)));
    // It may need this to get on with the third. Whoever does not wait is not refused because of itself.
    let hasty = Claimant { waits: false, ..own(5, false) };
    assert!(is_granted(&leases.claim(Instant::now(), hasty, write("/a/5"), Some(&bell))));
    [3, 5].into_iter().for_each(|session| leases.end(session));
    assert!(leases.has(2) && !leases.has(4));
    leases.end(2);
    // What ends by itself is no reason to pass anybody.
    leases.end(4);
    leases.claim(Instant::now(), own(6, true), write("/a"), None);
    leases.queue(7, write("/a"));
    assert!(matches!(leases.claim(Instant::now(), own(8, false), write("/a"), Some(&bell)), Answer::Waiting(_)));
}
