//! The store on a local directory.
//!
//! Files: `root` is the directory itself; `resolve` leads from paths to descriptors and is the jail, beneath what `jail`
//! tells; `staging` keeps the hidden directory (which `alias` knows by whatever name) of unfinished files, `stage` finds
//! a place for them, `staged` writes and commits them, `copy` fills them with what other files have;
//! `ledger` (with `records` on the disk and `ranges` of time) knows what was committed and is not flushed, which `flush` does;
//! `context` is the state that all of them share; `disk_name` is what names of paths are on the disk;
//! `edit` changes them in place; `discard` removes what a transfer needs no more; `partial` and `info` are what is kept of them for a later attempt, and `expire` ends that; `make`,
//! `link`, `hard_link`, `special`, `attributes` and `give` (with `attributed`, `extended` and `held`), `rename` (with `naming` and `replacing`) and `remove` are the other changes; `walk`, `source` and `space` read; `trail` and
//! `names` serve deep and wide trees; `errors` is the one table from the system's errors to ours.

mod alias;
mod attributed;
mod attributes;
mod backup;
mod context;
mod copy;
mod descent;
mod directory_handle;
mod discard;
mod disk_name;
mod edit;
mod errors;
mod expire;
mod extended;
#[cfg(test)]
mod fault_campaign;
mod file_system;
mod flush;
mod give;
mod hard_link;
mod held;
mod info;
mod jail;
mod ledger;
mod link;
mod make;
mod names;
mod naming;
mod options;
mod part_flush;
mod partial;
mod ranges;
mod records;
mod remove;
mod rename;
mod replacing;
mod resolve;
mod root;
mod source;
mod space;
mod special;
mod stage;
mod staged;
mod staging;
mod trail;
mod walk;

pub(crate) use errors::io_failure;
pub use options::StoreOptions;

use super::{
    Directory, DurableStore, Editing, FlushMark, FollowLinks, Fsync, Given, NamedFile, NewSpecial, Partial,
    PendingBackup, PosixStore, ReadStore, Removal, ResumeStore, Scope, Scopes, ServedDirectory, Source, Store,
    StoreResult, Walk, WriteStore,
};
use context::StoreContext;
use file_system::FileSystem;
use remofile_protocol::handshake::Place;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{AttributeSet, Attributes, DiskSpace, Entry, Kind, Special, Timestamp};
use root::Root;
use rustix::fd::AsFd;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

/// A store on a local directory, which it holds open: renaming the directory does not disturb it. When it
/// is removed, every operation fails, also when another gets its name.
///
/// ```
/// use remofile::store::{LocalStore, ReadStore, StagePlan, StoreOptions, WriteStore};
/// use remofile_protocol::path::{FileName, NameRule, RemotePath};
///
/// let root = tempfile::tempdir()?;
/// let store = LocalStore::open(root.path(), StoreOptions::default())?;
/// let name = FileName::parse("hello.txt", NameRule::Portable)?;
/// let plan = StagePlan { size: Some(5), ..StagePlan::default() };
/// let mut staged = store.directory(&RemotePath::root())?.stage(&name, &plan)?;
/// staged.write(b"hello")?;
/// staged.commit()?;
/// assert_eq!(store.stat(&"/hello.txt".parse()?)?.size, 5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct LocalStore {
    shared: Arc<StoreContext>,
}

impl LocalStore {
    /// Opens a store on an existing directory.
    ///
    /// # Errors
    /// `not-found`, `not-a-directory`, `permission-denied`, ...
    pub fn open(root: &std::path::Path, options: StoreOptions) -> StoreResult<Self> {
        Ok(Self::of(Root::open(root)?, options))
    }

    fn of(root: Root, options: StoreOptions) -> Self {
        let root = Arc::new(root);
        let file_system = FileSystem::of(root.as_fd());
        let (staging, ledger) = (Arc::new(Mutex::new(Weak::new())), Arc::default());
        // Read now and remembered: the server confines itself later and cannot open the file any more.
        let _looked_for = (super::boot::boot(), super::accounts::accounts());
        Self { shared: Arc::new(StoreContext { root, file_system, options, owner: None, staging, ledger }) }
    }
}

impl ReadStore for LocalStore {
    fn stat(&self, path: &RemotePath) -> StoreResult<Entry> {
        source::stat(self.shared.jail()?, path, &self.shared.doubt()?)
    }

