//! Items of one stream put into the messages of another: files that pass through this side without being kept here.

use super::decompress::Decompressor;
use super::feeding::Next;
use super::filling::Filling;
use super::intake::ItemRules;
use super::packing::{Packed, PackerMonitor};
use super::portion::Portion;
use crate::carrier::MessageWriter;
use crate::store::StoreResult;
use remofile_protocol::limits::{HOLE_BYTES_A_CREDIT, MAX_HOLE_BYTES};
use remofile_protocol::wire::{ErrorCode, Failure, Item, OnConflict};
use std::collections::{HashMap, VecDeque};

/// Payload after which a message of several files is sent, so that the receiver can begin with them.
const BATCH_BYTES: usize = 256 * 1024;

/// Passes on items, with the digests that their sender gave them: so a file is checked from end to end.
pub struct Forwarder {
    /// Conflict rules of single files, by their keys.
    rules: HashMap<u128, OnConflict>,
    portion: Option<Portion>,
    open: Option<OpenFile>,
    /// Abort of the open file, which is sent before anything else.
    aborted: Option<Item>,
    /// The bytes of a block that is too large for a message of the receiver, decompressed; those before were passed on.
    loose: VecDeque<u8>,
    decompressor: Option<Decompressor>,
    /// Credit of portions that were passed on, in bytes.
    released: u64,
    is_stopped: bool,
}

/// The file whose content passes through.
struct OpenFile {
    path: String,
    size: u64,
    /// True if the receiver does not want it: what comes of it is dropped.
    is_dropped: bool,
}

/// The outcome of a step.
enum Step {
    Packed,
    /// The item at hand has no room in this message.
    Full,
}

impl Forwarder {
    /// Passes on items; files get the rules that were decided on for them alone.
    #[must_use]
    pub fn new(rules: HashMap<u128, OnConflict>) -> Self {
        Self {
            rules,
            portion: None,
            open: None,
            aborted: None,
            loose: VecDeque::new(),
            decompressor: None,
            released: 0,
            is_stopped: false,
        }
    }

    /// Returns the credit of what was passed on since the last call, in bytes.
    pub fn take_released(&mut self) -> u64 {
        std::mem::take(&mut self.released)
    }

    /// Stops sending the open file if it is `path`, because the receiver does not want it. Returns whether it was.
    pub fn abort(&mut self, path: &str, failure: &Failure) -> bool {
        let open = self.open.as_mut().filter(|open| open.path == path && !open.is_dropped);
        let Some(open) = open else { return false };
        open.is_dropped = true;
        self.loose.clear();
        self.aborted = Some(Item::Abort { failure: failure.clone() });
        true
    }

    /// Sends nothing more, for this reason: the open file is given up, and no other begins.
    pub fn stop(&mut self, code: ErrorCode) {
        self.is_stopped = true;
        if let Some(path) = self.open.as_ref().map(|open| open.path.clone()) {
            self.abort(&path, &code.into());
        }
    }

    /// Fills a message with what `next` gives, as far as it fits in it and in `credit` bytes, less a reserve.
    ///
    /// # Errors
    /// A block that cannot be decompressed.
    pub fn pack(
        &mut self,
        message: &mut MessageWriter<'_>,
        credit: u64,
        limit: u64,
        next: &mut dyn FnMut() -> Next<Portion>,
        monitor: &mut dyn PackerMonitor,
    ) -> StoreResult<Packed> {
        let mut filling = Filling::new(message, credit, limit, None);
        loop {
            let is_batched = filling.message.payload_bytes() >= BATCH_BYTES && self.open.is_none();
            if is_batched || filling.is_full() {
                return Ok(filling.finish(Packed::Blocked));
            }
            if let Some(aborted) = self.aborted.take() {
                filling.push(aborted);
                continue;
            }
            if self.is_stopped {
                return Ok(filling.finish(Packed::Finished));
            }
            if !self.loose.is_empty() {
                self.pack_loose(&mut filling, monitor);
                continue;
            }
            let Some(portion) = &mut self.portion else {
                match next() {
                    Next::Item(portion) => self.portion = Some(portion),
                    Next::Working | Next::Pending => return Ok(filling.finish(Packed::Blocked)),
                    Next::End => return Ok(filling.finish(Packed::Finished)),
                }
                continue;
            };
            let Some(item) = portion.items.pop_front() else {
                self.released += portion.credit;
                self.portion = None;
                continue;
            };
            if let Step::Full = self.forward(item, &mut filling, monitor)? {
                return Ok(filling.finish(Packed::Blocked));
            }
        }
    }

