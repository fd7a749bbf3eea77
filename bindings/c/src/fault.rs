//! Faults: the reasons why calls fail.

use crate::codes::{self, Own};
use remofile::Error;

/// The reason why a call failed.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The library says so.
    Library(Error),
    /// The library was used in a wrong way.
    Wrong(Own, String),
}

impl Fault {
    pub(crate) fn wrong(own: Own, why: impl Into<String>) -> Self {
        Self::Wrong(own, why.into())
    }

    pub(crate) fn argument(why: impl Into<String>) -> Self {
        Self::wrong(Own::BadArgument, why)
    }

    pub(crate) fn null(name: &str) -> Self {
        Self::wrong(Own::NullArgument, format!("{name} is NULL"))
    }

    pub(crate) fn code(&self) -> i32 {
        match self {
            Self::Library(error) => codes::of_error(error),
            Self::Wrong(own, _) => *own as i32,
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Library(error)
    }
}

/// The error of a file, whose traits carry the library's.
impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Self {
        let own = error.downcast::<Error>();
        Self::Library(own.unwrap_or_else(|source| Error::System { what: "the file cannot be used", source }))
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Library(error) => error.fmt(f),
            Self::Wrong(_, why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Fault {}
