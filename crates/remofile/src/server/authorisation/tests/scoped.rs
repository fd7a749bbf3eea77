//! Clients of a principal whose root is one directory of the server.
//!
//! Everything outside of that directory has `secret` in its path, and the directory itself is named `inner`.

#![expect(clippy::disallowed_methods, reason = "the test has files of its own to send")]

use super::*;
use crate::server::Server;
use crate::store::{MemoryStore, Prefix, ReadStore, StagePlan, WriteStore, places};
use crate::tokens::{LiveTokens, TokenEntry};
use crate::{
    Client, ClientOptions, Error, OpenOptions, RetryOptions, Silent, SyncOptions, TransferOptions, Wait,
    synchronize_download, synchronize_upload,
};
use remofile_protocol::handshake::{MAX_PLACES, Place};
use remofile_protocol::limits::MAX_PATH_BYTES;
use remofile_protocol::path::FileName;
use remofile_protocol::token::Token;
use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::thread::JoinHandle;

/// Words that no answer may have in it.
const OUTSIDE: [&str; 2] = ["secret", "inner"];

/// A running server, one token of which sees `/inner` alone.
struct Served {
    server: Server,
    thread: Option<JoinHandle<crate::Result<()>>>,
    client: Client,
    /// The store as its owner sees it.
    store: Arc<dyn Store>,
    _root: Option<TempDir>,
}

impl Served {
    fn of(serve: impl FnOnce(LiveTokens) -> Server, store: Arc<dyn Store>, root: Option<TempDir>) -> Self {
        fill(&*store);
        let (token, address, tokens) = (Token::generate(), IpAddr::V4(Ipv4Addr::LOCALHOST), LiveTokens::default());
        let entry = TokenEntry { below: remote("/inner"), ..TokenEntry::new("laptop".parse().unwrap(), &token) };
        tokens.change(|tokens| tokens.add(entry)).unwrap();
        let server = serve(tokens);
        let bound = server.bind(0, Some(address)).unwrap();
        let options = ClientOptions::new("127.0.0.1", bound.addresses()[0].port(), token);
        let thread = Some(std::thread::spawn(move || bound.serve()));
        let client = Client::connect(ClientOptions { wait: Wait::Forever, ..options }).unwrap();
        Self { server, thread, client, store, _root: root }
    }

    fn local() -> Self {
        let root = tempfile::tempdir().unwrap();
        let store = LocalStore::open(root.path(), StoreOptions::default()).unwrap();
        let path = root.path().to_owned();
        Self::of(|tokens| Server::with_tokens(path, tokens).unwrap(), Arc::new(store), Some(root))
    }

    fn memory() -> Self {
        let store = MemoryStore::new();
        let served = Arc::new(store.clone());
        Self::of(|tokens| Server::with_store_and_tokens(served, tokens), Arc::new(store), None)
    }

    /// The paths of everything in a directory of the owner's.
    fn paths(&self, directory: &str) -> Vec<String> {
        let mut walk = self.store.walk(&remote(directory), true).unwrap();
        let listed = std::iter::from_fn(|| walk.next()).map(|listed| match listed {
            Listed::Entry(entry) => entry.path.to_string(),
            Listed::Failed(failure) => panic!("{failure}"),
        });
        listed.collect()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.server.terminate().unwrap();
        self.thread.take().unwrap().join().unwrap().unwrap();
    }
}

fn remote(path: &str) -> RemotePath {
    path.parse().unwrap()
}

/// Makes two directories, one of them the principal's, each with a file, a link to the other's and a partial.
fn fill(store: &dyn Store) {
    for (directory, target) in [("/inner", "../secret/f"), ("/secret", "../inner/f")] {
        let at = |name| remote(directory).join(name).unwrap();
        store.make_directory(&at("d"), false, true).unwrap();
        store.create_file(&at("f"), false).unwrap();
        store.make_link(&at("out"), target, false).unwrap();
        let plan = StagePlan { modified: Some(Timestamp::new(1, 0)), size: Some(4 << 20), ..StagePlan::default() };
        let name = FileName::parse("part", Default::default()).unwrap();
        let mut staged = store.directory(&remote(directory)).unwrap().stage(&name, &plan).unwrap();
        staged.write(&vec![7; 3 << 20]).unwrap();
        staged.retain_partial();
    }
}

