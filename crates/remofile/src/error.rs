//! Errors of this library's calls.

use remofile_protocol::handshake::Refusal;
use remofile_protocol::printable::{Harmless, ShownPath, harmless};
use remofile_protocol::wire::{ErrorCode, Failure, Holder};
use std::io;
use std::time::Duration;

/// The result of this library's calls.
pub type Result<T> = std::result::Result<T, Error>;

/// The reason why a call failed. Its display is a sentence for people, in which text from peers or files is made
/// harmless to show; the fields hold it exactly.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server, or the store on it, refused or failed the operation.
    #[error("{0}")]
    Remote(Failure),
    /// The file system on this side refused or failed.
    #[error("{0}")]
    Local(Failure),
    /// Other clients hold the lease, and the call was not to wait for it, or not longer.
    #[error("{}", describe_busy(.0))]
    Busy(Vec<Holder>),
    /// The server ended the handshake.
    #[error("{0}")]
    Refused(Refusal),
    /// The service on that port is no Remofile server of protocol 2.
    #[error("{address} is not a Remofile server: {}", Harmless(.what))]
    NotRemofile {
        /// Address that answers.
        address: String,
        /// Description of the service, and advice.
        what: String,
    },
    /// The service on that port speaks ZeroMQ, as servers of protocol 1 do, and was asked for protocol 2.
    #[error(
        "{address} speaks ZeroMQ, as a Remofile server of the older protocol 1 does, which this client speaks if it is told to"
    )]
    SpeaksZeroMq {
        /// Address that answers.
        address: String,
    },
    /// Something accepts connections there, and says nothing.
    #[error(
        "{address} accepts connections, but has not answered for {} s (the server is stuck or overloaded, or the line or a \
         firewall loses what is sent: try again; if it never answers, another service may have that port)",
        .waited.as_secs()
    )]
    NoAnswer {
        /// Address that was connected to.
        address: String,
        /// Time that it had to answer.
        waited: Duration,
    },
    /// The host name could not be resolved.
    #[error("the host name {hostname:?} cannot be resolved: {source} (check the spelling)")]
    Resolve {
        /// The name.
        hostname: String,
        /// Error of the resolver.
        source: io::Error,
    },
    /// No connection to the server.
    #[error("cannot connect to {address}: {source} (is the server running, and is the port right?)")]
    Connect {
        /// Host and port.
        address: String,
        /// Error of the operating system.
        source: io::Error,
    },
    /// None of several servers, or of the addresses of one, can be used.
    #[error("none of the {} servers can be used: {}{}", .0.len(), describe_tried(.0), next_step(.0))]
    NoServer(Vec<TriedServer>),
    /// The connection broke.
    #[error("the connection to the server was lost: {}", describe_lost(.0))]
    ConnectionLost(io::Error),
    /// A server of protocol 1 has not answered the first request.
    #[error(
        "the server does not answer (one of protocol 1 says nothing to a wrong token, nor while somebody else's \
         transfer goes on: check the token, or try again later)"
    )]
    Unanswered,
    /// The peer has not been heard of for that long.
    #[error("the server has not answered for {} s (the line or the server is down; try again)", .0.as_secs())]
    PeerSilent(Duration),
    /// The peer broke the protocol.
    #[error("the server broke the protocol: {} (is it of a newer version?)", Harmless(.0))]
    Protocol(String),
    /// The caller's timeout is over.
    #[error("timed out after {} ms", .0.as_millis())]
    Timeout(Duration),
    /// Nothing has moved for as long as the caller allows.
    #[error("nothing has moved for {} ms (the line or the server is down, or too slow; try again)", .0.as_millis())]
    Stalled(Duration),
    /// The caller's callback wanted no more.
    #[error("stopped by the caller")]
    Stopped,
    /// The caller's callback failed.
    #[error("{0}")]
    Callback(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Files are in the way of a transfer that must not touch them; nothing was changed.
    #[error("{}", describe_conflicts(.0))]
    Conflicts(Vec<Failure>),
    /// The caller interrupted the call.
    #[error("interrupted")]
    Interrupted,
    /// The server cannot listen.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Address and port.
        address: String,
        /// Error of the operating system.
        source: io::Error,
    },
    /// The root directory cannot be served.
    #[error("cannot serve {}: {}", ShownPath(.path), describe_root(.failure))]
    Root {
        /// The directory.
        path: String,
        /// Reason of the store.
        failure: Failure,
    },
    /// The options contradict each other, or came at a wrong moment.
    #[error("{0}")]
    Usage(&'static str),
    /// The operating system failed at something that is neither file nor connection.
    #[error("{what}: {source}")]
    System {
        /// Action that was tried.
        what: &'static str,
        /// Error of the operating system.
        source: io::Error,
    },
}

