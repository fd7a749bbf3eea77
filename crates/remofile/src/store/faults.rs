//! Flushes that fail when a test says so.

use rustix::fd::BorrowedFd;
use rustix::io::Errno;
use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

type Flushes = HashMap<DirectoryKey, Flushing>;

/// A directory, told from one that had its inode before: tests of one process remove theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct DirectoryKey {
    device: u64,
    inode: u64,
    /// Time of birth, where the file system has it.
    born: Option<SystemTime>,
}

impl DirectoryKey {
    fn of(directory: &Metadata) -> Self {
        Self { device: directory.dev(), inode: directory.ino(), born: directory.created().ok() }
    }
}

/// Outcomes of the next flushes of a directory.
#[derive(Default)]
struct Flushing {
    errors: Vec<PlannedFault>,
    count: usize,
    /// Locked as long as they are to wait.
    gate: Arc<Mutex<()>>,
}

struct PlannedFault {
    errno: Errno,
    /// True if it is kept for a flush of something that is visible.
    needs_visible: bool,
}

static FLUSHES: Mutex<Option<Flushes>> = Mutex::new(None);

fn with<T>(directory: &Path, look: impl FnOnce(&mut Flushing) -> T) -> T {
    let key = DirectoryKey::of(&directory.metadata().unwrap());
    let mut flushes = FLUSHES.lock().unwrap_or_else(PoisonError::into_inner);
    look(flushes.get_or_insert_default().entry(key).or_default())
}

/// Makes the next flush fail that something visible waits for: of the file system with this root, or of this directory.
pub(crate) fn fail_next_flush(directory: &Path, errno: Errno) {
    with(directory, |flushing| flushing.errors.push(PlannedFault { errno, needs_visible: true }));
}

/// Makes the next flush fail, also one of content that is not visible yet.
pub(crate) fn fail_next_flush_of_content(directory: &Path, errno: Errno) {
    with(directory, |flushing| flushing.errors.push(PlannedFault { errno, needs_visible: false }));
}

/// Returns the gate of a directory: its flushes wait as long as the gate is locked.
pub(crate) fn gate(directory: &Path) -> Arc<Mutex<()>> {
    with(directory, |flushing| Arc::clone(&flushing.gate))
}

/// Returns the number of flushes that were tried since the first that was to fail, or to wait.
pub(crate) fn flushes(directory: &Path) -> usize {
    with(directory, |flushing| flushing.count)
}

pub(super) fn flush(directory: BorrowedFd<'_>, is_visible: bool) -> Result<(), Errno> {
    let metadata = directory.try_clone_to_owned().and_then(|directory| File::from(directory).metadata());
    let Ok(key) = metadata.map(|metadata| DirectoryKey::of(&metadata)) else { return Ok(()) };
    let mut flushes = FLUSHES.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(flushing) = flushes.get_or_insert_default().get_mut(&key) else { return Ok(()) };
    flushing.count += 1;
    let planned = flushing.errors.iter().position(|fault| is_visible || !fault.needs_visible);
    let result = planned.map_or(Ok(()), |at| Err(flushing.errors.remove(at).errno));
    let gate = Arc::clone(&flushing.gate);
    drop(flushes);
    drop(gate.lock().unwrap_or_else(PoisonError::into_inner));
    result
}
