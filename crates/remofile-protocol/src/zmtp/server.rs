//! The server's side of a handshake. One port serves NULL and CURVE: which it is, the client says.

use super::curve::Welcomed;
use super::greeting::{self, Greeting, VERSION_BYTES};
use super::inbox::Inbox;
use super::metadata::Metadata;
use super::{FrameOpener, FrameSealer, HandshakeError, Mechanism, Offered, Peer, SocketType, command, frame};
use crate::key::PrivateKey;
use std::fmt;
use zeroize::Zeroizing;

/// The beginning of every READY of the NULL mechanism.
pub(super) const NULL_READY: &[u8] = b"\x05READY";

/// The settings of a server.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// The key to prove itself with; with one, CURVE is accepted.
    pub curve: Option<PrivateKey>,
    /// True if NULL is accepted, which protects nothing.
    pub null: bool,
}

/// A handshake with a client: bytes in, bytes out, until the peer is there.
///
/// The server announces itself as ROUTER. It never holds more than
/// [`crate::limits::MAX_ZMTP_HANDSHAKE_BYTES`] of what it received.
pub struct ServerHandshake {
    settings: ServerSettings,
    state: ServerHandshakeState,
    inbox: Inbox,
    output: Vec<u8>,
    /// Kept apart from `output`, so that a refusal can still take its place.
    ready: Vec<u8>,
}

enum ServerHandshakeState {
    Greeting,
    /// Waits for the greeting, only to send this reason.
    Refusing(String),
    Null,
    Hello(PrivateKey),
    Initiate(Box<Welcomed>),
    Ended(HandshakeError),
}

impl ServerHandshake {
    /// A fresh handshake. It has output at once: libzmq says nothing of substance before.
    #[must_use]
    pub fn new(settings: ServerSettings) -> Self {
        let output = greeting::write(Mechanism::Null, true)[..VERSION_BYTES].to_vec();
        Self { settings, state: ServerHandshakeState::Greeting, inbox: Inbox::new(), output, ready: Vec::new() }
    }

    /// Takes bytes as they come. When it gives a peer, the peer is told so by what
    /// [`ServerHandshake::take_output`] gives next; [`ServerHandshake::refuse`] prevents that.
    ///
    /// # Errors
    /// [`HandshakeError`]: send what [`ServerHandshake::take_output`] still gives, and close. All
    /// further calls give the same error; once a peer was given, it is [`HandshakeError::Over`].
    pub fn receive(&mut self, mut bytes: &[u8]) -> Result<Option<Peer>, HandshakeError> {
        let result = self.drive(&mut bytes);
        match &result {
            Ok(None) => {}
            Ok(Some(_)) => self.state = ServerHandshakeState::Ended(HandshakeError::Over),
            Err(error) => self.state = ServerHandshakeState::Ended(error.clone()),
        }
        Ok(result?.map(|peer| Peer { rest: bytes.to_vec(), ..peer }))
    }

    /// Takes the bytes that are to be sent now; empty when there are none.
    pub fn take_output(&mut self) -> Vec<u8> {
        let mut output = std::mem::take(&mut self.output);
        output.append(&mut self.ready);
        output
    }

    /// Ends the handshake with an ERROR, in the place of the READY that was not taken yet. If the
    /// client's greeting is not there yet, it is sent behind ours as soon as it is. Does nothing after
    /// the READY was taken, nor after an error before the client's greeting was complete.
    ///
    /// Of `reason` the first 255 bytes are sent, and what is not printable ASCII is replaced. libzmq
    /// shows it to nobody; reasons of three digits ("400") end up in its monitor.
    pub fn refuse(&mut self, reason: &str) {
        match &self.state {
            ServerHandshakeState::Greeting | ServerHandshakeState::Refusing(_) => {
                self.state = ServerHandshakeState::Refusing(reason.to_owned());
            }
            ServerHandshakeState::Ended(HandshakeError::Over) if self.ready.is_empty() => {}
            ServerHandshakeState::Ended(
                HandshakeError::NotZeroMq | HandshakeError::OldVersion | HandshakeError::Mechanism(_),
            ) => {}
            ServerHandshakeState::Null
            | ServerHandshakeState::Hello(_)
            | ServerHandshakeState::Initiate(_)
            | ServerHandshakeState::Ended(_) => self.end_with(reason),
        }
    }

