//! The native carrier of a session: records in, messages out, and back, over one connection or several.
//!
//! A session begins with one connection, and may be joined by others where the line is long or loses packets: each sends
//! as fast as its own losses let it. Messages are numbered then, the first of them goes over the first connection, and
//! the receiver takes them in their order: so nobody but this file knows how many connections there are.

use super::buffer::{InBuffer, MessageWriter, OutBuffer};
use super::error::LinkError;
use super::inbox::LaneInbox;
use super::lane::{Lane, RecordKeys};
use super::line::{Line, MOST_AT_REST};
use super::order::{Arrival, MessageOrder};
use super::payload::Payload;
use super::socket::pace_long_line;
use remofile_protocol::limits::MAX_LANES;
use remofile_protocol::wire::{Body, Header, OperationId, split_number};
use socket2::Socket;
use std::any::Any;
use std::fmt;
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// The time for which a session goes on after one of its connections has ended. The goodbye that explains it may be on its
/// way over another one.
const GRACE: Duration = Duration::from_secs(1);

/// The connections of a session after its handshake.
pub struct Link {
    first: Lane,
    others: Vec<Lane>,
    /// The connection that the next message goes over.
    sending: usize,
    /// The connection that is read next.
    reading: usize,
    /// The number of the next message, once there are several connections.
    next_number: Option<u64>,
    order: MessageOrder,
    /// The time at which one of several connections ended.
    failed: Option<Instant>,
    /// The place of connections that are being opened.
    inbox: Option<LaneInbox<Self>>,
}

/// A message as it was received.
#[derive(Debug)]
pub struct Message<'a> {
    /// Header of the message.
    pub header: Header,
    /// Payload; empty if there is none.
    pub payload: Payload<'a>,
}

/// A message that has come and is due.
enum Due {
    /// In the buffer of this connection.
    Here {
        lane: usize,
        header: Header,
        payload: Range<usize>,
    },
    Kept(Message<'static>),
}

impl Link {
    /// Creates a link over a connection whose handshake is over. `received` are bytes that came behind it; payloads of
    /// at most `send_payload` bytes are sent and `receive_payload` received.
    #[must_use]
    pub fn new(
        stream: impl Into<Socket>,
        keys: RecordKeys,
        send_payload: u32,
        receive_payload: u32,
        received: &[u8],
    ) -> Self {
        let input = InBuffer::new(receive_payload as usize, received);
        Self {
            first: Lane::new(stream.into(), keys, input, OutBuffer::new(send_payload as usize)),
            others: Vec::new(),
            sending: 0,
            reading: 0,
            next_number: None,
            order: MessageOrder::default(),
            failed: None,
            inbox: None,
        }
    }

    /// Has it suit a line on which an answer takes long.
    #[must_use]
    pub fn over_long_line(mut self) -> Self {
        pace_long_line(&self.first.stream);
        self.first.is_long();
        self
    }

    /// Has it hold something for as long as its connection is there, whichever session that becomes one of.
    #[must_use]
    pub fn holding(mut self, seat: Box<dyn Any + Send>) -> Self {
        self.first.hold(seat);
        self
    }

    /// Takes another connection for the same session. Beyond [`MAX_LANES`] it is closed.
    pub fn join(&mut self, other: Self) {
        if self.others.len() + 1 >= MAX_LANES {
            return;
        }
        if self.others.is_empty() {
            self.first.share();
        }
        let mut lane = other.first;
        lane.share();
        self.others.push(lane);
        if self.next_number.is_none() {
            self.begin_numbers();
        }
    }

    /// Sends the message with the first number, behind what the first connection has without one. It means nothing: the next
    /// that means something would have to wait until that connection has room, and others with it.
    fn begin_numbers(&mut self) {
        (self.next_number, self.sending) = (Some(0), 0);
        self.lane_mut(0).message();
        self.finish(&Header { operation: OperationId::SESSION, body: Body::Ignorable, wait_milliseconds: 0 }, 0);
    }

    /// Takes the connections that come there, as soon as they come.
    pub fn await_lanes(&mut self, inbox: LaneInbox<Self>) {
        self.inbox = Some(inbox);
    }

