//! The leases of other servers: what a lease needs beside the word of this server's table.
//!
//! Whatever nobody here is in the way of *enters*: it counts as held here, so that the order of this server stands, and its
//! session hears nothing until [`OtherServers`] has found that nobody at another server is in the way either. A server that
//! stands alone has none, and then every lease is granted at once.

use super::claim::{Claim, Claimant, View};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{ErrorCode, Failure, Holder};
use std::fmt::Debug;
use std::sync::Arc;

/// The leases of other servers.
pub(in crate::server) trait OtherServers: Debug + Send + Sync {
    /// Asks for all that an operation claims. Returns true if it has that at once; otherwise [`Leases::settle_entry`](super::Leases::settle_entry) is called
    /// when it is known. Called while the table of leases is locked: it must not wait, and must not look at leases.
    fn enter(&self, ticket: u64, claimant: &Claimant, claims: &Arc<[Claim]>) -> bool;

    /// Gives back what an operation has asked for or got. Called as [`OtherServers::enter`].
    fn leave(&self, ticket: u64);

    /// Returns those at other servers who are in the way of an operation that has asked; `None` if that is not known yet.
    fn in_the_way(&self, ticket: u64, view: &View) -> Option<Vec<Holder>>;

    /// Returns those at other servers who hold leases in the directory that a client has for its root, and the number of
    /// those who wait. With `only_token`, those of this token alone.
    fn told(&self, root: &RemotePath, only_token: Option<&str>) -> (Vec<Holder>, usize);
}

/// The answer of other servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::server) enum Settled {
    Granted,
    /// Others are in the way, and it does not wait for them.
    Refused,
    /// The operation waits, and its client is to be told for whom.
    Waits,
    /// Nobody can know whether somebody is in the way.
    Failed(Failure),
}

/// A session and the way to it.
pub(in crate::server) struct Reached<W> {
    pub(in crate::server) session: u64,
    pub(in crate::server) bell: Option<W>,
}

/// News of an operation that waits, which its session is still to hear.
#[derive(Debug)]
pub(super) enum News {
    /// The operation waits for others.
    Waits,
    /// The operation was refused, for this reason.
    Refused(Failure),
}

/// The failure of a request that others are in the way of.
pub(in crate::server) fn busy(holders: Vec<Holder>) -> Failure {
    Failure { holders: Some(holders), ..ErrorCode::Busy.into() }
}
