//! Content of a bucket, as tests write and read it.

#![allow(dead_code, clippy::unwrap_used, reason = "tests use what they need, and fail by panicking")]

use remofile::protocol::path::RemotePath;
use remofile::protocol::wire::{ErrorCode, Kind, Listed};
use remofile::store::{ReadStore, StagePlan, Staged, StoreResult, WriteStore};
use remofile_object_store::BucketStore;

/// A unit of content: parts have eight of them.
pub(crate) const UNIT: usize = super::double::PART_BYTES / 8;

pub(crate) fn path(text: &str) -> RemotePath {
    text.parse().unwrap()
}

pub(crate) fn code<T>(result: StoreResult<T>) -> Option<ErrorCode> {
    result.err().map(|failure| failure.code)
}

pub(crate) fn stage(store: &(impl WriteStore + ?Sized), text: &str, plan: &StagePlan) -> StoreResult<Box<dyn Staged>> {
    let (directory, name) = path(text).split()?;
    store.directory(&directory)?.stage(&name, plan)
}

pub(crate) fn write(store: &BucketStore, text: &str, content: &[u8], plan: &StagePlan) -> StoreResult<()> {
    let mut staged = stage(store, text, plan)?;
    for piece in content.chunks(UNIT) {
        staged.write(piece)?;
    }
    staged.commit()
}

pub(crate) fn read(store: &BucketStore, text: &str) -> StoreResult<Vec<u8>> {
    let source = store.open(&path(text))?;
    let mut content = vec![0; usize::try_from(source.entry().size).unwrap() + 1];
    let (mut place, mut piece) = (0, vec![0; UNIT]);
    loop {
        let count = source.read_at(&mut piece, place as u64)?;
        if count == 0 {
            content.truncate(place);
            return Ok(content);
        }
        content[place..place + count].copy_from_slice(&piece[..count]);
        place += count;
    }
}

/// The paths of a listing, and those that failed with an exclamation mark.
pub(crate) fn list(store: &BucketStore, text: &str, recursive: bool) -> Vec<String> {
    let mut walk = store.walk(&path(text), recursive).unwrap();
    std::iter::from_fn(|| walk.next())
        .map(|listed| match listed {
            Listed::Entry(entry) if entry.kind == Kind::Directory => format!("{}/", entry.path),
            Listed::Entry(entry) => entry.path.to_string(),
            Listed::Failed(failure) => format!("!{}", failure.path.unwrap()),
        })
        .collect()
}

pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8
    };
    (0..length).map(|_| next()).collect()
}
