//! Clients of several servers that serve the same files: they go on with another one, and nothing is lost or done twice.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests fail by panicking")]

use crate::common;

use common::proxy::{Harm, proxy};
use common::raw::Raw;
use common::{Fixture, LOCALHOST, noise, remote};
use remofile::protocol::handshake::Refusal;
use remofile::protocol::token::Token;
use remofile::protocol::wire::{Body, Request, Signal};
use remofile::server::{Coordinated, MemoryCoordinator, Standing};
use remofile::store::MemoryStore;
use remofile::{
    Client, ClientOptions, CopyOptions, Error, HashOptions, KeptServers, OnWaiting, OpenOptions, RemoteSource,
    RetryOptions, Server, Silent, SyncOptions, TransferOptions, TransferReport, Wait, synchronize_upload,
};
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const SOON: RetryOptions = RetryOptions { times: 3, pause: Duration::from_millis(1) };

/// Options for a client of these servers that begins with the first one, by a note in a directory of its own below `home`.
fn options(home: &Path, servers: &[SocketAddr], token: &Token) -> ClientOptions {
    let names: Vec<String> = servers.iter().map(ToString::to_string).collect();
    let mut sorted = names.clone();
    sorted.sort();
    let home = tempfile::tempdir_in(home).unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let note = common::write(home.path(), "last", format!("{now}\t{}\t{}\n", sorted.join(","), names[0]));
    std::fs::set_permissions(note, PermissionsExt::from_mode(0o600)).unwrap();
    ClientOptions {
        kept_servers: KeptServers::in_directory(home.keep()),
        ..ClientOptions::new(names.join(","), 1, token.clone())
    }
}

/// The directory beside the root, which ends with the fixture.
fn beside(fixture: &Fixture) -> &Path {
    fixture.root().parent().unwrap()
}

/// A client of a server that is lost after so many bytes, and of the same server by another way.
fn losing(fixture: &Fixture, up: Harm, down: Harm) -> Client {
    let (lost, _) = proxy(fixture.address, up, down);
    Client::new(options(beside(fixture), &[lost, fixture.address], &fixture.token))
}

fn soon() -> TransferOptions {
    TransferOptions { retry: SOON, ..TransferOptions::default() }
}

fn assert_resumed(report: &TransferReport) {
    assert_eq!((report.failures.len(), report.retries), (0, 1));
    assert!(report.resumed_bytes > 0, "what was sent to the first server is used: {report:?}");
}

#[test]
fn transfers_go_on_with_the_next_server_where_they_broke_off() {
    let (fixture, here) = (Fixture::new(), tempfile::tempdir().unwrap());
    let content = noise(12 << 20);
    let source = common::write(here.path(), "file", &content);
    let mut client = losing(&fixture, Harm::Cut(8 << 20), Harm::None);
    assert_resumed(&client.upload(&[&source], &remote("/"), &soon(), &mut Silent).unwrap());
    assert_eq!(std::fs::read(fixture.path("file")).unwrap(), content);

    let mut client = losing(&fixture, Harm::None, Harm::Cut(8 << 20));
    let back = here.path().join("back");
    std::fs::create_dir(&back).unwrap();
    let wanted = [RemoteSource::from(remote("/file"))];
    assert_resumed(&client.download(&wanted, &back, &soon(), &mut Silent).unwrap());
    assert_eq!(std::fs::read(back.join("file")).unwrap(), content);
}

#[test]
fn a_server_that_has_lost_its_coordinator_is_left_for_the_next_one_though_its_sessions_go_on() {
    let (coordinator, here) = (MemoryCoordinator::new(), tempfile::tempdir().unwrap());
    let link = coordinator.link();
    let coordinated = |link| Coordinated::new(link).with_term(Duration::from_millis(3600));
    let (of_first, of_second) = (coordinated(link.clone()), coordinated(coordinator.link()));
    let standing = of_first.clone();
    let first = Fixture::with(|options| options.coordinator = Some(of_first));
    let second = first.beside(|options| options.coordinator = Some(of_second));
    let client = || Client::new(options(beside(&first), &[first.address, second.address], &first.token));
    let (mut changing, mut sending) = (client(), client());
    for client in [&mut changing, &mut sending] {
        client.create_file(&remote("/there"), true).unwrap();
    }
    link.cut(true);
    while !matches!(standing.standing(), Standing::Lost(_)) {
        std::thread::yield_now();
    }
    // Each of these would fail if it were done twice.
    changing.create_file(&remote("/new"), false).unwrap();
    changing.rename(&remote("/there"), &remote("/moved"), false).unwrap();
    let source = common::write(here.path(), "sent", noise(1 << 20));
    let report = sending.upload(&[&source], &remote("/"), &soon(), &mut Silent).unwrap();
    assert_eq!((report.failures.len(), report.retries), (0, 1));
    assert_eq!(common::visible(first.root()), ["moved", "new", "sent"]);
}

