//! The copy of one file.

use super::comparing::Comparing;
use super::context::{CompleteCopy, CopyContext};
use crate::store::{Capability, Extent, Opening, Source, SourceState, StagePlan, Staged, StoreResult};
use crate::transfer::conflict::{self, FileStamp, Resolved};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Entry, ErrorCode, Failure, Kind, OnConflict};

/// Bytes that are copied in one step at most.
const STEP_BYTES: u64 = 16 * 1024 * 1024;

/// Files of fewer bytes leave no partial, so that their size may be announced: nobody would go on with that of a copy.
const UNKEPT_BYTES: u64 = 1024 * 1024;

/// Reports whether a file that the rule keeps is the copy: it has size, time and permission bits of the source, and is on
/// the disk for all that is known.
fn is_there(context: &CopyContext, source: &Entry, to: &RemotePath) -> bool {
    let keeps = matches!(context.options.on_conflict, OnConflict::Skip | OnConflict::Newer);
    let is_same = |there: Entry| {
        let own = (source.size, source.modified, source.mode);
        there.kind == Kind::File && !there.unflushed && (there.size, there.modified, there.mode) == own
    };
    let can_tell = keeps && context.has(Capability::Times) && context.has(Capability::Modes);
    // A second name of the source would be the source itself.
    can_tell
        && context.store.stat(to).is_ok_and(is_same)
        && context.store.identity(to).ok() != context.store.identity(&source.path).ok()
}

/// A file that is being copied.
pub(super) struct FileCopy {
    from: RemotePath,
    to: RemotePath,
    source: Box<dyn Source>,
    staged: Box<dyn Staged>,
    size: u64,
    /// Bytes that are copied; `None` until it was tried whether the two can share them.
    offset: Option<u64>,
    /// Bytes of data before the next hole.
    data: u64,
    /// True if it has what the file had at one moment.
    is_shared: bool,
    /// The comparison with a source that was written to meanwhile.
    comparing: Option<Comparing>,
}

impl FileCopy {
    /// Opens a file unless it is being opened, and stages the copy by the rule for what is in the way; `None` if the copy is there
    /// already, of an earlier run of the same command.
    ///
    /// # Errors
    /// The reason, with the path that it is about.
    pub(super) fn begin(
        context: &mut CopyContext,
        from: &RemotePath,
        opening: Option<Box<dyn Opening>>,
        to: &RemotePath,
    ) -> StoreResult<Option<Self>> {
        // If it cannot be opened, another attempt tells why.
        let opened = opening.and_then(|opening| opening.end().ok());
        let source = opened.map_or_else(|| context.store.open(from), Ok).map_err(|failure| failure.at(from))?;
        let (size, modified, mode) = (source.entry().size, source.entry().modified, source.entry().mode);
        if size > context.options.file_size_limit {
            return Err(Failure::larger_than(context.options.file_size_limit).at(from));
        }
        context.permit(to).map_err(|failure| failure.at(to))?;
        if is_there(context, source.entry(), to) {
            context.copied.files += 1;
            return Ok(None);
        }
        let mut stage = || {
            let (stamp, rule) = (FileStamp { size: Some(size), modified: Some(modified) }, context.options.on_conflict);
            let Resolved { path, replace } = conflict::resolve(&*context.store, to.clone(), stamp, rule, false)?;
            let plan = StagePlan {
                size: Some(size).filter(|size| *size < UNKEPT_BYTES),
                replace,
                modified: Some(modified).filter(|_| context.has(Capability::Times)),
                mode: mode.filter(|_| context.has(Capability::Modes)),
                ..StagePlan::default()
            };
            let (directory, name) = context.directory_of(&path)?;
            let mut staged = directory.stage(&name, &plan)?;
            staged.hold_as(&*source)?;
            Ok((staged, path))
        };
        let (staged, to) = stage().map_err(|failure: Failure| failure.at(to))?;
        Ok(Some(Self {
            from: from.clone(),
            to,
            source,
            staged,
            size,
            offset: None,
            data: 0,
            is_shared: false,
            comparing: None,
        }))
    }

    /// Returns the path that the copy gets.
    pub(super) fn path(&self) -> &RemotePath {
        &self.to
    }

    /// Copies some bytes more; whether all are copied.
    ///
    /// # Errors
    /// The reason, with the path that it is about.
    pub(super) fn step(&mut self) -> StoreResult<bool> {
        match self.copy_some() {
            Ok(is_complete) => Ok(is_complete),
            Err(failure) if failure.code == ErrorCode::SourceChanged => Err(failure.at(&self.from)),
            Err(failure) => Err(failure.at(&self.to)),
        }
    }

    fn copy_some(&mut self) -> StoreResult<bool> {
        let offset = match self.offset {
            Some(offset) => offset,
            None => {
                let shared = if self.size > 0 { self.staged.share(&*self.source)? } else { None };
                (self.size, self.is_shared) = (shared.unwrap_or(self.size), shared.is_some());
                shared.unwrap_or(0)
            }
        };
        if offset >= self.size {
            return self.is_proved();
        }
        let next = if self.data == 0 { self.source.extent_at(offset)? } else { Extent::Data(self.data) };
        let copied = match next {
            Extent::Hole(bytes) => {
                let bytes = bytes.min(self.size - offset);
                self.staged.write_hole(bytes)?;
                bytes
            }
            Extent::Data(bytes) => {
                let bytes = bytes.min(self.size - offset);
                let copied = self.staged.copy(&*self.source, offset, bytes.min(STEP_BYTES))?;
                self.data = bytes - copied.min(bytes);
                copied
            }
        };
        if copied == 0 {
            return Err(Failure::new(ErrorCode::SourceChanged).because("it became shorter while it was copied"));
        }
        self.offset = Some(offset + copied);
        Ok(false)
    }

    /// Proves, some MiB a step, that the copy has what was in the file: parts that were never together are refused. One
    /// that was appended to, or given other times, still begins with what was copied.
    fn is_proved(&mut self) -> StoreResult<bool> {
        let Some(comparing) = &mut self.comparing else {
            match self.source.state()? {
                _ if self.is_shared => return Ok(true),
                SourceState::Unchanged => return Ok(true),
                SourceState::Lost => return Err(ErrorCode::SourceChanged.into()),
                SourceState::Written(_) => self.comparing = Some(Comparing::new()),
            }
            return Ok(false);
        };
        match comparing.step(&*self.source, &*self.staged, self.size)? {
            Some(true) => Ok(true),
            Some(false) => Err(Failure::new(ErrorCode::SourceChanged).because("it was written to while it was copied")),
            None => Ok(false),
        }
    }

    /// Ends the copy, which is complete.
    ///
    /// # Errors
    /// The reason why nothing more is copied.
    pub(super) fn finish(self, context: &mut CopyContext, failed: &mut dyn FnMut(Failure)) -> StoreResult<()> {
        let Self { from, to: path, staged, size: bytes, .. } = self;
        context.complete(CompleteCopy { from, path, staged, bytes }, failed)
    }
}
