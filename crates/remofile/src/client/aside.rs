//! Elements that are worked on beside the line: what is done with them may take as long as it likes.

use super::Client;
use super::call::{Deadline, Handler, Outgoing};
use super::holding::{Until, WakesAtEnd};
use super::listing::decode;
use crate::carrier::{Produced, Waker};
use crate::error::{Error, Result};
use crate::monitor::{Event, Monitor};
use remofile_protocol::wire::{Element, ErrorCode, Holder, Request};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// Elements of one message, and its bytes.
type Batch = (Vec<Element>, u64);

/// What has come, for who works on it.
pub(crate) struct Incoming<'a> {
    batches: Receiver<Batch>,
    consumed: &'a AtomicU64,
    waker: &'a Waker,
    /// Bytes of the batch that is being worked on.
    current: u64,
}

impl Incoming<'_> {
    /// The next elements; `None` when there are no more. Those before are done with.
    pub(crate) fn next(&mut self) -> Option<Vec<Element>> {
        self.consumed.fetch_add(std::mem::take(&mut self.current), Ordering::AcqRel);
        self.waker.wake();
        let (elements, bytes) = self.batches.recv().ok()?;
        self.current = bytes;
        Some(elements)
    }
}

impl Client {
    /// Asks for elements, and has them worked on by a thread of its own while this one answers the server.
    /// The work may go on when everything has come; also if there was nothing (`not-found`). It asks from time to
    /// time whether it is to go on. Gives how the request ended, and what the work came to.
    pub(super) fn elements_aside<T: Send>(
        &mut self,
        (deadline, patience): (&Deadline, Option<Duration>),
        request: Request,
        monitor: &mut dyn Monitor,
        work: impl FnOnce(&mut Incoming<'_>, &(dyn Fn() -> Result<()> + Sync)) -> Result<T> + Send,
    ) -> Result<(Result<()>, Result<T>)> {
        let interrupt = self.options.interrupt.clone();
        let (is_done, is_over, consumed) = (AtomicBool::new(false), AtomicBool::new(false), AtomicU64::new(0));
        let has_worked = AtomicBool::new(false);
        let waker = Waker::new().map_err(|source| Error::System { what: "cannot wait", source })?;
        let (sender, batches) = channel();
        std::thread::scope(|scope| {
            let body = || {
                let _wakes = WakesAtEnd(&is_done, &waker);
                let check = || {
                    has_worked.store(true, Ordering::Relaxed);
                    if is_over.load(Ordering::Acquire) { Err(Error::Stopped) } else { interrupt.check(deadline) }
                };
                work(&mut Incoming { batches, consumed: &consumed, waker: &waker, current: 0 }, &check)
            };
            let thread = std::thread::Builder::new().name("sync".to_owned()).spawn_scoped(scope, body);
            let thread = thread.map_err(|source| Error::System { what: "cannot start a thread", source })?;
            let mut handler = Aside { sender, consumed: &consumed, waker: &waker, monitor: &mut *monitor };
            let called = self.call_until((deadline, patience), request, &mut handler).map(drop);
            drop(handler);
            let goes_on = match &called {
                Ok(()) => true,
                Err(Error::Remote(failure)) => failure.code == ErrorCode::NotFound,
                Err(_) => false,
            };
            is_over.store(!goes_on, Ordering::Release);
            let until = Until::Done { is_done: &is_done, has_worked: &has_worked };
            let attended = match goes_on {
                true => self.attend_until(until, deadline, &[&waker], monitor),
                false => Ok(()),
            };
            is_over.store(!goes_on || attended.is_err(), Ordering::Release);
            let worked = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            attended.map(|()| (called, worked))
        })
    }
}

/// Hands elements over, and their credit back when they were worked on.
struct Aside<'a> {
    sender: Sender<Batch>,
    consumed: &'a AtomicU64,
    waker: &'a Waker,
    monitor: &'a mut dyn Monitor,
}

impl Handler for Aside<'_> {
    fn entries(&mut self, payload: &[u8]) -> Result<u64> {
        let mut elements = Vec::new();
        decode(payload, &mut |element| {
            elements.push(element);
            Ok(())
        })?;
        let bytes = payload.len() as u64;
        // The work ends early only if it has failed, which is told when this is over.
        let is_taken = self.sender.send((elements, bytes)).is_ok();
        Ok(if is_taken { bytes } else { 0 })
    }

    fn waiting(&mut self, holders: &[Holder]) {
        self.monitor.report(Event::Waiting { holders });
    }

    fn produce(&mut self, call: &mut Outgoing<'_>) -> Result<Produced> {
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
