//! A peer in the lobby, and what it has said so far.

use super::room::Guest;
use super::zeromq::Stranger;
use crate::carrier::LONG_ROUND_TRIP;
use crate::server::lanes::Seat;
use crate::server::network::Network;
use crate::server::roster::Pass;
use crate::server::stretching::Ticket;
use remofile_protocol::handshake::{ClientHello, Established};
use remofile_protocol::limits::MAX_HANDSHAKE_BYTES;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

/// A peer that has not proved itself.
pub(super) struct Waiting {
    pub(super) stream: TcpStream,
    pub(super) address: SocketAddr,
    pub(super) deadline: Instant,
    pub(super) stage: Stage,
}

pub(super) enum Stage {
    /// Reading the greeting.
    Greeting(Vec<u8>),
    /// Refused: these bytes are sent at its deadline, and it may not say anything more until then.
    Refused(Vec<u8>),
    /// Answered; these bytes came since. A greeting can be a recording of somebody else's. Only a peer that can seal a
    /// record knows the token and is worth a thread.
    Answered {
        session: Box<Established<ClientHello>>,
        pass: Pass,
        since: Instant,
        received: Vec<u8>,
        /// Its place in the session that it joins, if that was there as it was answered.
        seat: Option<Seat>,
    },
    /// Speaking ZeroMQ.
    ZeroMq(Box<Stranger>),
}

/// A peer whose token is being stretched.
pub(super) struct Unsettled {
    pub(super) number: usize,
    pub(super) ticket: Ticket,
}

/// Reports whether the line to a peer is long: its first record came late behind the answer to its hello.
pub(super) fn is_long(answered: Instant, peer: SocketAddr) -> bool {
    !peer.ip().to_canonical().is_loopback() && answered.elapsed() >= LONG_ROUND_TRIP
}

impl Guest for Waiting {
    fn network(&self) -> Network {
        Network::of(self.address.ip())
    }

    fn deadline(&self) -> Instant {
        self.deadline
    }
}

impl Waiting {
    /// Reports whether nothing is read from it now: it waits until its token is stretched.
    pub(super) fn is_unsettled(&self) -> bool {
        matches!(&self.stage, Stage::ZeroMq(stranger) if stranger.is_unsettled())
    }

    /// Reads the bytes that have come. Returns everything so far, or `None` if nothing new can change the picture.
    pub(super) fn read(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut buffer = [0; MAX_HANDSHAKE_BYTES];
        let mut is_new = false;
        loop {
            let room = match &self.stage {
                Stage::Refused(_) | Stage::ZeroMq(_) => buffer.len(),
                Stage::Greeting(bytes) if bytes.len() == MAX_HANDSHAKE_BYTES => {
                    return Err(io::Error::other("its greeting is too long"));
                }
                // Its first record is in here, or too long; what follows is read by the session.
                Stage::Answered { received, .. } if received.len() == MAX_HANDSHAKE_BYTES => {
                    return Ok(Some(received.clone()));
                }
                Stage::Greeting(bytes) | Stage::Answered { received: bytes, .. } => MAX_HANDSHAKE_BYTES - bytes.len(),
            };
            match self.stream.read(&mut buffer[..room]) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => match &mut self.stage {
                    Stage::Greeting(bytes) | Stage::Answered { received: bytes, .. } => {
                        bytes.extend_from_slice(&buffer[..count]);
                        is_new = true;
                    }
                    // Its bounds are its own, and what it said is not said again.
                    Stage::ZeroMq(_) => return Ok(Some(buffer[..count].to_vec())),
                    // A peer that keeps sending would keep this loop busy for as long as it sends.
                    Stage::Refused(_) => return Err(io::Error::other("it goes on after its greeting")),
                },
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(match &self.stage {
                        Stage::Greeting(bytes) | Stage::Answered { received: bytes, .. } if is_new => {
                            Some(bytes.clone())
                        }
                        _ => None,
                    });
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Sends last words, as far as the socket takes them, and closes this side of the connection.
    pub(super) fn say(&mut self, bytes: &[u8]) {
        let _unheard = self.say_whole(bytes);
        let _closed = self.stream.shutdown(std::net::Shutdown::Write);
    }

    pub(super) fn say_whole(&mut self, bytes: &[u8]) -> bool {
        loop {
            match self.stream.write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                written => return matches!(written, Ok(count) if count == bytes.len()),
            }
        }
    }
}