    fn walk(&self, directory: &RemotePath, recursive: bool) -> StoreResult<Box<dyn Walk>> {
        Ok(Box::new(walk::LocalWalk::new(self.shared.jail()?, directory, recursive, self.shared.doubt()?)?))
    }

    fn open(&self, path: &RemotePath) -> StoreResult<Box<dyn Source>> {
        let StoreContext { root, options, .. } = &*self.shared;
        Ok(Box::new(source::LocalSource::open(root, options, path)?))
    }

    fn read_link(&self, path: &RemotePath) -> StoreResult<String> {
        link::read(&self.shared, path)
    }

    fn shared_identity(&self, path: &RemotePath) -> StoreResult<Option<u128>> {
        hard_link::shared_identity(&self.shared, path)
    }

    fn special(&self, path: &RemotePath) -> StoreResult<Special> {
        special::look(&self.shared, path)
    }

    fn look(&self, path: &RemotePath) -> StoreResult<Entry> {
        source::look(self.shared.jail()?, path, &self.shared.doubt()?)
    }

    fn identity(&self, path: &RemotePath) -> StoreResult<u128> {
        attributes::identity(&self.shared, path)
    }
}

impl WriteStore for LocalStore {
    fn create_file(&self, path: &RemotePath, update: bool) -> StoreResult<()> {
        make::create_file(&self.shared, path, update)
    }

    fn make_directory(&self, path: &RemotePath, update: bool, parents: bool) -> StoreResult<bool> {
        make::make_directory(&self.shared, path, update, parents)
    }

    fn directory(&self, path: &RemotePath) -> StoreResult<Box<dyn Directory>> {
        Ok(Box::new(stage::LocalDirectory::open(&self.shared, path)?))
    }

    fn remove(&self, path: &RemotePath) -> StoreResult<Kind> {
        remove::remove(&self.shared, path)
    }

    fn remove_tree(&self, path: &RemotePath) -> StoreResult<Box<dyn Removal>> {
        Ok(Box::new(remove::LocalRemoval::new(&self.shared, path)?))
    }

    fn rename(&self, source: &RemotePath, destination: &RemotePath, replace: bool) -> StoreResult<()> {
        rename::rename(&self.shared, source, destination, replace)
    }
}

impl ResumeStore for LocalStore {
    fn partials(&self) -> StoreResult<Vec<Partial>> {
        self.shared.root.existing()?;
        partial::list(&self.shared)
    }

    fn read_partial(&self, path: &RemotePath) -> StoreResult<Box<dyn Source>> {
        partial::read(&self.shared, path)
    }

    fn remove_partial(&self, path: &RemotePath) -> StoreResult<bool> {
        partial::remove(&self.shared, path)
    }

    /// Removes what is in the staging directory. Of what is kept for a later attempt only the bytes count, not what is
    /// noted of them. What a process that is gone made visible and did not flush is flushed, or is in doubt from then on.
    fn expire_partials(&self, older_than: Duration) -> StoreResult<u64> {
        self.shared.settle_the_past()?;
        expire::expire(&self.shared, older_than)
    }
}

impl PosixStore for LocalStore {
    fn edit(&self, path: &RemotePath, create: bool) -> StoreResult<Box<dyn Editing>> {
        Ok(Box::new(edit::LocalEditing::open(&self.shared, path, create)?))
    }

    fn make_link(&self, path: &RemotePath, target: &str, replace: bool) -> StoreResult<()> {
        link::make(&self.shared, path, target, false, replace)
    }

    fn keep_link(&self, path: &RemotePath, target: &str, replace: bool) -> StoreResult<()> {
        link::make(&self.shared, path, target, true, replace)
    }

    fn add_name(&self, of: &RemotePath, path: &RemotePath, replace: bool) -> StoreResult<bool> {
        hard_link::add(&self.shared, of, path, replace)
    }

    fn named_file(&self, path: &RemotePath) -> StoreResult<NamedFile> {
        let (place, name) = resolve::parent(self.shared.jail()?, path)?;
        Ok(NamedFile { directory: place.directory, name: name.bytes().to_vec() })
    }

    fn add_name_of(&self, file: &NamedFile, path: &RemotePath, replace: bool) -> StoreResult<bool> {
        hard_link::add_of(&self.shared, file, path, replace)
    }

