//! The sum of the traits of a store.

use super::durable::DurableStore;
use super::posix::PosixStore;
use super::read::ReadStore;
use super::result::{StoreResult, unsupported};
use super::resume::ResumeStore;
use super::served_directory::ServedDirectory;
use super::write::WriteStore;
use remofile_protocol::handshake::Capabilities;
use remofile_protocol::handshake::Place;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::DiskSpace;
use std::sync::Arc;

/// A tree of files with one root, however it is kept.
pub trait Store: ReadStore + WriteStore + ResumeStore + PosixStore + DurableStore {
    /// Tells what the store can do, as far as a caller decides by it. What it lacks, it refuses with `unsupported`.
    fn capabilities(&self) -> Capabilities {
        Capabilities::ALL
    }

    /// Reports whether even a look at it may take many seconds, since it asks a service that may be away. A server then looks on
    /// other threads than those that answer its clients. A store around another one hands this on.
    fn is_distant(&self) -> bool {
        false
    }

    /// Reports whether it gives and tells attributes beside those of an entry
    /// ([`PosixStore::give_attributes`](super::PosixStore::give_attributes)).
    fn keeps_attributes(&self) -> bool {
        false
    }

    /// Gives this store so that what is below a directory is reached by no link that is outside of it, nor the other way
    /// about; paths stay what they are. The directory need not exist yet. `None` if it cannot tell:
    /// [`Prefix`](super::Prefix) then looks at every link itself.
    fn confined(&self, _directory: &RemotePath) -> Option<Arc<dyn Store>> {
        None
    }

    /// Gives this store so that the partials in it are those of one owner alone: uploads leave theirs for that owner, and
    /// those of others are not there. `None` if it cannot tell them apart: [`Unshared`](super::Unshared) then hides all.
    fn owned_by(&self, _owner: &str) -> Option<Arc<dyn Store>> {
        None
    }

    /// Returns the place of a directory, as [`places`](super::places) gives it. `None` if it is nowhere on this machine.
    fn place(&self, _directory: &RemotePath) -> Option<Place> {
        None
    }

    /// Tells the room of the disk that a path is on.
    ///
    /// # Errors
    /// `unsupported` if the store cannot tell it, `not-found`, ...
    fn space(&self, _path: &RemotePath) -> StoreResult<DiskSpace> {
        Err(unsupported("tell the room of its disk"))
    }

    /// Claims the directory that the store is in for a server that changes it. `None` if no other server can find what it
    /// has. A store around all of another one hands this on.
    ///
    /// # Errors
    /// If another server has the directory.
    fn claim_directory(&self) -> StoreResult<Option<ServedDirectory>> {
        Ok(None)
    }

    /// Claims what the store has for the servers of a coordinator that has a number: they share it, and no others change it.
    /// It is called before a server changes anything, and again whenever it has found the coordinator again. A store that no other
    /// server can find does nothing. A store around all of another one hands this on.
    ///
    /// # Errors
    /// If a server without a coordinator, or one with another, has it.
    fn join_servers(&self, _cluster: &str) -> StoreResult<()> {
        Ok(())
    }
}
