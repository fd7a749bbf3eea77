//! A read: a part of a file that is sent.

use super::interface::{Operation, OperationTurn, StartContext, Step};
use crate::store::Source;
use remofile_protocol::path::RemotePath;
use remofile_protocol::session::SessionError;
use remofile_protocol::wire::{Done, ErrorCode, Failure, Version};

/// A part of a file, in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    pub(super) offset: u64,
    pub(super) length: u64,
}

/// A part of a file on its way.
pub(super) struct Read {
    path: RemotePath,
    source: Box<dyn Source>,
    /// Position of the next byte to send. `end` is where the part ends.
    at: u64,
    end: u64,
    sent: u64,
}

impl Read {
    pub(super) fn new(
        context: &StartContext<'_>,
        path: RemotePath,
        part: Part,
        version: Option<Version>,
    ) -> Result<Self, Failure> {
        let source = context.grant.store.open(&path).map_err(|failure| failure.at(&path))?;
        if version.is_some_and(|version| version != source.version()) {
            return Err(Failure::new(ErrorCode::SourceChanged).at(&path));
        }
        let size = source.entry().size;
        if size > context.grant.principal.limits.file_size {
            return Err(Failure::new(ErrorCode::FileTooLarge).at(&path));
        }
        let (at, end) = (part.offset.min(size), part.offset.saturating_add(part.length).min(size));
        Ok(Self { path, source, at, end, sent: 0 })
    }

    /// Ends the read. Fails with `source-changed` if the file changed meanwhile, so that the bytes are those of one
    /// version.
    fn done(&self) -> Result<Done, Failure> {
        if !self.source.is_unchanged()? {
            return Err(ErrorCode::SourceChanged.into());
        }
        let (entry, version) = (Some(self.source.entry().clone()), Some(self.source.version()));
        Ok(Done { bytes: self.sent, entry, version, ..Done::default() })
    }
}

impl Operation for Read {
    fn step(&mut self, turn: &mut OperationTurn<'_, '_>) -> Result<Step, SessionError> {
        if self.at >= self.end {
            return Ok(Step::Ended(self.done().map_err(|failure| failure.at(&self.path))));
        }
        let message = &mut *turn.message;
        let wanted = (self.end - self.at).min(turn.machine.credit(turn.id)).min(message.room() as u64);
        let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
        if wanted == 0 {
            return Ok(Step::Nothing);
        }
        let count = match self.source.read_at(message.space(wanted), self.at) {
            // The end is within the size at opening: the file has become shorter since.
            Ok(0) => return Ok(Step::Ended(Err(Failure::new(ErrorCode::SourceChanged).at(&self.path)))),
            Ok(count) => count,
            Err(failure) => return Ok(Step::Ended(Err(failure.at(&self.path)))),
        };
        message.advance(count);
        (self.at, self.sent) = (self.at + count as u64, self.sent + count as u64);
        Ok(Step::Message(turn.machine.bytes(turn.id, message.payload_bytes())?))
    }
}
