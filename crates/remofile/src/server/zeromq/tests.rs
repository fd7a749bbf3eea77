//! A handler whose disk takes its time.

use super::*;
use crate::server::leases::LeaseStatus;
use crate::server::{Server, ServerOptions};
use crate::store::Fsync;
use crate::store::faults::gate;
use remofile_protocol::token::Token;
use remofile_protocol::wire::{Body, OperationId, Request, Signal};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

mod protocol1;

const TOKEN: &str = "chosen";

/// A handler whose changes wait for the gate of its root.
fn handler(root: &std::path::Path) -> Handler {
    let server = Server::new(root, Token::parse(TOKEN).unwrap()).unwrap();
    server.set_options(ServerOptions { fsync: Fsync::Each, ..ServerOptions::default() }).unwrap();
    server.handler().unwrap()
}

fn handle(handler: &mut Handler, peer: &str, header: &Header) {
    let mut frame = Vec::new();
    header.encode(&mut frame);
    handler.handle(peer.as_bytes(), &[frame]);
}

/// The leases that the server tells of.
fn told_of(shared: &SharedState) -> LeaseStatus {
    shared.leases.told(Instant::now(), &remofile_protocol::path::RemotePath::root(), None)
}

fn greet(handler: &mut Handler, peer: &str) {
    let hello = ZeroMqHello::new("a", "b", Some(zeroize::Zeroizing::new(TOKEN.to_owned()))).encode();
    handler.handle(peer.as_bytes(), &[&hello[..]]);
    let answer = handler.next_reply().unwrap();
    assert!(matches!(ZeroMqAnswer::decode(&answer.frames[0]), Some(ZeroMqAnswer::Accepted(_))));
}

/// Returns what peers are told now.
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
    let mut handler = handler(root.path());
    ["\0one", "\0two"].into_iter().for_each(|peer| greet(&mut handler, peer));
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

#[test]
fn a_peer_that_begins_again_does_not_share_the_lease_of_what_is_under_way() {
    let root = tempfile::tempdir().unwrap();
    let mut handler = handler(root.path());
    let shared = Arc::clone(handler.shared());
    let gate = gate(root.path());
    let closed = gate.lock().unwrap();
    greet(&mut handler, "\0one");
    let (path, update, parents) = ("/d".parse().unwrap(), false, false);
    handle(&mut handler, "\0one", &request(1, Request::MakeDirectory { path, update, parents }));
    assert!(told(&mut handler).is_empty(), "it is not on the disk");
    greet(&mut handler, "\0one");
    let waits = Header { wait_milliseconds: 60_000, ..request(1, Request::Hold { write: true, paths: Vec::new() }) };
    handle(&mut handler, "\0one", &waits);
    let _waiting = told(&mut handler);
    assert_eq!(told_of(&shared).waiting, 1, "something is still changed");
    drop(closed);
    shared.pool.drain();
    let LeaseStatus { holders, waiting } = told_of(&shared);
    assert_eq!((holders.len(), waiting), (1, 0), "the end of the one does not give back what the other has");
}

#[test]
fn a_handler_that_goes_waits_for_what_the_disk_has_begun() {
    let root = tempfile::tempdir().unwrap();
    let mut handler = handler(root.path());
    let shared = Arc::clone(handler.shared());
    let gate = gate(root.path());
    let closed = gate.lock().unwrap();
    greet(&mut handler, "\0one");
    let (path, update, parents) = ("/d".parse().unwrap(), false, false);
    handle(&mut handler, "\0one", &request(1, Request::MakeDirectory { path, update, parents }));
    assert!(told(&mut handler).is_empty());
    let gone = std::thread::spawn(move || drop(handler));
    assert_eq!(told_of(&shared).holders.len(), 1);
    drop(closed);
    gone.join().unwrap();
    assert!(told_of(&shared).holders.is_empty() && root.path().join("d").exists());
}
