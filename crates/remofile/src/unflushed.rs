//! Tests of flushes that fail, from both sides: what was stored is sent again, and never told as present.

#![expect(clippy::disallowed_methods, reason = "tests look at the disk themselves")]

mod downloads;
mod lone;

use crate::client::Syncing;
use crate::store::faults::{fail_next_flush, fail_next_flush_of_content, flushes};
use crate::store::{DurableStore, Fsync, LocalStore, ReadStore, StagePlan, StoreOptions, WriteStore};
use crate::{
    Bound, Client, ClientOptions, Delta, Error, Event, Interrupt, Monitor, Result, RetryOptions, Server, ServerOptions,
    Silent, SyncOptions, SyncReport, TransferOptions, TransferReport, Wait, synchronize_download, synchronize_upload,
};
use remofile_protocol::path::RemotePath;
use remofile_protocol::token::Token;
use remofile_protocol::wire::{AttributeSet, Element, ErrorCode, Kind, Listed, OnConflict, Request};
use rustix::io::Errno;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

/// A server that flushes at the end of operations, with a tree beside it to be uploaded.
struct Scene {
    root: TempDir,
    local: TempDir,
    token: Token,
    running: Option<Running>,
}

struct Running {
    server: Server,
    port: u16,
    thread: std::thread::JoinHandle<Result<()>>,
}

impl Scene {
    fn new(fsync: Fsync) -> Self {
        let (root, local) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for (name, size) in [("a", 10), ("b/c", 20_000), ("b/large", 3 << 20)] {
            let path = local.path().join("tree").join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, vec![name.len() as u8; size]).unwrap();
        }
        let mut scene = Self { root, local, token: Token::generate(), running: None };
        scene.start(fsync);
        scene
    }

    /// Starts the server, another one each time.
    fn start(&mut self, fsync: Fsync) {
        self.stop();
        let server = Server::new(self.root.path(), self.token.clone()).unwrap();
        server.set_options(ServerOptions { fsync, ..ServerOptions::default() }).unwrap();
        let bound = server.bind(0, Some(IpAddr::V4(Ipv4Addr::LOCALHOST))).unwrap();
        let port = bound.addresses()[0].port();
        let thread = std::thread::spawn(move || Bound::serve(bound));
        self.running = Some(Running { server, port, thread });
    }

    fn stop(&mut self) {
        if let Some(Running { server, thread, .. }) = self.running.take() {
            server.terminate().unwrap();
            thread.join().unwrap().unwrap();
        }
    }

    fn client(&self) -> Client {
        let port = self.running.as_ref().unwrap().port;
        Client::new(ClientOptions {
            wait: Wait::For(Duration::from_secs(30)),
            interrupt: Interrupt::default(),
            ..ClientOptions::new("127.0.0.1", port, self.token.clone())
        })
    }

    fn upload(&self, on_conflict: OnConflict) -> Result<TransferReport> {
        let options = TransferOptions { recursive: true, on_conflict, ..TransferOptions::default() };
        self.client().upload(&[self.local.path().join("tree")], &RemotePath::root(), &options, &mut Silent)
    }

    fn synchronize(&self, delta: Delta) -> Result<SyncReport> {
        let options = SyncOptions { delete: true, delta, ..SyncOptions::default() };
        let source = self.local.path().join("tree");
        synchronize_upload(&mut self.client(), &source, &path("/tree"), &options, &mut Silent)
    }

    fn is_unflushed(&self, text: &str) -> bool {
        self.client().stat(&path(text)).unwrap().unflushed
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.root.path().join("tree").join(name)).unwrap()
    }

    fn assert_same(&self) {
        for name in ["a", "b/c", "b/large"] {
            let read = |root: &Path| std::fs::read(root.join("tree").join(name)).unwrap();
            assert!(read(self.root.path()) == read(self.local.path()), "{name}");
        }
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.stop();
    }
}

fn path(text: &str) -> RemotePath {
    text.parse().unwrap()
}

/// Checks that a command failed and said what to do.
fn assert_told<T: std::fmt::Debug>(result: Result<T>, code: ErrorCode) {
    let error = result.unwrap_err();
    assert!(matches!(&error, Error::Remote(failure) if failure.code == code), "{error:?}");
    assert!(error.to_string().contains("run the command again, and it is sent again"), "{error}");
}

