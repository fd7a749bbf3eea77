//! Tests of flushes on the receiving client's side: what a download stored is on the disk, or is fetched again.

use super::Interrupting;
use crate::store::Fsync;
use crate::store::faults::{fail_next_flush, flushes};
use crate::{
    Bound, Client, ClientOptions, Delta, Interrupt, ReceiveOptions, Result, Server, Silent, SyncOptions, SyncReport,
    TransferOptions, TransferReport, Wait, synchronize_download,
};
use remofile_protocol::path::RemotePath;
use remofile_protocol::token::Token;
use remofile_protocol::wire::{ErrorCode, Failure, OnConflict};
use rustix::io::Errno;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

const NAMES: [&str; 3] = ["a", "b/c", "b/large"];

/// A server of a tree, and a directory that it is downloaded into.
struct Scene {
    root: TempDir,
    local: TempDir,
    token: Token,
    server: Server,
    port: u16,
    thread: Option<std::thread::JoinHandle<Result<()>>>,
}

impl Scene {
    fn new() -> Self {
        let (root, local) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for (name, size) in NAMES.into_iter().zip([10, 20_000, 3 << 20]) {
            let path = root.path().join("tree").join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, vec![name.len() as u8; size]).unwrap();
        }
        let token = Token::generate();
        let server = Server::new(root.path(), token.clone()).unwrap();
        let bound = server.bind(0, Some(IpAddr::V4(Ipv4Addr::LOCALHOST))).unwrap();
        let port = bound.addresses()[0].port();
        let thread = Some(std::thread::spawn(move || Bound::serve(bound)));
        Self { root, local, token, server, port, thread }
    }

    fn client(&self) -> Client {
        Client::new(ClientOptions {
            wait: Wait::For(Duration::from_secs(30)),
            ..ClientOptions::new("127.0.0.1", self.port, self.token.clone())
        })
    }

    fn local(&self, below: &str) -> PathBuf {
        self.local.path().join(below)
    }

    fn download(&self, options: &TransferOptions) -> TransferReport {
        self.client().download(&[path("/tree")], self.local.path(), options, &mut Silent).unwrap()
    }

    fn synchronize(&self, options: &SyncOptions) -> SyncReport {
        synchronize_download(&mut self.client(), &path("/tree"), &self.local("tree"), options, &mut Silent).unwrap()
    }

    fn assert_same(&self) {
        for name in NAMES {
            let read = |root: &Path| std::fs::read(root.join("tree").join(name)).unwrap();
            assert!(read(self.root.path()) == read(self.local.path()), "{name}");
        }
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.server.terminate().unwrap();
        self.thread.take().unwrap().join().unwrap().unwrap();
    }
}

fn path(text: &str) -> RemotePath {
    text.parse().unwrap()
}

fn recursive() -> TransferOptions {
    TransferOptions { recursive: true, ..TransferOptions::default() }
}

/// The options of a download that may replace, so that nothing but the ledger keeps a file from being present.
fn replacing(on_conflict: OnConflict, transfers: u8) -> TransferOptions {
    TransferOptions { on_conflict, transfers, ..recursive() }
}

fn moved(report: &TransferReport) -> (u64, u64) {
    (report.files, report.present)
}

/// Counts flushes of a directory from now on.
fn count_flushes(directory: &Path) {
    drop(crate::store::faults::gate(directory));
}

fn assert_told(failures: &[Failure], code: ErrorCode, place: &Path) {
    let [failure] = failures else { panic!("{failures:?}") };
    assert_eq!((failure.code, failure.path.as_deref()), (code, place.to_str()));
    assert!(failure.to_string().contains("run the command again, and it is sent again"), "{failure}");
}

