//! Wakers of threads that are in `poll`.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

/// A waker, which wakes the thread that polls it, from any other thread. All clones wake the same one.
#[derive(Debug, Clone)]
pub struct Waker {
    ends: Arc<(UnixStream, UnixStream)>,
}

impl Waker {
    /// Creates a waker that was not called yet.
    ///
    /// # Errors
    /// If the process has no file descriptors left.
    pub fn new() -> io::Result<Self> {
        let (near, far) = UnixStream::pair()?;
        near.set_nonblocking(true)?;
        far.set_nonblocking(true)?;
        Ok(Self { ends: Arc::new((near, far)) })
    }

    /// Makes the descriptor readable until it is drained.
    pub fn wake(&self) {
        // A full pipe wakes as well as one byte more would.
        let _full = (&self.ends.0).write(&[1]);
    }

    /// Forgets all calls so far.
    pub fn drain(&self) {
        let mut sink = [0; 64];
        while matches!((&self.ends.1).read(&mut sink), Ok(1..)) {}
    }
}

impl AsFd for Waker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.ends.1.as_fd()
    }
}
