//! The outcome of what a store is asked to do.

use remofile_protocol::wire::{ErrorCode, Failure};

/// The result of a call of a store. The failure names no path; who calls knows it.
pub type StoreResult<T> = Result<T, Failure>;

/// The failure of a store that cannot do something: "this store cannot ...".
#[must_use]
pub fn unsupported(what: &str) -> Failure {
    Failure::new(ErrorCode::Unsupported).because(format!("this store cannot {what}"))
}
