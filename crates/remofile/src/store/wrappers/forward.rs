//! Calls that a wrapper hands on as they are.

use crate::store::Store;

/// A store around another one.
pub(crate) trait Wrapper {
    /// The store that it is around.
    fn inner(&self) -> &dyn Store;
}

/// Implements one of the small traits of a store for a [`Wrapper`], by the store that it is around.
macro_rules! forward {
    (ReadStore for $wrapper:ty) => {
        impl $crate::store::ReadStore for $wrapper {
            fn stat(&self, path: &RemotePath) -> $crate::store::StoreResult<remofile_protocol::wire::Entry> {
                self.inner().stat(path)
            }

            fn walk(
                &self,
                directory: &RemotePath,
                recursive: bool,
            ) -> $crate::store::StoreResult<Box<dyn $crate::store::Walk>> {
                self.inner().walk(directory, recursive)
            }

            fn open(&self, path: &RemotePath) -> $crate::store::StoreResult<Box<dyn $crate::store::Source>> {
                self.inner().open(path)
            }

            fn begin_open(&self, path: &RemotePath) -> Option<Box<dyn $crate::store::Opening>> {
                self.inner().begin_open(path)
            }

            fn read_link(&self, path: &RemotePath) -> $crate::store::StoreResult<String> {
                self.inner().read_link(path)
            }

            fn look(&self, path: &RemotePath) -> $crate::store::StoreResult<remofile_protocol::wire::Entry> {
                self.inner().look(path)
            }

            fn kept_target(&self, path: &RemotePath) -> $crate::store::StoreResult<String> {
                self.inner().kept_target(path)
            }

            fn shared_identity(&self, path: &RemotePath) -> $crate::store::StoreResult<Option<u128>> {
                self.inner().shared_identity(path)
            }

            fn special(&self, path: &RemotePath) -> $crate::store::StoreResult<remofile_protocol::wire::Special> {
                self.inner().special(path)
            }

            fn identity(&self, path: &RemotePath) -> $crate::store::StoreResult<u128> {
                self.inner().identity(path)
            }
        }
    };
    (WriteStore for $wrapper:ty) => {
        impl $crate::store::WriteStore for $wrapper {
            fn create_file(&self, path: &RemotePath, update: bool) -> $crate::store::StoreResult<()> {
                self.inner().create_file(path, update)
            }

            fn make_directory(
                &self,
                path: &RemotePath,
                update: bool,
                parents: bool,
            ) -> $crate::store::StoreResult<bool> {
                self.inner().make_directory(path, update, parents)
            }

            fn directory(&self, path: &RemotePath) -> $crate::store::StoreResult<Box<dyn $crate::store::Directory>> {
                self.inner().directory(path)
            }

            fn remove(&self, path: &RemotePath) -> $crate::store::StoreResult<remofile_protocol::wire::Kind> {
                self.inner().remove(path)
            }

            fn remove_tree(&self, path: &RemotePath) -> $crate::store::StoreResult<Box<dyn $crate::store::Removal>> {
                self.inner().remove_tree(path)
            }

            fn rename(
                &self,
                source: &RemotePath,
                destination: &RemotePath,
                replace: bool,
            ) -> $crate::store::StoreResult<()> {
                self.inner().rename(source, destination, replace)
            }
        }
    };
    (ResumeStore for $wrapper:ty) => {
        impl $crate::store::ResumeStore for $wrapper {
            fn partials(&self) -> $crate::store::StoreResult<Vec<$crate::store::Partial>> {
                self.inner().partials()
            }

            fn read_partial(&self, path: &RemotePath) -> $crate::store::StoreResult<Box<dyn $crate::store::Source>> {
                self.inner().read_partial(path)
            }

            fn remove_partial(&self, path: &RemotePath) -> $crate::store::StoreResult<bool> {
                self.inner().remove_partial(path)
            }

            fn expire_partials(&self, older_than: std::time::Duration) -> $crate::store::StoreResult<u64> {
                self.inner().expire_partials(older_than)
            }
        }
    };
    (PosixStore for $wrapper:ty) => {
        impl $crate::store::PosixStore for $wrapper {
            fn edit(
                &self,
                path: &RemotePath,
                create: bool,
            ) -> $crate::store::StoreResult<Box<dyn $crate::store::Editing>> {
                self.inner().edit(path, create)
            }

            fn make_link(&self, path: &RemotePath, target: &str, replace: bool) -> $crate::store::StoreResult<()> {
                self.inner().make_link(path, target, replace)
            }

            fn keep_link(&self, path: &RemotePath, target: &str, replace: bool) -> $crate::store::StoreResult<()> {
                self.inner().keep_link(path, target, replace)
            }

            fn add_name(&self, of: &RemotePath, path: &RemotePath, replace: bool) -> $crate::store::StoreResult<bool> {
                self.inner().add_name(of, path, replace)
            }

            fn make_special(
                &self,
                path: &RemotePath,
                new: &$crate::store::NewSpecial,
                replace: bool,
            ) -> $crate::store::StoreResult<bool> {
                self.inner().make_special(path, new, replace)
            }

            fn set_mode(&self, path: &RemotePath, mode: u32) -> $crate::store::StoreResult<()> {
                self.inner().set_mode(path, mode)
            }

            fn set_modified(
                &self,
                path: &RemotePath,
                modified: remofile_protocol::wire::Timestamp,
            ) -> $crate::store::StoreResult<()> {
                self.inner().set_modified(path, modified)
            }

            fn set_modified_if(
                &self,
                path: &RemotePath,
                modified: remofile_protocol::wire::Timestamp,
                may_change: &dyn Fn() -> $crate::store::StoreResult<()>,
            ) -> $crate::store::StoreResult<()> {
                self.inner().set_modified_if(path, modified, may_change)
            }

            fn attributes(
                &self,
                path: &RemotePath,
                wanted: remofile_protocol::wire::AttributeSet,
            ) -> $crate::store::StoreResult<remofile_protocol::wire::Attributes> {
                self.inner().attributes(path, wanted)
            }

            fn give_attributes(
                &self,
                path: &RemotePath,
                attributes: &remofile_protocol::wire::Attributes,
                wanted: remofile_protocol::wire::AttributeSet,
            ) -> $crate::store::StoreResult<$crate::store::Given> {
                self.inner().give_attributes(path, attributes, wanted)
            }

            fn hold_as(&self, from: &RemotePath, to: &RemotePath) -> $crate::store::StoreResult<()> {
                self.inner().hold_as(from, to)
            }

            fn prepare_backup(
                &self,
                path: &RemotePath,
                to: &RemotePath,
            ) -> $crate::store::StoreResult<Box<dyn $crate::store::PendingBackup>> {
                self.inner().prepare_backup(path, to)
            }
        }
    };
    (DurableStore for $wrapper:ty) => {
        impl $crate::store::DurableStore for $wrapper {
            fn flush_mark(&self) -> $crate::store::FlushMark {
                self.inner().flush_mark()
            }

            fn sync(&self, since: $crate::store::FlushMark) -> $crate::store::StoreResult<()> {
                self.inner().sync(since)
            }

            fn flush_staged(&self) -> $crate::store::StoreResult<()> {
                self.inner().flush_staged()
            }

            fn waiting_bytes_limit(&self) -> u64 {
                self.inner().waiting_bytes_limit()
            }

            fn is_unflushed(&self) -> bool {
                self.inner().is_unflushed()
            }

            fn has_doubt(&self) -> $crate::store::StoreResult<bool> {
                self.inner().has_doubt()
            }
        }
    };
}

pub(crate) use forward;
