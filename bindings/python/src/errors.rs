//! The one table from the library's errors to Python's exceptions.

use pyo3::exceptions::{PyMemoryError, PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyFrozenSet;
use remofile::Error;
use remofile::protocol::handshake::{Refusal, Right};
use remofile::protocol::wire::{ErrorCode, Failure, Holder};
use std::io;

/// The shape that an error takes in Python.
enum Shape {
    /// `OSError` with that errno, of the class that Python has for it.
    Os(i32),
    /// A class of `remofile.exceptions` that is an `OSError`, with that errno.
    OwnOs(&'static str, i32),
    /// A class of `remofile.exceptions` that is made of a message.
    Own(&'static str),
    /// `ValueError`.
    Value,
    /// `RuntimeError`.
    Runtime,
    /// `MemoryError`.
    Memory,
}

pub(crate) mod errno {
    //! Numbers that are the same on every system that Python runs on, or that Python tells.
    use super::{PyResult, Python};
    use pyo3::prelude::*;

    pub(super) const PERM: i32 = 1;
    pub(crate) const NOENT: i32 = 2;
    pub(super) const INTR: i32 = 4;
    pub(crate) const IO: i32 = 5;
    pub(crate) const ACCES: i32 = 13;
    pub(super) const BUSY: i32 = 16;
    pub(super) const EXIST: i32 = 17;
    pub(super) const XDEV: i32 = 18;
    pub(super) const NOTDIR: i32 = 20;
    pub(super) const ISDIR: i32 = 21;
    pub(crate) const INVAL: i32 = 22;
    pub(super) const MFILE: i32 = 24;
    pub(crate) const FBIG: i32 = 27;
    pub(super) const NOSPC: i32 = 28;
    pub(super) const ROFS: i32 = 30;
    /// Of these the numbers differ: they are looked up by name when they are needed.
    pub(super) const NOTEMPTY: i32 = -1;
    pub(super) const LOOP: i32 = -2;
    pub(super) const OPNOTSUPP: i32 = -3;
    pub(super) const TIMEDOUT: i32 = -4;
    pub(super) const CONNRESET: i32 = -5;
    pub(super) const CONNABORTED: i32 = -6;
    pub(super) const CONNREFUSED: i32 = -7;
    pub(super) const AGAIN: i32 = -8;
    pub(super) const HOSTUNREACH: i32 = -9;
    pub(super) const DQUOT: i32 = -10;

    const NAMED: [&str; 10] = [
        "ENOTEMPTY",
        "ELOOP",
        "EOPNOTSUPP",
        "ETIMEDOUT",
        "ECONNRESET",
        "ECONNABORTED",
        "ECONNREFUSED",
        "EAGAIN",
        "EHOSTUNREACH",
        "EDQUOT",
    ];

    pub(super) fn number(py: Python<'_>, errno: i32) -> PyResult<i32> {
        match usize::try_from(-errno) {
            Ok(index @ 1..) => py.import("errno")?.getattr(NAMED[index - 1])?.extract(),
            _ => Ok(errno),
        }
    }
}

/// The table for what a store, here or at the server, can fail with.
fn shape_of_code(code: ErrorCode) -> Shape {
    match code {
        ErrorCode::NotFound => Shape::Os(errno::NOENT),
        ErrorCode::AlreadyExists | ErrorCode::Occupied => Shape::Os(errno::EXIST),
        ErrorCode::NotAFile => Shape::Os(errno::ISDIR),
        ErrorCode::NotADirectory => Shape::Os(errno::NOTDIR),
        ErrorCode::NotEmpty => Shape::Os(errno::NOTEMPTY),
        ErrorCode::InvalidName => Shape::OwnOs("FileNameError", errno::INVAL),
        ErrorCode::OutsideRoot => Shape::Os(errno::PERM),
        ErrorCode::PermissionDenied => Shape::Os(errno::ACCES),
        ErrorCode::TokenRevoked => Shape::OwnOs("AuthenticationError", errno::ACCES),
        ErrorCode::ReadOnly => Shape::Os(errno::ROFS),
        ErrorCode::NoSpace => Shape::Os(errno::NOSPC),
        ErrorCode::QuotaExceeded => Shape::OwnOs("QuotaExceededError", errno::DQUOT),
        ErrorCode::FileTooLarge => Shape::OwnOs("FileSizeError", errno::FBIG),
        ErrorCode::SourceChanged | ErrorCode::IntegrityFailure | ErrorCode::PartialChanged => {
            Shape::OwnOs("IntegrityError", errno::IO)
        }
        ErrorCode::Busy => Shape::OwnOs("ServerBusyError", errno::BUSY),
        ErrorCode::ShuttingDown | ErrorCode::LeaseExpired | ErrorCode::SessionReplaced | ErrorCode::CoordinatorLost => {
            Shape::Os(errno::CONNABORTED)
        }
        ErrorCode::Unsupported => Shape::Os(errno::OPNOTSUPP),
        ErrorCode::BadRequest => Shape::Own("BadRequestError"),
        ErrorCode::TooMany => Shape::Os(errno::AGAIN),
        ErrorCode::DiskFailure => Shape::Os(errno::IO),
        ErrorCode::LinkLoop => Shape::Os(errno::LOOP),
        ErrorCode::IntoItself => Shape::Os(errno::INVAL),
        ErrorCode::OutOfResources => Shape::Os(errno::MFILE),
        ErrorCode::CrossDevice => Shape::Os(errno::XDEV),
        ErrorCode::NoMatch => Shape::Own("SourceNotFound"),
        ErrorCode::BadPattern | ErrorCode::IncorrectChunkSize => Shape::Value,
        ErrorCode::CorruptedResponse => Shape::Own("CorruptedResponse"),
        ErrorCode::Other | ErrorCode::Cancelled | ErrorCode::Skipped => Shape::Own("UnexpectedError"),
    }
}

/// Reports whether the token was the reason.
fn missing_right(failure: &Failure) -> bool {
    failure.code == ErrorCode::PermissionDenied && failure.rights.is_some()
}

/// The table for everything else.
fn shape(error: &Error) -> Shape {
    match error {
        Error::Remote(failure) if missing_right(failure) => Shape::OwnOs("MissingRightError", errno::ACCES),
        Error::Remote(failure) | Error::Local(failure) => shape_of_code(failure.code),
        Error::Busy(_) => shape_of_code(ErrorCode::Busy),
        Error::Conflicts(_) => Shape::Os(errno::EXIST),
        Error::Refused(refusal) => match refusal {
            Refusal::Token
            | Refusal::Expired
            | Refusal::EncryptionRequired
            | Refusal::KeyRequired
            | Refusal::Key
            | Refusal::NoKey => Shape::OwnOs("AuthenticationError", errno::ACCES),
            Refusal::TooMany => Shape::OwnOs("ServerBusyError", errno::BUSY),
            Refusal::ShuttingDown => Shape::Os(errno::CONNABORTED),
            Refusal::Version | Refusal::Malformed | Refusal::NoSession | Refusal::Other => {
                Shape::OwnOs("ConnectError", errno::CONNREFUSED)
            }
        },
        Error::NotRemofile { .. } | Error::SpeaksZeroMq { .. } => Shape::OwnOs("ConnectError", errno::CONNREFUSED),
        Error::Resolve { .. } => Shape::OwnOs("ConnectError", errno::HOSTUNREACH),
        Error::Connect { source, .. } => {
            Shape::OwnOs("ConnectError", source.raw_os_error().unwrap_or(errno::CONNREFUSED))
        }
        Error::NoServer(_) => match error.most_telling() {
            Error::NoServer(_) => Shape::OwnOs("ConnectError", errno::CONNREFUSED),
            told => shape(told),
        },
        Error::ConnectionLost(_) => Shape::Os(errno::CONNRESET),
        Error::NoAnswer { .. } => Shape::OwnOs("ConnectError", errno::TIMEDOUT),
        Error::Unanswered | Error::PeerSilent(_) | Error::Timeout(_) | Error::Stalled(_) => Shape::Os(errno::TIMEDOUT),
        Error::Protocol(_) => Shape::Own("CorruptedResponse"),
        Error::Interrupted | Error::Stopped => Shape::Os(errno::INTR),
        Error::Callback(_) => Shape::Own("UnexpectedError"),
        Error::Listen { .. } | Error::Usage(_) => Shape::Runtime,
        Error::Root { .. } => Shape::Os(errno::NOTDIR),
        Error::System { source, .. } if source.kind() == io::ErrorKind::OutOfMemory => Shape::Memory,
        Error::System { source, .. } => Shape::Os(source.raw_os_error().unwrap_or(errno::IO)),
    }
}

/// The exception for an error.
pub(crate) fn to_python(py: Python<'_>, error: Error) -> PyErr {
    let error = match error {
        Error::Callback(inner) => match inner.downcast::<PyErr>().map_err(|inner| inner.downcast::<Error>()) {
            Ok(raised) => return *raised,
            Err(Ok(own)) => *own,
            Err(Err(inner)) => Error::Callback(inner),
        },
        other => other,
    };
    let path = error.path().map(ToOwned::to_owned);
    let message = message_of(&error);
    let made = make(py, shape(&error), &message, path.as_deref()).and_then(|raised| {
        decorate(raised.value(py).as_any(), &error)?;
        Ok(raised)
    });
    made.unwrap_or_else(|raised| raised)
}

/// The exception for the error of a client's call: options that contradict each other are values that do not fit.
pub(crate) fn of_call(py: Python<'_>, error: Error) -> PyErr {
    match error {
        Error::Usage(what) => PyValueError::new_err(what),
        other => to_python(py, other),
    }
}

/// The exception for what failed of an operation that went on.
pub(crate) fn of_failure(py: Python<'_>, failure: Failure) -> PyErr {
    to_python(py, Error::Remote(failure))
}

/// Without the path where Python shows that itself.
fn message_of(error: &Error) -> String {
    match error {
        Error::Remote(failure) | Error::Local(failure) if !matches!(shape(error), Shape::Own(_)) => {
            Failure { path: None, ..failure.clone() }.to_string()
        }
        other => other.to_string(),
    }
}

fn make(py: Python<'_>, shape: Shape, message: &str, path: Option<&str>) -> PyResult<PyErr> {
    let class = |name: &str| py.import("remofile.exceptions")?.getattr(name);
    let os_arguments = |number: i32| -> PyResult<(i32, String, Option<String>)> {
        Ok((errno::number(py, number)?, message.to_owned(), path.map(ToOwned::to_owned)))
    };
    Ok(match shape {
        Shape::Os(number) => PyErr::from_value(py.get_type::<PyOSError>().call1(os_arguments(number)?)?),
        Shape::OwnOs(name, number) => PyErr::from_value(class(name)?.call1(os_arguments(number)?)?),
        Shape::Own("BadRequestError") => PyErr::from_value(class("BadRequestError")?.call0()?),
        Shape::Own(name @ "CorruptedResponse") => PyErr::from_value(class(name)?.call1((message, message))?),
        Shape::Own(name) => PyErr::from_value(class(name)?.call1((message,))?),
        Shape::Value => PyValueError::new_err(message.to_owned()),
        Shape::Runtime => PyRuntimeError::new_err(message.to_owned()),
        Shape::Memory => PyMemoryError::new_err(message.to_owned()),
    })
}

/// Adds the attributes that Python's exceptions have besides their text.
fn decorate(raised: &Bound<'_, PyAny>, error: &Error) -> PyResult<()> {
    raised.setattr("kind", error.kind())?;
    raised.setattr("is_remote", matches!(error, Error::Remote(_)))?;
    match error {
        Error::Busy(holders) => raised.setattr("holders", told_holders(raised.py(), holders)?)?,
        Error::Remote(Failure { rights: Some(rights), .. }) => {
            let names = Right::ALL.into_iter().filter(|&right| rights.has(right)).map(Right::name);
            raised.setattr("rights", PyFrozenSet::new(raised.py(), names)?)?;
        }
        _ => {}
    }
    Ok(())
}

/// Whoever is in the way, as Python's `Holder`.
pub(crate) fn told_holders<'py>(py: Python<'py>, holders: &[Holder]) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let class = py.import("remofile._holder")?.getattr("Holder")?;
    let tell = |holder: &Holder| {
        let (text, seconds) = (remofile::describe_holder(holder), holder.held_milliseconds as f64 / 1000.0);
        let address = Some(&holder.address).filter(|address| !address.is_empty());
        class.call1((text, &holder.client, address, &holder.activity, holder.path.as_deref(), seconds))
    };
    holders.iter().map(tell).collect()
}

/// Reports whether nobody listens there (yet).
pub(crate) fn is_refused_connection(error: &Error) -> bool {
    match error {
        Error::Connect { source, .. } => source.kind() == io::ErrorKind::ConnectionRefused,
        Error::NoServer(tried) => tried.iter().all(|tried| is_refused_connection(&tried.error)),
        _ => false,
    }
}
