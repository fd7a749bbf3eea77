//! Files into messages.

use super::compress::CompressLevel;
use super::feeding::{FedFile, FeedItem, Feeding, Next};
use super::filling::Filling;
use super::origins::Origins;
use super::packing::{Packed, PackerMonitor, PackerOptions};
use super::roll::Roll;
use super::sending::{Sending, SendingStep, Squeeze};
use crate::carrier::{MessageWriter, clock};
use crate::store::StoreResult;
use remofile_protocol::wire::{AttributeSet, ErrorCode, Failure, Item};
use std::sync::Arc;
use std::time::Duration;

/// Payload after which a message of several files is sent, so that the receiver can begin with them.
const BATCH_BYTES: usize = 256 * 1024;

/// Steps without anything to send after which others have their turn.
const IDLE_STEPS: usize = 256;

/// The longest time for which one message is filled: on a slow disk thousands of small files take longer than a peer
/// waits for a word.
const TURN: Duration = Duration::from_millis(50);

/// Packs the files of a feed, in its order.
pub struct Packer {
    feed: Box<dyn Feeding>,
    options: PackerOptions,
    squeeze: Option<Squeeze>,
    current: Option<Sending>,
    /// Abort of a file, which is sent before anything else.
    aborted: Option<Item>,
    /// True if nothing more is to be sent.
    is_stopped: bool,
    /// True if there was more to send then.
    has_more: bool,
}

impl Packer {
    /// Packs a feed.
    ///
    /// # Errors
    /// `out-of-resources` if there is no memory to compress with.
    pub fn new(feed: impl Feeding + 'static, options: PackerOptions) -> StoreResult<Self> {
        let squeeze = options.level.map(Squeeze::new).transpose()?;
        Ok(Self {
            feed: Box::new(feed),
            options,
            squeeze,
            current: None,
            aborted: None,
            is_stopped: false,
            has_more: false,
        })
    }

    /// Returns the origins to which more may be added, if that is possible.
    pub fn origins(&mut self) -> Option<&mut dyn Origins> {
        self.feed.origins()
    }

    /// Expects the files that were counted.
    pub fn expect(&mut self, roll: &Arc<Roll>) {
        self.feed.expect(roll);
    }

