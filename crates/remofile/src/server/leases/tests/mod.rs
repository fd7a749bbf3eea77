//! Leases as sessions see them.

mod checked;
mod model;
mod own;
mod scopes;
mod speed;

use super::*;
use crate::server::principal::PrincipalId;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A waker that remembers that it was called.
#[derive(Debug, Clone, Default)]
struct Bell(Arc<AtomicBool>);

impl Wake for Bell {
    fn wake(&self) {
        self.0.store(true, Ordering::Release);
    }
}

type Under = Leases<Bell>;

fn claimant(session: u64, operation: u64) -> Claimant {
    Claimant {
        session,
        operation: OperationId(operation),
        client: ClientKey::of_session(session),
        group: None,
        is_hold: false,
        is_brief: false,
        waits: true,
        root: RemotePath::root(),
        sees_names: true,
        name: format!("client {session}"),
        address: "192.0.2.1:1".to_owned(),
        activity: "upload",
        token: "default".to_owned(),
        identity: None,
    }
}

fn claim(path: &str, reach: Reach, access: Access) -> Claim {
    Claim::new(StorePath::new(&RemotePath::root(), &path.parse().unwrap()), reach, access)
}

fn write(path: &str) -> Vec<Claim> {
    vec![claim(path, Reach::Subtree, Access::Write)]
}

fn read(path: &str) -> Vec<Claim> {
    vec![claim(path, Reach::Subtree, Access::Read)]
}

fn entry(path: &str) -> Vec<Claim> {
    vec![claim(path, Reach::Entry, Access::Write)]
}

impl Under {
    /// Asks for what the first operation of a session claims, without waiting.
    fn ask(&self, session: u64, claims: Vec<Claim>) -> Answer {
        self.claim(Instant::now(), claimant(session, 1), claims, None)
    }

    /// Asks as well, and waits.
    fn queue(&self, session: u64, claims: Vec<Claim>) -> (Answer, Bell) {
        let bell = Bell::default();
        (self.claim(Instant::now(), claimant(session, 1), claims, Some(&bell)), bell)
    }

    fn has(&self, session: u64) -> bool {
        self.is_held(session, OperationId(1))
    }

    fn end(&self, session: u64) {
        self.release(Instant::now(), session, None);
    }

    fn assert_empty(&self) {
        self.table.with(|table| {
            assert!(table.tree.is_empty() && table.entries.is_empty() && table.brief.is_empty(), "{table:?}");
        });
    }
}

fn is_granted(answer: &Answer) -> bool {
    matches!(answer, Answer::Granted)
}

fn names(answer: Answer) -> Vec<String> {
    match answer {
        Answer::Granted | Answer::Entering => Vec::new(),
        Answer::Waiting(holders) | Answer::Refused(holders) => {
            holders.into_iter().map(|holder| holder.client).collect()
        }
    }
}

#[test]
fn two_claims_are_in_each_others_way_exactly_if_one_path_is_or_contains_the_other_and_one_writes() {
    let cases: [(Vec<Claim>, Vec<Claim>, bool); 14] = [
        (write("/a"), write("/a"), true),
        (write("/a"), write("/a/b/c"), true),
        (write("/a/b/c"), read("/a"), true),
        (read("/a"), read("/a/b"), false),
        (write("/"), entry("/x"), true),
        (write("/a"), write("/ab"), false),
        (write("/a/b"), write("/a/c"), false),
        (entry("/a"), entry("/a"), true),
        (entry("/a"), entry("/a/b"), false),
        (entry("/a"), write("/a/b"), false),
        (entry("/a/b"), write("/a"), true),
        (entry("/a/b"), read("/a"), true),
        (read("/a/b"), entry("/a"), false),
        (vec![claim("/a", Reach::Entry, Access::Read)], write("/a"), true),
    ];
    for (one, other, is_in_the_way) in cases {
        for (first, second) in [(&one, &other), (&other, &one)] {
            let leases = Under::default();
            assert!(is_granted(&leases.ask(1, first.clone())));
            assert_eq!(!is_granted(&leases.ask(2, second.clone())), is_in_the_way, "{first:?} {second:?}");
            leases.end(1);
            assert!(is_granted(&leases.ask(3, second.clone())) || !is_in_the_way);
            leases.end(2);
            leases.end(3);
            leases.assert_empty();
        }
    }
}

