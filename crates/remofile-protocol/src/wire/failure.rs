//! Errors as they cross the wire: the one table of codes.

use crate::handshake::Rights;
use crate::path::{InvalidName, InvalidPath};
use crate::printable::{Harmless, ShownPath};
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use std::fmt;

/// Longest detail, in bytes: it may quote what a peer sent.
const MAX_DETAIL_BYTES: usize = 1024;

macro_rules! error_codes {
    ($($(#[doc = $doc:literal])* $name:ident = $number:literal, $text:literal, $sentence:literal;)*) => {
        /// The stable number of a kind of failure. Unknown numbers are read as [`ErrorCode::Other`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $($(#[doc = $doc])* $name,)*
        }

        impl ErrorCode {
            /// Every code there is.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The number on the wire.
            #[must_use]
            pub fn number(self) -> u16 {
                match self { $(Self::$name => $number,)* }
            }

            /// The code of a number; [`ErrorCode::Other`] for one that this version does not know.
            #[must_use]
            pub fn from_number(number: u16) -> Self {
                match number { $($number => Self::$name,)* _ => Self::Other }
            }

            /// A stable name for scripts, in kebab case.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// Its meaning, as docs/protocol.md has it.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),*).trim_ascii(),)* }
            }

            /// The reason in a few words, to follow a path and a colon.
            #[must_use]
            pub fn sentence(self) -> &'static str {
                match self { $(Self::$name => $sentence,)* }
            }
        }
    };
}

error_codes! {
    /// Anything that no other code names; the detail tells.
    Other = 0, "other", "the operation failed";
    /// The path names nothing.
    NotFound = 1, "not-found", "there is no such file or directory";
    /// The name is taken, and the request said not to overwrite.
    AlreadyExists = 2, "already-exists", "it exists already";
    /// A file was needed.
    NotAFile = 3, "not-a-file", "it is not a regular file";
    /// A directory was needed.
    NotADirectory = 4, "not-a-directory", "it is not a directory";
    /// The directory has entries, and the request was not recursive.
    NotEmpty = 5, "not-empty", "the directory is not empty";
    /// The name or path is not valid under the rules.
    InvalidName = 6, "invalid-name", "the name is not valid";
    /// The path leads out of the root directory, by a link.
    OutsideRoot = 7, "outside-root", "it leads out of the directory that is served or downloaded to";
    /// The operating system denied access.
    PermissionDenied = 8, "permission-denied", "permission denied";
    /// The server or its file system is read-only.
    ReadOnly = 9, "read-only", "it is read-only";
    /// The disk, or what its user may have on it, is full.
    NoSpace = 10, "no-space", "no space is left on the disk (free some, then try again)";
    /// The file exceeds the server's limit.
    FileTooLarge = 11, "file-too-large", "the file is larger than the server allows";
    /// The source changed while it was sent, or is not the version that was asked for.
    SourceChanged = 12, "source-changed", "it changed while it was being sent (nothing was replaced; try again)";
    /// The bytes that arrived are not those that were sent.
    IntegrityFailure = 13, "integrity-failure", "what arrived differs from what was sent (nothing was replaced; try again)";
    /// Somebody else has a path, or waits for it.
    Busy = 14, "busy", "the server is in use";
    /// The client asked for it.
    Cancelled = 15, "cancelled", "cancelled";
    /// The server is stopping.
    ShuttingDown = 16, "shutting-down", "the server is shutting down";
    /// The request is not known to this version.
    Unsupported = 17, "unsupported", "the other side does not support this";
    /// The request contradicts itself or the protocol.
    BadRequest = 18, "bad-request", "the request makes no sense to the other side";
    /// Too many operations in flight.
    TooMany = 19, "too-many", "too many operations are in flight";
    /// The disk failed.
    DiskFailure = 20, "disk-failure", "the disk failed";
    /// Links form a loop, or there are too many.
    LinkLoop = 21, "link-loop", "its symbolic links form a loop";
    /// Of two directories, such as source and destination, one is inside the other.
    IntoItself = 22, "into-itself", "one of the two directories is inside the other";
    /// Too many files are open, or the operation would need more memory than the session, or all of them, may use.
    OutOfResources = 23, "out-of-resources", "there is not enough memory, or there are too few file descriptors";
    /// The request needs the peer to be on one file system.
    CrossDevice = 24, "cross-device", "source and destination are on different file systems";
    /// Left out as the rules for conflicts, links and special files say. No failure of the transfer.
    Skipped = 25, "skipped", "skipped";
    /// Something is at, or was kept of, a name that was to be new: the client looks first.
    Occupied = 26, "occupied", "something is there already";
    /// No file or directory matches the pattern.
    NoMatch = 27, "no-match", "nothing matches the pattern";
    /// A pattern or a rule cannot be read.
    BadPattern = 28, "bad-pattern", "the pattern is malformed";
    /// The partial of an interrupted transfer is not what it was.
    PartialChanged = 29, "partial-changed", "what was kept of it has changed (try again)";
    /// The operation had its lease for longer than the server allows without progress.
    LeaseExpired = 30, "lease-expired", "the server ended it because it made no progress for too long; run the command again";
    /// The room that the token may use below its directory is used up.
    QuotaExceeded = 31, "quota-exceeded", "the quota of the token is used up (remove something, or ask for a larger quota)";
    /// The token was removed, has expired, or gives other rights now: the server has ended its sessions.
    TokenRevoked = 32, "token-revoked", "the token was removed or changed, or has expired, while it was in use";
    /// The same client has begun another session, so the server has ended this one.
    SessionReplaced = 33, "session-replaced", "the same client has connected anew, so the server has ended this session";
    /// The server cannot reach its coordinator, and changes nothing meanwhile. Nothing was done; of an upload, nothing that was not told.
    CoordinatorLost = 34, "coordinator-lost", "the server has lost its coordinator, and changes nothing until that is back (try again in a moment)";
    /// The server takes no chunks of the size that was asked for.
    IncorrectChunkSize = 40, "incorrect-chunk-size", "the server takes no chunks of that size";
    /// An answer came that the protocol does not have.
    CorruptedResponse = 41, "corrupted-response", "the server gave an answer that the protocol does not have";
}

