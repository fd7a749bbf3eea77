//! The session of a relay that fetches.

use super::end::labelled;
use super::pipe::Pipe;
use crate::carrier::{Produced, Waker};
use crate::client::download::plan::Expected;
use crate::client::download::selecting::{Selecting, is_sent_at_once};
use crate::client::session::handler::{Handler, OngoingCall};
use crate::error::{Error, Result};
use crate::transfer::Portion;
use remofile_protocol::wire::{Holder, Item, credit_bytes};

/// Puts what comes into a pipe.
pub(super) struct Fetching<'a> {
    pub(super) pipe: &'a Pipe,
    pub(super) label: &'a str,
    pub(super) expected: &'a Expected,
    pub(super) selecting: Selecting,
    /// Files and links that are over, one way or the other.
    pub(super) over: u64,
}

impl Handler for Fetching<'_> {
    fn items(&mut self, mut items: Vec<Item>, payload: &[u8]) -> Result<u64> {
        // Before anything is passed on: a server must not choose which files of another one are written.
        items.iter().try_for_each(|item| self.expected.check_item(item))?;
        self.selecting.received(&items);
        for item in &mut items {
            match item {
                Item::End { .. } => self.over += 1,
                item if is_sent_at_once(item) => self.over += 1,
                Item::Abort { failure } | Item::Failed { failure } => {
                    self.over += 1;
                    *failure = labelled(self.label, failure.clone());
                }
                _ => {}
            }
        }
        let credit = credit_bytes(&items, payload.len());
        self.pipe.put(Portion::new(items, payload));
        Ok(credit)
    }

    fn waiting(&mut self, holders: &[Holder]) {
        self.pipe.wait_for(holders);
    }

    fn produce(&mut self, call: &mut OngoingCall<'_>) -> Result<Produced> {
        if self.pipe.is_closed() {
            return Err(Error::Stopped);
        }
        if let Some(path) = self.pipe.take_unwanted() {
            call.machine.unwanted(call.operation, path);
            return Ok(Produced::Work);
        }
        match self.pipe.take_released() {
            0 => self.selecting.produce(call),
            released => {
                call.machine.consumed(call.operation, released);
                Ok(Produced::Work)
            }
        }
    }

    fn waker(&self) -> Option<&Waker> {
        Some(self.pipe.to_source())
    }
}
