//! A pool without threads, for a simulation: its jobs are done when somebody says so.

use super::Pool;
use std::cell::RefCell;

thread_local! {
    /// The pool whose jobs this thread does while it waits for one of them.
    static HELPED: RefCell<Option<Pool>> = const { RefCell::new(None) };
}

impl Pool {
    /// A pool whose jobs wait until they are [run](Pool::run_next).
    pub(crate) fn manual() -> Self {
        Self::new(0)
    }

    /// Has this thread do jobs of the pool while it waits for the result of one.
    pub(crate) fn help_while_waiting(&self) {
        HELPED.set(Some(self.clone()));
    }

    /// Returns the number of owners that have jobs.
    pub(crate) fn owners_with_jobs(&self) -> usize {
        self.handle.0.lock().order.len()
    }

    /// Does the first job of one of the owners that have some. Returns false if there is none.
    pub(crate) fn run_next(&self, choice: usize) -> bool {
        let core = &self.handle.0;
        let turns = core.lock().order.len();
        if turns > 0 {
            core.lock().order.rotate_left(choice % turns);
        }
        match core.orphan() {
            Some((owner, job)) => {
                core.run(owner, job);
                true
            }
            None => false,
        }
    }
}

/// Does jobs of the pool of this thread, if it has one, until the wait is over.
pub(super) fn help(is_over: &dyn Fn() -> bool) {
    let Some(pool) = HELPED.with_borrow(Clone::clone) else { return };
    while !is_over() && pool.run_next(0) {}
}

/// Ends the help of this thread.
pub(crate) fn help_no_more() {
    HELPED.set(None);
}
