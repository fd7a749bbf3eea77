//! The permission of a server to change a store that it shares with others.

use std::time::Duration;

/// The lease of a server on the store that it shares: it ends if the coordinator is lost.
pub trait Fence: Send + Sync {
    /// Returns the time for which changes may still be made: none once the lease is lost.
    fn remaining(&self) -> Option<Duration>;
}
