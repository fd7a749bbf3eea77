//! Operations on a part of a file: reading it, and changing it in place.

use super::operation::{OperationStep, Progress};
use crate::carrier::MessageWriter;
use crate::store::{Editing, Source, Store, StoreResult};
use remofile_protocol::path::RemotePath;
use remofile_protocol::session::{ServerSession, SessionError};
use remofile_protocol::wire::{Done, ErrorCode, Failure, Item, OperationId, Version};

/// A part of a file on its way.
pub(super) struct PartRead {
    path: RemotePath,
    source: Box<dyn Source>,
    /// What comes next, and where the part ends.
    at: u64,
    end: u64,
    sent: u64,
}

impl PartRead {
    pub(super) fn new(
        store: &dyn Store,
        path: &RemotePath,
        (offset, length): (u64, u64),
        version: Option<Version>,
        file_size_limit: u64,
    ) -> StoreResult<Self> {
        let source = store.open(path)?;
        if version.is_some_and(|version| version != source.version()) {
            return Err(ErrorCode::SourceChanged.into());
        }
        let size = source.entry().size;
        if size > file_size_limit {
            return Err(ErrorCode::FileTooLarge.into());
        }
        let at = offset.min(size);
        Ok(Self { path: path.clone(), source, at, end: offset.saturating_add(length).min(size), sent: 0 })
    }

    pub(super) fn step(
        &mut self,
        id: OperationId,
        machine: &mut ServerSession,
        message: &mut MessageWriter<'_>,
    ) -> Result<OperationStep, SessionError> {
        if self.at >= self.end {
            return Ok(OperationStep::Ended(self.finish().map_err(|failure| failure.at(&self.path))));
        }
        let wanted = (self.end - self.at).min(machine.credit(id)).min(message.room() as u64);
        let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
        if wanted == 0 {
            return Ok(OperationStep::Nothing);
        }
        let count = match self.source.read_at(message.space(wanted), self.at) {
            Ok(0) => return Ok(OperationStep::Ended(Err(Failure::new(ErrorCode::SourceChanged).at(&self.path)))),
            Ok(count) => count,
            Err(failure) => return Ok(OperationStep::Ended(Err(failure.at(&self.path)))),
        };
        message.advance(count);
        (self.at, self.sent) = (self.at + count as u64, self.sent + count as u64);
        Ok(OperationStep::Message(machine.bytes(id, message.payload_bytes())?))
    }

    /// Nothing is told of a version but what was in it.
    fn finish(&self) -> Result<Done, Failure> {
        if !self.source.is_unchanged()? {
            return Err(ErrorCode::SourceChanged.into());
        }
        let (entry, version) = (Some(self.source.entry().clone()), Some(self.source.version()));
        Ok(Done { bytes: self.sent, entry, version, ..Done::default() })
    }
}

/// A file that is changed in place.
pub(super) struct InPlace {
    path: RemotePath,
    file: Box<dyn Editing>,
    /// Whether pieces go behind the end; otherwise each names its place.
    appends: bool,
    written: u64,
    has_changed: bool,
    file_size_limit: u64,
}

impl InPlace {
    pub(super) fn new(
        store: &dyn Store,
        path: &RemotePath,
        version: Option<Version>,
        (length, append, create): (Option<u64>, bool, bool),
        file_size_limit: u64,
    ) -> StoreResult<Self> {
        if length.is_some_and(|length| length > file_size_limit) {
            return Err(ErrorCode::FileTooLarge.into());
        }
        let mut file = store.edit(path, create)?;
        let (_, now) = file.look()?;
        if version.is_some_and(|version| version != now) {
            return Err(ErrorCode::SourceChanged.into());
        }
        if let Some(length) = length {
            file.set_length(length)?;
        }
        // A file that was created now is a change, too.
        let has_changed = length.is_some() || create;
        Ok(Self { path: path.clone(), file, appends: append, written: 0, has_changed, file_size_limit })
    }

    pub(super) fn take(&mut self, items: Vec<Item>, mut payload: &[u8]) -> StoreResult<()> {
        for item in items {
            let Some((bytes, rest)) = payload.split_at_checked(item.payload_bytes() as usize) else {
                return Err(Failure::new(ErrorCode::BadRequest).because("items without their bytes"));
            };
            payload = rest;
            let place = match (item, self.appends) {
                (Item::Place { offset, .. }, false) => Some(offset),
                (Item::Data { .. }, true) => None,
                _ => return Err(Failure::new(ErrorCode::BadRequest).because("items that are no part of a write")),
            };
            self.write(bytes, place).map_err(|failure| failure.at(&self.path))?;
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8], place: Option<u64>) -> StoreResult<()> {
        let offset = match place {
            Some(offset) => offset,
            None => self.file.look()?.0.size,
        };
        let end = offset.checked_add(bytes.len() as u64).filter(|end| *end <= self.file_size_limit);
        end.ok_or_else(|| Failure::new(ErrorCode::FileTooLarge))?;
        self.has_changed = true;
        match place {
            Some(offset) => self.file.write_at(bytes, offset)?,
            None => self.file.append(bytes)?,
        }
        self.written += bytes.len() as u64;
        Ok(())
    }

    pub(super) fn finish(self) -> StoreResult<Progress> {
        let (entry, version) = self.file.finish().map_err(|failure| failure.at(&self.path))?;
        let done = Done { bytes: self.written, entry: Some(entry), version: Some(version), ..Done::default() };
        Ok(if self.has_changed { Progress::Changed(done) } else { Progress::Done(done) })
    }
}
