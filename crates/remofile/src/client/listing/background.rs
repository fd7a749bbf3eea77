//! A listing whose elements a thread of its own works on: that may take as long as it likes.

use crate::carrier::{Produced, Waker};
use crate::client::Client;
use crate::client::lease::holding::{Until, WakesAtEnd};
use crate::client::session::context::CallContext;
use crate::client::session::handler::{Handler, OngoingCall};
use crate::error::{Error, Result};
use crate::monitor::{Event, Monitor};
use minicbor::Decoder;
use remofile_protocol::wire::{Element, ErrorCode, Holder, Request};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

/// Elements that have come and are not worked on yet, as they came: decoded they would take many times as much, and
/// very small messages would, if each were kept by itself.
#[derive(Default)]
struct Arrived {
    pending: Mutex<Pending>,
    more: Condvar,
}

#[derive(Default)]
struct Pending {
    bytes: Vec<u8>,
    is_over: bool,
}

impl Arrived {
    fn change(&self, body: impl FnOnce(&mut Pending)) {
        body(&mut self.pending.lock().unwrap_or_else(PoisonError::into_inner));
        self.more.notify_one();
    }

    /// Waits for bytes; none when there are no more.
    fn take(&self) -> Vec<u8> {
        let pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = |pending: &mut Pending| pending.bytes.is_empty() && !pending.is_over;
        let mut pending = self.more.wait_while(pending, waits).unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut pending.bytes)
    }
}

/// The elements that have come, for the thread that works on them.
pub(crate) struct Incoming<'a> {
    arrived: &'a Arrived,
    consumed: &'a AtomicU64,
    waker: &'a Waker,
    /// Bytes that are being worked on. `position` is the end of those that were decoded.
    current: Vec<u8>,
    position: usize,
}

impl Incoming<'_> {
    /// Returns the next element; `None` when there are no more. The elements before it count as consumed.
    ///
    /// # Errors
    /// [`Error::Protocol`] if it is malformed.
    pub(crate) fn next(&mut self) -> Result<Option<Element>> {
        if self.position == self.current.len() {
            self.consumed.fetch_add(self.current.len() as u64, Ordering::AcqRel);
            // The credit is given back by the calling thread: only that one uses the session.
            self.waker.wake();
            (self.current, self.position) = (self.arrived.take(), 0);
            if self.current.is_empty() {
                return Ok(None);
            }
        }
        let mut decoder = Decoder::new(self.current.get(self.position..).unwrap_or_default());
        let element = decoder.decode().map_err(|error| Error::Protocol(error.to_string()))?;
        self.position += decoder.position();
        Ok(Some(element))
    }
}

impl Client {
    /// Asks for elements, and has a thread of its own work on them while this one answers the server. The work may go
    /// on when everything has come; also if there was nothing (`not-found`). If it ends before, the server is asked to
    /// send no more. It asks from time to time whether to go on. Returns the outcomes of the request and of the work.
    pub(crate) fn list_in_background<T: Send>(
        &mut self,
        context: &CallContext,
        request: Request,
        monitor: &mut dyn Monitor,
        work: impl FnOnce(&mut Incoming<'_>, &(dyn Fn() -> Result<()> + Sync)) -> Result<T> + Send,
    ) -> Result<(Result<()>, Result<T>)> {
        let (is_done, is_over, consumed) = (AtomicBool::new(false), AtomicBool::new(false), AtomicU64::new(0));
        let has_worked = AtomicBool::new(false);
        let waker = Waker::new().map_err(|source| Error::System { what: "cannot wait", source })?;
        let arrived = Arrived::default();
        std::thread::scope(|scope| {
            let body = || {
                let _wakes = WakesAtEnd(&is_done, &waker);
                let check = || {
                    has_worked.store(true, Ordering::Relaxed);
                    if is_over.load(Ordering::Acquire) { Err(Error::Stopped) } else { context.check_at_work() }
                };
                let (current, position) = (Vec::new(), 0);
                let (arrived, consumed, waker) = (&arrived, &consumed, &waker);
                work(&mut Incoming { arrived, consumed, waker, current, position }, &check)
            };
            let thread = std::thread::Builder::new().name("sync".to_owned()).spawn_scoped(scope, body);
            let thread = thread.map_err(|source| Error::System { what: "cannot start a thread", source })?;
            let (arrived, is_done, consumed, waker) = (&arrived, &is_done, &consumed, &waker);
            let mut handler = BackgroundListing { arrived, is_done, consumed, waker, monitor: &mut *monitor };
            let called = self.call_in(context, request, &mut handler).map(drop);
            drop(handler);
            let goes_on = match &called {
                Ok(()) => true,
                Err(Error::Remote(failure)) => failure.code == ErrorCode::NotFound,
                Err(_) => false,
            };
            is_over.store(!goes_on, Ordering::Release);
            let until = Until::Done { is_done, has_worked: &has_worked };
            let attended = match goes_on {
                true => self.attend_until(until, context, &[waker], monitor),
                false => Ok(()),
            };
            is_over.store(!goes_on || attended.is_err(), Ordering::Release);
            let worked = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            attended.map(|()| (called, worked))
        })
    }
}

/// Hands elements over, and their credit back when they were worked on.
struct BackgroundListing<'a> {
    arrived: &'a Arrived,
    /// True once nobody works on the elements any more.
    is_done: &'a AtomicBool,
    consumed: &'a AtomicU64,
    waker: &'a Waker,
    monitor: &'a mut dyn Monitor,
}

