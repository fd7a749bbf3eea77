//! Opens many sessions in one process and lets them do nothing; each line that comes has all of them asked something.
//!
//!     cargo run --release --example idle -- PORT TOKEN COUNT
//!
//! It says `ready` when all of them are open, and `answered` after each line. `bench/idle.py` uses it.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use remofile::protocol::handshake::{ClientCredentials, ClientHandshake, ClientHello};
use remofile::protocol::token::Token;
use remofile::protocol::transport::{Cipher, LENGTH_BYTES, Opener, Sealer, TAG_BYTES};
use remofile::protocol::wire::{Body, Header, OperationId, Request, Signal};
use std::error::Error;
use std::io::{self, Read, Write};
use std::net::TcpStream;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A session that is driven by hand.
struct Session {
    stream: TcpStream,
    sealer: Sealer,
    opener: Opener,
    received: Vec<u8>,
    asked: u64,
}

impl Session {
    fn open(port: u16, credentials: &ClientCredentials) -> Result<Self> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        let hello = ClientHello::new(Cipher::offer(false), "idle/1", "idle@example");
        let (mut handshake, first) = ClientHandshake::start(credentials, hello);
        stream.write_all(&first)?;
        let mut received = Vec::new();
        loop {
            if let Some((session, consumed)) = handshake.receive(&received)? {
                received.drain(..consumed);
                return Ok(Self { stream, sealer: session.sealer, opener: session.opener, received, asked: 0 });
            }
            read_more(&mut stream, &mut received)?;
        }
    }

    fn ask(&mut self) -> Result<()> {
        self.asked += 1;
        let mut header = Vec::new();
        let body = Body::Request(Request::Status);
        Header { operation: OperationId(self.asked), body, wait_milliseconds: 0 }.encode(&mut header);
        let length = u32::try_from(header.len())?.to_be_bytes();
        let mut record = [&[0; LENGTH_BYTES], &header[..], &length, &[0; TAG_BYTES]].concat();
        self.sealer.seal(&mut record);
        Ok(self.stream.write_all(&record)?)
    }

    fn hear(&mut self) -> Result<()> {
        loop {
            let header = self.receive()?;
            match header.body {
                Body::Signal(Signal::Done { .. }) => break,
                Body::Signal(Signal::Ping | Signal::Pong) => {}
                other => return Err(format!("instead of an answer the server said {other:?}").into()),
            }
        }
        // As much as it needs while it waits: nothing.
        self.received = Vec::new();
        Ok(())
    }

    fn receive(&mut self) -> Result<Header> {
        loop {
            if let Some(length) = self.received.first_chunk::<LENGTH_BYTES>() {
                let total = LENGTH_BYTES + u32::from_be_bytes(*length) as usize;
                if self.received.len() >= total {
                    let mut record: Vec<u8> = self.received.drain(..total).collect();
                    let body = self.opener.open(&mut record)?;
                    let (body, length) = body.split_last_chunk::<4>().ok_or("a record without a header")?;
                    let at = body.len() - u32::from_be_bytes(*length) as usize;
                    return Ok(Header::decode(&body[at..])?);
                }
            }
            read_more(&mut self.stream, &mut self.received)?;
        }
    }
}

fn read_more(stream: &mut TcpStream, received: &mut Vec<u8>) -> Result<()> {
    let mut buffer = [0; 4096];
    match stream.read(&mut buffer)? {
        0 => Err("the server closed the connection".into()),
        count => {
            received.extend_from_slice(&buffer[..count]);
            Ok(())
        }
    }
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let port = arguments.next().ok_or("which port?")?.parse()?;
    let token = Token::parse(&arguments.next().ok_or("which token?")?)?;
    let count: usize = arguments.next().ok_or("how many sessions?")?.parse()?;

    let credentials = ClientCredentials { token: token.stretch(), server: None };
    let mut sessions = Vec::with_capacity(count);
    for _ in 0..count {
        let mut session = Session::open(port, &credentials)?;
        // The server takes nobody for a client who has not said anything.
        session.ask()?;
        session.hear()?;
        sessions.push(session);
    }
    println!("ready");
    for line in io::stdin().lines() {
        line?;
        sessions.iter_mut().try_for_each(Session::ask)?;
        sessions.iter_mut().try_for_each(Session::hear)?;
        println!("answered");
    }
    Ok(())
}
