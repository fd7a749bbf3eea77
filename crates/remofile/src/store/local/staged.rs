//! Files that are written now and become visible later.

mod settling;

use super::copy;
use super::directory_handle::{DirectoryHandle, NOTHING_OBSERVED};
use super::discard::discard;
use super::disk_name::DiskName;
use super::edit::{refuse_beyond, write_all};
use super::ledger::Ticket;
use super::names::PartialNames;
use super::part_flush::PartFlush;
use super::source::{changed, kind_of, permissions};
use super::staging::Staging;
use super::{errors, flush, held};
use crate::store::system;
use crate::store::write::copy_through_memory;
use crate::store::{FlushMark, Fsync, Room, Source, StagePlan, Staged, StoreResult};
use remofile_protocol::wire::{self, ErrorCode, Failure, Kind, Timestamp};
use rustix::fd::{BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, Mode, SeekFrom, Timespec, Timestamps, UTIME_OMIT};
use rustix::io::Errno;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Bytes between two flushes of a file with `Fsync::Each`, or after which the system is asked to begin writing with
/// `Fsync::End`: a single flush of a large file at its end would take longer than a peer waits for a sign of life. A flush
/// goes on while as much as this is written after it.
pub(super) const FLUSH_EVERY_BYTES: u64 = 32 * 1024 * 1024;

