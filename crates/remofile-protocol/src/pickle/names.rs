//! The names that a pickle may hold.

/// An enumeration of protocol 1. Its members are numbered from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Enumeration {
    /// A request of a client.
    Request,
    /// An answer of a server.
    Response,
    /// The reason of an answer, or its kind of data.
    Reason,
}

/// A class or function that a message may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Callable {
    /// An enumeration, called with the number of a member.
    Enumeration(Enumeration),
    /// `getattr`, called with an enumeration and the name of a member.
    Attribute,
    /// `bytes`, called with nothing: protocol 2 writes the empty byte string so.
    EmptyBytes,
    /// `_codecs.encode`, called with a text and `latin1`: protocol 2 writes byte strings so.
    Encode,
    /// A path class, called with the parts of the path.
    Path,
}

const REQUESTS: &[&str] = &[
    "LIST_FILES",
    "CREATE_FILE",
    "MAKE_DIRECTORY",
    "UPLOAD_FILE",
    "SEND_CHUNK",
    "DOWNLOAD_FILE",
    "RECEIVE_CHUNK",
    "CANCEL_TRANSFER",
    "REMOVE_FILE",
];

const REASONS: &[&str] = &[
    "FILES_LISTED",
    "FILE_CREATED",
    "DIRECTORY_CREATED",
    "INVALID_FILE_NAME",
    "FILE_NOT_FOUND",
    "FILE_ALREADY_EXISTS",
    "NOT_A_FILE",
    "NOT_A_DIRECTORY",
    "INCORRECT_FILE_SIZE",
    "INCORRECT_CHUNK_SIZE",
    "TRANSFER_ACCEPTED",
    "CHUNK_RECEIVED",
    "CHUNK_SENT",
    "TRANSFER_COMPLETED",
    "TRANSFER_CANCELLED",
    "BAD_REQUEST",
    "UNKNOWN_ERROR",
];

impl Enumeration {
    /// The module that defines all three.
    pub(super) const MODULE: &'static str = "remofile.protocol";

    /// The name of the enumeration.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Request => "Request",
            Self::Response => "Response",
            Self::Reason => "Reason",
        }
    }

    /// The names of the members; the first has the number 1.
    #[must_use]
    pub fn members(self) -> &'static [&'static str] {
        match self {
            Self::Request => REQUESTS,
            Self::Response => &["ACCEPTED", "REFUSED", "ERROR"],
            Self::Reason => REASONS,
        }
    }
}

impl Callable {
    /// The module and name under which Python finds it, in pickles of protocol 3 and later.
    pub(super) fn python_name(self) -> (&'static str, &'static str) {
        match self {
            Self::Enumeration(enumeration) => (Enumeration::MODULE, enumeration.name()),
            Self::Attribute => ("builtins", "getattr"),
            Self::EmptyBytes => ("builtins", "bytes"),
            Self::Encode => ("_codecs", "encode"),
            Self::Path => ("pathlib", "PurePosixPath"),
        }
    }
}
