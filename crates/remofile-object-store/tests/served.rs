//! A server of a bucket and its clients, over the loopback.

#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods, reason = "tests fail by panicking")]

use crate::double::{Double, Sort};
use remofile::protocol::handshake::ZeroMqHello;
use remofile::protocol::path::{FileName, NameRule, RemotePath};
use remofile::protocol::token::Token;
use remofile::protocol::wire::{Body, ErrorCode, Header, OnConflict, OperationId, Request, Signal};
use remofile::store::{StagePlan, StagedDirectory, WriteStore};
use remofile::{
    Client, ClientOptions, CopyOptions, Handler, Server, Silent, SyncOptions, TransferOptions, synchronize_download,
    synchronize_upload,
};
use remofile_object_store::{BucketOptions, BucketStore};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// A server that ends with it.
struct Served {
    server: Server,
    port: u16,
    token: Token,
    serving: Option<JoinHandle<()>>,
}

impl Served {
    fn of(store: BucketStore) -> Self {
        let token = Token::generate();
        let server = Server::with_store(Arc::new(store), token.clone());
        let bound = server.bind(0, Some([127, 0, 0, 1].into())).unwrap();
        let port = bound.addresses()[0].port();
        let serving = std::thread::spawn(move || bound.serve().unwrap());
        Self { server, port, token, serving: Some(serving) }
    }

    fn client(&self) -> Client {
        Client::new(ClientOptions::new("127.0.0.1", self.port, self.token.clone()))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.server.terminate().unwrap();
        self.serving.take().unwrap().join().unwrap();
    }
}

fn remote(text: &str) -> RemotePath {
    text.parse().unwrap()
}

fn make_tree(root: &Path) {
    for number in 0..300 {
        let directory = root.join(format!("d{}", number % 7));
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join(format!("f-{number}.txt")), format!("content {number}")).unwrap();
    }
    std::fs::create_dir(root.join("empty")).unwrap();
    let large: Vec<u8> = (0..6_000_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 11) as u8).collect();
    std::fs::write(root.join("large"), large).unwrap();
}

fn assert_same(one: &Path, other: &Path) {
    let status = std::process::Command::new("diff").arg("-r").arg(one).arg(other).status().unwrap();
    assert!(status.success());
}

#[test]
fn a_tree_goes_up_and_comes_down_as_it_was() {
    let double = Double::start();
    let served = Served::of(double.open());
    let local = tempfile::tempdir().unwrap();
    let (up, down) = (local.path().join("tree"), local.path().join("down"));
    std::fs::create_dir(&up).unwrap();
    std::fs::create_dir(&down).unwrap();
    make_tree(&up);
    let mut client = served.client();
    let options = TransferOptions { recursive: true, ..TransferOptions::default() };
    let requests = || std::mem::take(&mut double.lock().requests).len();
    let before = requests();
    let report = client.upload(std::slice::from_ref(&up), &remote("/"), &options, &mut Silent).unwrap();
    let upwards = requests();
    assert_eq!(report.files, 301, "{report:?}");
    assert_eq!(double.keys().iter().filter(|key| !key.ends_with('/')).count(), 301);
    assert!(double.keys().contains(&"tree/empty/".to_owned()));
    double.age();
    client.download(&[remote("/tree")], &down, &options, &mut Silent).unwrap();
    let first = requests();
    let again = local.path().join("again");
    std::fs::create_dir(&again).unwrap();
    client.download(&[remote("/tree")], &again, &options, &mut Silent).unwrap();
    let second = requests();
    // One each for small files, some for each directory, and one for each part of the large file. Before the first download
    // files are counted, and looked at for it.
    let told = format!("{before} before, {upwards} up, {first} and {second} down");
    assert!(before < 20 && upwards < 480 && first < 700 && second < 400, "{told}");
    assert_same(&up, &down.join("tree"));
    let state = double.lock();
    assert!(state.uploads.is_empty());
    assert!(state.objects.keys().all(|key| !key.contains("/uploads/")), "nothing is left of the uploads");
}

/// Uploads a tree of 20 directories with 10 files each, and returns the requests that it took.
fn upload_small_files(served: &Served, double: &Double) -> Vec<String> {
    let local = tempfile::tempdir().unwrap();
    let up = local.path().join("tree");
    for number in 0..200 {
        let directory = up.join(format!("d{}", number % 20));
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join(format!("f-{number}")), "content").unwrap();
    }
    let mut client = served.client();
    client.status().unwrap();
    double.lock().requests.clear();
    let options = TransferOptions { recursive: true, ..TransferOptions::default() };
    let report = client.upload(&[up], &remote("/"), &options, &mut Silent).unwrap();
    assert_eq!((report.files, report.failures.len()), (200, 0), "{report:?}");
    std::mem::take(&mut double.lock().requests)
}

