//! The refusals of pickles.

/// The reason bytes are no pickle that is read here.
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
    /// Values are nested deeper than [`super::MAX_DEPTH`].
    #[error("values in the pickle are nested too deeply")]
    TooDeep,
    /// There are more values than the caller admits, or references make more of them than the input
    /// could hold.
    #[error("the pickle holds too much")]
    TooLarge,
}