#[test]
fn a_sync_is_planned_anew_with_the_next_server() {
    let (fixture, here) = (Fixture::new(), tempfile::tempdir().unwrap());
    for number in 0..40 {
        common::write(here.path(), &format!("d/{number}"), noise(100_000));
    }
    let mut client = losing(&fixture, Harm::Cut(2 << 20), Harm::None);
    let options = SyncOptions { retry: SOON, ..SyncOptions::default() };
    let report = synchronize_upload(&mut client, here.path(), &remote("/"), &options, &mut Silent).unwrap();
    assert!(report.transfer.failures.is_empty() && report.transfer.retries == 1, "{report:?}");
    assert_eq!(std::fs::read_dir(fixture.path("d")).unwrap().count(), 40);
}

#[test]
fn a_listing_that_breaks_off_tells_each_name_once() {
    let fixture = Fixture::new();
    for number in 0..3000 {
        fixture.write(&format!("d{}/file{number}", number % 7), "");
    }
    let mut client = losing(&fixture, Harm::None, Harm::Cut(60_000));
    let mut names = Vec::new();
    client
        .list(&remote("/"), true, &mut |listed| {
            names.push(format!("{listed:?}"));
            Ok(())
        })
        .unwrap();
    assert_eq!(names.len(), 3007);
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 3007);
}

#[test]
fn hashes_that_break_off_come_once_each() {
    let fixture = Fixture::new();
    for number in 0..900 {
        fixture.write(&format!("d{}/file{number}", number % 7), number.to_string());
    }
    let mut sources: Vec<_> = ["/d3", "/d1/file1", "/missing"].map(remote).into();
    sources.extend((0..7).map(|number| remote(&format!("/d{number}"))));
    let hash = |client: &mut Client| {
        let (mut hashes, mut failures) = (Vec::new(), 0);
        let options = HashOptions { recursive: true, ..HashOptions::default() };
        client
            .hash(sources.clone(), options, &mut |hashed| {
                match hashed {
                    Ok(file) => hashes.push((file.source, file.below, file.hash)),
                    Err(_) => failures += 1,
                }
                Ok(())
            })
            .unwrap();
        (hashes, failures)
    };
    let expected = hash(&mut fixture.client());
    assert_eq!((expected.0.len(), expected.1), (900 + 129 + 1, 1));
    for cut in [20_000, 60_000] {
        assert!(hash(&mut losing(&fixture, Harm::None, Harm::Cut(cut))) == expected, "{cut}");
    }
}

/// Reports whether an error says that nobody knows whether the change was done, and does not advise to do it again all the same.
fn is_uncertain(told: &str) -> bool {
    told.contains("(it may have been done: look before you try again)") && !told.contains("(try again)")
}

/// Bytes after which the answers to a client are cut: in the handshake, before, in and behind its first answers.
fn cuts() -> impl Iterator<Item = Harm> {
    (0..700).step_by(23).map(Harm::Cut)
}

#[test]
fn what_is_appended_comes_once_wherever_the_answer_is_lost() {
    let fixture = Fixture::new();
    for harm in cuts() {
        let before = b"first line\n".to_vec();
        fixture.write("log", &before);
        let mut file =
            losing(&fixture, Harm::None, harm).open(&remote("/log"), OpenOptions::new().append(true)).unwrap();
        let mut expected = before;
        for line in ["second line\n", "third line\n"] {
            file.write_all(line.as_bytes()).unwrap();
            file.flush().unwrap();
            expected.extend_from_slice(line.as_bytes());
        }
        file.close().unwrap();
        let there = std::fs::read(fixture.path("log")).unwrap();
        assert_eq!(String::from_utf8_lossy(&there), String::from_utf8_lossy(&expected), "{harm:?}");
    }
}

