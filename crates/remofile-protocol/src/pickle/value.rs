//! The values that a pickle holds.

use super::names::{Callable, Enumeration};
use std::borrow::Cow;
use std::rc::Rc;

/// The deepest nesting of values: a message needs three levels.
pub const MAX_DEPTH: usize = 8;

/// A value in a pickle. Texts and bytes are those of the input, not copies.
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

    /// Returns the levels of containers of this value, 0 for one that is none.
    pub(super) fn depth(&self) -> usize {
        match self {
            Self::Tuple(items) => 1 + items.iter().map(Self::depth).max().unwrap_or(0),
            Self::Dictionary(items) => 1 + items.iter().map(|(_, value)| value.depth()).max().unwrap_or(0),
            _ => 0,
        }
    }
}
