//! The batches that wait to be unpacked, and the memory that an unpacker holds.

use super::super::decompress::DECOMPRESSOR_BYTES;
use super::super::intake::UnpackerMonitor;
use super::super::trouble::Trouble;
use super::across::Across;
use super::batch::Batch;
use super::{Current, Unpacker};
use crate::carrier::KeptPayload;
use remofile_protocol::wire::Item;

impl Unpacker {
    /// Keeps the items of a message and their bytes until [`Unpacker::work`] comes to them.
    pub fn put_by(&mut self, items: Vec<Item>, payload: KeptPayload, credit: u64) {
        let batch = Batch::new(items, payload, credit);
        self.put_by_bytes += batch.bytes;
        self.put_by.push_back(batch);
    }

    pub(super) fn put_back(&mut self, items: Vec<Item>, payload: &[u8]) {
        let batch = Batch::new(items, payload.to_vec().into(), 0);
        self.put_by_bytes += batch.bytes;
        self.put_by.push_front(batch);
    }

    /// Unpacks what was put by, copies what has to be, and flushes what is due, until that is done or `is_over` says so, which is asked behind
    /// each item.
    ///
    /// # Errors
    /// As [`Unpacker::take`].
    pub fn work(&mut self, is_over: &dyn Fn() -> bool, monitor: &mut dyn UnpackerMonitor) -> Result<(), Trouble> {
        while self.is_busy() {
            if self.go_across(is_over, monitor) {
                // What is behind it waits.
            } else if self.is_flush_due() {
                self.flush_due(monitor);
            } else {
                self.work_until_flush(is_over, monitor)?;
            }
            if is_over() {
                break;
            }
        }
        Ok(())
    }

    /// As [`Unpacker::work`], until a flush is due: it does not wait for the disk.
    ///
    /// # Errors
    /// As [`Unpacker::take`].
    pub fn work_until_flush(
        &mut self,
        is_over: &dyn Fn() -> bool,
        monitor: &mut dyn UnpackerMonitor,
    ) -> Result<(), Trouble> {
        while self.is_busy() && !self.is_flush_due() {
            if !self.copy_backup(monitor)
                && let Some(mut batch) = self.put_by.pop_front()
            {
                let is_done = self.unpack(&mut batch, is_over, monitor)?;
                if is_done {
                    self.put_by_bytes -= batch.bytes;
                    self.released += batch.credit;
                } else {
                    self.put_by.push_front(batch);
                }
            }
            if is_over() {
                break;
            }
        }
        self.make_changes(monitor);
        Ok(())
    }

    /// Unpacks a batch; whether all of it.
    fn unpack(
        &mut self,
        batch: &mut Batch,
        is_over: &dyn Fn() -> bool,
        monitor: &mut dyn UnpackerMonitor,
    ) -> Result<bool, Trouble> {
        while let Some(item) = batch.items.as_slice().first() {
            if self.needs_flush_before(item) {
                break;
            }
            let Some(item) = batch.items.next() else { break };
            let end = batch.taken + item.payload_bytes() as usize;
            let bytes = batch.payload.get(batch.taken..end).ok_or_else(super::without_bytes)?;
            self.take_item(item, bytes, monitor)?;
            batch.taken = end;
            if self.waits_for_backup() || self.is_flush_due() || is_over() {
                break;
            }
        }
        Ok(batch.items.len() == 0)
    }

    /// The credit of what was put by and is unpacked now.
    pub fn take_released(&mut self) -> u64 {
        std::mem::take(&mut self.released)
    }

    /// Returns the memory that the unpacker holds, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        let open = match &self.current {
            Current::Open(open) => open.memory_bytes(),
            Current::Between | Current::Unwanted => 0,
        };
        let decompressor = self.decompressor.as_ref().map_or(0, |_| DECOMPRESSOR_BYTES);
        let remembered = self.checked.memory_bytes() + self.names.memory_bytes() + self.modes.memory_bytes();
        size_of::<Self>() as u64
            + self.put_by_bytes as u64
            + self.waiting_bytes() as u64
            + open
            + decompressor
            + remembered
            + self.across.as_ref().map_or(0, Across::memory_bytes)
    }
}
