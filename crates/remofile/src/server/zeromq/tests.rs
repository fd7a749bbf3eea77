//! A handler whose disk takes its time.

use super::*;
use crate::server::{Server, ServerOptions};
use crate::store::Fsync;
use crate::store::faults::gate;
use remofile_protocol::token::Token;
use remofile_protocol::wire::{Body, OperationId, Request, Signal};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

const TOKEN: &str = "chosen";

fn handle(handler: &mut Handler, peer: &str, header: &Header) {
    let mut frame = Vec::new();
    header.encode(&mut frame);
    handler.handle(peer.as_bytes(), &[frame]);
}

/// What peers are told now.
fn told(handler: &mut Handler) -> Vec<(Vec<u8>, Signal)> {
    let replies = std::iter::from_fn(|| handler.next_reply());
    let signal = |reply: Reply| match Header::decode(&reply.frames[0]).ok()?.body {
        Body::Signal(signal) => Some((reply.identity, signal)),
        _ => None,
    };
    replies.filter_map(signal).collect()
}

fn request(number: u64, request: Request) -> Header {
    Header { operation: OperationId(number), body: Body::Request(request), wait_milliseconds: 0 }
}

#[test]
fn a_handler_answers_every_peer_while_one_waits_for_the_disk() {
    let root = tempfile::tempdir().unwrap();
    let server = Server::new(root.path(), Token::parse(TOKEN).unwrap()).unwrap();
    server.set_options(ServerOptions { fsync: Fsync::Each, ..ServerOptions::default() }).unwrap();
    let mut handler = server.handler().unwrap();
    let hello = ZeroMqHello::new("a", "b", Some(zeroize::Zeroizing::new(TOKEN.to_owned()))).encode();
    for peer in ["\0one", "\0two"] {
        handler.handle(peer.as_bytes(), &[&hello[..]]);
        assert!(matches!(
            ZeroMqAnswer::decode(&handler.next_reply().unwrap().frames[0]),
            Some(ZeroMqAnswer::Accepted(_))
        ));
    }
    let gate = gate(root.path());
    let closed = gate.lock().unwrap();
    let (path, update, parents) = ("/d".parse().unwrap(), false, false);
    handle(&mut handler, "\0one", &request(1, Request::MakeDirectory { path, update, parents }));
    assert!(told(&mut handler).is_empty(), "it is not on the disk");
    for peer in ["\0one", "\0two"] {
        handle(&mut handler, peer, &Header::signal(OperationId::SESSION, Signal::Ping));
        let pongs = told(&mut handler);
        assert!(matches!(&pongs[..], [(identity, Signal::Pong)] if identity == peer.as_bytes()), "{pongs:?}");
    }
    handle(&mut handler, "\0two", &request(1, Request::Status));
    assert!(matches!(&told(&mut handler)[..], [(_, Signal::Done { done })] if done.status.is_some()));
    drop(closed);
    loop {
        let soon = Timespec { tv_sec: 30, tv_nsec: 0 };
        assert_eq!(poll(&mut [PollFd::new(&handler, PollFlags::IN)], Some(&soon)), Ok(1), "nobody called");
        let ended = told(&mut handler);
        if ended.iter().any(|(identity, signal)| identity == b"\0one" && matches!(signal, Signal::Done { .. })) {
            return;
        }
    }
}
