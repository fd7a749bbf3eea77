//! Connections that wait for the next call of a client or of one of its open files.

use crate::client::ClientOptions;
use crate::client::session::call::Session;
use crate::client::session::context::CallContext;
use crate::error::Result;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Most connections that wait; others are ended. As many as the calls that the Python package makes at a time.
const MOST: usize = 16;

/// The idle connections that a client and its open files share.
#[derive(Debug, Clone, Default)]
pub(crate) struct Idle(Arc<Place>);

#[derive(Debug, Default)]
struct Place {
    sessions: Mutex<Vec<Session>>,
    /// Told when a connection comes.
    has_come: Condvar,
    /// Held by each connection of those who share this, at work or idle.
    mark: Arc<()>,
    /// Number of calls that wait for one which waits for a connection: theirs do not come free.
    stuck: Mutex<usize>,
}

/// The wait for a connection of a call for which other calls wait. They count as stuck as long as this is there.
pub(crate) struct Waiting<'a> {
    idle: &'a Idle,
    calls: usize,
}

/// The interval at which whoever waits for a connection looks whether the call is to end.
const STEP: Duration = Duration::from_millis(50);

impl Idle {
    /// Takes a connection that its server has not ended meanwhile, to the server that is used now.
    pub(crate) fn take(&self, options: &ClientOptions) -> Option<Session> {
        loop {
            // A statement of its own, so that the lock is free while the socket is looked at.
            let taken = self.0.sessions.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut session = taken?;
            if !session.is_stale() && session.is_current(options) {
                return Some(session);
            }
        }
    }

    /// Returns what each connection holds, so that they are counted.
    pub(crate) fn mark(&self) -> Arc<()> {
        Arc::clone(&self.0.mark)
    }

    /// Returns the number of connections that are at work, idle or being opened.
    pub(crate) fn count(&self) -> usize {
        Arc::strong_count(&self.0.mark) - 1
    }

    /// Waits until there is a connection to take, but not for longer than this.
    pub(crate) fn wait(&self, context: &CallContext, limit: Duration) -> Result<()> {
        let since = Instant::now();
        let mut idle = self.0.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        while idle.is_empty() && since.elapsed() < limit {
            context.check()?;
            idle = self.0.has_come.wait_timeout(idle, STEP).unwrap_or_else(PoisonError::into_inner).0;
        }
        Ok(())
    }

    /// Notes that a call waits for a connection, for which so many others wait.
    pub(crate) fn waits(&self, calls: usize) -> Waiting<'_> {
        *self.stuck() += calls;
        Waiting { idle: self, calls }
    }

    fn stuck(&self) -> MutexGuard<'_, usize> {
        self.0.stuck.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reports whether another client or file shares these connections.
    pub(crate) fn is_shared(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// Lets go of all connections after a fork, in the new process: they are the old process's.
    pub(crate) fn disown(&self) {
        match self.0.sessions.try_lock() {
            Ok(mut idle) => idle.drain(..).for_each(Session::disown),
            // A thread of the old process holds it here for ever, so what is in it must never be dropped.
            Err(_) => std::mem::forget(self.clone()),
        }
    }

    /// Ends all of them.
    pub(crate) fn end(&self) {
        // A statement of its own, so that the lock is free while each says goodbye.
        let ended = std::mem::take(&mut *self.0.sessions.lock().unwrap_or_else(PoisonError::into_inner));
        drop(ended);
    }

    pub(crate) fn put(&self, session: Session) {
        let mut idle = self.0.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MOST {
            idle.push(session);
            self.0.has_come.notify_one();
        }
    }
}

impl Waiting<'_> {
    /// Reports whether all connections belong to calls that are stuck, some of them for this one, which is to give up then: they do
    /// not count any more, so that of several who wait one alone gives up.
    pub(crate) fn is_in_vain(&mut self) -> bool {
        let mut stuck = self.idle.stuck();
        let is_in_vain = self.calls > 0 && self.idle.count() <= *stuck;
        if is_in_vain {
            *stuck -= std::mem::take(&mut self.calls);
        }
        is_in_vain
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        *self.idle.stuck() -= self.calls;
    }
}
