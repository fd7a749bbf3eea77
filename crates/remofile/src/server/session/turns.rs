//! The turns of the operations: each in its order works on and says what is to be sent.

use super::{LEAST_WINDOW_BYTES, Session, Turn};
use crate::carrier::MessageWriter;
use crate::server::operation::{Content, FirstWindow, Flushed, Leave, Operation, OperationTurn, Running, Step};
use crate::store::Fsync;
use remofile_protocol::session::SessionError;
use remofile_protocol::wire::{Done, OperationId};
use std::sync::Arc;
use std::time::Duration;

impl Session {
    /// Gives the next message to send; its payload is put into `message`.
    pub(in crate::server) fn produce(
        &mut self,
        now: Duration,
        message: &mut MessageWriter<'_>,
    ) -> Result<Turn, SessionError> {
        self.see_off(now);
        if let Some(header) = self.machine.poll_header() {
            self.accounts.settle_outbox(self.machine.queued_bytes() as u64);
            return Ok(Turn::Message(header));
        }
        let turn = self.give_turns(now, message)?;
        self.send_away();
        Ok(turn)
    }

    fn give_turns(&mut self, now: Duration, message: &mut MessageWriter<'_>) -> Result<Turn, SessionError> {
        let mut worked = false;
        let is_paced = self.is_paced(now);
        for id in self.behind(self.last_turn) {
            if !self.come_back(now, id) {
                continue;
            }
            if is_paced && self.operations.get(&id).is_some_and(Running::takes_content) {
                continue;
            }
            let may_change = self.may_change();
            let Some(running) = self.operations.get_mut(&id) else { continue };
            let credit = self.machine.credit(id);
            let step = running.step(&mut OperationTurn { now, credit, message, may_change });
            if !matches!(step, Step::Nothing | Step::Blocking) {
                self.max_hold.progressed(now);
            }
            match step {
                Step::Message(content) => {
                    self.last_turn = id;
                    let bytes = message.payload_bytes();
                    let header = match content {
                        Content::Items(items) => self.machine.data(id, items, bytes)?,
                        Content::Bytes => self.machine.bytes(id, bytes)?,
                        Content::Elements => self.machine.entries(id, bytes)?,
                    };
                    self.audit.sent(id, bytes);
                    self.attend(now, id);
                    return Ok(Turn::Message(header));
                }
                Step::Nothing => self.attend(now, id),
                Step::Counted { files, bytes } => {
                    worked = true;
                    self.machine.total(id, files, bytes);
                    self.attend(now, id);
                }
                Step::Work => {
                    worked = true;
                    self.attend(now, id);
                }
                // Its turn for that comes below.
                Step::Blocking => self.account(now, id),
                Step::Changed(done) => {
                    worked = true;
                    self.make_durable(now, id, done);
                }
                Step::Surveyed(checked) => {
                    let outcome = self.remember(id, checked);
                    self.end(now, id, outcome);
                }
                Step::Ended(outcome) => self.end(now, id, outcome),
            }
            if let Some(header) = self.machine.poll_header() {
                return Ok(Turn::Message(header));
            }
        }
        // An operation may have ended when it came back.
        Ok(match self.machine.poll_header() {
            Some(header) => Turn::Message(header),
            None if worked => Turn::Work,
            None => Turn::Nothing,
        })
    }

    pub(super) fn go_on_as(&mut self, now: Duration, id: OperationId, operation: Box<dyn Operation>) {
        match self.operations.get_mut(&id) {
            Some(running) => running.becomes(operation),
            None => drop(self.operations.insert(id, Running::begun(operation))),
        }
        self.attend(now, id);
    }

    /// Does what is due with an operation that the session has: tells its client that it has begun and what failed, gives it
    /// what came meanwhile.
    pub(super) fn attend(&mut self, now: Duration, id: OperationId) {
        let Some(running) = self.operations.get_mut(&id) else { return };
        let first_window = running.take_first_window();
        let grant = &self.peer.grant;
        running.take_failures().into_iter().for_each(|failure| self.machine.item_failed(id, grant.told(failure)));
        let released = running.take_released();
        // Where there is no room for more than the initial window, it still learns that it has begun.
        match first_window {
            FirstWindow::None | FirstWindow::NotYet => {}
            FirstWindow::Least => self.machine.open_window_to(id, LEAST_WINDOW_BYTES),
            // What has come can only be put by: more of it is no use.
            FirstWindow::Full if self.peer.grant.bandwidth.is_limited() => {
                self.machine.open_window_to(id, LEAST_WINDOW_BYTES);
            }
            FirstWindow::Full => self.machine.open_window_to(id, self.accounts.widen(id).max(LEAST_WINDOW_BYTES)),
        }
        if released > 0 {
            self.consumed(id, released);
        }
        let store = Arc::clone(&self.peer.grant.store);
        self.hand(now, id, |running| running.deliver(&store));
    }

    /// Ends an operation that has done its work, after a flush if the server's options demand one.
    fn make_durable(&mut self, now: Duration, id: OperationId, done: Done) {
        if self.shared.options.fsync != Fsync::End {
            return self.end(now, id, Ok(done));
        }
        let since = self.begun.get(&id).copied().unwrap_or_default();
        let flushed = Flushed::new(done, &self.peer.grant.store, since, self.shared.reporter.clone());
        self.go_on_as(now, id, Box::new(flushed));
    }

    /// Grants credit for items that were used up, and opens the window further as far as the budget goes, or less far while
    /// items come with little content.
    fn consumed(&mut self, id: OperationId, credit: u64) {
        let is_limited = self.peer.grant.bandwidth.is_limited();
        let width = if is_limited { None } else { self.accounts.change_width(id) };
        if let Some(width) = width {
            self.machine.narrow_window_to(id, width);
        }
        self.machine.consumed(id, credit);
        if let Some(width) = width {
            self.machine.open_window_to(id, width);
        }
    }

    /// Reserves the memory that an operation holds. An operation that exceeds the budget ends, unless it will hold
    /// less by itself.
    pub(super) fn account(&mut self, now: Duration, id: OperationId) {
        let Some(operation) = self.operations.get(&id) else { return };
        let settled = self.accounts.settle(id, operation.memory_bytes(), operation.is_busy());
        if let Err(exhausted) = settled {
            self.break_off(now, id, Leave::Cancelled, exhausted.into());
        }
    }
}
