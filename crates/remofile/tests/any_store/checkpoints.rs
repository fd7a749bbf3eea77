//! An upload goes on where it was in a store that cannot read back what it keeps of it.

use crate::any_store::served::Served;
use crate::common::proxy::{CuttingLine, Harm};
use crate::common::{noise, remote, write};
use remofile::store::{Capabilities, Capability, MemoryOptions, MemoryStore, ReadStore, ResumeStore};
use remofile::{Client, ClientOptions, Error, RetryOptions, Silent, TransferOptions, TransferReport};
use std::path::Path;
use std::sync::Arc;

const MIB: usize = 1024 * 1024;

fn once() -> TransferOptions {
    TransferOptions { retry: RetryOptions::NEVER, ..TransferOptions::default() }
}

/// Breaks an upload off, and makes the same call again.
fn upload_twice(store: &MemoryStore, file: &Path) -> (TransferReport, u64) {
    let served = Served::of(Arc::new(store.clone()));
    let client = |port| Client::new(ClientOptions { port, ..served.options() });
    let line = CuttingLine::new(served.address(), vec![(Harm::Cut(20 * MIB as u64), Harm::None)]);
    let mut first = client(line.address.port());
    let broken = first.upload(&[file.to_owned()], &remote("/"), &once(), &mut Silent).unwrap_err();
    assert!(matches!(broken, Error::ConnectionLost(_)), "{broken:?}");
    drop(first);
    line.end();
    let line = CuttingLine::new(served.address(), Vec::new());
    let mut second = client(line.address.port());
    let report = second.upload(&[file.to_owned()], &remote("/"), &once(), &mut Silent).unwrap();
    drop(second);
    let (sent, ..) = line.end();
    (report, sent)
}

fn content(store: &MemoryStore) -> Vec<u8> {
    let source = store.open(&remote("/file")).unwrap();
    let mut bytes = vec![0; source.entry().size as usize];
    source.read_at(&mut bytes, 0).unwrap();
    bytes
}

fn without(capability: Capability) -> MemoryStore {
    let capabilities = Capabilities::ALL.without(capability);
    MemoryStore::with(MemoryOptions { capabilities, ..MemoryOptions::default() })
}

#[test]
fn a_store_that_cannot_read_back_what_it_keeps_goes_on_at_a_checkpoint() {
    let (store, local) = (without(Capability::ReadablePartials), tempfile::tempdir().unwrap());
    let bytes = noise(24 * MIB);
    let file = write(local.path(), "file", &bytes);
    let (report, sent) = upload_twice(&store, &file);
    assert_eq!(report.files, 1);
    assert!(report.resumed_bytes >= 8 * MIB as u64, "{report:?}");
    assert!(sent < 17 * MIB as u64, "{sent}");
    assert!(content(&store) == bytes);
    assert!(store.partials().unwrap().is_empty());
}

#[test]
fn a_checkpoint_of_another_version_is_not_gone_on_from() {
    let (store, local) = (without(Capability::ReadablePartials), tempfile::tempdir().unwrap());
    let mut bytes = noise(24 * MIB);
    let file = write(local.path(), "file", &bytes);
    let time = std::fs::metadata(&file).unwrap().modified().unwrap();
    let served = Served::of(Arc::new(store.clone()));
    let line = CuttingLine::new(served.address(), vec![(Harm::Cut(20 * MIB as u64), Harm::None)]);
    let port = line.address.port();
    let mut client = Client::new(ClientOptions { port, ..served.options() });
    client.upload(std::slice::from_ref(&file), &remote("/"), &once(), &mut Silent).unwrap_err();
    drop(client);
    line.end();
    // Of the same size and time, but not what was sent: only the digests in the checkpoints tell.
    bytes[9 * MIB] ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    std::fs::File::options().write(true).open(&file).unwrap().set_modified(time).unwrap();
    let report = served.client().upload(&[file], &remote("/"), &once(), &mut Silent).unwrap();
    assert!((1..10 * MIB as u64).contains(&report.resumed_bytes), "from the checkpoint before it: {report:?}");
    assert!(content(&store) == bytes);
}

#[test]
fn a_store_that_keeps_nothing_of_unfinished_files_gets_them_whole() {
    let (store, local) = (without(Capability::Partials), tempfile::tempdir().unwrap());
    let bytes = noise(24 * MIB);
    let file = write(local.path(), "file", &bytes);
    let (report, sent) = upload_twice(&store, &file);
    assert_eq!((report.files, report.resumed_bytes), (1, 0));
    assert!(sent > 24 * MIB as u64, "{sent}");
    assert!(content(&store) == bytes);
}