/// Gives a handler a message of one peer.
fn tell(handler: &mut Handler, header: &Header) {
    let mut frame = Vec::new();
    header.encode(&mut frame);
    handler.handle(b"\0peer", &[frame]);
}

/// Returns what a handler says next, when it says something.
fn answer(handler: &mut Handler) -> Body {
    loop {
        if let Some(reply) = handler.next_reply() {
            return Header::decode(&reply.frames[0]).unwrap().body;
        }
        std::thread::yield_now();
    }
}

#[test]
fn a_server_answers_its_clients_while_the_service_says_nothing() {
    let double = Double::start();
    double.put("file", b"content", &[]);
    let looks = [
        Request::Stat { path: remote("/file") },
        Request::Read { path: remote("/file"), offset: 0, length: 7, version: None, credit: 100, growing: None },
        Request::List {
            path: remote("/"),
            recursive: true,
            rules: Vec::new(),
            targets: false,
            unflushed: false,
            extras: false,
        },
    ];
    for request in looks {
        let token = "a token of somebody's own choice";
        let server = Server::with_store(Arc::new(double.open()), Token::parse(token).unwrap());
        let mut handler = server.handler().unwrap();
        let hello = ZeroMqHello::new("test", "test", Some(token.to_owned().into())).encode();
        handler.handle(b"\0peer", &[hello]);
        while handler.next_reply().is_none() {
            std::thread::yield_now();
        }
        let silent = double.lock();
        let header = Header { operation: OperationId(1), body: Body::Request(request), wait_milliseconds: 0 };
        tell(&mut handler, &header);
        tell(&mut handler, &Header::signal(OperationId::SESSION, Signal::Ping));
        assert!(matches!(answer(&mut handler), Body::Signal(Signal::Pong)));
        drop(silent);
        loop {
            match answer(&mut handler) {
                Body::Signal(Signal::Done { .. }) => break,
                Body::Signal(Signal::Failed { failure }) => panic!("{failure}"),
                _ => {}
            }
        }
    }
}

#[test]
fn small_files_and_new_directories_cost_a_request_each() {
    for has_no_conditions in [false, true] {
        let double = Double::start();
        double.lock().faults.has_no_conditions = has_no_conditions;
        let options = BucketOptions { names_age: Duration::MAX, ..double.options() };
        let served = Served::of(double.open_with(options).unwrap());
        let requests = upload_small_files(&served, &double);
        let stored = requests.iter().filter(|request| request.starts_with("PUT")).count();
        // Each file and directory, with two for the conditions of the service.
        assert!((221..225).contains(&stored), "{stored}");
        // The names in the destination, and the directory of the tree.
        let looks = requests.len() - stored;
        assert!(looks < 10, "{looks} looks: {requests:?}");
    }
}

#[test]
fn a_look_that_is_old_is_made_again() {
    let double = Double::start();
    double.lock().faults.has_no_conditions = true;
    let options = BucketOptions { names_age: Duration::ZERO, ..double.options() };
    let served = Served::of(double.open_with(options).unwrap());
    let requests = upload_small_files(&served, &double);
    let stored = requests.iter().filter(|request| request.starts_with("PUT")).count();
    assert!((221..225).contains(&stored), "{stored}");
    // Each file is looked for behind a listing at most.
    let looks = requests.len() - stored;
    assert!((200..=2 * 200 + 4 * 21).contains(&looks), "{looks}");
}

