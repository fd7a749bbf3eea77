//! The payload of a message, for who looks at it and for who keeps it.

use super::buffer::InBuffer;
use super::kept::KeptPayload;
use std::fmt;
use std::ops::{Deref, Range};

/// The payload of a message that was received, as bytes. Whoever needs it longer than the message [keeps](Payload::keep) it.
pub struct Payload<'a>(Place<'a>);

enum Place<'a> {
    Elsewhere(&'a [u8]),
    /// A payload that was kept before.
    Kept(KeptPayload),
    /// In the buffer of a link, here.
    Input(&'a mut InBuffer, Range<usize>),
}

impl<'a> Payload<'a> {
    pub(super) fn received(input: &'a mut InBuffer, range: Range<usize>) -> Self {
        Self(Place::Input(input, range))
    }

    /// The payload, for as long as it is needed. The link gets another buffer where that is less than a copy.
    #[must_use]
    pub fn keep(self) -> KeptPayload {
        match self.0 {
            Place::Elsewhere(bytes) => bytes.to_vec().into(),
            Place::Kept(payload) => payload,
            Place::Input(input, range) => input.hand_over(range),
        }
    }
}

impl Deref for Payload<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Place::Elsewhere(bytes) => bytes,
            Place::Kept(payload) => payload,
            Place::Input(input, range) => &input.bytes()[range.clone()],
        }
    }
}

impl<'a> From<&'a [u8]> for Payload<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self(Place::Elsewhere(bytes))
    }
}

impl From<KeptPayload> for Payload<'_> {
    fn from(payload: KeptPayload) -> Self {
        Self(Place::Kept(payload))
    }
}

/// Without the bytes: they are what users send.
impl fmt::Debug for Payload<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payload").field("bytes", &self.len()).finish()
    }
}
