//! The options of a store, and why it cannot be opened.

use remofile::store::Fence;
use std::fmt::{self, Debug, Display, Formatter};
use std::sync::Arc;
use std::time::Duration;

/// The pauses before a request is made again: the first, and the longest.
pub(crate) const FIRST_PAUSE: Duration = Duration::from_millis(100);
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The options of a store in a bucket.
#[derive(Clone)]
pub struct BucketOptions {
    /// Address of the service, for those that are not Amazon's.
    pub endpoint: Option<String>,
    /// Permission bits of new files that come without; `None` leaves them without.
    pub file_mode: Option<u32>,
    /// Permission bits of new directories.
    pub directory_mode: Option<u32>,
    /// The longest time for which a request is made again and again while the service is silent or busy.
    pub patience: Duration,
    /// The same while nothing has shown that a service is there: it may be that its address is wrong.
    pub first_patience: Duration,
    /// The longest silence of a service, before it begins to answer or within an answer, after which it is asked again.
    pub answer_timeout: Duration,
    /// The same for requests that carry content, or have the service copy it. The time begins with the request, so it covers
    /// the way of a part over a slow line that others share.
    pub content_timeout: Duration,
    /// Bytes of a part of a large file, at least.
    pub part_bytes: usize,
    /// Parts of one file that are under way at once.
    pub parallel_parts: usize,
    /// Parts of all files that are under way at once, which bounds the memory of uploads.
    pub all_parts: usize,
    /// Ranges of 8 MiB of all files that are read ahead at once, beside two of each file, which bounds the memory of downloads.
    pub all_ranges: usize,
    /// Bytes of the largest object that the service copies by one request; larger ones are copied in parts.
    pub most_copied: u64,
    /// Small requests that are under way at once.
    pub parallel_requests: usize,
    /// Objects whose times and permissions are remembered.
    pub remembered: usize,
    /// The age up to which a listing of a directory is as good as a look for each of the new files in it. Where a service forgets
    /// conditions, what another tool stores meanwhile is replaced.
    pub names_age: Duration,
    /// Keys that wait for their place in a listing before the service is asked whether it has what belongs before them.
    pub waiting_keys: usize,
    /// Threads for requests.
    pub threads: usize,
    /// The pause before a server stores anew that it owns the bucket: some seconds, as it changes nothing from 40 s after it did so
    /// last.
    pub renewal: Duration,
    /// The permission of the server to change what it shares with others; `None` where one server has the bucket.
    pub fence: Option<Arc<dyn Fence>>,
}

impl Default for BucketOptions {
    fn default() -> Self {
        Self {
            endpoint: None,
            file_mode: None,
            directory_mode: None,
            patience: Duration::from_secs(90),
            first_patience: Duration::from_secs(10),
            answer_timeout: Duration::from_secs(30),
            content_timeout: Duration::from_secs(600),
            part_bytes: 8 * 1024 * 1024,
            parallel_parts: 4,
            all_parts: 32,
            all_ranges: 32,
            most_copied: 5 * 1024 * 1024 * 1024,
            parallel_requests: 64,
            remembered: 200_000,
            names_age: Duration::from_secs(1),
            waiting_keys: 10_000,
            threads: 2,
            renewal: Duration::from_secs(10),
            fence: None,
        }
    }
}

impl Debug for BucketOptions {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("BucketOptions").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

/// The reason why a bucket cannot be served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenError(String);

impl OpenError {
    pub(crate) fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

impl Display for OpenError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for OpenError {}
