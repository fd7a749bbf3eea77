//! Files into messages.

use super::compress::CompressLevel;
use super::feeding::{FedFile, FeedItem, Feeding, Next};
use super::origins::Origins;
use super::sending::{Sending, SendingStep, Squeeze};
use super::trouble::Stop;
use crate::carrier::MessageWriter;
use crate::store::StoreResult;
use remofile_protocol::digest::DigestKind;
use remofile_protocol::limits::{CREDIT_RESERVE_BYTES, MAX_HEADER_BYTES};
use remofile_protocol::wire::{ErrorCode, Failure, Item, SendOptions, Version};
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

/// Payload after which a message of several files is sent, so that the receiver can begin with them.
const BATCH_BYTES: usize = 256 * 1024;

/// Bytes to copy after which a message is sent, for the same reason.
const COPY_BATCH_BYTES: u64 = 32 * 1024 * 1024;

/// Steps without anything to send after which others have their turn.
const IDLE_STEPS: usize = 256;

/// How long one message is filled at most: on a slow disk thousands of small files take longer than a peer waits for a word.
const TURN: Duration = Duration::from_millis(50);

/// What became of an attempt to fill a message.
#[derive(Debug, PartialEq, Eq)]
pub enum Packed {
    /// These items, whose bytes are in the message.
    Items(Vec<Item>),
    /// Nothing yet, but there is more to do.
    Working,
    /// More credit is needed, or more sources.
    Blocked,
    /// The monitor wanted no more.
    Stopped,
    /// Everything was sent.
    Finished,
}

/// Told what is packed, as it is packed.
pub trait PackerMonitor {
    /// A file begins; the receiver has it up to `offset`.
    fn started(&mut self, _path: &str, _size: u64, _offset: u64) {}
    /// Bytes of its content were packed.
    fn packed(&mut self, _bytes: u64) {}
    /// It was packed whole.
    fn finished(&mut self, _path: &str, _size: u64) {}
    /// It will not be sent.
    fn failed(&mut self, _failure: &Failure) {}
    /// It is at the destination already.
    fn present(&mut self, _path: &str, _size: u64) {}
    /// A directory was packed.
    fn directory(&mut self) {}
    /// A change without content was packed.
    fn changed(&mut self, _item: &Item) {}
    /// The size of the chunks it wants to see; `None` for none.
    fn chunk_size(&self) -> Option<NonZeroU32> {
        None
    }
    /// A chunk is about to be packed.
    ///
    /// # Errors
    /// [`Stop`], to end the transfer.
    fn chunk(&mut self, _chunk: &[u8], _remaining: u64, _size: u64, _path: &str) -> Result<(), Stop> {
        Ok(())
    }
}

/// How files are packed.
#[derive(Debug, Clone, Copy)]
pub struct PackerOptions {
    /// Larger files fail, in bytes.
    pub file_size_limit: u64,
    /// Whether permission bits are sent.
    pub preserve_mode: bool,
    /// Whether holes are sent as holes.
    pub sparse: bool,
    /// Whether blocks that shrink are compressed.
    pub compress: Option<CompressLevel>,
    /// At most so many bytes of content in a message.
    pub chunk_bytes: Option<NonZeroU32>,
    /// The digest that ends files.
    pub digest: DigestKind,
    /// The version that a file takes the place of, where it is one file that does.
    pub replaces: Option<Version>,
}

impl PackerOptions {
    /// As a client asked for.
    ///
    /// # Errors
    /// `bad-request` if it asked for a level that zstd does not have.
    pub fn of(send_options: SendOptions, file_size_limit: u64, digest: DigestKind) -> StoreResult<Self> {
        let level = |level| {
            let unknown = || Failure::new(ErrorCode::BadRequest).because("there is no such level of compression");
            CompressLevel::new(level).ok_or_else(unknown)
        };
        Ok(Self {
            file_size_limit,
            preserve_mode: send_options.preserve_mode,
            sparse: send_options.sparse,
            compress: send_options.compress_level.map(level).transpose()?,
            chunk_bytes: send_options.chunk_bytes.and_then(NonZeroU32::new),
            digest,
            replaces: None,
        })
    }
}