#[test]
fn after_a_flush_that_failed_the_same_upload_sends_every_file_again() {
    use OnConflict::{Abort, Newer, Rename, Replace, Skip};
    let runs =
        [(Abort, Errno::IO), (Skip, Errno::NOSPC), (Newer, Errno::IO), (Replace, Errno::IO), (Rename, Errno::IO)];
    for (number, (on_conflict, errno)) in runs.into_iter().enumerate() {
        let is_restarted = number % 2 == 0;
        let mut scene = Scene::new(Fsync::End);
        fail_next_flush(scene.root.path(), errno);
        let code = if errno == Errno::IO { ErrorCode::DiskFailure } else { ErrorCode::NoSpace };
        assert_told(scene.upload(on_conflict), code);
        assert!(scene.is_unflushed("/tree/a") && scene.is_unflushed("/tree/b/large"));
        if is_restarted {
            scene.start(Fsync::End);
        }
        let (before, again) = (flushes(scene.root.path()), scene.upload(on_conflict).unwrap());
        assert_eq!((again.files, again.present, again.failures), (3, 0, vec![]), "{on_conflict:?}");
        assert!(flushes(scene.root.path()) > before, "what is sent again is flushed");
        scene.assert_same();
        let third = scene.upload(on_conflict).unwrap();
        assert_eq!((third.files, third.present), (0, 3), "{on_conflict:?}");
        assert_eq!(std::fs::read_dir(scene.root.path().join("tree")).unwrap().count(), 2, "nothing is beside");
    }
}

#[test]
fn what_is_overwritten_stays_old_until_the_new_is_on_the_disk() {
    let scene = Scene::new(Fsync::End);
    scene.upload(OnConflict::Replace).unwrap();
    let old: Vec<_> = ["a", "b/c", "b/large"].map(|name| scene.read(name)).into();
    for name in ["a", "b/c", "b/large"] {
        std::fs::write(scene.local.path().join("tree").join(name), vec![9; 4 << 20]).unwrap();
    }
    fail_next_flush_of_content(scene.root.path(), Errno::IO);
    // None of them is visible, since none is known to be on the disk.
    let told = scene.upload(OnConflict::Replace).unwrap_or_default();
    assert_eq!(told.files, 0);
    assert!(["a", "b/c", "b/large"].map(|name| scene.read(name)).to_vec() == old);
    assert_eq!(scene.upload(OnConflict::Replace).unwrap().files, 3);
    scene.assert_same();
    // A single file is flushed alone.
    fail_next_flush_of_content(&scene.root.path().join("tree"), Errno::IO);
    std::fs::write(scene.local.path().join("tree/a"), "newer").unwrap();
    assert!(scene.synchronize(Delta::Never).map_or(0, |report| report.transfer.files) == 0);
    assert!(scene.read("a") == vec![9; 4 << 20]);
    assert_eq!(scene.synchronize(Delta::Never).unwrap().transfer.files, 1);
    scene.assert_same();
}

#[test]
fn after_a_flush_that_failed_the_same_sync_sends_every_file_again() {
    for (delta, is_restarted) in [(Delta::Never, false), (Delta::Always, true), (Delta::Always, false)] {
        let mut scene = Scene::new(Fsync::End);
        std::fs::create_dir(scene.root.path().join("tree")).unwrap();
        fail_next_flush(scene.root.path(), Errno::IO);
        assert_told(scene.synchronize(delta), ErrorCode::DiskFailure);
        if is_restarted {
            scene.start(Fsync::End);
        }
        // What looks like a rename of a file that may not be on the disk is none.
        std::fs::rename(scene.local.path().join("tree/b/c"), scene.local.path().join("tree/b/moved")).unwrap();
        let inode = |name: &str| {
            use std::os::unix::fs::MetadataExt;
            std::fs::metadata(scene.root.path().join("tree").join(name)).unwrap().ino()
        };
        let before = inode("b/large");
        let again = scene.synchronize(delta).unwrap();
        assert_eq!((again.transfer.files, again.transfer.failures), (3, vec![]), "{:?}", again.plan);
        assert_ne!(inode("b/large"), before, "it is written anew, even of what is there");
        let third = scene.synchronize(delta).unwrap();
        assert_eq!((third.transfer.files, third.plan.unchanged.files, third.plan.steps.to_vec()), (0, 3, vec![]));
    }
}

