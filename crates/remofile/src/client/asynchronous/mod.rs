//! The client and its files for programs that await.

pub(super) mod client;
pub(super) mod file;