#[test]
fn who_appends_is_told_what_is_known_of_the_bytes_when_the_server_is_lost_for_good() {
    let fixture = Fixture::new();
    let (mut uncertain, mut missing) = (0, 0);
    for harm in cuts() {
        fixture.write("log", "first line\n");
        let (lost, _) = proxy(fixture.address, Harm::None, harm);
        let options = options(beside(&fixture), &[lost], &fixture.token);
        let Ok(mut file) = Client::new(options).open(&remote("/log"), OpenOptions::new().append(true)) else {
            continue;
        };
        file.write_all(b"second line\n").unwrap();
        let flushed = file.flush();
        let is_there = std::fs::read(fixture.path("log")).unwrap().ends_with(b"second line\n");
        match flushed {
            Ok(()) => assert!(is_there, "{harm:?}"),
            Err(error) if is_uncertain(&error.to_string()) => {
                uncertain += 1;
                let refused = file.write_all(b"third line\n").and_then(|()| file.flush()).unwrap_err();
                assert!(refused.to_string().contains("may be missing"), "{refused}");
            }
            Err(error) => {
                missing += 1;
                assert!(!is_there, "{harm:?}: {error}");
            }
        }
    }
    assert!(uncertain > 0, "{uncertain} {missing}");
}

#[test]
fn the_error_of_a_callback_is_no_lost_connection_of_the_listing() {
    let fixture = Fixture::new();
    for name in ["a", "b", "c"] {
        fixture.write(name, "");
    }
    let mut told = 0;
    let result = fixture.client().list(&remote("/"), false, &mut |_| {
        told += 1;
        Err(Error::ConnectionLost(std::io::Error::other("of another server")))
    });
    assert!(result.unwrap_err().to_string().contains("of another server"));
    assert_eq!(told, 1, "it is not asked for again");
}

#[test]
fn a_change_whose_answer_is_lost_is_never_done_twice() {
    let fixture = Fixture::new();
    fixture.write("source", "content");
    let (mut unknown, mut done, copying) = (0, 0, CopyOptions::default());
    for (number, harm) in cuts().enumerate() {
        let path = remote(&format!("/new{number}"));
        match losing(&fixture, Harm::None, harm).create_file(&path, false) {
            Ok(()) => {
                done += 1;
                assert!(fixture.path(&format!("new{number}")).exists());
            }
            // Whether it was done nobody knows; that it were there already would be wrong.
            Err(error @ Error::ConnectionLost(_)) => {
                unknown += 1;
                assert!(is_uncertain(&error.to_string()), "{error}");
            }
            Err(error) => panic!("{harm:?}: {error}"),
        }
        match losing(&fixture, Harm::None, harm).copy(&remote("/source"), &remote(&format!("/copy{number}")), copying) {
            Ok(report) => assert_eq!(report.files, 1),
            Err(error) => assert!(is_uncertain(&error.to_string()), "{harm:?}: {error}"),
        }
        // What comes to the same when it is done twice needs no look.
        losing(&fixture, Harm::None, harm).create_file(&path, true).unwrap();
        losing(&fixture, Harm::None, harm).make_directory(&remote("/a/b"), true, true).unwrap();
    }
    assert!(done > 0 && unknown > 0, "{done} {unknown}");
}

#[test]
fn a_small_file_is_made_once_wherever_the_answer_is_lost() {
    let fixture = Fixture::new();
    for (number, harm) in cuts().enumerate() {
        let path = remote(&format!("/file{number}"));
        losing(&fixture, Harm::None, harm).write_file(&path, b"content", false).unwrap();
        assert_eq!(std::fs::read(fixture.path(&format!("file{number}"))).unwrap(), b"content");
        let refused = fixture.client().write_file(&path, b"content", false).unwrap_err();
        assert_eq!(refused.kind(), "already-exists");
    }
}

#[test]
fn a_file_that_is_written_for_long_outlives_its_server() {
    let fixture = Fixture::new();
    let content = noise(5 << 20);
    let mut client = losing(&fixture, Harm::Cut(3 << 20), Harm::None);
    let mut file = client.open(&remote("/file"), OpenOptions::new().write(true).rewrite()).unwrap();
    file.write_all(&content).unwrap();
    file.close().unwrap();
    assert_eq!(std::fs::read(fixture.path("file")).unwrap(), content);
    let mut read = Vec::new();
    let mut file =
        losing(&fixture, Harm::None, Harm::Cut(2 << 20)).open(&remote("/file"), OpenOptions::new().read(true)).unwrap();
    std::io::Read::read_to_end(&mut file, &mut read).unwrap();
    assert!(read == content);
}

/// A server of a store that another one serves as well.
fn serve(store: &Arc<MemoryStore>, token: &Token) -> (Arc<Server>, SocketAddr, std::thread::JoinHandle<()>) {
    let server = Arc::new(Server::with_store(Arc::clone(store) as _, token.clone()));
    let bound = server.bind(0, Some(LOCALHOST)).unwrap();
    let address = bound.addresses()[0];
    (server, address, std::thread::spawn(move || bound.serve().unwrap()))
}

