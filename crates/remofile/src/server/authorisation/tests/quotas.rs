//! Clients of principals that have a quota.

#![expect(clippy::disallowed_methods, reason = "the test has files of its own to send")]

use super::*;
use crate::server::Server;
use crate::server::principal::PrincipalLimits;
use crate::server::protocol1::Session;
use crate::store::{
    MemoryStore, Meters, PosixStore, ReadStore, ResumeStore, Source, StoreResult, Walk, Wrapper, forward,
};
use crate::tokens::{LiveTokens, TokenEntry};
use crate::{
    Chunk, Client, ClientOptions, Event, Interrupt, Monitor, OpenOptions, RetryOptions, Silent, SyncOptions,
    TransferOptions, TransferReport, Usage, Wait, synchronize_upload,
};
use remofile_protocol::protocol1::{Directory, Request as Request1, Response};
use remofile_protocol::token::Token;
use remofile_protocol::wire::Entry;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// A running server with a token for each quota, on the directory that is named.
struct Served {
    server: Server,
    thread: Option<JoinHandle<crate::Result<()>>>,
    options: Vec<ClientOptions>,
    root: PathBuf,
}

impl Served {
    fn new(root: &Path, quotas: &[(&str, Option<u64>)]) -> Self {
        Self::of(|tokens| Server::with_tokens(root, tokens).unwrap(), root.to_owned(), quotas)
    }

    fn of(serve: impl FnOnce(LiveTokens) -> Server, root: PathBuf, quotas: &[(&str, Option<u64>)]) -> Self {
        let (live, mut known) = (LiveTokens::default(), Vec::new());
        for (number, (directory, quota)) in quotas.iter().enumerate() {
            let (token, name) = (Token::generate(), format!("token-{number}").parse().unwrap());
            let entry = TokenEntry { below: remote(directory), quota: *quota, ..TokenEntry::new(name, &token) };
            live.change(|tokens| tokens.add(entry)).unwrap();
            known.push(token);
        }
        let server = serve(live);
        let bound = server.bind(0, Some(IpAddr::V4(Ipv4Addr::LOCALHOST))).unwrap();
        let port = bound.addresses()[0].port();
        let options = |token| ClientOptions { wait: Wait::Forever, ..ClientOptions::new("127.0.0.1", port, token) };
        let options = known.into_iter().map(options).collect();
        let thread = Some(std::thread::spawn(move || bound.serve()));
        Self { server, thread, options, root }
    }

    fn client(&self, number: usize) -> Client {
        Client::connect(self.options[number].clone()).unwrap()
    }

    /// The bytes of all files, as the disk has them, partials included.
    fn there(&self) -> u64 {
        there(&self.root)
    }
}

fn there(directory: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(directory) else { return 0 };
    let of = |entry: std::io::Result<std::fs::DirEntry>| match entry {
        Ok(entry) if entry.path().is_dir() => there(&entry.path()),
        Ok(entry) if entry.file_name().to_string_lossy().ends_with(".info") => 0,
        Ok(entry) => entry.metadata().map_or(0, |metadata| metadata.len()),
        Err(_) => 0,
    };
    entries.map(of).sum()
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

fn once() -> TransferOptions {
    TransferOptions { recursive: true, retry: RetryOptions::NEVER, ..TransferOptions::default() }
}

fn upload(client: &mut Client, source: &Path) -> TransferReport {
    client.upload(&[source], &RemotePath::root(), &once(), &mut Silent).unwrap()
}

fn failed(report: &TransferReport) -> Vec<(Option<&str>, ErrorCode)> {
    report.failures.iter().map(|failure| (failure.path.as_deref(), failure.code)).collect()
}

/// A directory `files` with files of these sizes, named by their numbers.
fn files(sizes: &[usize]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("files")).unwrap();
    for (number, size) in sizes.iter().enumerate() {
        std::fs::write(directory.path().join(format!("files/{number}")), vec![number as u8; *size]).unwrap();
    }
    directory
}

