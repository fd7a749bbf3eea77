//! The rules by examples.

use super::super::member::Coordination;
use super::super::registration::{Registration, SharedRoot};
use super::super::{Coordinated, MemoryCoordinator, Standing};
use super::*;
use crate::server::ServerOptions;
use std::sync::atomic::Ordering;

#[test]
fn who_came_first_is_granted_and_the_other_is_told_whom_it_waits_for_until_that_has_left() {
    let mut log = Log::default();
    let (mut first, mut second) = (machine(1, &log), machine(2, &log));
    assert!(!first.enter(1, &claimant(1), &write("/a"), 0));
    settle(&mut log, &mut [&mut first, &mut second]);
    assert_eq!(first.take_outcomes(), [settled(1, Settled::Granted)]);
    assert!(!second.enter(7, &claimant(2), &write("/a/b"), 0));
    assert_eq!(second.in_the_way(7, &view(), Duration::ZERO), None, "it is not known yet");
    settle(&mut log, &mut [&mut first, &mut second]);
    assert_eq!(second.take_outcomes(), [settled(7, Settled::Waits)]);
    let holders = second.in_the_way(7, &view(), Duration::from_secs(3)).unwrap();
    assert_eq!((holders[0].client.as_str(), holders[0].path.as_deref()), ("client 1", Some("/a")));
    assert_eq!(holders[0].held_milliseconds, 3000);
    first.leave(1);
    settle(&mut log, &mut [&mut first, &mut second]);
    assert_eq!(second.take_outcomes(), [settled(7, Settled::Granted)]);
}

#[test]
fn who_does_not_wait_is_refused_and_is_in_nobody_s_way() {
    let mut log = Log::default();
    let (mut first, mut second, mut third) = (machine(1, &log), machine(2, &log), machine(3, &log));
    let both: Arc<[Claim]> = [&*write("/a"), &*write("/b")].concat().into();
    first.enter(1, &claimant(1), &write("/a"), 0);
    settle(&mut log, &mut [&mut first, &mut second, &mut third]);
    second.enter(2, &Claimant { waits: false, ..claimant(2) }, &both, 0);
    settle(&mut log, &mut [&mut first, &mut second, &mut third]);
    assert_eq!(second.take_outcomes(), [settled(2, Settled::Refused)]);
    assert_eq!(names(second.in_the_way(2, &view(), Duration::ZERO)), ["client 1"]);
    // It is still in the queue.
    third.enter(3, &Claimant { waits: false, ..claimant(3) }, &write("/b"), 0);
    settle(&mut log, &mut [&mut first, &mut second, &mut third]);
    assert_eq!(third.take_outcomes(), [settled(3, Settled::Granted)]);
    second.leave(2);
    settle(&mut log, &mut [&mut first, &mut second, &mut third]);
    assert_eq!(log.values.len(), 2);
}

#[test]
fn readers_are_beside_each_other_and_no_later_reader_passes_a_writer_that_waits() {
    let mut log = Log::default();
    let (mut first, mut second) = (machine(1, &log), machine(2, &log));
    first.enter(1, &claimant(1), &claims("/a", Access::Read), 0);
    settle(&mut log, &mut [&mut first, &mut second]);
    second.enter(2, &claimant(2), &claims("/a", Access::Read), 0);
    settle(&mut log, &mut [&mut first, &mut second]);
    assert_eq!(second.take_outcomes(), [settled(2, Settled::Granted)]);
    second.enter(3, &claimant(3), &write("/a/b"), 0);
    settle(&mut log, &mut [&mut first, &mut second]);
    assert_eq!(second.take_outcomes(), [settled(3, Settled::Waits)]);
    first.take_outcomes();
    first.enter(4, &claimant(4), &claims("/a", Access::Read), 0);
    settle(&mut log, &mut [&mut first, &mut second]);
    assert_eq!(first.take_outcomes(), [settled(4, Settled::Waits)]);
}

#[test]
fn one_client_is_not_in_its_own_way_and_what_a_former_session_left_is_waited_for() {
    let mut log = Log::default();
    let (mut first, mut second) = (machine(1, &log), machine(2, &log));
    let own = |incarnation, connection| Claimant {
        identity: identity(1, incarnation).map(|identity| ClientIdentity { connection, ..identity }),
        waits: false,
        ..claimant(1)
    };
    first.enter(1, &own(1, 0), &write("/a"), 0);
    settle(&mut log, &mut [&mut first, &mut second]);
    second.enter(2, &own(1, 1), &write("/a"), 0);
    settle(&mut log, &mut [&mut first, &mut second]);
    assert_eq!(
        second.take_outcomes().last(),
        Some(&settled(2, Settled::Granted)),
        "another connection of the same run"
    );
    first.take_outcomes();
    second.leave(2);
    second.enter(3, &own(2, 0), &write("/a"), 0);
    settle(&mut log, &mut [&mut first, &mut second]);
    assert_eq!(second.take_outcomes(), [], "it waits without a word, though it does not wait for others");
    let by = identity(1, 2).unwrap();
    assert_eq!(first.take_outcomes(), [Outcome::Replaced { token: "default".to_owned(), by }]);
    first.leave(1);
    settle(&mut log, &mut [&mut first, &mut second]);
    assert_eq!(second.take_outcomes(), [settled(3, Settled::Granted)]);
}

