//! The flush of what was written of a large file so far, on a thread of its own, beside what is written after it.

use crate::store::system;
#[cfg(test)]
use rustix::fd::AsFd;
use rustix::fd::{BorrowedFd, OwnedFd};
use rustix::io::Errno;
use std::thread::{self, JoinHandle};

/// A flush that is under way. Dropped, it is waited for: the file stays open, and so locked, for as long as it goes on.
pub(super) struct PartFlush(Option<JoinHandle<Result<(), Errno>>>);

impl PartFlush {
    /// Begins to flush a file of a directory. Where there is no thread or descriptor for that, it is flushed now.
    ///
    /// # Errors
    /// The error of a flush that was made now.
    pub(super) fn begin(file: &OwnedFd, directory: BorrowedFd<'_>) -> Result<Self, Errno> {
        match file.try_clone().ok().and_then(|file| Self::on_thread(flush_of(file, directory))) {
            Some(flush) => Ok(flush),
            None => system::fdatasync(file).map(|()| Self(None)),
        }
    }

    fn on_thread(flush: impl FnOnce() -> Result<(), Errno> + Send + 'static) -> Option<Self> {
        let thread = thread::Builder::new().name("remofile flush".to_owned()).spawn(flush).ok()?;
        Some(Self(Some(thread)))
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// The error of the flush. The system tells each once: no later flush of the file does.
    pub(super) fn wait(mut self) -> Result<(), Errno> {
        self.join()
    }

    fn join(&mut self) -> Result<(), Errno> {
        // A flush that panicked may have flushed nothing.
        self.0.take().map_or(Ok(()), |thread| thread.join().unwrap_or(Err(Errno::IO)))
    }
}

impl Drop for PartFlush {
    fn drop(&mut self) {
        let _nobody_asks = self.join();
    }
}

#[cfg(not(test))]
fn flush_of(file: OwnedFd, _directory: BorrowedFd<'_>) -> impl FnOnce() -> Result<(), Errno> + Send + 'static {
    move || system::fdatasync(&file)
}

/// The same, but a test may have flushes of the directory fail or wait.
#[cfg(test)]
fn flush_of(file: OwnedFd, directory: BorrowedFd<'_>) -> impl FnOnce() -> Result<(), Errno> + Send + 'static {
    let directory = directory.try_clone_to_owned();
    move || {
        if let Ok(directory) = directory {
            crate::store::faults::flush(directory.as_fd(), false)?;
        }
        system::fdatasync(&file)
    }
}

#[cfg(test)]
mod tests {
    use super::super::staged::FLUSH_EVERY_BYTES;
    use crate::store::faults::{fail_next_flush_of_content, gate};
    use crate::store::{Fsync, LocalStore, ReadStore, ResumeStore, StagePlan, Staged, StoreOptions, WriteStore};
    use remofile_protocol::wire::ErrorCode;
    use rustix::io::Errno;
    use std::path::Path;

    /// Stages a file, and writes so much of it that a flush of that begins.
    fn stage(root: &Path) -> (LocalStore, Box<dyn Staged>) {
        let store = LocalStore::open(root, StoreOptions { fsync: Fsync::Each, ..StoreOptions::default() }).unwrap();
        let (directory, name) = "/large".parse::<remofile_protocol::path::RemotePath>().unwrap().split().unwrap();
        let plan = StagePlan { size: Some(FLUSH_EVERY_BYTES + 1), ..StagePlan::default() };
        let mut staged = store.directory(&directory).unwrap().stage(&name, &plan).unwrap();
        let piece = vec![7; 1 << 20];
        (0..FLUSH_EVERY_BYTES >> 20).for_each(|_| staged.write(&piece).unwrap());
        (store, staged)
    }

    #[test]
    fn a_large_file_is_written_on_while_its_earlier_part_is_flushed() {
        let root = tempfile::tempdir().unwrap();
        let gate = gate(root.path());
        let closed = gate.lock().unwrap();
        let (store, mut staged) = stage(root.path());
        staged.write(b"x").unwrap();
        drop(closed);
        staged.commit().unwrap();
        assert_eq!(store.stat(&"/large".parse().unwrap()).unwrap().size, FLUSH_EVERY_BYTES + 1);
    }

    #[test]
    fn the_error_of_a_flush_of_a_part_fails_the_file_and_nothing_of_it_is_kept() {
        for is_committed in [true, false] {
            let root = tempfile::tempdir().unwrap();
            fail_next_flush_of_content(root.path(), Errno::IO);
            let (store, staged) = stage(root.path());
            if is_committed {
                assert_eq!(staged.commit().unwrap_err().code, ErrorCode::DiskFailure);
            } else {
                staged.retain_partial();
            }
            assert!(store.stat(&"/large".parse().unwrap()).is_err());
            assert_eq!(store.partials().unwrap(), []);
        }
    }
}
