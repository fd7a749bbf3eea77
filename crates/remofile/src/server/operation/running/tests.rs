//! An operation that breaks while it ends.

use super::*;

struct Breaking;

impl Operation for Breaking {
    fn step(&mut self, _turn: &mut OperationTurn<'_, '_>) -> Step {
        Step::Nothing
    }

    fn interrupt(self: Box<Self>) {
        if true {
            std::panic::resume_unwind(Box::new("an operation's"));
        }
    }
}

#[test]
fn what_follows_the_end_of_an_operation_is_done_though_that_panics() {
    let pool = Pool::new(1);
    let (tell, told) = std::sync::mpsc::channel();
    let after = move || {
        let _unheard = tell.send(());
    };
    let running = Running::begun(Box::new(Breaking));
    let over = running.leave(Leave::Interrupted, &pool, Waker::new().unwrap(), after);
    over.await_result();
    assert_eq!(told.try_recv(), Ok(()), "its lease would never be given back");
}
