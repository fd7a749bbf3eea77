//! One suite for every store: `checks` says what holds of any of them, this file which stores there are.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod checks;
mod copies;
mod kept;
mod links;
mod resuming;
#[macro_use]
mod suite;
mod support;
mod wrappers;

use remofile::store::{
    Capabilities, Capability, Faulty, LocalStore, MemoryOptions, MemoryStore, Metered, Meters, Prefix, Quota, Store,
    StoreOptions,
};
use remofile_protocol::path::{NameRule, RemotePath};
use std::sync::Arc;
use support::Scene;

fn local() -> Scene {
    local_with(StoreOptions::default())
}

fn local_with(options: StoreOptions) -> Scene {
    let root = tempfile::tempdir().unwrap();
    let holds = options.holds_attributes;
    let options = StoreOptions { names: NameRule::Posix, ..options };
    let store = LocalStore::open(root.path(), options).unwrap();
    Scene { store: Arc::new(store), _root: Some(root), holds }
}

/// A store as a server has it.
fn holding() -> Scene {
    local_with(StoreOptions { holds_attributes: true, ..StoreOptions::default() })
}

/// A store as a client has it that encodes names.
fn encoding() -> Scene {
    local_with(StoreOptions { encoding: Some(NameRule::Portable), ..StoreOptions::default() })
}

fn memory() -> Scene {
    Scene { store: Arc::new(MemoryStore::new()), _root: None, holds: false }
}

/// A store that can do no more than one of objects.
fn objects() -> Scene {
    let lacking = [Capability::Links, Capability::Modes, Capability::Times, Capability::Backups, Capability::Edits];
    let capabilities = lacking.into_iter().fold(Capabilities::ALL, Capabilities::without);
    let options = MemoryOptions { capabilities, ..MemoryOptions::default() };
    Scene { store: Arc::new(MemoryStore::with(options)), _root: None, holds: false }
}

/// The same store from inside a directory, beside which there are others.
fn inside(scene: Scene) -> Scene {
    for directory in ["/a/inside", "/a/insideout"] {
        scene.store.make_directory(&directory.parse().unwrap(), false, true).unwrap();
    }
    scene.store.create_file(&"/a/secret".parse().unwrap(), false).unwrap();
    let store: Arc<dyn Store> = Arc::new(Prefix::new(scene.store, "/a/inside".parse().unwrap()).unwrap());
    Scene { store, ..scene }
}

fn faulty(scene: Scene) -> Scene {
    Scene { store: Arc::new(Faulty::new(scene.store)), ..scene }
}

/// The same store with a quota that it never reaches, and a meter of a directory in it.
fn metered(scene: Scene) -> Scene {
    let meters = Meters::new(Arc::clone(&scene.store));
    meters.watch(&"/d".parse().unwrap());
    let quota = Quota { directory: RemotePath::root(), bytes: u64::MAX };
    Scene { store: Arc::new(Metered::new(meters, Some(quota))), ..scene }
}

suite! {
    on_a_local_directory: local();
    holding_attributes: holding();
    encoding_names: encoding();
    in_memory: memory();
    in_memory_as_of_objects: objects();
    inside_a_local_directory: inside(local());
    inside_memory: inside(memory());
    around_a_local_directory: faulty(local());
    around_memory: faulty(memory());
    metered_on_a_local_directory: metered(local());
    metered_and_holding_attributes: metered(holding());
    inside_one_that_holds_attributes: inside(holding());
    metered_in_memory: metered(memory());
    metered_as_of_objects: metered(objects());
    inside_a_metered_local_directory: inside(metered(local()));
    inside_metered_memory: inside(metered(memory()));
}