#[test]
fn a_file_beyond_the_quota_is_refused_and_the_others_are_stored() {
    let (root, source) = (tempfile::tempdir().unwrap(), files(&[100, 5_000_000, 300, 700, 200]));
    let served = Served::new(root.path(), &[("/", Some(1000))]);
    let mut client = served.client(0);
    assert_eq!(client.usage().unwrap().quota, Some(1000));
    let report = upload(&mut client, &source.path().join("files"));
    let failures = failed(&report);
    assert_eq!(report.files, 3, "{failures:?}");
    assert!(failures.iter().all(|(_, code)| *code == ErrorCode::QuotaExceeded), "{failures:?}");
    let usage = client.usage().unwrap();
    assert_eq!(usage, Usage { used: Some(600), quota: Some(1000) });
    assert_eq!(usage.free(), Some(400));
    assert_eq!(served.there(), 600);
    // What is removed makes room at once.
    client.remove(&remote("/files/2"), false).unwrap();
    assert_eq!(client.usage().unwrap().used, Some(300));
    assert_eq!(upload(&mut client, &source.path().join("files/3")).files, 1);
}

#[test]
fn sixteen_uploads_at_once_store_what_fits_and_no_more() {
    const SIZE: usize = 100_000;
    let (root, source) = (tempfile::tempdir().unwrap(), files(&[SIZE; 16]));
    let served = Served::new(root.path(), &[("/", Some(5 * SIZE as u64 + 99_999)), ("/", None)]);
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut observer = served.client(1);
            while !is_over.load(Ordering::Relaxed) {
                assert!(served.there() <= 5 * SIZE as u64 + 99_999);
                assert!(observer.usage().unwrap().used.unwrap_or(0) <= 5 * SIZE as u64 + 99_999);
            }
        });
        let one = |number: usize| {
            let (served, file) = (&served, source.path().join(format!("files/{number}")));
            scope.spawn(move || upload(&mut served.client(0), &file).files)
        };
        let uploads: Vec<_> = (0..16).map(one).collect();
        let stored: u64 = uploads.into_iter().map(|upload| upload.join().unwrap()).sum();
        is_over.store(true, Ordering::Relaxed);
        watch.join().unwrap();
        assert_eq!(stored, 5);
    });
    assert_eq!(served.client(0).usage().unwrap().used, Some(5 * SIZE as u64));
    assert_eq!(served.there(), 5 * SIZE as u64);
}

#[test]
fn a_server_that_starts_again_knows_what_is_used_and_counts_for_those_without_a_quota() {
    let (root, source) = (tempfile::tempdir().unwrap(), files(&[600, 300, 200]));
    for directory in ["a/b", "c"] {
        std::fs::create_dir_all(root.path().join(directory)).unwrap();
    }
    {
        let served = Served::new(root.path(), &[("/a", Some(1000))]);
        assert_eq!(upload(&mut served.client(0), &source.path().join("files/0")).files, 1);
    }
    let served = Served::new(root.path(), &[("/a", Some(1000)), ("/a/b", Some(800)), ("/c", None), ("/", None)]);
    assert_eq!(upload(&mut served.client(1), &source.path().join("files/1")).files, 1);
    let report = upload(&mut served.client(0), &source.path().join("files/2"));
    assert_eq!(failed(&report)[0].1, ErrorCode::QuotaExceeded);
    assert_eq!(served.client(0).usage().unwrap().used, Some(900));
    assert_eq!(served.client(1).usage().unwrap().used, Some(300));
    // Nobody counts there, and nothing is said of it.
    assert_eq!(served.client(2).usage().unwrap(), Usage::default());
    served.client(3).rename(&remote("/a/b/1"), &remote("/c/1"), false).unwrap();
    assert_eq!(served.client(1).usage().unwrap().used, Some(0));
    assert_eq!(upload(&mut served.client(0), &source.path().join("files/2")).files, 1);
}

#[test]
fn an_open_file_that_grows_beyond_the_quota_is_told_so() {
    let root = tempfile::tempdir().unwrap();
    let served = Served::new(root.path(), &[("/", Some(1000))]);
    let mut client = served.client(0);
    let mut file = client.open(&remote("/f"), OpenOptions::new().write(true).create(true)).unwrap();
    file.write_all(&[1; 900]).unwrap();
    file.flush().unwrap();
    assert_eq!(client.usage().unwrap().used, Some(900));
    let written = file.write_all(&[2; 200]).and_then(|()| file.flush());
    assert_eq!(written.unwrap_err().kind(), std::io::ErrorKind::QuotaExceeded);
    drop(file);
    assert!(client.usage().unwrap().used <= Some(1000));
    assert_eq!(client.usage().unwrap().used, Some(served.there()));
}