    fn end_with(&mut self, reason: &str) {
        self.ready.clear();
        self.output.extend(frame::command(&command::write_error(reason)));
        self.state = ServerHandshakeState::Ended(HandshakeError::Over);
    }

    fn drive(&mut self, bytes: &mut &[u8]) -> Result<Option<Peer>, HandshakeError> {
        loop {
            match &self.state {
                ServerHandshakeState::Ended(error) => return Err(error.clone()),
                ServerHandshakeState::Greeting | ServerHandshakeState::Refusing(_) => {
                    let Some(greeting) = self.inbox.greeting(bytes)? else { return Ok(None) };
                    self.greeted(greeting)?;
                }
                ServerHandshakeState::Null | ServerHandshakeState::Hello(_) | ServerHandshakeState::Initiate(_) => {
                    let Some(body) = self.inbox.command(bytes)? else { return Ok(None) };
                    if let Some(peer) = self.commanded(&body)? {
                        return Ok(Some(peer));
                    }
                }
            }
        }
    }

    /// Says the rest of our greeting: the mechanism that both want, or else the one that we do.
    fn greeted(&mut self, greeting: Greeting) -> Result<(), HandshakeError> {
        let agreed = match (greeting.mechanism, &self.settings.curve) {
            (Offered::Null, _) if self.settings.null => Some((Mechanism::Null, ServerHandshakeState::Null)),
            (Offered::Curve, Some(key)) => Some((Mechanism::Curve, ServerHandshakeState::Hello(key.clone()))),
            _ => None,
        };
        let preferred = if self.settings.curve.is_some() { Mechanism::Curve } else { Mechanism::Null };
        let mechanism = agreed.as_ref().map_or(preferred, |(mechanism, _)| *mechanism);
        self.output.extend(&greeting::write(mechanism, true)[VERSION_BYTES..]);
        let Some((_, next)) = agreed else { return Err(HandshakeError::Mechanism(greeting.mechanism)) };
        if mechanism == Mechanism::Curve && greeting.as_server {
            return Err(HandshakeError::Role);
        }
        if let ServerHandshakeState::Refusing(reason) = std::mem::replace(&mut self.state, next) {
            self.end_with(&reason);
        }
        Ok(())
    }

    fn commanded(&mut self, body: &[u8]) -> Result<Option<Peer>, HandshakeError> {
        // What comes back from here without a next state is an error, or the end.
        match std::mem::replace(&mut self.state, ServerHandshakeState::Ended(HandshakeError::Over)) {
            ServerHandshakeState::Hello(key) => {
                let (welcomed, welcome) = Welcomed::answer(key, body)?;
                self.output.extend(frame::command(&welcome));
                self.state = ServerHandshakeState::Initiate(Box::new(welcomed));
                Ok(None)
            }
            ServerHandshakeState::Initiate(welcomed) => {
                let (metadata, mut session) = welcomed.open(body)?;
                let metadata = Metadata::read(&metadata)?;
                self.ready = frame::command(&session.ready(&ours().write()));
                Ok(Some(metadata.into_peer(Mechanism::Curve, session.of_server())))
            }
            _ => {
                let metadata = Metadata::read(body.strip_prefix(NULL_READY).ok_or(HandshakeError::OutOfOrder)?)?;
                self.ready = frame::command(&[NULL_READY, &ours().write()].concat());
                Ok(Some(metadata.into_peer(Mechanism::Null, (FrameSealer::null(), FrameOpener::null()))))
            }
        }
    }

    #[cfg(test)]
    pub(super) fn reserved_bytes(&self) -> usize {
        self.inbox.reserved_bytes()
    }
}

impl Metadata {
    /// The peer that this describes, without any rest.
    pub(super) fn into_peer(self, mechanism: Mechanism, (sealer, opener): (FrameSealer, FrameOpener)) -> Peer {
        Peer { mechanism, socket_type: self.socket_type, identity: self.identity, sealer, opener, rest: Vec::new() }
    }
}

fn ours() -> Metadata {
    Metadata { socket_type: SocketType::Router, identity: Zeroizing::default() }
}

impl fmt::Debug for ServerHandshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerHandshake").field("settings", &self.settings).finish_non_exhaustive()
    }
}
