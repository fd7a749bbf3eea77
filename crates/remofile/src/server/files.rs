//! The files of a server.

use super::options::ServerOptions;
use crate::error::{Error, Result};
use crate::store::{FollowLinks, LocalStore, ServedDirectory, Store, StoreOptions, places};
use remofile_protocol::handshake::{MAX_PLACES, Place};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The files that are served.
pub(super) enum Files {
    /// A local directory, which is opened anew with each run.
    Directory(PathBuf),
    /// Those of somebody else's store.
    Store(Arc<dyn Store>),
}

impl Files {
    /// Those of an existing directory.
    ///
    /// # Errors
    /// [`Error::Root`] if there is no such directory.
    pub(super) fn in_directory(root: PathBuf) -> Result<Self> {
        open_root(&root, StoreOptions::default())?;
        Ok(Self::Directory(root))
    }

    /// Claims the directory for a server that changes it; `None` for what no other server can find.
    ///
    /// # Errors
    /// [`Error::Root`] if another server has it.
    pub(super) fn claim(&self, options: &ServerOptions) -> Result<Option<ServedDirectory>> {
        if options.read_only {
            return Ok(None);
        }
        if options.coordinator.is_some() {
            let Self::Directory(root) = self else { return Ok(None) };
            let failed = |failure| Error::Root { path: root.display().to_string(), failure };
            return ServedDirectory::share(root).map(Some).map_err(failed);
        }
        let (claimed, path) = match self {
            Self::Directory(root) => (ServedDirectory::claim(root).map(Some), root.display().to_string()),
            Self::Store(store) => (store.claim_directory(), "the store".to_owned()),
        };
        claimed.map_err(|failure| Error::Root { path, failure })
    }

    /// Returns the store that the servers of a coordinator claim together; `None` if this one changes nothing in it.
    pub(super) fn shared_store(&self, options: &ServerOptions) -> Option<Arc<dyn Store>> {
        match self {
            Self::Store(store) if !options.read_only => Some(Arc::clone(store)),
            Self::Store(_) | Self::Directory(_) => None,
        }
    }

    /// Gives the store, and where it is on this machine, if it is anywhere.
    pub(super) fn open(&self, options: &ServerOptions) -> Result<(Arc<dyn Store>, Vec<Place>)> {
        let root = match self {
            Self::Store(store) => return Ok((Arc::clone(store), Vec::new())),
            Self::Directory(root) => root,
        };
        let options = StoreOptions {
            file_mode: options.file_mode,
            directory_mode: options.directory_mode,
            fsync: options.fsync,
            names: options.names,
            encoding: None,
            follow: FollowLinks::InRoot,
            holds_attributes: true,
        };
        Ok((open_root(root, options)?, places(root).into_iter().take(MAX_PLACES).collect()))
    }
}

impl std::fmt::Debug for Files {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Directory(root) => f.debug_tuple("Directory").field(root).finish(),
            Self::Store(_) => f.debug_tuple("Store").finish_non_exhaustive(),
        }
    }
}

fn open_root(root: &Path, options: StoreOptions) -> Result<Arc<dyn Store>> {
    LocalStore::open(root, options)
        .map(|store| Arc::new(store) as Arc<dyn Store>)
        .map_err(|failure| Error::Root { path: root.display().to_string(), failure })
}
