//! Tests of who may change a bucket: one server, or the servers of one coordinator, each as long as it has a lease.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use crate::content::{code, path, stage};
use crate::double::{Double, Faults, PART_BYTES};
use remofile::protocol::token::Token;
use remofile::protocol::wire::ErrorCode;
use remofile::server::{Coordinated, MemoryCoordinator};
use remofile::store::{Fence, StagePlan, Store, StoreResult, WriteStore};
use remofile::{Server, ServerOptions};
use remofile_object_store::BucketOptions;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// More than a small file, which is sent in parts.
const LARGE: usize = 3 * PART_BYTES;

fn why<T>(result: StoreResult<T>) -> String {
    result.err().unwrap().to_string()
}

/// The ways of services with conditions: they heed them, compare tags without their quotes, forget them, say that they have none.
fn services() -> [Faults; 4] {
    [
        Faults::default(),
        Faults { compares_bare_tags: true, ..Faults::default() },
        Faults { has_no_conditions: true, ..Faults::default() },
        Faults { has_little: true, ..Faults::default() },
    ]
}

#[test]
fn one_server_owns_a_bucket_until_it_ends_or_is_gone() {
    let double = Double::start();
    let (first, second) = (double.open(), double.open());
    first.claim_directory().unwrap();
    let refused = second.claim_directory().unwrap_err().to_string();
    assert!(refused.contains("another server") && refused.contains("--coordinator"), "{refused}");
    drop(first);
    second.claim_directory().unwrap();
    // It is gone without a word: its claim gets old by the clock of the service.
    double.lock().ahead = 100;
    let third = double.open();
    third.claim_directory().unwrap();
}

#[test]
fn one_server_owns_a_bucket_of_a_service_that_forgets_conditions() {
    let double = Double::start();
    double.lock().faults.has_no_conditions = true;
    let (first, second) = (double.open(), double.open());
    first.claim_directory().unwrap();
    assert!(second.claim_directory().is_err());
}

struct Lease(Mutex<Option<Duration>>);

impl Fence for Lease {
    fn remaining(&self) -> Option<Duration> {
        *self.0.lock().unwrap()
    }
}

#[test]
fn nothing_is_changed_by_a_server_that_has_lost_its_lease() {
    let double = Double::start();
    let lease = Arc::new(Lease(Mutex::new(Some(Duration::from_secs(10)))));
    let fence = Some(Arc::clone(&lease) as Arc<dyn Fence>);
    let store = double.open_with(BucketOptions { fence, ..double.options() }).unwrap();
    stage(&store, "/file", &StagePlan::default()).unwrap().commit().unwrap();
    let mut large = stage(&store, "/large", &StagePlan::default()).unwrap();
    large.write(&vec![1; LARGE]).unwrap();
    let small = stage(&store, "/small", &StagePlan::default()).unwrap();
    *lease.0.lock().unwrap() = None;
    assert_eq!(code(large.commit()), Some(ErrorCode::OutOfResources));
    assert_eq!(code(small.commit()), Some(ErrorCode::OutOfResources));
    assert_eq!(code(store.remove(&path("/file"))), Some(ErrorCode::OutOfResources));
    assert_eq!(code(store.make_directory(&path("/d"), false, false)), Some(ErrorCode::OutOfResources));
    assert_eq!(code(store.rename(&path("/file"), &path("/other"), false)), Some(ErrorCode::OutOfResources));
    assert_eq!(double.keys(), ["file"]);
}

#[test]
fn the_servers_of_one_coordinator_share_a_bucket_and_all_others_are_refused() {
    for has_no_conditions in [false, true] {
        let double = Double::start();
        double.lock().faults.has_no_conditions = has_no_conditions;
        let (first, second, other) = (double.open(), double.open(), double.open());
        first.join_servers("one").unwrap();
        second.join_servers("one").unwrap();
        second.join_servers("one").unwrap();
        let alone = why(other.claim_directory());
        assert!(alone.contains("servers with a coordinator") && alone.contains("give this one the same"), "{alone}");
        let elsewhere = why(other.join_servers("two"));
        assert!(elsewhere.contains("another coordinator") && elsewhere.contains("wait a minute"), "{elsewhere}");
        // One may still have it when another ends.
        drop(first);
        assert!(other.claim_directory().is_err());
        drop(second);
        double.lock().ahead = 100;
        other.claim_directory().unwrap();
    }
}

#[test]
fn a_server_with_a_coordinator_is_refused_beside_one_without() {
    let double = Double::start();
    let (alone, joining) = (double.open(), double.open());
    alone.claim_directory().unwrap();
    let refused = why(joining.join_servers("one"));
    assert!(refused.contains("without '--coordinator'") && refused.contains("stop it first"), "{refused}");
    drop(alone);
    joining.join_servers("one").unwrap();
}

#[test]
fn each_server_of_a_coordinator_renews_what_they_share() {
    for faults in services() {
        let double = Double::start();
        double.lock().faults = faults;
        let options = BucketOptions { renewal: Duration::from_millis(2), ..double.options() };
        let stores = [(); 2].map(|()| double.open_with(options.clone()).unwrap());
        for store in &stores {
            store.join_servers("one").unwrap();
        }
        let mut changes = 0;
        let mut last = Vec::new();
        while changes < 10 {
            let now = double.lock().objects["pre/fix/.remofile/owner"].content.to_vec();
            changes += u32::from(now != last);
            last = now;
        }
        for store in &stores {
            store.make_directory(&path("/d"), true, false).unwrap();
        }
    }
}

#[test]
fn a_server_changes_nothing_once_another_has_the_bucket() {
    let double = Double::start();
    let options = BucketOptions { renewal: Duration::from_millis(2), ..double.options() };
    let store = double.open_with(options).unwrap();
    store.join_servers("one").unwrap();
    let theirs = br#"{"id":"1","host":"h","process":1,"machine":""}"#;
    double.put(".remofile/owner", theirs, &[]);
    // Until then it may have a renewal under way.
    while store.make_directory(&path("/d"), true, false).is_ok() {
        double.lock().objects.remove("pre/fix/d/");
    }
    assert_eq!(double.lock().objects["pre/fix/.remofile/owner"].content.to_vec(), theirs);
    assert!(store.join_servers("one").is_err(), "while the other one lives");
}

#[test]
fn servers_with_and_without_a_coordinator_are_not_started_on_one_bucket() {
    let double = Double::start();
    let link = MemoryCoordinator::new();
    let bind = |coordinated: Option<Coordinated>| {
        let fence = coordinated.as_ref().map(Coordinated::fence);
        let store = double.open_with(BucketOptions { fence, ..double.options() }).unwrap();
        let server = Server::with_store(Arc::new(store), Token::generate());
        let options = ServerOptions { coordinator: coordinated, ..server.options() };
        server.set_options(options).unwrap();
        server.bind(0, Some([127, 0, 0, 1].into())).map_err(|error| error.to_string())
    };
    let coordinated = || Some(Coordinated::new(link.link()).of_store("bucket"));
    let alone = bind(None).unwrap();
    let refused = bind(coordinated()).err().unwrap();
    assert!(refused.contains("without '--coordinator'"), "{refused}");
    drop(alone);
    let _first = bind(coordinated()).unwrap();
    let refused = bind(None).err().unwrap();
    assert!(refused.starts_with("cannot serve the store: servers with a coordinator"), "{refused}");
}
