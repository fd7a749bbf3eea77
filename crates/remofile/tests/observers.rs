//! Tests of what a program is told of what its server does, and may change of it while it runs.

#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods, reason = "tests fail by panicking")]

use crate::common;

use common::{Fixture, LOCALHOST, noise, remote, write};
use remofile::protocol::token::Token;
use remofile::protocol::wire::ErrorCode;
use remofile::server::{Observer, ServerEvent, ServerObserver};
use remofile::{Client, Error, Server, ServerOptions, Silent, TransferOptions};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// An observer that writes down what it is told.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<String>>>);

impl ServerObserver for Notes {
    fn observe(&self, event: &ServerEvent<'_>) {
        let told = match event {
            ServerEvent::SessionOpened => "opened".to_owned(),
            ServerEvent::SessionClosed { outcome, .. } => format!("closed {outcome}"),
            ServerEvent::Received { bytes } => format!("received {bytes}"),
            ServerEvent::Sent { bytes } => format!("sent {bytes}"),
            ServerEvent::OperationEnded { what, outcome, bytes, record, .. } => {
                self.0.lock().unwrap().push(format!("record {record}"));
                format!("{what} {bytes} {outcome}")
            }
            ServerEvent::Flushed { is_durable, .. } => format!("flushed {is_durable}"),
            ServerEvent::Stored(file) => format!("stored {} {} {} {}", file.path, file.bytes, file.token, file.record),
            ServerEvent::Refused { reason, connections } => format!("refused {reason} {connections}"),
            _ => return,
        };
        self.0.lock().unwrap().push(told);
    }
}

impl Notes {
    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

fn observed() -> (Fixture, Notes) {
    let notes = Notes::default();
    let observer = Observer::new(notes.clone());
    (Fixture::with(|options| options.observer = Some(observer)), notes)
}

#[test]
fn an_observer_is_told_of_each_thing_that_clients_do() {
    let (mut fixture, notes) = observed();
    let local = tempfile::tempdir().unwrap();
    write(local.path(), "a", noise(1000));
    let mut client = fixture.client();
    client.upload(&[local.path().join("a")], &remote("/"), &TransferOptions::default(), &mut Silent).unwrap();
    let back = tempfile::tempdir().unwrap();
    client.download(&[remote("/a")], back.path(), &TransferOptions::default(), &mut Silent).unwrap();
    assert!(client.remove(&remote("/none"), false).is_err());
    client.make_directory(&remote("/d"), false, false).unwrap();
    drop(client);
    fixture.stop().unwrap();
    let told = notes.all();
    // The file came alone, and was flushed with its content.
    for expected in ["opened", "upload 1000 ok", "download 1000 ok", "remove 0 not-found", "flushed true"] {
        assert_eq!(told.iter().filter(|told| *told == expected).count(), 1, "{expected}: {told:?}");
    }
    assert!(told.iter().any(|told| told.starts_with("closed ")), "{told:?}");
    let sum = |what: &str| -> u64 { told.iter().filter_map(|told| told.strip_prefix(what)?.parse::<u64>().ok()).sum() };
    assert!(sum("received ") > 0 && sum("sent ") > 0, "{told:?}");
    let record = told.iter().find(|told| told.contains("\"what\":\"upload\"")).unwrap();
    assert!(record.starts_with("record {\"time\":\"") && record.ends_with("\"outcome\":\"ok\"}"), "{record}");
    assert!(record.contains("\"event\":\"operation\"") && record.contains("\"bytes\":1000"), "{record}");
    let stored = told.iter().find_map(|told| told.strip_prefix("stored /a 1000 default ")).unwrap();
    assert!(stored.starts_with("{\"time\":\"") && stored.ends_with("\"outcome\":\"ok\"}"), "{stored}");
}

#[test]
fn limits_change_while_a_server_runs_for_sessions_that_begin_then() {
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    write(local.path(), "a", noise(1000));
    let upload = |client: &mut Client, to: &str| {
        client.make_directory(&remote(to), false, false).unwrap();
        let sources = [local.path().join("a")];
        client.upload(&sources, &remote(to), &TransferOptions::default(), &mut Silent).unwrap().failures
    };
    let mut earlier = fixture.client();
    earlier.stat(&remote("/")).unwrap();
    let limits = ServerOptions { file_size_limit: 999, max_sessions: 2, ..fixture.server.options() };
    fixture.server.change_limits(&limits).unwrap();
    let mut later = fixture.client();
    let refused = upload(&mut later, "/later");
    assert_eq!(refused.iter().map(|failure| failure.code).collect::<Vec<_>>(), [ErrorCode::FileTooLarge]);
    assert!(upload(&mut earlier, "/earlier").is_empty());
    assert!(Client::connect(fixture.options()).is_err(), "a third session of one address");
    fixture.server.change_limits(&ServerOptions { file_size_limit: 1000, max_sessions: 9, ..limits.clone() }).unwrap();
    assert!(upload(&mut fixture.client(), "/last").is_empty());
    assert_eq!(fixture.server.options().file_size_limit, 1000);
    let nonsense = ServerOptions { max_sessions: 0, ..limits };
    assert!(matches!(fixture.server.change_limits(&nonsense), Err(Error::Usage(_))));
    let idle = Server::new(local.path(), Token::generate()).unwrap();
    assert!(matches!(idle.change_limits(&ServerOptions::default()), Err(Error::Usage(_))));
}

#[test]
fn another_token_is_in_force_at_once_and_the_former_one_is_not() {
    let fixture = Fixture::new();
    let mut client = fixture.client();
    client.stat(&remote("/")).unwrap();
    let token = Token::generate();
    fixture.server.change_token(token.clone()).unwrap();
    let mut options = fixture.options();
    options.token = token;
    Client::connect(options).unwrap().stat(&remote("/")).unwrap();
    let told = client.stat(&remote("/")).unwrap_err();
    assert!(
        matches!(&told, Error::Remote(failure) if failure.code == ErrorCode::TokenRevoked)
            || told.to_string().contains("token"),
        "{told}"
    );
    assert!(Client::connect(fixture.options()).and_then(|mut client| client.stat(&remote("/"))).is_err());
}

#[test]
fn a_server_serves_on_sockets_that_were_opened_for_it() {
    let directory = tempfile::tempdir().unwrap();
    let token = Token::generate();
    let server = Server::new(directory.path(), token.clone()).unwrap();
    assert!(matches!(server.bind_to(Vec::new()), Err(Error::Usage(_))));
    let listeners: Vec<TcpListener> = (0..3).map(|_| TcpListener::bind((LOCALHOST, 0)).unwrap()).collect();
    let bound = server.bind_to(listeners).unwrap();
    let addresses = bound.addresses().to_vec();
    assert!(!server.is_responsive(Duration::ZERO), "it is bound and does not answer yet");
    let serving = std::thread::spawn(move || bound.serve());
    for address in addresses {
        let options = remofile::ClientOptions::new("127.0.0.1", address.port(), token.clone());
        Client::connect(options).unwrap().stat(&remote("/")).unwrap();
    }
    assert!(server.is_responsive(Duration::from_secs(60)));
    assert!(server.statistics().is_some());
    server.terminate().unwrap();
    serving.join().unwrap().unwrap();
    assert!(!server.is_responsive(Duration::from_secs(60)) && server.statistics().is_none());
}
