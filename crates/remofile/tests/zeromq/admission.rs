//! Admission over ZeroMQ when no session is free, and the time for which a lease is kept without progress.

use crate::common::raw::Raw;
use crate::common::{Fixture, remote};
use crate::zeromq::peer::ZeroMq;
use remofile::protocol::handshake::{Refusal, ServerHello, ZeroMqAnswer, ZeroMqHello};
use remofile::protocol::protocol1::{Directory, Request as Request1, Response};
use remofile::protocol::token::Token;
use remofile::protocol::wire::{Body, ErrorCode, Header, OperationId, Request, Signal};
use remofile::{Client, Error, Handler, Server, ServerOptions};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::time::Duration;
use tempfile::TempDir;
use zeroize::Zeroizing;

/// A server of messages through a ROUTER socket that is not ours.
struct Served {
    _root: TempDir,
    handler: Handler,
}

impl Served {
    fn with(change: impl FnOnce(&mut ServerOptions)) -> Self {
        let root = tempfile::tempdir().unwrap();
        let server = Server::new(root.path(), Token::parse("my-custom-token").unwrap()).unwrap();
        let mut options = server.options();
        change(&mut options);
        server.set_options(options).unwrap();
        Self { handler: server.handler().unwrap(), _root: root }
    }

    /// Everything that is said to one peer now.
    fn replies(&mut self, identity: &[u8]) -> Vec<Vec<Vec<u8>>> {
        let replies = std::iter::from_fn(|| self.handler.next_reply());
        replies.inspect(|reply| assert_eq!(reply.identity, identity)).map(|reply| reply.frames).collect()
    }

    /// A request of protocol 1 by whoever has the token as routing id.
    fn ask(&mut self, request: &Request1<'_>) -> Response<'static> {
        self.handler.handle(b"my-custom-token", &[Vec::new(), request.encode()]);
        let mut replies = self.replies(b"my-custom-token");
        while replies.is_empty() {
            // The disk is waited for by another thread.
            let soon = Timespec { tv_sec: 30, tv_nsec: 0 };
            assert_eq!(poll(&mut [PollFd::new(&self.handler, PollFlags::IN)], Some(&soon)), Ok(1), "nobody called");
            replies = self.replies(b"my-custom-token");
        }
        Response::decode(&replies[0][1]).unwrap().into_owned()
    }
}

fn few(change: impl FnOnce(&mut ServerOptions)) -> Fixture {
    Fixture::serving(Token::parse("my-custom-token").unwrap(), |options| {
        options.max_sessions = 1;
        options.idle_timeout = Duration::ZERO;
        change(options);
    })
}

fn greet(fixture: &Fixture) -> (ZeroMq, Option<Result<ServerHello, Refusal>>) {
    let mut client = ZeroMq::dealer(fixture.address, "somebody");
    let token = Some(Zeroizing::new("my-custom-token".to_owned()));
    client.send(&[&ZeroMqHello::new("test/1", "tester@here", token).encode()]);
    let answer = client.receive().map(|frames| match ZeroMqAnswer::decode(&frames[0]).unwrap() {
        ZeroMqAnswer::Accepted(server) => Ok(*server),
        ZeroMqAnswer::Refused(refusal) => Err(refusal),
    });
    (client, answer)
}

fn request(number: u64, request: Request) -> Header {
    Header { operation: OperationId(number), body: Body::Request(request), wait_milliseconds: 0 }
}

fn list() -> Request1<'static> {
    Request1::ListFiles { directory: Directory::new("/") }
}

#[test]
fn idle_sessions_of_every_kind_make_room_for_every_kind() {
    let fixture = few(|_| {});
    let mut documented = ZeroMq::req(fixture.address, "my-custom-token");
    assert!(matches!(documented.ask(&list()), Response::FilesListed(_)));
    let (mut dealer, answer) = greet(&fixture);
    assert!(answer.unwrap().is_ok());
    assert!(documented.receive().is_none(), "it has made room");
    fixture.client().stat(&remote("/")).unwrap();
    let (operation, signal, _) = dealer.next().unwrap();
    assert_eq!((operation, signal), (OperationId::SESSION, Signal::Goodbye { reason: None }));
    assert!(dealer.receive().is_none());
}

