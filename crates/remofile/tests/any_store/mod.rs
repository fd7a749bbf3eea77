//! Servers of stores that are no directories, over the loopback.

#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods, reason = "tests fail by panicking")]

mod checkpoints;
mod less;
mod served;
mod whole;
