//! The lease, held for other operations of the session.

use super::interface::{FirstWindow, Operation, OperationTurn, Step};
use remofile_protocol::wire::{Done, Failure};

/// A lease that is held until the client gives it back.
#[derive(Default)]
pub(super) struct Hold {
    is_finished: bool,
}

impl Operation for Hold {
    fn step(&mut self, _turn: &mut OperationTurn<'_, '_>) -> Step {
        if self.is_finished { Step::Ended(Ok(Done::default())) } else { Step::Nothing }
    }

    fn finish(&mut self) -> Result<(), Failure> {
        self.is_finished = true;
        Ok(())
    }

    fn first_window(&self) -> FirstWindow {
        FirstWindow::Least
    }
}
