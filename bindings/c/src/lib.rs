//! The C library of Remofile: it translates and never decides.
//!
//! Participants: *handles* are numbers in a table, so that a closed or foreign one is told from an open one; a *place* holds the
//! object of a handle and lends it to one call at a time; *pointers* is what C passes, checked; *codes* is the one table from the
//! library's errors to numbers; everything else is a drawer of functions that C calls, one for each call of the library. Their
//! headers are in `include/`: made of this source by `tests/header.rs`, which compares them.
//!
//! # The contract of every function
//! Each argument is what `remofile.h` says of it: a pointer that is not null points to a valid object of its type, a text ends with
//! a NUL byte, an array has as many elements as its count says, and none of them is changed by anybody else during the call.
//! Handles alone may be anything. That contract is what `unsafe` stands for in this crate; `pointers` takes it over, and no
//! other module reads or writes by a pointer.

#![expect(
    clippy::missing_safety_doc,
    reason = "one contract holds for all functions: it is in the crate's documentation"
)]

#[cfg(not(target_pointer_width = "64"))]
compile_error!("handles are numbers of 64 bits in pointers: see handles.rs");

pub mod client;
mod codes;
mod edge;
mod entries;
mod fault;
pub mod file;
pub mod flags;
mod handles;
pub mod hashes;
pub mod listing;
mod monitor;
pub mod options;
mod place;
mod pointers;
mod reports;
pub mod requests;
pub mod secrets;
pub mod server;
pub mod status;
pub mod sync;
mod texts;
pub mod transfer;
pub mod types;

#[cfg(test)]
mod tests;
