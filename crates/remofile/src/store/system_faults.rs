//! System calls that fail once when a test says so.
//!
//! A test counts the calls that its own thread makes ([`count`]), and then does the same again and again, each time
//! with another of the calls failing ([`fail`]).

use rustix::io::Errno;
use std::cell::RefCell;

/// The failure of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The call fails, and nothing is done.
    Error(Errno),
    /// The call moves one byte, and no more.
    Short,
}

/// The faults that each call is made to have, one at a time.
pub(crate) const FAULTS: [Fault; 6] = [
    Fault::Error(Errno::IO),
    Fault::Error(Errno::NOSPC),
    Fault::Error(Errno::DQUOT),
    Fault::Error(Errno::MFILE),
    Fault::Error(Errno::INTR),
    Fault::Short,
];

/// A call that was made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SystemCall {
    pub(crate) name: &'static str,
    /// True for those that may move fewer bytes than they are asked to.
    pub(crate) moves_bytes: bool,
}

#[derive(Default)]
struct Calls {
    is_counting: bool,
    made: Vec<SystemCall>,
    failing: Option<(usize, Fault)>,
    /// Learns of each call before it is made.
    watch: Option<fn(&SystemCall)>,
}

thread_local! {
    static CALLS: RefCell<Calls> = RefCell::default();
}

/// Runs something and returns the calls that it made.
pub(crate) fn count<T>(run: impl FnOnce() -> T) -> (T, Vec<SystemCall>) {
    with(None, run)
}

/// Runs something with one call, by its number from 0, failing. Returns the calls that were made.
pub(crate) fn fail<T>(number: usize, fault: Fault, run: impl FnOnce() -> T) -> (T, Vec<SystemCall>) {
    with(Some((number, fault)), run)
}

/// Runs something and has each call looked at before it is made. Returns the calls.
pub(crate) fn watch<T>(watch: fn(&SystemCall), run: impl FnOnce() -> T) -> (T, Vec<SystemCall>) {
    in_calls(Calls { is_counting: true, watch: Some(watch), ..Calls::default() }, run)
}

fn with<T>(failing: Option<(usize, Fault)>, run: impl FnOnce() -> T) -> (T, Vec<SystemCall>) {
    in_calls(Calls { is_counting: true, failing, ..Calls::default() }, run)
}

fn in_calls<T>(calls: Calls, run: impl FnOnce() -> T) -> (T, Vec<SystemCall>) {
    CALLS.replace(calls);
    let done = run();
    (done, CALLS.take().made)
}

/// Notes a call about `most` bytes. Returns how many of them it is to be about, or its failure.
pub(super) fn pass(name: &'static str, most: usize) -> Result<usize, Errno> {
    if let Some(watch) = CALLS.with_borrow(|calls| calls.watch) {
        watch(&SystemCall { name, moves_bytes: most > 0 });
    }
    CALLS.with_borrow_mut(|calls| {
        if !calls.is_counting {
            return Ok(most);
        }
        calls.made.push(SystemCall { name, moves_bytes: most > 0 });
        match calls.failing {
            Some((number, fault)) if number + 1 == calls.made.len() => match fault {
                Fault::Error(errno) => Err(errno),
                Fault::Short => Ok(most.min(1)),
            },
            _ => Ok(most),
        }
    })
}
