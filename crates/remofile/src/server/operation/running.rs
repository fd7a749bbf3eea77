//! An operation of a session, wherever it is: in the queue for its lease, with the session, or on a thread of the pool.

mod leaving;

pub(in crate::server) use leaving::Leave;

use super::former_wait::FormerWait;
use super::interface::{FirstWindow, Operation, OperationTurn, Step};
use super::queued::{Inbox, Queued, select};
use crate::blocking::{Cancel, Lost, Pending, Pool};
use crate::carrier::{Payload, Waker};
use crate::store::Store;
use remofile_protocol::wire::{Failure, Item, Request, Selected};
use std::sync::Arc;
use std::time::Duration;

/// An operation, and what has come for it that it cannot take yet.
pub(in crate::server) struct Running {
    place: Place,
    inbox: Inbox,
    /// True if its client knows that it has begun.
    is_told: bool,
    /// True if it asked in its last turn to go to another thread.
    wants_away: bool,
}

enum Place {
    /// Waiting for its lease.
    Queued(Queued),
    /// The session has it.
    Here(Box<dyn Operation>),
    /// A thread of the pool has it.
    Away(Away),
}

/// The state of an operation that is on another thread.
struct Away {
    pending: Pending<Box<dyn Operation>>,
    cancel: Cancel,
    memory_bytes: u64,
    is_flushing: bool,
    only_looks: bool,
    changes_own_paths: bool,
    goes_on_elsewhere: bool,
}

impl Running {
    pub(in crate::server) fn queued(request: Request, deadline: Option<Duration>) -> Self {
        Self::at(Place::Queued(Queued { request, deadline, former: None }))
    }

    /// A request that waits for what is left of former sessions of its client.
    pub(in crate::server) fn behind_former(request: Request, wait: FormerWait) -> Self {
        Self::at(Place::Queued(Queued { request, deadline: None, former: Some(wait) }))
    }

    /// The wait for former sessions of its client, if that is what it waits for.
    pub(in crate::server) fn former_wait(&self) -> Option<FormerWait> {
        match &self.place {
            Place::Queued(queued) => queued.former,
            Place::Here(_) | Place::Away(_) => None,
        }
    }

    pub(in crate::server) fn wait_for_former(&mut self, wait: FormerWait) {
        if let Place::Queued(queued) = &mut self.place {
            queued.former = Some(wait);
        }
    }

    /// Has it wait for others, until it gives up.
    pub(in crate::server) fn wait_for_others(&mut self, deadline: Option<Duration>) {
        if let Place::Queued(queued) = &mut self.place {
            (queued.former, queued.deadline) = (None, deadline);
        }
    }

    pub(in crate::server) fn begun(operation: Box<dyn Operation>) -> Self {
        Self::at(Place::Here(operation))
    }

    fn at(place: Place) -> Self {
        Self { place, inbox: Inbox::default(), is_told: false, wants_away: false }
    }

    /// The request, if it waits for its lease.
    pub(in crate::server) fn queued_request(&self) -> Option<&Request> {
        match &self.place {
            Place::Queued(queued) => Some(&queued.request),
            Place::Here(_) | Place::Away(_) => None,
        }
    }

    /// Goes on as another operation: one that has got its lease, or the flush behind one.
    pub(in crate::server) fn becomes(&mut self, operation: Box<dyn Operation>) {
        self.place = Place::Here(operation);
    }

    /// Returns the time at which it gives up waiting.
    pub(in crate::server) fn deadline(&self) -> Option<Duration> {
        match &self.place {
            Place::Queued(queued) => queued.deadline,
            Place::Here(_) | Place::Away(_) => None,
        }
    }

    /// Returns the time at which the operation may continue, if its pace makes it wait.
    pub(in crate::server) fn ready_at(&self) -> Option<Duration> {
        match &self.place {
            Place::Here(operation) => operation.ready_at(),
            Place::Queued(_) | Place::Away(_) => None,
        }
    }