    /// Passes on an item, or as much of it as there is room for; the rest is the next item.
    fn forward(
        &mut self,
        item: Item,
        filling: &mut Filling<'_, '_>,
        monitor: &mut dyn PackerMonitor,
    ) -> StoreResult<Step> {
        match item {
            Item::Begin { ref path, size, offset, .. } => {
                monitor.started(path, size.unwrap_or(0), offset);
                self.open = Some(OpenFile { path: path.clone(), size: size.unwrap_or(0), is_dropped: false });
                let item = self.ruled(item);
                filling.push(item);
            }
            Item::Link { ref path, .. }
            | Item::KeptLink { ref path, .. }
            | Item::HardLink { ref path, .. }
            | Item::Special { ref path, .. } => {
                monitor.started(path, 0, 0);
                monitor.finished(path, 0);
                let item = self.ruled(item);
                filling.push(item);
            }
            Item::End { .. } => {
                if let Some(open) = self.open.take().filter(|open| !open.is_dropped) {
                    filling.push(item);
                    monitor.finished(&open.path, open.size);
                }
            }
            Item::Abort { ref failure } => {
                if let Some(open) = self.open.take().filter(|open| !open.is_dropped) {
                    // The sender knows the file by a path of its own.
                    let failure = if failure.path.is_some() { failure.clone() } else { failure.clone().at(open.path) };
                    monitor.failed(&failure);
                    filling.push(item);
                }
            }
            Item::Failed { ref failure } => {
                monitor.failed(failure);
                filling.push(item);
            }
            Item::Data { length } => return Ok(self.data(length, filling, monitor)),
            Item::Compressed { length, size } => return self.compressed(length, size, filling, monitor),
            Item::Hole { length } => return Ok(self.hole(length, filling, monitor)),
            other => {
                monitor.changed(&other);
                filling.push(other);
            }
        }
        Ok(Step::Packed)
    }

    /// Reports whether content is dropped, as no receiver wants it.
    fn is_dropping(&self) -> bool {
        self.open.as_ref().is_none_or(|open| open.is_dropped)
    }

    fn ruled(&self, mut item: Item) -> Item {
        match &mut item {
            Item::Begin { path, rule, .. }
            | Item::Link { path, rule, .. }
            | Item::KeptLink { path, rule, .. }
            | Item::HardLink { path, rule, .. }
            | Item::Special { path, rule, .. } => *rule = self.rules.get(&ItemRules::key(path)).copied(),
            _ => {}
        }
        item
    }

    fn data(&mut self, length: u32, filling: &mut Filling<'_, '_>, monitor: &mut dyn PackerMonitor) -> Step {
        let is_dropped = self.is_dropping();
        let Some(portion) = &mut self.portion else { return Step::Packed };
        let wanted = if is_dropped { length as usize } else { filling.room().min(length as usize) };
        let bytes = portion.next_bytes(wanted);
        if !is_dropped {
            let count = filling.message.append(bytes);
            filling.push_data(count);
            monitor.packed(count as u64);
        }
        let left = length - u32::try_from(wanted).unwrap_or(length);
        if left > 0 {
            portion.items.push_front(Item::Data { length: left });
            return Step::Full;
        }
        Step::Packed
    }