#[test]
fn files_that_are_asked_for_by_name_are_opened_side_by_side_and_looked_at_once() {
    let double = Double::start();
    for number in 0..40 {
        double.put(&format!("tree/f-{number:02}"), b"content", &[("x-amz-meta-mtime", "5.0")]);
    }
    double.age();
    let served = Served::of(double.open());
    let mut client = served.client();
    client.status().unwrap();
    let local = tempfile::tempdir().unwrap();
    let (synchronised, down) = (local.path().join("tree"), local.path());
    let begin = || {
        double.awaits_together(Sort::Read, 8);
        double.lock().requests.clear();
    };
    let looks_and_reads = || {
        let requests = std::mem::take(&mut double.lock().requests);
        ["HEAD", "GET"].map(|method| {
            requests.iter().filter(|request| request.starts_with(method) && request.contains("/tree/f-")).count()
        })
    };
    begin();
    let options = SyncOptions::default();
    let report = synchronize_download(&mut client, &remote("/tree"), &synchronised, &options, &mut Silent).unwrap();
    assert_eq!((report.transfer.files, report.transfer.failures.len()), (40, 0), "{report:?}");
    assert_eq!(looks_and_reads(), [40, 40], "the listing looks at each, and each is read");
    begin();
    let by_content = SyncOptions { checksum: true, ..SyncOptions::default() };
    let report = synchronize_download(&mut client, &remote("/tree"), &synchronised, &by_content, &mut Silent).unwrap();
    assert_eq!((report.transfer.files, report.transfer.failures.len()), (0, 0), "{report:?}");
    assert_eq!(looks_and_reads()[1], 40, "each is read for its digest, and not looked at before");
    for sources in [vec![remote("/tree/f-*")], (0..40).map(|number| remote(&format!("/tree/f-{number:02}"))).collect()]
    {
        begin();
        let report = client.download(&sources, down, &TransferOptions::default(), &mut Silent).unwrap();
        assert_eq!((report.files, report.failures.len()), (40, 0), "{report:?}");
        assert_eq!(std::fs::read(down.join("f-39")).unwrap(), b"content");
        assert_eq!(looks_and_reads()[1], 40);
        (0..40).for_each(|number| std::fs::remove_file(down.join(format!("f-{number:02}"))).unwrap());
    }
}

#[test]
fn new_directories_are_made_side_by_side() {
    let double = Double::start();
    let served = Served::of(double.open());
    // That of the tree, and of those in it.
    double.awaits_together(Sort::Marker, 21);
    upload_small_files(&served, &double);
    assert_eq!(double.came(Sort::Marker), 21);
}

#[test]
fn a_directory_that_cannot_be_made_is_told() {
    let double = Double::start();
    let served = Served::of(double.open());
    let local = tempfile::tempdir().unwrap();
    for directory in ["tree/empty", "tree/full"] {
        std::fs::create_dir_all(local.path().join(directory)).unwrap();
    }
    std::fs::write(local.path().join("tree/full/file"), "content").unwrap();
    double.lock().faults.refuses_put = Some("/empty/");
    let options = TransferOptions { recursive: true, ..TransferOptions::default() };
    let up = local.path().join("tree");
    let report = served.client().upload(&[up], &remote("/"), &options, &mut Silent).unwrap();
    let failed: Vec<_> = report.failures.iter().map(|failure| (failure.code, failure.path.as_deref())).collect();
    assert_eq!(failed, [(ErrorCode::PermissionDenied, Some("/tree/empty"))]);
    assert_eq!(double.keys(), ["tree/", "tree/full/", "tree/full/file"]);
}

#[test]
fn what_was_put_into_a_new_directory_meanwhile_is_not_replaced() {
    for (has_no_conditions, names_age) in [(false, Duration::MAX), (true, Duration::ZERO), (true, Duration::MAX)] {
        let double = Double::start();
        double.lock().faults.has_no_conditions = has_no_conditions;
        let store = double.open_with(BucketOptions { names_age, ..double.options() }).unwrap();
        let name = |name| FileName::parse(name, NameRule::Portable).unwrap();
        let root = store.directory(&RemotePath::root()).unwrap();
        let StagedDirectory { directory, staged } = root.stage_directory(&name("new"), Some(0o750)).unwrap().unwrap();
        staged.unwrap().commit().unwrap();
        assert_eq!(double.headers("new/"), [("x-amz-meta-mode".to_owned(), "40750".to_owned())]);
        let stage = |text| directory.stage(&name(text), &StagePlan::default());
        if !has_no_conditions || names_age.is_zero() {
            let staged = stage("file").unwrap();
            double.put("new/file", b"theirs", &[]);
            assert_eq!(staged.commit().unwrap_err().code, ErrorCode::AlreadyExists);
            assert_eq!(double.content("new/file"), b"theirs");
        }
        // Nor is what came by the same way, however young the listing is.
        let (first, second) = (stage("ours").unwrap(), stage("ours").unwrap());
        first.commit().unwrap();
        assert_eq!(second.commit().unwrap_err().code, ErrorCode::AlreadyExists);
        assert_eq!(stage("ours").err().map(|failure| failure.code), Some(ErrorCode::AlreadyExists));
        // What is there stays as it is.
        assert!(root.stage_directory(&name("new"), None).unwrap().unwrap().staged.is_none());
        double.put("taken", b"theirs", &[]);
        let taken = root.stage_directory(&name("taken"), None).unwrap();
        assert_eq!(taken.err().map(|failure| failure.code), Some(ErrorCode::AlreadyExists));
    }
}

