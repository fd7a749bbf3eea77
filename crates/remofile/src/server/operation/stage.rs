//! A stage: writes to a file that nobody sees yet, and its commit.

use super::interface::{FirstWindow, Operation, OperationTurn, StartContext, Step};
use super::pieces::{Piece, Pieces};
use crate::blocking::Slice;
use crate::carrier::Payload;
use crate::server::audit::TakenIn;
use crate::server::principal::Grant;
use crate::server::staged_files::{Commit, SessionMark, StagedFile, StagedFiles, Writer};
use crate::store::{StagePlan, Staged, Store, StoreResult};
use crate::transfer::Effect;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Done, ErrorCode, Failure, Item, Kind, StagedFileId, Version};
use std::sync::Arc;

/// The options of a stage.
#[derive(Debug, Clone)]
pub(super) struct StageOptions {
    pub(super) path: RemotePath,
    pub(super) file: StagedFileId,
    /// The file begins, if it does.
    pub(super) begin: Option<BeginOptions>,
    /// The length that the file gets first.
    pub(super) length: Option<u64>,
    pub(super) end: StageEnd,
}

/// The options of a file that begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct BeginOptions {
    /// True if it takes the place of a file that is there.
    pub(super) replace: bool,
    /// True if there need not be one.
    pub(super) create: bool,
}

/// The end of a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StageEnd {
    /// More is to come.
    Open,
    /// The file becomes visible if it has this size.
    Commit {
        size: u64,
        version: Option<Version>,
    },
    Discard,
}

/// Writes to a staged file.
pub(super) struct Stage {
    options: StageOptions,
    files: Arc<StagedFiles>,
    grant: Arc<Grant>,
    session: SessionMark,
    taken_in: TakenIn,
    /// The file that this begins and ends: nobody else names it.
    own: Option<Arc<StagedFile>>,
    state: StageState,
    pieces: Pieces,
    written: u64,
    has_begun: bool,
}

enum StageState {
    Asked,
    /// Under this number of a writer.
    Open(Arc<StagedFile>, u64),
    /// The file was committed by the same request before.
    Committed,
    Over(Result<(), Failure>),
}

impl Stage {
    pub(super) fn new(context: &StartContext<'_>, options: StageOptions) -> Self {
        Self {
            options,
            files: Arc::clone(context.staged_files),
            grant: Arc::clone(context.grant),
            session: context.session.clone(),
            taken_in: TakenIn::new(context.entries.clone(), RemotePath::root()),
            own: None,
            state: StageState::Asked,
            pieces: Pieces::default(),
            written: 0,
            has_begun: false,
        }
    }

    fn open(&mut self) -> StoreResult<StageState> {
        let StageOptions { path, file: id, begin, length, .. } = &self.options;
        let who = Writer { grant: &self.grant, session: &self.session };
        let is_commit = matches!(self.options.end, StageEnd::Commit { .. });
        let file = match begin {
            // A commit that is repeated has done all that it asks for.
            _ if is_commit && self.files.is_committed(*id, who) => return Ok(StageState::Committed),
            None => self.files.find(*id, path, who)?,
            Some(begin) => self.files.begin(*id, path, who, || stage(&*self.grant.store, path, *begin))?,
        };
        self.own = (begin.is_some() && is_commit).then(|| Arc::clone(&file));
        let writer = file.take_over();
        if let Some(length) = *length {
            self.check_end(Some(length))?;
            file.set_length(writer, length)?;
        }
        Ok(StageState::Open(file, writer))
    }

