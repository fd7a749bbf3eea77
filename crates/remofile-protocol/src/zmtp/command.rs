//! Commands: what peers say to each other beside messages.

use super::FrameError;
use std::time::Duration;

/// Longest command after the handshake, in bytes.
pub const MAX_COMMAND_BYTES: usize = 512;

/// Longest context of a ping, in bytes.
pub const MAX_CONTEXT_BYTES: usize = 16;

/// Longest reason of an error, in bytes.
pub const MAX_REASON_BYTES: usize = 255;

/// A command that a peer sent after the handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Wants to know whether this side is there: answer with [`super::FrameSealer::pong`].
    Ping {
        /// Silence after which the peer would like to be taken for dead; zero says nothing.
        ttl: Duration,
        /// To be sent back; up to [`MAX_CONTEXT_BYTES`].
        context: Vec<u8>,
    },
    /// Answers our ping.
    Pong,
    /// The peer gives up, with this reason (printable, at most [`MAX_REASON_BYTES`]).
    Error(String),
    /// Any other: to be skipped.
    Other,
}

impl Command {
    /// Reads the body of a command frame.
    pub(super) fn read(body: &[u8]) -> Result<Self, FrameError> {
        if body.len() > MAX_COMMAND_BYTES {
            return Err(FrameError::TooLong);
        }
        let (name, data) = split_name(body).ok_or(FrameError::Command)?;
        match name {
            b"PING" => {
                let (ttl, context) = data.split_first_chunk::<2>().ok_or(FrameError::Command)?;
                if context.len() > MAX_CONTEXT_BYTES {
                    return Err(FrameError::Command);
                }
                let ttl = Duration::from_millis(u64::from(u16::from_be_bytes(*ttl)) * 100);
                Ok(Self::Ping { ttl, context: context.to_vec() })
            }
            b"PONG" => Ok(Self::Pong),
            b"ERROR" => reason(data).map(Self::Error).ok_or(FrameError::Command),
            _ => Ok(Self::Other),
        }
    }
}

/// The name of a command and what follows it.
pub(super) fn split_name(body: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = body.split_first()?;
    rest.split_at_checked(usize::from(length)).filter(|(name, _)| !name.is_empty())
}

/// The reason in the data of an ERROR.
pub(super) fn reason(data: &[u8]) -> Option<String> {
    let (&length, reason) = data.split_first()?;
    (reason.len() == usize::from(length)).then(|| printable(reason).map(char::from).collect())
}

/// The body of an ERROR. What is not printable ASCII, or beyond [`MAX_REASON_BYTES`], is lost.
pub(super) fn write_error(reason: &str) -> Vec<u8> {
    let reason: Vec<u8> = printable(reason.as_bytes()).take(MAX_REASON_BYTES).collect();
    [b"\x05ERROR", &[reason.len() as u8][..], &reason].concat()
}

fn printable(text: &[u8]) -> impl Iterator<Item = u8> {
    text.iter().map(|&byte| if byte == b' ' || byte.is_ascii_graphic() { byte } else { b'?' })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_those_of_the_specification() {
        let ping = Command::Ping { ttl: Duration::from_secs(1), context: b"abc".to_vec() };
        assert_eq!(Command::read(b"\x04PING\x00\x0aabc"), Ok(ping));
        assert_eq!(Command::read(b"\x04PONGabc"), Ok(Command::Pong));
        assert_eq!(Command::read(b"\x05ERROR\x03no\n"), Ok(Command::Error("no?".to_owned())));
        assert_eq!(Command::read(b"\x09SUBSCRIBEx"), Ok(Command::Other));
        assert_eq!(write_error("nö"), b"\x05ERROR\x03n??");
        assert_eq!(write_error(&"x".repeat(300)).len(), 7 + 255);
    }

    #[test]
    fn wrong_commands_are_refused() {
        for body in [&b""[..], b"\0", b"\x05PONG", b"\x04PING", b"\x04PING\0", b"\x05ERROR", b"\x05ERROR\x02x"] {
            assert_eq!(Command::read(body), Err(FrameError::Command), "{body:?}");
        }
        assert_eq!(Command::read(b"\x04PING\0\x0001234567890123456"), Err(FrameError::Command));
        assert_eq!(Command::read(&[1; MAX_COMMAND_BYTES + 1]), Err(FrameError::TooLong));
    }
}
