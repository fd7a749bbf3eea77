//! The head of a frame: one byte of flags, and the length of the body in one byte or in eight.

use super::FrameError;

/// More frames of the same message follow.
pub(super) const MORE: u8 = 1;
/// The length has eight bytes.
pub(super) const LONG: u8 = 2;
/// The body is a command.
pub(super) const COMMAND: u8 = 4;

/// Bytes of the longest head.
pub(super) const MAX_HEAD_BYTES: usize = 9;
/// Bytes of the shortest head.
pub(super) const MIN_HEAD_BYTES: usize = 2;

/// A head that was read and found within bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// Bytes of the head itself.
    pub(super) bytes: usize,
    /// True if more frames follow; never set on a command.
    pub(super) more: bool,
    /// True if the body is a command.
    pub(super) command: bool,
    /// Bytes of the body.
    pub(super) body_bytes: usize,
}

/// The frame that a buffer begins with.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    /// So many bytes, counted from the beginning, are needed to know more.
    Incomplete(usize),
    /// A head.
    Head(Head),
}

impl Head {
    /// Reads the head at the beginning of `bytes`. Wrong flags are found out at the first byte.
    pub(super) fn read(bytes: &[u8], max_body_bytes: usize) -> Result<Parsed, FrameError> {
        let Some(&flags) = bytes.first() else { return Ok(Parsed::Incomplete(MIN_HEAD_BYTES)) };
        let (more, command) = (flags & MORE != 0, flags & COMMAND != 0);
        if flags & !(MORE | LONG | COMMAND) != 0 || (more && command) {
            return Err(FrameError::Flags);
        }
        let head_bytes = if flags & LONG == 0 { MIN_HEAD_BYTES } else { MAX_HEAD_BYTES };
        let Some(length) = bytes.get(1..head_bytes) else { return Ok(Parsed::Incomplete(head_bytes)) };
        let length = length.iter().fold(0u64, |sum, &byte| sum << 8 | u64::from(byte));
        // A length with its top bit set, which is none, is greater than any limit.
        let body_bytes =
            usize::try_from(length).ok().filter(|&length| length <= max_body_bytes).ok_or(FrameError::TooLong)?;
        Ok(Parsed::Head(Self { bytes: head_bytes, more, command, body_bytes }))
    }

    /// Bytes of the whole frame. The body is within a limit, so that this cannot overflow.
    pub(super) fn frame_bytes(&self) -> usize {
        self.bytes + self.body_bytes
    }
}

/// Writes a head so that it ends at `end`, and gives where it starts. `flags` without [`LONG`].
#[expect(clippy::indexing_slicing, reason = "the frame is this side's own, with room for a head")]
pub(super) fn write_head(frame: &mut [u8], end: usize, flags: u8, body_bytes: usize) -> usize {
    match u8::try_from(body_bytes) {
        Ok(length) => {
            frame[end - MIN_HEAD_BYTES..end].copy_from_slice(&[flags, length]);
            end - MIN_HEAD_BYTES
        }
        Err(_) => {
            let start = end - MAX_HEAD_BYTES;
            frame[start] = flags | LONG;
            frame[start + 1..end].copy_from_slice(&(body_bytes as u64).to_be_bytes());
            start
        }
    }
}

/// A whole command frame, as the handshake has them.
pub(super) fn command(body: &[u8]) -> Vec<u8> {
    let mut frame = [&[0; MAX_HEAD_BYTES], body].concat();
    let start = write_head(&mut frame, MAX_HEAD_BYTES, COMMAND, body.len());
    frame.drain(..start);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Parsed, FrameError> {
        Head::read(bytes, 1024)
    }

    #[test]
    fn heads_are_read_as_the_specification_has_them() {
        let head = |bytes, more, command, body_bytes| Ok(Parsed::Head(Head { bytes, more, command, body_bytes }));
        assert_eq!(read(b"\x00\x05hello"), head(2, false, false, 5));
        assert_eq!(read(b"\x01\x00"), head(2, true, false, 0));
        assert_eq!(read(b"\x02\0\0\0\0\0\0\x01\0"), head(9, false, false, 256));
        assert_eq!(read(b"\x03\0\0\0\0\0\0\x04\0"), head(9, true, false, 1024));
        assert_eq!(read(b"\x04\x1a"), head(2, false, true, 26));
        assert_eq!(read(b"\x06\0\0\0\0\0\0\0\x07"), head(9, false, true, 7));
    }

    #[test]
    fn wrong_flags_and_lengths_are_refused_as_soon_as_they_are_seen() {
        for flags in 0..=255u8 {
            let fine = flags & 0xf8 == 0 && flags & 5 != 5;
            assert_eq!(read(&[flags]).is_ok(), fine, "{flags}");
        }
        assert_eq!(read(b"\x02\0\0\0\0\0\0\x04\x01"), Err(FrameError::TooLong));
        assert_eq!(read(b"\x02\x80\0\0\0\0\0\0\0"), Err(FrameError::TooLong));
        assert_eq!(Head::read(b"\x02\x80\0\0\0\0\0\0\0", usize::MAX >> 1), Err(FrameError::TooLong));
        assert_eq!(read(b""), Ok(Parsed::Incomplete(2)));
        assert_eq!(read(b"\x00"), Ok(Parsed::Incomplete(2)));
        assert_eq!(read(b"\x02\0\0"), Ok(Parsed::Incomplete(9)));
    }

    #[test]
    fn heads_are_written_short_when_they_can_be() {
        assert_eq!(command(b"\x04PONG"), b"\x04\x05\x04PONG");
        assert_eq!(command(&[7; 255])[..3], [4, 255, 7]);
        assert_eq!(command(&[7; 256])[..10], [6, 0, 0, 0, 0, 0, 0, 1, 0, 7]);
    }
}
