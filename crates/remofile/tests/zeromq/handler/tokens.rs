//! Many tokens at a socket that is not ours: chosen ones that are seen for the first time, and ones that are taken back.

use super::*;
use remofile::{LiveTokens, TokenEntry, TokenRights};
use rustix::event::{PollFd, PollFlags, poll};
use std::os::fd::AsFd;

struct Many {
    handler: Handler,
    tokens: LiveTokens,
    _server: Server,
    _root: TempDir,
}

impl Many {
    fn new() -> Self {
        let (root, tokens) = (tempfile::tempdir().unwrap(), LiveTokens::default());
        write(root.path(), "f", "x");
        let server = Server::with_tokens(root.path(), tokens.clone()).unwrap();
        let mut many = Self { handler: server.handler().unwrap(), tokens, _server: server, _root: root };
        many.add("chosen", &Token::parse("my-custom-token").unwrap(), TokenRights::All);
        many
    }

    fn add(&mut self, name: &str, token: &Token, rights: TokenRights) {
        let entry = TokenEntry { rights, ..TokenEntry::new(name.parse().unwrap(), token) };
        self.tokens.change(|tokens| tokens.add(entry)).unwrap();
        self.await_change();
    }

    /// Waits until a change of the tokens is in force, which wakes the handler.
    fn await_change(&mut self) {
        self.wait();
        assert_eq!(self.handler.next_reply(), None);
    }

    /// Waits until the handler has something new to look at.
    fn wait(&self) {
        poll(&mut [PollFd::from_borrowed_fd(self.handler.as_fd(), PollFlags::IN)], None).unwrap();
    }

    /// Returns the next reply.
    fn awaited(&mut self) -> (Vec<u8>, Vec<Vec<u8>>) {
        loop {
            if let Some(reply) = self.handler.next_reply() {
                return (reply.identity, reply.frames);
            }
            if self.handler.next_timeout().is_none() {
                self.wait();
            }
        }
    }

    fn list(&mut self, identity: &[u8]) -> Response<'static> {
        self.handler.handle(identity, &[&b""[..], &Request::ListFiles { directory: Directory::new("/") }.encode()]);
        let (_, frames) = self.awaited();
        Response::decode(&frames[1]).unwrap().into_owned()
    }
}

fn hello(token: &str) -> Vec<u8> {
    ZeroMqHello::new("a", "b", Some(Zeroizing::new(token.into()))).encode().to_vec()
}

fn is_accepted(frames: &[Vec<u8>]) -> bool {
    matches!(ZeroMqAnswer::decode(&frames[0]), Some(ZeroMqAnswer::Accepted(_)))
}

#[test]
fn a_chosen_token_that_was_never_seen_is_stretched_while_others_are_answered() {
    let mut many = Many::new();
    let other = Token::generate();
    many.add("other", &other, TokenRights::All);
    many.handler.handle(b"first", &[hello("my-custom-token")]);
    many.handler.handle(b"second", &[hello(other.reveal())]);
    let (identity, frames) = many.awaited();
    assert_eq!(identity, b"second", "it waited for the other");
    assert!(is_accepted(&frames));
    let (identity, frames) = many.awaited();
    assert_eq!(identity, b"first");
    assert!(is_accepted(&frames));
    // From now on it is known, and so is that nothing else is it.
    many.handler.handle(b"third", &[hello("my-custom-token")]);
    let (identity, frames) = (many.handler.next_reply().unwrap().identity, many.handler.next_reply());
    assert_eq!((identity, frames), (b"third".to_vec(), None));
}

#[test]
fn a_wrong_chosen_token_is_refused_after_it_was_stretched() {
    let mut many = Many::new();
    many.handler.handle(b"\0peer", &[hello("your-custom-token")]);
    assert_eq!(many.handler.next_reply(), None, "nothing is known of it yet");
    let (identity, frames) = many.awaited();
    assert_eq!(identity, b"\0peer");
    assert_eq!(frames, [ZeroMqAnswer::Refused(Refusal::Token).encode()]);
}

#[test]
fn a_peer_of_protocol_1_whose_token_is_taken_back_is_a_stranger_from_then_on() {
    let mut many = Many::new();
    let token = Token::generate();
    many.add("reader", &token, TokenRights::Read);
    let identity = token.reveal().as_bytes();
    assert!(matches!(many.list(identity), Response::FilesListed(files) if files.len() == 1));
    many.tokens.change(|tokens| tokens.remove(&"reader".parse().unwrap())).unwrap();
    many.await_change();
    assert!(matches!(many.list(identity), Response::UnknownError(_)));
}

#[test]
fn a_session_whose_token_is_taken_back_says_goodbye() {
    let mut many = Many::new();
    let token = Token::generate();
    many.add("reader", &token, TokenRights::Read);
    many.handler.handle(b"peer", &[hello(token.reveal())]);
    assert!(is_accepted(&many.awaited().1));
    many.tokens.change(|tokens| tokens.remove(&"reader".parse().unwrap())).unwrap();
    let header = Header::decode(&many.awaited().1[0]).unwrap();
    let Body::Signal(Signal::Goodbye { reason }) = header.body else { panic!("{header:?}") };
    assert_eq!(reason, Some(remofile::protocol::wire::ErrorCode::TokenRevoked));
    many.handler.handle(b"peer", &[hello(token.reveal())]);
    assert_eq!(many.awaited().1, [ZeroMqAnswer::Refused(Refusal::Token).encode()]);
}
