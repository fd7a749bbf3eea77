//! The suite of every store, on a bucket: of a service in this process, and of the one that the environment names.
//!
//! With `REMOFILE_TEST_BUCKET=s3://BUCKET/PREFIX` and the variables that say where it is (`REMOFILE_TEST_ENDPOINT` or
//! `AWS_ENDPOINT_URL`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`) it runs on a real service as well; each check has
//! a prefix of its own there.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "tests fail by panicking")]

#[path = "../../remofile/tests/store_conformance/checks.rs"]
mod checks;
#[path = "../../remofile/tests/store_conformance/copies.rs"]
mod copies;
#[path = "../../remofile/tests/store_conformance/kept.rs"]
mod kept;
#[path = "../../remofile/tests/store_conformance/links.rs"]
mod links;
#[path = "../../remofile/tests/store_conformance/resuming.rs"]
mod resuming;
#[path = "../../remofile/tests/store_conformance/suite.rs"]
#[macro_use]
mod suite;
#[path = "../../remofile/tests/store_conformance/support.rs"]
mod support;

use crate::double::Double;
use remofile::protocol::path::RemotePath;
use remofile::store::{Capability, MemoryStore, Metered, Meters, Prefix, Quota, Store};
use remofile_object_store::{BucketOptions, BucketStore, Location};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use support::Scene;

fn scene(store: impl Store + 'static) -> Scene {
    Scene { store: Arc::new(store), _root: None, holds: false }
}

fn on_double() -> Scene {
    scene(Double::start().open())
}

/// A service that gives few keys at once, and forgets conditions.
fn on_simple_double() -> Scene {
    let double = Double::start();
    double.lock().faults.page = Some(3);
    double.lock().faults.has_no_conditions = true;
    scene(double.open())
}

fn inside() -> Scene {
    let scene = on_double();
    for directory in ["/a/inside", "/a/insideout"] {
        scene.store.make_directory(&directory.parse().unwrap(), false, true).unwrap();
    }
    scene.store.create_file(&"/a/secret".parse().unwrap(), false).unwrap();
    let store: Arc<dyn Store> = Arc::new(Prefix::new(scene.store, "/a/inside".parse().unwrap()).unwrap());
    Scene { store, ..scene }
}

fn metered() -> Scene {
    let scene = on_double();
    let meters = Meters::new(Arc::clone(&scene.store));
    meters.watch(&"/d".parse().unwrap());
    let quota = Quota { directory: RemotePath::root(), bytes: u64::MAX };
    Scene { store: Arc::new(Metered::new(meters, Some(quota))), ..scene }
}

/// The service that the environment names; without, a store that needs none, with a word.
fn on_service() -> Scene {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let Ok(bucket) = std::env::var("REMOFILE_TEST_BUCKET") else {
        eprintln!("skipped: REMOFILE_TEST_BUCKET names no bucket of a service");
        return scene(MemoryStore::new());
    };
    let (process, count) = (std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let since = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap();
    let place = format!("{}/check-{}-{process}-{count}", bucket.trim_end_matches('/'), since.as_nanos());
    let location: Location = place.parse().unwrap();
    let options = BucketOptions { endpoint: std::env::var("REMOFILE_TEST_ENDPOINT").ok(), ..BucketOptions::default() };
    scene(BucketStore::open(&location, options).unwrap())
}

suite! {
    on_a_bucket: on_double();
    on_a_bucket_of_a_simple_service: on_simple_double();
    inside_a_bucket: inside();
    metered_on_a_bucket: metered();
    on_a_bucket_of_a_service: on_service();
}
