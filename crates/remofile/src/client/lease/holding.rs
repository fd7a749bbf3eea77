//! Holding the lease while several operations that belong together run, and while this side is at work.

use crate::carrier::{Waker, drive};
use crate::client::Client;
use crate::client::session::call::{Session, closed};
use crate::client::session::context::CallContext;
use crate::client::session::endpoint::{ClientEndpoint, LeaseHold, SessionUse};
use crate::error::{Error, Result};
use crate::monitor::{Event, Monitor, Silent};
use remofile_protocol::path::RemotePath;
use remofile_protocol::session::{ClientEvent, ClientSession};
use remofile_protocol::wire::{Done, Failure, OperationId, Request};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Pause between two signs of progress to the server, while this side works and asks for nothing.
const REPORT_EVERY: Duration = Duration::from_secs(60);

/// Longest wait for a lease to be free that was given back: everything was done by then.
const RELEASE_WAIT: Duration = Duration::from_secs(3);

impl Client {
    /// Asks for the lease of these paths, to keep it until [`Client::release`] or until the connection is lost: no call
    /// connects anew before. The next request need not wait for the answer: see [`Client::await_hold`].
    pub(super) fn hold(&mut self, write: bool, paths: &[RemotePath], context: &CallContext) -> Result<()> {
        let wait = context.wait.milliseconds();
        self.holds = false;
        let session = self.session(context)?;
        let operation =
            session.machine.start(session.clock.elapsed(), Request::Hold { write, paths: paths.to_vec() }, wait);
        session.lease_hold = Some(LeaseHold { operation, is_granted: false, outcome: None });
        self.holds = true;
        Ok(())
    }

    /// Waits until the lease is there.
    ///
    /// # Errors
    /// [`Error::Busy`] if others have it.
    pub(super) fn await_hold(&mut self, context: &CallContext, monitor: &mut dyn Monitor) -> Result<()> {
        self.attend_until(Until::Granted, context, &[], monitor)
    }

    /// Runs `work` on a thread of its own, while this one answers the server, so that the lease is kept. The work asks
    /// from time to time whether to go on.
    pub(super) fn attend<T: Send>(
        &mut self,
        context: &CallContext,
        monitor: &mut dyn Monitor,
        work: impl FnOnce(&(dyn Fn() -> Result<()> + Sync)) -> Result<T> + Send,
    ) -> Result<T> {
        if !self.holds {
            // Without a lease there is no connection to attend to.
            return work(&|| context.check_at_work());
        }
        let (is_done, is_over, has_worked) = (AtomicBool::new(false), AtomicBool::new(false), AtomicBool::new(false));
        let waker = Waker::new().map_err(|source| Error::System { what: "cannot wait", source })?;
        std::thread::scope(|scope| {
            let body = || {
                let _wakes = WakesAtEnd(&is_done, &waker);
                work(&|| {
                    // The server is to hear only of work that gets further.
                    has_worked.store(true, Ordering::Relaxed);
                    if is_over.load(Ordering::Acquire) { Err(Error::Stopped) } else { context.check_at_work() }
                })
            };
            let thread = std::thread::Builder::new().name("sync".to_owned()).spawn_scoped(scope, body);
            let thread = thread.map_err(|source| Error::System { what: "cannot start a thread", source })?;
            let until = Until::Done { is_done: &is_done, has_worked: &has_worked };
            let attended = self.attend_until(until, context, &[&waker], monitor);
            // The work has to end, too: this thread waits for it below.
            is_over.store(attended.is_err(), Ordering::Release);
            let worked = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            attended.and(worked)
        })
    }

    pub(crate) fn attend_until(
        &mut self,
        until: Until<'_>,
        context: &CallContext,
        wakers: &[&Waker],
        monitor: &mut dyn Monitor,
    ) -> Result<()> {
        let attended = self.session(context)?.attend(until, context, wakers, monitor);
        // The lease ends with its connection.
        if attended.is_err() {
            (self.session, self.holds) = (None, false);
        }
        match attended? {
            None => Ok(()),
            Some(outcome) => {
                self.holds = false;
                Err(outcome.map_or_else(Error::from, |_| Error::Protocol("it took the lease away".to_owned())))
            }
        }
    }

    /// Releases the lease. On a short line this waits until the lease is free, so that whoever comes next is not refused.
    /// On a long one it does not: that would take a round trip, and whoever connects then comes behind this message.
    pub(super) fn release(&mut self, context: &CallContext) {
        self.holds = false;
        let Some(session) = &mut self.session else { return };
        let Some(lease_hold) = session.lease_hold.as_ref().filter(|lease_hold| lease_hold.outcome.is_none()) else {
            session.lease_hold = None;
            return;
        };
        session.machine.finish(lease_hold.operation);
        // One that is not granted yet would have to be waited for.
        let waits = lease_hold.is_granted && !session.is_line_long() && context.check().is_ok();
        let released = match waits {
            true => {
                let by = session.clock.elapsed() + RELEASE_WAIT;
                session.attend(Until::Released { by }, context, &[], &mut Silent).map(drop)
            }
            false => session.answer(),
        };
        session.lease_hold = None;
        if released.is_err() {
            self.session = None;
        }
    }
}

/// A guard that reports that the work is done, even if it panics.
pub(crate) struct WakesAtEnd<'a>(pub(crate) &'a AtomicBool, pub(crate) &'a Waker);

impl Drop for WakesAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
        self.1.wake();
    }
}

/// The event that is waited for.
#[derive(Clone, Copy)]
pub(crate) enum Until<'a> {
    /// The lease is there.
    Granted,
    /// The lease is free, or it is so late by the clock of the session.
    Released { by: Duration },
    /// Some work is done; the work sets `has_worked` whenever it gets on.
    Done { is_done: &'a AtomicBool, has_worked: &'a AtomicBool },
}