#[test]
fn a_destination_on_this_side_that_may_not_be_on_the_disk_is_fetched_again() {
    let scene = Scene::new(Fsync::End);
    scene.upload(OnConflict::Abort).unwrap();
    let here = scene.local.path().join("tree");
    // Another server of this directory failed to flush.
    let lose = || {
        let store = LocalStore::open(&here, StoreOptions { fsync: Fsync::End, ..StoreOptions::default() }).unwrap();
        let entry = store.stat(&path("/a")).unwrap();
        let name = path("/a").file_name().unwrap();
        let plan = StagePlan { replace: true, modified: Some(entry.modified), ..StagePlan::default() };
        let mut staged = store.directory(&RemotePath::root()).unwrap().stage(&name, &plan).unwrap();
        staged.write(&std::fs::read(here.join("a")).unwrap()).unwrap();
        staged.commit().unwrap();
        fail_next_flush(&here, Errno::IO);
        assert!(store.sync(store.flush_mark()).is_err());
    };
    lose();
    let options = SyncOptions::default();
    let fetch = || synchronize_download(&mut scene.client(), &path("/tree"), &here, &options, &mut Silent).unwrap();
    assert_eq!([fetch().transfer.files, fetch().transfer.files], [1, 0]);
    lose();
    let download = || {
        let options = TransferOptions { recursive: true, ..TransferOptions::default() };
        let report = scene.client().download(&[path("/tree")], scene.local.path(), &options, &mut Silent).unwrap();
        (report.files, report.present)
    };
    // Its own store is that of the directory above, which knows nothing of it.
    assert_eq!(download(), (0, 3));
    let options = TransferOptions::default();
    let report = scene.client().download(&[path("/tree/a")], &here, &options, &mut Silent).unwrap();
    assert_eq!((report.files, report.present), (1, 0));
}

#[test]
fn a_flush_of_one_file_that_failed_after_it_became_visible_is_told_and_the_file_sent_again() {
    let scene = Scene::new(Fsync::Each);
    std::fs::create_dir_all(scene.root.path().join("tree/b")).unwrap();
    fail_next_flush(&scene.root.path().join("tree/b"), Errno::IO);
    let first = scene.upload(OnConflict::Replace).unwrap();
    assert_eq!((first.files, first.failures.len(), first.failures[0].code), (2, 1, ErrorCode::DiskFailure));
    let second = scene.upload(OnConflict::Replace).unwrap();
    assert_eq!((second.files, second.present, second.failures), (1, 2, vec![]));
    assert_eq!(scene.upload(OnConflict::Replace).unwrap().present, 3);
}

/// Ends a transfer when twenty files were moved.
struct Interrupting(Interrupt, usize);

impl Monitor for Interrupting {
    fn report(&mut self, event: Event<'_>) {
        if let Event::FileFinished { .. } = event {
            self.1 += 1;
            if self.1 == 20 {
                self.0.trigger();
            }
        }
    }
}

#[test]
fn what_an_interrupted_upload_stored_is_flushed_and_not_sent_again() {
    let scene = Scene::new(Fsync::End);
    let interrupt = Interrupt::default();
    let mut client = scene.client();
    client.set_limits(None, Wait::For(Duration::from_secs(30)), interrupt.clone());
    for number in 0..40 {
        std::fs::write(scene.local.path().join(format!("tree/many{number}")), vec![7; 300_000]).unwrap();
    }
    let options = TransferOptions { recursive: true, ..TransferOptions::default() };
    let sources = [scene.local.path().join("tree")];
    let cut = client.upload(&sources, &RemotePath::root(), &options, &mut Interrupting(interrupt, 0));
    assert!(cut.is_err());
    drop(client);
    let mut stored = 0;
    let mut count = |listed| {
        stored += u64::from(matches!(listed, Listed::Entry(entry) if entry.kind == Kind::File));
        Ok(())
    };
    // Until what was interrupted is over.
    while !scene.client().status().unwrap().report.holders.is_empty() {
        std::thread::yield_now();
    }
    scene.client().list(&path("/tree"), true, &mut count).unwrap();
    let again = scene.upload(OnConflict::Abort).unwrap();
    assert_eq!((again.files, again.present, again.failures), (43 - stored, stored, vec![]));
    assert_eq!(scene.upload(OnConflict::Abort).unwrap().present, 43);
    assert!(!scene.root.path().join(".remofile").exists(), "nothing waits for a flush");
}

