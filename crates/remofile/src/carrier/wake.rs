//! Wakers of threads that are in `poll`.

use super::socket::moved;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

/// A waker, which wakes the thread that polls it, from any other thread. All clones wake the same one.
#[derive(Debug, Clone)]
pub struct Waker {
    ends: Arc<(UnixStream, UnixStream)>,
    /// The calls since it was drained, to be seen without a system call.
    #[cfg(test)]
    calls: Arc<std::sync::atomic::AtomicU32>,
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
        Ok(Self {
            ends: Arc::new((near, far)),
            #[cfg(test)]
            calls: Arc::default(),
        })
    }

    /// Makes the descriptor readable until it is drained.
    pub fn wake(&self) {
        #[cfg(test)]
        self.calls.fetch_add(1, std::sync::atomic::Ordering::AcqRel);
        wake_by(&mut &self.ends.0);
    }

    /// Reports whether it was called and not drained since.
    #[cfg(test)]
    pub(crate) fn is_called(&self) -> bool {
        self.calls.load(std::sync::atomic::Ordering::Acquire) > 0
    }

    /// Forgets all calls so far. Returns true if there were any.
    pub fn drain(&self) -> bool {
        #[cfg(test)]
        self.calls.store(0, std::sync::atomic::Ordering::Release);
        let (mut sink, mut was_called) = ([0; 64], false);
        while matches!(moved(|| (&self.ends.1).read(&mut sink)), Ok(Some(1..))) {
            was_called = true;
        }
        was_called
    }
}

/// Sends a byte, again if a signal interrupts it: a call that is lost has its thread sleep until something else happens.
fn wake_by(end: &mut impl Write) {
    // A full pipe wakes as well as one byte more would.
    let _full = moved(|| end.write(&[1]));
}

impl AsFd for Waker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.ends.1.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    /// An end that signals interrupt some times.
    struct Interrupted<'a>(&'a UnixStream, u32);

    impl Write for Interrupted<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            match self.1.checked_sub(1) {
                Some(left) => self.1 = left,
                None => return self.0.write(bytes),
            }
            Err(io::ErrorKind::Interrupted.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn is_woken(waker: &Waker) -> bool {
        let mut descriptors = [PollFd::from_borrowed_fd(waker.as_fd(), PollFlags::IN)];
        poll(&mut descriptors, Some(&Timespec::default())).unwrap() == 1
    }

    #[test]
    fn a_call_that_a_signal_interrupts_wakes_all_the_same() {
        let waker = Waker::new().unwrap();
        wake_by(&mut Interrupted(&waker.ends.0, 2));
        assert!(is_woken(&waker));
        assert!(waker.drain());
        assert!(!is_woken(&waker) && !waker.drain());
    }

    #[test]
    fn a_waker_that_was_called_too_often_still_wakes() {
        let waker = Waker::new().unwrap();
        (0..10_000).for_each(|_| waker.wake());
        assert!(is_woken(&waker));
        assert!(waker.drain());
        assert!(!is_woken(&waker));
    }
}