/// Checks that a call fails, and without a word of what is outside.
fn fails<T>(what: &str, call: crate::Result<T>) {
    let said = call.err().unwrap_or_else(|| panic!("{what} goes through")).to_string();
    // A path that the client itself named, or a directory on the way there, comes back as it named it.
    let named = remote(what);
    let ways = std::iter::successors(Some(named), RemotePath::parent).filter(|way| !way.is_root());
    let said = ways.fold(said.replace("/out", ""), |said, way| said.replace(way.as_str(), ""));
    assert!(OUTSIDE.iter().all(|word| !said.contains(word)), "{what}: {said}");
}

#[test]
fn a_principal_sees_its_own_directory_as_the_root_and_nothing_beside_it() {
    for mut served in [Served::local(), Served::memory()] {
        let client = &mut served.client;
        let mut listed = Vec::new();
        let each = &mut |entry| {
            listed.push(format!("{entry:?}"));
            Ok(())
        };
        client.list(&RemotePath::root(), true, each).unwrap();
        assert_eq!(listed.len(), 3, "{listed:?}");
        assert!(listed.iter().all(|entry| OUTSIDE.iter().all(|word| !entry.contains(word))), "{listed:?}");
        let partials: Vec<_> = client.partials().unwrap().into_iter().map(|partial| partial.path).collect();
        assert_eq!(partials, [remote("/part")]);
        assert_eq!(client.stat(&remote("/f")).unwrap().path, remote("/f"));
        // A link that leads out is told as what it is, and is no way.
        assert_eq!(client.stat(&remote("/out")).unwrap().kind, Kind::Link);
    }
}

#[test]
fn no_call_of_a_principal_reaches_beyond_its_root_nor_tells_of_it() {
    let into = tempfile::tempdir().unwrap();
    std::fs::write(into.path().join("new"), "new").unwrap();
    let options = TransferOptions { retry: RetryOptions::NEVER, ..TransferOptions::default() };
    for mut served in [Served::local(), Served::memory()] {
        let before = served.paths("/secret");
        let client = &mut served.client;
        for lost in ["/secret", "/inner", "/secret/f", "/out", "/out/f", "/f/x"].map(remote) {
            let what = lost.as_str();
            let below = lost.join("new").unwrap();
            if what != "/out" {
                fails(what, client.stat(&lost));
                fails(what, client.rename(&lost, &remote("/stolen"), false));
                fails(what, client.remove(&lost, true));
            }
            fails(what, client.list(&lost, true, &mut |_| Ok(())));
            fails(what, client.open(&lost, OpenOptions::new().read(true)));
            fails(what, client.create_file(&below, true));
            fails(what, client.make_directory(&below, true, false));
            fails(what, client.rename(&remote("/f"), &below, true));
            fails(what, client.upload(&[into.path().join("new")], &lost, &options, &mut Silent));
            let fetched = client.download(std::slice::from_ref(&lost), into.path(), &options, &mut Silent);
            let told = format!("{fetched:?}");
            assert!(!into.path().join("f").exists() && !told.contains("inner/"), "{what}: {told}");
        }
        fails("/", client.remove(&RemotePath::root(), true));
        fails("/", client.rename(&RemotePath::root(), &remote("/moved"), false));
        assert_eq!(served.paths("/secret"), before);
        assert_eq!(served.paths("/inner").len(), 3);
    }
}