    fn advance(&mut self, state: StageState, slice: &Slice) -> StoreResult<StageState> {
        let state = match state {
            StageState::Asked if !self.grant.await_count(slice) => return Ok(StageState::Asked),
            StageState::Asked => {
                let open = self.open()?;
                self.has_begun = true;
                open
            }
            StageState::Over(_) => return Ok(state),
            StageState::Open(..) | StageState::Committed => state,
        };
        while let Some(piece) = self.pieces.pop() {
            let credit = match &state {
                StageState::Open(file, writer) => self.write_items(file, *writer, piece)?,
                _ => piece.credit(),
            };
            self.pieces.release(credit);
            if slice.is_over() && !self.pieces.is_empty() {
                return Ok(state);
            }
        }
        if !self.pieces.is_finished() {
            return Ok(state);
        }
        if let StageState::Open(file, writer) = state {
            match self.options.end {
                StageEnd::Open => {}
                StageEnd::Commit { size, version } => {
                    let commit = Commit { writer, size, version };
                    self.files.commit(self.options.file, &file, commit, &self.grant)?;
                    let path = self.options.path.as_relative();
                    self.taken_in.changed(Effect::Stored { path, bytes: size });
                }
                StageEnd::Discard => self.files.discard(self.options.file, &file, &self.grant),
            }
        }
        Ok(StageState::Over(Ok(())))
    }

    fn write_items(&mut self, file: &StagedFile, writer: u64, piece: Piece) -> StoreResult<u64> {
        let mut written = 0;
        let outcome = piece.write(|item, bytes| {
            let Item::Place { offset, .. } = item else {
                return Err(Failure::new(ErrorCode::BadRequest).because("items that are no part of a staged file"));
            };
            self.check_end(offset.checked_add(bytes.len() as u64))?;
            file.write_at(writer, bytes, offset)?;
            written += bytes.len() as u64;
            Ok(())
        });
        self.written += written;
        outcome
    }

    fn check_end(&self, end: Option<u64>) -> StoreResult<()> {
        let limit = self.grant.principal.limits.file_size;
        if end.is_some_and(|end| end <= limit) { Ok(()) } else { Err(Failure::larger_than(limit)) }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(own) = self.own.take() {
            self.files.discard(self.options.file, &own, &self.grant);
        }
    }
}

/// Stages a file that takes the place of what a path leads to.
fn stage(store: &dyn Store, path: &RemotePath, begin: BeginOptions) -> StoreResult<Box<dyn Staged>> {
    let BeginOptions { replace, create } = begin;
    match store.stat(path) {
        // Whatever takes the name is in the way, wherever it leads: that is found when it is staged.
        _ if !replace => {}
        Ok(entry) => match entry.kind {
            // A link that leads nowhere leads to the file that is to be.
            Kind::File | Kind::Link => {}
            Kind::Directory | Kind::Special => return Err(ErrorCode::NotAFile.into()),
        },
        Err(failure) if create && failure.code == ErrorCode::NotFound => {}
        Err(failure) => return Err(failure),
    }
    let (directory, name) = path.split()?;
    let plan = StagePlan { replace, through_link: replace, ..StagePlan::default() };
    let mut staged = store.directory(&directory)?.stage(&name, &plan)?;
    // A store that writes files from their beginning to their end alone says so now.
    staged.set_length(0)?;
    Ok(staged)
}

impl Operation for Stage {
    fn step(&mut self, _turn: &mut OperationTurn<'_, '_>) -> Step {
        match &self.state {
            StageState::Asked => return Step::Blocking,
            StageState::Open(..) | StageState::Committed if self.pieces.has_work() => {
                return Step::Blocking;
            }
            StageState::Open(..) | StageState::Committed => return Step::Nothing,
            StageState::Over(_) => {}
        }
        let done = Done { bytes: self.written, ..Done::default() };
        match std::mem::replace(&mut self.state, StageState::Over(Ok(()))) {
            StageState::Over(Ok(())) if matches!(self.options.end, StageEnd::Commit { .. }) => Step::Changed(done),
            StageState::Over(outcome) => Step::Ended(outcome.map(|()| done)),
            StageState::Asked | StageState::Open(..) | StageState::Committed => Step::Nothing,
        }
    }

    fn block(&mut self, slice: &Slice) {
        let state = std::mem::replace(&mut self.state, StageState::Over(Err(ErrorCode::Other.into())));
        let advanced = self.advance(state, slice);
        self.state = advanced.unwrap_or_else(|failure| StageState::Over(Err(failure.at(&self.options.path))));
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
        matches!(self.state, StageState::Open(..))
    }
}
