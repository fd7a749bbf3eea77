//! The options of a session's socket.

use super::error::LinkError;
use rustix::net::{SendAncillaryBuffer, SendFlags, send, sendmsg};
use socket2::{SockRef, Socket, TcpKeepalive};
use std::io::{self, IoSlice};
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::time::Duration;

const KEEPALIVE_AFTER: Duration = Duration::from_secs(30);
const KEEPALIVE_EVERY: Duration = Duration::from_secs(5);

/// Makes a connected socket fit for a session: it never blocks, small messages leave at once, and a
/// peer that is gone without a word is noticed even while nothing is in flight.
///
/// # Errors
/// If the operating system refuses an option.
pub fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nonblocking(true)?;
    // Messages are complete when they are written: to wait for more would only delay them.
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE_AFTER).with_interval(KEEPALIVE_EVERY).with_retries(3);
    socket.set_tcp_keepalive(&keepalive)?;
    #[cfg(target_os = "linux")]
    // Otherwise the kernel repeats unanswered data for a quarter of an hour before it gives up.
    socket.set_tcp_user_timeout(Some(remofile_protocol::limits::DEAD_AFTER))?;
    Ok(())
}

/// Round trip from which on a line is long: there the kernel has to wait for what was lost, and several connections are
/// faster than one.
pub const LONG_ROUND_TRIP: Duration = Duration::from_millis(15);

/// Bytes that a connection of several takes before they can leave: more would be stuck in it while others have room.
const UNSENT_BYTES: u32 = 64 * 1024;

/// Has the kernel send as it is best on a long line, as far as it can: BBR does not take each loss for congestion.
pub(super) fn pace_long_line(stream: &impl AsFd) {
    #[cfg(target_os = "linux")]
    let _where_there_is_none = rustix::net::sockopt::set_tcp_congestion(stream, "bbr");
    #[cfg(not(target_os = "linux"))]
    let _ = stream;
}

/// Makes a socket fit for a session of several connections on a long line.
pub(super) fn suit_long_line(stream: &Socket) {
    pace_long_line(stream);
    #[cfg(target_os = "linux")]
    let _where_it_cannot_be = stream.set_tcp_notsent_lowat(UNSENT_BYTES);
}

/// Makes a call on a socket that never blocks. Returns the number of bytes moved; `None` if it would have had to
/// wait.
pub(super) fn moved(mut attempt: impl FnMut() -> io::Result<usize>) -> Result<Option<usize>, LinkError> {
    loop {
        return match attempt() {
            Ok(count) => Ok(Some(count)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Err(LinkError::Lost(error)),
        };
    }
}

/// Without it, what is written to a peer that is gone has the kernel send SIGPIPE as well, which ends every program in C that does not
/// ignore it. `write` of the standard library's sockets has it, but neither their `write_vectored` nor those of `socket2`.
#[cfg(not(target_vendor = "apple"))]
const NO_SIGNAL: SendFlags = SendFlags::NOSIGNAL;
// There each socket is told so when it is made.
#[cfg(target_vendor = "apple")]
const NO_SIGNAL: SendFlags = SendFlags::empty();

/// Writes to a socket. To a peer that is gone it fails, and nothing else.
pub(super) fn write(stream: &impl AsFd, bytes: &[u8]) -> io::Result<usize> {
    Ok(send(stream, bytes, NO_SIGNAL)?)
}

/// Writes parts, one after the other, with one call, as [`write`] does.
pub(super) fn write_parts(stream: &impl AsFd, parts: &[IoSlice<'_>]) -> io::Result<usize> {
    Ok(sendmsg(stream, parts, &mut SendAncillaryBuffer::default(), NO_SIGNAL)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use signal_hook::consts::SIGPIPE;
    use std::net::{Shutdown, TcpListener};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[test]
    fn writing_to_a_peer_that_is_gone_is_an_error_and_no_signal() {
        let signalled = Arc::new(AtomicBool::new(false));
        signal_hook::flag::register(SIGPIPE, Arc::clone(&signalled)).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert_eq!(write_parts(&stream, &[IoSlice::new(b"one"), IoSlice::new(b"two")]).unwrap(), 6);
        assert_eq!(write(&stream, b"three").unwrap(), 5);
        stream.shutdown(Shutdown::Write).unwrap();
        for failed in [write(&stream, b"more"), write_parts(&stream, &[IoSlice::new(b"more")])] {
            assert_eq!(failed.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        }
        assert!(!signalled.load(Ordering::SeqCst));
    }
}