    /// Reports whether the session has it, and content comes for it.
    pub(in crate::server) fn takes_content(&self) -> bool {
        matches!(&self.place, Place::Here(operation) if operation.takes_content())
    }

    /// Reports whether its client goes on with it, here or at another server, whatever was done of it.
    pub(in crate::server) fn goes_on_elsewhere(&self) -> bool {
        match &self.place {
            Place::Queued(_) => true,
            Place::Here(operation) => operation.goes_on_elsewhere(),
            Place::Away(away) => away.goes_on_elsewhere,
        }
    }

    /// Reports whether it is done but for the disk.
    pub(in crate::server) fn is_flushing(&self) -> bool {
        match &self.place {
            Place::Here(operation) => operation.is_flushing(),
            Place::Away(away) => away.is_flushing,
            Place::Queued(_) => false,
        }
    }

    /// Reports whether it only looks at the store.
    pub(in crate::server) fn only_looks(&self) -> bool {
        match &self.place {
            Place::Queued(_) => false,
            Place::Here(operation) => operation.only_looks(),
            Place::Away(away) => away.only_looks,
        }
    }

    /// Reports whether all that it changes is at and below its own paths.
    pub(in crate::server) fn changes_own_paths(&self) -> bool {
        match &self.place {
            Place::Queued(_) => false,
            Place::Here(operation) => operation.changes_own_paths(),
            Place::Away(away) => away.changes_own_paths,
        }
    }

    /// Reports whether it is on another thread.
    pub(in crate::server) fn is_away(&self) -> bool {
        matches!(self.place, Place::Away(_))
    }

    /// Reports whether it wants to go to another thread.
    pub(in crate::server) fn wants_away(&self) -> bool {
        matches!(self.place, Place::Here(_)) && self.wants_away
    }

    /// Reports whether it is on another thread, and changes something there.
    pub(in crate::server) fn is_working_away(&self) -> bool {
        matches!(&self.place, Place::Away(away) if !away.is_flushing && !away.only_looks)
    }

    /// Reports whether it has a lease and may have to give it up. What waits for the disk does not depend on its peer.
    pub(in crate::server) fn can_expire(&self) -> bool {
        matches!(&self.place, Place::Here(operation) if !operation.is_flushing())
    }

    /// Returns the memory that the operation holds beside its request, in bytes.
    pub(in crate::server) fn memory_bytes(&self) -> u64 {
        let operation = match &self.place {
            Place::Queued(_) => 0,
            Place::Here(operation) => operation.memory_bytes(),
            Place::Away(away) => away.memory_bytes,
        };
        operation + self.inbox.memory_bytes()
    }

    /// Reports whether the operation will hold less without the client's help.
    pub(in crate::server) fn is_busy(&self) -> bool {
        match &self.place {
            Place::Queued(_) => false,
            Place::Here(operation) => operation.is_busy(),
            Place::Away(_) => true,
        }
    }

    /// Takes items of an upload, and their credit.
    pub(in crate::server) fn take_items(
        &mut self,
        items: Vec<Item>,
        payload: Payload<'_>,
        credit: u64,
    ) -> Result<(), Failure> {
        match &mut self.place {
            Place::Here(operation) => operation.take_items(items, payload, credit),
            Place::Queued(_) | Place::Away(_) => {
                self.inbox.put_items(items, payload, credit);
                Ok(())
            }
        }
    }

    /// Does what can be done at once, if the session has it; whether something was done.
    pub(in crate::server) fn work_at_once(&mut self) -> bool {
        match &mut self.place {
            Place::Here(operation) => operation.work_at_once(),
            Place::Queued(_) | Place::Away(_) => false,
        }
    }

    /// Takes sources that the client names one by one.
    pub(in crate::server) fn select(&mut self, store: &Arc<dyn Store>, files: Vec<Selected>) -> Result<(), Failure> {
        match &mut self.place {
            Place::Here(operation) => select(&mut **operation, store, files),
            Place::Queued(_) | Place::Away(_) => {
                self.inbox.put_selected(files);
                Ok(())
            }
        }
    }

