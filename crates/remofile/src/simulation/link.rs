//! The line between a client and the server: it delays, and is cut, or falls silent for a while.

use remofile_protocol::wire::Header;
use std::collections::VecDeque;
use std::time::Duration;

/// Bytes that are under way in one direction at most before a sender waits.
const ROOM: usize = 512 * 1024;

/// One direction of a line. What is sent arrives in order or not at all.
#[derive(Debug, Default)]
pub(super) struct Pipe {
    queue: VecDeque<Parcel>,
    bytes: usize,
    last: Duration,
    /// Nothing arrives before that.
    silent_until: Duration,
    /// True if the sender has closed it, or it was cut: the receiver sees its end behind what is under way.
    is_closed: bool,
    /// True if nobody takes what arrives.
    is_deaf: bool,
    pub(super) most_bytes: usize,
}

#[derive(Debug)]
struct Parcel {
    at: Duration,
    header: Vec<u8>,
    payload: Vec<u8>,
}

/// The next thing at the receiver's end.
pub(super) enum Arrived {
    Message(Box<Header>, Vec<u8>),
    /// A message of protocol 1.
    Bytes(Vec<u8>),
    End,
}

impl Pipe {
    /// Reports whether the sender may send more.
    pub(super) fn has_room(&self) -> bool {
        self.bytes < ROOM || self.is_closed || self.is_deaf
    }

    /// Sends a message, which takes some time.
    pub(super) fn send(&mut self, now: Duration, delay: Duration, header: &Header, payload: &[u8]) {
        let mut bytes = Vec::new();
        header.encode(&mut bytes);
        self.send_bytes(now, delay, bytes, payload.to_vec());
    }

    /// Sends a message with an encoded header, or with none: then it is one of protocol 1.
    pub(super) fn send_bytes(&mut self, now: Duration, delay: Duration, header: Vec<u8>, payload: Vec<u8>) {
        if self.is_closed || self.is_deaf {
            return;
        }
        self.last = self.last.max(now + delay);
        self.bytes += header.len() + payload.len();
        self.most_bytes = self.most_bytes.max(self.bytes);
        self.queue.push_back(Parcel { at: self.last, header, payload });
    }

    /// Returns the time at which something arrives.
    pub(super) fn next_at(&self) -> Option<Duration> {
        let at = match self.queue.front() {
            Some(parcel) => parcel.at,
            None if self.is_closed => self.last,
            None => return None,
        };
        Some(at.max(self.silent_until))
    }

    /// Takes what has arrived.
    pub(super) fn take(&mut self) -> Arrived {
        let Some(parcel) = self.queue.pop_front() else { return Arrived::End };
        self.bytes -= parcel.header.len() + parcel.payload.len();
        if parcel.header.is_empty() {
            return Arrived::Bytes(parcel.payload);
        }
        let header = Header::decode(&parcel.header).expect("an encoded header is one");
        Arrived::Message(Box::new(header), parcel.payload)
    }

    /// Closes it behind what is under way.
    pub(super) fn close(&mut self) {
        self.is_closed = true;
    }

    /// Closes it behind the first so many messages that are under way: the others are lost.
    pub(super) fn cut(&mut self, kept: usize) {
        while self.queue.len() > kept {
            if let Some(lost) = self.queue.pop_back() {
                self.bytes -= lost.header.len() + lost.payload.len();
            }
        }
        self.is_closed = true;
    }

    pub(super) fn fall_silent(&mut self, until: Duration) {
        self.silent_until = self.silent_until.max(until);
    }

    pub(super) fn is_silent(&self, now: Duration) -> bool {
        self.silent_until > now
    }

    /// The receiver is gone.
    pub(super) fn deafen(&mut self) {
        self.is_deaf = true;
        self.queue.clear();
        self.bytes = 0;
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }
}