#[test]
fn a_refusal_names_who_and_since_when() {
    let (leases, now) = (Under::default(), Instant::now());
    leases.claim(now, claimant(1, 1), write("/a"), None);
    let later = now + Duration::from_secs(5);
    let Answer::Refused(holders) = leases.claim(later, claimant(2, 1), read("/a/b"), None) else { panic!("granted") };
    assert_eq!((holders[0].client.as_str(), holders[0].held_milliseconds), ("client 1", 5000));
}

#[test]
fn a_session_is_never_in_its_own_way() {
    let leases = Under::default();
    leases.ask(1, write("/a"));
    for (number, claims) in [(2, write("/a")), (3, write("/")), (4, entry("/a/b"))] {
        assert!(is_granted(&leases.claim(Instant::now(), claimant(1, number), claims, None)));
    }
    leases.end(1);
    leases.assert_empty();
}

#[test]
fn all_sessions_of_one_client_are_one_holder() {
    let leases = Under::default();
    leases.ask(1, write("/a"));
    let of_one = |session| Claimant { client: ClientKey::of_session(1), ..claimant(session, 1) };
    assert!(is_granted(&leases.claim(Instant::now(), of_one(2), write("/a/b"), None)));
    assert_eq!(names(leases.ask(3, write("/"))), ["client 1"], "it is told once");
    leases.end(1);
    assert_eq!(names(leases.ask(3, write("/"))), ["client 2"]);
}

#[test]
fn a_client_is_told_once_by_what_it_began_with() {
    let leases = Under::default();
    for (number, activity) in [(1, "sync"), (2, "upload"), (3, "remove")] {
        let claimant = Claimant { activity, is_hold: number == 1, ..claimant(1, number) };
        leases.claim(Instant::now(), claimant, write("/"), None);
    }
    let Answer::Refused(holders) = leases.ask(2, write("/x")) else { panic!("granted") };
    for told in [holders, leases.told(Instant::now(), &RemotePath::root(), None).holders] {
        assert_eq!(told.iter().map(|holder| holder.activity.as_str()).collect::<Vec<_>>(), ["sync"]);
    }
    leases.end(1);
    for session in [4, 5] {
        leases.ask(session, read("/"));
    }
    assert_eq!(leases.told(Instant::now(), &RemotePath::root(), None).holders.len(), 2, "every client is told");
}

#[test]
fn who_waits_is_served_in_order_and_woken() {
    let leases = Under::default();
    leases.ask(1, write("/a"));
    let (_, second) = leases.queue(2, write("/a"));
    let (_, third) = leases.queue(3, read("/a"));
    let (_, fourth) = leases.queue(4, read("/a/b"));
    leases.end(1);
    assert!(leases.has(2) && !leases.has(3) && !leases.has(4));
    assert!(second.0.load(Ordering::Acquire) && !third.0.load(Ordering::Acquire));
    leases.end(2);
    assert!(leases.has(3) && leases.has(4));
    assert!(third.0.load(Ordering::Acquire) && fourth.0.load(Ordering::Acquire));
}

#[test]
fn who_waits_holds_up_only_those_whose_paths_meet_its_own() {
    let leases = Under::default();
    leases.ask(1, read("/a"));
    leases.queue(2, [write("/a"), write("/b")].concat());
    // Nobody has that, but who waits for it came first.
    assert_eq!(names(leases.ask(3, write("/b/c"))), ["client 2"]);
    assert!(is_granted(&leases.ask(4, write("/c"))));
    assert!(!is_granted(&leases.ask(5, entry("/b"))));
    leases.end(1);
    assert!(leases.has(2));
}

#[test]
fn an_operation_gets_all_that_it_claims_or_nothing() {
    let leases = Under::default();
    leases.ask(1, write("/b"));
    assert!(!is_granted(&leases.ask(2, [write("/a"), write("/b")].concat())));
    assert!(is_granted(&leases.ask(3, write("/a"))), "nothing was kept of what was refused");
}

#[test]
fn who_gives_up_waiting_leaves_the_queue_and_names_those_who_are_in_the_way_then() {
    let leases = Under::default();
    leases.ask(1, write("/a"));
    leases.ask(4, write("/b"));
    let (answer, _) = leases.queue(2, [write("/a"), write("/b")].concat());
    assert_eq!(names(answer), ["client 1", "client 4"]);
    leases.queue(3, write("/a"));
    leases.end(1);
    let holders = leases.give_up(Instant::now(), 2, OperationId(1)).unwrap();
    assert_eq!(holders.len(), 1);
    assert_eq!(holders[0].client, "client 4");
    assert!(leases.has(3), "whoever waited behind it goes on");
    assert!(leases.give_up(Instant::now(), 3, OperationId(1)).is_none(), "it has its lease");
}