#[test]
fn what_a_client_does_under_its_own_lease_needs_no_other_until_that_is_over() {
    let mut log = Log::default();
    let (mut first, mut second) = (machine(1, &log), machine(2, &log));
    first.enter(1, &claimant(1), &write("/a"), 0);
    settle(&mut log, &mut [&mut first, &mut second]);
    second.enter(2, &claimant(2), &write("/a"), 0);
    settle(&mut log, &mut [&mut first, &mut second]);
    assert!(first.enter(3, &claimant(1), &write("/a/b"), 0), "it passes who waits for its own client");
    assert!(!first.enter(4, &claimant(9), &write("/a/b"), 0), "another client");
    first.leave(4);
    first.leave(1);
    assert!(!first.enter(5, &claimant(1), &write("/a/c"), 0), "others have their turn");
    first.leave(5);
    settle(&mut log, &mut [&mut first, &mut second]);
    assert_eq!(second.take_outcomes(), [settled(2, Settled::Waits)], "something goes on under it");
    first.leave(3);
    settle(&mut log, &mut [&mut first, &mut second]);
    assert_eq!(second.take_outcomes(), [settled(2, Settled::Granted)]);
}

#[test]
fn a_server_that_loses_its_term_fails_what_waits_ends_what_works_and_goes_on_to_read() {
    let mut log = Log::default();
    let (mut first, mut second) = (machine(1, &log), machine(2, &log));
    second.enter(9, &claimant(9), &write("/b"), 0);
    settle(&mut log, &mut [&mut first, &mut second]);
    first.enter(1, &claimant(1), &write("/a"), 0);
    first.enter(2, &claimant(2), &write("/b"), 0);
    settle(&mut log, &mut [&mut first, &mut second]);
    first.take_outcomes();
    first.lose();
    let failed = Settled::Failed(super::super::unreachable());
    assert_eq!(first.take_outcomes(), [settled(2, failed.clone()), Outcome::Lost]);
    assert!(first.enter(3, &claimant(3), &claims("/a", Access::Read), 0));
    assert!(!first.enter(4, &claimant(4), &write("/a"), 0));
    assert_eq!(first.take_outcomes(), [settled(4, failed)]);
    first.leave(1);
    assert!(!first.has_changes(), "what it had goes with the term");
    log.end(Term(1));
    first.join(Term(11), &log.snapshot(), Duration::ZERO, 0);
    first.enter(5, &claimant(5), &write("/a"), 0);
    settle(&mut log, &mut [&mut first, &mut second]);
    assert_eq!(first.take_outcomes(), [settled(5, Settled::Granted)]);
}

#[test]
fn a_lease_that_somebody_else_deletes_is_lost_with_all_others() {
    let mut log = Log::default();
    let mut first = machine(1, &log);
    first.enter(1, &claimant(1), &write("/a"), 0);
    settle(&mut log, &mut [&mut first]);
    first.take_outcomes();
    let key = log.values.keys().next().unwrap().clone();
    log.write(&[Change::Delete { key }]);
    settle(&mut log, &mut [&mut first]);
    assert_eq!(first.take_outcomes(), [Outcome::Lost]);
}

#[test]
fn what_a_snapshot_knows_does_not_come_back_with_changes_from_before_it() {
    let mut log = Log::default();
    let (mut first, mut second) = (machine(1, &log), machine(2, &log));
    first.enter(1, &claimant(1), &write("/a"), 0);
    settle(&mut log, &mut [&mut first]);
    first.leave(1);
    settle(&mut log, &mut [&mut first]);
    let late = log.between(0, log.revision - 1);
    second.lose();
    second.join(Term(12), &log.snapshot(), Duration::ZERO, 0);
    second.take(&late, Duration::ZERO);
    second.take_outcomes();
    second.enter(2, &claimant(2), &write("/a"), 0);
    settle(&mut log, &mut [&mut second]);
    assert_eq!(second.take_outcomes(), [settled(2, Settled::Granted)], "it waits for a ghost");
}