impl<C> Encode<C> for ErrorCode {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        e.u16(self.number())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for ErrorCode {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        Ok(Self::from_number(d.u16()?))
    }
}

/// An operation, or one file of it, that failed.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Failure {
    /// The kind of failure.
    #[n(0)]
    pub code: ErrorCode,
    /// The path it is about, as far as it can be written.
    #[n(1)]
    pub path: Option<String>,
    /// The text of the operating system or of the check that failed.
    #[n(2)]
    pub detail: Option<String>,
    /// With [`ErrorCode::Busy`]: who is in the way.
    #[n(3)]
    pub holders: Option<Vec<Holder>>,
    /// With [`ErrorCode::PermissionDenied`], if the token was the reason: the rights that it gives.
    #[n(4)]
    pub rights: Option<Rights>,
}

impl Failure {
    /// A failure that is known by its code alone.
    #[must_use]
    pub fn new(code: ErrorCode) -> Self {
        Self { code, path: None, detail: None, holders: None, rights: None }
    }

    /// A file that is larger than a limit of the server.
    #[must_use]
    pub fn larger_than(limit: u64) -> Self {
        Self::new(ErrorCode::FileTooLarge)
            .because(format_args!("{limit} bytes at most: the '--file-size-limit' of the server, or that of the token"))
    }

    /// Adds the path it is about.
    #[must_use]
    pub fn at(mut self, path: impl fmt::Display) -> Self {
        self.path = Some(path.to_string());
        self
    }

    /// Adds what the operating system or the checker said.
    #[must_use]
    pub fn because(mut self, detail: impl fmt::Display) -> Self {
        let mut detail = detail.to_string();
        let end = (0..=detail.len().min(MAX_DETAIL_BYTES)).rev().find(|&at| detail.is_char_boundary(at));
        detail.truncate(end.unwrap_or(0));
        self.detail = Some(detail);
        self
    }
}

/// A sentence for people, harmless to show: see [`crate::printable`]. The fields hold what was said exactly.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = &self.path {
            write!(f, "{}: ", ShownPath(path))?;
        }
        match &self.detail {
            // So many things can be short, or away for a moment, that what the code means in general would mislead.
            Some(detail) if matches!(self.code, ErrorCode::OutOfResources | ErrorCode::CoordinatorLost) => {
                write!(f, "{}", Harmless(detail))
            }
            Some(detail) => write!(f, "{} ({})", self.code.sentence(), Harmless(detail)),
            None => f.write_str(self.code.sentence()),
        }
    }
}

impl std::error::Error for Failure {}

impl From<ErrorCode> for Failure {
    fn from(code: ErrorCode) -> Self {
        Self::new(code)
    }
}

impl From<InvalidName> for Failure {
    fn from(error: InvalidName) -> Self {
        Self::new(ErrorCode::InvalidName).because(error)
    }
}

impl From<InvalidPath> for Failure {
    fn from(error: InvalidPath) -> Self {
        Self::new(ErrorCode::InvalidName).because(error)
    }
}

/// A client that holds the lease, or waits for it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Holder {
    /// As the client named itself: user and host. Chosen by the client; not proved.
    #[n(0)]
    pub client: String,
    /// The network address the server sees.
    #[n(1)]
    pub address: String,
    /// The name of its operation: `list`, `upload` and so on.
    #[n(2)]
    pub activity: String,
    /// For how many milliseconds.
    #[n(3)]
    pub held_milliseconds: u64,
    /// The path at which it is in the way, as the client that is told sees it.
    #[n(4)]
    pub path: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_unique_and_come_back() {
        let mut names = std::collections::HashSet::new();
        for &code in ErrorCode::ALL {
            assert_eq!(ErrorCode::from_number(code.number()), code);
            assert!(names.insert(code.name()), "{}", code.name());
        }
        assert_eq!(ErrorCode::from_number(60_000), ErrorCode::Other);
    }

    #[test]
    fn a_failure_reads_as_a_sentence() {
        let failure = Failure::new(ErrorCode::NotFound).at("/a").because("os error 2");
        assert_eq!(failure.to_string(), "/a: there is no such file or directory (os error 2)");
        let nameless = Failure::new(ErrorCode::NotFound).at("");
        assert_eq!(nameless.to_string(), "'': there is no such file or directory");
        let hostile = Failure::new(ErrorCode::NotFound).at("/a\u{9b}2J").because("\u{202e}\n");
        assert_eq!(hostile.to_string(), r"/a\u{9b}2J: there is no such file or directory (\u{202e}\u{a})");
    }

    #[test]
    fn what_is_short_is_told_in_place_of_the_general_sentence() {
        let bare = Failure::new(ErrorCode::OutOfResources);
        assert_eq!(bare.to_string(), "there is not enough memory, or there are too few file descriptors");
        let told = bare.at("/a").because("the server's coordinator cannot be reached").to_string();
        assert_eq!(told, "/a: the server's coordinator cannot be reached");
    }
}
