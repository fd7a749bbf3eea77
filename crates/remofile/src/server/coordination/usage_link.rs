//! The way of a server's meters to the other servers.
//!
//! A server that counts a directory has to know what others have changed until then. It writes one value that asks for it; each
//! server that sees it tells its changes, and then answers with the revision of the question in a value of its own.

use super::clock;
use super::coordinator::{Change, Condition, Coordinator, CoordinatorError, CoordinatorResult, SharedValue};
use super::machine::Machine;
use super::member::Coordination;
use super::registration::{SERVERS, server_of_key};
use super::shared_quotas::{QUESTION, key};
use crate::store::{Fence, Meters, SharedUsage, Store, StoreResult, UsageRecord};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{ErrorCode, Failure};
use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

/// The beginning of the keys of answers: the revision of the question.
const ANSWERS: &str = "told/";

/// Pause between two times at which changes are told.
const PERIOD: Duration = Duration::from_secs(1);

/// Pause between two looks for answers.
const PAUSE: Duration = Duration::from_millis(20);

/// The way of a server's meters to the coordinator. It keeps nothing of a server that has ended.
pub(in crate::server) struct UsageLink(Weak<Coordination>);

impl Coordination {
    /// Makes the meters of the store that it serves, which are those of all its servers.
    pub(in crate::server) fn meters(self: &Arc<Self>, store: Arc<dyn Store>) -> Arc<Meters> {
        let meters = Meters::shared(store, Arc::new(UsageLink(Arc::downgrade(self))));
        // A server runs once with each of these.
        let _first = self.quotas.meters.set(Arc::downgrade(&meters));
        meters
    }

    /// Tells other servers what has changed here, every second and whenever one asks.
    pub(super) fn tell_usage(self: &Arc<Self>) {
        while !self.is_stopping() {
            let waits = |_: &mut Machine| !self.is_stopping() && !self.quotas.is_asked();
            drop(self.changed.wait_timeout_while(self.lock(), PERIOD, waits));
            let Some(meters) = self.quotas.meters() else { continue };
            if self.lock().term().is_none() {
                // Nothing is asked of a server that is not there.
                self.quotas.answered.store(self.quotas.asked.load(Ordering::Acquire), Ordering::Release);
                continue;
            }
            let question = self.quotas.asked.load(Ordering::Acquire);
            let is_asked = question > self.quotas.answered.load(Ordering::Acquire);
            // Whoever counts gives up what it does if this fails; and it is tried again.
            let told = meters.tell(is_asked || self.is_stopping());
            if is_asked && told.is_ok() {
                let _lost = self.answer(question);
                self.quotas.answered.fetch_max(question, Ordering::AcqRel);
            }
            if let Err(failure) = told
                && self.pause()
            {
                tracing::debug!(%failure, "other servers were not told what is used here");
            }
        }
        if let Some(meters) = self.quotas.meters() {
            let _lost = meters.tell(true);
        }
    }

    fn answer(&self, question: u64) -> CoordinatorResult<()> {
        let Some(term) = self.lock().term() else { return Err(CoordinatorError::TermOver) };
        let (key, value) = (format!("{ANSWERS}{:016x}", self.server()), question.to_be_bytes().to_vec());
        let put = Change::Put { key, value: value.into(), term: Some(term) };
        self.coordinated.inner.coordinator.write(&[], &[put]).map(drop)
    }

    /// Makes a call, again as long as this server may change anything: a coordinator that is away for a moment ends no upload.
    fn patiently<T>(&self, mut call: impl FnMut(&dyn Coordinator) -> CoordinatorResult<T>) -> StoreResult<T> {
        loop {
            match call(&*self.coordinated.inner.coordinator) {
                Ok(done) => return Ok(done),
                Err(CoordinatorError::Unreachable(_))
                    if self.coordinated.inner.fence.remaining().is_some() && self.pause() => {}
                Err(error) => return Err(unknown(&error)),
            }
        }
    }

    fn await_answers(&self, servers: &HashSet<u64>, longest: Duration) -> StoreResult<()> {
        if servers.is_empty() {
            return Ok(());
        }
        let question = Change::Put { key: QUESTION.to_owned(), value: Vec::new().into(), term: None };
        let asked = self.patiently(|coordinator| coordinator.write(&[], std::slice::from_ref(&question)))?.unwrap_or(0);
        let deadline = clock::now() + longest;
        loop {
            let answers = self.patiently(|coordinator| coordinator.read(ANSWERS))?.values;
            let answers: HashMap<u64, u64> = answers.iter().filter_map(answer_in).collect();
            let late: Vec<u64> =
                servers.iter().filter(|server| answers.get(server).is_none_or(|told| *told < asked)).copied().collect();
            let there = if late.is_empty() { HashSet::new() } else { self.servers()? };
            if !late.iter().any(|server| there.contains(server)) {
                return Ok(());
            }
            let is_over = clock::now() >= deadline;
            let waited = self.changed.wait_timeout_while(self.lock(), PAUSE, |_| !self.is_stopping());
            drop(waited.unwrap_or_else(PoisonError::into_inner));
            if is_over || self.is_stopping() {
                return Err(Failure::new(ErrorCode::OutOfResources)
                    .because("another server does not tell what is used there: try again in a moment"));
            }
        }
    }

    fn servers(&self) -> StoreResult<HashSet<u64>> {
        let servers = self.patiently(|coordinator| coordinator.read(SERVERS))?;
        Ok(servers.values.iter().filter_map(|value| server_of_key(&value.key)).collect())
    }
}

fn answer_in(value: &SharedValue) -> Option<(u64, u64)> {
    let server = u64::from_str_radix(value.key.strip_prefix(ANSWERS)?, 16).ok()?;
    Some((server, value.value.first_chunk().map(|bytes| u64::from_be_bytes(*bytes))?))
}

fn unknown(error: &CoordinatorError) -> Failure {
    Failure::new(ErrorCode::OutOfResources).because(format_args!(
        "what is used cannot be told to other servers, since the server's coordinator cannot be reached ({error}): try again in a moment"
    ))
}

impl UsageLink {
    fn server_of(&self) -> StoreResult<Arc<Coordination>> {
        self.0.upgrade().ok_or_else(|| ErrorCode::ShuttingDown.into())
    }
}

impl SharedUsage for UsageLink {
    fn server(&self) -> u64 {
        self.0.upgrade().map_or(0, |own| own.server())
    }

    fn servers(&self) -> StoreResult<HashSet<u64>> {
        self.server_of()?.servers()
    }

    fn read(&self, directory: &RemotePath) -> StoreResult<(UsageRecord, u64)> {
        let key = key(directory);
        let there = self.server_of()?.patiently(|coordinator| coordinator.read(&key))?;
        let Some(value) = there.values.iter().find(|value| value.key == key) else {
            return Ok((UsageRecord::default(), 0));
        };
        // One that makes no sense is replaced by one that nobody has counted.
        Ok((minicbor::decode(&value.value).unwrap_or_default(), value.modified))
    }

    fn replace(&self, directory: &RemotePath, record: &UsageRecord, revision: u64) -> StoreResult<Option<u64>> {
        let mut value = Vec::new();
        // A vector takes whatever is written.
        let _written = minicbor::encode(record, &mut value);
        let condition = [Condition { key: key(directory), revision }];
        let put = [Change::Put { key: key(directory), value: value.into(), term: None }];
        self.server_of()?.patiently(|coordinator| coordinator.write(&condition, &put))
    }

    fn await_told(&self, servers: &HashSet<u64>, longest: Duration) -> StoreResult<()> {
        self.server_of()?.await_answers(servers, longest)
    }
}
