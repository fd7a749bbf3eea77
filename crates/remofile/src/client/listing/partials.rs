//! The partials of interrupted transfers, on the server and in local directories.

use crate::client::Client;
use crate::client::listing::handler::ListHandler;
use crate::client::servers::repeated::Repeated;
use crate::client::upload::survey::too_many_files;
use crate::error::{Error, Result};
use crate::store::{LocalStore, ResumeStore, Store, StoreOptions};
use crate::transfer::listed;
use remofile_protocol::path::{NameRule, RemotePath};
use remofile_protocol::wire::{Element, ErrorCode, Failure, PartialEntry, Request};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Partials in a server's answer at most.
const MOST_PARTIALS: usize = 1_000_000;

impl Client {
    /// Lists the partials that interrupted uploads left on the server, by path.
    ///
    /// # Errors
    /// The reason why it cannot connect; `permission-denied`, ...; `out-of-resources` if there are more than
    /// 1,000,000.
    pub fn partials(&mut self) -> Result<Vec<PartialEntry>> {
        let mut on_waiting = self.options.on_waiting.clone();
        let context = self.context();
        self.again(Repeated::Same, &context, |client, context| {
            let mut found = Vec::new();
            let mut each = |element| {
                if let Element::Partial(partial) = element {
                    found.push(partial);
                }
                // The server may list partials without end.
                if found.len() > MOST_PARTIALS { Err(too_many_files(MOST_PARTIALS)) } else { Ok(()) }
            };
            client.call_in(context, Request::Partials, &mut ListHandler::new(&mut each, &mut on_waiting))?;
            Ok(found)
        })
    }

    /// Removes the partials of these files on the server, or all of them if no file is named. Returns the number
    /// removed. Partials that are being written stay.
    ///
    /// # Errors
    /// `not-found` if nothing was kept of one of them, `read-only`, ...
    pub fn clear_partials(&mut self, paths: &[RemotePath]) -> Result<u64> {
        Ok(self.ask(&Request::ClearPartials { paths: paths.to_vec() })?.files)
    }
}

/// The partials that interrupted downloads left in a local directory.
pub struct LocalPartials {
    store: Arc<dyn Store>,
}

impl LocalPartials {
    /// Opens the partials of downloads into this directory. Removes what is left there of downloads whose process is gone
    /// and that nobody can go on with.
    ///
    /// # Errors
    /// [`Error::Local`]: `not-found`, `not-a-directory`, ...
    pub fn open(directory: &Path) -> Result<Self> {
        let options = StoreOptions { names: NameRule::Posix, ..StoreOptions::default() };
        let store = LocalStore::open(directory, options);
        let store = store.map_err(|failure| Error::Local(failure.at(directory.display())))?;
        // What nobody can go on with is not listed. If it cannot be removed, the listing is worth something all the same.
        let _removed = store.expire_partials(Duration::MAX);
        Ok(Self { store: Arc::new(store) })
    }

    /// Lists the partials, by path.
    ///
    /// # Errors
    /// [`Error::Local`]: `permission-denied`, ...
    pub fn list(&self) -> Result<Vec<PartialEntry>> {
        Ok(self.store.partials().map_err(Error::Local)?.into_iter().map(listed).collect())
    }

    /// Removes the partials of these files, or all of them if no file is named. Returns the number removed.
    ///
    /// # Errors
    /// [`Error::Local`]: `not-found` if nothing was kept of one of them, ...
    pub fn clear(&self, paths: &[RemotePath]) -> Result<u64> {
        let remove =
            |path: &RemotePath| self.store.remove_partial(path).map_err(|failure| Error::Local(failure.at(path)));
        let mut removed = 0;
        if paths.is_empty() {
            for partial in self.store.partials().map_err(Error::Local)? {
                removed += u64::from(remove(&partial.path)?);
            }
        }
        for path in paths {
            if !remove(path)? {
                let what = Failure::new(ErrorCode::NotFound).at(path).because("nothing is kept of it");
                return Err(Error::Local(what));
            }
            removed += 1;
        }
        Ok(removed)
    }
}