#[test]
fn a_client_goes_on_when_its_server_stops_between_two_calls_and_comes_back_when_that_one_does() {
    let (store, token, home) = (Arc::new(MemoryStore::default()), Token::generate(), tempfile::tempdir().unwrap());
    let ((first, one, serving_one), (second, two, serving_two)) = (serve(&store, &token), serve(&store, &token));
    let mut client = Client::new(options(home.path(), &[one, two], &token));
    client.write_file(&remote("/a"), b"a", false).unwrap();
    first.terminate().unwrap();
    serving_one.join().unwrap();
    assert_eq!(client.stat(&remote("/a")).unwrap().size, 1);
    client.make_directory(&remote("/d"), false, false).unwrap();
    assert_eq!(client.status().unwrap().address, two);
    second.terminate().unwrap();
    serving_two.join().unwrap();
    let told = client.stat(&remote("/a")).unwrap_err();
    let text = told.to_string();
    assert!(text.contains("none of the 2 servers"), "{text}");
    for server in [one, two] {
        assert!(text.contains(&format!("{server}: ")), "{text}");
    }
    assert!(text.ends_with(" (is one of them running, and are the ports right?)"), "{text}");
    assert_eq!(told.kind(), "cannot-connect");
}

#[test]
fn a_rename_whose_server_stops_is_done_once_or_told_as_uncertain() {
    let (store, token, home) = (Arc::new(MemoryStore::default()), Token::generate(), tempfile::tempdir().unwrap());
    let ((first, one, serving_one), (second, two, serving_two)) = (serve(&store, &token), serve(&store, &token));
    let (waits, is_waiting) = std::sync::mpsc::channel();
    let options = ClientOptions {
        wait: Wait::Forever,
        on_waiting: OnWaiting::new(move |_| waits.send(()).unwrap()),
        ..options(home.path(), &[one, two], &token)
    };
    let mut client = Client::new(options);
    client.write_file(&remote("/a"), b"a", false).unwrap();
    let mut holder = Raw::connect_to(one, &token);
    let held = holder.request(Request::Hold { write: true, paths: vec![remote("/")] });
    holder.until(|header| header.operation == held && matches!(header.body, Body::Signal(Signal::Credit { .. })));
    let renaming = std::thread::spawn(move || client.rename(&remote("/a"), &remote("/b"), false));
    is_waiting.recv().unwrap();
    first.terminate().unwrap();
    let renamed = renaming.join().unwrap();
    serving_one.join().unwrap();
    let mut client = Client::connect(ClientOptions::new(two.to_string(), 1, token)).unwrap();
    let is_there = |path| client.stat(&remote(path)).is_ok();
    let places: Vec<bool> = ["/a", "/b"].map(is_there).into();
    match renamed {
        Ok(()) => assert_eq!(places, [false, true]),
        Err(error) => {
            assert!(is_uncertain(&error.to_string()), "{error}");
            assert_eq!(places.iter().filter(|is_there| **is_there).count(), 1);
        }
    }
    second.terminate().unwrap();
    serving_two.join().unwrap();
}

#[test]
fn a_server_that_takes_connections_and_says_nothing_is_passed_and_comes_last_then() {
    let fixture = Fixture::new();
    let silent = TcpListener::bind((LOCALHOST, 0)).unwrap();
    let servers = [silent.local_addr().unwrap(), fixture.address];
    let options = options(beside(&fixture), &servers, &fixture.token);
    for _ in 0..3 {
        Client::connect(options.clone()).unwrap().create_file(&remote("/file"), true).unwrap();
    }
    silent.set_nonblocking(true).unwrap();
    assert!(silent.accept().is_ok() && silent.accept().is_err(), "it was asked once");
}

#[test]
fn a_wrong_token_says_more_than_a_server_that_is_not_there() {
    let fixture = Fixture::new();
    let nobody = TcpListener::bind((LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let options = options(beside(&fixture), &[nobody, fixture.address], &Token::generate());
    let refused = Client::connect(options).unwrap_err();
    assert!(matches!(refused.most_telling(), Error::Refused(Refusal::Token)), "{refused}");
    assert!(refused.to_string().contains(&format!("{nobody}: Connection refused")), "{refused}");
    let wrong = Client::connect(ClientOptions::new("a,,b", 1, fixture.token.clone())).unwrap_err();
    assert!(wrong.to_string().contains("is missing"), "{wrong}");
}