#[test]
fn an_interrupted_upload_counts_and_is_resumed_within_the_quota() {
    const SIZE: usize = 8 << 20;
    let (root, source) = (tempfile::tempdir().unwrap(), files(&[SIZE, 3 << 20]));
    let served = Served::new(root.path(), &[("/", Some(SIZE as u64))]);
    let interrupt = Interrupt::default();
    let mut client =
        Client::connect(ClientOptions { interrupt: interrupt.clone(), ..served.options[0].clone() }).unwrap();
    let store = LocalStore::open(root.path(), StoreOptions::default()).unwrap();
    let mut interrupting = InterruptAfter { bytes: SIZE as u64 / 2, interrupt };
    let stopped = client.upload(&[source.path().join("files/0")], &RemotePath::root(), &once(), &mut interrupting);
    assert!(stopped.is_err());
    drop(client);
    // Its server keeps it when it sees that the client has gone.
    let kept = loop {
        if let [partial] = &store.partials().unwrap()[..] {
            break partial.received;
        }
        std::thread::yield_now();
    };
    let mut client = served.client(0);
    // What it had announced beyond that is free a moment later.
    while client.usage().unwrap().used != Some(kept) {
        std::thread::yield_now();
    }
    if kept > (5 << 20) {
        let report = upload(&mut client, &source.path().join("files/1"));
        assert_eq!(failed(&report)[0].1, ErrorCode::QuotaExceeded);
    }
    let report = upload(&mut client, &source.path().join("files/0"));
    assert!(report.files == 1 && report.resumed_bytes > 0, "{report:?}");
    assert_eq!(client.usage().unwrap().used, Some(SIZE as u64));
}

/// Interrupts an upload after so many bytes.
struct InterruptAfter {
    bytes: u64,
    interrupt: Interrupt,
}

impl Monitor for InterruptAfter {
    fn chunk_size(&self) -> Option<NonZeroU32> {
        NonZeroU32::new(1 << 20)
    }

    fn process_chunk(&mut self, chunk: &Chunk<'_>) -> Result<bool, Box<dyn std::error::Error + Send + Sync>> {
        self.bytes = self.bytes.saturating_sub(chunk.data.len() as u64);
        if self.bytes == 0 {
            self.interrupt.trigger();
        }
        Ok(true)
    }

    fn report(&mut self, _: Event<'_>) {}
}

#[test]
fn a_sync_that_lacks_the_room_of_what_it_deletes_last_deletes_nothing() {
    let (root, old, new) = (tempfile::tempdir().unwrap(), files(&[500, 400]), files(&[]));
    let served = Served::new(root.path(), &[("/", Some(1000))]);
    let mut client = served.client(0);
    let options = SyncOptions { delete: true, retry: RetryOptions::NEVER, ..SyncOptions::default() };
    let mut sync = |source: &TempDir| {
        let source = source.path().join("files");
        synchronize_upload(&mut client, &source, &remote("/s"), &options, &mut Silent).unwrap().transfer
    };
    assert_eq!(sync(&old).files, 2);
    std::fs::write(new.path().join("files/other"), vec![1; 900]).unwrap();
    assert_eq!(failed(&sync(&new)), [(Some("/s/other"), ErrorCode::QuotaExceeded)]);
    assert_eq!(served.there(), 900);
    served.client(0).remove(&remote("/s"), true).unwrap();
    let report = sync(&new);
    assert_eq!((report.files, failed(&report)), (1, Vec::new()));
    assert_eq!(served.there(), 900);
}

#[test]
fn an_upload_of_protocol_1_is_refused_at_its_beginning() {
    let store = Arc::new(MemoryStore::new()) as Arc<dyn Store>;
    let (meters, options) = (Meters::new(store), ServerOptions::default());
    let unlimited = principal(&Right::ALL);
    let limits = PrincipalLimits { quota: Some(1000), ..unlimited.limits };
    let grant = Grant::metered(Principal { limits, ..unlimited }, &meters, &options, Vec::new(), Arc::default());
    let scene = Scene {
        root: tempfile::tempdir().unwrap(),
        grant: Arc::new(grant),
        shared: Arc::new(SharedState::new(options)),
    };
    let mut session = Session::new(Arc::clone(&scene.shared), scene.peer());
    let mut upload = |name: &str, size: usize| {
        let (name, directory) = (name.to_owned(), Directory::new("/"));
        let begin = Request1::UploadFile { name, directory, file_size: size as i64, chunk_size: 512 };
        let mut answer = session.answer(Duration::ZERO, &begin.encode());
        if let Response::TransferAccepted { .. } = Response::decode(&answer).unwrap() {
            for chunk in vec![7; size].chunks(512) {
                answer = session.answer(Duration::ZERO, &Request1::SendChunk { data: chunk.into() }.encode());
            }
        }
        format!("{:?}", Response::decode(&answer).unwrap())
    };
    assert!(upload("a", 700).contains("TransferCompleted"));
    let refused = upload("b", 301);
    assert!(refused.contains("700 bytes of 1000 bytes are used"), "{refused}");
    assert!(upload("c", 300).contains("TransferCompleted"));
    assert_eq!(meters.used(&RemotePath::root()), Some(1000));
}

/// A store whose walks wait as long as the gate is locked.
struct Gated {
    inner: MemoryStore,
    gate: Arc<Mutex<()>>,
}

impl Wrapper for Gated {
    fn inner(&self) -> &dyn Store {
        &self.inner
    }
}

impl ReadStore for Gated {
    fn stat(&self, path: &RemotePath) -> StoreResult<Entry> {
        self.inner.stat(path)
    }

