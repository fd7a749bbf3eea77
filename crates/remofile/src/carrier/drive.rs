//! The loop of a session: one thread, one connection, both directions.

use super::error::LinkError;
use super::line::Line;
use super::wake::Waker;
use remofile_protocol::limits::DEAD_AFTER;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// Messages taken or given in a row before the other direction is looked at.
const IN_A_ROW: usize = 16;

/// Longest turn of one direction: on a slow disk each message takes its time, and the peer's pings must not wait
/// for all of them.
const TURN: Duration = Duration::from_millis(50);

/// Time that a finished endpoint's last messages have to leave.
const FAREWELL: Duration = Duration::from_secs(2);

/// Bytes of an incomplete message that are a sign of life. Where the length of a message was changed on the way, the pings and
/// answers that come behind it are taken for its content, and stay below this for as long as a peer may be silent.
const SIGN_OF_LIFE_BYTES: u64 = 1024;

/// A side of a conversation over a line. Times are since the start of [`drive`]'s clock.
pub trait Endpoint {
    /// The kind of line.
    type Line: Line;

    /// The error with which it ends.
    type Error: From<LinkError>;

    /// Learns that bytes have come, whether they are a complete message or not.
    fn heard(&mut self, now: Duration);

    /// Learns that the line, which was full, took more: the peer's side gets on.
    fn sent(&mut self, _now: Duration) {}

    /// Takes a message.
    ///
    /// # Errors
    /// The peer broke the protocol, or this side cannot go on.
    fn receive(&mut self, now: Duration, message: <Self::Line as Line>::Message<'_>) -> Result<(), Self::Error>;

    /// Looks after the line, whether it has room or not. Called in each turn.
    fn tend(&mut self, _now: Duration, _line: &mut Self::Line) {}

    /// Queues at most one message on the line, which has room for it.
    ///
    /// # Errors
    /// This side cannot go on.
    fn produce(&mut self, now: Duration, line: &mut Self::Line) -> Result<Produced, Self::Error>;

    /// Looks at what the wakers announce. Called when one of them was called, and at least once before the first wait.
    ///
    /// # Errors
    /// This side cannot go on.
    fn woken(&mut self, now: Duration) -> Result<(), Self::Error>;

    /// Returns the time at which [`Endpoint::handle_timeout`] is to be called.
    fn next_timeout(&self) -> Option<Duration>;

    /// Does what is due.
    ///
    /// # Errors
    /// The peer is taken for dead, or time is over.
    fn handle_timeout(&mut self, now: Duration) -> Result<(), Self::Error>;

    /// Reports whether it takes messages now.
    fn wants_messages(&self) -> bool;

    /// Reports whether it has nothing more to send or receive. Messages in the queue are still sent.
    fn is_done(&self) -> bool;

    /// Returns the time for which nothing was to be done without a message or a call of a waker; `None` while something
    /// is.
    fn idle_for(&self) -> Option<Duration> {
        None
    }
}

/// The outcome of [`Endpoint::produce`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Produced {
    /// A message was queued.
    Message,
    /// A piece of work was done, and there is more.
    Work,
    /// There is nothing to do until something happens.
    Nothing,
}

/// The reason why driving an endpoint ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Driven {
    /// The endpoint is done.
    Done,
    /// The endpoint has had nothing to do for long enough. It can be driven on when its socket is readable or a waker
    /// was called.
    Idle,
}

/// Runs an endpoint over a line until it is done. `clock` is the moment its times are counted from.
///
/// # Errors
/// The endpoint's error, which may come from the link.
pub fn drive<E: Endpoint>(
    link: &mut E::Line,
    endpoint: &mut E,
    wakers: &[&Waker],
    clock: Instant,
) -> Result<(), E::Error> {
    while drive_until_idle(link, endpoint, wakers, clock, &|| Duration::MAX)? == Driven::Idle {}
    Ok(())
}