#[test]
fn a_waiting_write_is_not_starved_by_reads_whether_they_wait_or_not() {
    let leases = Under::default();
    leases.ask(1, read("/a"));
    leases.queue(2, write("/a"));
    assert!(!is_granted(&leases.ask(3, read("/a"))));
    assert!(!is_granted(&leases.queue(4, read("/a/b")).0));
    leases.end(1);
    assert!(leases.has(2) && !leases.has(4));
}

#[test]
fn a_client_does_not_wait_for_those_who_wait_for_it() {
    let leases = Under::default();
    leases.ask(1, write("/a"));
    leases.queue(2, read("/a"));
    leases.queue(3, [write("/a/b"), write("/c")].concat());
    // Of the client that holds it, in other sessions: nothing but those who wait for it is in the way.
    let own = |session| Claimant { client: ClientKey::of_session(1), ..claimant(session, 1) };
    assert!(is_granted(&leases.claim(Instant::now(), own(4), write("/a"), None)));
    let bell = Bell::default();
    assert!(is_granted(&leases.claim(Instant::now(), own(5), write("/c/d"), Some(&bell))), "it waits for who waits");
    leases.end(1);
    leases.end(4);
    assert!(leases.has(2) && !leases.has(3));
    leases.end(2);
    assert!(!leases.has(3), "it has been passed at another of its places");
    leases.end(5);
    assert!(leases.has(3));
}

fn of_group(session: u64, principal: usize, number: u64) -> Claimant {
    let group = Some(GroupKey { principal: PrincipalId(principal), number });
    Claimant { group, ..claimant(session, 1) }
}

#[test]
fn the_same_number_of_another_token_is_another_group() {
    let (leases, now) = (Under::default(), Instant::now());
    assert!(is_granted(&leases.claim(now, of_group(1, 0, 7), write("/a"), None)));
    assert!(!is_granted(&leases.claim(now, of_group(2, 1, 7), write("/a"), None)));
}

#[test]
fn operations_of_one_group_share_a_lease_and_pass_who_waits() {
    let (leases, now) = (Under::default(), Instant::now());
    let grouped = |session, number| of_group(session, 0, number);
    assert!(is_granted(&leases.claim(now, grouped(1, 7), write("/a"), None)));
    let bell = Bell::default();
    assert!(!is_granted(&leases.claim(now, grouped(2, 8), write("/a"), Some(&bell))));
    assert!(is_granted(&leases.claim(now, grouped(3, 7), write("/a"), None)));
    assert!(!is_granted(&leases.ask(4, write("/a"))));
    leases.end(1);
    assert!(!leases.has(2) && leases.has(3));
    leases.end(3);
    assert!(leases.has(2));
    leases.end(2);
    leases.assert_empty();
}

#[test]
fn operations_under_a_hold_pass_who_waits_for_it_and_the_hold_lasts_as_long_as_they_do() {
    let (leases, now) = (Under::default(), Instant::now());
    leases.claim(now, Claimant { is_hold: true, ..claimant(1, 1) }, write("/a"), None);
    leases.queue(2, write("/"));
    assert!(is_granted(&leases.claim(now, claimant(1, 2), entry("/a/b"), None)));
    leases.release(now, 1, Some(OperationId(1)));
    assert!(!leases.has(2) && leases.is_held(1, OperationId(2)));
    leases.release(now, 1, Some(OperationId(2)));
    assert!(leases.has(2));
}

#[test]
fn who_was_to_run_under_a_hold_that_gave_up_is_woken_though_it_may_not_wait() {
    let (leases, now, bell) = (Under::default(), Instant::now(), Bell::default());
    leases.ask(1, write("/a"));
    let hold = Claimant { is_hold: true, ..claimant(2, 1) };
    leases.claim(now, hold, write("/a"), Some(&bell));
    let rider = Bell::default();
    assert!(matches!(leases.claim(now, claimant(2, 2), entry("/a/b"), Some(&rider)), Answer::Waiting(_)));
    assert!(is_granted(&leases.claim(now, claimant(2, 3), write("/c"), None)));
    assert!(leases.give_up(now, 2, OperationId(1)).is_some());
    assert!(rider.0.load(Ordering::Acquire), "nobody else tells its session");
    assert!(!leases.waits(2, OperationId(2)) && !leases.is_held(2, OperationId(2)));
}