#[test]
fn after_a_flush_that_failed_the_same_download_fetches_every_file_again() {
    use OnConflict::{Abort, Newer, Rename, Replace, Skip};
    for (on_conflict, transfers) in [(Abort, 1), (Skip, 2), (Newer, 1), (Replace, 3), (Rename, 1)] {
        let (scene, options) = (Scene::new(), replacing(on_conflict, transfers));
        fail_next_flush(scene.local.path(), Errno::IO);
        let first = scene.download(&options);
        if transfers == 1 {
            assert_eq!(first.files, 3);
            assert_told(&first.failures, ErrorCode::DiskFailure, scene.local.path());
        }
        // One of several may have been about to flush what is not visible yet.
        assert!(first.failures.iter().any(|failure| failure.code == ErrorCode::DiskFailure), "{:?}", first.failures);
        let again = scene.download(&options);
        assert_eq!((moved(&again), again.failures), ((3, 0), vec![]), "{on_conflict:?}");
        scene.assert_same();
        assert_eq!(moved(&scene.download(&options)), (0, 3), "{on_conflict:?}");
        assert_eq!(std::fs::read_dir(scene.local("tree")).unwrap().count(), 2, "nothing is beside");
    }
}

#[test]
fn after_a_flush_that_failed_the_same_sync_fetches_every_file_again_and_deletes_nothing_before() {
    for delta in [Delta::Never, Delta::Always] {
        let (scene, options) = (Scene::new(), SyncOptions { delete: true, delta, ..SyncOptions::default() });
        std::fs::create_dir(scene.local("tree")).unwrap();
        std::fs::write(scene.local("tree/old"), "old").unwrap();
        fail_next_flush(&scene.local("tree"), Errno::NOSPC);
        let first = scene.synchronize(&options).transfer;
        assert_eq!(first.files, 3);
        let told: Vec<_> = first.failures.iter().map(|failure| failure.code).collect();
        assert_eq!(told, [ErrorCode::NoSpace, ErrorCode::Skipped][..told.len()]);
        assert!(scene.local("tree/old").exists(), "deletions wait for what comes");
        let again = scene.synchronize(&options).transfer;
        assert_eq!((again.files, again.failures), (3, vec![]));
        assert!(!scene.local("tree/old").exists());
        scene.assert_same();
        assert_eq!(scene.synchronize(&options).plan.steps, vec![]);
    }
}

#[test]
fn a_download_flushes_only_if_it_stored_something() {
    let scene = Scene::new();
    std::fs::create_dir(scene.local("tree")).unwrap();
    count_flushes(scene.local.path());
    count_flushes(&scene.local("tree"));
    let mut before = 0;
    for is_flushed in [true, false, false] {
        scene.download(&recursive());
        let count = flushes(scene.local.path());
        assert_eq!(count > std::mem::replace(&mut before, count), is_flushed);
        assert!(!scene.local(".remofile").exists());
    }
    std::fs::write(scene.root.path().join("tree/more"), "more").unwrap();
    let (dry, real) = (SyncOptions { dry_run: true, ..SyncOptions::default() }, SyncOptions::default());
    before = flushes(&scene.local("tree"));
    for (options, is_flushed) in [(&dry, false), (&real, true), (&real, false)] {
        scene.synchronize(options);
        let count = flushes(&scene.local("tree"));
        assert_eq!(count > std::mem::replace(&mut before, count), is_flushed);
    }
}

#[test]
fn few_files_are_flushed_one_by_one_so_that_they_do_not_wait_for_what_others_write() {
    let scene = Scene::new();
    fail_next_flush(scene.local.path(), Errno::IO);
    let fetch = |names: &[&str]| {
        let sources: Vec<_> = names.iter().map(|name| path(name)).collect();
        scene.client().download(&sources, scene.local.path(), &TransferOptions::default(), &mut Silent).unwrap()
    };
    let first = fetch(&["/tree/a", "/tree/b/c"]);
    assert_eq!((first.files, first.failures.len(), first.failures[0].code), (1, 1, ErrorCode::DiskFailure));
    let again = fetch(&["/tree/a", "/tree/b/c"]);
    assert_eq!((moved(&again), again.failures), ((1, 1), vec![]));
}

