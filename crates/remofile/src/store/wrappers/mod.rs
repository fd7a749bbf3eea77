//! Stores around other stores: one that refuses changes, one seen from one of its directories, and one that fails when
//! a test says so.

pub(crate) mod forward;
mod read_only;

pub use read_only::ReadOnly;
