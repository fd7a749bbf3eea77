//! One file out of messages.

use super::check::Check;
use super::chunks::Chunker;
use super::decompress::Decompressor;
use super::intake::UnpackerMonitor;
use super::named_backup::NamedBackup;
use super::resume::{LEAST_SPACING, MOST_MARKS};
use super::trouble::Trouble;
use crate::store::{Checkpoint, ReadBuffer, Room, Size, Source, Staged, StoreResult};
use remofile_protocol::digest::{Digest, DigestKind, Digester};
use remofile_protocol::limits::MAX_COPY_BYTES;
use remofile_protocol::wire::{ErrorCode, Failure};

/// Zeros of a hole that are shown at once to a monitor that sees chunks.
const ZEROS: [u8; 16 * 1024] = [0; 16 * 1024];

/// Bytes that are copied at once.
const COPY_BYTES: usize = 512 * 1024;

/// The next content of a file.
#[derive(Clone, Copy)]
pub(super) enum Written<'a> {
    Bytes(&'a [u8]),
    /// So many zeros.
    Hole(u64),
    /// A compressed block, and bytes of content in it.
    Compressed(&'a [u8], usize),
    /// Bytes of the base.
    Copy {
        offset: u64,
        length: u64,
    },
}

/// The paths of a file that comes.
#[derive(Debug, Clone)]
pub(super) struct FileNames {
    /// As the sender wrote it.
    pub(super) sent_as: String,
    /// The one it will have, which a rule may have changed.
    pub(super) stored_as: String,
}

/// A file that begins to come.
pub(super) struct ReceivingSetup {
    pub(super) names: FileNames,
    pub(super) staged: Box<dyn Staged>,
    pub(super) size: Option<u64>,
    /// The size that it may have at most, in bytes.
    pub(super) limit: u64,
    pub(super) digest: DigestKind,
    /// The bytes that are there of it, and the state of their digest.
    pub(super) resumed: Option<(u64, Digester)>,
    pub(super) chunks: Option<Chunker>,
    /// The backup that is committed when it becomes visible.
    pub(super) backup: Option<NamedBackup>,
}

/// A file that is being received.
pub(super) struct Receiving {
    names: FileNames,
    staged: Box<dyn Staged>,
    size: Option<u64>,
    limit: u64,
    received: u64,
    check: Check,
    chunks: Option<Chunker>,
    /// Bytes before the next chunk.
    shown: u64,
    /// Bytes in the digest.
    digested: u64,
    checkpoints: Option<Checkpoints>,
    base: Option<Base>,
    /// Backup of the file that it replaces.
    backup: Option<NamedBackup>,
}

/// The schedule by which a store that cannot read back its partials is told how far a file is.
struct Checkpoints {
    /// Bytes from one to the next at least.
    spacing: u64,
    last: u64,
}

/// The existing file that a file is made of.
struct Base {
    source: Box<dyn Source>,
    buffer: ReadBuffer,
}

impl Receiving {
    pub(super) fn new(setup: ReceivingSetup) -> Self {
        let ReceivingSetup { names, staged, size, limit, digest, resumed, chunks, backup } = setup;
        let (received, check) = match resumed {
            None if staged.wants_checkpoints() => (0, Check::resumable(digest)),
            None => (0, Check::new(digest)),
            Some((offset, digester)) => (offset, Check::resumed(digest, digester)),
        };
        let checkpoints = staged.wants_checkpoints().then(|| {
            let spacing = LEAST_SPACING.max(size.unwrap_or(0) / MOST_MARKS);
            Checkpoints { spacing, last: received }
        });
        let (shown, digested) = (received, received);
        Self { names, staged, size, limit, received, check, chunks, shown, digested, checkpoints, base: None, backup }
    }

    /// Sets the file from which bytes may be copied.
    pub(super) fn make_of(&mut self, source: Box<dyn Source>) {
        self.base = Some(Base { source, buffer: ReadBuffer::new(COPY_BYTES) });
    }

    /// Returns the memory that it holds, in bytes.
    pub(super) fn memory_bytes(&self) -> u64 {
        (size_of::<Self>() + self.base.as_ref().map_or(0, |base| base.buffer.len())) as u64
    }

    pub(super) fn path(&self) -> &str {
        &self.names.sent_as
    }

    pub(super) fn write(
        &mut self,
        written: Written<'_>,
        decompressor: &mut Option<Decompressor>,
        monitor: &mut dyn UnpackerMonitor,
    ) -> Result<(), Trouble> {
        match written {
            Written::Bytes(bytes) => self.bytes(bytes, monitor),
            Written::Hole(length) => self.hole(length, monitor),
            Written::Compressed(block, size) => {
                let decompressor = match decompressor {
                    Some(decompressor) => decompressor,
                    none => none.insert(Decompressor::new()?),
                };
                let bytes = decompressor.decompress(block, size)?;
                self.bytes(bytes, monitor)
            }
            Written::Copy { offset, length } => {
                let no_base = || Failure::new(ErrorCode::BadRequest).because("a copy without a file to copy from");
                // Taken out while it is read, since writing borrows the rest of this file.
                let mut base = self.base.take().ok_or_else(no_base)?;
                let copied = self.copy(&mut base, offset, length, monitor);
                self.base = Some(base);
                copied
            }
        }
    }

    fn copy(
        &mut self,
        base: &mut Base,
        offset: u64,
        length: u64,
        monitor: &mut dyn UnpackerMonitor,
    ) -> Result<(), Trouble> {
        if length > MAX_COPY_BYTES || offset.checked_add(length).is_none() {
            return Err(Failure::new(ErrorCode::BadRequest).because("a copy of too many bytes").into());
        }
        let mut done = 0;
        while done < length {
            let count = usize::try_from(length - done).unwrap_or(usize::MAX).min(COPY_BYTES);
            let space = &mut base.buffer[..count];
            if base.source.read_at(space, offset + done)? < count {
                let why = "the file that it is copied from became shorter: try again";
                return Err(Failure::new(ErrorCode::IntegrityFailure).because(why).into());
            }
            self.bytes(space, monitor)?;
            done += count as u64;
        }
        Ok(())
    }

    fn count(&mut self, bytes: u64) -> StoreResult<()> {
        let received = self.received.saturating_add(bytes);
        // Checked before anything is written: a sender must not fill the disk beyond what it announced.
        if received > self.size.unwrap_or(self.limit) {
            return Err(match self.size {
                None => Failure::larger_than(self.limit),
                Some(_) => Failure::new(ErrorCode::IntegrityFailure).because("more bytes than announced"),
            });
        }
        self.received = received;
        Ok(())
    }

    fn bytes(&mut self, bytes: &[u8], monitor: &mut dyn UnpackerMonitor) -> Result<(), Trouble> {
        self.count(bytes.len() as u64)?;
        if self.chunks.is_none() {
            self.staged.write(bytes)?;
            monitor.written(bytes.len() as u64);
        } else {
            self.show(bytes, monitor)?;
        }
        self.check.update(bytes, self.size == Some(bytes.len() as u64));
        self.digested = self.received;
        self.note_progress();
        Ok(())
    }

    fn hole(&mut self, length: u64, monitor: &mut dyn UnpackerMonitor) -> Result<(), Trouble> {
        self.count(length)?;
        if self.chunks.is_none() {
            self.staged.write_hole(length)?;
            monitor.written(length);
        } else {
            let mut left = length;
            while left > 0 {
                let zeros = usize::try_from(left).unwrap_or(usize::MAX).min(ZEROS.len());
                self.show(&ZEROS[..zeros], monitor)?;
                left -= zeros as u64;
            }
        }
        self.check.update_zeros(length);
        self.digested = self.received;
        self.note_progress();
        Ok(())
    }

    fn note_progress(&mut self) {
        if self.checkpoints.as_ref().is_some_and(|next| self.digested - next.last >= next.spacing) {
            self.checkpoint();
        }
    }

    /// Tells the store how far the file is, if everything that is digested was written.
    fn checkpoint(&mut self) {
        let Some(checkpoints) = &mut self.checkpoints else { return };
        let is_written = self.chunks.is_none() || self.shown == self.digested;
        if let Some(digester) = self.check.digester().filter(|_| is_written && self.digested > checkpoints.last) {
            checkpoints.last = self.digested;
            self.staged.checkpoint(Checkpoint { offset: self.digested, digester });
        }
    }

    /// Shows bytes in chunks, and writes each once it was seen.
    fn show(&mut self, bytes: &[u8], monitor: &mut dyn UnpackerMonitor) -> Result<(), Trouble> {
        let Self { chunks: Some(chunks), staged, shown, size, names, received, .. } = self else { return Ok(()) };
        let (size, before) = (size.unwrap_or(*received), *shown);
        let pushed = chunks.push(bytes, &mut |chunk| {
            monitor.chunk(chunk, size.saturating_sub(*shown), size, &names.sent_as)?;
            staged.write(chunk)?;
            *shown += chunk.len() as u64;
            Ok(())
        });
        if *shown > before {
            monitor.written(*shown - before);
        }
        pushed
    }

    /// Ends the file: the bytes that are left are its last chunk.
    pub(super) fn last_chunk(&mut self, monitor: &mut dyn UnpackerMonitor) -> Result<(), Trouble> {
        let Self { chunks: Some(chunks), staged, shown, size, names, received, .. } = self else { return Ok(()) };
        let size = size.unwrap_or(*received);
        chunks.finish(&mut |chunk| {
            monitor.chunk(chunk, size.saturating_sub(*shown), size, &names.sent_as)?;
            staged.write(chunk)?;
            monitor.written(chunk.len() as u64);
            Ok(())
        })
    }

    /// Returns the complete file if its digest and size are those that were sent.
    pub(super) fn complete(self, expected: Digest) -> StoreResult<CompleteFile> {
        let is_whole = self.size.is_none_or(|size| size == self.received);
        if self.check.finish() != expected || !is_whole {
            return Err(ErrorCode::IntegrityFailure.into());
        }
        let Self { names, staged, backup, received, .. } = self;
        Ok(CompleteFile { names, is_directory: false, staged, backup, bytes: received })
    }

    /// Gives the file up. After `no-space` and `quota-exceeded` its partial is retained, since there may be room later,
    /// unless it would be in the last tenth of the disk, and after `out-of-resources`, which passes; otherwise its bytes are removed.
    pub(super) fn give_up(mut self, failure: Failure) -> Failure {
        let room = self.staged.room();
        let failure = match failure.code {
            ErrorCode::NoSpace | ErrorCode::QuotaExceeded if room.is_none_or(|room| room.free >= room.all / 10) => {
                self.checkpoint();
                self.staged.retain_partial();
                with_room(failure, room, "what came of it is kept: run the command again to go on with it, or")
            }
            ErrorCode::NoSpace | ErrorCode::QuotaExceeded => {
                let room = room.map(|room| Room { free: room.all.min(room.free + self.received), ..room });
                with_room(failure, room, "nothing of it was kept, and")
            }
            ErrorCode::OutOfResources => {
                self.checkpoint();
                self.staged.retain_partial();
                failure
            }
            _ => failure,
        };
        failure.at(self.names.sent_as)
    }

    /// Retains the bytes as a partial for a later attempt.
    pub(super) fn retain_partial(mut self) {
        self.checkpoint();
        self.staged.retain_partial();
    }
}

/// A file that has come, is checked, and is not visible yet; or a directory that is to be made.
pub(super) struct CompleteFile {
    names: FileNames,
    is_directory: bool,
    staged: Box<dyn Staged>,
    backup: Option<NamedBackup>,
    bytes: u64,
}

impl CompleteFile {
    /// Returns a directory that is staged like a file.
    pub(super) fn directory(path: String, staged: Box<dyn Staged>) -> Self {
        let names = FileNames { stored_as: path.clone(), sent_as: path };
        Self { names, is_directory: true, staged, backup: None, bytes: 0 }
    }

    pub(super) fn is_directory(&self) -> bool {
        self.is_directory
    }

    pub(super) fn names(&self) -> &FileNames {
        &self.names
    }

    /// Returns its path as the sender wrote it.
    pub(super) fn into_path(self) -> String {
        self.names.sent_as
    }

    /// Returns its size in bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Ends its writing. Returns true if it is better committed after a flush that many files share.
    pub(super) fn end_writing(&mut self) -> StoreResult<bool> {
        self.staged.end_writing()
    }

    /// Begins to make it visible, if nothing has to come before that.
    pub(super) fn begin_commit(&mut self) {
        if self.backup.is_none() {
            self.staged.begin_commit();
        }
    }

    pub(super) fn has_backup(&self) -> bool {
        self.backup.is_some()
    }

    /// Commits the backup of what it replaces, if there is one, right before the file itself: afterwards the old content would
    /// be gone.
    pub(super) fn commit_backup(&mut self, monitor: &mut dyn UnpackerMonitor) -> StoreResult<()> {
        self.backup.take().map_or(Ok(()), |backup| backup.commit(monitor))
    }

    /// As [`CompleteFile::commit`], for the only change of an operation. Returns whether its name is on the disk, too.
    pub(super) fn commit_alone(self) -> StoreResult<(u64, bool)> {
        let is_on_disk = self.staged.commit_alone()?;
        Ok((self.bytes, is_on_disk))
    }

    /// Makes it visible, and returns its size in bytes. Its backup, if it has one, is committed before.
    pub(super) fn commit(self) -> StoreResult<u64> {
        self.staged.commit()?;
        Ok(self.bytes)
    }
}

/// The detail of the failure that stands for all files which a full disk left untried, however many they were.
pub const UNTRIED: &str = "the files after it were not moved";
/// The command that makes room at a server.
pub(crate) const CLEAR_PARTIALS: &str = "'remofile partials --clear'";

/// Adds to a failure for want of room how much there is, and how more can be had.
fn with_room(failure: Failure, room: Option<Room>, kept: &str) -> Failure {
    let (Some(room), ErrorCode::NoSpace) = (room, failure.code) else { return failure };
    let (free, all) = (Size(room.free), Size(room.all));
    failure
        .because(format!("{free} of {all} are free; {kept} {CLEAR_PARTIALS} removes what interrupted transfers left"))
}
