//! Addresses of host names.

use crate::client::session::context::CallContext;
use crate::error::{Error, Result};
use rustix::event::PollFlags;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::channel;
use std::time::Duration;

/// Longest time for the resolver: longer than any resolver tries by default.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(60);

/// Returns the addresses of a host, at least one.
pub(super) fn resolve(hostname: &str, port: u16, context: &CallContext) -> Result<Vec<SocketAddr>> {
    if let Ok(address) = hostname.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let own = hostname.to_owned();
    let found = within_limits(context, move || Ok((own.as_str(), port).to_socket_addrs()?.collect::<Vec<_>>()))?;
    let found = found.and_then(|addresses| match addresses.is_empty() {
        true => Err(io::Error::other("it has no address")),
        false => Ok(addresses),
    });
    found.map_err(|source| Error::Resolve { hostname: hostname.to_owned(), source })
}

/// Runs a look-up within the limits of a call. A resolver can neither be interrupted nor given a timeout: a look-up
/// that is given up ends later, on its own thread.
fn within_limits<T: Send + 'static>(
    context: &CallContext,
    look_up: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<io::Result<T>> {
    let system = |source| Error::System { what: "cannot look a host name up", source };
    let (ours, theirs) = UnixStream::pair().map_err(system)?;
    let (sender, receiver) = channel();
    let body = move || {
        // A look-up that was given up has no receiver. The closed stream tells that the answer is there.
        let _heard = sender.send(look_up());
        drop(theirs);
    };
    std::thread::Builder::new().name("remofile resolver".to_owned()).spawn(body).map_err(system)?;
    if !context.wait(&ours, PollFlags::IN, RESOLVE_TIMEOUT)? {
        return Ok(Err(io::ErrorKind::TimedOut.into()));
    }
    Ok(receiver.recv().unwrap_or_else(|_| Err(io::Error::other("the resolver ended without an answer"))))
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
        assert!(matches!(within_limits(&context, slow), Err(Error::Interrupted)));

        let (_never, blocked) = channel::<()>();
        let soon = Deadline::after(Some(Duration::from_millis(1)));
        let context = CallContext { deadline: soon, ..CallContext::unlimited() };
        let slow = move || {
            let _never = blocked.recv();
            Ok(())
        };
        assert!(matches!(within_limits(&context, slow), Err(Error::Timeout(_))));
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