#[test]
fn what_a_principal_sends_arrives_in_its_directory_and_comes_back_from_there() {
    let (source, back) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::create_dir(source.path().join("t")).unwrap();
    std::fs::write(source.path().join("t/new"), "new").unwrap();
    std::fs::write(source.path().join("t/large"), vec![3; 2 << 20]).unwrap();
    let top = source.path().join("t");
    for mut served in [Served::local(), Served::memory()] {
        let client = &mut served.client;
        let options = TransferOptions { recursive: true, ..TransferOptions::default() };
        client.upload(&[&top], &remote("/d"), &options, &mut Silent).unwrap();
        synchronize_upload(client, &top, &remote("/s"), &SyncOptions::default(), &mut Silent).unwrap();
        let copy = back.path().join("s");
        synchronize_download(client, &remote("/s"), &copy, &SyncOptions::default(), &mut Silent).unwrap();
        assert_eq!(std::fs::read(copy.join("new")).unwrap(), b"new");
        client.clear_partials(&[]).unwrap();
        let left: Vec<_> = served.store.partials().unwrap().into_iter().map(|partial| partial.path).collect();
        assert_eq!(left, [remote("/secret/part")], "those of others are not its own to remove");
        assert!(served.paths("/inner").contains(&"/inner/d/t/large".to_owned()));
        assert_eq!(served.paths("/secret").len(), 3);
    }
}

#[test]
fn a_client_on_the_same_machine_is_told_where_the_root_of_its_principal_is() {
    let mut served = Served::local();
    let root = served._root.as_ref().unwrap().path().to_owned();
    assert_eq!(served.client.server().unwrap().places[..2], places(&root.join("inner"))[..2]);
    let into_itself = |path: &Path, client: &mut Client| {
        let options = TransferOptions { recursive: true, ..TransferOptions::default() };
        client.upload(&[path], &remote("/d"), &options, &mut Silent)
    };
    let refused = into_itself(&root.join("inner"), &mut served.client);
    assert!(matches!(&refused, Err(Error::Local(failure)) if failure.code == ErrorCode::IntoItself), "{refused:?}");
    assert_eq!(Served::memory().client.server().unwrap().places, []);
}

#[test]
fn the_places_that_a_principal_is_told_do_not_tell_how_deep_its_root_is() {
    let told = |inner: &str| {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join(inner.trim_start_matches('/'))).unwrap();
        let store = Arc::new(LocalStore::open(root.path(), StoreOptions::default()).unwrap()) as Arc<dyn Store>;
        let principal = Principal { root: remote(inner), ..Principal::unlimited(&ServerOptions::default()) };
        let of_root = places(root.path());
        Grant::new(principal, &store, &ServerOptions::default(), of_root, Arc::default()).hello.places
    };
    let (near, deep) = (told("/a"), told("/a/b/c/d"));
    assert_eq!((near.len(), deep.len()), (MAX_PLACES, MAX_PLACES));
    let different: HashSet<Place> = deep.iter().copied().collect();
    assert_eq!(different.len(), MAX_PLACES);
}

#[test]
fn how_long_a_path_may_be_does_not_tell_how_long_that_of_the_root_is() {
    let told = |inner: &str| {
        let store = MemoryStore::new();
        store.make_directory(&remote(inner), false, true).unwrap();
        let store = Prefix::new(Arc::new(store), remote(inner)).unwrap();
        let name = format!("/{}", "x".repeat(127));
        [12_288, 12_416, MAX_PATH_BYTES - 512, MAX_PATH_BYTES].map(|bytes| {
            let refused = store.stat(&remote(&name.repeat(bytes / name.len()))).unwrap_err();
            (refused.code, refused.detail)
        })
    };
    let (near, deep) = (told("/a"), told(&"/deep".repeat(200)));
    assert_eq!(near, deep);
    assert_eq!(near[0].0, ErrorCode::NotFound);
    assert_eq!(near[1], (ErrorCode::InvalidName, Some("the path has 12416 bytes, more than 12288".to_owned())));
}

#[test]
fn for_a_principal_whose_root_is_not_there_nothing_is_done() {
    let scene = Scene::new(&[]);
    for root in ["/none", "/f"] {
        let lost = Principal { root: remote(root), ..principal(&[]) };
        let grant = Grant::new(lost, &scene.grant.store, &scene.shared.options, Vec::new(), Arc::default());
        assert_eq!(grant.refuse_without_root().unwrap_err().code, ErrorCode::NotFound, "{root}");
    }
}