/// The loss of a connection after which nobody knows whether a change was done: the source of an [`Error::ConnectionLost`].
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct OutcomeUnknown(String);

/// A server that was tried, and why it cannot be used.
#[derive(Debug)]
pub struct TriedServer {
    /// Its name and port, as they were given, or its address where a name has several.
    pub server: String,
    /// The reason.
    pub error: Error,
}

/// The reason why a connection became no session.
#[derive(Debug)]
pub(crate) enum Unopened {
    /// The other side closed it without an answer. A server that is flooded does so, and other services do.
    Closed {
        /// Address that was connected to.
        address: String,
        /// Text about the protocol that was asked for, if it is not the default one.
        asked_for: &'static str,
    },
    /// The reason that the bytes tell which came, or with which the other side ended it. They may have been changed on the
    /// way, as may have been what the other side refused: the reason holds once a second connection tells the same.
    Doubtful(Error),
    /// The reasons of several servers, of which one at least closed the connection without an answer.
    Unsure(Error),
    /// Anything else.
    Failed(Error),
}

impl From<Error> for Unopened {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Error {
    /// A change of which nobody knows whether it was done, since the connection was lost: who asks again without a look may do it
    /// twice.
    pub(crate) fn outcome_unknown(kind: io::ErrorKind, why: String) -> Self {
        Self::ConnectionLost(io::Error::new(kind, OutcomeUnknown(why)))
    }

    /// Returns a stable name for scripts, in kebab case.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Remote(failure) | Self::Local(failure) => failure.code.name(),
            Self::Busy(_) => ErrorCode::Busy.name(),
            Self::Refused(refusal) => refusal.name(),
            Self::NotRemofile { .. } | Self::SpeaksZeroMq { .. } => "not-remofile",
            Self::NoAnswer { .. } => "no-answer",
            Self::Resolve { .. } => "host-not-found",
            Self::Connect { .. } => "cannot-connect",
            Self::NoServer(tried) => most_telling(tried).map_or("cannot-connect", Self::kind),
            Self::ConnectionLost(_) => "connection-lost",
            Self::Unanswered => "unanswered",
            Self::PeerSilent(_) => "peer-silent",
            Self::Protocol(_) => "protocol",
            Self::Timeout(_) => "timeout",
            Self::Stalled(_) => "stalled",
            Self::Stopped => "stopped",
            Self::Callback(_) => "callback",
            Self::Conflicts(_) => "conflicts",
            Self::Interrupted => "interrupted",
            Self::Listen { .. } => "cannot-listen",
            Self::Root { .. } => "cannot-serve",
            Self::Usage(_) => "usage",
            Self::System { .. } => "system",
        }
    }

    /// Returns the error itself, or of several servers that were tried the error that says most: that a server refuses the
    /// token says more than that another one is not there.
    #[must_use]
    pub fn most_telling(&self) -> &Self {
        match self {
            Self::NoServer(tried) => most_telling(tried).unwrap_or(self),
            error => error,
        }
    }

    /// Returns the path that the error is about, if there is one.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        match self {
            Self::Remote(failure) | Self::Local(failure) => failure.path.as_deref(),
            Self::Root { path, .. } => Some(path),
            Self::Conflicts(conflicts) => conflicts.first().and_then(|failure| failure.path.as_deref()),
            _ => None,
        }
    }
}