impl Drop for BackgroundListing<'_> {
    fn drop(&mut self) {
        // However the request ends, or the worker would wait for ever.
        self.arrived.change(|pending| pending.is_over = true);
    }
}

impl Handler for BackgroundListing<'_> {
    fn entries(&mut self, payload: &[u8]) -> Result<u64> {
        self.arrived.change(|pending| pending.bytes.extend_from_slice(payload));
        Ok(payload.len() as u64)
    }

    fn waiting(&mut self, holders: &[Holder]) {
        self.monitor.report(Event::Waiting { holders });
    }

    fn produce(&mut self, call: &mut OngoingCall<'_>) -> Result<Produced> {
        // The work ends early only if it has failed, which is told when this is over.
        if self.is_done.load(Ordering::Acquire) {
            return Err(Error::Stopped);
        }
        match self.consumed.swap(0, Ordering::AcqRel) {
            0 => Ok(Produced::Nothing),
            bytes => {
                call.machine.consumed(call.operation, bytes);
                Ok(Produced::Work)
            }
        }
    }

    fn waker(&self) -> Option<&Waker> {
        Some(self.waker)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use remofile_protocol::wire::{Failure, Listed};

    #[test]
    fn what_has_come_takes_no_more_memory_than_its_bytes_however_small_its_messages_are() {
        let element = minicbor::to_vec(Element::Listed(Listed::Failed(Failure::new(ErrorCode::Busy)))).unwrap();
        let (arrived, is_done, consumed) = (Arrived::default(), AtomicBool::new(false), AtomicU64::new(0));
        let waker = Waker::new().unwrap();
        let mut monitor = crate::monitor::Silent;
        let mut handler = BackgroundListing {
            arrived: &arrived,
            is_done: &is_done,
            consumed: &consumed,
            waker: &waker,
            monitor: &mut monitor,
        };
        for _ in 0..1000 {
            assert_eq!(handler.entries(&element).unwrap(), element.len() as u64, "it is held");
            assert_eq!(handler.entries(&[]).unwrap(), 0);
        }
        drop(handler);
        assert_eq!(arrived.pending.lock().unwrap().bytes.len(), 1000 * element.len());
        let mut incoming =
            Incoming { arrived: &arrived, consumed: &consumed, waker: &waker, current: Vec::new(), position: 0 };
        for _ in 0..1000 {
            assert!(incoming.next().unwrap().is_some());
            assert_eq!(consumed.load(Ordering::Acquire), 0, "not before it is worked on");
        }
        assert!(incoming.next().unwrap().is_none());
        assert_eq!(consumed.load(Ordering::Acquire), 1000 * element.len() as u64);
    }
}
