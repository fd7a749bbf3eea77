//! The numbers of a server at one moment.

/// The numbers of a server at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerStatistics {
    /// Operations that have a lease, which others may wait for.
    pub leases_held: u64,
    /// Operations that wait for others.
    pub leases_waiting: u64,
    /// Threads for what waits for a disk.
    pub pool_threads: u64,
    /// Those that have a job.
    pub pool_busy: u64,
    /// Jobs that wait for one of them.
    pub pool_waiting: u64,
    /// Files that stay open between the reads of clients.
    pub open_files: u64,
    /// Memory that sessions hold, in bytes.
    pub memory_bytes: u64,
}
