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
mod opcode;
mod read;
mod write;

#[cfg(test)]
mod tests;

pub use call::Enumeration;
pub use read::read;
pub use write::write;

use call::Callable;
use std::borrow::Cow;
use std::rc::Rc;

/// How deep values may be nested: a message needs three levels.
pub const MAX_DEPTH: usize = 8;

/// What a pickle holds. Texts and bytes are those of the input, not copies.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Value<'a> {
    /// `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// An integer of at most 64 bits.
    Int(i64),
    /// A floating point number.
    Float(f64),
    /// A text.
    Text(&'a str),
    /// A byte string.
    Bytes(&'a [u8]),
    /// A byte string as protocol 2 writes it: every character of the text, all below U+0100, is one
    /// byte. [`Value::to_bytes`] reads both kinds.
    Latin1(&'a str),
    /// A tuple.
    Tuple(Rc<[Value<'a>]>),
    /// A dictionary whose keys are texts, in the order of the pickle; nothing says that no key is
    /// there twice.
    Dictionary(Vec<(&'a str, Value<'a>)>),
    /// A member of one of the enumerations of protocol 1.
    Member(Enumeration, u8),
    /// A path object of Python's `pathlib`, its parts joined.
    Path(Rc<str>),
    /// A class or function that was named and not called: no message holds one.
    #[doc(hidden)]
    Callable(Callable),
}

/// Why bytes are no pickle that is read here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PickleError {
    /// The pickle ends too early, or declares a length beyond its end.
    #[error("the pickle is cut off")]
    Truncated,
    /// Bytes follow the end of the pickle.
    #[error("bytes follow the pickle")]
    TrailingBytes,
    /// The pickle protocol is none of 2 to 5.
    #[error("pickles of this protocol are not read")]
    UnknownProtocol,
    /// An opcode that no message needs.
    #[error("the opcode {0:#04x} is not read")]
    UnknownOpcode(u8),
    /// A class or function that no message needs.
    #[error("the pickle names a class or function that is not allowed")]
    ForbiddenName,
    /// A class or function was called with other arguments than those a message needs.
    #[error("the pickle makes an object that is not allowed")]
    ForbiddenCall,
    /// An opcode found fewer values than it takes, or others.
    #[error("the pickle contradicts itself")]
    Inconsistent,
    /// A text is not Unicode: it has lone surrogates, or is no UTF-8 at all.
    #[error("a text in the pickle is not Unicode")]
    NotUnicode,
    /// An integer has more than 64 bits.
    #[error("a number in the pickle has more than 64 bits")]
    IntegerTooLarge,
    /// A reference to a value that was not stored, or may not be shared.
    #[error("a reference in the pickle leads nowhere")]
    BadReference,
    /// Values are nested deeper than [`MAX_DEPTH`].
    #[error("values in the pickle are nested too deeply")]
    TooDeep,
    /// There are more values than the caller admits, or references make more of them than the input
    /// could hold.
    #[error("the pickle holds too much")]
    TooLarge,
}

impl<'a> Value<'a> {
    /// A tuple of these values.
    #[must_use]
    pub fn tuple(values: impl IntoIterator<Item = Self>) -> Self {
        Self::Tuple(values.into_iter().collect())
    }

    /// The bytes, if this is a byte string of either kind: borrowed where the input has them as they are.
    #[must_use]
    pub fn to_bytes(&self) -> Option<Cow<'a, [u8]>> {
        match *self {
            Self::Bytes(bytes) => Some(Cow::Borrowed(bytes)),
            Self::Latin1(text) => text.chars().map(|c| u8::try_from(c).ok()).collect::<Option<_>>().map(Cow::Owned),
            _ => None,
        }
    }

    /// How many levels of containers this value has, 0 for what is none.
    fn depth(&self) -> usize {
        match self {
            Self::Tuple(items) => 1 + items.iter().map(Self::depth).max().unwrap_or(0),
            Self::Dictionary(items) => 1 + items.iter().map(|(_, value)| value.depth()).max().unwrap_or(0),
            _ => 0,
        }
    }
}
