//! A store seen from one of its directories.

mod places;

use super::forward::{Wrapper, forward};
use super::inside::{InsideEditing, InsideOpening, InsideRemoval, InsideSource, InsideWalk};
use crate::store::{
    Capabilities, Capability, Directory, Editing, Given, NewSpecial, Opening, Partial, PendingBackup, PosixStore,
    ReadStore, Removal, ResumeStore, Source, Store, StoreResult, Walk, WriteStore, target,
};
use remofile_protocol::handshake::Place;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{AttributeSet, Attributes, DiskSpace, Entry, ErrorCode, Kind, Special, Timestamp};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// One directory of a store as a store of its own. What is outside of it does not exist: it is in no failure, no listing
/// and no partial, and no link leads there.
///
/// A local directory is jailed beneath it as strictly as beneath its own root ([`Store::confined`]). In any other store
/// with links each of them is looked at before it is followed, so that who can change links in that store at the same moment
/// can lead it astray.
///
/// ```
/// use remofile::store::{MemoryStore, Prefix, ReadStore, WriteStore};
/// use std::sync::Arc;
///
/// let store = MemoryStore::new();
/// store.make_directory(&"/home/ann/mail".parse()?, false, true)?;
/// let home = Prefix::new(Arc::new(store), "/home/ann".parse()?)?;
/// assert!(home.stat(&"/mail".parse()?).is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Prefix {
    inner: Arc<dyn Store>,
    top: RemotePath,
    /// True if links have to be looked at here.
    checks_links: bool,
}

impl Prefix {
    /// A store of what is below a directory.
    ///
    /// # Errors
    /// `not-found`, `not-a-directory`, ... if there is no such directory.
    pub fn new(store: Arc<dyn Store>, directory: RemotePath) -> StoreResult<Self> {
        if store.stat(&directory)?.kind != Kind::Directory {
            return Err(ErrorCode::NotADirectory.into());
        }
        Ok(Self::of_absent(store, directory))
    }

    /// The same of a directory that need not exist yet. Until it does, nothing is in the store.
    pub(crate) fn of_absent(store: Arc<dyn Store>, directory: RemotePath) -> Self {
        let confined = if directory.is_root() { Some(Arc::clone(&store)) } else { store.confined(&directory) };
        match confined {
            Some(inner) => Self { inner, top: directory, checks_links: false },
            None => {
                let checks_links = store.capabilities().has(Capability::Links);
                Self { inner: store, top: directory, checks_links }
            }
        }
    }
}

impl ReadStore for Prefix {
    fn stat(&self, path: &RemotePath) -> StoreResult<Entry> {
        let found = self.followed(path).and_then(|place| self.inner.stat(&place));
        match found {
            Ok(entry) => Ok(Entry { path: path.clone(), ..entry }),
            Err(failure) if self.checks_links => {
                self.look(path).ok().filter(|entry| entry.kind == Kind::Link).ok_or(failure)
            }
            Err(failure) => Err(failure),
        }
    }

    fn walk(&self, directory: &RemotePath, recursive: bool) -> StoreResult<Box<dyn Walk>> {
        let place = self.followed(directory)?;
        let walk = self.inner.walk(&place, recursive)?;
        Ok(Box::new(InsideWalk { walk, inside: self.inside(directory, place) }))
    }

    fn open(&self, path: &RemotePath) -> StoreResult<Box<dyn Source>> {
        Ok(Box::new(InsideSource::new(self.inner.open(&self.followed(path)?)?, path)))
    }

    fn begin_open(&self, path: &RemotePath) -> Option<Box<dyn Opening>> {
        let opening = self.inner.begin_open(&self.followed(path).ok()?)?;
        Some(Box::new(InsideOpening { opening, path: path.clone() }))
    }

    fn read_link(&self, path: &RemotePath) -> StoreResult<String> {
        let target = self.inner.read_link(&self.below(path)?)?;
        self.refuse_to_tell(path, &target)?;
        Ok(target)
    }

    fn look(&self, path: &RemotePath) -> StoreResult<Entry> {
        Ok(Entry { path: path.clone(), ..self.inner.look(&self.named(path)?)? })
    }

    fn kept_target(&self, path: &RemotePath) -> StoreResult<String> {
        self.inner.kept_target(&self.below(path)?)
    }

    fn shared_identity(&self, path: &RemotePath) -> StoreResult<Option<u128>> {
        self.inner.shared_identity(&self.named(path)?)
    }

    fn special(&self, path: &RemotePath) -> StoreResult<Special> {
        self.inner.special(&self.named(path)?)
    }

    fn identity(&self, path: &RemotePath) -> StoreResult<u128> {
        self.inner.identity(&self.followed(path)?)
    }
}

impl WriteStore for Prefix {
    fn create_file(&self, path: &RemotePath, update: bool) -> StoreResult<()> {
        self.inner.create_file(&self.named(path)?, update)
    }

    fn make_directory(&self, path: &RemotePath, update: bool, parents: bool) -> StoreResult<bool> {
        let place = if parents { self.to_be_made(path)? } else { self.named(path)? };
        if self.checks_links && update && self.inner.read_link(&place).is_ok() {
            // What a link leads to outside of here is no directory that exists.
            self.followed(path).map_err(|_outside| ErrorCode::AlreadyExists)?;
        }
        self.inner.make_directory(&place, update, parents)
    }

    fn directory(&self, path: &RemotePath) -> StoreResult<Box<dyn Directory>> {
        self.inner.directory(&self.followed(path)?)
    }

    fn remove(&self, path: &RemotePath) -> StoreResult<Kind> {
        self.inner.remove(&self.below(path)?)
    }