    fn make_special(&self, path: &RemotePath, new: &NewSpecial, replace: bool) -> StoreResult<bool> {
        special::make(&self.shared, path, new, replace)
    }

    fn set_mode(&self, path: &RemotePath, mode: u32) -> StoreResult<()> {
        attributes::set_mode(&self.shared, path, mode)
    }

    fn set_modified(&self, path: &RemotePath, modified: Timestamp) -> StoreResult<()> {
        attributes::set_modified(&self.shared, path, modified, &|| Ok(()))
    }

    fn set_modified_if(
        &self,
        path: &RemotePath,
        modified: Timestamp,
        may_change: &dyn Fn() -> StoreResult<()>,
    ) -> StoreResult<()> {
        attributes::set_modified(&self.shared, path, modified, may_change)
    }

    fn attributes(&self, path: &RemotePath, wanted: AttributeSet) -> StoreResult<Attributes> {
        give::attributes(&self.shared, path, wanted)
    }

    fn give_attributes(&self, path: &RemotePath, attributes: &Attributes, wanted: AttributeSet) -> StoreResult<Given> {
        give::give(&self.shared, path, attributes, wanted)
    }

    fn hold_as(&self, from: &RemotePath, to: &RemotePath) -> StoreResult<()> {
        if self.shared.options.holds_attributes { held::copy_directory(&self.shared, from, to) } else { Ok(()) }
    }

    fn prepare_backup(&self, path: &RemotePath, to: &RemotePath) -> StoreResult<Box<dyn PendingBackup>> {
        Ok(Box::new(backup::LocalBackup::new(&self.shared, path, to)?))
    }
}

impl DurableStore for LocalStore {
    fn flush_mark(&self) -> FlushMark {
        self.shared.ledger.mark()
    }

    fn sync(&self, since: FlushMark) -> StoreResult<()> {
        match self.shared.options.fsync {
            Fsync::End => self.shared.flush(since),
            Fsync::None | Fsync::Each => Ok(()),
        }
    }

    fn flush_staged(&self) -> StoreResult<()> {
        match self.shared.options.fsync {
            Fsync::End => self.shared.flush(self.shared.ledger.mark()),
            Fsync::None | Fsync::Each => Ok(()),
        }
    }

    fn waiting_bytes_limit(&self) -> u64 {
        flush::free_bytes(&self.shared.root) / 4
    }

    fn is_unflushed(&self) -> bool {
        self.shared.ledger.is_unflushed()
    }

    fn has_doubt(&self) -> StoreResult<bool> {
        Ok(!self.shared.doubt()?.is_empty())
    }
}

impl Store for LocalStore {
    fn keeps_attributes(&self) -> bool {
        true
    }

    fn confined(&self, directory: &RemotePath) -> Option<Arc<dyn Store>> {
        if !matches!(self.shared.options.follow, FollowLinks::InRoot) {
            return None;
        }
        let follow = FollowLinks::InScope(Arc::new(Below(directory.clone())));
        let options = StoreOptions { follow, ..self.shared.options.clone() };
        Some(Arc::new(Self { shared: Arc::new(StoreContext { options, ..self.shared.again() }) }))
    }

    fn owned_by(&self, owner: &str) -> Option<Arc<dyn Store>> {
        let owner = Some(owner.to_owned());
        Some(Arc::new(Self { shared: Arc::new(StoreContext { owner, ..self.shared.again() }) }))
    }

    fn place(&self, directory: &RemotePath) -> Option<Place> {
        attributes::place(&self.shared, directory)
    }

    fn space(&self, path: &RemotePath) -> StoreResult<DiskSpace> {
        space::space(&self.shared, path)
    }

    fn claim_directory(&self) -> StoreResult<Option<ServedDirectory>> {
        ServedDirectory::claim_open(self.shared.root.existing()?).map(Some)
    }
}

/// One scope: what is below a directory.
#[derive(Debug)]
struct Below(RemotePath);

impl Scopes for Below {
    fn scope_of(&self, path: &RemotePath) -> Scope {
        match &self.0 {
            top if top.is_within(path) => Scope::Above,
            top if path.is_within(top) => Scope::Below(top.clone()),
            _ => Scope::Outside,
        }
    }

    fn is_root(&self) -> bool {
        true
    }
}
