//! A staged file gets its name, or none is left of it.

use super::{StagedFile, Whereabouts};
use crate::store::StoreResult;
use crate::store::local::directory_handle::DirectoryHandle;
use crate::store::local::discard::discard;
use crate::store::local::errors;
use crate::store::local::naming::{link_unnamed, rename_without_replacing};
use crate::store::local::replacing::{Named, Place, replace_version};
use crate::store::local::staging::{Guard, lock};
use crate::store::system;
use remofile_protocol::wire::{self, ErrorCode, Failure};
use rustix::fs::AtFlags;
use rustix::io::Errno;

impl StagedFile {
    /// Gives the file its name; whatever happens, no other name of it is left. If its directory is gone, and there is
    /// another one in its place, that is where it comes.
    pub(super) fn settle(&mut self) -> StoreResult<()> {
        self.forget_info();
        match self.settle_here() {
            Err(failure) if failure.code == ErrorCode::NotFound && self.may_move => {
                self.handle = DirectoryHandle::open(&self.handle.shared, &self.handle.path)?;
                self.settle_here()
            }
            settled => settled,
        }
    }

    fn settle_here(&mut self) -> StoreResult<()> {
        if let Some(expected) = self.expected {
            return self.replace_version(expected);
        }
        if let Whereabouts::Unnamed = self.whereabouts {
            match link_unnamed(&self.file, self.handle.directory(), self.name.bytes()) {
                Err(Errno::EXIST) if self.replace => self.name_temporarily()?,
                Err(errno) => return Err(self.naming_failure(errno)),
                Ok(()) => {
                    self.whereabouts = Whereabouts::Settled;
                    return Ok(());
                }
            }
        }
        self.rename_into_place().map_err(|errno| self.naming_failure(errno))?;
        self.whereabouts = Whereabouts::Settled;
        Ok(())
    }

    fn replace_version(&mut self, expected: wire::Version) -> StoreResult<()> {
        if let Whereabouts::Unnamed = self.whereabouts {
            self.name_temporarily()?;
        }
        if let Some((directory, name)) = self.named() {
            let path = self.handle.path.child(self.name.in_paths())?;
            let at = Named { directory: self.handle.directory(), name: self.name.bytes() };
            let place = Place { shared: &self.handle.shared, at, path: &path };
            // The old file, which is there for a moment, has no lock.
            let _guard = self.staging().and_then(|staging| Guard::shared(staging.directory()));
            replace_version(Named { directory, name: name.as_bytes() }, &place, expected)?;
        }
        self.whereabouts = Whereabouts::Settled;
        Ok(())
    }

    /// Removes the companion of a partial. That comes before the bytes get another name, so that a companion is never
    /// found without its bytes, nor with others.
    pub(super) fn forget_info(&self) {
        if let Whereabouts::Partial { staging, names } = &self.whereabouts {
            discard(staging.directory(), &names.info);
        }
    }

    fn name_temporarily(&mut self) -> StoreResult<()> {
        // Before it has a name: what has one and no lock is taken for what a dead process left.
        let _without_locks_too = lock(&self.file);
        let made = self.handle.make_temporary(|directory, name| link_unnamed(&self.file, directory, name));
        let (staging, name, ()) = made.map_err(errors::failure)?;
        self.whereabouts = Whereabouts::Named { staging, name };
        Ok(())
    }

    fn rename_into_place(&self) -> Result<(), Errno> {
        let Some((from, temporary)) = self.named() else {
            return Ok(());
        };
        let (to, name) = (self.handle.directory(), self.name.bytes());
        if self.replace {
            return system::renameat(from, temporary, to, name);
        }
        match rename_without_replacing(from, temporary, to, name) {
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                system::linkat(from, temporary, to, name, AtFlags::empty())?;
                system::unlinkat(from, temporary, AtFlags::empty())
            }
            result => result,
        }
    }

    fn naming_failure(&self, errno: Errno) -> Failure {
        match errno {
            Errno::EXIST | Errno::ISDIR => self
                .handle
                .refuse_taken(&self.name, self.replace)
                .err()
                .unwrap_or_else(|| Failure::new(ErrorCode::AlreadyExists)),
            _ => errors::failure(errno),
        }
    }
}
