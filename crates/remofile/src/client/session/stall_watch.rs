//! The watch on a session for stalls, while a call may not go without progress for long.
//!
//! Pings that are sent often, and behind content, tell a slow line or a server at work from one that hangs: they are
//! answered as soon as what was sent before has arrived.

use crate::client::session::context::CallContext;
use remofile_protocol::session::ClientSession;
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The watch of one use of a session.
#[derive(Debug, Default)]
pub(crate) struct StallWatch {
    /// The time of the last ping of the watch.
    pinged: Cell<Duration>,
    /// Of a session with a gateway: the answers of its server. The gateway is in this process and answers always.
    behind: Option<Answers>,
}

/// The number of answers that the server behind a gateway has given.
#[derive(Debug)]
struct Answers {
    counted: Arc<AtomicU64>,
    seen: Cell<u64>,
}

impl StallWatch {
    /// A watch on a session with a gateway, which counts the answers of its server.
    pub(crate) fn behind(counted: Option<Arc<AtomicU64>>) -> Self {
        let answers = |counted: Arc<AtomicU64>| {
            let seen = Cell::new(counted.load(Ordering::Relaxed));
            Answers { counted, seen }
        };
        Self { behind: counted.map(answers), ..Self::default() }
    }

    /// Reports whether bytes that came are a word of the server, and not only of the gateway.
    pub(crate) fn hears_server(&self) -> bool {
        self.behind.is_none()
    }

    /// Returns the time of the next ping, if the call is to send any.
    pub(crate) fn next_ping(&self, context: &CallContext) -> Option<Duration> {
        context.ping_every().map(|every| self.pinged.get() + every)
    }

    /// Looks at what the server behind a gateway has answered, and asks whether the server is there.
    pub(crate) fn look(&self, now: Duration, context: &CallContext, machine: &mut ClientSession) {
        if let Some(Answers { counted, seen }) = &self.behind {
            let counted = counted.load(Ordering::Relaxed);
            if seen.replace(counted) != counted {
                context.progressed();
            }
        }
        if self.next_ping(context).is_some_and(|at| now >= at) {
            self.pinged.set(now);
            machine.ping();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::session::deadline::Deadline;
    use remofile_protocol::limits::DEFAULT_PAYLOAD_BYTES;
    use remofile_protocol::wire::{Body, Signal};

    fn context(limit: u64) -> CallContext {
        let deadline = Deadline::after(None).unless_stalled(Some(Duration::from_millis(limit)));
        CallContext { deadline, ..CallContext::unlimited() }
    }

    #[test]
    fn a_server_is_asked_often_and_one_question_waits_at_most() {
        let (watch, context) = (StallWatch::default(), context(1000));
        let mut machine = ClientSession::new(DEFAULT_PAYLOAD_BYTES);
        for milliseconds in (0..1000).step_by(50) {
            watch.look(Duration::from_millis(milliseconds), &context, &mut machine);
        }
        let ping = machine.poll_header().unwrap();
        assert!(matches!(ping.body, Body::Signal(Signal::Ping)) && machine.poll_header().is_none());
        assert_eq!(watch.next_ping(&context), Some(Duration::from_millis(1000)));
        assert_eq!(watch.next_ping(&CallContext::unlimited()), None);
    }

    #[test]
    fn of_a_gateway_only_the_answers_of_its_server_count() {
        let counted = Arc::new(AtomicU64::new(7));
        let watch = StallWatch::behind(Some(Arc::clone(&counted)));
        let mut machine = ClientSession::new(DEFAULT_PAYLOAD_BYTES);
        let stalled = context(0);
        assert!(!watch.hears_server() && stalled.check().is_err());
        let context = context(3_600_000);
        let before = context.deadline.left().unwrap();
        watch.look(Duration::ZERO, &context, &mut machine);
        assert!(context.deadline.left().unwrap() <= before);
        counted.fetch_add(1, Ordering::Relaxed);
        while context.deadline.left().unwrap() + Duration::from_millis(2) >= before {}
        let late = context.deadline.left().unwrap();
        watch.look(Duration::ZERO, &context, &mut machine);
        assert!(context.deadline.left().unwrap() > late);
    }
}
