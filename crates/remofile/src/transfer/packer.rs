//! Files into messages.

use super::compress::CompressLevel;
use super::feeding::{FedFile, FeedItem, Feeding, Next};
use super::filling::Filling;
use super::origins::Origins;
use super::packing::{Packed, PackerMonitor, PackerOptions};
use super::sending::{Sending, SendingStep, Squeeze};
use crate::carrier::MessageWriter;
use crate::store::StoreResult;
use remofile_protocol::wire::{ErrorCode, Failure, Item};
use std::time::{Duration, Instant};

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
}

impl Packer {
    /// Packs a feed.
    ///
    /// # Errors
    /// `out-of-resources` if there is no memory to compress with.
    pub fn new(feed: impl Feeding + 'static, options: PackerOptions) -> StoreResult<Self> {
        let squeeze = options.level.map(Squeeze::new).transpose()?;
        Ok(Self { feed: Box::new(feed), options, squeeze, current: None, aborted: None })
    }

    /// Returns the origins to which more may be added, if that is possible.
    pub fn origins(&mut self) -> Option<&mut dyn Origins> {
        self.feed.origins()
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
        let (mut idle, began) = (0, Instant::now());
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
            if began.elapsed() >= TURN {
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
                filling.push(Item::Directory { path, mode: mode.filter(|_| self.options.send.preserve_mode) });
            }
            FeedItem::Link { path, target, rule } => {
                monitor.started(&path, 0, 0);
                monitor.finished(&path, 0);
                filling.push(Item::Link { path, target, rule });
            }
            FeedItem::Change(item) => {
                monitor.changed(&item);
                filling.push(item);
            }
            FeedItem::Present { path, size } => {
                monitor.present(&path, size);
                return SendingStep::Worked;
            }
            FeedItem::Failed(failure) => return failed(failure, filling, monitor),
            FeedItem::File(file) => return self.begin_file(*file, filling, monitor),
        }
        SendingStep::Packed
    }

    fn begin_file(
        &mut self,
        file: FedFile,
        filling: &mut Filling<'_, '_>,
        monitor: &mut dyn PackerMonitor,
    ) -> SendingStep {
        if file.source.entry().size > self.options.file_size_limit {
            return failed(Failure::new(ErrorCode::FileTooLarge).at(file.shown), filling, monitor);
        }
        let current = self.current.insert(Sending::new(file, self.options, monitor.chunk_size()));
        current.begin(filling, monitor)
    }

    /// Stops sending the current file if it is `path`, because the receiver does not want it.
    pub fn abort(&mut self, path: &str, failure: &Failure) {
        // The receiver can mean only a file of which it has seen the begin.
        if self.current.take_if(|current| current.path() == path && current.is_begun()).is_some() {
            self.aborted = Some(Item::Abort { failure: failure.clone() });
        }
    }
}

fn failed(failure: Failure, filling: &mut Filling<'_, '_>, monitor: &mut dyn PackerMonitor) -> SendingStep {
    monitor.failed(&failure);
    filling.push(Item::Failed { failure });
    SendingStep::Packed
}
