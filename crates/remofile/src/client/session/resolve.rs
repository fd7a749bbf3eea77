//! Addresses of host names.

use crate::client::session::context::CallContext;
use crate::error::{Error, Result};
use rustix::event::PollFlags;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// Longest time for the resolver: longer than any resolver tries by default.
pub(super) const RESOLVE_TIMEOUT: Duration = Duration::from_secs(60);

/// Returns the addresses of a host, at least one.
pub(super) fn resolve(hostname: &str, port: u16, context: &CallContext) -> Result<Vec<SocketAddr>> {
    if let Some(address) = literal(hostname, port) {
        return Ok(vec![address]);
    }
    let look_up = LookUp::of_host(hostname, port)?;
    if context.wait(&look_up, PollFlags::IN, RESOLVE_TIMEOUT)? {
        addresses(hostname, look_up.finish())
    } else {
        addresses(hostname, Err(io::ErrorKind::TimedOut.into()))
    }
}

/// Returns the address that a text is, if it is one.
pub(super) fn literal(hostname: &str, port: u16) -> Option<SocketAddr> {
    hostname.parse::<IpAddr>().ok().map(|address| SocketAddr::new(address, port))
}

/// Returns what a look-up has found of a host.
///
/// # Errors
/// [`Error::Resolve`] if that is nothing.
pub(super) fn addresses(hostname: &str, found: io::Result<Vec<SocketAddr>>) -> Result<Vec<SocketAddr>> {
    let found = found.and_then(|addresses| match addresses.is_empty() {
        true => Err(io::Error::other("it has no address")),
        false => Ok(addresses),
    });
    found.map_err(|source| Error::Resolve { hostname: hostname.to_owned(), source })
}

/// A look-up that is under way. Its descriptor is readable when it is over. A resolver can neither be interrupted nor given a
/// timeout: a look-up that is given up ends later, on its own thread.
#[derive(Debug)]
pub(super) struct LookUp<T> {
    is_over: UnixStream,
    answer: Receiver<io::Result<T>>,
}

impl LookUp<Vec<SocketAddr>> {
    /// Looks the addresses of a host up.
    pub(super) fn of_host(hostname: &str, port: u16) -> Result<Self> {
        let own = hostname.to_owned();
        Self::begin(move || Ok((own.as_str(), port).to_socket_addrs()?.collect::<Vec<_>>()))
    }
}

impl<T: Send + 'static> LookUp<T> {
    fn begin(look_up: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<Self> {
        let system = |source| Error::System { what: "cannot look a host name up", source };
        let (is_over, theirs) = UnixStream::pair().map_err(system)?;
        let (sender, answer) = channel();
        let body = move || {
            // A look-up that was given up has no receiver. The closed stream tells that the answer is there.
            let _heard = sender.send(look_up());
            drop(theirs);
        };
        std::thread::Builder::new().name("remofile resolver".to_owned()).spawn(body).map_err(system)?;
        Ok(Self { is_over, answer })
    }

    /// Returns what it has found, once it is over.
    pub(super) fn finish(self) -> io::Result<T> {
        self.answer.recv().unwrap_or_else(|_| Err(io::Error::other("the resolver ended without an answer")))
    }
}

impl<T> AsFd for LookUp<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.is_over.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::session::deadline::Deadline;

    #[test]
    fn a_slow_resolver_holds_neither_an_interrupt_nor_a_timeout_up() {
        let (_never, blocked) = channel::<()>();
        let context = CallContext::unlimited();
        context.interrupt.trigger();
        let slow = move || {
            let _never = blocked.recv();
            Ok(())
        };
        let waited = context.wait(&LookUp::begin(slow).unwrap(), PollFlags::IN, RESOLVE_TIMEOUT);
        assert!(matches!(waited, Err(Error::Interrupted)));

        let (_never, blocked) = channel::<()>();
        let soon = Deadline::after(Some(Duration::from_millis(1)));
        let context = CallContext { deadline: soon, ..CallContext::unlimited() };
        let slow = move || {
            let _never = blocked.recv();
            Ok(())
        };
        let waited = context.wait(&LookUp::begin(slow).unwrap(), PollFlags::IN, RESOLVE_TIMEOUT);
        assert!(matches!(waited, Err(Error::Timeout(_))));
    }

    #[test]
    fn names_and_addresses_are_resolved() {
        let context = CallContext::unlimited();
        let local = resolve("localhost", 7, &context).unwrap();
        assert!(local.iter().all(|address| address.ip().is_loopback() && address.port() == 7), "{local:?}");
        assert_eq!(resolve("::1", 7, &context).unwrap(), ["[::1]:7".parse().unwrap()]);
        assert!(matches!(resolve("bad name", 7, &context), Err(Error::Resolve { .. })));
    }
}
