use super::*;
use std::cell::Cell;
use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixStream;

/// A line with room for any number of messages.
struct Roomy {
    stream: UnixStream,
    queued: usize,
    flushed: Vec<usize>,
    /// True if it ends when it is looked at though nothing has happened.
    ends: bool,
    is_full: bool,
}

impl AsFd for Roomy {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

impl Line for Roomy {
    type Message<'a> = ();

    fn receive(&mut self) -> Result<Option<()>, LinkError> {
        Ok(None)
    }

    fn has_room(&self) -> bool {
        !self.is_full
    }

    fn may_rest(&self) -> bool {
        true
    }

    fn rest(&mut self) {}

    fn received_bytes(&self) -> u64 {
        0
    }

    fn sent_bytes(&self) -> u64 {
        0
    }

    fn is_flushed(&self) -> bool {
        self.queued == 0
    }

    fn due_in(&self) -> Option<Duration> {
        self.ends.then_some(Duration::ZERO)
    }

    fn flush(&mut self) -> Result<bool, LinkError> {
        if self.ends && !self.flushed.is_empty() {
            return Err(LinkError::Closed);
        }
        self.flushed.push(std::mem::take(&mut self.queued));
        Ok(true)
    }
}

/// An endpoint with small messages to send.
struct Talker<'a> {
    left: usize,
    produced: &'a Cell<usize>,
}

impl Endpoint for Talker<'_> {
    type Line = Roomy;
    type Error = LinkError;

    fn heard(&mut self, _now: Duration) {}

    fn tend(&mut self, _now: Duration, line: &mut Roomy) {
        line.ends |= line.is_full;
    }

    fn receive(&mut self, _now: Duration, (): ()) -> Result<(), LinkError> {
        Ok(())
    }

    fn produce(&mut self, _now: Duration, line: &mut Roomy) -> Result<Produced, LinkError> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(Produced::Nothing) };
        self.left = left;
        self.produced.set(self.produced.get() + 1);
        line.queued += 1;
        Ok(Produced::Message)
    }

    fn woken(&mut self, _now: Duration) -> Result<(), LinkError> {
        Ok(())
    }

    fn next_timeout(&self) -> Option<Duration> {
        None
    }

    fn handle_timeout(&mut self, _now: Duration) -> Result<(), LinkError> {
        Ok(())
    }

    fn wants_messages(&self) -> bool {
        true
    }

    fn is_done(&self) -> bool {
        false
    }
}

/// Sends a hundred messages in a turn that is over after `most` of them. Returns true if there is more, and the numbers
/// of those that went out together.
fn sent_in_a_turn_of(most: usize) -> (bool, Vec<usize>) {
    let (stream, produced) = (UnixStream::pair().unwrap().0, Cell::new(0));
    let mut line = Roomy { stream, queued: 0, flushed: Vec::new(), ends: false, is_full: false };
    let mut talker = Talker { left: 100, produced: &produced };
    let is_busy = send(&mut line, &mut talker, Instant::now(), || produced.get() >= most).unwrap();
    (is_busy, line.flushed)
}

#[test]
fn small_messages_that_take_their_time_are_sent_when_the_turn_is_over() {
    assert_eq!(sent_in_a_turn_of(usize::MAX), (false, vec![100]));
    assert_eq!(sent_in_a_turn_of(3), (true, vec![3]));
}

#[test]
fn a_line_on_which_something_is_due_is_looked_at_though_nothing_happens() {
    let ((stream, _open), produced) = (UnixStream::pair().unwrap(), Cell::new(0));
    let mut line = Roomy { stream, queued: 0, flushed: Vec::new(), ends: true, is_full: false };
    let mut talker = Talker { left: 0, produced: &produced };
    assert!(matches!(drive(&mut line, &mut talker, &[], Instant::now()), Err(LinkError::Closed)));
}

#[test]
fn a_line_without_room_is_looked_after() {
    let ((stream, _open), produced) = (UnixStream::pair().unwrap(), Cell::new(0));
    let mut line = Roomy { stream, queued: 0, flushed: Vec::new(), ends: false, is_full: true };
    let mut talker = Talker { left: 1, produced: &produced };
    assert!(matches!(drive(&mut line, &mut talker, &[], Instant::now()), Err(LinkError::Closed)));
    assert_eq!(produced.get(), 0);
}
