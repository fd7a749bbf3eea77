//! Regular files that are changed in place.

use super::context::StoreContext;
use super::source::{Version, changed, entry_of, kind_of, stat_followed};
use super::{errors, make, resolve};
use crate::store::system;
use crate::store::{Editing, FlushMark, StoreResult};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{self, Entry, ErrorCode, Failure, Kind};
use rustix::fd::OwnedFd;
use rustix::fs::OFlags;
use rustix::io::Errno;
use std::sync::Arc;

/// A file that is open for writing.
pub(super) struct LocalEditing {
    shared: Arc<StoreContext>,
    file: OwnedFd,
    path: RemotePath,
    begun: FlushMark,
    has_changed: bool,
}

impl LocalEditing {
    pub(super) fn open(shared: &Arc<StoreContext>, path: &RemotePath, create: bool) -> StoreResult<Self> {
        match Self::open_existing(shared, path) {
            Err(failure) if create && failure.code == ErrorCode::NotFound => {}
            result => return result,
        }
        match make::create_file(shared, path, false) {
            Ok(()) => {}
            // Somebody else created it just now; or a link leads nowhere, as the second look tells.
            Err(failure) if failure.code == ErrorCode::AlreadyExists => {}
            Err(failure) => return Err(failure),
        }
        Self::open_existing(shared, path)
    }

    fn open_existing(shared: &Arc<StoreContext>, path: &RemotePath) -> StoreResult<Self> {
        let jail = shared.jail()?;
        // Looked at first: opening a device may do something.
        if kind_of(&stat_followed(jail, path)?) != Kind::File {
            return Err(ErrorCode::NotAFile.into());
        }
        let file = resolve::open(jail, path, OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY)?;
        if kind_of(&system::fstat(&file).map_err(errors::failure)?) != Kind::File {
            return Err(ErrorCode::NotAFile.into());
        }
        let (shared, begun) = (Arc::clone(shared), shared.ledger.mark());
        Ok(Self { shared, file, path: path.clone(), begun, has_changed: false })
    }
}

impl Editing for LocalEditing {
    fn look(&self) -> StoreResult<(Entry, wire::Version)> {
        let stat = system::fstat(&self.file).map_err(errors::failure)?;
        Ok((entry_of(self.path.clone(), &stat), Version::of(&stat).number()))
    }

    fn write_at(&mut self, bytes: &[u8], offset: u64) -> StoreResult<()> {
        refuse_beyond(offset.checked_add(bytes.len() as u64))?;
        self.has_changed = true;
        write_all(bytes, |written| system::pwrite(&self.file, &bytes[written..], offset + written as u64))
    }

    fn append(&mut self, bytes: &[u8]) -> StoreResult<()> {
        // The system finds the end: other programs may append to the same file.
        let flags = system::fcntl_getfl(&self.file).map_err(errors::failure)?;
        system::fcntl_setfl(&self.file, flags | OFlags::APPEND).map_err(errors::failure)?;
        self.has_changed = true;
        write_all(bytes, |written| system::write(&self.file, &bytes[written..]))
    }

    fn set_length(&mut self, length: u64) -> StoreResult<()> {
        refuse_beyond(Some(length))?;
        self.has_changed = true;
        system::ftruncate(&self.file, length).map_err(errors::failure)
    }

    fn finish(self: Box<Self>) -> StoreResult<(Entry, wire::Version)> {
        self.shared.flush_file(&self.file)?;
        if self.has_changed && !self.shared.ledger.is_sound(self.begun) {
            let stat = system::fstat(&self.file).map_err(errors::failure)?;
            self.shared.or_in_doubt(&stat, Err(ErrorCode::DiskFailure.into()))?;
        }
        self.look()
    }
}

impl Drop for LocalEditing {
    fn drop(&mut self) {
        if self.has_changed
            && let Ok(stat) = system::fstat(&self.file)
        {
            self.shared.ledger.changed_in_place(changed(&stat));
        }
    }
}

/// Writes until nothing is left; `write` receives the number of bytes written so far.
pub(super) fn write_all(bytes: &[u8], write: impl Fn(usize) -> Result<usize, Errno>) -> StoreResult<()> {
    let mut written = 0;
    while written < bytes.len() {
        match write(written) {
            Ok(0) => return Err(errors::failure(Errno::IO)),
            Ok(count) => written += count,
            Err(errno) => return Err(errors::failure(errno)),
        }
    }
    Ok(())
}

/// Refuses an end that no file can have: offsets are signed.
pub(super) fn refuse_beyond(end: Option<u64>) -> StoreResult<()> {
    match end.map(i64::try_from) {
        Some(Ok(_)) => Ok(()),
        _ => Err(Failure::new(ErrorCode::FileTooLarge)),
    }
}