fn coordination() -> Arc<Coordination> {
    let root = SharedRoot { name: Some("store".to_owned()), directory: None, store: None };
    let registration = Registration::new(&ServerOptions::default(), "token".to_owned(), root);
    Coordination::begin(Coordinated::new(MemoryCoordinator::new()), registration, None).unwrap()
}

#[test]
fn no_change_is_made_behind_the_deletion_of_a_lease_by_somebody_else() {
    let coordination = coordination();
    coordination.lock().enter(1, &claimant(1), &write("/a"), 0);
    let put = coordination.lock().take_changes(1, 1 << 20).remove(0);
    let Change::Put { key, value, .. } = put else { panic!("nothing was asked for") };
    let (watch, first) = (coordination.watches.load(Ordering::Acquire), coordination.lock().revision() + 1);
    let seen = SharedValue { key: key.clone(), value, created: first, modified: first };
    coordination.take_events(watch, &[Event::Put(seen)]);
    let fence = coordination.coordinated.fence();
    assert!(fence.remaining().is_some());
    coordination.take_events(watch, &[Event::Delete { key, revision: first + 1 }]);
    assert_eq!(fence.remaining(), None);
    let Standing::Lost(why) = coordination.coordinated.standing() else { panic!("nothing is lost") };
    assert!(why.contains("somebody has deleted"), "{why}");
}

#[test]
fn a_watch_from_before_a_server_joined_again_tells_it_nothing_any_more() {
    let coordination = coordination();
    let former = coordination.watches.load(Ordering::Acquire);
    coordination.lock().lose();
    coordination.join().unwrap();
    // As of a coordinator that has lost everything, and counts anew.
    coordination.take_events(former, &[Event::Delete { key: "servers/1".to_owned(), revision: 1_000_000 }]);
    assert!(coordination.lock().revision() < 1_000_000, "nothing is seen before that revision comes");
}

#[test]
fn what_was_written_late_behind_its_own_deletion_is_deleted_again() {
    let mut log = Log::default();
    let mut first = machine(1, &log);
    first.enter(1, &claimant(1), &write("/a"), 0);
    let late = first.take_changes(10, 1 << 20);
    first.leave(1);
    settle(&mut log, &mut [&mut first]);
    log.write(&late);
    settle(&mut log, &mut [&mut first]);
    settle(&mut log, &mut [&mut first]);
    assert!(log.values.is_empty() && !first.has_changes());
}

#[test]
fn a_client_below_a_directory_is_told_nothing_of_who_is_outside() {
    let mut log = Log::default();
    let (mut first, mut second) = (machine(1, &log), machine(2, &log));
    first.enter(1, &claimant(1), &write("/"), 0);
    settle(&mut log, &mut [&mut first, &mut second]);
    second.enter(2, &claimant(2), &write("/home/b/x"), 0);
    settle(&mut log, &mut [&mut first, &mut second]);
    let below = View { root: "/home/b".parse().unwrap(), sees_names: true };
    let told = second.in_the_way(2, &below, Duration::ZERO).unwrap();
    assert_eq!(
        (told[0].client.as_str(), told[0].address.as_str(), told[0].path.as_deref()),
        ("another client", "", Some("/"))
    );
    let (holders, waiting) = first.told(&RemotePath::root(), None, Duration::ZERO);
    assert_eq!((holders.len(), waiting), (0, 1));
}

#[test]
fn many_names_are_claimed_as_the_directories_that_they_are_in() {
    let place = |name: String| StorePath::new(&RemotePath::root(), &format!("/d/{name}").parse().unwrap());
    let many: Arc<[Claim]> =
        (0..20_000).map(|n| Claim::new(place(format!("file-{n:08}")), Reach::Subtree, Access::Write)).collect();
    let shared = super::super::shared_claim::SharedClaim::new(&claimant(1), &many, 0);
    assert_eq!(shared.claims(), [Claim::new(StorePath::of_text("/d"), Reach::Subtree, Access::Write)]);
    assert!(shared.bytes().len() < 1000);
    assert_eq!(super::super::shared_claim::SharedClaim::read(&shared.bytes()), Some(shared));
}

#[test]
fn no_write_has_more_bytes_than_a_coordinator_takes() {
    let mut first = machine(1, &Log::default());
    for ticket in 1..=8 {
        first.enter(ticket, &claimant(ticket), &write(&format!("/{ticket}{}", "x".repeat(200))), 0);
    }
    let counts = [first.take_changes(100, 700), first.take_changes(2, 1 << 20), first.take_changes(100, 1)]
        .map(|some| some.len());
    assert_eq!(counts, [2, 2, 1]);
}
