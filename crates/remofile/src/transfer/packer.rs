//! Files into messages.

use super::feed::{Feed, FeedItem};
use crate::carrier::MessageWriter;
use crate::store::{Source, StoreResult};
use remofile_protocol::digest::{Digest, Digester, digest};
use remofile_protocol::limits::{CREDIT_RESERVE_BYTES, MAX_HEADER_BYTES};
use remofile_protocol::wire::{ErrorCode, Failure, Item, credit_bytes};

/// Payload after which a message of several files is sent, so that the receiver can begin with them.
const BATCH_BYTES: usize = 256 * 1024;

/// What became of an attempt to fill a message.
#[derive(Debug, PartialEq, Eq)]
pub enum Packed {
    /// These items, whose bytes are in the message.
    Items(Vec<Item>),
    /// More credit is needed.
    Blocked,
    /// Everything was sent.
    Finished,
}

/// Told what is packed, as it is packed.
pub trait PackerMonitor {
    /// A file begins.
    fn started(&mut self, _path: &str, _size: u64) {}
    /// Bytes of it were packed.
    fn packed(&mut self, _bytes: u64) {}
    /// It was packed whole.
    fn finished(&mut self, _path: &str, _size: u64) {}
    /// It will not be sent.
    fn failed(&mut self, _failure: &Failure) {}
    /// A directory was packed.
    fn directory(&mut self) {}
}

/// Packs the files of a feed, in its order.
pub struct Packer {
    feed: Feed,
    file_size_limit: u64,
    current: Option<Current>,
}

/// The file that is being sent.
struct Current {
    path: String,
    shown: String,
    source: Box<dyn Source>,
    size: u64,
    sent: u64,
    check: Check,
}

/// The digest of what was sent so far.
enum Check {
    /// Nothing yet: a file that fits in one message is digested in one go.
    Nothing,
    Running(Digester),
}

impl Packer {
    /// Packs a feed; files of more than `file_size_limit` bytes fail.
    #[must_use]
    pub fn new(feed: Feed, file_size_limit: u64) -> Self {
        Self { feed, file_size_limit, current: None }
    }

    /// Fills a message with as much as fits in it and in `credit` bytes, less a reserve.
    pub fn pack(&mut self, message: &mut MessageWriter<'_>, credit: u64, monitor: &mut dyn PackerMonitor) -> Packed {
        let mut items: Vec<Item> = Vec::new();
        let (mut header_bytes, mut counted) = (0, 0);
        loop {
            header_bytes += credit_bytes(&items[counted..], 0);
            counted = items.len();
            let spent = header_bytes + message.payload_bytes() as u64;
            let left = usize::try_from(credit.saturating_sub(spent + CREDIT_RESERVE_BYTES)).unwrap_or(usize::MAX);
            let batched = message.payload_bytes() >= BATCH_BYTES && self.current.is_none();
            if left == 0 || message.room() == 0 || batched || header_bytes > MAX_HEADER_BYTES as u64 / 4 {
                return if items.is_empty() { Packed::Blocked } else { Packed::Items(items) };
            }
            match self.current.take() {
                Some(current) => self.current = current.pack(message, message.room().min(left), &mut items, monitor),
                None => match self.feed.next_item() {
                    None if items.is_empty() => return Packed::Finished,
                    None => return Packed::Items(items),
                    Some(item) => items.push(self.begin(item, monitor)),
                },
            }
        }
    }

    /// Begins the next item.
    fn begin(&mut self, item: FeedItem, monitor: &mut dyn PackerMonitor) -> Item {
        match item {
            FeedItem::Directory { path } => {
                monitor.directory();
                Item::Directory { path, mode: None }
            }
            FeedItem::Failed(failure) => failed(failure, monitor),
            FeedItem::File { shown, source, .. } if source.entry().size > self.file_size_limit => {
                failed(Failure::new(ErrorCode::FileTooLarge).at(shown), monitor)
            }
            FeedItem::File { path, shown, source } => {
                let (size, modified) = (source.entry().size, source.entry().modified);
                monitor.started(&path, size);
                self.current =
                    Some(Current { path: path.clone(), shown, source, size, sent: 0, check: Check::Nothing });
                Item::Begin { path, size: Some(size), modified: Some(modified), mode: None }
            }
        }
    }

    /// Stops sending the current file if it is `path`, because the receiver does not want it. The
    /// item to tell the receiver so.
    pub fn abort(&mut self, path: &str, failure: &Failure) -> Option<Item> {
        self.current.take_if(|current| current.path == path)?;
        Some(Item::Abort { failure: failure.clone() })
    }
}

fn failed(failure: Failure, monitor: &mut dyn PackerMonitor) -> Item {
    monitor.failed(&failure);
    Item::Failed { failure }
}

impl Current {
    /// Packs the next bytes; gives itself back while there are more.
    fn pack(
        mut self,
        message: &mut MessageWriter<'_>,
        room: usize,
        items: &mut Vec<Item>,
        monitor: &mut dyn PackerMonitor,
    ) -> Option<Self> {
        let before = message.payload_bytes();
        match self.read(message, room) {
            Ok(None) => {}
            Ok(Some(digest)) => {
                push_data(items, self.sent_since(before, message), monitor);
                items.push(Item::End { digest });
                monitor.finished(&self.path, self.size);
                return None;
            }
            Err(failure) => {
                message.truncate(before);
                let failure = failure.at(&self.shown);
                monitor.failed(&failure);
                items.push(Item::Abort { failure });
                return None;
            }
        }
        push_data(items, self.sent_since(before, message), monitor);
        Some(self)
    }

    fn sent_since(&self, before: usize, message: &MessageWriter<'_>) -> usize {
        message.payload_bytes() - before
    }

    /// Reads as much as there is room for; the digest when that was all.
    fn read(&mut self, message: &mut MessageWriter<'_>, room: usize) -> StoreResult<Option<Digest>> {
        let wanted = usize::try_from(self.size - self.sent).unwrap_or(usize::MAX).min(room);
        let space = message.space(wanted);
        let count = self.source.read_at(space, self.sent)?;
        if count < space.len() {
            return Err(Failure::new(ErrorCode::SourceChanged).because("it became shorter"));
        }
        self.sent += count as u64;
        let is_last = self.sent == self.size;
        let digest = match &mut self.check {
            Check::Nothing if is_last => Some(digest(space)),
            Check::Nothing => {
                let mut digester = Digester::new();
                digester.update(space);
                self.check = Check::Running(digester);
                None
            }
            Check::Running(digester) => {
                digester.update(space);
                is_last.then(|| digester.finish())
            }
        };
        message.advance(count);
        if is_last && !self.source.is_unchanged()? {
            return Err(Failure::new(ErrorCode::SourceChanged));
        }
        Ok(digest)
    }
}

fn push_data(items: &mut Vec<Item>, bytes: usize, monitor: &mut dyn PackerMonitor) {
    if bytes > 0 {
        items.push(Item::Data { length: u32::try_from(bytes).unwrap_or(u32::MAX) });
        monitor.packed(bytes as u64);
    }
}