    fn remove_tree(&self, path: &RemotePath) -> StoreResult<Box<dyn Removal>> {
        let place = self.below(path)?;
        let removal = self.inner.remove_tree(&place)?;
        Ok(Box::new(InsideRemoval { removal, inside: self.inside(path, place) }))
    }

    fn rename(&self, source: &RemotePath, destination: &RemotePath, replace: bool) -> StoreResult<()> {
        let (from, to) = (self.below(source)?, self.below(destination)?);
        self.refuse_to_lead_out_from(&from, &to)?;
        self.inner.rename(&from, &to, replace)
    }
}

impl ResumeStore for Prefix {
    fn partials(&self) -> StoreResult<Vec<Partial>> {
        let inside = self.inside(&RemotePath::root(), self.top.clone());
        let partials = self.inner.partials()?.into_iter();
        Ok(partials.filter_map(|partial| Some(Partial { path: inside.path_of(&partial.path)?, ..partial })).collect())
    }

    fn read_partial(&self, path: &RemotePath) -> StoreResult<Box<dyn Source>> {
        Ok(Box::new(InsideSource::new(self.inner.read_partial(&self.named(path)?)?, path)))
    }

    fn remove_partial(&self, path: &RemotePath) -> StoreResult<bool> {
        self.inner.remove_partial(&self.named(path)?)
    }

    /// Removes those in here; the store's own are its server's matter.
    fn expire_partials(&self, older_than: Duration) -> StoreResult<u64> {
        let (now, mut removed) = (SystemTime::now(), 0);
        for partial in self.partials()? {
            let age = partial.touched.to_system_time().and_then(|touched| now.duration_since(touched).ok());
            if age.unwrap_or_default() >= older_than {
                removed += u64::from(self.remove_partial(&partial.path)?);
            }
        }
        Ok(removed)
    }
}

impl PosixStore for Prefix {
    fn edit(&self, path: &RemotePath, create: bool) -> StoreResult<Box<dyn Editing>> {
        let place = match self.followed(path)? {
            // A new file has the name that was asked for, not that of a place where a link leads.
            place if create && self.checks_links && self.inner.stat(&place).is_err() => self.named(path)?,
            place => place,
        };
        Ok(Box::new(InsideEditing { editing: self.inner.edit(&place, create)?, path: path.clone() }))
    }

    fn make_link(&self, path: &RemotePath, to: &str, replace: bool) -> StoreResult<()> {
        let place = self.below(path)?;
        if self.checks_links {
            target::refuse_malformed(to)?;
            self.refuse_target(&place, to)?;
        }
        self.inner.make_link(&place, to, replace)
    }

    fn keep_link(&self, path: &RemotePath, to: &str, replace: bool) -> StoreResult<()> {
        self.inner.keep_link(&self.below(path)?, to, replace)
    }

    fn add_name(&self, of: &RemotePath, path: &RemotePath, replace: bool) -> StoreResult<bool> {
        self.inner.add_name(&self.below(of)?, &self.below(path)?, replace)
    }

    fn make_special(&self, path: &RemotePath, new: &NewSpecial, replace: bool) -> StoreResult<bool> {
        self.inner.make_special(&self.below(path)?, new, replace)
    }

    fn set_mode(&self, path: &RemotePath, mode: u32) -> StoreResult<()> {
        self.inner.set_mode(&self.below(path)?, mode)
    }

    fn set_modified(&self, path: &RemotePath, modified: Timestamp) -> StoreResult<()> {
        self.inner.set_modified(&self.below(path)?, modified)
    }

    fn set_modified_if(
        &self,
        path: &RemotePath,
        modified: Timestamp,
        may_change: &dyn Fn() -> StoreResult<()>,
    ) -> StoreResult<()> {
        self.inner.set_modified_if(&self.below(path)?, modified, may_change)
    }

    fn attributes(&self, path: &RemotePath, wanted: AttributeSet) -> StoreResult<Attributes> {
        self.inner.attributes(&self.below(path)?, wanted)
    }

    fn give_attributes(&self, path: &RemotePath, attributes: &Attributes, wanted: AttributeSet) -> StoreResult<Given> {
        // Whoever works below a directory does not change who may enter it.
        let own = path.is_root().then(|| Attributes { mode: None, ..attributes.clone() });
        self.inner.give_attributes(&self.below(path)?, own.as_ref().unwrap_or(attributes), wanted)
    }

    fn hold_as(&self, from: &RemotePath, to: &RemotePath) -> StoreResult<()> {
        self.inner.hold_as(&self.below(from)?, &self.below(to)?)
    }

    fn prepare_backup(&self, path: &RemotePath, to: &RemotePath) -> StoreResult<Box<dyn PendingBackup>> {
        let (from, to) = (self.below(path)?, self.below(to)?);
        self.refuse_to_lead_out_from(&from, &to)?;
        self.inner.prepare_backup(&from, &to)
    }
}

impl Wrapper for Prefix {
    fn inner(&self) -> &dyn Store {
        &*self.inner
    }
}

forward!(DurableStore for Prefix);

impl Store for Prefix {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn is_distant(&self) -> bool {
        self.inner.is_distant()
    }

    fn keeps_attributes(&self) -> bool {
        self.inner.keeps_attributes()
    }

    fn space(&self, path: &RemotePath) -> StoreResult<DiskSpace> {
        self.inner.space(&self.followed(path)?)
    }

    fn place(&self, directory: &RemotePath) -> Option<Place> {
        self.inner.place(&self.followed(directory).ok()?)
    }
}
