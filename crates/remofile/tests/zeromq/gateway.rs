//! Our client as a client of protocol 1, against our own server. The original's server is met in `interop/`.

use crate::common::raw::{Raw, listen};
use crate::common::{Fixture, noise, remote, tree, write};
use crate::zeromq::peer::ZeroMq;
use remofile::protocol::handshake::Refusal;
use remofile::protocol::key::PrivateKey;
use remofile::protocol::protocol1::{ListedFile, Request, Response};
use remofile::protocol::token::Token;
use remofile::protocol::wire::{ErrorCode, Failure, Listed};
use remofile::{
    Client, ClientOptions, Error, LocalSource, OnWaiting, OpenOptions, Protocol, RemoteSource, Silent, TransferOptions,
    Wait,
};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

fn client(fixture: &Fixture) -> Client {
    Client::connect(ClientOptions { protocol: Protocol::One, ..fixture.options() }).unwrap()
}

#[test]
fn a_tree_goes_up_and_down_and_is_the_same() {
    let key = PrivateKey::generate();
    for key in [None, Some(key)] {
        let fixture = Fixture::with(|options| options.private_key = key.clone());
        let options = ClientOptions {
            protocol: Protocol::One,
            public_key: key.as_ref().map(PrivateKey::public),
            ..fixture.options()
        };
        let mut client = Client::connect(options).unwrap();
        let source = tempfile::tempdir().unwrap();
        for (name, size) in
            [("t/empty", 0), ("t/one", 1), ("t/d/chunk", 8192), ("t/d/more", 8193), ("t/d/e/big", 300_001)]
        {
            write(source.path(), name, noise(size));
        }
        std::fs::create_dir(source.path().join("t/bare")).unwrap();
        let options = TransferOptions { recursive: true, ..TransferOptions::default() };
        let up = [LocalSource::from(source.path().join("t"))];
        let report = client.upload(&up, &remote("/"), &options, &mut Silent).unwrap();
        assert_eq!((report.files, report.failures.len()), (5, 0));
        assert_eq!(tree(fixture.root()), tree(source.path()));
        let target = tempfile::tempdir().unwrap();
        let down = [RemoteSource::from(remote("/t"))];
        let report = client.download(&down, target.path(), &options, &mut Silent).unwrap();
        assert_eq!((report.files, report.failures.len()), (5, 0));
        assert_eq!(tree(target.path()), tree(source.path()));
        assert_eq!(client.remove(&remote("/t"), true).unwrap().files, 5);
        assert!(tree(fixture.root()).is_empty());
    }
}

#[test]
fn a_file_is_opened_to_be_read_or_to_be_new() {
    use std::io::{Seek, SeekFrom};
    let fixture = Fixture::new();
    let content = noise(300_001);
    fixture.write("f", &content);
    let mut client = client(&fixture);
    let mut file = client.open(&remote("/f"), OpenOptions::new().read(true)).unwrap();
    let mut read = Vec::new();
    file.read_to_end(&mut read).unwrap();
    assert!(read == content);
    file.seek(SeekFrom::Start(100_000)).unwrap();
    file.read_exact(&mut read[..1000]).unwrap();
    assert!(read[..1000] == content[100_000..101_000]);
    let mut new = client.open(&remote("/new"), OpenOptions::new().write(true).create_new(true)).unwrap();
    new.write_all(&content).unwrap();
    new.close().unwrap();
    assert!(std::fs::read(fixture.path("new")).unwrap() == content);
    let Err(Error::Remote(failure)) = client.open(&remote("/f"), OpenOptions::new().write(true)) else { panic!() };
    assert_eq!(failure.code, ErrorCode::Unsupported);
}

#[test]
fn what_protocol_1_cannot_do_is_said() {
    let fixture = Fixture::new();
    fixture.write("a", "x");
    let mut client = client(&fixture);
    let Err(Error::Remote(failure)) = client.rename(&remote("/a"), &remote("/b"), false) else { panic!() };
    assert_eq!(failure.code, ErrorCode::Unsupported);
    assert!(client.make_directory(&remote("/d/e"), false, true).is_ok());
    let Err(Error::Remote(failure)) = client.create_file(&remote("/a"), false) else { panic!() };
    assert_eq!(failure.code, ErrorCode::AlreadyExists);
    let Err(Error::Remote(failure)) = client.stat(&remote("/nowhere")) else { panic!() };
    assert_eq!(failure.code, ErrorCode::NotFound);
}