    /// Passes on a block as it is. One that has no room in any message of the receiver is decompressed.
    fn compressed(
        &mut self,
        length: u32,
        size: u32,
        filling: &mut Filling<'_, '_>,
        monitor: &mut dyn PackerMonitor,
    ) -> StoreResult<Step> {
        let is_dropped = self.is_dropping();
        let Some(portion) = &mut self.portion else { return Ok(Step::Packed) };
        if is_dropped {
            portion.next_bytes(length as usize);
            return Ok(Step::Packed);
        }
        let (has_room, is_empty) = (filling.message.room() >= length as usize, filling.message.payload_bytes() == 0);
        let has_credit = filling.credit() >= u64::from(size.max(length));
        if (has_room && !has_credit) || (!has_room && !is_empty) {
            portion.items.push_front(Item::Compressed { length, size });
            return Ok(Step::Full);
        }
        let block = portion.next_bytes(length as usize);
        if has_room {
            filling.message.append(block);
            filling.push(Item::Compressed { length, size });
            monitor.packed(u64::from(size));
            return Ok(Step::Packed);
        }
        let decompressor = match &mut self.decompressor {
            Some(decompressor) => decompressor,
            none => none.insert(Decompressor::new()?),
        };
        self.loose.extend(decompressor.decompress(block, size as usize)?);
        Ok(Step::Packed)
    }

    fn pack_loose(&mut self, filling: &mut Filling<'_, '_>, monitor: &mut dyn PackerMonitor) {
        let count = self.loose.len().min(filling.room());
        let bytes: Vec<u8> = self.loose.drain(..count).collect();
        filling.message.append(&bytes);
        filling.push_data(count);
        monitor.packed(count as u64);
    }

