//! Python pickles, as far as the messages of protocol 1 need them.
//!
//! Participants: a Python program, which pickles and unpickles messages with its standard library, and
//! [`crate::protocol1`], which reads and writes them here.
//!
//! Goals: [`read`] takes what Python 3 makes of a message in the pickle protocols 2 to 5; [`write()`]
//! makes pickles of protocol 4, which every Python since 3.4 reads.
//!
//! Non-goals: Python objects. Nothing is imported, looked up or called: the few names that a message
//! may hold are recognised, and every other name is an error, as is every opcode that no message needs.
//!
//! Invariant: time and memory are bounded by the length of the input, a constant factor and the number
//! of values the caller admits, whatever lengths the input declares and however it refers to itself.

mod call;
mod error;
mod names;
mod opcode;
mod read;
mod value;
mod write;

#[cfg(test)]
mod tests;

pub use error::PickleError;
pub use names::Enumeration;
pub use read::{beginning, read};
pub use value::{MAX_DEPTH, Value};
pub use write::write;
