//! Options that a variable or the file gives.

use crate::failed::Failed;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use zeroize::Zeroizing;

/// An option that a variable or the file gives.
pub(super) struct Given {
    /// The name, as the file has it.
    pub(super) key: String,
    pub(super) value: GivenValue,
    pub(super) place: GivenPlace,
}

pub(super) enum GivenValue {
    /// Given, or expressly not.
    Flag(bool),
    /// Given so many times.
    Count(u8),
    Text(OsString),
    Secret(Zeroizing<String>),
}

/// The place that an option comes from.
#[derive(Clone)]
pub(super) enum GivenPlace {
    Line(PathBuf, usize),
    Variable(String),
}

impl fmt::Display for GivenPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(path, line) => write!(f, "{}, line {line}", path.display()),
            Self::Variable(name) => f.write_str(name),
        }
    }
}

impl GivenPlace {
    /// For `map_err`: what is wrong here.
    pub(super) fn wrong(&self, what: impl fmt::Display) -> Failed {
        Failed::Configuration(format!("{self}: {what}"))
    }
}
