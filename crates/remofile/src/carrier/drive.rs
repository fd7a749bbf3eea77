//! The loop of a session: one thread, one connection, both directions.

use super::link::{Link, LinkError, Message};
use super::wake::Waker;
use remofile_protocol::limits::DEAD_AFTER;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// Messages taken or given in a row before the other direction is looked at.
const IN_A_ROW: usize = 16;

/// How long a finished endpoint's last words may take to leave.
const FAREWELL: Duration = Duration::from_secs(2);

/// Whoever has something to say over a link. Times are since the start of [`drive`]'s clock.
pub trait Endpoint {
    /// Why it cannot go on.
    type Error: From<LinkError>;

    /// Takes a message.
    ///
    /// # Errors
    /// The peer broke the protocol, or this side cannot go on.
    fn receive(&mut self, now: Duration, message: Message<'_>) -> Result<(), Self::Error>;

    /// Queues at most one message on the link, which has room for it.
    ///
    /// # Errors
    /// This side cannot go on.
    fn produce(&mut self, now: Duration, link: &mut Link) -> Result<Produced, Self::Error>;

    /// Called when one of the wakers was called, and at least once before the first wait.
    ///
    /// # Errors
    /// This side cannot go on.
    fn woken(&mut self, now: Duration) -> Result<(), Self::Error>;

    /// When it wants [`Endpoint::handle_timeout`].
    fn next_timeout(&self) -> Option<Duration>;

    /// Does what is due.
    ///
    /// # Errors
    /// The peer is taken for dead, or time is over.
    fn handle_timeout(&mut self, now: Duration) -> Result<(), Self::Error>;

    /// Whether it takes messages now.
    fn wants_messages(&self) -> bool;

    /// Whether it has nothing more to say or hear; what is queued is still sent.
    fn is_done(&self) -> bool;
}

/// What [`Endpoint::produce`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Produced {
    /// It queued a message.
    Message,
    /// It did a piece of work and has more.
    Work,
    /// It has nothing to do before something happens.
    Nothing,
}

/// Runs an endpoint over a link until it is done. `clock` is the moment its times are counted from.
///
/// # Errors
/// The endpoint's error, which may come from the link.
pub fn drive<E: Endpoint>(
    link: &mut Link,
    endpoint: &mut E,
    wakers: &[&Waker],
    clock: Instant,
) -> Result<(), E::Error> {
    let mut stalled_since: Option<Instant> = None;
    let mut done_since: Option<Instant> = None;
    let mut unread = true;
    endpoint.woken(clock.elapsed())?;
    loop {
        let busy = send(link, endpoint, clock)?;
        let flushed = link.is_flushed();
        if endpoint.is_done() {
            let since = *done_since.get_or_insert_with(Instant::now);
            if flushed || since.elapsed() > FAREWELL {
                return Ok(());
            }
        }
        stalled_since = if flushed {
            None
        } else {
            stalled_since.or_else(|| Some(Instant::now()))
        };
        let timeout = match busy || (unread && endpoint.wants_messages()) {
            true => Some(Duration::ZERO),
            false => next_timeout(endpoint, clock, stalled_since, done_since),
        };
        let ready = wait(link, endpoint.wants_messages(), !flushed, wakers, timeout)?;
        if ready.writable {
            stalled_since = None;
        } else if stalled_since.is_some_and(|since| since.elapsed() >= DEAD_AFTER) {
            return Err(LinkError::Lost(std::io::ErrorKind::TimedOut.into()).into());
        }
        if ready.woken {
            wakers.iter().for_each(|waker| waker.drain());
            endpoint.woken(clock.elapsed())?;
        }
        if ready.readable || unread {
            unread = receive(link, endpoint, clock)?;
        }
        if endpoint.next_timeout().is_some_and(|at| at <= clock.elapsed()) {
            endpoint.handle_timeout(clock.elapsed())?;
        }
    }
}

/// Produces and sends until the socket is full or there is nothing to do; whether there is more.
fn send<E: Endpoint>(link: &mut Link, endpoint: &mut E, clock: Instant) -> Result<bool, E::Error> {
    for _ in 0..IN_A_ROW {
        loop {
            if !link.has_room() {
                break;
            }
            match endpoint.produce(clock.elapsed(), link)? {
                Produced::Message => {}
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

/// Takes what has arrived; whether some of it may still be in the link's buffer, where `poll` does not
/// see it.
fn receive<E: Endpoint>(link: &mut Link, endpoint: &mut E, clock: Instant) -> Result<bool, E::Error> {
    for _ in 0..IN_A_ROW {
        if !endpoint.wants_messages() {
            return Ok(true);
        }
        match link.receive()? {
            None => return Ok(false),
            Some(message) => endpoint.receive(clock.elapsed(), message)?,
        }
    }
    Ok(true)
}

struct Ready {
    readable: bool,
    writable: bool,
    woken: bool,
}

fn next_timeout<E: Endpoint>(
    endpoint: &E,
    clock: Instant,
    stalled_since: Option<Instant>,
    done_since: Option<Instant>,
) -> Option<Duration> {
    let endpoint = endpoint.next_timeout().map(|at| at.saturating_sub(clock.elapsed()));
    let stalled = stalled_since.map(|since| DEAD_AFTER.saturating_sub(since.elapsed()));
    let farewell = done_since.map(|since| FAREWELL.saturating_sub(since.elapsed()));
    endpoint.into_iter().chain(stalled).chain(farewell).min()
}

fn wait(
    link: &Link,
    read: bool,
    write: bool,
    wakers: &[&Waker],
    timeout: Option<Duration>,
) -> Result<Ready, LinkError> {
    let mut interest = PollFlags::empty();
    interest.set(PollFlags::IN, read);
    interest.set(PollFlags::OUT, write);
    let mut descriptors = Vec::with_capacity(1 + wakers.len());
    descriptors.push(PollFd::from_borrowed_fd(link.as_fd(), interest));
    descriptors.extend(
        wakers
            .iter()
            .map(|waker| PollFd::from_borrowed_fd(waker.as_fd(), PollFlags::IN)),
    );
    // A millisecond more: a timeout that is cut to whole units must not spin until it is due.
    let timeout = timeout.map(|timeout| {
        if timeout.is_zero() {
            timeout
        } else {
            timeout + Duration::from_millis(1)
        }
    });
    let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
    match poll(&mut descriptors, timeout.as_ref()) {
        Ok(_) => {}
        Err(rustix::io::Errno::INTR) => {}
        Err(error) => return Err(LinkError::Lost(error.into())),
    }
    let broken = PollFlags::ERR | PollFlags::HUP;
    let socket = descriptors[0].revents();
    if !read && socket.intersects(broken) {
        return Err(LinkError::Closed);
    }
    Ok(Ready {
        readable: socket.intersects(PollFlags::IN | broken),
        writable: socket.intersects(PollFlags::OUT | broken),
        woken: descriptors[1..]
            .iter()
            .any(|descriptor| !descriptor.revents().is_empty()),
    })
}
