//! An upload on its way.

use crate::transfer::{Unpacker, UnpackerMonitor};
use remofile_protocol::wire::{Done, Failure, Item};

/// Takes files in.
pub(in crate::server) struct Intake {
    unpacker: Box<Unpacker>,
    /// The credit of what is put by as long as the unpacker is busy.
    held: u64,
    is_finished: bool,
}

impl Intake {
    pub(super) fn new(unpacker: Unpacker) -> Self {
        Self { unpacker: Box::new(unpacker), held: 0, is_finished: false }
    }

    /// Takes items; gives whether they were used up, and not put by.
    pub(super) fn take(
        &mut self,
        items: Vec<Item>,
        payload: &[u8],
        credit: u64,
        tell: &mut dyn FnMut(Failure),
    ) -> Result<bool, Failure> {
        self.unpacker.take(items, payload, &mut ItemFailures(tell))?;
        let is_busy = self.unpacker.is_busy();
        self.held += if is_busy { credit } else { 0 };
        Ok(!is_busy)
    }

    /// Takes items that wait until [`Intake::go_on`] comes to them.
    pub(super) fn put_by(&mut self, items: Vec<Item>, payload: Vec<u8>, credit: u64) {
        self.unpacker.put_by(items, payload);
        self.held += credit;
    }

    /// What it holds in memory, in bytes.
    pub(super) fn memory_bytes(&self) -> u64 {
        self.unpacker.memory_bytes()
    }

    /// Whether something is being copied, a piece with each [`Intake::go_on`].
    pub(super) fn is_busy(&self) -> bool {
        self.unpacker.is_busy()
    }

    pub(super) fn go_on(&mut self, tell: &mut dyn FnMut(Failure)) -> Result<(), Failure> {
        Ok(self.unpacker.go_on(&mut ItemFailures(tell))?)
    }

    /// The credit of what was put by and is used up now.
    pub(super) fn released(&mut self) -> u64 {
        if self.is_busy() { 0 } else { std::mem::take(&mut self.held) }
    }

    /// No more items come.
    pub(super) fn finished(self) -> Self {
        Self { is_finished: true, ..self }
    }

    /// Whether all items came and were taken.
    pub(super) fn is_over(&self) -> bool {
        self.is_finished && !self.is_busy()
    }

    pub(super) fn finish(self, tell: &mut dyn FnMut(Failure)) -> Result<Done, Failure> {
        let stored = self.unpacker.finish(&mut ItemFailures(tell))?;
        let (files, directories, bytes) = (stored.files, stored.directories, stored.bytes);
        Ok(Done { files, directories, bytes, ..Done::default() })
    }

    /// What can be resumed is kept.
    pub(super) fn interrupt(self) {
        self.unpacker.interrupt();
    }
}

/// Tells a client of the files that were not stored; of the others it learns by the end.
struct ItemFailures<'a>(&'a mut dyn FnMut(Failure));

impl UnpackerMonitor for ItemFailures<'_> {
    fn failed(&mut self, failure: Failure, by_sender: bool) {
        if !by_sender {
            (self.0)(failure);
        }
    }
}