    fn take_lanes(&mut self) {
        let Some((links, has_more)) = self.inbox.as_ref().and_then(LaneInbox::take) else { return };
        if !has_more {
            self.inbox = None;
        }
        links.into_iter().for_each(|link| self.join(link));
    }

    /// Sets the bytes of messages that may come early over several connections.
    pub fn limit_early(&mut self, bytes: u64) {
        self.order.limit(usize::try_from(bytes).unwrap_or(usize::MAX));
    }

    /// Returns the number of its connections.
    #[must_use]
    pub fn lanes(&self) -> usize {
        1 + self.others.len()
    }

    /// Begins a message with payload: [`Link::finish`] queues it.
    pub fn message(&mut self) -> MessageWriter<'_> {
        self.choose();
        self.lane_mut(self.sending).message()
    }

    /// Queues the message that was begun last, of which `payload` bytes were written.
    pub fn finish(&mut self, header: &Header, payload: usize) {
        let number = self.next_number;
        self.next_number = number.map(|number| number + 1);
        self.lane_mut(self.sending).finish(number, header, payload);
    }

    /// Queues a message without payload.
    pub fn push(&mut self, header: &Header) {
        self.message();
        self.finish(header, 0);
    }

    /// Chooses the connection that the next message goes over: the same as long as it has room, since what is sent
    /// together costs less.
    fn choose(&mut self) {
        if self.others.is_empty() {
            self.sending = 0;
            return;
        }
        let count = self.lanes();
        let from = self.sending;
        let turns = (0..count).map(|step| (from + step) % count);
        if let Some(lane) = turns.clone().find(|lane| self.lane(*lane).has_room()) {
            self.sending = lane;
        } else if let Some(lane) = turns.clone().find(|lane| self.lane(*lane).broken.is_none()) {
            self.sending = lane;
        }
    }

    fn lane(&self, index: usize) -> &Lane {
        index.checked_sub(1).and_then(|other| self.others.get(other)).unwrap_or(&self.first)
    }

    fn lane_mut(&mut self, index: usize) -> &mut Lane {
        index.checked_sub(1).and_then(|other| self.others.get_mut(other)).unwrap_or(&mut self.first)
    }

    fn all(&self) -> impl Iterator<Item = &Lane> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// Takes note of the end of a connection.
    ///
    /// # Errors
    /// The same, if there is no other.
    fn lose(&mut self, lane: usize, error: LinkError) -> Result<(), LinkError> {
        let is_alone = self.all().filter(|lane| lane.broken.is_none()).count() <= 1;
        if is_alone {
            return Err(error);
        }
        self.lane_mut(lane).fail(error);
        self.failed.get_or_insert_with(Instant::now);
        Ok(())
    }

    /// Fails if one of several connections ended some time ago.
    fn check(&mut self) -> Result<(), LinkError> {
        if self.failed.is_none_or(|failed| failed.elapsed() < GRACE) {
            return Ok(());
        }
        let broken = std::iter::once(&mut self.first).chain(&mut self.others).find(|lane| lane.broken.is_some());
        broken.map_or(Ok(()), |lane| Err(lane.loss()))
    }

    /// Returns the message that is due, if it has come.
    fn due(&mut self) -> Result<Option<Due>, LinkError> {
        self.take_lanes();
        if let Some(kept) = self.kept()? {
            return Ok(Some(kept));
        }
        for _ in 0..self.lanes() {
            let lane = self.reading % self.lanes();
            match self.due_over(lane) {
                Ok(Some(due)) => return Ok(Some(due)),
                Ok(None) => {}
                Err(error @ (LinkError::Closed | LinkError::Lost(_))) => self.lose(lane, error)?,
                Err(error) => return Err(error),
            }
            self.reading = (lane + 1) % self.lanes();
        }
        // What was kept may have become due meanwhile.
        self.kept()
    }

    /// Returns the message that is due, if it came early.
    fn kept(&mut self) -> Result<Option<Due>, LinkError> {
        let Some((header, payload)) = self.order.take() else { return Ok(None) };
        let header = Header::decode(&header)?;
        Ok(Some(Due::Kept(Message { header, payload: payload.into() })))
    }

