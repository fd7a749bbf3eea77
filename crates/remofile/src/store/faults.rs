//! Flushes that fail when a test says so.

use rustix::fd::BorrowedFd;
use rustix::io::Errno;
use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// By device and inode of a directory: what its next flushes come to, and how many there were.
type Flushes = HashMap<(u64, u64), (Vec<Errno>, usize)>;

static FLUSHES: Mutex<Option<Flushes>> = Mutex::new(None);

/// The next flush of a file system by this root, or of this directory, fails.
pub(crate) fn fail_next_flush(directory: &Path, errno: Errno) {
    let metadata = directory.metadata().unwrap();
    let mut flushes = FLUSHES.lock().unwrap_or_else(PoisonError::into_inner);
    flushes.get_or_insert_default().entry((metadata.dev(), metadata.ino())).or_default().0.push(errno);
}

/// How many flushes of it were tried since the first that was to fail.
pub(crate) fn flushes(directory: &Path) -> usize {
    let metadata = directory.metadata().unwrap();
    let mut flushes = FLUSHES.lock().unwrap_or_else(PoisonError::into_inner);
    flushes.get_or_insert_default().get(&(metadata.dev(), metadata.ino())).map_or(0, |(_, count)| *count)
}

pub(super) fn flush(directory: BorrowedFd<'_>) -> Result<(), Errno> {
    let Ok(stat) = rustix::fs::fstat(directory) else { return Ok(()) };
    let mut flushes = FLUSHES.lock().unwrap_or_else(PoisonError::into_inner);
    let Some((errors, count)) = flushes.get_or_insert_default().get_mut(&(stat.st_dev, stat.st_ino)) else {
        return Ok(());
    };
    *count += 1;
    if errors.is_empty() { Ok(()) } else { Err(errors.remove(0)) }
}