#[test]
fn what_is_asked_for_behind_a_hold_that_waits_comes_after_it() {
    let (leases, now, bell) = (Under::default(), Instant::now(), Bell::default());
    leases.ask(1, write("/a"));
    let hold = Claimant { is_hold: true, ..claimant(2, 1) };
    assert!(matches!(leases.claim(now, hold, write("/a"), Some(&bell)), Answer::Waiting(_)));
    let listing = Bell::default();
    let answer = leases.claim(now, claimant(2, 2), Vec::new(), Some(&listing));
    assert!(matches!(answer, Answer::Waiting(_)));
    assert_eq!(names(answer), ["client 1"]);
    assert!(matches!(leases.claim(now, claimant(2, 3), Vec::new(), None), Answer::Refused(_)));
    assert_eq!(leases.told(now, &RemotePath::root(), None).waiting, 1);
    leases.end(1);
    assert!(bell.0.load(Ordering::Acquire) && listing.0.load(Ordering::Acquire));
    assert!(leases.has(2) && leases.is_held(2, OperationId(2)));
}

#[test]
fn what_waits_behind_a_hold_that_gives_up_waits_for_itself() {
    let (leases, now) = (Under::default(), Instant::now());
    leases.ask(1, write("/a"));
    let (hold, write_bell, list_bell) = (Bell::default(), Bell::default(), Bell::default());
    leases.claim(now, Claimant { is_hold: true, ..claimant(2, 1) }, write("/a"), Some(&hold));
    leases.claim(now, claimant(2, 2), write("/a/b"), Some(&write_bell));
    leases.claim(now, claimant(2, 3), Vec::new(), Some(&list_bell));
    assert!(leases.give_up(now, 2, OperationId(1)).is_some());
    assert!(list_bell.0.load(Ordering::Acquire) && leases.is_held(2, OperationId(3)));
    assert!(!write_bell.0.load(Ordering::Acquire) && !leases.is_held(2, OperationId(2)));
    leases.end(1);
    assert!(write_bell.0.load(Ordering::Acquire) && leases.is_held(2, OperationId(2)));
    leases.end(2);
    leases.assert_empty();
}

#[test]
fn a_session_that_has_a_lease_does_not_wait_for_another_one() {
    let (leases, now, bell) = (Under::default(), Instant::now(), Bell::default());
    leases.ask(1, write("/a"));
    leases.ask(2, write("/b"));
    // Each would wait for the other.
    assert!(matches!(leases.claim(now, claimant(1, 2), write("/b"), Some(&bell)), Answer::Refused(_)));
    assert!(matches!(leases.claim(now, claimant(2, 2), write("/a"), Some(&bell)), Answer::Refused(_)));
    // One that is over but for the disk needs nothing more.
    leases.settle(1, Some(OperationId(1)));
    assert!(matches!(leases.claim(now, claimant(1, 2), write("/b"), Some(&bell)), Answer::Waiting(_)));
    leases.end(2);
    assert!(leases.is_held(1, OperationId(2)));
}

#[test]
fn paths_however_deep_are_kept_apart_from_those_above_and_below_them() {
    let deep = "/d".repeat(1000);
    let leases = Under::default();
    assert!(is_granted(&leases.ask(1, entry(&deep))));
    assert!(!is_granted(&leases.ask(2, entry(&deep))));
    assert!(!is_granted(&leases.ask(2, write("/d/d"))));
    assert!(is_granted(&leases.ask(2, write("/d/e"))));
    leases.end(1);
    leases.end(2);
    leases.assert_empty();
}

#[test]
fn an_upload_keeps_to_the_bounds_of_its_lease() {
    let root: RemotePath = "/s".parse().unwrap();
    let claims = |reach, path: &str| Claim::new(StorePath::new(&root, &path.parse().unwrap()), reach, Access::Write);
    let bounds = Bounds::new(&root, &[claims(Reach::Subtree, "/a"), claims(Reach::Entry, "/b")]);
    let held = |path: &str| bounds.hold(&path.parse().unwrap());
    assert!(held("/a") && held("/a/b/c") && held("/b"));
    assert!(!held("/b/c") && !held("/ab") && !held("/") && !held("/s/a"));
    let all = Bounds::new(&root, &[claims(Reach::Subtree, "/")]);
    assert!(all.hold(&"/x/y".parse().unwrap()) && all.hold(&RemotePath::root()));
    let exclusive = Bounds::new(&root, &[Claim::of_all(Access::Write)]);
    assert!(exclusive.hold(&"/x/y".parse().unwrap()));
    // What is beside the root, or is the directory that it is in without what is below that.
    let elsewhere = Bounds::new(&root, &[write("/sx"), entry("/"), read("/s")].concat());
    assert!(["/", "/x", "/s"].iter().all(|path| !elsewhere.hold(&path.parse().unwrap())));
}
