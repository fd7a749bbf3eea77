//! A download: files that are packed and sent, perhaps counted before.

use super::interface::{Content, Operation, OperationTurn, StartContext, Step};
use super::selection::SourceSelection;
use crate::server::audit::SentOut;
use crate::server::bandwidth::{Bandwidth, Direction};
use crate::transfer::{Census, Counted, Origins, Pace, Packed, Packer, PackerMonitor, PackerOptions};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Done, ErrorCode, Failure, SendOptions};
use std::sync::Arc;
use std::time::Duration;

/// Files that are sent.
pub(super) struct Download {
    /// The census that comes first, until it is over.
    census: Option<Box<Census>>,
    packer: Box<Packer>,
    sent: Sent,
    pace: Box<Pace>,
    /// The bytes that the principal may send.
    bandwidth: Arc<Bandwidth>,
    /// Time at which the pace allows more, if it does not now.
    ready_at: Option<Duration>,
}

impl Download {
    pub(super) fn new(
        context: &StartContext<'_>,
        selected: &SourceSelection,
        total: bool,
        send_options: Option<SendOptions>,
    ) -> Result<Self, Failure> {
        // The limit is for what is stored.
        let packing = PackerOptions::of(send_options.unwrap_or_default(), u64::MAX, context.digest)?;
        let (feed, counted) = selected.feeds(context.grant, total)?;
        Ok(Self {
            census: counted.map(|feed| Box::new(Census::new(feed))),
            packer: Box::new(Packer::new(feed, packing)?),
            sent: Sent { files: 0, directories: 0, bytes: 0, sent_out: SentOut::new(context.entries.clone()) },
            pace: Box::new(Pace::of(&packing.send)),
            bandwidth: Arc::clone(&context.grant.bandwidth),
            ready_at: None,
        })
    }
}

impl Operation for Download {
    fn step(&mut self, turn: &mut OperationTurn<'_, '_>) -> Step {
        if let Some(census) = &mut self.census {
            if let Some(Counted { files, bytes, roll }) = census.step() {
                self.packer.expect(&roll);
                self.census = None;
                return Step::Counted { files, bytes };
            }
            return Step::Work;
        }
        let shared = self.bandwidth.wait(Direction::Sent).map(|wait| turn.now + wait);
        self.ready_at = self.pace.ready_at(turn.now).max(shared);
        if self.ready_at.is_some() {
            return Step::Nothing;
        }
        let allowance = self.pace.allowance(turn.now).min(self.bandwidth.allowance(Direction::Sent));
        match self.packer.pack(turn.message, turn.credit, allowance, &mut self.sent) {
            Packed::Items(items) => {
                let bytes = turn.message.payload_bytes();
                self.pace.spend(turn.now, bytes as u64);
                self.bandwidth.spend(Direction::Sent, bytes as u64);
                Step::Message(Content::Items(items))
            }
            Packed::Working => Step::Work,
            Packed::Blocked => Step::Nothing,
            Packed::Stopped => Step::Ended(Err(ErrorCode::Cancelled.into())),
            Packed::Finished => {
                let Sent { files, directories, bytes, .. } = self.sent;
                Step::Ended(Ok(Done { files, directories, bytes, ..Done::default() }))
            }
        }
    }

    fn origins(&mut self) -> Option<&mut dyn Origins> {
        self.packer.origins()
    }

    fn unwanted(&mut self, path: &str) {
        if self.packer.abort(path, &ErrorCode::Cancelled.into()) {
            self.sent.sent_out.give_up(ErrorCode::Cancelled.name());
        }
    }

    fn ready_at(&self) -> Option<Duration> {
        self.ready_at
    }

    fn memory_bytes(&self) -> u64 {
        self.census.as_ref().map_or(0, |census| census.memory_bytes()) + self.packer.memory_bytes()
    }
}

/// Numbers of files, directories and bytes that a download has sent.
struct Sent {
    files: u64,
    directories: u64,
    bytes: u64,
    sent_out: SentOut,
}

impl PackerMonitor for Sent {
    fn packed(&mut self, bytes: u64) {
        self.bytes += bytes;
        self.sent_out.packed(bytes);
    }

    fn opened(&mut self, path: &RemotePath) {
        self.sent_out.opened(path);
    }

    fn finished(&mut self, _path: &str, _size: u64) {
        self.files += 1;
        self.sent_out.finished();
    }

    fn failed(&mut self, failure: &Failure) {
        self.sent_out.failed(failure);
    }

    fn directory(&mut self) {
        self.directories += 1;
    }
}