#[test]
fn a_download_that_is_not_to_be_durable_flushes_nothing() {
    let scene = Scene::new();
    let receive = ReceiveOptions { fsync: Fsync::None, ..ReceiveOptions::default() };
    std::fs::create_dir(scene.local("tree")).unwrap();
    fail_next_flush(scene.local.path(), Errno::IO);
    fail_next_flush(&scene.local("tree"), Errno::IO);
    let report = scene.download(&TransferOptions { receive, ..recursive() });
    assert_eq!((moved(&report), report.failures), ((3, 0), vec![]));
    std::fs::write(scene.root.path().join("tree/more"), "more").unwrap();
    assert_eq!(scene.synchronize(&SyncOptions { receive, ..SyncOptions::default() }).transfer.files, 1);
    assert_eq!((flushes(scene.local.path()), flushes(&scene.local("tree"))), (0, 0));
}

#[test]
fn a_flush_of_one_downloaded_file_that_failed_is_told_and_the_file_fetched_again() {
    let scene = Scene::new();
    let receive = ReceiveOptions { fsync: Fsync::Each, ..ReceiveOptions::default() };
    let options = TransferOptions { receive, ..recursive() };
    std::fs::create_dir_all(scene.local("tree/b")).unwrap();
    fail_next_flush(&scene.local("tree/b"), Errno::IO);
    let first = scene.download(&options);
    assert_eq!((first.files, first.failures.len(), first.failures[0].code), (2, 1, ErrorCode::DiskFailure));
    assert_eq!(moved(&scene.download(&options)), (1, 2));
    assert_eq!(moved(&scene.download(&options)), (0, 3));
}

#[test]
fn what_an_interrupted_download_stored_is_flushed_and_not_fetched_again() {
    let scene = Scene::new();
    for number in 0..40 {
        std::fs::write(scene.root.path().join(format!("tree/many{number}")), vec![7; 300_000]).unwrap();
    }
    let (interrupt, mut client) = (Interrupt::default(), scene.client());
    client.set_limits(None, Wait::For(Duration::from_secs(30)), interrupt.clone());
    let mut monitor = Interrupting(interrupt, 0);
    assert!(client.download(&[path("/tree")], scene.local.path(), &recursive(), &mut monitor).is_err());
    assert!(!scene.local(".remofile/unflushed").exists());
    let stored = monitor.1 as u64;
    let again = scene.download(&recursive());
    assert_eq!((moved(&again), again.failures), ((43 - stored, stored), vec![]));
    assert!(!scene.local(".remofile").exists(), "nothing waits for a flush");
}

#[test]
fn a_sync_that_keeps_what_it_replaces_here_leaves_nothing_in_doubt() {
    let scene = Scene::new();
    let options = SyncOptions { backup: Some("before".to_owned()), ..SyncOptions::default() };
    for size in 1..=3 {
        for name in NAMES {
            std::fs::write(scene.root.path().join("tree").join(name), vec![7; 1000 * size]).unwrap();
        }
        assert_eq!(scene.synchronize(&options).transfer.failures, vec![]);
        scene.assert_same();
        assert!(!scene.local("tree/.remofile").exists(), "it is fetched again, and again");
    }
    assert!(scene.local("tree/before/b/large").exists());
}

#[test]
fn a_file_that_may_not_be_on_the_disk_takes_no_place_of_a_backup_that_was_made_with_it() {
    let scene = Scene::new();
    let options = SyncOptions { backup: Some("before".to_owned()), delta: Delta::Never, ..SyncOptions::default() };
    let change =
        |letter: u8| std::fs::write(scene.root.path().join("tree/a"), vec![letter; 10 + letter as usize]).unwrap();
    let kept = || std::fs::read(scene.local("tree/before/a")).unwrap()[0];
    for letter in [1, 2, 3] {
        change(letter);
        scene.synchronize(&options);
    }
    assert_eq!(kept(), 2);
    change(4);
    fail_next_flush(&scene.local("tree"), Errno::IO);
    assert_ne!(scene.synchronize(&options).transfer.failures, vec![]);
    assert_eq!(kept(), 3);
    let again = scene.synchronize(&options).transfer;
    assert_eq!((again.files, again.failures, kept()), (1, vec![], 3));
    scene.assert_same();
    change(5);
    scene.synchronize(&options);
    assert_eq!(kept(), 4, "once nothing is in doubt backups are made as ever");
}
