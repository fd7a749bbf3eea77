//! Handshakes: who gets in and who does not, on both sides of the door, and what each is told.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    unreachable_pub,
    reason = "tests look at the disk themselves, and fail by panicking"
)]

use crate::common;

use common::proxy::{Harm, proxy};
use common::raw::{Raw, listen};
use common::{Fixture, LOCALHOST, assert_serves, noise, remote, visible};
use remofile::protocol::handshake::{ClientCredentials, ClientHandshake, ClientHello, MAGIC, Refusal};
use remofile::protocol::key::PrivateKey;
use remofile::protocol::token::Token;
use remofile::protocol::transport::Cipher;
use remofile::{Client, ClientOptions, Error, RetryOptions, Silent, TransferOptions, Wait};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// One attempt, so that what it comes to is seen.
fn once() -> TransferOptions {
    TransferOptions { retry: RetryOptions::NEVER, ..TransferOptions::default() }
}

fn refusal(options: ClientOptions) -> Refusal {
    match Client::connect(options).unwrap_err() {
        Error::Refused(refusal) => refusal,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_wrong_token_is_refused_and_the_right_one_served() {
    let fixture = Fixture::new();
    let wrong = ClientOptions { token: Token::generate(), ..fixture.options() };
    assert_eq!(refusal(wrong), Refusal::Token);
    assert_serves(&fixture);
}

#[test]
fn keys_have_to_match() {
    let (key, other) = (PrivateKey::generate(), PrivateKey::generate());
    let keyed = Fixture::with(|options| options.private_key = Some(key.clone()));
    let with = |key: Option<&PrivateKey>| ClientOptions { public_key: key.map(PrivateKey::public), ..keyed.options() };
    assert_eq!(refusal(with(None)), Refusal::KeyRequired);
    assert_eq!(refusal(with(Some(&other))), Refusal::Key);
    assert_eq!(refusal(ClientOptions { plain: true, ..with(Some(&key)) }), Refusal::EncryptionRequired);
    assert!(Client::new(with(Some(&key))).status().is_ok());
    let keyless = Fixture::new();
    assert_eq!(refusal(ClientOptions { public_key: Some(key.public()), ..keyless.options() }), Refusal::NoKey);
}

#[test]
fn a_plain_session_needs_both_sides() {
    let encrypted = Fixture::new();
    assert_eq!(refusal(ClientOptions { plain: true, ..encrypted.options() }), Refusal::EncryptionRequired);
    let plain = Fixture::with(|options| options.allow_plain = true);
    let status = Client::new(ClientOptions { plain: true, ..plain.options() }).status().unwrap();
    assert!(status.cipher.contains("authent") || status.cipher.contains("plain"), "{}", status.cipher);
    assert!(!Client::new(plain.options()).status().unwrap().cipher.contains("authent"));
}

#[test]
fn a_flipped_bit_ends_the_session_and_leaves_no_file() {
    let content = noise(100_000);
    for plain in [false, true] {
        let fixture = Fixture::with(|options| options.allow_plain = plain);
        let positions = (0..1000).step_by(41).chain((1000..100_000).step_by(9_973));
        for (at, up) in positions.flat_map(|at| [(at, true), (at, false)]) {
            let harm = if up { (Harm::Flip(at), Harm::None) } else { (Harm::None, Harm::Flip(at)) };
            let (address, line) = proxy(fixture.address, harm.0, harm.1);
            // The server may not have noticed yet that the one before is gone.
            let options = ClientOptions { port: address.port(), plain, wait: Wait::Forever, ..fixture.options() };
            let source = Box::new(std::io::Cursor::new(content.clone()));
            let name = format!("{at}-{up}");
            let path = remote(&format!("/{name}"));
            let result = Client::new(options).upload_stream(source, &path, &once(), &mut Silent);
            let (sent, received) = line.join().unwrap();
            let harmed = at < if up { sent } else { received };
            if harmed && up {
                // The reserved byte of the preface is in the prologue, too.
                assert!(result.is_err(), "{at} {plain}");
                assert!(!visible(fixture.root()).contains(&name), "{at} {plain} {result:?}");
            }
            if !harmed || result.is_ok() {
                assert_eq!(result.unwrap().bytes, 100_000, "{at} {plain}");
            }
        }
        assert_serves(&fixture);
        for name in visible(fixture.root()) {
            assert!(!name.ends_with("true"), "{name}");
            assert!(std::fs::read(fixture.path(&name)).unwrap() == content, "{name} {plain}");
        }
    }
}

/// Sends bytes to a server and reads to the end of what it says.
fn say(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    let mut answer = Vec::new();
    let _refused = stream.write_all(bytes);
    let _finished = stream.shutdown(Shutdown::Write);
    let _reset = stream.read_to_end(&mut answer);
    answer
}

#[test]
fn a_server_takes_no_harm_from_what_is_no_handshake() {
    let fixture = Fixture::new();
    let magic = |rest: &[u8]| [&MAGIC[..], rest].concat();
    for bytes in [
        Vec::new(),
        vec![0],
        noise(1),
        noise(700),
        noise(1024),
        noise(5000),
        noise(3_000_000),
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
        b"\xff\0\0\0\0\0\0\0\x01\x7f\x03\0NULL".to_vec(),
        magic(&[]),
        magic(&noise(30)),
        magic(&[2; 2000]),
        magic(&[0xff; 1016]),
        magic(&[0; 22]),
        magic(&[0; 3_000_000]),
    ] {
        let answer = say(fixture.address, &bytes);
        let is_refusal = answer.starts_with(&MAGIC) && answer[8] != 0;
        let is_greeting = bytes.starts_with(b"\xff") && answer.starts_with(b"\xff");
        assert!(answer.is_empty() || is_refusal || is_greeting, "{answer:?}");
    }
    assert_serves(&fixture);
}

#[test]
fn a_greeting_may_come_a_byte_at_a_time() {
    let fixture = Fixture::new();
    let credentials = ClientCredentials { token: fixture.token.stretch(), server: None };
    let hello = ClientHello::new(Cipher::offer(false), "", &"long name ".repeat(100));
    let (mut handshake, first) = ClientHandshake::start(&credentials, hello);
    let mut stream = TcpStream::connect(fixture.address).unwrap();
    stream.set_nodelay(true).unwrap();
    for byte in first {
        stream.write_all(&[byte]).unwrap();
    }
    let mut received = vec![0; 1024];
    let count = stream.read(&mut received).unwrap();
    assert!(handshake.receive(&received[..count]).unwrap().is_some());
}

#[test]
fn thousands_of_useless_connections_do_not_keep_a_client_out() {
    let fixture = Fixture::new();
    let mut open = Vec::new();
    for number in 0..2000 {
        let mut stream = TcpStream::connect(fixture.address).unwrap();
        let _gone = stream.write_all(match number % 4 {
            0 => b"",
            1 => &MAGIC,
            2 => &MAGIC[..5],
            _ => b"nonsense",
        });
        open.push(stream);
    }
    assert_serves(&fixture);
}

/// All of 127.0.0.0/8 is this machine.
#[cfg(target_os = "linux")]
#[test]
fn a_client_that_takes_its_time_is_not_put_out_by_a_flood_from_another_address() {
    let fixture = Fixture::new();
    let credentials = ClientCredentials { token: fixture.token.stretch(), server: None };
    let (mut handshake, first) = ClientHandshake::start(&credentials, ClientHello::new(Cipher::offer(false), "", ""));
    let mut slow = TcpStream::connect(fixture.address).unwrap();
    slow.write_all(&first[..20]).unwrap();
    let flood: Vec<socket2::Socket> = (0..1500)
        .map(|_| {
            let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
            socket.bind(&SocketAddr::from(([127, 0, 0, 2], 0)).into()).unwrap();
            socket.connect(&fixture.address.into()).unwrap();
            socket
        })
        .collect();
    // Who is served after them shows that all of them were let in.
    Raw::connect(&fixture);
    slow.write_all(&first[20..]).unwrap();
    let mut received = vec![0; 1024];
    let count = slow.read(&mut received).unwrap();
    assert!(handshake.receive(&received[..count]).unwrap().is_some(), "{} put it out", flood.len());
}

#[test]
fn who_used_a_wrong_token_and_goes_on_talking_keeps_nobody_waiting() {
    let fixture = Fixture::new();
    let credentials = ClientCredentials { token: Token::generate().stretch(), server: None };
    let (_, first) = ClientHandshake::start(&credentials, ClientHello::new(Cipher::offer(false), "", ""));
    let talkers: Vec<TcpStream> = (0..4).map(|_| TcpStream::connect(fixture.address).unwrap()).collect();
    let talk = noise(1024 * 1024);
    // All but the first of these refusals are due in seconds.
    for mut talker in &talkers {
        talker.write_all(&first).unwrap();
    }
    // Who is served after them shows that they were read.
    drop((Raw::connect(&fixture), Raw::connect(&fixture)));
    std::thread::scope(|scope| {
        for mut talker in &talkers {
            let talk = &talk;
            scope.spawn(move || while talker.write_all(talk).is_ok() {});
        }
        for _ in 0..20 {
            Raw::connect(&fixture);
        }
        for mut talker in talkers.iter().skip(1) {
            assert!(matches!(talker.read(&mut [0]), Ok(0) | Err(_)), "it was listened to");
        }
        for talker in &talkers {
            let _gone = talker.shutdown(Shutdown::Both);
        }
    });
}

/// Runs an attempt while wrong tokens come to the server without end, from the same address.
fn besieged<T>(fixture: &mut Fixture, attempt: impl FnOnce(&Fixture) -> T) -> T {
    /// More than the server has time to answer slowly.
    const GUESSERS: usize = 12;
    let wrong = ClientCredentials { token: Token::generate().stretch(), server: None };
    let (_, first) = ClientHandshake::start(&wrong, ClientHello::new(Cipher::offer(false), "", ""));
    let (address, is_over) = (fixture.address, AtomicBool::new(false));
    let guess = || -> std::io::Result<()> {
        let mut stream = TcpStream::connect(address)?;
        stream.write_all(&first)?;
        stream.read_to_end(&mut Vec::new()).map(drop)
    };
    std::thread::scope(|scope| {
        let (sender, answered) = std::sync::mpsc::channel();
        for _ in 0..GUESSERS {
            let (sender, guess, is_over) = (sender.clone(), &guess, &is_over);
            scope.spawn(move || {
                while !is_over.load(Ordering::SeqCst) {
                    let _gone = guess();
                    let _unheard = sender.send(());
                }
            });
        }
        // So many answers mean that some were given at once, as there was no time left in which to do it slowly.
        answered.iter().take(GUESSERS).for_each(drop);
        let result = attempt(fixture);
        is_over.store(true, Ordering::SeqCst);
        fixture.stop().unwrap();
        result
    })
}

#[test]
fn a_chosen_token_is_not_even_let_in_from_where_tokens_are_guessed_too_fast() {
    let connect = |fixture: &Fixture| Client::connect(fixture.options()).map(drop);
    // A generated one cannot be guessed: nobody who knows it is kept out.
    besieged(&mut Fixture::new(), connect).unwrap();
    let is_turned_away = |fixture: &Fixture| matches!(connect(fixture), Err(Error::Refused(Refusal::TooMany)));
    let mut chosen = Fixture::serving(Token::parse("chosen").unwrap(), |_| {});
    // Now and then there is time for one more slow answer, and a right token may come before the next wrong one.
    assert!(besieged(&mut chosen, |fixture| (0..100).any(|_| is_turned_away(fixture))));
}

/// Returns the error of a client that connects to a server with this behaviour, and the number of its connections.
fn meets(script: impl Fn(TcpStream) + Send + 'static) -> (Error, u32) {
    let listener = TcpListener::bind((LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let ended = Arc::new(AtomicBool::new(false));
    let own = Arc::clone(&ended);
    let server = std::thread::spawn(move || {
        let mut connections = 0;
        loop {
            let (stream, _) = listener.accept().unwrap();
            if own.load(Ordering::SeqCst) {
                return connections;
            }
            connections += 1;
            script(stream);
        }
    });
    let options = ClientOptions::new("127.0.0.1", address.port(), Token::generate());
    let error = Client::connect(options).unwrap_err();
    ended.store(true, Ordering::SeqCst);
    let _woken = TcpStream::connect(address);
    (error, server.join().unwrap())
}

fn answers(bytes: &'static [u8]) -> Error {
    let (error, _) = meets(move |mut stream| {
        let _greeting = stream.read(&mut [0; 1024]);
        let _gone = stream.write_all(bytes);
        let _closed = stream.shutdown(Shutdown::Write);
        let _end = stream.read(&mut [0; 1024]);
    });
    error
}

#[test]
fn a_client_says_what_answers_in_place_of_a_server() {
    assert!(matches!(meets(drop), (Error::NotRemofile { .. }, 4)));
    for bytes in [
        &b""[..],
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"\x89RMF\r\n\x1a\n",
        b"\x89RMF\r\n\x1a\n\0\x02\x00\x10",
        b"\x89RMF\r\n\x1a\n\0\x02\x00\x100123456789abcdef",
        b"\x89RMF\r\n\x1a\n\0\x02\xff\xff",
        b"\x89RMF\r\n\x1a\n\0\x03\x00\x00",
        b"\x89RMF\r\n\x1a\n\0\x02\x00\x00",
        b"\x89RMX",
        b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
    ] {
        let error = answers(bytes);
        assert!(matches!(error, Error::NotRemofile { .. }), "{bytes:?}: {error:?}");
    }
    let zeromq = answers(b"\xff\0\0\0\0\0\0\0\x01\x7f\x03\0NULL");
    assert!(matches!(&zeromq, Error::SpeaksZeroMq { .. }), "{zeromq:?}");
    for refusal in Refusal::ALL {
        let bytes: &'static [u8] = refusal.to_bytes().leak();
        assert!(matches!(answers(bytes), Error::Refused(told) if told == *refusal));
    }
}

/// Plays a server whose lobby is flooded: it has no room, and puts a client out before it has read a word.
#[test]
fn a_client_that_is_put_out_before_it_is_answered_comes_back() {
    let token = Token::generate();
    let own = token.clone();
    let listener = TcpListener::bind((LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        // One is closed at once, the other when its greeting has come.
        drop(listener.accept().unwrap());
        let (mut second, _) = listener.accept().unwrap();
        assert!(second.read(&mut [0; 1024]).unwrap() > 0);
        drop(second);
        Raw::accept(listener.accept().unwrap().0, &own)
    });
    let client = Client::connect(ClientOptions::new("127.0.0.1", port, token)).unwrap();
    drop(server.join().unwrap());
    drop(client);
}

#[test]
fn a_server_that_never_answers_costs_no_more_than_the_timeout() {
    let (address, server) = listen(|mut stream| {
        let mut all = Vec::new();
        let _end = stream.read_to_end(&mut all);
    });
    let mut options = ClientOptions::new("127.0.0.1", address.port(), Token::generate());
    options.timeout = Some(Duration::from_millis(300));
    let error = Client::connect(options).unwrap_err();
    assert!(matches!(error, Error::Timeout(_)), "{error:?}");
    server.join().unwrap();
}

#[test]
fn a_port_that_nobody_listens_on_is_no_connection() {
    let mut fixture = Fixture::new();
    fixture.stop().unwrap();
    assert!(matches!(Client::connect(fixture.options()).unwrap_err(), Error::Connect { .. }));
    let nowhere = ClientOptions { hostname: "name.invalid".to_owned(), ..fixture.options() };
    assert!(matches!(Client::connect(nowhere).unwrap_err(), Error::Resolve { .. }));
}

/// NNpsk0's first message can be recorded and sent again by anybody: that alone must take no session.
#[test]
fn a_recorded_handshake_takes_no_session_from_those_who_know_the_token() {
    let fixture = Fixture::new();
    let credentials = ClientCredentials { token: fixture.token.stretch(), server: None };
    let (_, recorded) = ClientHandshake::start(&credentials, ClientHello::new(Cipher::offer(false), "", ""));
    let replays: Vec<TcpStream> = (0..600)
        .map(|_| {
            let mut stream = TcpStream::connect(fixture.address).unwrap();
            stream.write_all(&recorded).unwrap();
            let mut answer = [0; 12];
            stream.read_exact(&mut answer).unwrap();
            stream
        })
        .collect();
    assert!(fixture.client().status().is_ok(), "{} replays keep a client out", replays.len());
}
