//! Connections that wait for the next call of a client or of one of its open files.

use crate::client::session::call::Session;
use std::sync::{Arc, Mutex, PoisonError};

/// Most connections that wait; others are ended.
const MOST: usize = 4;

/// The idle connections that a client and its open files share.
#[derive(Debug, Clone, Default)]
pub(crate) struct Idle(Arc<Mutex<Vec<Session>>>);

impl Idle {
    /// Takes a connection that its server has not ended meanwhile.
    pub(crate) fn take(&self) -> Option<Session> {
        loop {
            // A statement of its own, so that the lock is free while the socket is looked at.
            let taken = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut session = taken?;
            if !session.is_stale() {
                return Some(session);
            }
        }
    }

    /// Reports whether another client or file shares these connections.
    pub(crate) fn is_shared(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// Lets go of all connections after a fork, in the new process: they are the old process's.
    pub(crate) fn disown(&self) {
        match self.0.try_lock() {
            Ok(mut idle) => idle.drain(..).for_each(Session::disown),
            // A thread of the old process holds it here for ever, so what is in it must never be dropped.
            Err(_) => std::mem::forget(self.clone()),
        }
    }

    pub(crate) fn put(&self, session: Session) {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MOST {
            idle.push(session);
        }
    }
}
