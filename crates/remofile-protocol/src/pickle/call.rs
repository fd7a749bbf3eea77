//! The names a pickle may hold, and what becomes of those that are called.

use super::{PickleError, Value};
use std::rc::Rc;

/// An enumeration of protocol 1. Its members are numbered from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Enumeration {
    /// What a client asks for.
    Request,
    /// How a server answers.
    Response,
    /// Why, or with what.
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

    fn by_number<'a>(self, number: i64) -> Result<Value<'a>, PickleError> {
        let number = u8::try_from(number).map_err(|_| PickleError::ForbiddenCall)?;
        let known = (1..=self.members().len()).contains(&usize::from(number));
        if known { Ok(Value::Member(self, number)) } else { Err(PickleError::ForbiddenCall) }
    }

    fn by_name<'a>(self, name: &str) -> Result<Value<'a>, PickleError> {
        let number = (1..).zip(self.members()).find(|(_, member)| **member == name);
        number.map(|(number, _)| Value::Member(self, number)).ok_or(PickleError::ForbiddenCall)
    }
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

impl Callable {
    /// What a module and a name in it stand for.
    pub(super) fn find(module: &str, name: &str) -> Result<Self, PickleError> {
        match (module, name) {
            (Enumeration::MODULE, "Request") => Ok(Self::Enumeration(Enumeration::Request)),
            (Enumeration::MODULE, "Response") => Ok(Self::Enumeration(Enumeration::Response)),
            (Enumeration::MODULE, "Reason") => Ok(Self::Enumeration(Enumeration::Reason)),
            // Protocol 2 writes the names that Python 2 used.
            ("builtins" | "__builtin__", "getattr") => Ok(Self::Attribute),
            ("builtins" | "__builtin__", "bytes") => Ok(Self::EmptyBytes),
            ("_codecs", "encode") => Ok(Self::Encode),
            // Python 3.13 names the module where the classes are defined.
            ("pathlib" | "pathlib._local", "PurePath" | "PurePosixPath" | "Path" | "PosixPath") => Ok(Self::Path),
            _ => Err(PickleError::ForbiddenName),
        }
    }

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

    /// The value that Python would get by calling it.
    pub(super) fn call<'a>(self, arguments: &[Value<'a>]) -> Result<Value<'a>, PickleError> {
        match (self, arguments) {
            (Self::Enumeration(enumeration), [Value::Int(number)]) => enumeration.by_number(*number),
            (Self::Attribute, [Value::Callable(Self::Enumeration(enumeration)), Value::Text(name)]) => {
                enumeration.by_name(name)
            }
            (Self::EmptyBytes, []) => Ok(Value::Bytes(&[])),
            (Self::Encode, [Value::Text(text), Value::Text("latin1")]) if text.chars().all(|c| c <= '\u{ff}') => {
                Ok(Value::Latin1(text))
            }
            (Self::Path, parts) => join(parts).map(|path| Value::Path(Rc::from(path))),
            _ => Err(PickleError::ForbiddenCall),
        }
    }
}

/// Joins the parts of a path: one that begins with a slash starts anew.
fn join(parts: &[Value<'_>]) -> Result<String, PickleError> {
    let mut path = String::new();
    for part in parts {
        let Value::Text(part) = part else {
            return Err(PickleError::ForbiddenCall);
        };
        if part.starts_with('/') {
            path.clear();
        } else if !path.is_empty() && !path.ends_with('/') {
            path.push('/');
        }
        path.push_str(part);
    }
    Ok(path)
}
