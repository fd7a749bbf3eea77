//! One file into messages.

mod reading;
mod verifying;

use super::check::Check;
use super::compress::{CompressLevel, Compressor};
use super::feeding::FedFile;
use super::file_recipe::FileRecipe;
use super::filling::Filling;
use super::packing::{PackerMonitor, PackerOptions};
use super::rereading::Rereading;
use super::trouble::Trouble;
use crate::delta::Piece;
use crate::store::{Extent, ReadBuffer, Source, SourceState, StoreResult};
use reading::read_all;
use remofile_protocol::digest::DigestKind;
use remofile_protocol::limits::{COPY_BYTES_A_CREDIT, HOLE_BYTES_A_CREDIT, MAX_BLOCK_BYTES, MAX_HOLE_BYTES};
use remofile_protocol::wire::{ErrorCode, Failure, Item, OnConflict, Version};
use std::iter::once;
use std::num::NonZeroU32;
use verifying::{VERIFY_BYTES, Verifying};

/// Most bytes that a copy item stands for: they are read and digested in one step.
const COPY_BYTES: u64 = 8 * 1024 * 1024;

/// The outcome of a step.
pub(super) enum SendingStep {
    /// Something was put into the message.
    Packed,
    /// Nothing was, but there is more to do.
    Worked,
    /// The file is over, one way or the other.
    FileOver,
    /// The monitor wants no more.
    Stopped,
    /// No source is named yet.
    Pending,
    /// There are no more.
    End,
}

/// The next part of a file that is still to be sent.
enum Left {
    Nothing,
    /// So many bytes before something else comes.
    Content(u64),
    /// Bytes of a file that the receiver has, to be copied there.
    Copy {
        offset: u64,
        length: u64,
    },
}

/// The compressor and its output.
pub(super) struct Squeeze {
    compressor: Compressor,
    out: Vec<u8>,
}

impl Sending {
    /// Returns the memory that the file holds, in bytes.
    pub(super) fn memory_bytes(&self) -> u64 {
        let verifying = self.verifying.as_ref().map_or(0, |verifying| verifying.buffer.len());
        let rereading = self.rereading.as_ref().map_or(0, Rereading::memory_bytes);
        (size_of::<Self>() + verifying + self.copied.as_ref().map_or(0, |buffer| buffer.len())) as u64 + rereading
    }
}

impl Squeeze {
    pub(super) fn new(level: CompressLevel) -> StoreResult<Self> {
        Ok(Self { compressor: Compressor::new(level)?, out: Vec::new() })
    }
}

/// The file that is being sent.
pub(super) struct Sending {
    path: String,
    shown: String,
    source: Box<dyn Source>,
    size: u64,
    sent: u64,
    check: Check,
    digest: DigestKind,
    /// Marks of the receiver that are compared with the file before it begins.
    verifying: Option<Verifying>,
    mode: Option<u32>,
    rule: Option<OnConflict>,
    replaces: Option<Version>,
    /// True if holes are looked for. `data_left` is the number of bytes of data before the next one.
    sparse: bool,
    data_left: u64,
    chunks: Option<Chunks>,
    recipe: Option<FileRecipe>,
    /// The second look at a file that was written to while it was sent.
    rereading: Option<Rereading>,
    /// True if a file that is written to meanwhile fails, whatever is written.
    strict: bool,
    /// Buffer for bytes that the receiver copies, which are read here only to be digested.
    copied: Option<ReadBuffer>,
}

/// Chunks of the size that the monitor wants to see.
struct Chunks {
    size: usize,
    bytes: Vec<u8>,
    taken: usize,
}