    /// The client does not want a file.
    pub(in crate::server) fn unwanted(&mut self, path: &str) {
        match &mut self.place {
            Place::Here(operation) => operation.unwanted(path),
            Place::Queued(_) | Place::Away(_) => self.inbox.put_unwanted(path),
        }
    }

    /// The client has no more items or sources.
    pub(in crate::server) fn finish(&mut self) -> Result<(), Failure> {
        match &mut self.place {
            Place::Here(operation) => operation.finish(),
            Place::Queued(_) | Place::Away(_) => {
                self.inbox.finish();
                Ok(())
            }
        }
    }

    /// Takes the operation back if its thread is done with it; whether the session has it now.
    pub(in crate::server) fn come_back(&mut self) -> Result<bool, Lost> {
        match &self.place {
            Place::Queued(_) => Ok(false),
            Place::Here(_) => Ok(true),
            Place::Away(away) => match away.pending.take() {
                None => Ok(false),
                Some(operation) => {
                    self.place = Place::Here(operation?);
                    Ok(true)
                }
            },
        }
    }

    /// Waits until it is back, if it is on another thread and does not flush.
    #[cfg(test)]
    pub(in crate::server) fn await_back(&self) {
        if let Place::Away(Away { pending, is_flushing: false, .. }) = &self.place {
            pending.await_result();
        }
    }

    /// Gives the operation what has come for it, if the session has it.
    pub(in crate::server) fn deliver(&mut self, store: &Arc<dyn Store>) -> Result<(), Failure> {
        match &mut self.place {
            Place::Here(operation) => self.inbox.deliver(&mut **operation, store),
            Place::Queued(_) | Place::Away(_) => Ok(()),
        }
    }

    /// The credit that its client gets now for that it has begun, which it does once.
    pub(in crate::server) fn take_first_window(&mut self) -> FirstWindow {
        let Place::Here(operation) = &self.place else { return FirstWindow::NotYet };
        let first_window = operation.first_window();
        if self.is_told {
            return FirstWindow::None;
        }
        self.is_told = first_window != FirstWindow::NotYet;
        first_window
    }

    pub(in crate::server) fn take_failures(&mut self) -> Vec<Failure> {
        match &mut self.place {
            Place::Here(operation) => operation.take_failures(),
            Place::Queued(_) | Place::Away(_) => Vec::new(),
        }
    }

    pub(in crate::server) fn take_released(&mut self) -> u64 {
        match &mut self.place {
            Place::Here(operation) => operation.take_released(),
            Place::Queued(_) | Place::Away(_) => 0,
        }
    }

    /// Gives the operation a turn, if the session has it.
    pub(in crate::server) fn step(&mut self, turn: &mut OperationTurn<'_, '_>) -> Step {
        match &mut self.place {
            Place::Here(operation) => {
                let step = operation.step(turn);
                self.wants_away = matches!(step, Step::Blocking);
                step
            }
            Place::Queued(_) | Place::Away(_) => Step::Nothing,
        }
    }

    /// Sends the operation to a thread of the pool for a slice of time; `waker` is called when it is back.
    pub(in crate::server) fn send_away(self, pool: &Pool, waker: Waker) -> Self {
        let Place::Here(mut operation) = self.place else { return self };
        let (cancel, memory_bytes, is_flushing) =
            (Cancel::default(), operation.memory_bytes(), operation.is_flushing());
        let (goes_on_elsewhere, only_looks) = (operation.goes_on_elsewhere(), operation.only_looks());
        let changes_own_paths = operation.changes_own_paths();
        let own = cancel.clone();
        let pending = pool.run(waker, move || {
            operation.block(&own.slice());
            operation
        });
        let away =
            Away { pending, cancel, memory_bytes, is_flushing, only_looks, changes_own_paths, goes_on_elsewhere };
        Self { place: Place::Away(away), wants_away: false, ..self }
    }
}

#[cfg(test)]
mod tests;
