//! A server of a bucket and its clients, over the loopback.

#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods, reason = "tests fail by panicking")]

use crate::double::Double;
use remofile::protocol::path::RemotePath;
use remofile::protocol::token::Token;
use remofile::protocol::wire::ErrorCode;
use remofile::store::{StagePlan, WriteStore};
use remofile::{Client, ClientOptions, Server, Silent, TransferOptions};
use remofile_object_store::BucketStore;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

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

#[test]
fn small_files_cost_a_request_each_and_new_directories_three_looks() {
    // Where the service forgets conditions, each new file is looked for.
    for (has_no_conditions, looks_a_file) in [(false, 0), (true, 1)] {
        let double = Double::start();
        double.lock().faults.has_no_conditions = has_no_conditions;
        let served = Served::of(double.open());
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
        client.upload(&[up], &remote("/"), &options, &mut Silent).unwrap();
        let requests = std::mem::take(&mut double.lock().requests);
        let stored = requests.iter().filter(|request| request.starts_with("PUT")).count();
        // Each file and directory, with one for the conditions of the service.
        assert!((221..225).contains(&stored), "{stored}");
        let looks = requests.len() - stored;
        assert!(looks < 3 * 20 + 20 + 200 * looks_a_file, "{looks}");
    }
}

#[test]
fn what_was_put_into_a_new_directory_meanwhile_is_not_replaced() {
    let double = Double::start();
    let store = double.open();
    let directory: RemotePath = remote("/new");
    store.make_directory(&directory, false, false).unwrap();
    double.put("new/file", b"theirs", &[]);
    let (parent, name) = remote("/new/file").split().unwrap();
    let staged = store.directory(&parent).unwrap().stage(&name, &StagePlan::default()).unwrap();
    assert_eq!(staged.commit().unwrap_err().code, ErrorCode::AlreadyExists);
    assert_eq!(double.content("new/file"), b"theirs");
    // One that was removed is not taken for the one that was made.
    store.make_directory(&remote("/gone"), false, false).unwrap();
    store.remove(&remote("/gone")).unwrap();
    assert_eq!(store.directory(&remote("/gone")).err().map(|failure| failure.code), Some(ErrorCode::NotFound));
}
