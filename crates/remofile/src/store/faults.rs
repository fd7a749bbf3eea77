//! Flushes that fail when a test says so.

use rustix::fd::BorrowedFd;
use rustix::io::Errno;
use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// By device and inode of a directory.
type Flushes = HashMap<(u64, u64), Flushing>;

/// Outcomes of the next flushes of a directory.
#[derive(Default)]
struct Flushing {
    errors: Vec<Errno>,
    count: usize,
    /// Locked as long as they are to wait.
    gate: Arc<Mutex<()>>,
}

static FLUSHES: Mutex<Option<Flushes>> = Mutex::new(None);

fn with<T>(directory: &Path, look: impl FnOnce(&mut Flushing) -> T) -> T {
    let metadata = directory.metadata().unwrap();
    let mut flushes = FLUSHES.lock().unwrap_or_else(PoisonError::into_inner);
    look(flushes.get_or_insert_default().entry((metadata.dev(), metadata.ino())).or_default())
}

/// Makes the next flush of the file system with this root, or of this directory, fail.
pub(crate) fn fail_next_flush(directory: &Path, errno: Errno) {
    with(directory, |flushing| flushing.errors.push(errno));
}

/// Returns the gate of a directory: its flushes wait as long as the gate is locked.
pub(crate) fn gate(directory: &Path) -> Arc<Mutex<()>> {
    with(directory, |flushing| Arc::clone(&flushing.gate))
}

/// Returns the number of flushes that were tried since the first that was to fail, or to wait.
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
    let result = if flushing.errors.is_empty() { Ok(()) } else { Err(flushing.errors.remove(0)) };
    let gate = Arc::clone(&flushing.gate);
    drop(flushes);
    drop(gate.lock().unwrap_or_else(PoisonError::into_inner));
    result
}
