//! The sum of the traits of a store.

use super::durable::DurableStore;
use super::posix::PosixStore;
use super::read::ReadStore;
use super::result::StoreResult;
use super::resume::ResumeStore;
use super::write::WriteStore;
use remofile_protocol::handshake::Capabilities;
use remofile_protocol::handshake::Place;
use remofile_protocol::path::RemotePath;
use std::sync::Arc;

/// A tree of files with one root, however it is kept.
pub trait Store: ReadStore + WriteStore + ResumeStore + PosixStore + DurableStore {
    /// Tells what the store can do, as far as a caller decides by it. What it lacks, it refuses with `unsupported`.
    fn capabilities(&self) -> Capabilities {
        Capabilities::ALL
    }

    /// Gives this store so that what is below a directory is reached by no link that is outside of it, nor the other way
    /// about; paths stay what they are. `None` if it cannot tell: [`Prefix`](super::Prefix) then looks at every link itself.
    ///
    /// # Errors
    /// `out-of-resources`, ... if it cannot be opened once more.
    fn confined(&self, _directory: &RemotePath) -> StoreResult<Option<Arc<dyn Store>>> {
        Ok(None)
    }

    /// Returns the place of a directory, as [`places`](super::places) gives it. `None` if it is nowhere on this machine.
    fn place(&self, _directory: &RemotePath) -> Option<Place> {
        None
    }
}
