//! The one server that has a bucket, where no coordinator says who may change it.
//!
//! It keeps an object `.remofile/owner` below the prefix, and stores it anew every some seconds. Another server that finds it
//! there, and not old by the clock of the service, does not start. A server that cannot store it any more changes nothing, from
//! before another may take it over.

use super::client::{Client, Condition};
use super::hex::hex;
use super::metadata::Metadata;
use remofile::protocol::token::Token;
use remofile::protocol::wire::{ErrorCode, Failure};
use remofile::store::StoreResult;
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const OWNER: &str = "owner";

/// The pause between two renewals.
const RENEWAL: Duration = Duration::from_secs(10);

/// The age from which on an owner is gone, by the clock of the service.
const GONE_SECONDS: i64 = 60;

/// The time after which a claim is looked at again, where the service knows no conditions.
const SETTLING: Duration = Duration::from_secs(1);

/// The time after a renewal was begun for which changes are made.
const LASTS: Duration = Duration::from_secs(40);

/// The claim of a server, which is given back when it is dropped.
pub(crate) struct Owner {
    client: Arc<Client>,
    stop: Arc<Stop>,
    renewing: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Stop {
    is_due: Mutex<bool>,
    changed: Condvar,
}

/// The content of the object.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Claim {
    /// A number that no other claim has.
    id: String,
    host: String,
    process: u32,
    /// The namespace of processes, and the run of the system, in which that number is meant.
    machine: String,
}

impl Claim {
    fn new() -> Self {
        let file = |path: &str| std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
        let namespace = std::fs::read_link("/proc/self/ns/pid").ok().map(|path| path.display().to_string());
        let machine = file("/proc/sys/kernel/random/boot_id").zip(namespace);
        Self {
            id: hex(Token::generate().reveal().as_bytes()),
            host: file("/proc/sys/kernel/hostname").unwrap_or_else(|| "unknown host".to_owned()),
            process: std::process::id(),
            machine: machine.map(|(boot, namespace)| format!("{boot} {namespace}")).unwrap_or_default(),
        }
    }

    /// Reports whether the process is one of this machine that is gone.
    fn is_dead(&self, here: &Self) -> bool {
        let is_here = !self.machine.is_empty() && self.machine == here.machine;
        is_here && self.process != here.process && !std::path::Path::new(&format!("/proc/{}", self.process)).exists()
    }

    /// Reports whether what is stored is this claim.
    fn is_in(&self, bytes: &[u8]) -> bool {
        serde_json::from_slice::<Self>(bytes).is_ok_and(|there| there.id == self.id)
    }

    fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

impl Owner {
    /// Claims the bucket for a server of this process.
    pub(crate) fn claim(client: &Arc<Client>) -> StoreResult<Self> {
        let client = Arc::clone(client);
        let claim = Claim::new();
        let begun = Instant::now();
        let etag = client.wait(take(&client, &claim))?;
        client.own_fence.set(Some(begun + LASTS));
        tracing::info!(
            bucket = client.bucket,
            "this server owns the bucket: other servers without '--coordinator' are refused as long as it runs; see to it that none has one"
        );
        let stop = Arc::new(Stop::default());
        let (renewed, stopped) = (Arc::clone(&client), Arc::clone(&stop));
        let thread = std::thread::Builder::new().name("bucket-owner".to_owned());
        let renewing = thread
            .spawn(move || renew(&renewed, &claim, etag, &stopped))
            .map_err(|error| Failure::new(ErrorCode::OutOfResources).because(error))?;
        Ok(Self { client, stop, renewing: Some(renewing) })
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

/// Takes what nobody has, or what its owner has left.
async fn take(client: &Client, claim: &Claim) -> StoreResult<String> {
    let (key, has_conditions) = (client.keys.own(OWNER), client.has_conditions().await?);
    let put = async |condition: Condition| {
        let condition = if has_conditions { condition } else { Condition::None };
        let claimed = client.put(&key, claim.bytes().into(), &Metadata::default(), condition).await;
        claimed.map_err(|failure| match failure.code {
            ErrorCode::AlreadyExists | ErrorCode::SourceChanged => taken("which has just started"),
            _ => failure,
        })
    };
    let etag = match client.read(&key).await? {
        None => put(Condition::Absent).await?,
        Some((bytes, head)) => {
            let other: Option<Claim> = serde_json::from_slice(&bytes).ok();
            let is_dead = other.as_ref().is_some_and(|other| other.is_dead(claim));
            let age = if is_dead { i64::MAX } else { now(client, claim).await?.saturating_sub(head.stored.seconds()) };
            if age < GONE_SECONDS {
                let who = other.map_or_else(
                    || "which wrote something unknown".to_owned(),
                    |other| format!("process {} on {}", other.process, other.host),
                );
                return Err(taken(&format!("{who}, {age} s ago")));
            }
            put(Condition::Etag(head.etag)).await?
        }
    };
    if has_conditions {
        return Ok(etag);
    }
    // Of two that have begun at once, the one whose claim is there after a while has the bucket.
    tokio::time::sleep(SETTLING).await;
    match client.read(&key).await? {
        Some((bytes, head)) if claim.is_in(&bytes) => Ok(head.etag),
        _ => Err(taken("which has just started")),
    }
}

fn taken(who: &str) -> Failure {
    Failure::new(ErrorCode::Other).because(format!(
        "another server ({who}) serves this bucket: stop it first, wait a minute if it was killed, or have both share it with \
         '--coordinator'; servers with '--read-only' may be many"
    ))
}

/// Returns the time by the clock of the service.
async fn now(client: &Client, claim: &Claim) -> StoreResult<i64> {
    let key = client.keys.own(&format!("clock-{}", claim.process));
    client.put(&key, Vec::new().into(), &Metadata::default(), Condition::None).await?;
    let head = client.head(&key).await?;
    client.delete(&key).await?;
    head.map(|head| head.stored.seconds()).ok_or_else(|| super::errors::wrong("an object that is gone at once"))
}

/// Stores the object anew until it is time to stop, or another server has it.
fn renew(client: &Client, claim: &Claim, mut etag: String, stop: &Stop) {
    let key = client.keys.own(OWNER);
    loop {
        let is_due = stop.is_due.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = stop.changed.wait_timeout_while(is_due, RENEWAL, |is_due| !*is_due);
        if *waited.unwrap_or_else(PoisonError::into_inner).0 {
            break;
        }
        let begun = Instant::now();
        let outcome = client.wait(async {
            let put = async {
                let condition =
                    if client.has_conditions().await? { Condition::Etag(etag.clone()) } else { Condition::None };
                if condition == Condition::None
                    && !client.read(&key).await?.is_some_and(|(bytes, _)| claim.is_in(&bytes))
                {
                    return Err(ErrorCode::SourceChanged.into());
                }
                client.put_unfenced(&key, claim.bytes().into(), condition).await
            };
            let limit = GONE_SECONDS.unsigned_abs();
            match tokio::time::timeout(Duration::from_secs(limit), put).await {
                Ok(outcome) => outcome,
                Err(_) => Err(super::errors::silent()),
            }
        });
        match outcome {
            Ok(renewed) => {
                etag = renewed;
                client.own_fence.set(Some(begun + LASTS));
            }
            Err(failure) if matches!(failure.code, ErrorCode::SourceChanged | ErrorCode::NotFound) => {
                // A renewal whose answer was lost has another tag, and is still ours.
                match client.wait(client.read(&key)) {
                    Ok(Some((bytes, head))) if claim.is_in(&bytes) => {
                        etag = head.etag;
                    }
                    Err(failure) => tracing::warn!(%failure, "the owner of the bucket could not be looked at"),
                    Ok(_) => {
                        client.own_fence.lose();
                        tracing::error!("another server has the bucket now: this one changes nothing any more");
                        return;
                    }
                }
            }
            Err(failure) => tracing::warn!(%failure, "the ownership of the bucket could not be renewed"),
        }
    }
    // Only what is still ours is removed: whoever took it over has changed its tag.
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
