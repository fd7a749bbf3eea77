//! One request and its answer, over each carrier of protocol 2.

use crate::common::raw::Raw;
use crate::rights::cases::Case;
use crate::rights::world::World;
use crate::zeromq::peer::ZeroMq;
use remofile::Handler;
use remofile::protocol::handshake::{ZeroMqAnswer, ZeroMqHello};
use remofile::protocol::token::Token;
use remofile::protocol::wire::{Body, Failure, Flow, Header, OperationId, Signal};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::cell::RefCell;
use std::rc::Rc;
use zeroize::Zeroizing;

/// The time after which a handler is looked at again, which has pings to send.
const SOON: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

/// Everything that a client is told of one request.
#[derive(Debug, Default)]
pub struct Answer {
    /// Failures of items.
    pub failures: Vec<Failure>,
    /// Failure of the operation.
    pub failed: Option<Failure>,
    /// All that was said, payload included.
    pub words: String,
}

impl Answer {
    /// All failures, those of items first.
    pub fn all(&self) -> impl Iterator<Item = &Failure> {
        self.failures.iter().chain(&self.failed)
    }

    /// Takes a message; whether it is the last one.
    fn take(&mut self, signal: Signal, payload: &[u8]) -> bool {
        self.words += &format!("{signal:?} {}\n", String::from_utf8_lossy(payload));
        match signal {
            Signal::ItemFailed { failure } => self.failures.push(failure),
            Signal::Failed { failure } => self.failed = Some(failure),
            Signal::Done { .. } => {}
            _ => return false,
        }
        matches!(self.words.lines().last(), Some(last) if last.starts_with("Done") || last.starts_with("Failed"))
    }
}

/// A client of protocol 2.
pub trait Carrier {
    fn send(&mut self, header: &Header, payload: &[u8]);
    /// The next message about an operation.
    fn next(&mut self) -> (OperationId, Signal, Vec<u8>);

    /// Asks for something, sends what belongs to it, and collects what is told of it.
    fn ask(&mut self, number: u64, case: &Case) -> Answer {
        let operation = OperationId(number);
        let flow = case.request.flow();
        self.send(&Header { operation, body: Body::Request(case.request.clone()), wait_milliseconds: 60_000 }, &[]);
        if flow == Flow::Data && !case.items.is_empty() {
            self.send(&Header::signal(operation, Signal::Data { items: case.items.clone() }), case.payload);
        }
        if matches!(flow, Flow::Data | Flow::Hold) {
            self.send(&Header::signal(operation, Signal::Finish), &[]);
        }
        let mut answer = Answer::default();
        loop {
            let (about, signal, payload) = self.next();
            if about == operation && answer.take(signal, &payload) {
                return answer;
            }
        }
    }
}

impl Carrier for Raw {
    fn send(&mut self, header: &Header, payload: &[u8]) {
        assert!(Raw::send(self, header, payload));
    }

    fn next(&mut self) -> (OperationId, Signal, Vec<u8>) {
        match self.until(|header| matches!(header.body, Body::Signal(_))) {
            (Header { operation, body: Body::Signal(signal), .. }, payload) => (operation, signal, payload),
            (other, _) => panic!("{other:?}"),
        }
    }
}

impl Carrier for ZeroMq {
    fn send(&mut self, header: &Header, payload: &[u8]) {
        self.send_header(header, payload);
    }

    fn next(&mut self) -> (OperationId, Signal, Vec<u8>) {
        ZeroMq::next(self).expect("the server closed the connection")
    }
}

/// A peer behind a socket of somebody's own.
pub struct Behind {
    handler: Rc<RefCell<Handler>>,
    identity: Vec<u8>,
}

impl Behind {
    fn frames(&mut self) -> Vec<Vec<u8>> {
        loop {
            let mut handler = self.handler.borrow_mut();
            match handler.next_reply() {
                Some(reply) if reply.identity == self.identity => return reply.frames,
                Some(_for_others) => {}
                None => drop(poll(&mut [PollFd::new(&*handler, PollFlags::IN)], Some(&SOON)).unwrap()),
            }
        }
    }
}

impl Carrier for Behind {
    fn send(&mut self, header: &Header, payload: &[u8]) {
        let mut bytes = Vec::new();
        header.encode(&mut bytes);
        match payload.is_empty() {
            true => self.handler.borrow_mut().handle(&self.identity, &[&bytes[..]]),
            false => self.handler.borrow_mut().handle(&self.identity, &[&bytes[..], payload]),
        }
    }

    fn next(&mut self) -> (OperationId, Signal, Vec<u8>) {
        let frames = self.frames();
        match Header::decode(&frames[0]).unwrap() {
            Header { operation, body: Body::Signal(signal), .. } => {
                (operation, signal, frames.get(1).cloned().unwrap_or_default())
            }
            other => panic!("{other:?}"),
        }
    }
}

pub fn native(world: &World, token: &Token) -> Box<dyn Carrier> {
    Box::new(Raw::connect_to(world.address(), token))
}

pub fn zeromq(world: &World, token: &Token) -> Box<dyn Carrier> {
    let mut dealer = ZeroMq::dealer(world.address(), "");
    dealer.send(&[&hello(token)]);
    assert!(is_accepted(&dealer.receive().unwrap()));
    Box::new(dealer)
}

pub fn behind_a_socket(world: &World, token: &Token) -> Box<dyn Carrier> {
    let identity = token.stretch().identifier().0.to_vec();
    let mut peer = Behind { handler: world.handler(), identity };
    peer.handler.borrow_mut().handle(&peer.identity, &[hello(token)]);
    assert!(is_accepted(&peer.frames()));
    Box::new(peer)
}

fn hello(token: &Token) -> Vec<u8> {
    ZeroMqHello::new("a", "b", Some(Zeroizing::new(token.reveal().to_owned()))).encode().to_vec()
}

fn is_accepted(frames: &[Vec<u8>]) -> bool {
    matches!(ZeroMqAnswer::decode(&frames[0]), Some(ZeroMqAnswer::Accepted(_)))
}
