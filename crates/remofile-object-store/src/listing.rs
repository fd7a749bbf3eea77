//! Listings, as every service gives them.

use super::metadata::Remembered;
use jiff::Timestamp as Instant;
use remofile::protocol::wire::Timestamp;

/// The part of a bucket that is listed.
#[derive(Debug, Clone, Default)]
pub(crate) struct ListRequest {
    /// The prefix of all keys.
    pub(crate) prefix: String,
    /// True if what is in directories is left out, and only their names are told.
    pub(crate) is_flat: bool,
    /// The key behind which it begins.
    pub(crate) after: Option<String>,
    /// Keys at most; `None` for as many as the service likes to give.
    pub(crate) most: Option<usize>,
}

/// Some keys, in the order of the service: that of their bytes.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) items: Vec<Item>,
    /// The place at which the next page begins; `None` at the end.
    pub(crate) next: Option<String>,
}

/// A key in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) key: String,
    /// The object; `None` for a directory in a listing that leaves its contents out.
    pub(crate) object: Option<Object>,
    /// Its metadata, where the service tells that in listings.
    pub(crate) told: Option<Remembered>,
}

/// The facts that a listing tells of an object.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Object {
    pub(crate) size: u64,
    pub(crate) stored: Timestamp,
    pub(crate) etag: String,
}

/// Reads the time of an object, in whole seconds: other answers have no more.
pub(crate) fn time_of(text: &str) -> Option<Timestamp> {
    let instant: Instant = text.parse().ok()?;
    Some(Timestamp::new(instant.as_second(), 0))
}

/// Reads a time as headers have it.
pub(crate) fn time_of_http(text: &str) -> Option<Timestamp> {
    let instant = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(Timestamp::new(instant.as_second(), 0))
}

/// Undoes the encoding that services use for keys in listings: that of forms, so a plus is a space.
pub(crate) fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        rest = match (first, after) {
            (b'%', [high, low, after @ ..]) if digit(high).is_some() && digit(low).is_some() => {
                bytes.extend(digit(high).zip(digit(low)).map(|(high, low)| high * 16 + low));
                after
            }
            (b'+', after) => {
                bytes.push(b' ');
                after
            }
            (byte, after) => {
                bytes.push(*byte);
                after
            }
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