/// Wraps the error as the traits of files need it: [`io::Error::downcast`] gives it back.
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        Self::new(io_kind(&error), error)
    }
}

/// Returns the kind for an error. It is never [`io::ErrorKind::Interrupted`], which readers and writers take as a
/// reason to try again.
fn io_kind(error: &Error) -> io::ErrorKind {
    use io::ErrorKind as Io;
    match error {
        Error::Remote(failure) | Error::Local(failure) => io_kind_of(failure.code),
        Error::Conflicts(_) => Io::AlreadyExists,
        Error::Busy(_) => Io::ResourceBusy,
        Error::Refused(Refusal::ShuttingDown) => Io::ConnectionReset,
        Error::Refused(_) => Io::PermissionDenied,
        Error::ConnectionLost(_) => Io::ConnectionReset,
        Error::Connect { source, .. } if source.kind() != Io::Interrupted => source.kind(),
        Error::NoServer(tried) => most_telling(tried).map_or(Io::Other, io_kind),
        Error::PeerSilent(_) | Error::NoAnswer { .. } | Error::Timeout(_) | Error::Stalled(_) | Error::Unanswered => {
            Io::TimedOut
        }
        Error::Usage(_) => Io::InvalidInput,
        Error::Protocol(_) | Error::NotRemofile { .. } | Error::SpeaksZeroMq { .. } => Io::InvalidData,
        _ => Io::Other,
    }
}

fn io_kind_of(code: ErrorCode) -> io::ErrorKind {
    use io::ErrorKind as Io;
    match code {
        ErrorCode::NotFound => Io::NotFound,
        ErrorCode::AlreadyExists => Io::AlreadyExists,
        ErrorCode::PermissionDenied | ErrorCode::OutsideRoot | ErrorCode::TokenRevoked => Io::PermissionDenied,
        ErrorCode::ReadOnly => Io::ReadOnlyFilesystem,
        ErrorCode::NoSpace => Io::StorageFull,
        ErrorCode::QuotaExceeded => Io::QuotaExceeded,
        ErrorCode::FileTooLarge => Io::FileTooLarge,
        ErrorCode::NotADirectory => Io::NotADirectory,
        ErrorCode::NotEmpty => Io::DirectoryNotEmpty,
        ErrorCode::InvalidName | ErrorCode::NotAFile | ErrorCode::BadRequest => Io::InvalidInput,
        ErrorCode::Unsupported => Io::Unsupported,
        ErrorCode::SourceChanged => Io::StaleNetworkFileHandle,
        ErrorCode::Busy => Io::ResourceBusy,
        ErrorCode::ShuttingDown | ErrorCode::CoordinatorLost => Io::ConnectionReset,
        ErrorCode::OutOfResources => Io::OutOfMemory,
        ErrorCode::CrossDevice => Io::CrossesDevices,
        ErrorCode::Other
        | ErrorCode::IntegrityFailure
        | ErrorCode::Cancelled
        | ErrorCode::TooMany
        | ErrorCode::DiskFailure
        | ErrorCode::LinkLoop
        | ErrorCode::IntoItself
        | ErrorCode::Skipped
        | ErrorCode::Occupied
        | ErrorCode::NoMatch
        | ErrorCode::BadPattern
        | ErrorCode::PartialChanged
        | ErrorCode::LeaseExpired
        | ErrorCode::SessionReplaced => Io::Other,
        ErrorCode::IncorrectChunkSize => Io::InvalidInput,
        ErrorCode::CorruptedResponse => Io::InvalidData,
    }
}

