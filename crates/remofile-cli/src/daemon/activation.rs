//! Sockets that the service manager listens on, and passes on to the server.

use crate::failed::{Failed, Result};
use listenfd::ListenFd;
use std::io;
use std::net::TcpListener;

/// Takes the sockets that were passed on to this process, as `LISTEN_FDS` says; none if there are none.
///
/// # Errors
/// If one is no TCP socket that listens.
pub(super) fn listeners() -> Result<Vec<TcpListener>> {
    let mut passed = ListenFd::from_env();
    let count = passed.len();
    let mut take = |at: usize| passed.take_tcp_listener(at)?.ok_or_else(|| io::Error::other("it is not there"));
    (0..count).map(&mut take).collect::<io::Result<Vec<_>>>().map_err(Failed::system(
        "cannot use a socket that the service manager passed on (it must be ListenStream= with a port)",
    ))
}
