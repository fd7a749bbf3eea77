//! An upload: files and changes that the client sends, taken in by an unpacker.

use super::interface::{FirstWindow, Operation, OperationTurn, StartContext, Step};
use super::survey::refuse_occupied;
use crate::blocking::Slice;
use crate::carrier::{KeptPayload, Payload};
use crate::server::audit::TakenIn;
use crate::server::principal::Grant;
use crate::store::Fsync;
use crate::transfer::{
    Checked, Effect, ItemRules, LONGEST_WAIT, Stored, Unpacker, UnpackerMonitor, UnpackerOptions, items_bytes,
};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Done, ErrorCode, Failure, Item, OnConflict};
use std::sync::Arc;
use std::time::Duration;

/// Files that are taken in.
pub(super) struct Upload {
    state: UploadState,
    /// Messages that came before the destination was open.
    early: Vec<(Vec<Item>, KeptPayload, u64)>,
    early_bytes: usize,
    failures: Vec<Failure>,
    taken_in: TakenIn,
    has_begun: bool,
    is_finished: bool,
    /// True if the disk has kept it waiting, or is asked for each file to be on it, or a service may.
    is_slow: bool,
    /// The time at which files that wait for a flush are flushed though no others come.
    flush_at: Option<Duration>,
    /// True if what it did is on the disk already.
    is_on_disk: bool,
}

enum UploadState {
    Asked(Box<UploadRequest>),
    Open(Box<Unpacker>),
    Over(Result<Done, Failure>),
}

/// An upload as it was asked for, before anything is looked at.
struct UploadRequest {
    grant: Arc<Grant>,
    options: UnpackerOptions,
    names: Vec<String>,
    checked: Checked,
}

impl UploadRequest {
    fn open(self) -> Result<Unpacker, Failure> {
        let Self { grant, options, names, checked } = self;
        let (store, destination, is_blind) = (&grant.store, options.destination.clone(), options.permit.is_blind());
        let unpacker =
            Unpacker::new(Arc::clone(store), options, checked).map_err(|failure| failure.at(&destination))?;
        refuse_occupied(&**store, &destination, &names, is_blind)?;
        Ok(unpacker)
    }
}

impl Upload {
    pub(super) fn new(
        context: &mut StartContext<'_>,
        destination: RemotePath,
        on_conflict: OnConflict,
        names: Vec<String>,
    ) -> Self {
        let taken_in = TakenIn::new(context.entries.clone(), destination.clone());
        let options = UnpackerOptions {
            destination,
            on_conflict,
            file_size_limit: context.grant.principal.limits.file_size,
            sizes: 0..=u64::MAX,
            permit: Arc::clone(&context.permit),
            preserve_mode: true,
            rules: ItemRules::Theirs,
            changes: true,
            digest: context.digest,
        };
        let (grant, checked) = (Arc::clone(context.grant), std::mem::take(context.checked));
        Self {
            state: UploadState::Asked(Box::new(UploadRequest { grant, options, names, checked })),
            early: Vec::new(),
            early_bytes: 0,
            failures: Vec::new(),
            taken_in,
            has_begun: false,
            is_finished: false,
            is_slow: context.fsync == Fsync::Each || context.grant.store.is_distant(),
            flush_at: None,
            is_on_disk: false,
        }
    }

    fn take_state(&mut self) -> UploadState {
        std::mem::replace(&mut self.state, UploadState::Over(Err(ErrorCode::Other.into())))
    }

    fn work(&mut self, slice: &Slice, may_flush: bool) {
        let state = self.take_state();
        self.state = self.advance(state, slice, may_flush).unwrap_or_else(|failure| UploadState::Over(Err(failure)));
    }

    fn advance(&mut self, state: UploadState, slice: &Slice, may_flush: bool) -> Result<UploadState, Failure> {
        let mut unpacker = match state {
            UploadState::Asked(asked) if !asked.grant.await_count(slice) => return Ok(UploadState::Asked(asked)),
            UploadState::Asked(asked) => {
                let mut unpacker = Box::new(asked.open()?);
                self.has_begun = true;
                self.early_bytes = 0;
                self.early.drain(..).for_each(|(items, payload, credit)| unpacker.put_by(items, payload, credit));
                unpacker
            }
            UploadState::Open(unpacker) => unpacker,
            over @ UploadState::Over(_) => return Ok(over),
        };
        let mut monitor = ItemMonitor { failures: &mut self.failures, taken_in: &self.taken_in };
        let worked = match may_flush {
            true => unpacker.work(&|| slice.is_over(), &mut monitor),
            false => unpacker.work_until_flush(&|| slice.is_over(), &mut monitor),
        };
        if let Err(trouble) = worked {
            // Complete files stay, as those do that are visible already.
            unpacker.flush_waiting(&mut monitor);
            return Err(trouble.into());
        }
        if unpacker.is_busy() || !self.is_finished {
            return Ok(UploadState::Open(unpacker));
        }
        let stored = unpacker.finish(&mut monitor)?;
        let Stored { files, directories, bytes, attributes, is_on_disk, .. } = stored;
        self.is_on_disk = is_on_disk;
        let attributes = u32::try_from(attributes).unwrap_or(u32::MAX);
        Ok(UploadState::Over(Ok(Done { files, directories, bytes, attributes, ..Done::default() })))
    }
}

