//! The coordinator of a server, as its options have it, and how the server stands with it.

use super::clock::TermFence;
use super::coordinator::Coordinator;
use crate::store::Fence;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The time for which the paths of a server that is gone are kept from others; the coordinator may take a second more.
const TERM: Duration = Duration::from_secs(9);

/// Terms have so many parts: one is the pause between two times at which a term is kept, and two at its end are those in which
/// its server begins no change any more, for a change that has begun, and for clocks that do not run alike.
pub(super) const PARTS: u32 = 9;

/// The coordinator of a server that shares its store with others, for [`ServerOptions`](crate::ServerOptions). Clones are the same one, for one
/// server.
#[derive(Clone)]
pub struct Coordinated {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) coordinator: Arc<dyn Coordinator>,
    /// The store, as other machines know it too; `None` for a local directory, which tells itself.
    store: Option<String>,
    pub(super) term: Duration,
    pub(super) fence: Arc<TermFence>,
    standing: Mutex<Standing>,
}

/// The relation of a server to its coordinator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// The coordinator is not known yet, or not any more: clients read, and change nothing.
    Lost(String),
    /// Changes are made.
    Joined,
    /// The coordinator has not answered for a moment. Changes are still made.
    Silent(String),
}

impl Coordinated {
    /// Says what servers have for their coordinator. Of each two that have the same one their stores must be the same.
    #[must_use]
    pub fn new(coordinator: impl Coordinator + 'static) -> Self {
        let standing = Mutex::new(Standing::Lost("it has not been asked yet".to_owned()));
        let inner =
            Inner { coordinator: Arc::new(coordinator), store: None, term: TERM, fence: Arc::default(), standing };
        Self { inner: Arc::new(inner) }
    }

    /// Names a store that is no local directory, in the same words at each of its servers.
    #[must_use]
    pub fn of_store(self, name: impl Into<String>) -> Self {
        self.changed(|inner| inner.store = Some(name.into()))
    }

    /// Has a server that is gone keep others waiting for another time than some 10 s. That of all servers must be the same.
    #[must_use]
    pub fn with_term(self, term: Duration) -> Self {
        self.changed(|inner| inner.term = term)
    }

    fn changed(self, change: impl FnOnce(&mut Inner)) -> Self {
        let Inner { coordinator, store, term, fence, .. } = &*self.inner;
        let standing = Mutex::new(self.standing());
        let (coordinator, store, term, fence) = (Arc::clone(coordinator), store.clone(), *term, Arc::clone(fence));
        let mut inner = Inner { coordinator, store, term, fence, standing };
        change(&mut inner);
        Self { inner: Arc::new(inner) }
    }

    /// Returns the fence, for a store that asks it before each change.
    #[must_use]
    pub fn fence(&self) -> Arc<dyn Fence> {
        Arc::clone(&self.inner.fence) as Arc<dyn Fence>
    }

    /// Returns the address of the coordinator.
    #[must_use]
    pub fn address(&self) -> String {
        self.inner.coordinator.address()
    }

    /// Returns how the server stands with it now.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let standing = self.inner.standing.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match (standing, self.inner.fence.remaining()) {
            // The thread that says so may be late.
            (Standing::Joined, None) => Standing::Lost("it has not answered for too long".to_owned()),
            (Standing::Silent(why), None) => Standing::Lost(why),
            (standing, _) => standing,
        }
    }

    /// Returns the name of its store, if that is no local directory.
    pub(in crate::server) fn store(&self) -> Option<String> {
        self.inner.store.clone()
    }

    /// Notes how the server stands with it, and returns true if that is new.
    pub(super) fn note(&self, standing: Standing) -> bool {
        let mut current = self.inner.standing.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = std::mem::discriminant(&*current) != std::mem::discriminant(&standing);
        *current = standing;
        is_new
    }
}

impl fmt::Debug for Coordinated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Coordinated").field(&self.address()).field(&self.standing()).finish()
    }
}
