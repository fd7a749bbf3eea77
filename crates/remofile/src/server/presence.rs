//! Presence: whether a session has anything to do, as its worker and the lobby both see it.
//!
//! A session says when it gets to work and when it rests; the lobby may dismiss one that has rested for long. The
//! two can cross: a request that comes before the session has noticed revokes the dismissal, and the lobby is told.

use crate::carrier::Waker;
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
    /// Left: the goodbye was sent.
    Leaving,
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
            Standing::Leaving => {}
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
            Standing::Busy | Standing::Dismissed | Standing::Leaving => None,
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

    /// Reports whether the session has to leave now. If so, it takes no request from then on.
    pub(super) fn leave(&self) -> bool {
        let mut standing = self.lock();
        let is_dismissed = *standing == Standing::Dismissed;
        if is_dismissed {
            *standing = Standing::Leaving;
        }
        is_dismissed
    }

    /// Reports whether the session was asked to leave and has not decided to stay.
    pub(super) fn is_leaving(&self) -> bool {
        matches!(*self.lock(), Standing::Dismissed | Standing::Leaving)
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
        assert!(!presence.leave());
        assert!(presence.dismiss(began + LEAST, LEAST));
        assert!(presence.is_leaving() && presence.idle_for(began + LEAST).is_none());
        assert!(presence.leave() && !presence.leave());
        presence.work();
        assert!(presence.is_leaving(), "what comes after the goodbye is not done");
    }

    #[test]
    fn a_request_that_comes_first_revokes_the_dismissal_and_tells_the_lobby() {
        let (began, lobby) = (Instant::now(), Waker::new().unwrap());
        let presence = Presence::new(began, Some(lobby.clone()));
        assert!(presence.dismiss(began + LEAST, LEAST));
        presence.work();
        assert!(!presence.leave() && !presence.is_leaving());
        assert!(!presence.dismiss(began + 9 * LEAST, LEAST), "it is at work");
        presence.rest(began + 9 * LEAST);
        assert_eq!(presence.idle_for(began + 10 * LEAST), Some(LEAST), "it began to rest when the work was done");
        let mut woken = [0; 1];
        assert_eq!(rustix::io::read(&lobby, &mut woken), Ok(1));
    }
}
