//! Files that are written now and become visible later.

use super::directory_handle::{DirectoryHandle, NOTHING_OBSERVED};
use super::names::PartialNames;
use super::naming::{link_unnamed, rename_without_replacing};
use super::replacing::{Named, Place, replace_version};
use super::source::permissions;
use super::staging::Staging;
use super::{errors, resolve};
use crate::store::{FlushMark, Fsync, StagePlan, Staged, StoreResult};
use remofile_protocol::path::FileName;
use remofile_protocol::wire::{self, ErrorCode, Failure, Timestamp};
use rustix::fd::{BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, Mode, SeekFrom, Timespec, Timestamps, UTIME_OMIT};
use rustix::io::Errno;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Bytes between two flushes of a file with `Fsync::Each`: a single flush of a large file at its end would take
/// longer than a peer waits for a sign of life.
const FLUSH_EVERY_BYTES: u64 = 32 * 1024 * 1024;

/// A file that is not visible yet.
pub(super) struct StagedFile {
    pub(super) handle: Arc<DirectoryHandle>,
    pub(super) name: FileName,
    pub(super) replace: bool,
    pub(super) modified: Option<Timestamp>,
    /// Permission bits that would keep its user out while it is being written.
    pub(super) last_mode: Option<u32>,
    pub(super) file: OwnedFd,
    pub(super) whereabouts: Whereabouts,
    /// Position of the next byte.
    pub(super) length: u64,
    /// Bytes written since the file was last flushed.
    pub(super) unflushed: u64,
    /// Position in the history of flushes at which its writing began.
    pub(super) begun: FlushMark,
    /// True if a flush of the file failed: the bytes written so far may be in memory alone, and may never be written.
    pub(super) is_lost: bool,
    /// The version that it replaces, if it must be a certain one.
    pub(super) expected: Option<wire::Version>,
}

/// The place of a staged file's bytes.
pub(super) enum Whereabouts {
    /// In a file that has no name.
    Unnamed,
    /// In the staging directory, if that was held, or else beside the destination.
    Named { staging: Option<Arc<Staging>>, name: String },
    /// In the staging directory, where a later attempt finds them.
    Partial { staging: Arc<Staging>, names: PartialNames },
    /// Visible, or kept: nothing is left to be removed.
    Settled,
}

impl StagedFile {
    /// Corrects the mode if the umask or the directory changed it.
    pub(super) fn apply_mode(&self, plan: &StagePlan) -> StoreResult<()> {
        let got = self.mode_got(self.handle.asked_mode(plan))?;
        let wanted = self.handle.exact_mode(plan).unwrap_or(got & 0o666 | 0o600);
        if got == wanted {
            return Ok(());
        }
        rustix::fs::fchmod(&self.file, Mode::from_raw_mode(wanted as _)).map_err(errors::failure)
    }

    /// Returns the mode that the file was created with. Unnamed files of one directory are made alike, so the first
    /// one tells for those after it.
    fn mode_got(&self, asked: u32) -> StoreResult<u32> {
        let is_fresh = matches!(self.whereabouts, Whereabouts::Unnamed);
        let observed = self.handle.observed_mode.load(Ordering::Relaxed);
        if is_fresh && observed != NOTHING_OBSERVED && observed >> 32 == u64::from(asked) {
            return Ok(observed as u32);
        }
        let got = permissions(&rustix::fs::fstat(&self.file).map_err(errors::failure)?);
        if is_fresh {
            self.handle.observed_mode.store(u64::from(asked) << 32 | u64::from(got), Ordering::Relaxed);
        }
        Ok(got)
    }

