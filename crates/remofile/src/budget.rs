//! Memory that peers make this side use: counted, and limited.
//!
//! Participants: a [`Budget`] is what may be used, for a server in all or, as a part of that, for one session; a
//! [`Reservation`] is what one thing uses of it, and gives it back when it is dropped. Goals: whatever can grow by what
//! a peer sends is reserved for before or as it grows; reserving costs some atomic operations a message, none a byte.
//! Non-goals: memory that is bounded for every connection by itself, as the buffers of its socket are.

use remofile_protocol::wire::{ErrorCode, Failure};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Memory that may be used, in bytes.
#[derive(Debug)]
pub(crate) struct Budget {
    scope: Scope,
    limit: u64,
    used: AtomicU64,
    most: AtomicU64,
}

/// The owner of a budget.
#[derive(Debug)]
enum Scope {
    Server,
    /// A session, whose budget is a part of the server's.
    Session(Arc<Budget>),
}

/// The error of a reservation for which not enough is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exhausted {
    /// The session has no more than this, in bytes.
    Session(u64),
    /// The server has no more than this for all sessions, in bytes.
    Server(u64),
}

impl Budget {
    /// Creates the budget of a whole server, in bytes.
    pub(crate) fn of_server(limit: u64) -> Arc<Self> {
        Arc::new(Self { scope: Scope::Server, limit, used: AtomicU64::new(0), most: AtomicU64::new(0) })
    }

    /// Creates the budget of one session, as a part of its server's, in bytes.
    pub(crate) fn of_session(server: &Arc<Self>, limit: u64) -> Arc<Self> {
        let scope = Scope::Session(Arc::clone(server));
        Arc::new(Self { scope, limit, used: AtomicU64::new(0), most: AtomicU64::new(0) })
    }

    /// Returns the bytes in use now.
    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Returns the most bytes that were ever in use.
    #[cfg(test)]
    pub(crate) fn most(&self) -> u64 {
        self.most.load(Ordering::Relaxed)
    }

    /// Returns the bytes that a user may take now who can do with less. A quarter is left for those who cannot, and
    /// half of the rest for others.
    pub(crate) fn spare(&self) -> u64 {
        let own = (self.limit / 4 * 3).saturating_sub(self.used.load(Ordering::Relaxed)) / 2;
        match &self.scope {
            Scope::Server => own,
            Scope::Session(server) => own.min(server.spare()),
        }
    }

    /// Reports whether more is in use than the budget has, which happens with what was in memory already.
    pub(crate) fn is_exceeded(&self) -> bool {
        self.used.load(Ordering::Relaxed) > self.limit
            || matches!(&self.scope, Scope::Session(server) if server.is_exceeded())
    }

    fn take(&self, bytes: u64) -> Result<(), Exhausted> {
        let within = |used: u64| used.checked_add(bytes).filter(|used| *used <= self.limit);
        // Relaxed is enough: the number orders no other memory.
        let taken = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, within);
        let Ok(before) = taken else {
            return Err(match self.scope {
                Scope::Server => Exhausted::Server(self.limit),
                Scope::Session(_) => Exhausted::Session(self.limit),
            });
        };
        if let Scope::Session(server) = &self.scope
            && let Err(exhausted) = server.take(bytes)
        {
            self.used.fetch_sub(bytes, Ordering::Relaxed);
            return Err(exhausted);
        }
        self.most.fetch_max(before + bytes, Ordering::Relaxed);
        Ok(())
    }

    fn take_anyway(&self, bytes: u64) {
        let before = self.used.fetch_add(bytes, Ordering::Relaxed);
        self.most.fetch_max(before + bytes, Ordering::Relaxed);
        if let Scope::Session(server) = &self.scope {
            server.take_anyway(bytes);
        }
    }

    fn give_back(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
        if let Scope::Session(server) = &self.scope {
            server.give_back(bytes);
        }
    }
}

/// A part of a budget that is in use.
#[derive(Debug)]
pub(crate) struct Reservation {
    budget: Arc<Budget>,
    bytes: u64,
}

