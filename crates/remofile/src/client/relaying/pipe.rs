//! The pipe between the two sessions of a relay.

use crate::carrier::Waker;
use crate::error::{Error, Result};
use crate::transfer::{Next, Portion};
use remofile_protocol::wire::Holder;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A pipe from the session that fetches to the one that stores. What is in it is bounded by the credit of the download.
pub(super) struct Pipe {
    state: Mutex<PipeState>,
    to_source: Waker,
    to_destination: Waker,
}

#[derive(Default)]
struct PipeState {
    portions: VecDeque<Portion>,
    /// Credit of what was passed on, which the sender has not got back yet.
    released: u64,
    /// Paths that the receiver does not want more of.
    unwanted: Vec<String>,
    /// Those whom the source waits for, until they are told.
    holders: Option<Vec<Holder>>,
    end: PipeEnd,
    /// True if nobody takes anything out any more.
    is_closed: bool,
}

/// The end of what goes into a pipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum PipeEnd {
    /// More may come.
    #[default]
    Open,
    /// Everything has come.
    Finished,
    /// The source has failed. With `goes_on` another attempt may go on behind what has come.
    Broken { goes_on: bool },
}

impl Pipe {
    pub(super) fn new() -> Result<Self> {
        let waker = || Waker::new().map_err(|source| Error::System { what: "cannot wait for a session", source });
        Ok(Self { state: Mutex::default(), to_source: waker()?, to_destination: waker()? })
    }

    fn state(&self) -> MutexGuard<'_, PipeState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes the session that fetches.
    pub(super) fn to_source(&self) -> &Waker {
        &self.to_source
    }

    /// Wakes the session that stores.
    pub(super) fn to_destination(&self) -> &Waker {
        &self.to_destination
    }

    pub(super) fn put(&self, portion: Portion) {
        self.state().portions.push_back(portion);
        self.to_destination.wake();
    }

    /// Ends what goes in; the first end counts.
    pub(super) fn end(&self, end: PipeEnd) {
        let mut state = self.state();
        if state.end == PipeEnd::Open {
            state.end = end;
        }
        drop(state);
        self.to_destination.wake();
    }

    /// Tells whom the source waits for.
    pub(super) fn wait_for(&self, holders: &[Holder]) {
        self.state().holders = Some(holders.to_vec());
        self.to_destination.wake();
    }

    pub(super) fn take_holders(&self) -> Option<Vec<Holder>> {
        self.state().holders.take()
    }

    /// Takes what has come; at the end nothing more, however it ended.
    pub(super) fn next(&self) -> Next<Portion> {
        let mut state = self.state();
        match (state.portions.pop_front(), state.end) {
            (Some(portion), _) => Next::Item(portion),
            (None, PipeEnd::Finished) => Next::End,
            (None, PipeEnd::Open | PipeEnd::Broken { .. }) => Next::Pending,
        }
    }

    /// Returns how the source has ended, once everything that came was taken out.
    pub(super) fn ended(&self) -> PipeEnd {
        let state = self.state();
        if state.portions.is_empty() { state.end } else { PipeEnd::Open }
    }

    /// Gives credit back.
    pub(super) fn release(&self, credit: u64) {
        if credit > 0 {
            self.state().released += credit;
            self.to_source.wake();
        }
    }

    pub(super) fn take_released(&self) -> u64 {
        std::mem::take(&mut self.state().released)
    }

    /// Has the source stop sending a file.
    pub(super) fn refuse(&self, path: &str) {
        self.state().unwanted.push(path.to_owned());
        self.to_source.wake();
    }

    pub(super) fn take_unwanted(&self) -> Option<String> {
        self.state().unwanted.pop()
    }

    /// Takes nothing out any more.
    pub(super) fn close(&self) {
        self.state().is_closed = true;
        self.to_source.wake();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state().is_closed
    }
}
