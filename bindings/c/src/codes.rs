//! Codes: the one table from the library's errors to the numbers that C gets, and to `include/remofile/codes.h`.
//!
//! What crosses the wire has the number that it has there, above 1000; the refusals of the handshake are above 2000, what only
//! this side knows above 3000, and wrong uses of this library above 4000. None is ever given to anything else.

use remofile::Error;
use remofile::protocol::handshake::Refusal;
use remofile::protocol::wire::ErrorCode;

/// The first number of each kind.
const FAILURES: i32 = 1000;
const REFUSALS: i32 = 2000;

macro_rules! own_codes {
    ($($name:ident = $number:literal, $text:literal, $meaning:literal;)*) => {
        /// A code that does not come from the other side.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Own {
            $($name = $number,)*
        }

        impl Own {
            #[cfg(test)]
            pub(crate) const ALL: &'static [Self] = &[$(Self::$name),*];

            fn of_number(number: i32) -> Option<Self> {
                match number { $($number => Some(Self::$name),)* _ => None }
            }

            pub(crate) fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            pub(crate) fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning,)* }
            }
        }
    };
}

own_codes! {
    NotRemofile = 3001, "not-remofile", "Another service answers at that port.";
    NoAnswer = 3002, "no-answer", "Something accepts connections there and says nothing.";
    HostNotFound = 3003, "host-not-found", "The host name cannot be resolved.";
    CannotConnect = 3004, "cannot-connect", "No connection to the server.";
    ConnectionLost = 3005, "connection-lost", "The connection broke.";
    Unanswered = 3006, "unanswered", "A server of protocol 1 has not answered the first request.";
    PeerSilent = 3007, "peer-silent", "The server was not heard of for too long.";
    Protocol = 3008, "protocol", "The server broke the protocol.";
    Timeout = 3009, "timeout", "The timeout is over.";
    Stalled = 3010, "stalled", "Nothing has moved for the stall timeout.";
    Stopped = 3011, "stopped", "A callback wanted no more.";
    Callback = 3012, "callback", "A callback failed.";
    Conflicts = 3013, "conflicts", "Files are in the way; nothing was changed.";
    Interrupted = 3014, "interrupted", "The call was cancelled.";
    CannotListen = 3015, "cannot-listen", "The server cannot listen there.";
    CannotServe = 3016, "cannot-serve", "The directory cannot be served.";
    Usage = 3017, "usage", "Options contradict each other, or come at a wrong moment.";
    System = 3018, "system", "The operating system failed at something that is neither file nor connection.";
    NullArgument = 4001, "null-argument", "An argument is NULL that must not be.";
    ForeignHandle = 4002, "foreign-handle", "A handle is none of this library.";
    ClosedHandle = 4003, "closed-handle", "A handle is closed already.";
    WrongHandle = 4004, "wrong-handle", "A handle is of another type.";
    WrongSize = 4005, "wrong-size", "The struct_size of a struct is none that this version knows: use REMOFILE_INIT.";
    NotUtf8 = 4006, "not-utf8", "A text is not UTF-8.";
    InCallback = 4007, "in-callback", "The handle waits for the callback that uses it: use a clone.";
    InUse = 4008, "in-use", "Another thread makes a call with the handle: use a clone.";
    BadArgument = 4009, "bad-argument", "A flag, number or choice has no meaning.";
    BadToken = 4010, "bad-token", "A text is no token, or no key.";
    Forked = 4011, "forked", "The handle belongs to the process that this one was forked from.";
    NotRunning = 4012, "not-running", "There is no call to cancel.";
    TooManyHandles = 4013, "too-many-handles", "There are too many open handles.";
    Panic = 4014, "panic", "The library met an error of its own. The handle can only be closed.";
}

/// Returns the code of a failure of the other side, or of this one's file system.
pub(crate) fn of_failure(code: ErrorCode) -> i32 {
    FAILURES + i32::from(code.number())
}

/// Returns the code of an error.
pub(crate) fn of_error(error: &Error) -> i32 {
    let own = match error {
        Error::Remote(failure) | Error::Local(failure) => return of_failure(failure.code),
        Error::Busy(_) => return of_failure(ErrorCode::Busy),
        Error::Refused(refusal) => return REFUSALS + i32::from(refusal.number()),
        Error::NotRemofile { .. } | Error::SpeaksZeroMq { .. } => Own::NotRemofile,
        Error::NoAnswer { .. } => Own::NoAnswer,
        Error::Resolve { .. } => Own::HostNotFound,
        Error::Connect { .. } => Own::CannotConnect,
        Error::NoServer(_) => match error.most_telling() {
            Error::NoServer(_) => Own::CannotConnect,
            told => return of_error(told),
        },
        Error::ConnectionLost(_) => Own::ConnectionLost,
        Error::Unanswered => Own::Unanswered,
        Error::PeerSilent(_) => Own::PeerSilent,
        Error::Protocol(_) => Own::Protocol,
        Error::Timeout(_) => Own::Timeout,
        Error::Stalled(_) => Own::Stalled,
        Error::Stopped => Own::Stopped,
        Error::Callback(_) => Own::Callback,
        Error::Conflicts(_) => Own::Conflicts,
        Error::Interrupted => Own::Interrupted,
        Error::Listen { .. } => Own::CannotListen,
        Error::Root { .. } => Own::CannotServe,
        Error::Usage(_) => Own::Usage,
        Error::System { .. } => Own::System,
    };
    own as i32
}

/// Returns the number that the operating system gave an error; 0 if there is none.
pub(crate) fn os_error_of(error: &Error) -> i32 {
    let source = match error.most_telling() {
        Error::Resolve { source, .. }
        | Error::Connect { source, .. }
        | Error::Listen { source, .. }
        | Error::System { source, .. }
        | Error::ConnectionLost(source) => source,
        _ => return 0,
    };
    source.raw_os_error().unwrap_or(0)
}

/// Returns name and meaning of a code; `None` for a number that is none.
pub(crate) fn describe(code: i32) -> Option<(&'static str, &'static str)> {
    if let Some(own) = Own::of_number(code) {
        return Some((own.name(), own.meaning()));
    }
    let failure = |code: &&ErrorCode| of_failure(**code);
    let refusal = |refusal: &&Refusal| REFUSALS + i32::from(refusal.number());
    let found = ErrorCode::ALL.iter().find(|each| failure(each) == code).map(|code| (code.name(), code.meaning()));
    found.or_else(|| {
        let found = Refusal::ALL.iter().find(|each| refusal(each) == code);
        found.map(|refusal| (refusal.name(), refusal.meaning()))
    })
}

/// Every code with its name and meaning, in the order of the numbers.
#[cfg(test)]
pub(crate) fn all() -> Vec<(i32, &'static str, &'static str)> {
    let failures = ErrorCode::ALL.iter().map(|code| (of_failure(*code), code.name(), code.meaning()));
    let refusals = Refusal::ALL.iter().map(|each| (REFUSALS + i32::from(each.number()), each.name(), each.meaning()));
    let own = Own::ALL.iter().map(|own| (*own as i32, own.name(), own.meaning()));
    failures.chain(refusals).chain(own).collect()
}
