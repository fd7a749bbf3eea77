//! The parts of which packed things are made.

use remofile_protocol::wire::Timestamp;

/// Writes the parts of things.
pub(crate) struct Writer<'a>(&'a mut Vec<u8>);

impl<'a> Writer<'a> {
    pub(super) fn new(bytes: &'a mut Vec<u8>) -> Self {
        Self(bytes)
    }

    pub(crate) fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    /// Writes a number, in fewer bytes the smaller it is.
    pub(crate) fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    /// Writes a number that may be negative, in fewer bytes the nearer it is to zero.
    pub(crate) fn signed(&mut self, number: i64) {
        self.number(((number << 1) ^ (number >> 63)) as u64);
    }

    /// Writes a number that there may be.
    pub(crate) fn optional(&mut self, number: Option<u32>) {
        self.number(number.map_or(0, |number| u64::from(number) + 1));
    }

    /// Writes a time, in fewer bytes the nearer it is to another one.
    pub(crate) fn time(&mut self, before: Option<Timestamp>, time: Timestamp) {
        self.signed(time.seconds().wrapping_sub(before.map_or(0, Timestamp::seconds)));
        self.number(time.nanoseconds().into());
    }

    /// Writes a text, of which nothing is repeated that another one begins with, too.
    pub(crate) fn text(&mut self, before: &str, text: &str) {
        let same = before.as_bytes().iter().zip(text.as_bytes()).take_while(|(one, other)| one == other).count();
        let shared = (0..=same).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        self.number(shared as u64);
        self.number((text.len() - shared) as u64);
        self.0.extend_from_slice(&text.as_bytes()[shared..]);
    }
}

/// Reads the parts of things, in the order in which they were written.
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    pub(crate) fn number(&mut self) -> Option<u64> {
        let (mut number, mut shift) = (0_u64, 0);
        loop {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte < 0x80 {
                return Some(number);
            }
            shift += 7;
        }
    }

    pub(crate) fn signed(&mut self) -> Option<i64> {
        let number = self.number()?;
        Some((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    pub(crate) fn optional(&mut self) -> Option<Option<u32>> {
        let number = self.number()?;
        match number.checked_sub(1) {
            None => Some(None),
            Some(number) => u32::try_from(number).ok().map(Some),
        }
    }

    pub(crate) fn size(&mut self) -> Option<usize> {
        self.number()?.try_into().ok()
    }

    pub(crate) fn time(&mut self, before: Option<Timestamp>) -> Option<Timestamp> {
        let seconds = self.signed()?.wrapping_add(before.map_or(0, Timestamp::seconds));
        Some(Timestamp::new(seconds, self.number()?.try_into().ok()?))
    }

    pub(crate) fn text(&mut self, before: &str) -> Option<String> {
        let (shared, length) = (self.size()?, self.size()?);
        let (own, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        let (shared, own) = (before.get(..shared)?, std::str::from_utf8(own).ok()?);
        let mut text = String::with_capacity(shared.len() + own.len());
        text.push_str(shared);
        text.push_str(own);
        Some(text)
    }
}