    /// Takes messages that have come over a connection, until one of them is due.
    fn due_over(&mut self, index: usize) -> Result<Option<Due>, LinkError> {
        loop {
            let admits = self.order.admits(self.lane(index).last);
            let is_first = index == 0;
            let lane = match index.checked_sub(1).and_then(|other| self.others.get_mut(other)) {
                Some(lane) => lane,
                None => &mut self.first,
            };
            if !admits || lane.broken.is_some() {
                return Ok(None);
            }
            let Some(opened) = lane.open()? else { return Ok(None) };
            let (number, header) = split_number(&lane.input.bytes()[opened.header])?;
            let Some(number) = number else {
                if !is_first {
                    // The proof that its handshake was none that somebody recorded. There is one: more would be endless work.
                    if std::mem::replace(&mut lane.is_proved, true) {
                        return Err(LinkError::Malformed);
                    }
                    continue;
                }
                if self.order.has_begun() {
                    return Err(LinkError::Malformed);
                }
                let header = Header::decode(header)?;
                return Ok(Some(Due::Here { lane: index, header, payload: opened.payload }));
            };
            let arrival = self.order.arrive(number, lane.last)?;
            lane.last = Some(number);
            match arrival {
                Arrival::Due => {
                    let header = Header::decode(header)?;
                    return Ok(Some(Due::Here { lane: index, header, payload: opened.payload }));
                }
                Arrival::Early => {
                    let header = header.to_vec();
                    self.order.keep(number, header, Payload::received(&mut lane.input, opened.payload).keep());
                }
            }
        }
    }
}

impl Line for Link {
    type Message<'a> = Message<'a>;

    fn receive(&mut self) -> Result<Option<Message<'_>>, LinkError> {
        match self.due()? {
            None => {
                self.check()?;
                Ok(None)
            }
            Some(Due::Kept(message)) => Ok(Some(message)),
            Some(Due::Here { lane, header, payload }) => {
                let input = &mut self.lane_mut(lane).input;
                Ok(Some(Message { header, payload: Payload::received(input, payload) }))
            }
        }
    }

    fn has_room(&self) -> bool {
        self.all().any(Lane::has_room)
    }

    fn may_rest(&self) -> bool {
        let is_alone = self.others.is_empty() && self.order.is_empty();
        is_alone && self.first.input.waiting() <= MOST_AT_REST && self.first.output.is_empty()
    }

    fn rest(&mut self) {
        self.first.input.rest();
        self.first.output.rest();
    }

    fn received_bytes(&self) -> u64 {
        self.all().map(|lane| lane.input.total()).sum()
    }

    fn sent_bytes(&self) -> u64 {
        self.all().map(|lane| lane.output.total()).sum()
    }

    fn is_flushed(&self) -> bool {
        self.all().all(|lane| lane.output.is_empty() || lane.broken.is_some())
    }

    fn sockets<'a>(&'a self, each: &mut dyn FnMut(BorrowedFd<'a>, bool, bool)) {
        for lane in self.all().filter(|lane| lane.broken.is_none()) {
            let (may_read, may_write) = (self.order.admits(lane.last), !lane.output.is_empty());
            // The end of one that is neither read nor written would be reported again and again.
            if may_read || may_write {
                each(lane.stream.as_fd(), may_read, may_write);
            }
        }
        if let Some(inbox) = &self.inbox {
            each(inbox.as_fd(), true, false);
        }
    }

    fn due_in(&self) -> Option<Duration> {
        self.failed.map(|failed| GRACE.saturating_sub(failed.elapsed()))
    }

    fn flush(&mut self) -> Result<bool, LinkError> {
        if self.others.is_empty() {
            return self.first.flush();
        }
        for index in 0..self.lanes() {
            let lane = self.lane_mut(index);
            if lane.broken.is_none()
                && let Err(error) = lane.flush()
            {
                self.lose(index, error)?;
            }
        }
        self.check()?;
        Ok(self.is_flushed() || self.has_room())
    }
}

/// Leaves out the buffers, which hold users' content.
impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("stream", &self.first.stream).field("lanes", &self.lanes()).finish_non_exhaustive()
    }
}

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.first.stream.as_fd()
    }
}

#[cfg(test)]
mod tests;
