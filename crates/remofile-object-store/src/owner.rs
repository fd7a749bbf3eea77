//! The owner of a bucket: one server, or all servers of one coordinator.
//!
//! It keeps an object `.remofile/owner` below the prefix, and stores it anew every some seconds. Another server that finds it
//! there, and not old by the clock of the service, does not start, unless it is one of the same coordinator. A server that cannot
//! store it any more changes nothing, from before another may take it over.

use super::claim::Claim;
use super::client::Client;
use super::conditions::Condition;
use remofile::protocol::wire::{ErrorCode, Failure};
use remofile::store::StoreResult;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const OWNER: &str = "owner";

/// The age from which on an owner is gone, by the clock of the service.
const GONE_SECONDS: i64 = 60;

/// The time after which a claim is looked at again, where the service knows no conditions.
const SETTLING: Duration = Duration::from_secs(1);

/// The time after a renewal was begun for which changes are made.
const LASTS: Duration = Duration::from_secs(40);

/// Attempts to store a claim that several servers store.
const ATTEMPTS: u32 = 5;

/// The claim of a server. One that is not shared is given back when it is dropped.
pub(crate) struct Owner {
    client: Arc<Client>,
    /// The number of the coordinator whose servers share it.
    cluster: Option<String>,
    stop: Arc<Stop>,
    renewing: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Stop {
    is_due: Mutex<bool>,
    changed: Condvar,
}

impl Owner {
    /// Claims the bucket for a server of this process, alone or as one of those that have a coordinator with a number.
    pub(crate) fn claim(client: &Arc<Client>, cluster: Option<&str>) -> StoreResult<Self> {
        let client = Arc::clone(client);
        let claim = Claim::new(cluster);
        let begun = Instant::now();
        let etag = client.wait(take(&client, &claim))?;
        client.own_fence.set(Some(begun + LASTS));
        if cluster.is_none() {
            tracing::info!(
                bucket = client.bucket,
                "this server owns the bucket: all others that change it are refused as long as it runs"
            );
        }
        let stop = Arc::new(Stop::default());
        let (renewed, stopped) = (Arc::clone(&client), Arc::clone(&stop));
        let thread = std::thread::Builder::new().name("bucket-owner".to_owned());
        let renewing = thread
            .spawn(move || renew(&renewed, &claim, etag, &stopped))
            .map_err(|error| Failure::new(ErrorCode::OutOfResources).because(error))?;
        Ok(Self { client, cluster: cluster.map(str::to_owned), stop, renewing: Some(renewing) })
    }

