//! Ending an operation early, wherever it is.

use super::{Place, Running};
use crate::blocking::{AtLast, Pending, Pool, promise};
use crate::carrier::Waker;
use crate::server::operation::interface::Operation;
use crate::server::operation::queued::Inbox;

/// The way in which an operation is ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::server) enum Leave {
    /// The operation forgets what it has begun.
    Cancelled,
    /// Interrupts the upload, and retains the partial of a file that can be resumed.
    Interrupted,
}

impl Leave {
    fn take(self, mut operation: Box<dyn Operation>, inbox: Inbox) {
        match self {
            Self::Cancelled => operation.cancel(),
            Self::Interrupted => {
                inbox.deliver_items(&mut *operation);
                operation.interrupt();
            }
        }
    }
}

impl Running {
    /// Reports whether its end may take its time.
    pub(in crate::server) fn leaves_slowly(&self) -> bool {
        match &self.place {
            Place::Queued(_) => false,
            Place::Here(operation) => operation.ends_on_disk(),
            Place::Away(_) => true,
        }
    }

    /// Ends it on a thread of the pool, and does `after` then; `waker` is called after that.
    pub(in crate::server) fn leave(
        self,
        leave: Leave,
        pool: &Pool,
        waker: Waker,
        after: impl FnOnce() + Send + 'static,
    ) -> Pending<()> {
        let (promise, pending) = promise(waker);
        let (inbox, after) = (self.inbox, AtLast::new(after));
        let end = move |operation: Option<Box<dyn Operation>>| {
            // In this order also if the end of the operation panics.
            let (promise, after) = (promise, after);
            if let Some(operation) = operation {
                leave.take(operation, inbox);
            }
            drop(after);
            promise.keep(());
        };
        match self.place {
            Place::Queued(_) => end(None),
            Place::Here(operation) => pool.run_detached(move || end(Some(operation))),
            Place::Away(away) => {
                away.cancel.cancel();
                away.pending.then(move |operation| end(operation.ok()));
            }
        }
        pending
    }

    /// Ends it without waiting for that, when nobody comes any more: a look is over when the store has answered.
    pub(in crate::server) fn abandon_look(self) {
        if let Place::Away(away) = self.place {
            away.cancel.cancel();
        }
    }

    /// Ends it, and waits for that.
    pub(in crate::server) fn leave_now(self, leave: Leave) {
        match self.place {
            Place::Queued(_) => {}
            Place::Here(operation) => leave.take(operation, self.inbox),
            Place::Away(away) => {
                away.cancel.cancel();
                if let Ok(operation) = away.pending.wait() {
                    leave.take(operation, self.inbox);
                }
            }
        }
    }
}
