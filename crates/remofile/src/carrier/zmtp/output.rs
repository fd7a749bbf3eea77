//! The frames of a connection of ZeroMQ that are still to be sent.

use crate::carrier::error::LinkError;
use crate::carrier::socket::{moved, write_parts};
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::net::TcpStream;

/// Frames that are handed to the kernel at once.
const FRAMES_A_CALL: usize = 16;

#[derive(Default)]
pub(super) struct Output {
    /// Sealed frames, each with the index from which it has to be sent.
    pub(super) frames: VecDeque<(Vec<u8>, usize)>,
    /// Frames in front of the end of a pong that is among them.
    pub(super) until_pong: usize,
    pub(super) queued: usize,
    pub(super) total: u64,
    /// A buffer that was sent, for the next payload.
    pub(super) spare: Vec<u8>,
}

impl Output {
    pub(super) fn push(&mut self, frame: Vec<u8>, start: usize) {
        self.queued += frame.len() - start;
        self.frames.push_back((frame, start));
    }

    pub(super) fn send(&mut self, stream: &mut TcpStream) -> Result<bool, LinkError> {
        while !self.frames.is_empty() {
            let slices: Vec<IoSlice<'_>> =
                self.frames.iter().take(FRAMES_A_CALL).map(|(frame, start)| IoSlice::new(&frame[*start..])).collect();
            match moved(|| write_parts(stream, &slices))? {
                None => return Ok(false),
                Some(0) => return Err(LinkError::Lost(io::ErrorKind::WriteZero.into())),
                Some(count) => self.sent(count),
            }
        }
        Ok(true)
    }

    fn sent(&mut self, mut count: usize) {
        self.queued -= count;
        self.total += count as u64;
        while let Some((frame, start)) = self.frames.front_mut() {
            let left = frame.len() - *start;
            if count < left {
                *start += count;
                return;
            }
            count -= left;
            self.until_pong = self.until_pong.saturating_sub(1);
            if let Some((frame, _)) = self.frames.pop_front()
                && frame.capacity() > self.spare.capacity()
            {
                self.spare = frame;
            }
        }
    }
}