#[test]
fn a_sync_that_keeps_what_it_replaces_leaves_nothing_in_doubt() {
    let scene = Scene::new(Fsync::End);
    let source = scene.local.path().join("tree");
    let options = SyncOptions { backup: Some("/before".to_owned()), ..SyncOptions::default() };
    for size in 1..=3 {
        for name in ["a", "b/c", "b/large"] {
            std::fs::write(source.join(name), vec![7; 1000 * size]).unwrap();
        }
        synchronize_upload(&mut scene.client(), &source, &path("/tree"), &options, &mut Silent).unwrap();
        scene.assert_same();
        assert!(!scene.root.path().join(".remofile").exists(), "it is sent again, and again");
    }
    assert!(scene.root.path().join("before/b/large").exists());
}

#[test]
fn a_client_that_knows_nothing_of_flushes_takes_no_unflushed_file_for_its_own() {
    let scene = Scene::new(Fsync::End);
    fail_next_flush(scene.root.path(), Errno::IO);
    assert_told(scene.upload(OnConflict::Abort), ErrorCode::DiskFailure);
    let modified = scene.client().stat(&path("/tree/a")).unwrap().modified;
    let ask = |request| {
        let (mut client, mut silent, mut elements) = (scene.client(), Silent, Vec::new());
        let mut syncing = Syncing::new(&mut client, RetryOptions::default(), &mut silent, true);
        let mut each = |element| {
            elements.push(element);
            Ok(())
        };
        syncing.elements(request, &mut each).unwrap();
        elements
    };
    let survey = |unflushed| Request::Survey { destination: path("/"), names: vec!["tree".into()], unflushed };
    let files = |elements: Vec<Element>| {
        let entry = |element| match element {
            Element::Listed(Listed::Entry(entry)) if entry.kind == Kind::File => Some(entry),
            _ => None,
        };
        elements.into_iter().filter_map(entry).collect::<Vec<_>>()
    };
    assert_eq!(files(ask(survey(false))), []);
    assert_eq!(files(ask(survey(true))).len(), 3);
    let list = |unflushed| Request::List {
        path: path("/tree"),
        recursive: false,
        rules: Vec::new(),
        targets: true,
        unflushed,
        extras: false,
    };
    let [told, shown] = [true, false].map(|knows| files(ask(list(knows)))[0].clone());
    assert_eq!((told.modified, told.size), (modified, 10));
    assert_eq!((shown.modified.seconds(), shown.size), (modified.seconds(), 10), "users see what is right");
    assert!(shown.modified != modified && shown.modified.nanoseconds() != 0);
    let sources = vec![path("/tree")];
    let digests =
        Request::Find { sources, recursive: true, selection: None, digests: true, attributes: AttributeSet::NONE };
    assert!(ask(digests).is_empty(), "and contents say nothing");
}

#[test]
fn nobody_reaches_the_ledger_through_the_server() {
    let scene = Scene::new(Fsync::End);
    fail_next_flush(scene.root.path(), Errno::IO);
    assert_told(scene.upload(OnConflict::Abort), ErrorCode::DiskFailure);
    let ledger = path("/.remofile/unflushed/ranges");
    assert!(scene.root.path().join(".remofile/unflushed/ranges").exists());
    let mut client = scene.client();
    assert!(client.stat(&ledger).is_err() && client.remove(&ledger, false).is_err());
    assert!(client.remove(&path("/.remofile"), true).is_err());
    assert!(client.rename(&path("/tree/a"), &ledger, true).is_err());
    assert!(client.create_file(&ledger, true).is_err());
    let mut names = Vec::new();
    client
        .list(&RemotePath::root(), true, &mut |listed| {
            names.push(format!("{listed:?}"));
            Ok(())
        })
        .unwrap();
    assert!(names.iter().all(|name| !name.contains(".remofile")));
    assert_eq!(client.partials().unwrap(), []);
    assert!(scene.is_unflushed("/tree/a"));
}
