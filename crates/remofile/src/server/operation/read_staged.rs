//! A read of a file that nobody sees yet, by the client that writes it.

use super::interface::{Content, Operation, OperationTurn, StartContext, Step};
use super::read::Part;
use crate::server::bandwidth::{Bandwidth, Direction};
use crate::server::staged_files::{StagedFile, Writer};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Done, ErrorCode, Failure, StagedFileId};
use std::sync::Arc;
use std::time::Duration;

/// A part of a staged file on its way.
pub(super) struct ReadStaged {
    path: RemotePath,
    file: Arc<StagedFile>,
    /// Position of the next byte to send. `end` is where the part ends.
    at: u64,
    end: u64,
    sent: u64,
    /// The bytes that the principal may send, and the time at which it may send more, if it may not now.
    bandwidth: Arc<Bandwidth>,
    ready_at: Option<Duration>,
}

impl ReadStaged {
    pub(super) fn new(
        context: &StartContext<'_>,
        path: RemotePath,
        file: StagedFileId,
        part: Part,
    ) -> Result<Self, Failure> {
        let who = Writer { grant: context.grant, session: context.session };
        let file = context.staged_files.find(file, &path, who).map_err(|failure| failure.at(&path))?;
        let size = file.size();
        let (at, end) = (part.offset.min(size), part.offset.saturating_add(part.length).min(size));
        let bandwidth = Arc::clone(&context.grant.bandwidth);
        Ok(Self { path, file, at, end, sent: 0, bandwidth, ready_at: None })
    }
}

impl Operation for ReadStaged {
    fn step(&mut self, turn: &mut OperationTurn<'_, '_>) -> Step {
        if self.at >= self.end {
            return Step::Ended(Ok(Done { bytes: self.sent, ..Done::default() }));
        }
        self.ready_at = self.bandwidth.wait(Direction::Sent).map(|wait| turn.now + wait);
        if self.ready_at.is_some() {
            return Step::Nothing;
        }
        let message = &mut *turn.message;
        let allowed = turn.credit.min(self.bandwidth.allowance(Direction::Sent));
        let wanted = (self.end - self.at).min(allowed).min(message.room() as u64);
        let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
        if wanted == 0 {
            return Step::Nothing;
        }
        let count = match self.file.read_at(message.space(wanted), self.at) {
            // Its writer has cut it meanwhile.
            Ok(0) => return Step::Ended(Err(Failure::new(ErrorCode::SourceChanged).at(&self.path))),
            Ok(count) => count,
            Err(failure) => return Step::Ended(Err(failure.at(&self.path))),
        };
        message.advance(count);
        self.bandwidth.spend(Direction::Sent, count as u64);
        (self.at, self.sent) = (self.at + count as u64, self.sent + count as u64);
        Step::Message(Content::Bytes)
    }

    fn ready_at(&self) -> Option<Duration> {
        self.ready_at
    }
}
