//! The marks of a receiver's partial, compared with the file before it is sent.

use super::reading::read_all;
use crate::store::{ReadBuffer, Source};
use remofile_protocol::digest::Digester;
use remofile_protocol::wire::{Known, Mark};

/// Bytes that are read at once to see whether the receiver has them, and how often in a step.
pub(super) const VERIFY_BYTES: usize = 1024 * 1024;

const VERIFY_READS: usize = 8;

/// Marks of the receiver's partial, as they are compared with the file.
pub(super) struct Verifying {
    marks: std::vec::IntoIter<Mark>,
    digester: Digester,
    position: u64,
    pub(super) matched: Option<(u64, Digester)>,
    pub(super) buffer: ReadBuffer,
}

impl Verifying {
    pub(super) fn new(known: Known, size: u64) -> Option<Self> {
        // The other side may claim any marks.
        let is_rising = known.marks.windows(2).all(|pair| pair[0].offset < pair[1].offset);
        let is_within = known.marks.iter().all(|mark| (1..=size).contains(&mark.offset));
        (is_rising && is_within && !known.marks.is_empty()).then(|| Self {
            marks: known.marks.into_iter(),
            digester: Digester::new(),
            position: 0,
            matched: None,
            buffer: ReadBuffer::new(VERIFY_BYTES),
        })
    }

    /// Compares some MiB more. Returns true when the last mark that agrees is known.
    pub(super) fn step(&mut self, source: &dyn Source) -> bool {
        for _ in 0..VERIFY_READS {
            let Some(mark) = self.marks.as_slice().first() else {
                return true;
            };
            let left = usize::try_from(mark.offset - self.position).unwrap_or(usize::MAX);
            let length = left.min(self.buffer.len());
            if read_all(source, &mut self.buffer[..length], self.position).is_err() {
                // The failure is reported when the file is sent, which reads the same bytes.
                return true;
            }
            self.digester.update(&self.buffer[..length]);
            self.position += length as u64;
            if self.position == mark.offset {
                // The marks behind it cover these bytes, too, so none of them fits.
                if self.digester.finish() != mark.digest {
                    return true;
                }
                self.matched = Some((self.position, self.digester.clone()));
                self.marks.next();
            }
        }
        self.marks.as_slice().is_empty()
    }
}