/// Runs an endpoint over a line until it is done, or idle for as long as `linger` says at that time.
///
/// # Errors
/// As [`drive`].
pub fn drive_until_idle<E: Endpoint>(
    link: &mut E::Line,
    endpoint: &mut E,
    wakers: &[&Waker],
    clock: Instant,
    linger: &dyn Fn() -> Duration,
) -> Result<Driven, E::Error> {
    let mut stall = Stall::default();
    let mut done_since: Option<Instant> = None;
    // The handshake may have read ahead, and bytes in the link's buffer make no socket readable.
    let mut unread = true;
    let mut heard = link.received_bytes();
    endpoint.woken(clock.elapsed())?;
    loop {
        let began = Instant::now();
        endpoint.tend(clock.elapsed(), link);
        let busy = match send(link, endpoint, clock, || began.elapsed() > TURN) {
            Ok(busy) => busy,
            Err(error) => return last_words(link, endpoint, clock, error, &mut heard),
        };
        let flushed = link.is_flushed();
        if endpoint.is_done() {
            let since = *done_since.get_or_insert_with(Instant::now);
            if flushed || since.elapsed() > FAREWELL {
                return Ok(Driven::Done);
            }
        }
        if stall.look(link) {
            endpoint.sent(clock.elapsed());
        }
        let may_rest = flushed && !busy && !unread && done_since.is_none() && link.may_rest();
        let rests_in = may_rest.then(|| endpoint.idle_for()).flatten().map(|idle| linger().saturating_sub(idle));
        if rests_in == Some(Duration::ZERO) {
            return Ok(Driven::Idle);
        }
        let timeout = match busy || (unread && endpoint.wants_messages()) {
            true => Some(Duration::ZERO),
            false => {
                let timeout = next_timeout(endpoint, clock, &stall, done_since);
                timeout.into_iter().chain(rests_in).chain(link.due_in()).min()
            }
        };
        let ready = wait(link, endpoint.wants_messages(), wakers, timeout)?;
        // Room that came this moment ends the stall.
        if !ready.writable && stall.is_too_long() {
            return Err(LinkError::Lost(std::io::ErrorKind::TimedOut.into()).into());
        }
        if ready.woken {
            // Drained before the endpoint looks: a wake that comes during its look is seen in the next round.
            for waker in wakers {
                waker.drain();
            }
            endpoint.woken(clock.elapsed())?;
        }
        if ready.readable || unread {
            unread = receive(link, endpoint, clock, &mut heard)?;
        }
        if endpoint.next_timeout().is_some_and(|at| at <= clock.elapsed()) {
            endpoint.handle_timeout(clock.elapsed())?;
        }
    }
}