    fn walk(&self, directory: &RemotePath, recursive: bool) -> StoreResult<Box<dyn Walk>> {
        drop(self.gate.lock().unwrap());
        self.inner.walk(directory, recursive)
    }

    fn open(&self, path: &RemotePath) -> StoreResult<Box<dyn Source>> {
        self.inner.open(path)
    }

    fn read_link(&self, path: &RemotePath) -> StoreResult<String> {
        self.inner.read_link(path)
    }

    fn identity(&self, path: &RemotePath) -> StoreResult<u128> {
        self.inner.identity(path)
    }
}

forward!(WriteStore for Gated);
forward!(ResumeStore for Gated);
forward!(DurableStore for Gated);

impl PosixStore for Gated {}

impl Store for Gated {}

#[test]
fn whoever_has_a_quota_writes_after_the_first_count_and_nobody_else_waits_for_it() {
    let source = files(&[600]);
    let file = source.path().join("files/0");
    let (store, gate) = (MemoryStore::new(), Arc::<Mutex<()>>::default());
    let gated = Gated { inner: store.clone(), gate: Arc::clone(&gate) };
    let counting = gate.lock().unwrap();
    let served = Served::of(
        |tokens| Server::with_store_and_tokens(Arc::new(gated), tokens),
        PathBuf::new(),
        &[("/", Some(1000)), ("/", None)],
    );
    assert_eq!(upload(&mut served.client(1), &file).files, 1);
    served.client(1).rename(&remote("/0"), &remote("/1"), false).unwrap();
    let options = served.options[0].clone();
    let waiting = std::thread::spawn(move || upload(&mut Client::connect(options).unwrap(), &file));
    let mut observer = served.client(0);
    while observer.status().unwrap().report.holders.is_empty() {
        std::thread::yield_now();
    }
    assert_eq!(observer.usage().unwrap(), Usage { used: None, quota: Some(1000) });
    assert!(!waiting.is_finished() && store.stat(&remote("/0")).is_err());
    drop(counting);
    // What was written meanwhile counts.
    assert_eq!(failed(&waiting.join().unwrap())[0].1, ErrorCode::QuotaExceeded);
    assert_eq!(observer.usage().unwrap().used, Some(600));
}

#[test]
fn a_server_ends_while_somebody_waits_for_the_first_count() {
    let source = files(&[600]);
    let gate = Arc::<Mutex<()>>::default();
    let counting = gate.lock().unwrap();
    let gated = Gated { inner: MemoryStore::new(), gate: Arc::clone(&gate) };
    let served =
        Served::of(|tokens| Server::with_store_and_tokens(Arc::new(gated), tokens), PathBuf::new(), &[("/", Some(9))]);
    let (options, file) = (served.options[0].clone(), source.path().join("files/0"));
    let waiting = std::thread::spawn(move || {
        let mut client = Client::connect(options).unwrap();
        client.upload(&[file], &RemotePath::root(), &once(), &mut Silent).map(drop)
    });
    let mut observer = served.client(0);
    while observer.status().unwrap().report.holders.is_empty() {
        std::thread::yield_now();
    }
    drop((observer, served));
    assert!(waiting.join().unwrap().is_err());
    drop(counting);
}
