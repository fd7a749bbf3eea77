//! The place of an object, of which one call at a time has it.

use crate::codes::Own;
use crate::fault::Fault;
use remofile::Interrupt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::ThreadId;

/// The place of an object.
pub(crate) struct Place<T> {
    state: Mutex<State<T>>,
}

struct State<T> {
    object: Content<T>,
    /// Ends the call that runs; another one once it was triggered.
    interrupt: Interrupt,
}

enum Content<T> {
    Free(Box<T>),
    /// A call of that thread has it.
    InUse(ThreadId),
    /// A call has taken it away for good, or has panicked.
    Gone(Own),
}

/// An object that a call has. It goes back to its place, but after a panic.
pub(crate) struct Turn<'a, T> {
    place: &'a Place<T>,
    object: Option<Box<T>>,
    interrupt: Interrupt,
}

impl<T> Place<T> {
    pub(crate) fn new(object: T) -> Self {
        let state = State { object: Content::Free(Box::new(object)), interrupt: Interrupt::default() };
        Self { state: Mutex::new(state) }
    }

    /// Takes the object for a call.
    pub(crate) fn take(&self) -> Result<Turn<'_, T>, Fault> {
        let mut state = self.lock();
        let own = std::thread::current().id();
        match std::mem::replace(&mut state.object, Content::InUse(own)) {
            Content::Free(object) => {
                if state.interrupt.is_triggered() {
                    state.interrupt = Interrupt::default();
                }
                Ok(Turn { place: self, object: Some(object), interrupt: state.interrupt.clone() })
            }
            Content::InUse(thread) => {
                state.object = Content::InUse(thread);
                Err(match thread == own {
                    true => Fault::wrong(
                        Own::InCallback,
                        "the handle waits for the callback that uses it: use a clone in it",
                    ),
                    false => Fault::wrong(Own::InUse, "another thread makes a call with the handle: use a clone of it"),
                })
            }
            Content::Gone(own) => {
                state.object = Content::Gone(own);
                Err(Fault::wrong(own, own.meaning()))
            }
        }
    }

    /// Ends the call that runs.
    pub(crate) fn cancel(&self) -> Result<(), Fault> {
        let state = self.lock();
        match state.object {
            Content::InUse(_) => {
                state.interrupt.trigger();
                Ok(())
            }
            Content::Free(_) | Content::Gone(_) => {
                Err(Fault::wrong(Own::NotRunning, "no call is running with the handle"))
            }
        }
    }

    /// True if the object is gone after a panic: then the handle can only be closed.
    pub(crate) fn is_broken(&self) -> bool {
        matches!(self.lock().object, Content::Gone(Own::Panic))
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Turn<'_, T> {
    /// Returns what ends this call.
    pub(crate) fn interrupt(&self) -> Interrupt {
        self.interrupt.clone()
    }

    /// Returns the object.
    pub(crate) fn object(&mut self) -> Result<&mut T, Fault> {
        self.object.as_deref_mut().ok_or_else(|| Fault::wrong(Own::ClosedHandle, Own::ClosedHandle.meaning()))
    }

    /// Takes the object away for good.
    pub(crate) fn remove(mut self) -> Option<Box<T>> {
        self.object.take()
    }
}

impl<T> Drop for Turn<'_, T> {
    fn drop(&mut self) {
        let object = match self.object.take() {
            // What it was in the middle of is not known, and its drop might panic again.
            Some(object) if std::thread::panicking() => {
                std::mem::forget(object);
                Content::Gone(Own::Panic)
            }
            Some(object) => Content::Free(object),
            None => Content::Gone(Own::ClosedHandle),
        };
        self.place.lock().object = object;
    }
}
