//! The room that a quota leaves of a disk.

use super::context::Context;
use crate::store::StoreResult;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::DiskSpace;
use std::time::Duration;

/// Longest time for which an answer waits for the first count of what is used.
const LONGEST_COUNT: Duration = Duration::from_secs(1);

impl Context {
    /// Tells the quota as the size of the disk, as file systems do that have quotas of directories themselves.
    pub(super) fn space(&self, path: &RemotePath) -> StoreResult<DiskSpace> {
        let disk = self.inner.space(path)?;
        self.look_after_count();
        Ok(match self.quota_and_used(LONGEST_COUNT) {
            Some((quota, used)) => {
                DiskSpace { size: quota, used, free: quota.saturating_sub(used).min(disk.free), ..disk }
            }
            None => disk,
        })
    }
}
