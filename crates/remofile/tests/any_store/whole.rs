//! Every operation of a client, on a store in memory.

use crate::any_store::served::Served;
use crate::common::{noise, remote, tree, write};
use remofile::protocol::wire::{ErrorCode, Kind};
use remofile::store::{Faulty, MemoryStore, PosixStore, Prefix, ReadStore, StoreCall, WriteStore};
use remofile::{
    Client, Error, OpenOptions, RetryOptions, ServerOptions, Silent, SyncOptions, TransferOptions,
    synchronize_download, synchronize_upload,
};
use std::io::{Read, Write};
use std::sync::Arc;

fn recursive() -> TransferOptions {
    TransferOptions { recursive: true, ..TransferOptions::default() }
}

fn count(client: &mut Client) -> usize {
    let mut count = 0;
    let mut each = |_| {
        count += 1;
        Ok(())
    };
    client.list(&remote("/"), true, &mut each).unwrap();
    count
}

fn source() -> tempfile::TempDir {
    let source = tempfile::tempdir().unwrap();
    write(source.path(), "tree/small", "small");
    write(source.path(), "tree/deep/er/large", noise(3 << 20));
    write(source.path(), "tree/empty", "");
    source
}

#[test]
fn a_tree_goes_into_memory_and_comes_back() {
    let served = Served::of(Arc::new(MemoryStore::new()));
    let (mut client, source) = (served.client(), source());
    client.upload(&[source.path().join("tree")], &remote("/"), &recursive(), &mut Silent).unwrap();
    let back = tempfile::tempdir().unwrap();
    client.download(&[remote("/tree")], back.path(), &recursive(), &mut Silent).unwrap();
    assert_eq!(tree(back.path()), tree(source.path()));
    assert_eq!(count(&mut client), 6);
    let again = client.upload(&[source.path().join("tree")], &remote("/"), &recursive(), &mut Silent).unwrap();
    assert_eq!(again.files, 0, "what is there is known by size and time");
}

#[test]
fn a_directory_in_memory_is_made_like_another_and_back() {
    let store = Arc::new(MemoryStore::new());
    let served = Served::of(Arc::clone(&store) as _);
    let (mut client, source) = (served.client(), source());
    let top = source.path().join("tree");
    let options = SyncOptions { delete: true, ..SyncOptions::default() };
    synchronize_upload(&mut client, &top, &remote("/copy"), &options, &mut Silent).unwrap();
    let mut changed = noise(3 << 20);
    changed[1 << 20] ^= 1;
    std::fs::rename(top.join("small"), top.join("moved")).unwrap();
    std::fs::remove_file(top.join("empty")).unwrap();
    write(&top, "deep/er/large", changed);
    write(&top, "empty/is/a/directory/now", "x");
    let backup = Some("/old".to_owned());
    let options = SyncOptions { backup, ..options };
    synchronize_upload(&mut client, &top, &remote("/copy"), &options, &mut Silent).unwrap();
    assert_eq!(store.stat(&remote("/old/deep/er/large")).unwrap().size, 3 << 20);
    let back = tempfile::tempdir().unwrap();
    let options = SyncOptions { delete: true, ..SyncOptions::default() };
    synchronize_download(&mut client, &remote("/copy"), &back.path().join("tree"), &options, &mut Silent).unwrap();
    assert_eq!(tree(&back.path().join("tree")), tree(&top));
}

#[test]
fn single_requests_and_open_files_work_in_memory() {
    let served = Served::of(Arc::new(MemoryStore::new()));
    let mut client = served.client();
    client.make_directory(&remote("/a/b"), false, true).unwrap();
    client.create_file(&remote("/a/file"), false).unwrap();
    client.rename(&remote("/a/file"), &remote("/a/b/file"), false).unwrap();
    assert_eq!(client.stat(&remote("/a/b/file")).unwrap().kind, Kind::File);
    let mut file = client.open(&remote("/a/b/file"), OpenOptions::new().write(true)).unwrap();
    file.write_all(b"hello").unwrap();
    file.close().unwrap();
    let mut file = served.client().open(&remote("/a/b/file"), OpenOptions::new().read(true)).unwrap();
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    assert_eq!(text, "hello");
    let mut client = served.client();
    assert_eq!(client.remove(&remote("/a"), true).unwrap().files, 1);
    assert_eq!(count(&mut client), 0);
}

#[test]
fn a_store_that_fails_fails_the_file_and_not_the_server() {
    let faulty = Faulty::new(Arc::new(MemoryStore::new()));
    let faults = Arc::clone(faulty.faults());
    let served = Served::of(Arc::new(faulty));
    let (mut client, source) = (served.client(), source());
    faults.fail_after(StoreCall::Commit, 1, ErrorCode::DiskFailure.into());
    let options = TransferOptions { retry: RetryOptions::NEVER, ..recursive() };
    let report = client.upload(&[source.path().join("tree")], &remote("/"), &options, &mut Silent).unwrap();
    assert_eq!((report.files, report.failures.len()), (2, 1));
    let report = client.upload(&[source.path().join("tree")], &remote("/"), &options, &mut Silent).unwrap();
    assert_eq!((report.files, report.failures.len()), (1, 0));
}

#[test]
fn a_server_of_a_prefix_shows_nothing_else() {
    let store = MemoryStore::new();
    store.make_directory(&remote("/home/ann"), false, true).unwrap();
    store.create_file(&remote("/home/secret"), false).unwrap();
    store.make_link(&remote("/home/ann/up"), "../secret", false).unwrap();
    let served = Served::of(Arc::new(Prefix::new(Arc::new(store.clone()), remote("/home/ann")).unwrap()));
    let (mut client, source) = (served.client(), source());
    client.upload(&[source.path().join("tree")], &remote("/"), &recursive(), &mut Silent).unwrap();
    assert!(store.stat(&remote("/home/ann/tree/small")).is_ok());
    assert!(client.stat(&remote("/secret")).is_err());
    assert_eq!(client.stat(&remote("/up")).unwrap().kind, Kind::Link);
}

#[test]
fn a_read_only_server_changes_nothing_in_any_store() {
    let store = MemoryStore::new();
    store.create_file(&remote("/file"), false).unwrap();
    let options = ServerOptions { read_only: true, ..ServerOptions::default() };
    let served = Served::with(Arc::new(store.clone()), options);
    let failed = served.client().remove(&remote("/file"), false).err().unwrap();
    assert!(matches!(&failed, Error::Remote(failure) if failure.code == ErrorCode::ReadOnly), "{failed}");
    assert!(store.stat(&remote("/file")).is_ok());
}