#[test]
fn a_server_full_of_sessions_at_work_says_so_in_every_protocol() {
    let fixture = few(|_| {});
    fixture.write("file", "content");
    let mut busy = Raw::connect(&fixture);
    busy.hold_read("/file", 0);
    // It answers pings until the server ends, however long the rest takes.
    std::thread::spawn(move || busy.find(|_| false).is_none());
    let (_dealer, answer) = greet(&fixture);
    assert_eq!(answer.unwrap().unwrap_err(), Refusal::TooMany);
    assert!(matches!(Client::connect(fixture.options()).unwrap_err(), Error::Refused(Refusal::TooMany)));
    // Which of both it is depends on whether the request came with the handshake.
    let mut documented = ZeroMq::req(fixture.address, "my-custom-token");
    match documented.ask_raw(&list().encode()) {
        None => {}
        Some(Response::UnknownError(message)) => assert!(message.contains("too many connections"), "{message}"),
        Some(other) => panic!("{other:?}"),
    }
}

#[test]
fn a_hold_without_progress_ends_over_zeromq_and_who_waits_is_served() {
    let fixture = few(|options| {
        options.max_sessions = 2;
        options.sessions_per_address = Some(2);
        options.max_hold = Duration::from_millis(1);
    });
    let (mut holder, answer) = greet(&fixture);
    assert!(answer.unwrap().is_ok());
    holder.send_header(&request(1, Request::Hold { write: true, paths: Vec::new() }), &[]);
    loop {
        match holder.next().unwrap() {
            (OperationId(1), Signal::Credit { .. }, _) => {}
            (OperationId(1), Signal::Failed { failure }, _) => break assert_eq!(failure.code.name(), "lease-expired"),
            other => panic!("{other:?}"),
        }
    }
    // On a busy machine a call may have its own hold for as long before it gets on.
    let mut client = fixture.client();
    let is_expired = |error: &Error| matches!(error, Error::Remote(failure) if failure.code == ErrorCode::LeaseExpired);
    let mut calls = std::iter::repeat_with(|| client.create_file(&remote("/f"), true));
    calls.find(|result| !result.as_ref().is_err_and(is_expired)).unwrap().unwrap();
}

#[test]
fn a_full_table_forgets_strangers_and_the_idle_and_nobody_at_work() {
    let hello = |token: &str| ZeroMqHello::new("a", "b", Some(Zeroizing::new(token.into()))).encode();
    let refused = |replies: Vec<Vec<Vec<u8>>>| match ZeroMqAnswer::decode(&replies[0][0]).unwrap() {
        ZeroMqAnswer::Refused(refusal) => Some(refusal),
        ZeroMqAnswer::Accepted(_) => None,
    };
    let upload =
        Request1::UploadFile { name: "f".into(), directory: Directory::new("/"), file_size: 600, chunk_size: 512 };
    let mut served = Served::with(|options| options.max_sessions = 2);
    // The token is in a transfer, and the other says hello: nobody is idle for 30 s.
    assert!(matches!(served.ask(&upload), Response::TransferAccepted { .. }));
    served.handler.handle(b"one", &[hello("my-custom-token")]);
    assert_eq!(refused(served.replies(b"one")), None);
    for number in 0..3 {
        let identity = format!("newcomer {number}");
        served.handler.handle(identity.as_bytes(), &[hello("my-custom-token")]);
        assert_eq!(refused(served.replies(identity.as_bytes())), Some(Refusal::TooMany));
    }
    let chunk = Request1::SendChunk { data: vec![7; 512].into() };
    assert_eq!(served.ask(&chunk), Response::ChunkReceived);

    let mut served = Served::with(|options| {
        (options.max_sessions, options.idle_timeout, options.max_hold) = (2, Duration::ZERO, Duration::from_secs(3600));
    });
    served.handler.handle(b"holder", &[hello("my-custom-token")]);
    assert_eq!(refused(served.replies(b"holder")), None);
    let mut hold = Vec::new();
    let request = Body::Request(Request::Hold { write: true, paths: Vec::new() });
    Header { operation: OperationId(1), body: request, wait_milliseconds: 0 }.encode(&mut hold);
    served.handler.handle(b"holder", &[&hold]);
    assert_eq!(served.replies(b"holder").len(), 1);
    for number in 0..3 {
        let identity = format!("newcomer {number}");
        served.handler.handle(identity.as_bytes(), &[hello("my-custom-token")]);
        assert_eq!(refused(served.replies(identity.as_bytes())), None);
    }
    let mut finish = Vec::new();
    Header::signal(OperationId(1), Signal::Finish).encode(&mut finish);
    served.handler.handle(b"holder", &[&finish]);
    let replies = served.replies(b"holder");
    let done = Header::decode(&replies[0][0]).unwrap();
    assert!(matches!(done.body, Body::Signal(Signal::Done { .. })), "{done:?}");
}