/// A file that is not visible yet.
pub(super) struct StagedFile {
    pub(super) handle: Arc<DirectoryHandle>,
    pub(super) name: DiskName,
    pub(super) replace: bool,
    pub(super) modified: Option<Timestamp>,
    /// Permission bits that would keep its user out while it is being written.
    pub(super) last_mode: Option<u32>,
    /// True if it has the permission bits of the file that it replaces.
    pub(super) is_handed_mode: bool,
    pub(super) file: OwnedFd,
    pub(super) whereabouts: Whereabouts,
    /// Position of the next byte.
    pub(super) length: u64,
    /// Bytes written since the file was last flushed.
    pub(super) unflushed: u64,
    /// Position in the history of flushes at which its writing began.
    pub(super) begun: FlushMark,
    /// The flush that brings all of it to the disk, once its writing has ended.
    pub(super) ended: Option<Ticket>,
    /// True if nothing stands between it and its name any more but that.
    pub(super) is_prepared: bool,
    /// The flush of its earlier part, which goes on beside.
    pub(super) flushing: Option<PartFlush>,
    /// True if a flush of the file failed: the bytes written so far may be in memory alone, and may never be written.
    pub(super) is_lost: bool,
    /// The version that it replaces, if it must be a certain one.
    pub(super) expected: Option<wire::Version>,
    /// True if it comes into another directory of the same path where its own is gone.
    pub(super) may_move: bool,
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
        system::fchmod(&self.file, Mode::from_raw_mode(wanted as _)).map_err(errors::failure)
    }

    /// Returns the mode that the file was created with. Unnamed files of one directory are made alike, so the first
    /// one tells for those after it.
    fn mode_got(&self, asked: u32) -> StoreResult<u32> {
        let is_fresh = matches!(self.whereabouts, Whereabouts::Unnamed);
        let observed = self.handle.observed_mode.load(Ordering::Relaxed);
        if is_fresh && observed != NOTHING_OBSERVED && observed >> 32 == u64::from(asked) {
            return Ok(observed as u32);
        }
        let got = permissions(&system::fstat(&self.file).map_err(errors::failure)?);
        if is_fresh {
            self.handle.observed_mode.store(u64::from(asked) << 32 | u64::from(got), Ordering::Relaxed);
        }
        Ok(got)
    }

    /// Returns the permission bits of the file that it replaces, if it has them.
    fn handed_mode(&self) -> StoreResult<Option<u32>> {
        if !self.is_handed_mode {
            return Ok(None);
        }
        match system::statat(self.handle.directory(), self.name.bytes(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) if kind_of(&stat) == Kind::File => Ok(Some(permissions(&stat) & 0o777)),
            Ok(_) | Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(errors::failure(errno)),
        }
    }

    fn apply_time(&self) -> StoreResult<()> {
        let Some(modified) = self.modified else {
            return Ok(());
        };
        let times = Timestamps {
            last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT as _ },
            last_modification: Timespec { tv_sec: modified.seconds(), tv_nsec: modified.nanoseconds().into() },
        };
        system::futimens(&self.file, &times).map_err(errors::failure)
    }

    fn staging(&self) -> Option<&Staging> {
        match &self.whereabouts {
            Whereabouts::Named { staging, .. } => staging.as_deref(),
            Whereabouts::Partial { staging, .. } => Some(staging),
            Whereabouts::Unnamed | Whereabouts::Settled => None,
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

    fn flush_alone(&mut self) -> StoreResult<()> {
        self.await_part()?;
        #[cfg(test)]
        crate::store::faults::flush(self.handle.directory(), false).map_err(errors::failure)?;
        system::fsync(&self.file).map_err(errors::failure)
    }

    /// Flushes what was written where each file is durable at once. Where many share a flush, only has the system begin
    /// to write, so that the flush finds little left to do.
    fn flush_part(&mut self) -> StoreResult<()> {
        let bytes = std::mem::take(&mut self.unflushed);
        if self.handle.is_durable_at_once() {
            self.await_part()?;
            let begun = PartFlush::begin(&self.file, self.handle.directory());
            self.is_lost |= begun.is_err();
            self.flushing = Some(begun.map_err(errors::failure)?);
            return Ok(());
        }
        if self.handle.shared.options.fsync == Fsync::End {
            flush::begin_writing(&self.file, self.length.saturating_sub(bytes), bytes);
        }
        Ok(())
    }

    /// Waits for the flush of its earlier part.
    fn await_part(&mut self) -> StoreResult<()> {
        let flushed = self.flushing.take().map_or(Ok(()), PartFlush::wait);
        self.is_lost |= flushed.is_err();
        flushed.map_err(errors::failure)
    }

    /// Notes that more is written: what was done about its end is to be done again.
    fn reopen(&mut self) {
        (self.ended, self.is_prepared) = (None, false);
    }

    /// Counts bytes that were written, and flushes when there are many.
    fn flush_after(&mut self, bytes: u64) -> StoreResult<()> {
        self.unflushed += bytes;
        if self.unflushed >= FLUSH_EVERY_BYTES { self.flush_part() } else { Ok(()) }
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
}

impl Staged for StagedFile {
    fn write(&mut self, mut bytes: &[u8]) -> StoreResult<()> {
        self.reopen();
        let all = bytes.len() as u64;
        while !bytes.is_empty() {
            match system::write(&self.file, bytes) {
                Ok(0) => return Err(Failure::new(ErrorCode::DiskFailure).because("nothing more could be written")),
                Ok(count) => {
                    self.length += count as u64;
                    bytes = &bytes[count..];
                }
                Err(errno) => return Err(errors::failure(errno)),
            }
        }
        self.flush_after(all)
    }

    fn write_hole(&mut self, bytes: u64) -> StoreResult<()> {
        let end = self.length.checked_add(bytes).filter(|&end| i64::try_from(end).is_ok());
        let end = end.ok_or_else(|| Failure::new(ErrorCode::FileTooLarge))?;
        self.reopen();
        // The length is right at once: an interruption after a hole keeps it.
        match system::ftruncate(&self.file, end) {
            Ok(()) => {}
            // A file system that cannot lengthen a file so.
            Err(Errno::PERM | Errno::OPNOTSUPP) => return self.write_zeros(bytes),
            Err(errno) => return Err(errors::failure(errno)),
        }
        system::seek(&self.file, SeekFrom::Start(end)).map_err(errors::failure)?;
        self.length = end;
        Ok(())
    }

    fn write_at(&mut self, bytes: &[u8], offset: u64) -> StoreResult<()> {
        let end = offset.checked_add(bytes.len() as u64);
        refuse_beyond(end)?;
        self.reopen();
        write_all(bytes, |written| system::pwrite(&self.file, &bytes[written..], offset + written as u64))?;
        self.length = self.length.max(end.unwrap_or(0));
        self.unflushed += bytes.len() as u64;
        if self.unflushed >= FLUSH_EVERY_BYTES {
            self.flush_part()?;
        }
        Ok(())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> StoreResult<usize> {
        let mut read = 0;
        while read < buffer.len() && i64::try_from(offset.saturating_add(read as u64)).is_ok() {
            match system::pread(&self.file, &mut buffer[read..], offset + read as u64).map_err(errors::failure)? {
                0 => break,
                count => read += count,
            }
        }
        Ok(read)
    }

    fn set_length(&mut self, length: u64) -> StoreResult<()> {
        refuse_beyond(Some(length))?;
        self.reopen();
        system::ftruncate(&self.file, length).map_err(errors::failure)?;
        self.length = length;
        Ok(())
    }

    fn share(&mut self, source: &dyn Source) -> StoreResult<Option<u64>> {
        self.reopen();
        let shared = if self.length == 0 { copy::share(&self.file, source)? } else { None };
        if let Some(length) = shared {
            self.length = length;
            self.flush_after(length)?;
        }
        Ok(shared)
    }

    fn copy(&mut self, source: &dyn Source, offset: u64, length: u64) -> StoreResult<u64> {
        self.reopen();
        let Some(count) = copy::copy(&self.file, source, offset, length)? else {
            return copy_through_memory(self, source, offset, length);
        };
        self.length += count;
        self.flush_after(count)?;
        Ok(count)
    }

    fn hold_as(&mut self, source: &dyn Source) -> StoreResult<()> {
        match source.local_file() {
            Some(other) if self.handle.shared.options.holds_attributes => {
                held::copy(other, &self.file).map_err(errors::failure)
            }
            _ => Ok(()),
        }
    }

    fn end_writing(&mut self) -> StoreResult<bool> {
        if let Some(mode) = self.last_mode.take().or(self.handed_mode()?) {
            // Only now that everything is written, since these bits may keep the user itself out.
            system::fchmod(&self.file, Mode::from_raw_mode(mode as _)).map_err(errors::failure)?;
        }
        // Before the flush, so that the time is on the disk together with the content.
        self.apply_time()?;
        self.ended = Some(self.handle.shared.ledger.ticket());
        Ok(self.handle.shared.options.fsync == Fsync::End && !self.handle.is_durable_at_once())
    }

    fn commit(mut self: Box<Self>) -> StoreResult<()> {
        self.try_commit()
    }

    /// Flushes the directory instead of the whole file system, where others may have written much.
    fn commit_alone(mut self: Box<Self>) -> StoreResult<bool> {
        self.prepare_commit()?;
        let handle = Arc::clone(&self.handle);
        let shared = &handle.shared;
        let waits_for_sync = shared.options.fsync == Fsync::End && !handle.is_durable_at_once();
        // One that may be written and not read cannot be flushed by itself.
        let (true, Ok(names)) = (waits_for_sync, flush::open_names(handle.directory())) else {
            return self.try_commit().map(|()| false);
        };
        if !shared.ledger.is_sound(self.begun) {
            return Err(flush::lost());
        }
        self.settle()?;
        let stat = system::fstat(&self.file).map_err(errors::failure)?;
        match flush::try_flush_names(&names) {
            Ok(true) => Ok(true),
            Ok(false) => {
                shared.ledger.changed_in_place(changed(&stat));
                Ok(false)
            }
            Err(failure) => shared.or_in_doubt(&stat, Err(failure)).map(|()| false),
        }
    }

    fn prepare_commit(&mut self) -> StoreResult<()> {
        if self.is_prepared {
            return Ok(());
        }
        let ended = match self.ended {
            Some(ended) => ended,
            None => {
                self.end_writing()?;
                self.handle.shared.ledger.ticket()
            }
        };
        let shared = &self.handle.shared;
        if shared.options.fsync == Fsync::None {
            return Ok(());
        }
        let is_at_once = self.handle.is_durable_at_once();
        if is_at_once || !shared.ledger.has_flushed(ended) {
            self.flush_alone()?;
        }
        self.is_prepared = true;
        Ok(())
    }

    fn try_commit(&mut self) -> StoreResult<()> {
        self.prepare_commit()?;
        let handle = Arc::clone(&self.handle);
        let shared = &handle.shared;
        if shared.options.fsync == Fsync::None {
            return self.settle();
        }
        if !handle.is_durable_at_once() {
            let _admitted = shared.admit_name(self.begun, &self.file)?;
            return self.settle();
        }
        self.settle()?;
        let stat = system::fstat(&self.file).map_err(errors::failure)?;
        shared.or_in_doubt(&stat, flush::flush_names(handle.directory()))
    }

    fn room(&self) -> Option<Room> {
        let told = system::fstatvfs(&self.file).ok()?;
        let bytes = |blocks: u64| blocks.saturating_mul(told.f_frsize);
        Some(Room { free: bytes(told.f_bavail), all: bytes(told.f_blocks) })
    }

    fn expect_version(&mut self, version: wire::Version) -> StoreResult<()> {
        self.expected = Some(version);
        Ok(())
    }

    fn retain_partial(mut self: Box<Self>) {
        let _told_by_is_lost = self.await_part();
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
            discard(directory, name);
        }
    }
}
