//! The coordinator of several servers in etcd.
//!
//! It speaks the HTTP interface that every etcd since 3.4 has on its client port (`/v3/kv/txn` and others, values as JSON):
//! [`wire`](self) makes and reads those texts, [`connection`](self) carries them to one of the members, and [`Etcd`] is the seam's
//! [`Coordinator`]. Goals: each call ends within some seconds, whatever a member does, and is made at another one if it
//! fails; all keys are below one prefix. Non-goals: everything of etcd that the seam does not need.

mod address;
mod connection;
mod watch;
mod wire;

pub use address::{EtcdAddress, InvalidAddress};
pub use connection::{Credentials, EtcdOptions};

use connection::Connection;
use remofile::server::coordination::{
    Change, Condition, Coordinator, CoordinatorError, CoordinatorResult, Snapshot, Term, Watch,
};
use std::time::Duration;
use wire::{LeaseAnswer, RangeAnswer, TxnAnswer, nonsense};

/// Values of one answer at most.
const PAGE: u64 = 500;

/// A cluster of etcd, for the servers that have the same prefix.
#[derive(Debug)]
pub struct Etcd {
    connection: Connection,
    prefix: String,
    address: String,
}

impl Etcd {
    /// Takes an address. Nothing is connected yet.
    ///
    /// # Errors
    /// If a certificate or key makes no sense.
    pub fn new(address: &EtcdAddress, options: EtcdOptions) -> Result<Self, String> {
        let connection = Connection::new(address, options)?;
        Ok(Self { connection, prefix: address.prefix().to_owned(), address: address.to_string() })
    }
}

impl Coordinator for Etcd {
    fn address(&self) -> String {
        self.address.clone()
    }

    fn begin_term(&self, time: Duration) -> CoordinatorResult<Term> {
        let answer: LeaseAnswer = self.connection.call("lease/grant", &wire::grant(time))?;
        answer.id.map(|id| Term(id.0)).ok_or_else(nonsense)
    }

    fn keep_term(&self, term: Term) -> CoordinatorResult<()> {
        let answer: wire::Streamed<LeaseAnswer> = self.connection.call("lease/keepalive", &wire::lease(term))?;
        // One that is over has no time.
        match answer.result.and_then(|result| result.ttl) {
            Some(ttl) if ttl.0 > 0 => Ok(()),
            _ => Err(CoordinatorError::TermOver),
        }
    }

    fn end_term(&self, term: Term) -> CoordinatorResult<()> {
        match self.connection.call::<LeaseAnswer>("lease/revoke", &wire::lease(term)) {
            Ok(_) | Err(CoordinatorError::TermOver) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn read(&self, prefix: &str) -> CoordinatorResult<Snapshot> {
        let prefix = format!("{}{prefix}", self.prefix);
        let mut snapshot = Snapshot::default();
        let mut first = prefix.clone().into_bytes();
        loop {
            let request = wire::range(&first, &wire::end_of(&prefix), PAGE, snapshot.revision);
            let answer: RangeAnswer = self.connection.call("kv/range", &request)?;
            // All pages are of one revision.
            if snapshot.revision == 0 {
                snapshot.revision = answer.header.as_ref().map(|header| header.revision.0).ok_or_else(nonsense)?;
            }
            if let Some(last) = answer.kvs.last() {
                first = last.key.0.to_vec();
                first.push(0);
            }
            let has_more = answer.more && !answer.kvs.is_empty();
            snapshot.values.extend(answer.kvs.into_iter().filter_map(|value| value.shared(&self.prefix)));
            if !has_more {
                return Ok(snapshot);
            }
        }
    }

    fn write(&self, conditions: &[Condition], changes: &[Change]) -> CoordinatorResult<Option<u64>> {
        let answer: TxnAnswer = self.connection.call("kv/txn", &wire::txn(&self.prefix, conditions, changes))?;
        let revision = answer.header.map(|header| header.revision.0).ok_or_else(nonsense)?;
        Ok(answer.succeeded.then_some(revision))
    }

    fn watch(&self, from: u64) -> CoordinatorResult<Box<dyn Watch>> {
        // A watch that is not let is told no better than one that has ended, and no call but this may find out for long that the
        // credentials are to be shown again.
        let _answer: RangeAnswer = self
            .connection
            .call("kv/range", &wire::range(self.prefix.as_bytes(), &wire::end_of(&self.prefix), 1, 0))?;
        let stream = self.connection.stream("watch", &wire::watch(&self.prefix, from))?;
        Ok(Box::new(watch::EtcdWatch::new(stream, self.prefix.clone())))
    }
}
