//! The seam to a coordinator: a small store of values that several servers see in one order.
//!
//! Everything that servers agree on is built on four promises of it. *One order*: each write has a revision, and whoever watches
//! sees all writes in the order of these, the parts of one write together. *Terms*: a value that belongs to a term is deleted when that ends, which is never
//! earlier than its time after it was kept last. *Conditions*: a write is done as a whole, or not at all if one of its
//! conditions does not hold. *Repetition*: a write that was perhaps done may be made again, since it says what is to be there.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

/// A small store of values that several servers see in one order, as etcd is. Its keys are texts; those of one cluster of
/// servers are all that it shows. Each call returns within a few seconds, but [`Watch::next`].
pub trait Coordinator: Send + Sync {
    /// Returns its address, as users know it, without secrets.
    fn address(&self) -> String;

    /// Begins a term, which ends when it was not kept for this time.
    ///
    /// # Errors
    /// [`CoordinatorError::Unreachable`], [`CoordinatorError::Denied`].
    fn begin_term(&self, time: Duration) -> CoordinatorResult<Term>;

    /// Keeps a term for its time from now on.
    ///
    /// # Errors
    /// [`CoordinatorError::TermOver`] if it has ended.
    fn keep_term(&self, term: Term) -> CoordinatorResult<()>;

    /// Ends a term, and deletes the values that belong to it.
    ///
    /// # Errors
    /// [`CoordinatorError::Unreachable`]: it ends by itself then.
    fn end_term(&self, term: Term) -> CoordinatorResult<()>;

    /// Returns all values whose keys begin with a prefix, as they are at one revision.
    ///
    /// # Errors
    /// [`CoordinatorError::Unreachable`], [`CoordinatorError::Denied`].
    fn read(&self, prefix: &str) -> CoordinatorResult<Snapshot>;

    /// Makes changes as one, each of another key, if all conditions hold. Returns the revision; `None` if one does not.
    ///
    /// # Errors
    /// [`CoordinatorError::TermOver`] if a value is to belong to a term that has ended; after [`CoordinatorError::Unreachable`] the changes
    /// may have been made.
    fn write(&self, conditions: &[Condition], changes: &[Change]) -> CoordinatorResult<Option<u64>>;

    /// Watches all values from a revision on.
    ///
    /// # Errors
    /// [`CoordinatorError::Unreachable`].
    fn watch(&self, from: u64) -> CoordinatorResult<Box<dyn Watch>>;
}

/// A watch of a coordinator.
pub trait Watch: Send {
    /// Waits for the next changes, some seconds at most, and returns them in their order; none if nothing has changed.
    ///
    /// # Errors
    /// [`CoordinatorError::Unreachable`] if the connection has ended, [`CoordinatorError::Forgotten`] if changes are not known
    /// any more: everything has to be read again.
    fn next(&mut self) -> CoordinatorResult<Vec<Event>>;
}

/// A term of a coordinator: the values of a server are there as long as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Term(pub i64);

/// A condition of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// The key of a value.
    pub key: String,
    /// The revision of its last change; 0 if it is not to be there.
    pub revision: u64,
}

/// A change of one value.
#[derive(Clone, PartialEq, Eq)]
pub enum Change {
    /// The value is to be there.
    Put {
        /// Its key.
        key: String,
        /// Its bytes.
        value: Zeroizing<Vec<u8>>,
        /// The term that it belongs to, if it is not to stay.
        term: Option<Term>,
    },
    /// The value is not to be there.
    Delete {
        /// Its key.
        key: String,
    },
}

/// The values at one revision.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The revision.
    pub revision: u64,
    /// The values in the order of their keys.
    pub values: Vec<SharedValue>,
}

/// A value of a coordinator.
#[derive(Clone, PartialEq, Eq)]
pub struct SharedValue {
    /// Its key.
    pub key: String,
    /// Its bytes.
    pub value: Zeroizing<Vec<u8>>,
    /// The revision at which it came to be there.
    pub created: u64,
    /// The revision of its last change.
    pub modified: u64,
}

/// A change that was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A value is there.
    Put(SharedValue),
    /// The value is not there any more.
    Delete {
        /// Its key.
        key: String,
        /// The revision.
        revision: u64,
    },
}

/// The reason a coordinator did not do what it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CoordinatorError {
    /// The coordinator does not answer, or cannot do anything now.
    #[error("{0}")]
    Unreachable(String),
    /// The coordinator does not let this server in.
    #[error("{0}")]
    Denied(String),
    /// The term has ended.
    #[error("the term has ended")]
    TermOver,
    /// The coordinator does not know any more what has changed.
    #[error("the changes are not known any more")]
    Forgotten,
}

/// A result with the reason a coordinator did not do something.
pub type CoordinatorResult<T> = Result<T, CoordinatorError>;

impl Change {
    /// Returns the key of the value.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Self::Put { key, .. } | Self::Delete { key } => key,
        }
    }
}

impl Event {
    /// Returns its revision.
    #[must_use]
    pub fn revision(&self) -> u64 {
        match self {
            Self::Put(value) => value.modified,
            Self::Delete { revision, .. } => *revision,
        }
    }
}

/// Some values are secrets.
impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if matches!(self, Self::Put { .. }) { "Put" } else { "Delete" };
        f.debug_tuple(name).field(&self.key()).finish()
    }
}

impl fmt::Debug for SharedValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedValue").field("key", &self.key).field("modified", &self.modified).finish_non_exhaustive()
    }
}

impl fmt::Debug for dyn Coordinator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Coordinator").field(&self.address()).finish()
    }
}

impl<C: Coordinator + ?Sized> Coordinator for Arc<C> {
    fn address(&self) -> String {
        (**self).address()
    }

    fn begin_term(&self, time: Duration) -> CoordinatorResult<Term> {
        (**self).begin_term(time)
    }

    fn keep_term(&self, term: Term) -> CoordinatorResult<()> {
        (**self).keep_term(term)
    }

    fn end_term(&self, term: Term) -> CoordinatorResult<()> {
        (**self).end_term(term)
    }

    fn read(&self, prefix: &str) -> CoordinatorResult<Snapshot> {
        (**self).read(prefix)
    }

    fn write(&self, conditions: &[Condition], changes: &[Change]) -> CoordinatorResult<Option<u64>> {
        (**self).write(conditions, changes)
    }

    fn watch(&self, from: u64) -> CoordinatorResult<Box<dyn Watch>> {
        (**self).watch(from)
    }
}
