//! The stamps that files and directories in memory get: times and identities.

use remofile_protocol::wire::Timestamp;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

static LAST_IDENTITY: AtomicU64 = AtomicU64::new(0);

/// The time by this machine's clock.
pub(super) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::new(i64::try_from(since.as_secs()).unwrap_or(i64::MAX), since.subsec_nanos())
}

/// A number that nothing else in this process has.
pub(super) fn identity() -> u64 {
    LAST_IDENTITY.fetch_add(1, Ordering::Relaxed) + 1
}
