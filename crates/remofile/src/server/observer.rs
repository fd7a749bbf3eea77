//! Observers of a server: the way in which it tells a program what its clients do, for metrics, hooks and displays. The
//! library knows nothing of where that goes.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// An observer of a server, which is told of what its clients do. It is called on the threads that serve: it must be quick,
/// and must not wait for anything.
pub trait ServerObserver: Send + Sync {
    /// Takes note of an event.
    fn observe(&self, event: &ServerEvent<'_>);
}

/// An event of a server.
#[non_exhaustive]
pub enum ServerEvent<'a> {
    /// A session has begun.
    SessionOpened,
    /// A session is over.
    SessionClosed {
        /// `ok`, or the reason for which it was ended.
        outcome: &'static str,
        /// Time for which it lasted.
        duration: Duration,
    },
    /// Content of a file has come from a client.
    Received {
        /// Bytes of it.
        bytes: u64,
    },
    /// Content of a file has gone to a client, or to its connection.
    Sent {
        /// Bytes of it.
        bytes: u64,
    },
    /// An operation has waited for others, and begins or gives up.
    LeaseWaited {
        /// Time for which it waited.
        duration: Duration,
    },
    /// An operation is over.
    OperationEnded {
        /// The kind of operation, as in the audit log: `upload`, `list`, `remove`.
        what: &'static str,
        /// `ok`, the name of a failure's code, or `interrupted`.
        outcome: &'static str,
        /// Time since it was asked for.
        duration: Duration,
        /// Bytes of content.
        bytes: u64,
        /// The line of the audit log about it, a JSON object without a line feed. It is made when it is displayed.
        record: &'a dyn fmt::Display,
    },
    /// A flush of what an operation did, before its client learned of its success. A file that is uploaded alone is flushed
    /// by itself, and is not among them.
    Flushed {
        /// False if the disk failed.
        is_durable: bool,
        /// Time that the flush took.
        duration: Duration,
    },
    /// A file is complete under its name, and others see it.
    Stored(StoredFile<'a>),
    /// Peers were refused: no session began.
    Refused {
        /// The name of the reason; `more` for those that came so fast that they are not told one by one.
        reason: &'static str,
        /// Number of peers.
        connections: u64,
    },
}

/// A file that a client has stored.
#[non_exhaustive]
pub struct StoredFile<'a> {
    /// Path, as the server's root directory has it.
    pub path: &'a str,
    /// Size in bytes.
    pub bytes: u64,
    /// Name of the token.
    pub token: &'a str,
    /// Name that the client gives itself.
    pub client: &'a str,
    /// Address of the client.
    pub address: &'a str,
    /// The line of the audit log about it, a JSON object without a line feed. It is made when it is displayed.
    pub record: &'a dyn fmt::Display,
}

/// An observer among the options of a server. Clones are the same observer.
#[derive(Clone)]
pub struct Observer(Arc<dyn ServerObserver>);

impl Observer {
    /// Makes an option of an observer.
    pub fn new(observer: impl ServerObserver + 'static) -> Self {
        Self(Arc::new(observer))
    }

    /// Makes an option of an observer that others have as well.
    #[must_use]
    pub fn shared(observer: Arc<dyn ServerObserver>) -> Self {
        Self(observer)
    }

    pub(super) fn observe(&self, event: &ServerEvent<'_>) {
        self.0.observe(event);
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observer").finish_non_exhaustive()
    }
}
