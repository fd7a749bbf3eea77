//! Remote files as files, on a real server.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "tests say what went wrong by panicking, and look at the disk directly"
)]

mod growing;
mod hostile;
mod in_place;
mod lines;
mod model;
mod rewriting;
mod streaming;

use remofile::protocol::wire::ErrorCode;
use remofile::{Error, OpenOptions};
use std::io;

pub(crate) fn reading() -> OpenOptions {
    OpenOptions::new().read(true)
}

pub(crate) fn updating() -> OpenOptions {
    reading().write(true)
}

/// The code of what a server or store said.
pub(crate) fn code<T>(result: Result<T, Error>) -> ErrorCode {
    match result.map(drop).unwrap_err() {
        Error::Remote(failure) | Error::Local(failure) => failure.code,
        other => panic!("{other:?}"),
    }
}

/// The same by the traits of files.
pub(crate) fn io_code<T>(result: io::Result<T>) -> ErrorCode {
    code::<()>(Err(result.map(drop).unwrap_err().downcast::<Error>().unwrap()))
}