    /// Returns the memory that the packer holds, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        let squeeze = self.options.level.map_or(0, CompressLevel::memory_bytes);
        self.feed.memory_bytes() + squeeze + self.current.as_ref().map_or(0, Sending::memory_bytes)
    }

    /// Fills a message with as much as fits in it and in `credit` bytes, less a reserve, but with no more
    /// than `limit` bytes of payload.
    pub fn pack(
        &mut self,
        message: &mut MessageWriter<'_>,
        credit: u64,
        limit: u64,
        monitor: &mut dyn PackerMonitor,
    ) -> Packed {
        let mut filling = Filling::new(message, credit, limit, self.options.send.chunk());
        let (mut idle, began) = (0, clock::now());
        loop {
            let is_batched = filling.message.payload_bytes() >= BATCH_BYTES && self.current.is_none();
            if is_batched || filling.is_full() {
                return filling.finish(Packed::Blocked);
            }
            // Before the next file begins: the receiver takes the abort for the open one.
            if let Some(aborted) = self.aborted.take() {
                filling.push(aborted);
                continue;
            }
            let step = match &mut self.current {
                _ if self.is_stopped => self.look_for_more(&mut filling, monitor),
                Some(current) => current.pack(&mut filling, &mut self.squeeze, monitor),
                None => self.begin_next(&mut filling, monitor),
            };
            match step {
                SendingStep::Packed => idle = 0,
                SendingStep::FileOver => self.current = None,
                SendingStep::Worked if idle < IDLE_STEPS => idle += 1,
                SendingStep::Stopped => return Packed::Stopped,
                SendingStep::Worked => return filling.finish(Packed::Working),
                SendingStep::Pending => return filling.finish(Packed::Blocked),
                SendingStep::End => return filling.finish(Packed::Finished),
            }
            if clock::now() - began >= TURN {
                return filling.finish(Packed::Working);
            }
        }
    }

    /// Begins the next thing there is to send.
    fn begin_next(&mut self, filling: &mut Filling<'_, '_>, monitor: &mut dyn PackerMonitor) -> SendingStep {
        let item = match self.feed.next_item() {
            Next::Item(item) => item,
            Next::Working => return SendingStep::Worked,
            Next::Pending => return SendingStep::Pending,
            Next::End => return SendingStep::End,
        };
        match item {
            FeedItem::Directory { path, mode } => {
                monitor.directory();
                filling.push(Item::Directory { path, mode: self.directory_mode(mode) });
            }
            FeedItem::Link { path, target, kept, rule } => {
                sent_at_once(&path, monitor);
                filling.push(match kept {
                    true => Item::KeptLink { path, target, rule },
                    false => Item::Link { path, target, rule },
                });
            }
            FeedItem::HardLink { path, of, rule } => {
                sent_at_once(&path, monitor);
                filling.push(Item::HardLink { path, of, rule });
            }
            FeedItem::Special { path, special, modified, mode, rule } => {
                sent_at_once(&path, monitor);
                let (modified, mode) = (Some(modified), mode.filter(|_| self.options.send.preserve_mode));
                filling.push(Item::Special { path, special, modified, mode, rule });
            }
            FeedItem::Change(item) => {
                monitor.changed(&item);
                filling.push(item);
            }
            FeedItem::Present { path, size, mode } => {
                monitor.present(&path, size);
                if mode.is_none() {
                    return SendingStep::Worked;
                }
                filling.push(Item::Touch { path, modified: None, mode });
            }
            FeedItem::Failed(failure) => return failed(failure, filling, monitor),
            FeedItem::File(file) => return self.begin_file(*file, filling, monitor),
        }
        SendingStep::Packed
    }

    /// Returns the mode that a directory is made with. Where all attributes follow, nothing is kept out of it before.
    fn directory_mode(&self, mode: Option<u32>) -> Option<u32> {
        let follows = self.options.send.attributes.has(AttributeSet::TIMES_AND_MODES);
        let is_sent = self.options.send.preserve_mode && self.options.directory_modes;
        mode.filter(|_| is_sent).map(|mode| if follows { mode | 0o700 } else { mode })
    }

    fn begin_file(
        &mut self,
        file: FedFile,
        filling: &mut Filling<'_, '_>,
        monitor: &mut dyn PackerMonitor,
    ) -> SendingStep {
        if file.source.entry().size > self.options.file_size_limit {
            let limit = self.options.file_size_limit;
            return failed(Failure::larger_than(limit).at(file.shown), filling, monitor);
        }
        let current = self.current.insert(Sending::new(file, self.options, monitor.chunk_size()));
        current.begin(filling, monitor)
    }

    /// Stops sending the current file if it is `path`, because the receiver does not want it. Returns whether it was.
    pub fn abort(&mut self, path: &str, failure: &Failure) -> bool {
        // The receiver can mean only a file of which it has seen the begin.
        let is_current = self.current.take_if(|current| current.path() == path && current.is_begun()).is_some();
        if is_current {
            self.aborted = Some(Item::Abort { failure: failure.clone() });
        }
        is_current
    }

    /// Sends nothing more, for this reason: the file at hand is given up, and no other begins.
    pub fn stop(&mut self, code: ErrorCode) {
        self.is_stopped = true;
        if let Some(current) = self.current.take() {
            self.has_more = true;
            self.aborted = current.is_begun().then(|| Item::Abort { failure: code.into() });
        }
    }

    /// Reports whether there was more to send when it was stopped. It is known when everything is packed.
    #[must_use]
    pub fn has_more(&self) -> bool {
        self.has_more
    }

    /// Looks whether there is more to send, which is not sent.
    fn look_for_more(&mut self, filling: &mut Filling<'_, '_>, monitor: &mut dyn PackerMonitor) -> SendingStep {
        if self.has_more {
            return SendingStep::End;
        }
        match self.feed.next_item() {
            Next::End => SendingStep::End,
            Next::Working => SendingStep::Worked,
            Next::Item(FeedItem::Present { path, size, mode: _ }) => {
                monitor.present(&path, size);
                SendingStep::Worked
            }
            Next::Item(FeedItem::Failed(failure)) => failed(failure, filling, monitor),
            // A directory alone is no loss, and made by the next attempt.
            Next::Item(FeedItem::Directory { .. }) => SendingStep::Worked,
            Next::Item(
                FeedItem::File(_)
                | FeedItem::Link { .. }
                | FeedItem::HardLink { .. }
                | FeedItem::Special { .. }
                | FeedItem::Change(_),
            )
            | Next::Pending => {
                self.has_more = true;
                SendingStep::End
            }
        }
    }
}

/// Tells of something without content.
fn sent_at_once(path: &str, monitor: &mut dyn PackerMonitor) {
    monitor.started(path, 0, 0);
    monitor.finished(path, 0);
}

fn failed(failure: Failure, filling: &mut Filling<'_, '_>, monitor: &mut dyn PackerMonitor) -> SendingStep {
    monitor.failed(&failure);
    filling.push(Item::Failed { failure });
    SendingStep::Packed
}
