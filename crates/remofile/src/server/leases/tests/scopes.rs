//! Tests of what a client whose root is a directory below learns of others.

use super::*;

fn scoped(session: u64, root: &str) -> Claimant {
    Claimant { root: root.parse().unwrap(), ..claimant(session, 1) }
}

#[test]
fn a_client_learns_nothing_of_those_above_its_directory_but_that_they_are_in_the_way() {
    let (leases, now) = (Under::default(), Instant::now());
    leases.claim(now, claimant(1, 1), write("/a"), None);
    let inside = StorePath::new(&"/a/b".parse().unwrap(), &"/c".parse().unwrap());
    let claims = vec![Claim::new(inside, Reach::Subtree, Access::Write)];
    let Answer::Refused(holders) = leases.claim(now, scoped(2, "/a/b"), claims, None) else { panic!("granted") };
    assert_eq!((holders[0].client.as_str(), holders[0].address.as_str()), ("another client", ""));
    let told = leases.told(now, &"/a/b".parse().unwrap(), None);
    assert_eq!(told.holders[0].client, "another client");
    let told = leases.told(now, &RemotePath::root(), None);
    assert_eq!(told.holders[0].client, "client 1");
}

#[test]
fn the_status_tells_of_those_alone_who_meet_the_directory_of_the_client() {
    let (leases, now) = (Under::default(), Instant::now());
    leases.ask(1, write("/a/b/c"));
    leases.ask(2, write("/x"));
    leases.queue(3, write("/x/y"));
    leases.queue(4, write("/a/b"));
    let told = leases.told(now, &"/a/b".parse().unwrap(), None);
    assert_eq!(told.holders.iter().map(|holder| holder.client.as_str()).collect::<Vec<_>>(), ["client 1"]);
    assert_eq!(told.waiting, 1);
    let told = leases.told(now, &RemotePath::root(), None);
    assert_eq!((told.holders.len(), told.waiting), (2, 2));
}

#[test]
fn who_may_not_list_learns_no_name_of_whoever_is_in_the_way_below() {
    let (leases, now) = (Under::default(), Instant::now());
    leases.claim(now, claimant(1, 1), write("/inbox/secret"), None);
    let at = |sees_names| {
        let blind = Claimant { sees_names, ..claimant(2, 1) };
        let Answer::Refused(holders) = leases.claim(now, blind, write("/inbox"), None) else { panic!("granted") };
        holders[0].path.clone().unwrap()
    };
    assert_eq!((at(true), at(false)), ("/inbox/secret".to_owned(), "/inbox".to_owned()));
}