/// A failure that the server reported, as the caller sees it.
impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure.code {
            ErrorCode::Busy => Self::Busy(failure.holders.unwrap_or_default()),
            _ => Self::Remote(failure),
        }
    }
}

/// Returns the error that says most; of those that say as much the first.
fn most_telling(tried: &[TriedServer]) -> Option<&Error> {
    let says = |error: &Error| match error {
        Error::Refused(Refusal::TooMany | Refusal::ShuttingDown) => 2,
        Error::Refused(_) => 5,
        Error::Busy(_) => 4,
        Error::Connect { .. } => 1,
        Error::Resolve { .. } => 0,
        _ => 3,
    };
    tried.iter().map(|tried| &tried.error).rev().max_by_key(|error| says(error))
}

/// To try again at once is no good advice where the change may have been done.
fn describe_lost(source: &io::Error) -> String {
    let is_unknown = source.get_ref().is_some_and(|inner| inner.is::<OutcomeUnknown>());
    let advice = if is_unknown { "it may have been done: look before you try again" } else { "try again" };
    format!("{source} ({advice})")
}

fn describe_tried(tried: &[TriedServer]) -> String {
    let reason = |error: &Error| match error {
        Error::Connect { source, .. } => source.to_string(),
        Error::Resolve { source, .. } => format!("the name cannot be resolved: {source}"),
        Error::NotRemofile { what, .. } => format!("it is not a Remofile server: {}", Harmless(what)),
        Error::NoAnswer { waited, .. } => {
            format!("it accepts connections, but has not answered for {} s", waited.as_secs())
        }
        error => error.to_string(),
    };
    let told: Vec<String> =
        tried.iter().map(|TriedServer { server, error }| format!("{}: {}", harmless(server), reason(error))).collect();
    told.join("; ")
}

/// The advice where the reasons give none.
fn next_step(tried: &[TriedServer]) -> &'static str {
    match most_telling(tried) {
        Some(Error::Connect { .. }) => " (is one of them running, and are the ports right?)",
        Some(Error::Resolve { .. }) => " (check the spelling)",
        Some(Error::NoAnswer { .. }) => {
            " (they are stuck or overloaded, or the line or a firewall loses what is sent: try again)"
        }
        _ => "",
    }
}

/// The reason alone, where the code says no more than that there is one.
fn describe_root(failure: &Failure) -> String {
    match &failure.detail {
        Some(detail) if failure.code == ErrorCode::Other => harmless(detail).to_string(),
        _ => failure.to_string(),
    }
}

fn describe_conflicts(conflicts: &[Failure]) -> String {
    let (first, others) = match conflicts {
        [] => return "files are in the way (nothing was changed)".to_owned(),
        [first, others @ ..] => (first, others.len()),
    };
    let first = ShownPath(first.path.as_deref().unwrap_or_default());
    let are = match others {
        0 => format!("{first} is"),
        1 => format!("{first} and one other are"),
        _ => format!("{first} and {others} others are"),
    };
    format!("{are} in the way; nothing was changed")
}

fn describe_busy(holders: &[Holder]) -> String {
    let who: Vec<String> = holders.iter().map(describe_holder).collect();
    let who = if who.is_empty() { "somebody else".to_owned() } else { who.join(", ") };
    format!("the server is in use by {who}")
}

/// Describes a holder of the lease in words: "alice@laptop (192.0.2.7:51234): upload for 42 s". Text that the
/// client chose is made harmless to show.
#[must_use]
pub fn describe_holder(holder: &Holder) -> String {
    let seconds = holder.held_milliseconds / 1000;
    let (client, activity) = (Harmless(&holder.client), Harmless(&holder.activity));
    // Of some clients others must not know where they are.
    let address = match holder.address.as_str() {
        "" => String::new(),
        address => format!(" ({})", Harmless(address)),
    };
    let place = holder.path.as_deref().map_or_else(String::new, |path| format!(" at {}", Harmless(path)));
    format!("{client}{address}: {activity}{place} for {seconds} s")
}