    /// Reports whether it is still that of the servers of a coordinator.
    pub(crate) fn is_shared_by(&self, cluster: &str) -> bool {
        self.cluster.as_deref() == Some(cluster) && !self.client.own_fence.is_lost()
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        *self.stop.is_due.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.stop.changed.notify_all();
        if let Some(renewing) = self.renewing.take() {
            let _panicked = renewing.join();
        }
        self.client.own_fence.set(None);
    }
}

/// Takes what nobody has, what its owner has left, or what other servers of the same coordinator have.
async fn take(client: &Client, claim: &Claim) -> StoreResult<String> {
    let (key, conditions) = (client.keys.own(OWNER), client.conditions().await?);
    let condition = match client.read(&key).await? {
        None => Condition::Absent,
        Some((bytes, head)) => {
            let other = Claim::read(&bytes);
            let is_free = claim.is_in(&bytes) || other.as_ref().is_some_and(|other| other.is_dead(claim));
            let age = if is_free { i64::MAX } else { now(client, claim).await?.saturating_sub(head.stored.seconds()) };
            if age < GONE_SECONDS {
                return Err(claim.refused_by(other.as_ref(), age));
            }
            Condition::Etag(head.etag)
        }
    };
    let condition = conditions.heeded(condition);
    let is_heeded = condition != Condition::None;
    match client.put_unfenced(&key, claim.bytes().into(), condition).await {
        Ok(etag) if is_heeded => return Ok(etag),
        Ok(_) => tokio::time::sleep(SETTLING).await,
        // Another one was faster, perhaps one that shares it, or the answer to the first attempt at this request was lost.
        Err(failure) if is_refused(&failure) => {}
        Err(failure) => return Err(failure),
    }
    match client.read(&key).await? {
        Some((bytes, head)) if claim.is_in(&bytes) => Ok(head.etag),
        there => Err(claim.refused_by(there.and_then(|(bytes, _)| Claim::read(&bytes)).as_ref(), 0)),
    }
}

/// Reports whether something else has the key than a condition says.
fn is_refused(failure: &Failure) -> bool {
    matches!(failure.code, ErrorCode::AlreadyExists | ErrorCode::SourceChanged | ErrorCode::NotFound)
}

/// Returns the time by the clock of the service.
async fn now(client: &Client, claim: &Claim) -> StoreResult<i64> {
    let key = client.keys.own(&format!("clock-{}", claim.id()));
    client.put_unfenced(&key, Vec::new().into(), Condition::None).await?;
    let head = client.head(&key).await?;
    client.delete_unfenced(&key).await?;
    head.map(|head| head.stored.seconds()).ok_or_else(|| super::errors::wrong("an object that is gone at once"))
}

/// Stores the claim anew, and returns its tag; `None` if it is not there any more.
async fn store_anew(client: &Client, claim: &Claim, etag: &str) -> StoreResult<Option<String>> {
    let (key, conditions) = (client.keys.own(OWNER), client.conditions().await?);
    // Without a condition it is read first.
    let mut condition =
        Some(conditions.heeded(Condition::Etag(etag.to_owned()))).filter(|condition| *condition != Condition::None);
    for _ in 0..ATTEMPTS {
        if let Some(condition) = condition {
            match client.put_unfenced(&key, claim.bytes().into(), condition).await {
                Err(failure) if is_refused(&failure) => {}
                stored => return stored.map(Some),
            }
        }
        // Stored anew by others that share it, or by a request whose answer was lost, it has another tag.
        match client.read(&key).await? {
            Some((bytes, head)) if claim.is_in(&bytes) => {
                condition = Some(conditions.heeded(Condition::Etag(head.etag)));
            }
            _ => return Ok(None),
        }
    }
    Err(Failure::new(ErrorCode::OutOfResources).because("too many servers stored it at the same time"))
}

/// Stores the object anew until it is time to stop, or another server has it.
fn renew(client: &Client, claim: &Claim, mut etag: String, stop: &Stop) {
    loop {
        let is_due = stop.is_due.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = stop.changed.wait_timeout_while(is_due, client.options.renewal, |is_due| !*is_due);
        if *waited.unwrap_or_else(PoisonError::into_inner).0 {
            break;
        }
        let begun = Instant::now();
        let limit = Duration::from_secs(GONE_SECONDS.unsigned_abs());
        let stored = client.wait(async {
            let stored = tokio::time::timeout(limit, store_anew(client, claim, &etag)).await;
            stored.unwrap_or_else(|_| Err(super::errors::silent()))
        });
        match stored {
            Ok(Some(renewed)) => {
                etag = renewed;
                client.own_fence.set(Some(begun + LASTS));
            }
            Ok(None) => {
                client.own_fence.lose();
                tracing::error!(
                    "another server has the bucket now: this one changes nothing until it is started again"
                );
                return;
            }
            Err(failure) => tracing::warn!(%failure, "the ownership of the bucket could not be renewed"),
        }
    }
    if claim.is_shared() {
        // Other servers may have it still: without any, it ends by itself.
        return;
    }
    // Only what is still ours is removed: whoever took it over has changed it.
    let key = client.keys.own(OWNER);
    let released = client.wait(async {
        match client.read(&key).await? {
            Some((bytes, _)) if claim.is_in(&bytes) => client.delete(&key).await,
            _ => Ok(()),
        }
    });
    if let Err(failure) = released {
        tracing::warn!(%failure, "the ownership of the bucket could not be given back: it ends by itself within a minute");
    }
}
