//! The bytes that a token uses, and may use.

use crate::client::Client;
use crate::client::reports::Usage;
use crate::error::Result;

impl Client {
    /// Asks how many bytes are used below the root directory, and how many may be: as `df` does, but of files, not of
    /// disks. Answered whoever holds the lease.
    ///
    /// # Errors
    /// As [`Client::status`].
    pub fn usage(&mut self) -> Result<Usage> {
        let report = self.status()?.report;
        Ok(Usage { used: report.used, quota: report.quota })
    }
}