#[test]
fn a_wrong_token_is_told_in_the_servers_words() {
    let fixture = Fixture::new();
    let token = Token::parse("wrong").unwrap();
    let options = ClientOptions { protocol: Protocol::One, token, ..fixture.options() };
    let error = Client::connect(options).unwrap_err();
    assert!(error.to_string().contains("does not know this token"), "{error}");
}

#[test]
fn a_wrong_token_is_a_refusal_as_over_protocol_2() {
    let fixture = Fixture::new();
    let options = ClientOptions { protocol: Protocol::One, token: Token::generate(), ..fixture.options() };
    assert!(matches!(Client::connect(options), Err(Error::Refused(Refusal::Token))));
}

#[test]
fn a_server_in_use_is_busy_and_can_be_waited_for() {
    // Otherwise whoever lists waits for nobody.
    let fixture = Fixture::with(|options| options.exclusive = true);
    let mut holder = Raw::connect(&fixture);
    holder.hold_write();
    let connect =
        |wait| Client::connect(ClientOptions { protocol: Protocol::One, wait, ..fixture.options() }).map(drop);
    for wait in [Wait::No, Wait::For(Duration::from_millis(1))] {
        assert!(matches!(connect(wait), Err(Error::Busy(_))));
    }
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| connect(Wait::Forever));
        drop(holder);
        waiting.join().unwrap().unwrap();
    });
}

#[test]
fn who_is_in_the_way_is_named_before_the_wait_and_after_it() {
    let fixture = Fixture::new();
    let mut holder = Raw::connect(&fixture);
    holder.hold_write();
    let (told, waited) = std::sync::mpsc::channel();
    let on_waiting = OnWaiting::new(move |holders| told.send(holders.to_vec()).unwrap());
    let options = ClientOptions { protocol: Protocol::One, on_waiting, ..fixture.options() };
    let mut hasty = Client::connect(ClientOptions { wait: Wait::No, ..options.clone() }).unwrap();
    let Err(Error::Busy(holders)) = hasty.make_directory(&remote("/d"), false, false) else { panic!("not busy") };
    assert_eq!((holders[0].activity.as_str(), holders[0].path.as_deref()), ("upload", Some("/")));
    assert!(holders[0].address.starts_with("127.0.0.1:"), "{holders:?}");
    let source = tempfile::tempdir().unwrap();
    write(source.path(), "f", "content");
    let up = [LocalSource::from(source.path().join("f"))];
    let report = hasty.upload(&up, &remote("/"), &TransferOptions::default(), &mut Silent).unwrap();
    let failure = report.failures.first().unwrap().to_string();
    assert!(failure.contains("in use") && failure.contains("upload at / for "), "{failure}");
    std::thread::scope(|scope| {
        let patient = ClientOptions { wait: Wait::Forever, ..options };
        let waiting = scope.spawn(|| Client::connect(patient).unwrap().make_directory(&remote("/d"), false, false));
        assert_eq!(waited.recv().unwrap()[0].client, holders[0].client);
        drop(holder);
        waiting.join().unwrap().unwrap();
    });
}

#[test]
fn encryption_that_does_not_fit_is_told_as_what_it_is() {
    let (key, other) = (PrivateKey::generate(), PrivateKey::generate());
    let refusal = |own: Option<&PrivateKey>, require_encryption, wanted: Option<&PrivateKey>| {
        let fixture = Fixture::with(|options| {
            options.private_key = own.cloned();
            options.require_encryption = require_encryption;
        });
        let public_key = wanted.map(PrivateKey::public);
        match Client::connect(ClientOptions { protocol: Protocol::One, public_key, ..fixture.options() }) {
            Err(Error::Refused(refusal)) => refusal,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(refusal(Some(&key), false, None), Refusal::KeyRequired);
    assert_eq!(refusal(Some(&key), false, Some(&other)), Refusal::Key);
    assert_eq!(refusal(None, false, Some(&other)), Refusal::NoKey);
    assert_eq!(refusal(None, true, None), Refusal::EncryptionRequired);
}

#[test]
fn what_a_server_does_not_tell_of_itself_is_not_made_up() {
    let Err(Error::Remote(failure)) = client(&Fixture::new()).status() else { panic!() };
    assert_eq!(failure.code, ErrorCode::Unsupported);
}

#[test]
fn a_server_that_is_no_server_is_told_from_one() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || drop(listener.accept()));
    let options = ClientOptions::new("127.0.0.1", port, Token::generate());
    let error = Client::connect(ClientOptions { protocol: Protocol::One, ..options }).unwrap_err();
    assert!(matches!(error, Error::NotRemofile { .. }), "{error}");
    server.join().unwrap();
}

