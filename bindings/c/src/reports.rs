//! Reports of transfers.

use crate::fault::Fault;
use crate::types::Report;
use remofile::{Error, TransferReport};

/// Fills in a report, and returns the first failure in it.
pub(crate) fn tell_report(report: Option<&mut Report>, moved: TransferReport, deleted: u64) -> Result<(), Fault> {
    if let Some(report) = report {
        *report = Report {
            struct_size: size_of::<Report>(),
            files: moved.files,
            directories: moved.directories,
            bytes: moved.bytes,
            present: moved.present,
            resumed_bytes: moved.resumed_bytes,
            sent_bytes: moved.sent_bytes,
            received_bytes: moved.received_bytes,
            deleted,
            skipped: moved.skipped_count(),
            failures: moved.failure_count(),
            retries: moved.retries,
        };
    }
    moved.failures.into_iter().next().map_or(Ok(()), |failure| Err(Error::Remote(failure).into()))
}
