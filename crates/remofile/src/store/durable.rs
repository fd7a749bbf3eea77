//! The part of a store for callers that promise that files outlast a crash.

use super::result::StoreResult;

/// The durability of a store. One that keeps nothing on a disk has nothing to do for it.
pub trait DurableStore: Send + Sync {
    /// Returns the place in the history of flushes at which an operation begins: see [`DurableStore::sync`].
    fn flush_mark(&self) -> FlushMark {
        FlushMark::default()
    }

    /// Waits until everything committed so far is on the disk, if the store was asked to be durable. What was committed
    /// and did not get there is [unflushed](remofile_protocol::wire::Entry::unflushed) from then on.
    ///
    /// # Errors
    /// `disk-failure` or `no-space` if it did not get there, or if another flush failed since the mark was taken: it
    /// may have been about files of the same operation.
    fn sync(&self, _since: FlushMark) -> StoreResult<()> {
        Ok(())
    }

    /// Brings the content of files to the disk whose [writing has ended](super::Staged::end_writing), all at once.
    ///
    /// # Errors
    /// As [`DurableStore::sync`]; then none of them is to be committed.
    fn flush_staged(&self) -> StoreResult<()> {
        Ok(())
    }

    /// Returns the bytes of content that files may have which wait for a flush together: while they wait, what they
    /// replace takes room as well.
    fn waiting_bytes_limit(&self) -> u64 {
        u64::MAX
    }

    /// Reports whether a committed file waits for a flush, perhaps one of another operation.
    fn is_unflushed(&self) -> bool {
        false
    }

    /// Reports whether some file may be [unflushed](remofile_protocol::wire::Entry::unflushed).
    ///
    /// # Errors
    /// The reason why that cannot be found out.
    fn has_doubt(&self) -> StoreResult<bool> {
        Ok(false)
    }
}

/// A moment in the history of flushes of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FlushMark(pub u64);

/// The moment at which written files must be on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fsync {
    /// Any time that the operating system likes.
    #[default]
    None,
    /// The content of a file before it becomes visible, and everything before an operation's success is reported. Many
    /// files share a flush.
    End,
    /// Each file before it becomes visible, and its directory after.
    Each,
}
