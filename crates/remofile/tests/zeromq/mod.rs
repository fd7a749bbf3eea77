//! ZeroMQ on the server's port, through somebody else's socket, and as a client of protocol 1.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    unreachable_pub,
    reason = "tests look at the disk themselves, and fail by panicking"
)]

mod admission;
mod audit;
mod gateway;
mod gateway_sync;
mod ghosts;
mod handler;
mod hostile;
pub(crate) mod peer;
mod protocol1;
mod protocol2;