/// Packs the files of a feed, in its order.
pub struct Packer {
    feed: Box<dyn Feeding>,
    options: PackerOptions,
    squeeze: Option<Squeeze>,
    current: Option<Sending>,
    /// Told before anything else.
    aborted: Option<Item>,
}

impl Packer {
    /// Packs a feed.
    ///
    /// # Errors
    /// `out-of-resources` if there is no memory to compress with.
    pub fn new(feed: impl Feeding + 'static, options: PackerOptions) -> StoreResult<Self> {
        let squeeze = options.compress.map(Squeeze::new).transpose()?;
        Ok(Self { feed: Box::new(feed), options, squeeze, current: None, aborted: None })
    }

    /// Where more origins are named, if they can be.
    pub fn origins(&mut self) -> Option<&mut dyn Origins> {
        self.feed.origins()
    }

    /// What it holds in memory, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        let squeeze = self.options.compress.map_or(0, CompressLevel::memory_bytes);
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
        let mut filling = Filling::new(message, credit, limit, self.options.chunk_bytes);
        let (mut idle, began) = (0, Instant::now());
        loop {
            let is_batched = filling.message.payload_bytes() >= BATCH_BYTES && self.current.is_none();
            if is_batched || filling.is_full() {
                return filling.finish(Packed::Blocked);
            }
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
                filling.push(Item::Directory { path, mode: mode.filter(|_| self.options.preserve_mode) });
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

/// A message that is being filled.
pub(super) struct Filling<'a, 'b> {
    pub(super) message: &'a mut MessageWriter<'b>,
    items: Vec<Item>,
    credit: u64,
    /// Credit that the items take, without the payload.
    spent: u64,
    header_bytes: usize,
    /// Bytes that the receiver is to copy.
    copied: u64,
    /// Most payload.
    most: usize,
}

impl<'a, 'b> Filling<'a, 'b> {
    fn new(message: &'a mut MessageWriter<'b>, credit: u64, limit: u64, chunk_bytes: Option<NonZeroU32>) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let most = chunk_bytes.map_or(usize::MAX, |bytes| bytes.get() as usize).min(limit);
        let credit = credit.saturating_sub(CREDIT_RESERVE_BYTES);
        Self { message, items: Vec::new(), credit, spent: 0, header_bytes: 0, copied: 0, most }
    }

    pub(super) fn push(&mut self, item: Item) {
        self.spent += item.credit_bytes();
        if let Item::Copy { length, .. } = item {
            self.copied += length;
        }
        // No item has more beside its texts than some numbers and a digest.
        self.header_bytes += item.text_bytes() + 48;
        self.items.push(item);
    }

    /// Bytes that were put into the message are the next ones of the open file.
    pub(super) fn push_data(&mut self, bytes: usize) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        match self.items.last_mut() {
            Some(Item::Data { length }) => *length += bytes,
            _ => self.push(Item::Data { length: bytes }),
        }
    }

    /// Credit that is left, in bytes.
    pub(super) fn credit(&self) -> u64 {
        self.credit.saturating_sub(self.spent + self.message.payload_bytes() as u64)
    }

    /// Content that may be added, in bytes.
    pub(super) fn room(&self) -> usize {
        let room = self.message.room().min(self.most.saturating_sub(self.message.payload_bytes()));
        usize::try_from(self.credit()).unwrap_or(usize::MAX).min(room)
    }

    fn is_full(&self) -> bool {
        self.room() == 0 || self.copied >= COPY_BATCH_BYTES || self.header_bytes > MAX_HEADER_BYTES / 4
    }

    fn finish(self, otherwise: Packed) -> Packed {
        if self.items.is_empty() { otherwise } else { Packed::Items(self.items) }
    }
}
