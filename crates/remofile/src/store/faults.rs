//! Flushes that fail when a test says so.

use rustix::fd::BorrowedFd;
use rustix::io::Errno;
use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// By device and inode of a directory.
type Flushes = HashMap<(u64, u64), Flushing>;

/// What the next flushes of a directory come to.
#[derive(Default)]
struct Flushing {
    errors: Vec<Errno>,
    count: usize,
}

static FLUSHES: Mutex<Option<Flushes>> = Mutex::new(None);

fn with<T>(directory: &Path, look: impl FnOnce(&mut Flushing) -> T) -> T {
    let metadata = directory.metadata().unwrap();
    let mut flushes = FLUSHES.lock().unwrap_or_else(PoisonError::into_inner);
    look(flushes.get_or_insert_default().entry((metadata.dev(), metadata.ino())).or_default())
}

/// The next flush of a file system by this root, or of this directory, fails.
pub(crate) fn fail_next_flush(directory: &Path, errno: Errno) {
    with(directory, |flushing| flushing.errors.push(errno));
}

/// How many flushes of it were tried since the first that was to fail.
pub(crate) fn flushes(directory: &Path) -> usize {
    with(directory, |flushing| flushing.count)
}

pub(super) fn flush(directory: BorrowedFd<'_>) -> Result<(), Errno> {
    let Ok(stat) = rustix::fs::fstat(directory) else { return Ok(()) };
    let mut flushes = FLUSHES.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(flushing) = flushes.get_or_insert_default().get_mut(&(stat.st_dev, stat.st_ino)) else {
        return Ok(());
    };
    flushing.count += 1;
    if flushing.errors.is_empty() { Ok(()) } else { Err(flushing.errors.remove(0)) }
}