    fn hole(&mut self, length: u64, filling: &mut Filling<'_, '_>, monitor: &mut dyn PackerMonitor) -> Step {
        if self.is_dropping() {
            return Step::Packed;
        }
        let now = length.min(MAX_HOLE_BYTES).min(filling.credit().saturating_mul(HOLE_BYTES_A_CREDIT));
        filling.push(Item::Hole { length: now });
        monitor.packed(now);
        if let Some(portion) = self.portion.as_mut().filter(|_| now < length) {
            portion.items.push_front(Item::Hole { length: length - now });
        }
        Step::Packed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transfer::{CompressLevel, Compressor};
    use remofile_protocol::limits::{INITIAL_CREDIT_BYTES, MIN_PAYLOAD_BYTES};
    use remofile_protocol::wire::Timestamp;
    use remofile_protocol::wire::credit_bytes;

    struct Quiet;

    impl PackerMonitor for Quiet {}

    fn begin(path: &str) -> Item {
        let (size, modified) = (Some(9), Some(Timestamp::new(1, 2)));
        Item::Begin { path: path.to_owned(), size, modified, mode: None, rule: None, offset: 0, replaces: None }
    }

    /// Passes portions on, in messages of at most so much payload. Returns the items and the bytes that came out.
    fn pass(forwarder: &mut Forwarder, portions: Vec<Portion>, most: usize, credit: u64) -> (Vec<Item>, Vec<u8>) {
        let (mut portions, mut items, mut payload) = (portions.into_iter(), Vec::new(), Vec::new());
        loop {
            let mut bytes = Vec::new();
            let mut message = MessageWriter::new(&mut bytes, 0, most);
            let mut next = || portions.next().map_or(Next::End, Next::Item);
            let packed = forwarder.pack(&mut message, credit, u64::MAX, &mut next, &mut Quiet).unwrap();
            let length = message.payload_bytes();
            payload.extend_from_slice(&bytes[..length]);
            match packed {
                Packed::Items(more) => {
                    assert!(credit_bytes(&more, length) <= credit, "within the credit");
                    items.extend(more);
                }
                Packed::Finished => return (items, payload),
                other => panic!("{other:?}"),
            }
        }
    }

    fn data_bytes(items: &[Item]) -> u64 {
        items.iter().map(|item| u64::from(item.payload_bytes())).sum()
    }

    #[test]
    fn content_is_cut_to_the_messages_and_the_credit_of_the_receiver() {
        let content: Vec<u8> = (0..900_000_u32).map(|number| number as u8).collect();
        let items = vec![begin("a"), Item::Data { length: 900_000 }, Item::End { digest: [7; 16] }, begin("b")];
        let portion = Portion::new(items, &content);
        let credit = portion.credit;
        let mut forwarder = Forwarder::new(HashMap::new());
        let (items, bytes) = pass(&mut forwarder, vec![portion], MIN_PAYLOAD_BYTES as usize, 100_000);
        assert!(bytes == content && data_bytes(&items) == 900_000);
        assert_eq!((items.first(), items.last()), (Some(&begin("a")), Some(&begin("b"))));
        assert!(items.contains(&Item::End { digest: [7; 16] }), "the sender's digest");
        assert_eq!(forwarder.take_released(), credit);
    }

    #[test]
    fn a_block_passes_as_it_is_and_decompressed_where_no_message_holds_it() {
        let content: Vec<u8> = common_words().into_bytes();
        let mut block = Vec::new();
        assert!(Compressor::new(CompressLevel::default()).unwrap().compress(&content, &mut block));
        let (length, size) = (u32::try_from(block.len()).unwrap(), u32::try_from(content.len()).unwrap());
        let portion = || Portion::new(vec![begin("a"), Item::Compressed { length, size }], &block);
        let mut forwarder = Forwarder::new(HashMap::new());
        let (items, bytes) = pass(&mut forwarder, vec![portion()], 1 << 20, INITIAL_CREDIT_BYTES);
        assert_eq!((items.last(), &bytes), (Some(&Item::Compressed { length, size }), &block));
        let (items, bytes) = pass(&mut forwarder, vec![portion()], block.len() - 1, INITIAL_CREDIT_BYTES);
        assert!(bytes == content && data_bytes(&items) == content.len() as u64);
    }

    fn common_words() -> String {
        (0..20_000).map(|number| format!("{} ", number % 977)).collect()
    }

    #[test]
    fn a_file_that_the_receiver_refuses_is_given_up_and_the_next_one_passes() {
        let mut forwarder = Forwarder::new([(ItemRules::key("b"), OnConflict::Replace)].into());
        let (items, _) = pass(&mut forwarder, vec![Portion::new(vec![begin("a")], &[])], 100, INITIAL_CREDIT_BYTES);
        assert_eq!(items, [begin("a")]);
        let failure = Failure::new(ErrorCode::NoSpace);
        assert!(!forwarder.abort("b", &failure) && forwarder.abort("a", &failure) && !forwarder.abort("a", &failure));
        let rest = vec![Item::Data { length: 2 }, Item::End { digest: [0; 16] }, begin("b"), Item::Data { length: 1 }];
        let (items, bytes) = pass(&mut forwarder, vec![Portion::new(rest, b"aab")], 100, INITIAL_CREDIT_BYTES);
        let replacing = forwarder.ruled(begin("b"));
        assert!(matches!(&replacing, Item::Begin { rule: Some(OnConflict::Replace), .. }));
        assert_eq!(
            (items, &bytes[..]),
            (vec![Item::Abort { failure }, replacing, Item::Data { length: 1 }], &b"b"[..])
        );
        forwarder.stop(ErrorCode::NoSpace);
        let (items, _) = pass(&mut forwarder, vec![Portion::new(vec![begin("c")], &[])], 100, INITIAL_CREDIT_BYTES);
        assert_eq!(items, [Item::Abort { failure: ErrorCode::NoSpace.into() }], "the open file");
    }

    #[test]
    fn long_holes_are_cut_to_the_credit() {
        let hole = Item::Hole { length: 1 << 26 };
        let portion = Portion::new(vec![begin("a"), hole], &[]);
        let (items, _) = pass(&mut Forwarder::new(HashMap::new()), vec![portion], 1 << 20, 100_000);
        let length = |item: &Item| if let Item::Hole { length } = item { *length } else { 0 };
        assert!(items.iter().map(length).sum::<u64>() == 1 << 26 && items.len() > 2, "{items:?}");
    }
}
