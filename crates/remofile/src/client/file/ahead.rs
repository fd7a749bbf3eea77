//! Bytes that were read ahead, and the size of the next part.

/// Bytes asked for at first, and most later.
const FIRST: u64 = 64 * 1024;
const MOST: u64 = 4 * 1024 * 1024;
/// The bytes of which a request after a jump is a multiple.
const PAGE: u64 = 4096;

/// A part of the file as the server has it.
#[derive(Debug)]
pub(super) struct Ahead {
    start: u64,
    bytes: Vec<u8>,
    /// Bytes of the next part, if reading goes on in a row.
    window: u64,
    /// True if the part was read after a jump: nothing shows yet that reading goes on behind it.
    has_jumped: bool,
}

impl Ahead {
    pub(super) fn new() -> Self {
        Self { start: 0, bytes: Vec::new(), window: FIRST, has_jumped: false }
    }

    /// Returns the bytes that are known from an offset on; none if nothing is known there.
    pub(super) fn at(&self, offset: u64) -> &[u8] {
        let skipped = offset.checked_sub(self.start).and_then(|skipped| usize::try_from(skipped).ok());
        skipped.and_then(|skipped| self.bytes.get(skipped..)).unwrap_or_default()
    }

    /// Returns the number of bytes to ask for at an offset, if `wanted` are wanted. It doubles while reading goes on
    /// from where it ended. After a jump it is what is wanted, once more when reading goes on from there.
    pub(super) fn plan(&mut self, offset: u64, wanted: usize) -> u64 {
        let wanted = wanted as u64;
        let goes_on = offset == self.start + self.bytes.len() as u64;
        let exact = wanted.clamp(1, MOST).next_multiple_of(PAGE);
        if self.bytes.is_empty() {
            // The beginning of the file, or a part that was forgotten.
            return exact.max(self.window).min(MOST);
        }
        let was_jump = std::mem::replace(&mut self.has_jumped, !goes_on);
        match (goes_on, was_jump) {
            (false, _) => {
                self.window = exact;
                exact
            }
            (true, true) => {
                self.window = self.window.max(exact);
                exact
            }
            (true, false) => {
                self.window = (self.window * 2).clamp(FIRST, MOST);
                exact.max(self.window)
            }
        }
    }

    /// Sets the part, in place of the last one.
    pub(super) fn put(&mut self, start: u64, bytes: Vec<u8>) {
        (self.start, self.bytes) = (start, bytes);
    }

    /// Returns the buffer of the part, to be filled again. The part is forgotten.
    pub(super) fn buffer(&mut self) -> Vec<u8> {
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.clear();
        bytes
    }

    pub(super) fn forget(&mut self) {
        self.bytes.clear();
    }

    /// Applies a write to the part that was read ahead.
    pub(super) fn patch(&mut self, offset: u64, bytes: &[u8]) {
        let (from, end) = (offset.max(self.start), self.start + self.bytes.len() as u64);
        let to = (offset + bytes.len() as u64).min(end);
        if from < to {
            let here = (from - self.start) as usize..(to - self.start) as usize;
            self.bytes[here].copy_from_slice(&bytes[(from - offset) as usize..(to - offset) as usize]);
        }
    }

    /// Cuts the part at the file's new end.
    pub(super) fn cut(&mut self, end: u64) {
        let left = usize::try_from(end.saturating_sub(self.start)).unwrap_or(usize::MAX);
        self.bytes.truncate(left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequential_reads_ask_for_more_and_others_for_less() {
        let mut ahead = Ahead::new();
        let (mut offset, mut asked) = (0, Vec::new());
        for _ in 0..6 {
            let length = ahead.plan(offset, 1);
            ahead.put(offset, vec![0; length as usize]);
            offset += length;
            asked.push(length / 1024);
        }
        assert_eq!(asked, [64, 128, 256, 512, 1024, 2048]);
        assert_eq!(ahead.plan(7, 1), PAGE);
        assert_eq!(ahead.plan(7, usize::MAX), MOST);
    }

    #[test]
    fn after_a_jump_what_is_wanted_is_asked_for_and_more_when_reading_goes_on() {
        let mut ahead = Ahead::new();
        ahead.put(0, vec![0; FIRST as usize]);
        let mut offset = 1 << 30;
        let mut asked = Vec::new();
        for _ in 0..5 {
            let length = ahead.plan(offset, 10_000);
            ahead.put(offset, vec![0; length as usize]);
            offset += length;
            asked.push(length / 1024);
        }
        assert_eq!(asked, [12, 12, 64, 128, 256]);
    }

    #[test]
    fn what_is_changed_is_changed_in_it() {
        let mut ahead = Ahead::new();
        ahead.put(10, b"0123456789".to_vec());
        ahead.patch(8, b"abc");
        ahead.patch(18, b"xyz");
        ahead.patch(0, b"far");
        ahead.patch(30, b"far");
        assert_eq!(ahead.at(10), b"c1234567xy");
        ahead.cut(12);
        assert_eq!((ahead.at(11), ahead.at(12), ahead.at(9)), (&b"1"[..], &b""[..], &b""[..]));
    }
}
