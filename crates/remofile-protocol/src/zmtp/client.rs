//! The client's side of a handshake, as it talks to a server of ours or of libzmq.

use super::curve::{Helloed, Session};
use super::inbox::Inbox;
use super::metadata::Metadata;
use super::server::NULL_READY;
use super::{FrameOpener, FrameSealer, HandshakeError, Mechanism, Offered, Peer, SocketType, command, frame, greeting};
use crate::key::PublicKey;
use std::fmt;
use zeroize::Zeroizing;

const ERROR: &[u8] = b"\x05ERROR";

/// The settings of a client: its identity, and the server it wants.
#[derive(Clone)]
pub struct ClientSettings {
    /// Its identity: at most 255 bytes, the rest is left out.
    pub identity: Zeroizing<Vec<u8>>,
    /// The type of socket that it says it is.
    pub socket_type: SocketType,
    /// The server's key: with one CURVE is spoken, without one NULL.
    pub server_key: Option<PublicKey>,
}

/// A handshake with a server: bytes in, bytes out, until the peer is there.
pub struct ClientHandshake {
    metadata: Metadata,
    server_key: Option<PublicKey>,
    state: ClientHandshakeState,
    inbox: Inbox,
    output: Vec<u8>,
}

enum ClientHandshakeState {
    Greeting,
    Null,
    Welcome(Box<Helloed>),
    Ready(Box<Session>),
    Ended(HandshakeError),
}

/// The stage of a handshake: it decides what the end of the connection means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientStage {
    /// The server has not said anything that makes sense.
    Greeting,
    /// The server speaks ZeroMQ without protection, and has heard that this side does.
    Plain,
    /// The server speaks CURVE, and has heard which server this side wants.
    Protected,
}

impl ClientHandshake {
    /// A fresh handshake. It has output at once.
    #[must_use]
    pub fn new(settings: ClientSettings) -> Self {
        let ClientSettings { identity, socket_type, server_key } = settings;
        let mut handshake = Self {
            metadata: Metadata { socket_type, identity },
            server_key,
            state: ClientHandshakeState::Greeting,
            inbox: Inbox::new(),
            output: Vec::new(),
        };
        handshake.output.extend(greeting::write(handshake.mechanism(), false));
        handshake
    }

    /// Takes bytes as they come. When it gives a peer, the server is ready, too; send what
    /// [`ClientHandshake::take_output`] gives before any frame, all the same: over NULL the server does
    /// not wait for us.
    ///
    /// # Errors
    /// [`HandshakeError`]: close. All further calls give the same error; once a peer was given, it is
    /// [`HandshakeError::Over`].
    pub fn receive(&mut self, mut bytes: &[u8]) -> Result<Option<Peer>, HandshakeError> {
        let result = self.drive(&mut bytes);
        match &result {
            Ok(None) => {}
            Ok(Some(_)) => self.state = ClientHandshakeState::Ended(HandshakeError::Over),
            Err(error) => self.state = ClientHandshakeState::Ended(error.clone()),
        }
        Ok(result?.map(|peer| Peer { rest: bytes.to_vec(), ..peer }))
    }

    /// Returns the stage of the handshake.
    #[must_use]
    pub fn stage(&self) -> ClientStage {
        match self.state {
            ClientHandshakeState::Null => ClientStage::Plain,
            ClientHandshakeState::Welcome(_) | ClientHandshakeState::Ready(_) => ClientStage::Protected,
            ClientHandshakeState::Greeting | ClientHandshakeState::Ended(_) => ClientStage::Greeting,
        }
    }

    /// Takes the bytes that are to be sent now; empty when there are none.
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    fn mechanism(&self) -> Mechanism {
        if self.server_key.is_some() { Mechanism::Curve } else { Mechanism::Null }
    }

    fn drive(&mut self, bytes: &mut &[u8]) -> Result<Option<Peer>, HandshakeError> {
        loop {
            match &self.state {
                ClientHandshakeState::Ended(error) => return Err(error.clone()),
                ClientHandshakeState::Greeting => {
                    let Some(greeting) = self.inbox.greeting(bytes)? else { return Ok(None) };
                    self.greeted(greeting.mechanism)?;
                }
                ClientHandshakeState::Null | ClientHandshakeState::Welcome(_) | ClientHandshakeState::Ready(_) => {
                    let Some(body) = self.inbox.command(bytes)? else { return Ok(None) };
                    if let Some(peer) = self.commanded(&body)? {
                        return Ok(Some(peer));
                    }
                }
            }
        }
    }

    /// Takes the greeting. The flag by which a server calls itself one is ignored: libzmq never sets it.
    fn greeted(&mut self, offered: Offered) -> Result<(), HandshakeError> {
        if offered != self.mechanism().into() {
            return Err(HandshakeError::Mechanism(offered));
        }
        match self.server_key {
            None => {
                self.output.extend(frame::command(&[NULL_READY, &self.metadata.write()].concat()));
                self.state = ClientHandshakeState::Null;
            }
            Some(key) => {
                let (helloed, hello) = Helloed::start(key)?;
                self.output.extend(frame::command(&hello));
                self.state = ClientHandshakeState::Welcome(Box::new(helloed));
            }
        }
        Ok(())
    }

    fn commanded(&mut self, body: &[u8]) -> Result<Option<Peer>, HandshakeError> {
        if let Some(data) = body.strip_prefix(ERROR) {
            return Err(command::reason(data).map_or(HandshakeError::Malformed, HandshakeError::Refused));
        }
        // What comes back from here without a next state is an error, or the end.
        match std::mem::replace(&mut self.state, ClientHandshakeState::Ended(HandshakeError::Over)) {
            ClientHandshakeState::Welcome(helloed) => {
                let (session, initiate) = helloed.answer(body, &self.metadata.write())?;
                self.output.extend(frame::command(&initiate));
                self.state = ClientHandshakeState::Ready(Box::new(session));
                Ok(None)
            }
            ClientHandshakeState::Ready(mut session) => {
                let metadata = Metadata::read(&session.open_ready(body)?)?;
                Ok(Some(metadata.into_peer(Mechanism::Curve, session.of_client())))
            }
            _ => {
                let metadata = Metadata::read(body.strip_prefix(NULL_READY).ok_or(HandshakeError::OutOfOrder)?)?;
                Ok(Some(metadata.into_peer(Mechanism::Null, (FrameSealer::null(), FrameOpener::null()))))
            }
        }
    }
}

impl fmt::Debug for ClientSettings {
    /// Leaves the identity out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientSettings")
            .field("socket_type", &self.socket_type)
            .field("server_key", &self.server_key)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ClientHandshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientHandshake({:?})", self.mechanism())
    }
}