impl Reservation {
    /// Creates a reservation of no bytes.
    pub(crate) fn new(budget: &Arc<Budget>) -> Self {
        Self { budget: Arc::clone(budget), bytes: 0 }
    }

    /// Returns its size in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Changes its size.
    ///
    /// # Errors
    /// [`Exhausted`] if not enough is left; the reservation is then as it was.
    pub(crate) fn resize(&mut self, bytes: u64) -> Result<(), Exhausted> {
        if bytes > self.bytes {
            self.budget.take(bytes - self.bytes)?;
        } else if bytes < self.bytes {
            self.budget.give_back(self.bytes - bytes);
        }
        self.bytes = bytes;
        Ok(())
    }

    /// Changes its size, beyond the budget if it has to be: for what is in memory already.
    pub(crate) fn resize_anyway(&mut self, bytes: u64) {
        match bytes.checked_sub(self.bytes) {
            Some(more) => self.budget.take_anyway(more),
            None => self.budget.give_back(self.bytes - bytes),
        }
        self.bytes = bytes;
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.give_back(self.bytes);
    }
}

impl From<Exhausted> for Failure {
    fn from(exhausted: Exhausted) -> Self {
        Self::new(ErrorCode::OutOfResources).because(match exhausted {
            Exhausted::Session(limit) => format!(
                "the session would hold more than {} in memory: do less at the same time, or in smaller parts, \
                 or have the server started with a larger '--session-memory'",
                shown(limit)
            ),
            Exhausted::Server(limit) => format!(
                "all sessions together would hold more than {} of the server's memory: try again later, or have \
                 the server started with a larger '--server-memory'",
                shown(limit)
            ),
        })
    }
}

fn shown(bytes: u64) -> String {
    const MIB: u64 = 1024 * 1024;
    if bytes >= MIB && bytes.is_multiple_of(MIB) { format!("{} MiB", bytes / MIB) } else { format!("{bytes} bytes") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_has_no_more_than_its_part_and_no_more_than_the_server_has_left() {
        let server = Budget::of_server(100);
        let (one, other) = (Budget::of_session(&server, 80), Budget::of_session(&server, 80));
        let (mut a, mut b) = (Reservation::new(&one), Reservation::new(&other));
        assert_eq!(a.resize(81), Err(Exhausted::Session(80)));
        a.resize(70).unwrap();
        assert_eq!(b.resize(31), Err(Exhausted::Server(100)));
        assert_eq!((one.used(), other.used(), server.used(), other.spare()), (70, 0, 70, 2));
        a.resize(10).unwrap();
        b.resize(80).unwrap();
        assert_eq!((server.used(), server.most(), one.most()), (90, 90, 70));
        drop((a, b));
        assert_eq!((one.used(), other.used(), server.used()), (0, 0, 0));
    }

    #[test]
    fn what_is_in_memory_already_counts_beyond_the_limit() {
        let server = Budget::of_server(100);
        let session = Budget::of_session(&server, 50);
        let (mut held, mut more) = (Reservation::new(&session), Reservation::new(&session));
        held.resize_anyway(70);
        assert!(session.is_exceeded() && !server.is_exceeded());
        assert_eq!(more.resize(1), Err(Exhausted::Session(50)));
        held.resize_anyway(20);
        more.resize(30).unwrap();
        assert_eq!((session.used(), server.used()), (50, 50));
    }

    #[test]
    fn a_sum_that_has_no_end_is_refused() {
        let mut all = Reservation::new(&Budget::of_server(u64::MAX));
        all.resize(u64::MAX).unwrap();
        let budget = Arc::clone(&all.budget);
        assert_eq!(Reservation::new(&budget).resize(1), Err(Exhausted::Server(u64::MAX)));
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        let told = Failure::from(Exhausted::Session(64 << 20)).to_string();
        assert!(told.contains("'--session-memory'") && told.contains("64 MiB"), "{told}");
        assert!(Failure::from(Exhausted::Server(1)).to_string().contains("'--server-memory'"));
    }
}
