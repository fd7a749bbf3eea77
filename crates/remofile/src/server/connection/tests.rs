//! A session that is parked after everything it was told.

use super::super::presence::Presence;
use super::super::principal::Grant;
use super::super::session::SharedState;
use super::*;
use crate::carrier::RecordKeys;
use crate::server::ServerOptions;
use crate::store::faults::gate;
use crate::store::{Fsync, LocalStore, StoreOptions};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use remofile_protocol::digest::DigestKind;
use remofile_protocol::limits::DEFAULT_PAYLOAD_BYTES;
use remofile_protocol::transport::{Cipher, Opener, Sealer};
use remofile_protocol::wire::{Body, Header, OperationId, Request, Signal};
use rustix::event::{PollFd, PollFlags, poll};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

fn link(stream: UnixStream, send: u8, receive: u8) -> Link {
    let sealer = Sealer::new(Cipher::Aes256GcmPlain, [send; 32]);
    let keys = RecordKeys { sealer, opener: Opener::new(Cipher::Aes256GcmPlain, [receive; 32]) };
    Link::new(socket2::Socket::from(stream), keys, DEFAULT_PAYLOAD_BYTES, DEFAULT_PAYLOAD_BYTES, &[])
}

fn session(root: &std::path::Path, waker: &Waker, shared: &Arc<SharedState>) -> (Session, Peer) {
    let options = &shared.options;
    let store_options = StoreOptions { fsync: options.fsync, ..StoreOptions::default() };
    let store = Arc::new(LocalStore::open(root, store_options).unwrap());
    let grant = Arc::new(Grant::unlimited(store, options));
    let presence = Presence::new(Instant::now(), None);
    let peer = Peer {
        session: 1,
        client: "c".to_owned(),
        address: "a".to_owned(),
        network: None,
        identity: None,
        presence,
        grant,
    };
    (Session::new(Arc::clone(shared), peer.clone(), waker.clone(), DigestKind::Xxh3), peer)
}

/// Runs a session as the lobby does, parking it whenever it has nothing to do; how often that was.
fn serve(mut connection: Connection<Session>, waker: &Waker) -> usize {
    let (mut poll, mut events) = (Poll::new().unwrap(), Events::with_capacity(1));
    let mut parked = 0;
    while connection.serve(waker, &|| Duration::ZERO) == Served::Idle {
        parked += 1;
        let descriptor = connection.socket().as_raw_fd();
        poll.registry().register(&mut SourceFd(&descriptor), Token(1), Interest::READABLE).unwrap();
        poll.poll(&mut events, None).unwrap();
        poll.registry().deregister(&mut SourceFd(&descriptor)).unwrap();
    }
    parked
}

fn pair() -> (UnixStream, UnixStream) {
    let (near, far) = UnixStream::pair().unwrap();
    near.set_nonblocking(true).unwrap();
    far.set_nonblocking(true).unwrap();
    (near, far)
}

fn wait(link: &Link) {
    poll(&mut [PollFd::new(link, PollFlags::IN)], None).unwrap();
}

#[test]
fn requests_that_cross_the_parking_are_answered() {
    let root = tempfile::tempdir().unwrap();
    let (near, far) = pair();
    let waker = Waker::new().unwrap();
    let (endpoint, peer) = session(root.path(), &waker, &Arc::new(SharedState::new(ServerOptions::default())));
    let connection = Connection::new(link(far, 1, 2), endpoint, "session", &peer, waker.clone());
    let server = std::thread::spawn(move || serve(connection, &waker));
    let mut client = link(near, 2, 1);
    let requests = 2000;
    let mut answered = 0;
    for number in 1..=requests {
        let body = Body::Request(Request::Status);
        client.push(&Header { operation: OperationId(number), body, wait_milliseconds: 0 });
        assert!(client.flush().unwrap());
        // Every third is sent while the answer to the one before is on its way.
        while answered < number - u64::from(number % 3 == 0) {
            match client.receive().unwrap() {
                Some(message) => {
                    answered += u64::from(matches!(message.header.body, Body::Signal(Signal::Done { .. })));
                }
                None => wait(&client),
            }
        }
    }
    client.push(&Header::signal(OperationId::SESSION, Signal::Goodbye { reason: None }));
    assert!(client.flush().unwrap());
    assert!(server.join().unwrap() > 1);
}

#[test]
fn a_connection_is_closed_when_what_its_client_left_under_way_is_over() {
    let root = tempfile::tempdir().unwrap();
    let (near, far) = pair();
    let waker = Waker::new().unwrap();
    let shared = Arc::new(SharedState::new(ServerOptions { fsync: Fsync::Each, ..ServerOptions::default() }));
    let (endpoint, peer) = session(root.path(), &waker, &shared);
    let connection = Connection::new(link(far, 1, 2), endpoint, "session", &peer, waker.clone());
    let gate = gate(root.path());
    let closed = gate.lock().unwrap();
    let mut client = link(near, 2, 1);
    let request = Request::MakeDirectory { path: "/d".parse().unwrap(), update: false, parents: false };
    client.push(&Header { operation: OperationId(1), body: Body::Request(request), wait_milliseconds: 0 });
    client.push(&Header::signal(OperationId::SESSION, Signal::Goodbye { reason: None }));
    assert!(client.flush().unwrap());
    let server = std::thread::spawn(move || serve(connection, &waker));
    while !shared.leases.is_held(1, OperationId(1)) {
        std::thread::yield_now();
    }
    drop(closed);
    while client.receive().is_ok() {
        wait(&client);
    }
    assert!(!shared.leases.is_held(1, OperationId(1)), "its next session would find its own lease in the way");
    server.join().unwrap();
}