/// A server of protocol 1 that shakes hands, and then sends pings for as long as they are taken.
fn serve_pings(stream: TcpStream) {
    let mut stream = ZeroMq::accept(stream).stream;
    let pings = b"\x04\x07\x04PING\0\0".repeat(100_000);
    // Less than endless, so that a client that never comes to look at its time is found out.
    for _ in 0..200 {
        if stream.write_all(&pings).is_err() {
            return;
        }
    }
}

#[test]
fn a_flood_of_pings_does_not_outlast_the_timeout() {
    let (address, server) = listen(serve_pings);
    let options = ClientOptions {
        protocol: Protocol::One,
        timeout: Some(Duration::from_millis(50)),
        ..ClientOptions::new("127.0.0.1", address.port(), Token::generate())
    };
    let error = Client::connect(options).unwrap_err();
    assert!(matches!(error, Error::Timeout(_)), "{error}");
    server.join().unwrap();
}

/// Most requests that a server which lists without end may be asked: 64 MiB of the names it tells are some 30 listings.
const MOST_REQUESTS: usize = 40;

/// A server of protocol 1 in which every directory has 8,000 directories. Gives whether each request was to list, when its client has left
/// or has asked for more than it may.
fn serve_directories(stream: TcpStream) -> Vec<bool> {
    let file = |number| ListedFile {
        name: format!("{number:05}-{}", "n".repeat(244)),
        is_directory: true,
        size: 0,
        modified: 0.0,
    };
    let listing = Response::FilesListed((0..8_000).map(file).collect()).encode();
    let (mut server, mut asked) = (ZeroMq::accept(stream), Vec::new());
    while let Some(frames) = server.receive().filter(|_| asked.len() < MOST_REQUESTS) {
        asked.push(matches!(Request::decode(&frames[1]).unwrap(), Request::ListFiles { .. }));
        server.send(&[b"", &listing]);
    }
    asked
}

/// Makes a call to a server that lists without end; it is asked for nothing but listings.
fn without_end<T>(call: impl FnOnce(&mut Client) -> T) -> T {
    let (sender, asked) = std::sync::mpsc::channel();
    let (address, server) = listen(move |stream| sender.send(serve_directories(stream)).unwrap());
    let options = ClientOptions::new("127.0.0.1", address.port(), Token::generate());
    let mut client = Client::connect(ClientOptions { protocol: Protocol::One, ..options }).unwrap();
    let result = call(&mut client);
    drop(client);
    server.join().unwrap();
    let asked = asked.recv().unwrap();
    assert!(asked.len() < MOST_REQUESTS, "the server was asked {} times", asked.len());
    assert!(asked.iter().all(|lists| *lists));
    result
}

fn assert_has_no_end(failure: &Failure) {
    assert_eq!(failure.code, ErrorCode::OutOfResources, "{failure}");
    assert!(failure.to_string().contains("more than 64 MiB of memory here"), "{failure}");
}

#[test]
fn a_server_that_lists_without_end_does_not_fill_the_memory_of_a_client_that_lists() {
    let mut last = None;
    without_end(|client| {
        client.list(&remote("/"), true, &mut |listed| {
            last = Some(listed);
            Ok(())
        })
    })
    .unwrap();
    let Some(Listed::Failed(failure)) = last else { panic!("{last:?}") };
    assert_has_no_end(&failure);
    // Of the whole tree: nothing in it is known to be missing.
    assert_eq!(failure.path.as_deref(), Some("/"));
}

#[test]
fn a_server_that_lists_without_end_does_not_fill_the_memory_of_a_client_that_downloads() {
    let target = tempfile::tempdir().unwrap();
    let options = TransferOptions { recursive: true, ..TransferOptions::default() };
    let sources = [RemoteSource::from(remote("/"))];
    let report = without_end(|client| client.download(&sources, target.path(), &options, &mut Silent)).unwrap();
    assert_has_no_end(report.failures.last().unwrap());
}

#[test]
fn a_server_that_lists_without_end_does_not_fill_the_memory_of_a_client_that_removes() {
    let name = remote("/").join(&format!("00001-{}", "n".repeat(244))).unwrap();
    let Err(Error::Remote(failure)) = without_end(|client| client.remove(&name, true)) else { panic!() };
    assert_has_no_end(&failure);
}
