//! The flush behind an operation: it ends when what it did is on the disk.

use super::interface::{Operation, OperationTurn, Step};
use crate::blocking::Slice;
use crate::server::audit::Reporter;
use crate::store::{FlushMark, Store};
use remofile_protocol::wire::{Done, Failure};
use std::sync::Arc;
use std::time::Instant;

/// Memory of a thread that flushes, in bytes.
const FLUSH_BYTES: u64 = 64 * 1024;

/// An operation that did what was asked, and waits until that is on the disk.
pub(in crate::server) struct Flushed {
    done: Done,
    store: Arc<dyn Store>,
    since: FlushMark,
    flushed: Option<Result<(), Failure>>,
    reporter: Reporter,
}

impl Flushed {
    pub(in crate::server) fn new(done: Done, store: &Arc<dyn Store>, since: FlushMark, reporter: Reporter) -> Self {
        Self { done, store: Arc::clone(store), since, flushed: None, reporter }
    }
}

impl Operation for Flushed {
    fn step(&mut self, _turn: &mut OperationTurn<'_, '_>) -> Step {
        match self.flushed.take() {
            None => Step::Blocking,
            Some(flushed) => Step::Ended(flushed.map(|()| std::mem::take(&mut self.done))),
        }
    }

    fn block(&mut self, _slice: &Slice) {
        let began = Instant::now();
        let flushed = self.store.sync(self.since);
        self.reporter.flushed(flushed.is_ok(), began.elapsed());
        self.flushed = Some(flushed);
    }

    fn memory_bytes(&self) -> u64 {
        FLUSH_BYTES
    }

    fn is_flushing(&self) -> bool {
        true
    }
}