#[test]
fn a_directory_that_was_removed_is_not_there() {
    let double = Double::start();
    let store = double.open();
    store.make_directory(&remote("/gone"), false, false).unwrap();
    store.remove(&remote("/gone")).unwrap();
    assert_eq!(store.directory(&remote("/gone")).err().map(|failure| failure.code), Some(ErrorCode::NotFound));
}

/// Puts files into a directory, and serves them.
fn serve_files(double: &Double, count: usize) -> (Served, Vec<RemotePath>) {
    let name = |number: usize| format!("tree/f-{number:02}");
    (0..count).for_each(|number| double.put(&name(number), b"content", &[("x-amz-meta-mtime", "5.0")]));
    double.age();
    let served = Served::of(double.open());
    served.client().status().unwrap();
    (served, (0..count).map(|number| remote(&format!("/{}", name(number)))).collect())
}

#[test]
fn what_a_sync_removes_and_gives_new_times_waits_for_the_service_side_by_side() {
    let double = Double::start();
    let (served, _) = serve_files(&double, 40);
    let local = tempfile::tempdir().unwrap();
    // Half of them are not here, and the others are older.
    for number in 0..20 {
        std::fs::write(local.path().join(format!("f-{number:02}")), "content").unwrap();
    }
    double.awaits_together(Sort::Copy, 8);
    double.awaits_together(Sort::Removal, 8);
    let options = SyncOptions { delete: true, checksum: true, ..SyncOptions::default() };
    let mut client = served.client();
    let report = synchronize_upload(&mut client, local.path(), &remote("/tree"), &options, &mut Silent).unwrap();
    assert_eq!(report.transfer.failures.len(), 0, "{report:?}");
    assert_eq!((report.plan.counts().deleted, report.transfer.files), (20, 0), "{report:?}");
    assert_eq!((double.came(Sort::Copy), double.came(Sort::Removal)), (20, 20));
    assert_eq!(double.keys().iter().filter(|key| key.starts_with("tree/f-")).count(), 20);
}

#[test]
fn paths_that_are_named_are_removed_and_moved_side_by_side() {
    let double = Double::start();
    let (served, paths) = serve_files(&double, 40);
    let mut client = served.client();
    // The first one is asked for alone, and is not there.
    let paths: Vec<_> = std::iter::once(remote("/tree/none")).chain(paths).collect();
    let expected: Vec<_> = (0..41).map(|number| (number, number > 0)).collect();
    double.awaits_together(Sort::Copy, 8);
    let moves: Vec<_> = paths.iter().map(|path| (path.clone(), remote(&format!("{path}.moved")))).collect();
    let mut outcomes = Vec::new();
    client.rename_each(&moves, false, &mut |number, outcome| outcomes.push((number, outcome.is_ok()))).unwrap();
    assert_eq!(outcomes, expected);
    double.awaits_together(Sort::Removal, 8);
    outcomes.clear();
    let paths: Vec<_> = moves.into_iter().map(|(_, path)| path).collect();
    client.remove_each(&paths, false, &mut |number, outcome| outcomes.push((number, outcome.is_ok()))).unwrap();
    assert_eq!((outcomes, double.keys()), (expected, vec!["tree/".to_owned()]));
}

#[test]
fn a_tree_is_copied_and_its_names_are_looked_at_side_by_side() {
    let double = Double::start();
    let (served, _) = serve_files(&double, 40);
    let mut client = served.client();
    double.awaits_together(Sort::Read, 8);
    double.awaits_together(Sort::Copy, 8);
    let options = CopyOptions { recursive: true, ..CopyOptions::default() };
    let report = client.copy(&remote("/tree"), &remote("/copy"), options).unwrap();
    assert_eq!((report.files, report.failures.len()), (40, 0), "{report:?}");
    // An upload of names looks at what has them.
    let local = tempfile::tempdir().unwrap();
    let names: Vec<_> = (0..40).map(|number| local.path().join(format!("f-{number:02}"))).collect();
    names.iter().for_each(|name| std::fs::write(name, "other").unwrap());
    double.awaits_together(Sort::Look, 8);
    let options = TransferOptions { on_conflict: OnConflict::Skip, ..TransferOptions::default() };
    let report = client.upload(&names, &remote("/copy"), &options, &mut Silent).unwrap();
    assert_eq!((report.files, report.failures.len()), (0, 0), "{report:?}");
}
