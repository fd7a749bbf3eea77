//! A write: a file that is changed in place.

use super::interface::{FirstWindow, Operation, OperationTurn, StartContext, Step};
use super::pieces::{Piece, Pieces};
use crate::blocking::Slice;
use crate::carrier::Payload;
use crate::server::principal::Grant;
use crate::store::{Editing, Store, StoreResult};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Done, ErrorCode, Failure, Item, Version};
use std::sync::Arc;

/// The options of a write.
#[derive(Debug, Clone, Copy)]
pub(super) struct WriteOptions {
    /// The length that the file gets first.
    pub(super) length: Option<u64>,
    /// True if pieces are appended at the end. Otherwise each piece names its position.
    pub(super) append: bool,
    /// True if the file is created if there is none.
    pub(super) create: bool,
}

/// A file that is changed in place.
pub(super) struct Write {
    path: RemotePath,
    options: WriteOptions,
    file_size_limit: u64,
    state: WriteState,
    pieces: Pieces,
    has_begun: bool,
}

enum WriteState {
    Asked(Arc<Grant>, Option<Version>),
    Open(InPlace),
    Over(Result<Done, Failure>, Change),
}

/// The state of the file: changed, or not.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    Made,
    None,
}

struct InPlace {
    file: Box<dyn Editing>,
    written: u64,
    change: Change,
}

impl Write {
    pub(super) fn new(
        context: &StartContext<'_>,
        path: RemotePath,
        version: Option<Version>,
        options: WriteOptions,
    ) -> Self {
        Self {
            path,
            options,
            file_size_limit: context.grant.principal.limits.file_size,
            state: WriteState::Asked(Arc::clone(context.grant), version),
            pieces: Pieces::default(),
            has_begun: false,
        }
    }

    fn open(&self, store: &dyn Store, version: Option<Version>) -> StoreResult<InPlace> {
        let WriteOptions { length, create, .. } = self.options;
        if length.is_some_and(|length| length > self.file_size_limit) {
            return Err(Failure::larger_than(self.file_size_limit));
        }
        let mut file = store.edit(&self.path, create)?;
        let (_, now) = file.look()?;
        if version.is_some_and(|version| version != now) {
            return Err(ErrorCode::SourceChanged.into());
        }
        if let Some(length) = length {
            file.set_length(length)?;
        }
        // A file that was created now is a change, too.
        let change = if length.is_some() || create { Change::Made } else { Change::None };
        Ok(InPlace { file, written: 0, change })
    }

    fn advance(&mut self, state: WriteState, slice: &Slice) -> Result<WriteState, Failure> {
        let mut open = match state {
            WriteState::Asked(grant, version) if !grant.await_count(slice) => {
                return Ok(WriteState::Asked(grant, version));
            }
            WriteState::Asked(grant, version) => {
                let open = self.open(&*grant.store, version).map_err(|failure| failure.at(&self.path))?;
                self.has_begun = true;
                open
            }
            WriteState::Open(open) => open,
            over @ WriteState::Over(..) => return Ok(over),
        };
        while let Some(piece) = self.pieces.pop() {
            let credit = self.write_items(&mut open, piece)?;
            self.pieces.release(credit);
            if slice.is_over() && !self.pieces.is_empty() {
                return Ok(WriteState::Open(open));
            }
        }
        if !self.pieces.is_finished() {
            return Ok(WriteState::Open(open));
        }
        let InPlace { file, written, change } = open;
        let (entry, version) = file.finish().map_err(|failure| failure.at(&self.path))?;
        let done = Done { bytes: written, entry: Some(entry), version: Some(version), ..Done::default() };
        Ok(WriteState::Over(Ok(done), change))
    }

    fn write_items(&self, open: &mut InPlace, piece: Piece) -> StoreResult<u64> {
        piece.write(|item, bytes| {
            let place = match (item, self.options.append) {
                (Item::Place { offset, .. }, false) => Some(offset),
                (Item::Data { .. }, true) => None,
                _ => return Err(Failure::new(ErrorCode::BadRequest).because("items that are no part of a write")),
            };
            self.write_piece(open, bytes, place).map_err(|failure| failure.at(&self.path))
        })
    }

    fn write_piece(&self, open: &mut InPlace, bytes: &[u8], place: Option<u64>) -> StoreResult<()> {
        let offset = match place {
            Some(offset) => offset,
            None => open.file.look()?.0.size,
        };
        let end = offset.checked_add(bytes.len() as u64).filter(|end| *end <= self.file_size_limit);
        end.ok_or_else(|| Failure::larger_than(self.file_size_limit))?;
        open.change = Change::Made;
        match place {
            Some(offset) => open.file.write_at(bytes, offset)?,
            None => open.file.append(bytes)?,
        }
        open.written += bytes.len() as u64;
        Ok(())
    }

    fn take_state(&mut self) -> WriteState {
        std::mem::replace(&mut self.state, WriteState::Over(Err(ErrorCode::Other.into()), Change::None))
    }
}

impl Operation for Write {
    fn step(&mut self, _turn: &mut OperationTurn<'_, '_>) -> Step {
        match &self.state {
            WriteState::Asked(..) => return Step::Blocking,
            WriteState::Open(_) if self.pieces.has_work() => return Step::Blocking,
            WriteState::Open(_) => return Step::Nothing,
            WriteState::Over(..) => {}
        }
        match self.take_state() {
            WriteState::Over(Ok(done), Change::Made) => Step::Changed(done),
            WriteState::Over(outcome, _) => Step::Ended(outcome),
            WriteState::Asked(..) | WriteState::Open(_) => Step::Nothing,
        }
    }

    fn block(&mut self, slice: &Slice) {
        let state = self.take_state();
        self.state = self.advance(state, slice).unwrap_or_else(|failure| WriteState::Over(Err(failure), Change::None));
    }

    fn take_items(&mut self, items: Vec<Item>, payload: Payload<'_>, credit: u64) -> Result<(), Failure> {
        self.pieces.push(items, payload, credit);
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Failure> {
        self.pieces.finish();
        Ok(())
    }

    fn takes_content(&self) -> bool {
        true
    }

    fn take_released(&mut self) -> u64 {
        self.pieces.take_released()
    }

    fn first_window(&self) -> FirstWindow {
        if self.has_begun { FirstWindow::Full } else { FirstWindow::NotYet }
    }

    fn memory_bytes(&self) -> u64 {
        self.pieces.memory_bytes()
    }

    fn is_busy(&self) -> bool {
        !self.pieces.is_empty()
    }

    fn ends_on_disk(&self) -> bool {
        matches!(self.state, WriteState::Open(_))
    }
}
