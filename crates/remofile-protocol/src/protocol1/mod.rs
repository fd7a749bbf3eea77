//! The messages of protocol 1, which the Python prototype `remofile` 1.0.0.dev6 speaks.
//!
//! Participants: a *client*, which sends one [`Request`] at a time, and a *server*, which answers each
//! with one [`Response`]. Every message is one pickle of one tuple; what carries it is not known here.
//!
//! Goals: to read every message that the prototype sends under Python 3.4 and later, and to write
//! messages that it reads.
//!
//! Non-goals: which request may follow which, and whether names, directories and sizes are valid. The
//! server decides that, because each has a refusal of its own. What is refused here is what has no
//! meaning at all, and a server answers it with [`Response::BadRequest`].

mod directory;
mod request;
mod response;

#[cfg(test)]
mod tests;

pub use directory::Directory;
pub use request::Request;
pub use response::{ListedFile, Reason, Response, ResponseKind};

use crate::pickle::{Enumeration, PickleError, Value};

/// The reason bytes are no message of protocol 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadMessage {
    /// They are no pickle that is read.
    #[error(transparent)]
    Pickle(#[from] PickleError),
    /// They are a pickle, but its value is no message: no tuple, or one of another length or with other
    /// elements than its first element tells.
    #[error("the pickle is no message of protocol 1")]
    Shape,
}

/// The elements of a message; no message is empty.
fn elements<'v, 'a>(message: &'v Value<'a>) -> Result<(&'v Value<'a>, &'v [Value<'a>]), BadMessage> {
    match message {
        Value::Tuple(elements) => elements.split_first().ok_or(BadMessage::Shape),
        _ => Err(BadMessage::Shape),
    }
}

/// The number of a member of this enumeration; in Python it equals the plain number, so that one is
/// taken, too.
fn member(value: &Value<'_>, of: Enumeration) -> Result<u8, BadMessage> {
    match value {
        Value::Member(enumeration, number) if *enumeration == of => Ok(*number),
        Value::Int(number) => u8::try_from(*number).map_err(|_| BadMessage::Shape),
        _ => Err(BadMessage::Shape),
    }
}

fn text(value: &Value<'_>) -> Result<String, BadMessage> {
    match value {
        Value::Text(text) => Ok((*text).to_owned()),
        _ => Err(BadMessage::Shape),
    }
}

/// A truth value is an integer to Python, but nobody means one by it.
fn integer(value: &Value<'_>) -> Result<i64, BadMessage> {
    match value {
        Value::Int(number) => Ok(*number),
        _ => Err(BadMessage::Shape),
    }
}
