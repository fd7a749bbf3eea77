//! Whatever a client can ask for, asked by principals with all sets of rights.

mod carriers;
mod items;
mod protocol1;
mod quotas;
mod requests;
mod scoped;

use super::*;
use crate::server::ServerOptions;
use crate::server::presence::Presence;
use crate::server::principal::Principal;
use crate::server::session::{Peer, SharedState};
use crate::store::{LocalStore, Store, StoreOptions};
use remofile_protocol::wire::{Kind, Listed, Timestamp};
use std::sync::Arc;
use std::time::Instant;
use tempfile::TempDir;

/// A server with one principal, over a directory with the file `f` in it.
struct Scene {
    root: TempDir,
    grant: Arc<Grant>,
    shared: Arc<SharedState>,
}

/// A file or directory as it is: its path, kind, size and time.
type State = (String, Kind, u64, Timestamp);

impl Scene {
    /// The principal has these rights.
    #[expect(clippy::disallowed_methods, reason = "the test makes the directory that is served")]
    fn new(rights: &[Right]) -> Self {
        let (root, options) = (tempfile::tempdir().unwrap(), ServerOptions::default());
        std::fs::write(root.path().join("f"), "old").unwrap();
        let store = Arc::new(LocalStore::open(root.path(), StoreOptions::default()).unwrap()) as Arc<dyn Store>;
        let grant = Grant::new(principal(rights), &store, &options, Vec::new(), Arc::default());
        Self { root, grant: Arc::new(grant), shared: Arc::new(SharedState::new(options)) }
    }

    fn peer(&self) -> Peer {
        let presence = Presence::new(Instant::now(), None);
        let (client, address) = ("c".to_owned(), "a".to_owned());
        Peer { session: 1, client, address, network: None, identity: None, presence, grant: Arc::clone(&self.grant) }
    }

    #[expect(clippy::disallowed_methods, reason = "no store removes its own root")]
    fn remove_root(&self) {
        std::fs::remove_dir_all(self.root.path()).unwrap();
    }

    /// Everything that is there.
    fn tree(&self) -> Vec<State> {
        let mut walk = self.grant.store.walk(&RemotePath::root(), true).unwrap();
        let listed = std::iter::from_fn(|| walk.next()).map(|listed| match listed {
            Listed::Entry(entry) => (entry.path.to_string(), entry.kind, entry.size, entry.modified),
            Listed::Failed(failure) => panic!("{failure}"),
        });
        listed.collect()
    }
}

fn principal(rights: &[Right]) -> Principal {
    let unlimited = Principal::unlimited(&ServerOptions::default());
    Principal { name: "laptop".to_owned(), rights: Rights::of(rights), ..unlimited }
}

/// Every set of rights, the empty one included.
fn every_set() -> impl Iterator<Item = Vec<Right>> {
    (0..16).map(|set| Right::ALL.into_iter().filter(|right| set >> *right as usize & 1 == 1).collect())
}

/// The first of the rights that are needed which is not there.
fn missing(rights: &[Right], needed: &[Right]) -> Option<Right> {
    needed.iter().copied().find(|right| !rights.contains(right))
}

/// The refusal for want of a right.
fn denial(right: Right) -> String {
    format!("the token \"laptop\" has no right to {}", right.name())
}

#[test]
fn a_principal_that_may_change_nothing_is_told_so_in_the_hello() {
    for rights in every_set() {
        let expected = !rights.iter().any(|right| *right != Right::Read);
        assert_eq!(Scene::new(&rights).grant.hello.read_only, expected, "{rights:?}");
    }
}