    fn apply_time(&self) -> StoreResult<()> {
        let Some(modified) = self.modified else {
            return Ok(());
        };
        let times = Timestamps {
            last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT as _ },
            last_modification: Timespec { tv_sec: modified.seconds(), tv_nsec: modified.nanoseconds().into() },
        };
        rustix::fs::futimens(&self.file, &times).map_err(errors::failure)
    }

    /// Gives the file its name; whatever happens, no other name of it is left.
    fn settle(&mut self) -> StoreResult<()> {
        self.forget_info();
        if let Some(expected) = self.expected {
            return self.replace_version(expected);
        }
        if let Whereabouts::Unnamed = self.whereabouts {
            match link_unnamed(&self.file, self.handle.directory(), self.name.as_str()) {
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
            let path = self.handle.path.child(&self.name)?;
            let at = Named { directory: self.handle.directory(), name: self.name.as_str() };
            let place = Place { shared: &self.handle.shared, at, path: &path };
            replace_version(Named { directory, name }, &place, expected)?;
        }
        self.whereabouts = Whereabouts::Settled;
        Ok(())
    }

    /// Removes the companion of a partial. That comes before the bytes get another name, so that a companion is never
    /// found without its bytes, nor with others.
    fn forget_info(&self) {
        if let Whereabouts::Partial { staging, names } = &self.whereabouts {
            // What cannot be removed now, expires.
            let _ = rustix::fs::unlinkat(staging.directory(), &names.info, AtFlags::empty());
        }
    }

    fn name_temporarily(&mut self) -> StoreResult<()> {
        let made = self.handle.make_temporary(|directory, name| link_unnamed(&self.file, directory, name));
        let (staging, name, ()) = made.map_err(errors::failure)?;
        self.whereabouts = Whereabouts::Named { staging, name };
        Ok(())
    }

    fn rename_into_place(&self) -> Result<(), Errno> {
        let Some((from, temporary)) = self.named() else {
            return Ok(());
        };
        let (to, name) = (self.handle.directory(), self.name.as_str());
        if self.replace {
            return rustix::fs::renameat(from, temporary, to, name);
        }
        match rename_without_replacing(from, temporary, to, name) {
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                rustix::fs::linkat(from, temporary, to, name, AtFlags::empty())?;
                rustix::fs::unlinkat(from, temporary, AtFlags::empty())
            }
            result => result,
        }
    }

    fn named(&self) -> Option<(BorrowedFd<'_>, &str)> {
        match &self.whereabouts {
            Whereabouts::Named { staging: Some(staging), name } => Some((staging.directory(), name)),
            Whereabouts::Named { staging: None, name } => Some((self.handle.directory(), name)),
            Whereabouts::Partial { staging, names } => Some((staging.directory(), &names.bytes)),
            Whereabouts::Unnamed | Whereabouts::Settled => None,
        }
    }

    fn write_zeros(&mut self, mut bytes: u64) -> StoreResult<()> {
        let zeros = vec![0; 64 * 1024];
        while bytes > 0 {
            let part = zeros.len().min(usize::try_from(bytes).unwrap_or(usize::MAX));
            self.write(&zeros[..part])?;
            bytes -= part as u64;
        }
        Ok(())
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

impl Staged for StagedFile {
    fn write(&mut self, mut bytes: &[u8]) -> StoreResult<()> {
        self.unflushed += bytes.len() as u64;
        while !bytes.is_empty() {
            match resolve::retry(|| rustix::io::write(&self.file, bytes)) {
                Ok(0) => return Err(Failure::new(ErrorCode::DiskFailure).because("nothing more could be written")),
                Ok(count) => {
                    self.length += count as u64;
                    bytes = &bytes[count..];
                }
                Err(errno) => return Err(errors::failure(errno)),
            }
        }
        if self.unflushed >= FLUSH_EVERY_BYTES && self.handle.is_durable_at_once() {
            self.unflushed = 0;
            let flushed = resolve::retry(|| rustix::fs::fdatasync(&self.file));
            self.is_lost |= flushed.is_err();
            flushed.map_err(errors::failure)?;
        }
        Ok(())
    }

    fn write_hole(&mut self, bytes: u64) -> StoreResult<()> {
        let end = self.length.checked_add(bytes).filter(|&end| i64::try_from(end).is_ok());
        let end = end.ok_or_else(|| Failure::new(ErrorCode::FileTooLarge))?;
        // The length is right at once: an interruption after a hole keeps it.
        match resolve::retry(|| rustix::fs::ftruncate(&self.file, end)) {
            Ok(()) => {}
            // A file system that cannot lengthen a file so.
            Err(Errno::PERM | Errno::OPNOTSUPP) => return self.write_zeros(bytes),
            Err(errno) => return Err(errors::failure(errno)),
        }
        rustix::fs::seek(&self.file, SeekFrom::Start(end)).map_err(errors::failure)?;
        self.length = end;
        Ok(())
    }

    fn commit(mut self: Box<Self>) -> StoreResult<()> {
        if let Some(mode) = self.last_mode {
            // Only now that everything is written, since these bits may keep the user itself out.
            rustix::fs::fchmod(&self.file, Mode::from_raw_mode(mode as _)).map_err(errors::failure)?;
        }
        // Before the flush, so that the time is on the disk together with the content.
        self.apply_time()?;
        let handle = Arc::clone(&self.handle);
        if handle.shared.options.fsync == Fsync::None {
            return self.settle();
        }
        if !handle.is_durable_at_once()
            && let Some(_admitted) = handle.shared.admit(self.begun)?
        {
            return self.settle();
        }
        resolve::retry(|| rustix::fs::fsync(&self.file)).map_err(errors::failure)?;
        self.settle()?;
        let stat = rustix::fs::fstat(&self.file).map_err(errors::failure)?;
        handle.shared.or_in_doubt(&stat, super::flush::flush_names(handle.directory()))
    }

    fn retain_partial(mut self: Box<Self>) {
        let is_sound = !self.is_lost && self.handle.shared.ledger.is_sound(self.begun);
        if let Whereabouts::Partial { .. } = self.whereabouts
            && is_sound
        {
            self.whereabouts = Whereabouts::Settled;
        }
    }
}

impl Drop for StagedFile {
    fn drop(&mut self) {
        self.forget_info();
        if let Some((directory, name)) = self.named() {
            // What cannot be removed now, expires.
            let _ = rustix::fs::unlinkat(directory, name, AtFlags::empty());
        }
    }
}