/// Produces and sends until the socket is full, the turn is over or there is nothing to do. Returns true if there is
/// more.
fn send<E: Endpoint>(
    link: &mut E::Line,
    endpoint: &mut E,
    clock: Instant,
    is_over: impl Fn() -> bool,
) -> Result<bool, E::Error> {
    for _ in 0..IN_A_ROW {
        if is_over() {
            break;
        }
        loop {
            if !link.has_room() {
                break;
            }
            match endpoint.produce(clock.elapsed(), link)? {
                // Small messages that come one by one would fill the room only after minutes.
                Produced::Message if is_over() => break,
                Produced::Message => {}
                // Work may take long, so the messages that are ready go out first.
                Produced::Work => break,
                Produced::Nothing => {
                    link.flush()?;
                    return Ok(false);
                }
            }
        }
        if !link.flush()? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Takes what the peer of a line has said before nothing could be sent to it any more: why it closed the connection, perhaps.
fn last_words<E: Endpoint>(
    link: &mut E::Line,
    endpoint: &mut E,
    clock: Instant,
    error: E::Error,
    heard: &mut u64,
) -> Result<Driven, E::Error> {
    // What is wrong with them is no better reason than the one there is.
    while receive(link, endpoint, clock, heard).unwrap_or(false) && endpoint.wants_messages() {}
    if endpoint.is_done() { Ok(Driven::Done) } else { Err(error) }
}

/// Takes messages that have arrived. Returns true if some may still be in the link's buffer, where `poll` does not
/// see them. `heard` is the number of bytes up to the last sign of life.
fn receive<E: Endpoint>(
    link: &mut E::Line,
    endpoint: &mut E,
    clock: Instant,
    heard: &mut u64,
) -> Result<bool, E::Error> {
    let began = Instant::now();
    for _ in 0..IN_A_ROW {
        if !endpoint.wants_messages() || began.elapsed() > TURN {
            return Ok(true);
        }
        let has_message = match link.receive()? {
            Some(message) => endpoint.receive(clock.elapsed(), message).map(|()| true)?,
            None => false,
        };
        if has_message {
            *heard = link.received_bytes();
            continue;
        }
        // A part of a large message is a sign of life, too.
        if link.received_bytes().saturating_sub(*heard) >= SIGN_OF_LIFE_BYTES {
            *heard = link.received_bytes();
            endpoint.heard(clock.elapsed());
        }
        return Ok(link.has_more());
    }
    Ok(true)
}

/// The time since which nothing could be sent. A polled socket is writable only when much of its buffer is free,
/// which takes long on a slow line. So every second a write is tried all the same.
#[derive(Default)]
struct Stall {
    since: Option<Instant>,
    sent: u64,
}

impl Stall {
    const TRY_AGAIN: Duration = Duration::from_secs(1);

    /// Returns true if something could be sent again.
    fn look(&mut self, link: &impl Line) -> bool {
        let was_full = self.since.is_some();
        let is_moving = std::mem::replace(&mut self.sent, link.sent_bytes()) != link.sent_bytes();
        self.since = match self.since {
            _ if link.is_flushed() => None,
            Some(since) if !is_moving => Some(since),
            _ => Some(Instant::now()),
        };
        was_full && is_moving
    }

    fn is_too_long(&self) -> bool {
        self.since.is_some_and(|since| since.elapsed() >= DEAD_AFTER)
    }

    fn timeout(&self) -> Option<Duration> {
        self.since.map(|since| DEAD_AFTER.saturating_sub(since.elapsed()).min(Self::TRY_AGAIN))
    }
}

struct Ready {
    readable: bool,
    writable: bool,
    woken: bool,
}

fn next_timeout<E: Endpoint>(
    endpoint: &E,
    clock: Instant,
    stall: &Stall,
    done_since: Option<Instant>,
) -> Option<Duration> {
    let endpoint = endpoint.next_timeout().map(|at| at.saturating_sub(clock.elapsed()));
    let farewell = done_since.map(|since| FAREWELL.saturating_sub(since.elapsed()));
    endpoint.into_iter().chain(stall.timeout()).chain(farewell).min()
}

fn wait(link: &impl Line, read: bool, wakers: &[&Waker], timeout: Option<Duration>) -> Result<Ready, LinkError> {
    let mut descriptors = Vec::with_capacity(1 + wakers.len());
    descriptors.extend(wakers.iter().map(|waker| PollFd::from_borrowed_fd(waker.as_fd(), PollFlags::IN)));
    link.sockets(&mut |socket, may_read, write| {
        let mut interest = PollFlags::empty();
        interest.set(PollFlags::IN, read && may_read);
        interest.set(PollFlags::OUT, write);
        descriptors.push(PollFd::from_borrowed_fd(socket, interest));
    });
    // A millisecond more: a timeout that is cut to whole units must not spin until it is due.
    let timeout = timeout
        .map(|timeout| if timeout.is_zero() { timeout } else { timeout.saturating_add(Duration::from_millis(1)) });
    let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
    match poll(&mut descriptors, timeout.as_ref()) {
        Ok(_) => {}
        Err(rustix::io::Errno::INTR) => {}
        Err(error) => return Err(LinkError::Lost(error.into())),
    }
    let broken = PollFlags::ERR | PollFlags::HUP;
    let (wakers, sockets) = descriptors.split_at(wakers.len());
    let has = |flags| sockets.iter().any(|socket| socket.revents().intersects(flags));
    // With reading, the messages before the end are taken first, and the read itself tells why it ended.
    if !read && has(broken) {
        return Err(LinkError::Closed);
    }
    Ok(Ready {
        readable: has(PollFlags::IN | broken),
        writable: has(PollFlags::OUT | broken),
        woken: wakers.iter().any(|descriptor| !descriptor.revents().is_empty()),
    })
}

#[cfg(test)]
mod tests;