impl Upload {
    /// Has files flushed that wait for others which do not come.
    fn await_flush(&mut self, now: Duration) -> Step {
        let UploadState::Open(unpacker) = &mut self.state else { return Step::Nothing };
        if !unpacker.has_waiting() {
            self.flush_at = None;
            return Step::Nothing;
        }
        if now < *self.flush_at.get_or_insert(now + LONGEST_WAIT) {
            return Step::Nothing;
        }
        self.flush_at = None;
        unpacker.want_flush();
        Step::Blocking
    }
}

impl Operation for Upload {
    fn step(&mut self, turn: &mut OperationTurn<'_, '_>) -> Step {
        if turn.may_change && self.work_at_once() {
            return Step::Work;
        }
        match &self.state {
            UploadState::Asked(_) => return Step::Blocking,
            UploadState::Open(unpacker) if unpacker.is_busy() || self.is_finished => return Step::Blocking,
            UploadState::Open(_) => return self.await_flush(turn.now),
            UploadState::Over(_) => {}
        }
        match self.take_state() {
            UploadState::Over(Ok(done)) if self.is_on_disk => Step::Ended(Ok(done)),
            UploadState::Over(Ok(done)) => Step::Changed(done),
            UploadState::Over(Err(failure)) => Step::Ended(Err(failure)),
            UploadState::Asked(_) | UploadState::Open(_) => Step::Nothing,
        }
    }

    fn work_at_once(&mut self) -> bool {
        // What was just received is in the caches of this processor: on another one it took a sixth longer.
        let is_quick = matches!(&self.state, UploadState::Open(unpacker) if unpacker.is_busy() && !unpacker.is_flush_due())
            && !self.is_slow
            && !self.is_finished;
        if is_quick {
            let slice = Slice::at_once();
            self.work(&slice, false);
            self.is_slow = slice.is_over();
        }
        is_quick
    }

    fn block(&mut self, slice: &Slice) {
        self.work(slice, true);
    }

    fn take_items(&mut self, items: Vec<Item>, payload: Payload<'_>, credit: u64) -> Result<(), Failure> {
        match &mut self.state {
            UploadState::Asked(_) => {
                let payload = payload.keep();
                self.early_bytes += items_bytes(&items) + payload.memory_bytes();
                self.early.push((items, payload, credit));
            }
            UploadState::Open(unpacker) => unpacker.put_by(items, payload.keep(), credit),
            // How it ended is about to be told.
            UploadState::Over(_) => {}
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Failure> {
        self.is_finished = true;
        Ok(())
    }

    fn goes_on_elsewhere(&self) -> bool {
        true
    }

    fn takes_content(&self) -> bool {
        true
    }

    fn take_released(&mut self) -> u64 {
        match &mut self.state {
            UploadState::Open(unpacker) => unpacker.take_released(),
            UploadState::Asked(_) | UploadState::Over(_) => 0,
        }
    }

    fn ready_at(&self) -> Option<Duration> {
        self.flush_at
    }

    fn take_failures(&mut self) -> Vec<Failure> {
        std::mem::take(&mut self.failures)
    }

    fn first_window(&self) -> FirstWindow {
        if self.has_begun { FirstWindow::Full } else { FirstWindow::NotYet }
    }

    fn memory_bytes(&self) -> u64 {
        let state = match &self.state {
            UploadState::Asked(asked) => asked.checked.memory_bytes(),
            UploadState::Open(unpacker) => unpacker.memory_bytes(),
            UploadState::Over(_) => 0,
        };
        state + self.early_bytes as u64
    }

    fn is_busy(&self) -> bool {
        match &self.state {
            UploadState::Asked(_) => true,
            UploadState::Open(unpacker) => unpacker.is_busy(),
            UploadState::Over(_) => false,
        }
    }

    fn ends_on_disk(&self) -> bool {
        !matches!(self.state, UploadState::Over(_))
    }

    fn interrupt(mut self: Box<Self>) {
        // What has come is stored: the next attempt goes on behind it.
        let state = self.take_state();
        if let Ok(UploadState::Open(unpacker)) = self.advance(state, &Slice::last(), true) {
            unpacker.interrupt(&mut ItemMonitor { failures: &mut self.failures, taken_in: &self.taken_in });
        }
    }

    fn cancel(mut self: Box<Self>) {
        // Complete files stay, as those do that are visible already.
        if let UploadState::Open(mut unpacker) = self.take_state() {
            unpacker.flush_waiting(&mut ItemMonitor { failures: &mut self.failures, taken_in: &self.taken_in });
        }
    }
}

/// Collects the files that were not stored, of which the client is told; of the others it learns by the end.
struct ItemMonitor<'a> {
    failures: &'a mut Vec<Failure>,
    taken_in: &'a TakenIn,
}

impl UnpackerMonitor for ItemMonitor<'_> {
    fn changed(&mut self, effect: Effect<'_>) {
        self.taken_in.changed(effect);
    }

    fn failed(&mut self, failure: Failure, by_sender: bool) {
        if !by_sender {
            self.taken_in.failed(&failure);
            self.failures.push(failure);
        }
    }
}