impl Session {
    /// Answers the server until an event has happened. Returns the outcome of the hold, if it has ended.
    fn attend(
        &mut self,
        until: Until<'_>,
        context: &CallContext,
        wakers: &[&Waker],
        monitor: &mut dyn Monitor,
    ) -> Result<Option<std::result::Result<Done, Failure>>> {
        let watch = self.stall_watch();
        let (machine, lease_hold, clock) = (&mut self.machine, &mut self.lease_hold, self.clock);
        let session = SessionUse { machine, lease_hold, context, clock, watch };
        let mut holding = Holding { reported_at: self.clock.elapsed(), session, until, monitor, closed: None };
        let wakers: Vec<&Waker> = context.interrupt.waker().into_iter().chain(wakers.iter().copied()).collect();
        drive(&mut self.link, &mut holding, &wakers, self.clock)?;
        let closed = holding.closed;
        match self
            .lease_hold
            .take_if(|lease_hold| lease_hold.outcome.is_some())
            .and_then(|lease_hold| lease_hold.outcome)
        {
            None => closed.map_or(Ok(None), Err),
            outcome => Ok(outcome),
        }
    }
}

struct Holding<'a> {
    session: SessionUse<'a>,
    until: Until<'a>,
    monitor: &'a mut dyn Monitor,
    /// Time at which the server was last told that this side makes progress.
    reported_at: Duration,
    /// Reason why the server has ended the session, if it has.
    closed: Option<Error>,
}

impl Holding<'_> {
    /// Tells the server that this side makes progress, by some request. A server ends leases under which nothing
    /// happens, and cannot know what this side does meanwhile. Work that hangs sends nothing.
    fn report_progress(&mut self, now: Duration) {
        self.reported_at = now;
        if let Until::Done { has_worked, .. } = self.until
            && has_worked.swap(false, Ordering::Relaxed)
        {
            // Its answer means nothing, and is passed over by whoever hears it.
            self.session.machine.start(now, Request::Stat { path: RemotePath::root() }, 0);
        }
    }
}

impl ClientEndpoint for Holding<'_> {
    fn session(&self) -> &SessionUse<'_> {
        &self.session
    }

    fn machine(&mut self) -> &mut ClientSession {
        self.session.machine
    }

    fn lease_hold(&mut self) -> &mut Option<LeaseHold> {
        self.session.lease_hold
    }

    fn is_kept_waiting(&self) -> bool {
        matches!(self.until, Until::Granted)
    }

    fn watch(&mut self, now: Duration) {
        self.session.watch.look(now, self.session.context, self.session.machine);
    }

    fn learn(&mut self, _operation: OperationId, event: ClientEvent, _payload: &[u8]) -> Result<()> {
        match event {
            ClientEvent::Waiting(_, holders) => self.monitor.report(Event::Waiting { holders: &holders }),
            ClientEvent::Closed(reason) => self.closed = Some(closed(reason)),
            _ => {}
        }
        Ok(())
    }

    fn due(&self) -> Option<Duration> {
        match self.until {
            Until::Granted => None,
            Until::Released { by } => Some(by),
            Until::Done { .. } => Some(self.reported_at + REPORT_EVERY),
        }
    }

    fn handle_due(&mut self, now: Duration) -> Result<()> {
        if now >= self.reported_at + REPORT_EVERY {
            self.report_progress(now);
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        let lease_hold = self.session.lease_hold.as_ref();
        let is_there = match self.until {
            Until::Granted => lease_hold.is_none_or(|lease_hold| lease_hold.is_granted),
            // Its outcome is looked for below.
            Until::Released { by } => self.session.clock.elapsed() >= by,
            Until::Done { is_done, .. } => is_done.load(Ordering::Acquire),
        };
        is_there || lease_hold.is_some_and(|lease_hold| lease_hold.outcome.is_some()) || self.closed.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::carrier::Endpoint;
    use crate::client::session::stall_watch::StallWatch;
    use remofile_protocol::limits::DEFAULT_PAYLOAD_BYTES;
    use remofile_protocol::wire::Body;
    use std::time::Instant;

    #[test]
    fn work_under_a_hold_shows_the_server_that_it_gets_on_and_a_work_that_hangs_does_not() {
        let (is_done, has_worked) = (AtomicBool::new(false), AtomicBool::new(false));
        let mut machine = ClientSession::new(DEFAULT_PAYLOAD_BYTES);
        let session = SessionUse {
            machine: &mut machine,
            lease_hold: &mut None,
            context: &CallContext::unlimited(),
            clock: Instant::now(),
            watch: StallWatch::default(),
        };
        let mut holding = Holding {
            session,
            until: Until::Done { is_done: &is_done, has_worked: &has_worked },
            monitor: &mut Silent,
            reported_at: Duration::ZERO,
            closed: None,
        };
        for (minute, works, asks) in [(1, true, true), (2, false, false), (3, false, false), (4, true, true)] {
            has_worked.fetch_or(works, Ordering::Relaxed);
            let now = Duration::from_secs(60 * minute);
            assert_eq!(holding.next_timeout(), Some(now));
            holding.report_progress(now);
            let header = holding.session.machine.poll_header();
            let is_asked = header.is_some_and(|header| matches!(header.body, Body::Request(Request::Stat { .. })));
            assert_eq!(is_asked, asks, "minute {minute}");
            // No heartbeat of an operation whose answer does not come in this test.
            *holding.session.machine = ClientSession::new(DEFAULT_PAYLOAD_BYTES);
        }
    }
}
