//! Presence: whether a session has anything to do, as its worker and the lobby both see it.
//!
//! A session says when it gets to work and when it rests; the lobby may dismiss one that has rested for long. The
//! two can cross: a request that comes before the session has noticed revokes the dismissal, and the lobby is told. The
//! end of a session, which its client or its principal is the reason for, is final, whatever it does.

use crate::carrier::Waker;
use remofile_protocol::wire::ErrorCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A session's presence. Clones are the same one's.
#[derive(Debug, Clone)]
pub(super) struct Presence(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    standing: Mutex<Standing>,
    /// Called when the lobby has to look again at whom it dismissed.
    lobby: Option<Waker>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Busy,
    Idle {
        since: Instant,
    },
    /// Asked to leave, and has not noticed yet.
    Dismissed,
    /// Ended for this reason, and has not noticed yet.
    Ended(ErrorCode),
    /// Left: the goodbye was sent.
    Leaving,
}

/// The reason why a session has to leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Departure {
    /// The session has done nothing for long, and others need its place.
    Idle,
    /// The session was ended, whatever it does.
    Ended(ErrorCode),
}

impl Presence {
    /// Creates the presence of a session that begins now and has nothing to do.
    pub(super) fn new(now: Instant, lobby: Option<Waker>) -> Self {
        Self(Arc::new(Inner { standing: Mutex::new(Standing::Idle { since: now }), lobby }))
    }

    /// Records that the session gets to work. A session that was dismissed then stays.
    pub(super) fn work(&self) {
        let mut standing = self.lock();
        match *standing {
            // The goodbye is on its way. The client makes a request that crossed it again.
            Standing::Leaving | Standing::Ended(_) => {}
            Standing::Dismissed => {
                *standing = Standing::Busy;
                self.tell_lobby();
            }
            Standing::Busy | Standing::Idle { .. } => *standing = Standing::Busy,
        }
    }

    /// Records that the session has nothing to do any more.
    pub(super) fn rest(&self, now: Instant) {
        let mut standing = self.lock();
        if *standing == Standing::Busy {
            *standing = Standing::Idle { since: now };
        }
    }

    /// Returns the time for which the session has done nothing; `None` while it works, and once it was dismissed.
    pub(super) fn idle_for(&self, now: Instant) -> Option<Duration> {
        match *self.lock() {
            Standing::Idle { since } => Some(now.saturating_duration_since(since)),
            Standing::Busy | Standing::Dismissed | Standing::Ended(_) | Standing::Leaving => None,
        }
    }

    /// Asks the session to leave if it has done nothing for at least `least`, and returns whether it was asked. The
    /// caller has to wake the session.
    pub(super) fn dismiss(&self, now: Instant, least: Duration) -> bool {
        let mut standing = self.lock();
        let is_due = matches!(*standing, Standing::Idle { since } if now.saturating_duration_since(since) >= least);
        if is_due {
            *standing = Standing::Dismissed;
        }
        is_due
    }

    /// Ends the session, even in the middle of an operation: its client is told the reason. Returns false if it leaves
    /// already. The caller has to wake the session.
    pub(super) fn end(&self, reason: ErrorCode) -> bool {
        let mut standing = self.lock();
        let stays = !matches!(*standing, Standing::Ended(_) | Standing::Leaving);
        if stays {
            *standing = Standing::Ended(reason);
        }
        stays
    }

    /// Returns the reason why the session has to leave now, if it has to. It takes no request from then on.
    pub(super) fn leave(&self) -> Option<Departure> {
        let mut standing = self.lock();
        let departure = match *standing {
            Standing::Dismissed => Departure::Idle,
            Standing::Ended(reason) => Departure::Ended(reason),
            Standing::Busy | Standing::Idle { .. } | Standing::Leaving => return None,
        };
        *standing = Standing::Leaving;
        Some(departure)
    }

    /// Reports whether the session was asked to leave and has not decided to stay.
    pub(super) fn is_leaving(&self) -> bool {
        matches!(*self.lock(), Standing::Dismissed | Standing::Ended(_) | Standing::Leaving)
    }

    fn tell_lobby(&self) {
        if let Some(waker) = &self.0.lobby {
            waker.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Standing> {
        // A value is replaced as a whole.
        self.0.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: Duration = Duration::from_secs(30);

    #[test]
    fn who_has_done_nothing_for_long_is_dismissed_and_leaves_once() {
        let began = Instant::now();
        let presence = Presence::new(began, None);
        assert!(!presence.dismiss(began + LEAST - Duration::from_millis(1), LEAST));
        assert_eq!(presence.leave(), None);
        assert!(presence.dismiss(began + LEAST, LEAST));
        assert!(presence.is_leaving() && presence.idle_for(began + LEAST).is_none());
        assert_eq!((presence.leave(), presence.leave()), (Some(Departure::Idle), None));
        presence.work();
        assert!(presence.is_leaving(), "what comes after the goodbye is not done");
    }

    #[test]
    fn a_session_that_was_ended_leaves_with_the_first_reason_whatever_it_does() {
        for is_at_work in [false, true] {
            let presence = Presence::new(Instant::now(), None);
            if is_at_work {
                presence.work();
            }
            assert!(presence.end(ErrorCode::SessionReplaced) && !presence.end(ErrorCode::TokenRevoked));
            presence.work();
            presence.rest(Instant::now());
            assert!(presence.is_leaving() && presence.idle_for(Instant::now()).is_none());
            assert_eq!(presence.leave(), Some(Departure::Ended(ErrorCode::SessionReplaced)));
            assert!(presence.is_leaving() && !presence.end(ErrorCode::TokenRevoked));
            assert_eq!(presence.leave(), None);
        }
    }

    #[test]
    fn a_request_that_comes_first_revokes_the_dismissal_and_tells_the_lobby() {
        let (began, lobby) = (Instant::now(), Waker::new().unwrap());
        let presence = Presence::new(began, Some(lobby.clone()));
        assert!(presence.dismiss(began + LEAST, LEAST));
        presence.work();
        assert!(presence.leave().is_none() && !presence.is_leaving());
        assert!(!presence.dismiss(began + 9 * LEAST, LEAST), "it is at work");
        presence.rest(began + 9 * LEAST);
        assert_eq!(presence.idle_for(began + 10 * LEAST), Some(LEAST), "it began to rest when the work was done");
        let mut woken = [0; 1];
        assert_eq!(rustix::io::read(&lobby, &mut woken), Ok(1));
    }
}
