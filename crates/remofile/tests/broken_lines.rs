//! Lines that are cut at any byte, and servers that end at any moment: a file is the old one or the
//! new one, the caller learns of it, and trying again helps.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    unreachable_pub,
    reason = "tests look at the disk themselves, and fail by panicking"
)]

use crate::common;

use common::proxy::{Harm, proxy};
use common::{AtFirst, Fixture, assert_serves, noise, remote, visible, write};
use remofile::protocol::wire::OnConflict;
use remofile::{Client, ClientOptions, Error, Interrupt, Result, RetryOptions, Silent, TransferOptions, Wait};
use std::io::{Cursor, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::LazyLock;

/// One attempt, so that what it comes to is seen.
fn once() -> TransferOptions {
    TransferOptions { retry: RetryOptions::NEVER, ..TransferOptions::default() }
}

static REPLACE: LazyLock<TransferOptions> =
    LazyLock::new(|| TransferOptions { recursive: false, on_conflict: OnConflict::Replace, total: false, ..once() });

/// Makes a call over a line that comes to harm; also tells how many bytes went up and down.
fn over<T>(
    fixture: &Fixture,
    harm: (Harm, Harm),
    call: impl FnOnce(&mut Client) -> Result<T>,
) -> (Result<T>, (u64, u64)) {
    let (address, line) = proxy(fixture.address, harm.0, harm.1);
    let mut client = Client::new(ClientOptions { port: address.port(), ..fixture.options() });
    let result = call(&mut client);
    drop(client);
    (result, line.join().unwrap())
}

fn patient(fixture: &Fixture) -> Client {
    Client::new(ClientOptions { wait: Wait::Forever, ..fixture.options() })
}

fn is_loss(error: &Error) -> bool {
    matches!(error, Error::ConnectionLost(_) | Error::NotRemofile { .. } | Error::Connect { .. })
}

/// Every harm by a cut before one of these bytes.
fn cuts(up: impl Iterator<Item = u64>, down: impl Iterator<Item = u64>) -> impl Iterator<Item = (Harm, Harm)> {
    up.map(|at| (Harm::Cut(at), Harm::None)).chain(down.map(|at| (Harm::None, Harm::Cut(at))))
}

#[test]
fn a_small_upload_cut_at_any_byte_leaves_the_old_file_or_the_new_one() {
    let fixture = Fixture::new();
    let upload =
        |client: &mut Client| client.upload_stream(Box::new(&b"new"[..]), &remote("/file"), &REPLACE, &mut Silent);
    fixture.write("file", "old");
    let (whole, (up, down)) = over(&fixture, (Harm::None, Harm::None), upload);
    assert!(whole.is_ok());
    let mut client = patient(&fixture);
    for harm in cuts(0..up.min(600), 0..down.min(600)) {
        fixture.write("file", "old");
        let (result, _) = over(&fixture, harm, upload);
        // Only the farewell may be missing.
        assert!(result.as_ref().err().is_none_or(is_loss), "{harm:?} {result:?}");
        let size = client.stat(&remote("/file")).unwrap().size;
        let content = std::fs::read(fixture.path("file")).unwrap();
        assert!(size == 3 && (content == b"new" || result.is_err() && content == b"old"), "{harm:?} {content:?}");
        upload(&mut client).unwrap();
        assert_eq!(std::fs::read(fixture.path("file")).unwrap(), b"new", "{harm:?}");
    }
    assert_eq!(std::fs::read_dir(fixture.root()).unwrap().count(), 1);
}

#[test]
fn every_small_call_ends_when_its_line_is_cut() {
    let fixture = Fixture::new();
    fixture.write("file", "content");
    type Call = fn(&mut Client) -> Result<()>;
    let calls: [Call; 4] = [
        |client| client.list(&remote("/"), true, &mut |_| Ok(())),
        |client| client.status().map(drop),
        |client| client.create_file(&remote("/made"), true),
        |client| client.download_stream(&remote("/file"), Box::new(std::io::sink()), &once(), &mut Silent).map(drop),
    ];
    for call in calls {
        let (whole, (up, down)) = over(&fixture, (Harm::None, Harm::None), call);
        assert!(whole.is_ok());
        for harm in cuts((0..up).step_by(7), (0..down).step_by(7)) {
            let (result, _) = over(&fixture, harm, call);
            assert!(result.as_ref().err().is_none_or(is_loss), "{harm:?} {result:?}");
        }
        call(&mut patient(&fixture)).unwrap();
    }
}

#[test]
fn a_large_upload_cut_anywhere_leaves_the_old_file_and_trying_again_helps() {
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    let content = noise(3 * 1024 * 1024);
    let source = write(local.path(), "file", &content);
    let upload =
        |client: &mut Client| client.upload(std::slice::from_ref(&source), &remote("/"), &REPLACE, &mut Silent);
    let (whole, (up, down)) = over(&fixture, (Harm::None, Harm::None), upload);
    assert!(whole.is_ok());
    let upwards = (0..up).step_by(usize::try_from(up / 30).unwrap()).chain(up - 40..up);
    for harm in cuts(upwards, (0..down).step_by(11)) {
        fixture.write("file", "old");
        let (result, _) = over(&fixture, harm, upload);
        assert!(result.as_ref().err().is_none_or(is_loss), "{harm:?} {result:?}");
        let mut client = patient(&fixture);
        client.stat(&remote("/file")).unwrap();
        let found = std::fs::read(fixture.path("file")).unwrap();
        assert!(found == content || result.is_err() && found == b"old", "{harm:?} {} bytes", found.len());
        assert_eq!(upload(&mut client).unwrap().files, 1, "{harm:?}");
        assert!(std::fs::read(fixture.path("file")).unwrap() == content, "{harm:?}");
    }
    assert_eq!(std::fs::read_dir(fixture.root()).unwrap().count(), 1, "a partial was left after its file was stored");
}

#[test]
fn a_download_cut_anywhere_leaves_the_old_file_and_trying_again_helps() {
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    let content = noise(3 * 1024 * 1024);
    fixture.write("file", &content);
    let options = TransferOptions { on_conflict: OnConflict::Replace, ..once() };
    let download = |client: &mut Client| client.download(&[remote("/file")], local.path(), &options, &mut Silent);
    let (whole, (up, down)) = over(&fixture, (Harm::None, Harm::None), download);
    assert!(whole.is_ok());
    let downwards = (0..down).step_by(usize::try_from(down / 30).unwrap()).chain(down - 40..down);
    for harm in cuts((0..up).step_by(11), downwards) {
        write(local.path(), "file", "old");
        let (result, _) = over(&fixture, harm, download);
        assert!(result.as_ref().err().is_none_or(is_loss), "{harm:?} {result:?}");
        let found = std::fs::read(local.path().join("file")).unwrap();
        assert!(found == content || result.is_err() && found == b"old", "{harm:?} {} bytes", found.len());
        assert_eq!(download(&mut patient(&fixture)).unwrap().files, 1);
        assert!(std::fs::read(local.path().join("file")).unwrap() == content);
    }
    assert_eq!(std::fs::read_dir(local.path()).unwrap().count(), 1, "a partial was left after its file was stored");
}

fn is_farewell(error: &Error) -> bool {
    matches!(error.kind(), "shutting-down" | "connection-lost")
}

/// A file of zeros that takes no room.
fn hollow(path: &Path, size: u64) {
    std::fs::File::create(path).unwrap().set_len(size).unwrap();
}

#[test]
fn a_server_that_ends_during_an_upload_keeps_the_old_file() {
    let mut fixture = Fixture::new();
    fixture.write("file", "old");
    let server = Arc::clone(&fixture.server);
    let mut monitor = AtFirst::transferred(move || server.terminate().unwrap());
    let endless = Box::new(std::io::repeat(7));
    let error = fixture.client().upload_stream(endless, &remote("/file"), &REPLACE, &mut monitor).unwrap_err();
    assert!(is_farewell(&error), "{error:?}");
    fixture.wait().unwrap();
    assert_eq!(std::fs::read(fixture.path("file")).unwrap(), b"old");
    assert_eq!(visible(fixture.root()), ["file"]);
}

#[test]
fn a_server_that_ends_during_a_download_keeps_the_old_file() {
    let (mut fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    hollow(&fixture.path("file"), 1 << 31);
    write(local.path(), "file", "old");
    let server = Arc::clone(&fixture.server);
    let mut monitor = AtFirst::transferred(move || server.terminate().unwrap());
    let options = TransferOptions { on_conflict: OnConflict::Replace, ..once() };
    let error = fixture.client().download(&[remote("/file")], local.path(), &options, &mut monitor).unwrap_err();
    assert!(is_farewell(&error), "{error:?}");
    fixture.wait().unwrap();
    assert_eq!(std::fs::read(local.path().join("file")).unwrap(), b"old");
    assert_eq!(visible(local.path()), ["file"]);
}

#[test]
fn a_server_that_ends_tells_those_who_wait() {
    let mut fixture = Fixture::new();
    let mut holder = common::raw::Raw::connect(&fixture);
    let held = holder.hold_write();
    let options = ClientOptions { wait: Wait::Forever, ..fixture.options() };
    let waiting = std::thread::spawn(move || Client::new(options).create_file(&remote("/new"), false));
    let mut client = fixture.client();
    while client.status().unwrap().report.waiting != 1 {
        std::thread::yield_now();
    }
    fixture.stop().unwrap();
    assert!(is_farewell(&waiting.join().unwrap().unwrap_err()));
    assert_eq!(holder.outcome(held).unwrap().unwrap_err().code.name(), "shutting-down");
    assert!(client.status().is_err());
}

#[test]
fn an_interrupt_ends_a_call_wherever_it_is_and_the_next_client_works() {
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    fixture.write("old", "old");
    hollow(&fixture.path("large"), 1 << 31);
    // Of another size: what looks the same would not be sent.
    hollow(&local.path().join("large"), (1 << 31) + 1);
    type Call = fn(&mut Client, &Path, &mut dyn remofile::Monitor) -> Result<remofile::TransferReport>;
    let calls: [Call; 4] = [
        |client, local, monitor| client.upload(&[local.join("large")], &remote("/"), &REPLACE, monitor),
        |client, _, monitor| client.upload_stream(Box::new(std::io::repeat(0)), &remote("/old"), &REPLACE, monitor),
        |client, local, monitor| client.download(&[remote("/large")], &local.join("to"), &once(), monitor),
        |client, _, monitor| client.download_stream(&remote("/large"), Box::new(std::io::sink()), &once(), monitor),
    ];
    std::fs::create_dir(local.path().join("to")).unwrap();
    for call in calls {
        let interrupt = Interrupt::default();
        let mut client = Client::new(ClientOptions { interrupt: interrupt.clone(), ..fixture.options() });
        let mut monitor = AtFirst::transferred(|| interrupt.trigger());
        let result = call(&mut client, local.path(), &mut monitor);
        assert!(matches!(result, Err(Error::Interrupted)), "{result:?}");
        assert!(matches!(client.status(), Err(Error::Interrupted)), "an interrupt stays");
        assert_serves(&fixture);
    }
    assert_eq!(visible(fixture.root()), ["large", "old"]);
    assert_eq!(visible(local.path()), ["large", "to"]);
    assert_eq!(std::fs::read(fixture.path("old")).unwrap(), b"old");
}

#[test]
fn what_waits_for_a_reader_or_writer_ends_by_interrupt_and_timeout() {
    struct Never(std::sync::mpsc::Receiver<()>);
    impl Read for Never {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            let _dropped = self.0.recv();
            Ok(0)
        }
    }
    let fixture = Fixture::new();
    let (_keep, never) = std::sync::mpsc::channel();
    let timeout = Some(std::time::Duration::from_millis(300));
    let mut client = Client::new(ClientOptions { timeout, ..fixture.options() });
    let result = client.upload_stream(Box::new(Never(never)), &remote("/new"), &REPLACE, &mut Silent);
    assert!(matches!(result, Err(Error::Timeout(_))), "{result:?}");
    let (_keep_too, never) = std::sync::mpsc::channel();
    let interrupt = Interrupt::default();
    // The server may not have noticed yet that the one before is gone, or has even not begun with it.
    let options = ClientOptions { interrupt: interrupt.clone(), wait: Wait::Forever, ..fixture.options() };
    std::thread::scope(|scope| {
        let source = Cursor::new(b"begun").chain(Never(never));
        let call = scope.spawn(move || {
            Client::new(options).upload_stream(Box::new(source), &remote("/new"), &REPLACE, &mut Silent)
        });
        let mut client = fixture.client();
        while client.status().unwrap().report.holders.is_empty() {
            std::thread::yield_now();
        }
        interrupt.trigger();
        assert!(matches!(call.join().unwrap(), Err(Error::Interrupted)));
    });
    assert_serves(&fixture);
    assert_eq!(visible(fixture.root()), [""; 0]);
}