impl Sending {
    pub(super) fn new(file: FedFile, options: PackerOptions, chunk_size: Option<NonZeroU32>) -> Self {
        let FedFile { path, shown, source, rule, known, recipe } = file;
        let (size, modified, mode) = (source.entry().size, source.entry().modified, source.entry().mode);
        // A partial of another version is of no use.
        let known = known.filter(|known| known.size == size && known.modified == modified && recipe.is_none());
        Self {
            path,
            shown,
            source,
            size,
            sent: 0,
            check: Check::new(options.digest),
            digest: options.digest,
            verifying: known.and_then(|known| Verifying::new(known, size)),
            mode: mode.filter(|_| options.send.preserve_mode),
            rule,
            replaces: options.replaces,
            // A monitor that sees chunks sees the zeros of holes, so they have to be read.
            sparse: options.send.sparse && chunk_size.is_none(),
            data_left: 0,
            chunks: chunk_size.map(|size| Chunks { size: size.get() as usize, bytes: Vec::new(), taken: 0 }),
            recipe,
            rereading: None,
            strict: options.send.strict,
            copied: None,
        }
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Reports whether the file's beginning was sent to the receiver.
    pub(super) fn is_begun(&self) -> bool {
        self.verifying.is_none()
    }

    /// Begins the file, unless marks have to be compared first.
    pub(super) fn begin(&mut self, filling: &mut Filling<'_, '_>, monitor: &mut dyn PackerMonitor) -> SendingStep {
        if self.verifying.is_some() {
            return SendingStep::Worked;
        }
        monitor.started(&self.path, self.size, self.sent);
        monitor.opened(&self.source.entry().path);
        filling.push(Item::Begin {
            path: self.path.clone(),
            size: Some(self.size),
            modified: Some(self.source.entry().modified),
            mode: self.mode,
            rule: self.rule,
            offset: self.sent,
            replaces: self.replaces,
        });
        if let Some(base) = self.recipe.as_ref().and_then(|recipe| recipe.base.clone()) {
            filling.push(Item::Base { path: base });
        }
        SendingStep::Packed
    }

    /// Packs the next bytes.
    pub(super) fn pack(
        &mut self,
        filling: &mut Filling<'_, '_>,
        squeeze: &mut Option<Squeeze>,
        monitor: &mut dyn PackerMonitor,
    ) -> SendingStep {
        if let Some(verifying) = &mut self.verifying {
            if !verifying.step(&*self.source) {
                return SendingStep::Worked;
            }
            if let Some((offset, digester)) = self.verifying.take().and_then(|verifying| verifying.matched) {
                (self.sent, self.check) = (offset, Check::resumed(self.digest, digester));
            }
            return self.begin(filling, monitor);
        }
        // A read that fails must not leave bytes in the message: it is cut back to this length.
        let before = filling.message.payload_bytes();
        let packed = match self.left() {
            Left::Nothing => self.end(filling),
            Left::Content(most) => self.content(most, filling, squeeze, monitor),
            Left::Copy { offset, length } => self.copy(offset, length, filling, monitor),
        };
        match packed {
            Ok(SendingStep::FileOver) => {
                monitor.finished(&self.path, self.size);
                SendingStep::FileOver
            }
            Ok(step) => step,
            Err(Trouble::Stopped) => SendingStep::Stopped,
            Err(Trouble::Failed(failure)) => {
                filling.message.truncate(before);
                let failure = failure.at(&self.shown);
                monitor.failed(&failure);
                filling.push(Item::Abort { failure });
                SendingStep::FileOver
            }
        }
    }

    /// Returns the next part that is still to be sent.
    fn left(&mut self) -> Left {
        match self.recipe.as_mut().map(FileRecipe::current) {
            None if self.sent == self.size => Left::Nothing,
            None => Left::Content(self.size - self.sent),
            Some(None) => Left::Nothing,
            Some(Some(Piece::Copy { offset, length })) => Left::Copy { offset, length },
            Some(Some(Piece::Literal { offset, length })) => {
                // The length of data at hand was of another offset.
                if self.sent != offset {
                    (self.sent, self.data_left) = (offset, 0);
                }
                Left::Content(length)
            }
        }
    }

    /// Marks bytes of the file as done.
    fn advance(&mut self, bytes: u64) {
        self.sent += bytes;
        if let Some(recipe) = &mut self.recipe {
            recipe.advance(bytes);
        }
    }

    /// Has the receiver copy bytes; their digest is taken here.
    fn copy(
        &mut self,
        offset: u64,
        length: u64,
        filling: &mut Filling<'_, '_>,
        monitor: &mut dyn PackerMonitor,
    ) -> Result<SendingStep, Trouble> {
        let length = length.min(COPY_BYTES).min(filling.credit().saturating_mul(COPY_BYTES_A_CREDIT));
        let buffer = self.copied.get_or_insert_with(|| ReadBuffer::new(VERIFY_BYTES));
        let mut done = 0;
        while done < length {
            let count = usize::try_from(length - done).unwrap_or(usize::MAX).min(buffer.len());
            read_all(&*self.source, &mut buffer[..count], self.sent + done)?;
            // The digest is of the whole file, copied parts included.
            self.check.update(&buffer[..count], false);
            done += count as u64;
        }
        self.advance(length);
        monitor.packed(length);
        filling.push(Item::Copy { offset, length });
        Ok(SendingStep::Packed)
    }

    fn end(&mut self, filling: &mut Filling<'_, '_>) -> Result<SendingStep, Trouble> {
        let is_whole = match &mut self.rereading {
            Some(rereading) => rereading.step(&*self.source)?,
            // The digest would not notice: it is of the bytes that were read, perhaps of two versions.
            None => match self.source.state()? {
                SourceState::Unchanged => Some(true),
                SourceState::Written(_) if !self.strict => {
                    let ranges = self
                        .recipe
                        .as_ref()
                        .and_then(FileRecipe::ranges)
                        .unwrap_or_else(|| once(0..self.size).collect());
                    self.rereading = Some(Rereading::new(self.digest, ranges, self.check.finish()));
                    None
                }
                SourceState::Written(_) | SourceState::Lost => Some(false),
            },
        };
        match is_whole {
            None => Ok(SendingStep::Worked),
            Some(false) => Err(Failure::new(ErrorCode::SourceChanged).into()),
            Some(true) => {
                filling.push(Item::End { digest: self.check.finish() });
                Ok(SendingStep::FileOver)
            }
        }
    }

    /// Packs at most `most` of the next bytes.
    fn content(
        &mut self,
        most: u64,
        filling: &mut Filling<'_, '_>,
        squeeze: &mut Option<Squeeze>,
        monitor: &mut dyn PackerMonitor,
    ) -> Result<SendingStep, Trouble> {
        // Asked once for each stretch of data, since each question is a system call.
        if self.sparse && self.data_left == 0 {
            match self.source.extent_at(self.sent)? {
                Extent::Hole(length) => return Ok(self.hole(length.min(most), filling, monitor)),
                // The file has become shorter; reading the rest finds that out.
                Extent::Data(0) => self.data_left = self.size - self.sent,
                Extent::Data(length) => self.data_left = length,
            }
        }
        let most = if self.sparse { self.data_left.min(most) } else { most };
        let wanted = usize::try_from(most).unwrap_or(usize::MAX).min(filling.room());
        // The receiver decompresses a block at once.
        let wanted = if squeeze.is_some() { wanted.min(MAX_BLOCK_BYTES) } else { wanted };
        let space = filling.message.space(wanted);
        self.fill(space, monitor)?;
        let bytes = space.len();
        self.check.update(space, bytes as u64 == self.size);
        self.advance(bytes as u64);
        self.data_left = self.data_left.saturating_sub(bytes as u64);
        monitor.packed(bytes as u64);
        if let Some(Squeeze { compressor, out }) = squeeze
            && compressor.compress(space, out)
        {
            let length = filling.message.append(out);
            debug_assert_eq!(length, out.len(), "it is shorter than the space it came from");
            let (length, size) = (u32::try_from(length).unwrap_or(0), u32::try_from(bytes).unwrap_or(0));
            filling.push(Item::Compressed { length, size });
        } else {
            filling.message.advance(bytes);
            filling.push_data(bytes);
        }
        Ok(SendingStep::Packed)
    }

    fn hole(&mut self, length: u64, filling: &mut Filling<'_, '_>, monitor: &mut dyn PackerMonitor) -> SendingStep {
        let length = length.min(MAX_HOLE_BYTES).min(filling.credit().saturating_mul(HOLE_BYTES_A_CREDIT));
        self.check.update_zeros(length);
        self.advance(length);
        monitor.packed(length);
        filling.push(Item::Hole { length });
        SendingStep::Packed
    }

    /// Fills `space` with the next bytes of the file.
    fn fill(&mut self, space: &mut [u8], monitor: &mut dyn PackerMonitor) -> Result<(), Trouble> {
        let Some(chunks) = &mut self.chunks else {
            return Ok(read_all(&*self.source, space, self.sent)?);
        };
        let (mut at, mut rest) = (self.sent, space);
        while !rest.is_empty() {
            // The monitor sees whole chunks, which may be longer than what a message still holds.
            if chunks.taken == chunks.bytes.len() {
                let remaining = self.size - at;
                let length = usize::try_from(remaining).unwrap_or(usize::MAX).min(chunks.size);
                if chunks.bytes.len() != length {
                    chunks.bytes = vec![0; length];
                }
                chunks.taken = 0;
                read_all(&*self.source, &mut chunks.bytes, at)?;
                monitor.chunk(&chunks.bytes, remaining, self.size, &self.path)?;
            }
            let ready = &chunks.bytes[chunks.taken..];
            let count = ready.len().min(rest.len());
            let (now, later) = rest.split_at_mut(count);
            now.copy_from_slice(&ready[..count]);
            (rest, chunks.taken, at) = (later, chunks.taken + count, at + count as u64);
        }
        Ok(())
    }
}
