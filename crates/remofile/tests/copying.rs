//! Copies within a server, over a real socket.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "tests say what went wrong by panicking, and look at the disk directly"
)]

use crate::common;

use common::audited::Audited;
use common::raw::Raw;
use common::{Fixture, noise, remote, tree, visible};
use remofile::protocol::token::Token;
use remofile::protocol::wire::{Body, ErrorCode, Kind, OnConflict, Request, Signal, Timestamp};
use remofile::{
    Client, ClientOptions, CopyOptions, Error, LiveTokens, Result, Server, TokenEntry, TransferReport, Wait,
};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

fn copy(fixture: &Fixture, source: &str, destination: &str, options: CopyOptions) -> Result<TransferReport> {
    // What failed is flushed before others have its paths.
    let mut client = Client::new(ClientOptions { wait: Wait::Forever, ..fixture.options() });
    client.copy(&remote(source), &remote(destination), options)
}

fn code<T: std::fmt::Debug>(result: Result<T>) -> (ErrorCode, Option<String>) {
    match result {
        Err(Error::Remote(failure)) => (failure.code, failure.path),
        other => panic!("{other:?}"),
    }
}

fn recursive() -> CopyOptions {
    CopyOptions { recursive: true, ..CopyOptions::default() }
}

fn by(on_conflict: OnConflict) -> CopyOptions {
    CopyOptions { on_conflict, ..recursive() }
}

fn set_time(path: &Path, seconds: u64) {
    let time = SystemTime::UNIX_EPOCH + Duration::new(seconds, 5);
    std::fs::File::open(path).unwrap().set_modified(time).unwrap();
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}

/// Time and permission bits.
fn attributes(path: &Path) -> (SystemTime, u32) {
    let metadata = path.metadata().unwrap();
    (metadata.modified().unwrap(), metadata.permissions().mode() & 0o777)
}

#[test]
fn a_file_is_copied_with_its_content_its_time_and_its_permission_bits() {
    let fixture = Fixture::new();
    for (name, size) in [("empty", 0), ("small", 3), ("large", 3 << 20)] {
        let path = fixture.write(name, noise(size));
        set_mode(&path, 0o640);
        set_time(&path, 1_000_000_000);
        let to = format!("{name} again");
        let report = copy(&fixture, &format!("/{name}"), &format!("/{to}"), CopyOptions::default()).unwrap();
        assert_eq!((report.files, report.directories, report.bytes), (1, 0, size as u64));
        assert!(report.received_bytes < 10_000, "nothing of the content came here");
        assert_eq!(std::fs::read(fixture.path(&to)).unwrap(), noise(size));
        assert_eq!(attributes(&fixture.path(&to)), attributes(&path));
        assert_ne!(fixture.path(&to).metadata().unwrap().ino(), path.metadata().unwrap().ino());
    }
    assert_eq!(visible(fixture.root()).len(), 6, "nothing else is left");
}

#[test]
fn holes_are_copied_as_holes() {
    let fixture = Fixture::new();
    let path = fixture.write("sparse", b"begin");
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    file.set_len(64 << 20).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"end", (64 << 20) - 3).unwrap();
    copy(&fixture, "/sparse", "/again", CopyOptions::default()).unwrap();
    let copied = fixture.path("again");
    assert_eq!(std::fs::read(&copied).unwrap(), std::fs::read(&path).unwrap());
    assert!(copied.metadata().unwrap().blocks() <= path.metadata().unwrap().blocks() + 64);
}

#[test]
fn a_tree_is_copied_with_everything_in_it_and_links_stay_links() {
    let fixture = Fixture::new();
    fixture.write("a/b/file", "f");
    fixture.write("a/shut/inside", "i");
    fixture.write("beside", "b");
    std::fs::create_dir(fixture.path("a/empty")).unwrap();
    symlink("b/file", fixture.path("a/link")).unwrap();
    symlink("../beside", fixture.path("a/up")).unwrap();
    symlink("nowhere", fixture.path("a/broken")).unwrap();
    symlink("b", fixture.path("a/directory")).unwrap();
    set_mode(&fixture.path("a/shut"), 0o500);
    for name in ["a/b/file", "a/b", "a/empty", "a"] {
        set_time(&fixture.path(name), 1_000_000_000);
    }
    let report = copy(&fixture, "/a", "/c", recursive()).unwrap();
    assert_eq!((report.files, report.directories, report.bytes), (6, 4, 2));
    assert_eq!(report.failures, []);
    for (name, target) in [("link", "b/file"), ("up", "../beside"), ("broken", "nowhere"), ("directory", "b")] {
        assert_eq!(std::fs::read_link(fixture.path("c").join(name)).unwrap(), Path::new(target));
    }
    for name in ["", "b", "b/file", "empty", "shut"] {
        assert_eq!(
            attributes(&fixture.path("c").join(name)),
            attributes(&fixture.path("a").join(name)),
            "{name} has what its source has"
        );
    }
    assert_eq!(std::fs::read(fixture.path("c/shut/inside")).unwrap(), b"i");
    set_mode(&fixture.path("a/shut"), 0o700);
    set_mode(&fixture.path("c/shut"), 0o700);
}

#[test]
fn what_is_in_the_way_stays_unless_the_rule_gives_it_up() {
    let fixture = Fixture::new();
    let (source, old) = (fixture.write("source", "new"), fixture.write("old", "old"));
    set_time(&source, 1_000_000_000);
    let file = |on_conflict| copy(&fixture, "/source", "/old", CopyOptions { on_conflict, ..CopyOptions::default() });
    assert_eq!(code(file(OnConflict::Abort)), (ErrorCode::AlreadyExists, Some("/old".to_owned())));
    let skipped = file(OnConflict::Skip).unwrap();
    assert_eq!((skipped.files, skipped.skipped_count()), (0, 1));
    assert_eq!(file(OnConflict::Newer).unwrap().skipped_count(), 1, "the old file is younger");
    assert_eq!(std::fs::read(&old).unwrap(), b"old");
    file(OnConflict::Rename).unwrap();
    assert_eq!(std::fs::read(fixture.path("old (1)")).unwrap(), b"new");
    assert_eq!(std::fs::read(&old).unwrap(), b"old");
    file(OnConflict::Replace).unwrap();
    assert_eq!(std::fs::read(&old).unwrap(), b"new");
    std::fs::create_dir(fixture.path("d")).unwrap();
    let onto = copy(&fixture, "/source", "/d", by(OnConflict::Replace));
    assert_eq!(code(onto).0, ErrorCode::AlreadyExists, "a directory is never replaced");
    let onto = copy(&fixture, "/d", "/source", by(OnConflict::Replace));
    assert_eq!(code(onto).0, ErrorCode::AlreadyExists, "nor does one take the place of a file");
}

#[test]
fn a_directory_in_the_way_is_refused_or_gets_what_it_lacks() {
    let fixture = Fixture::new();
    for name in ["from/same", "from/sub/new", "from/clash"] {
        fixture.write(name, "new");
    }
    fixture.write("to/same", "old");
    fixture.write("to/own", "own");
    fixture.write("to/clash/below", "stays");
    let before = tree(fixture.root());
    let refused = copy(&fixture, "/from", "/to", recursive());
    assert_eq!(code(refused), (ErrorCode::AlreadyExists, Some("/to".to_owned())));
    assert_eq!(tree(fixture.root()), before, "nothing was changed");
    let report = copy(&fixture, "/from", "/to", by(OnConflict::Replace)).unwrap();
    assert_eq!((report.files, report.directories), (2, 1));
    let failures: Vec<_> = report.failures.iter().map(|failure| (failure.code, failure.path.as_deref())).collect();
    assert_eq!(failures, [(ErrorCode::AlreadyExists, Some("/to/clash"))]);
    for (name, content) in [("same", "new"), ("own", "own"), ("sub/new", "new"), ("clash/below", "stays")] {
        assert_eq!(std::fs::read_to_string(fixture.path("to").join(name)).unwrap(), content);
    }
}

#[test]
fn nothing_is_copied_into_itself_around_itself_or_over_itself() {
    let fixture = Fixture::new();
    fixture.write("a/b/file", "f");
    symlink("a/b", fixture.path("link")).unwrap();
    symlink("a/b/file", fixture.path("same")).unwrap();
    std::fs::hard_link(fixture.path("a/b/file"), fixture.path("second")).unwrap();
    let before = tree(fixture.root());
    for (source, destination, options) in [
        ("/a", "/a", by(OnConflict::Replace)),
        ("/a", "/a/b/c", recursive()),
        ("/a", "/link/c", recursive()),
        ("/", "/c", recursive()),
        ("/a/b", "/a", by(OnConflict::Replace)),
        ("/a/b/file", "/a/b/file", by(OnConflict::Replace)),
        ("/a/b/file", "/same", by(OnConflict::Replace)),
        ("/a/b/file", "/second", by(OnConflict::Replace)),
    ] {
        let refused = copy(&fixture, source, destination, options);
        assert!(
            matches!(&refused, Err(Error::Remote(failure)) if failure.code == ErrorCode::IntoItself),
            "{source} {destination} {refused:?}"
        );
    }
    assert_eq!(tree(fixture.root()), before);
}

#[test]
fn what_cannot_be_copied_is_told_by_its_code() {
    let fixture = Fixture::new();
    fixture.write("a/file", "f");
    symlink("/etc/passwd", fixture.path("out")).unwrap();
    symlink("nowhere", fixture.path("broken")).unwrap();
    let one = CopyOptions::default();
    assert_eq!(code(copy(&fixture, "/a", "/c", one)), (ErrorCode::NotAFile, Some("/a".to_owned())));
    assert_eq!(code(copy(&fixture, "/none", "/c", one)), (ErrorCode::NotFound, Some("/none".to_owned())));
    assert_eq!(code(copy(&fixture, "/a/file", "/none/c", one)).0, ErrorCode::NotFound);
    assert_eq!(code(copy(&fixture, "/a/file", "/a/file/c", one)).0, ErrorCode::NotADirectory);
    assert_eq!(code(copy(&fixture, "/out", "/c", one)).0, ErrorCode::OutsideRoot);
    assert_eq!(code(copy(&fixture, "/broken", "/c", one)).0, ErrorCode::NotFound);
    assert_eq!(code(copy(&fixture, "/a/file", "/.remofile/c", one)).0, ErrorCode::InvalidName);
    assert_eq!(code(copy(&fixture, "/a/file", "/", one)).0, ErrorCode::AlreadyExists);
    let parents = CopyOptions { parents: true, ..one };
    copy(&fixture, "/a/file", "/deep/down/c", parents).unwrap();
    assert_eq!(std::fs::read(fixture.path("deep/down/c")).unwrap(), b"f");
}

#[test]
fn the_rest_of_a_tree_is_copied_and_what_was_not_is_told() {
    let fixture = Fixture::new();
    fixture.write("a/file", "f");
    symlink("/etc/passwd", fixture.path("a/out")).unwrap();
    std::os::unix::net::UnixListener::bind(fixture.path("a/socket")).unwrap();
    let report = copy(&fixture, "/a", "/c", recursive()).unwrap();
    assert_eq!((report.files, report.directories), (1, 1));
    let told = |failures: &[remofile::protocol::wire::Failure]| -> Vec<_> {
        failures.iter().map(|failure| (failure.code, failure.path.clone().unwrap())).collect()
    };
    assert_eq!(told(&report.failures), [(ErrorCode::OutsideRoot, "/c/out".to_owned())]);
    assert_eq!(told(&report.skipped), [(ErrorCode::Skipped, "/a/socket".to_owned())]);
}

#[test]
fn a_file_that_is_too_large_for_the_server_is_not_copied() {
    let fixture = Fixture::with(|options| options.file_size_limit = 10);
    fixture.write("a/large", noise(11));
    fixture.write("a/small", noise(10));
    let report = copy(&fixture, "/a", "/c", recursive()).unwrap();
    assert_eq!((report.files, report.failures[0].code), (1, ErrorCode::FileTooLarge));
    assert_eq!(code(copy(&fixture, "/a/large", "/d", CopyOptions::default())).0, ErrorCode::FileTooLarge);
}

#[test]
fn many_files_are_on_the_disk_before_the_copy_is_done() {
    let fixture = Fixture::with(|options| options.fsync = remofile::store::Fsync::End);
    for number in 0..600 {
        fixture.write(&format!("a/{}/{number}", number % 7), noise(number));
    }
    let report = copy(&fixture, "/a", "/c", recursive()).unwrap();
    assert_eq!((report.files, report.directories), (600, 8));
    assert_eq!(tree(&fixture.path("a")), tree(&fixture.path("c")));
    // Names that were free when they were chosen are taken when the next is.
    fixture.write("from/x", "1");
    fixture.write("from/x (1)", "2");
    fixture.write("to/x", "0");
    let report = copy(&fixture, "/from", "/to", by(OnConflict::Rename)).unwrap();
    assert_eq!((report.files, report.failure_count()), (2, 0));
    assert_eq!(std::fs::read(fixture.path("to/x (1)")).unwrap(), b"1");
    assert_eq!(std::fs::read(fixture.path("to/x (1) (1)")).unwrap(), b"2");
}

/// Has a client hold a path, and returns when it does.
fn hold(client: &mut Raw, write: bool, path: &str) {
    client.request_waiting(Request::Hold { write, paths: vec![remote(path)] }, 0);
    client.until(|header| matches!(header.body, Body::Signal(Signal::Credit { .. })));
}

#[test]
fn a_copy_claims_its_source_to_read_and_its_destination_to_write() {
    let fixture = Fixture::new();
    fixture.write("a/file", "f");
    fixture.write("b", "b");
    let mut client = fixture.client();
    let mut try_copy = |source: &str, destination: &str| {
        client.copy(&remote(source), &remote(destination), by(OnConflict::Replace)).map(drop)
    };
    let mut holder = Raw::connect(&fixture);
    hold(&mut holder, true, "/a");
    for (source, destination) in [("/a", "/c"), ("/a/file", "/c"), ("/b", "/a/file"), ("/b", "/a/new")] {
        assert!(matches!(try_copy(source, destination), Err(Error::Busy(_))), "{source} {destination}");
    }
    try_copy("/b", "/d").unwrap();
    drop(holder);
    let mut reader = Raw::connect(&fixture);
    hold(&mut reader, false, "/b");
    try_copy("/b", "/e").unwrap();
    assert!(matches!(try_copy("/d", "/b"), Err(Error::Busy(_))));
}

#[test]
fn a_quota_holds_for_copies() {
    let root = tempfile::tempdir().unwrap();
    let tokens = LiveTokens::default();
    let server = Server::with_tokens(root.path(), tokens.clone()).unwrap();
    let bound = server.bind(0, Some(common::LOCALHOST)).unwrap();
    let address = bound.addresses()[0];
    let thread = std::thread::spawn(move || bound.serve());
    common::write(root.path(), "home/file", noise(6000));
    let token = Token::generate();
    let mut entry = TokenEntry::new("ann".parse().unwrap(), &token);
    entry.below = remote("/home");
    entry.quota = Some(10_000);
    tokens.change(|tokens| tokens.add(entry)).unwrap();
    let mut client = Client::connect(ClientOptions::new("127.0.0.1", address.port(), token)).unwrap();
    let refused = client.copy(&remote("/file"), &remote("/again"), CopyOptions::default());
    assert_eq!(code(refused), (ErrorCode::QuotaExceeded, Some("/again".to_owned())));
    assert_eq!(visible(&root.path().join("home")), ["file"]);
    common::write(root.path(), "home/small", noise(3000));
    client.copy(&remote("/small"), &remote("/again"), CopyOptions::default()).unwrap();
    assert_eq!(visible(&root.path().join("home")), ["again", "file", "small"]);
    // What leads out of the token's directory is not there.
    symlink("../outside", root.path().join("home/out")).unwrap();
    common::write(root.path(), "outside", "secret");
    assert_eq!(code(client.copy(&remote("/out"), &remote("/c"), CopyOptions::default())).0, ErrorCode::OutsideRoot);
    drop(client);
    server.terminate().unwrap();
    thread.join().unwrap().unwrap();
}

#[test]
fn a_copy_is_told_in_the_audit_log() {
    let audited = Audited::new();
    let fixture = Fixture::with(|options| options.audit = Some(audited.log.clone()));
    fixture.write("a", "abc");
    copy(&fixture, "/a", "/b", CopyOptions::default()).unwrap();
    assert!(copy(&fixture, "/a", "/b", CopyOptions::default()).is_err());
    audited.await_line("operation copy /a /b already-exists");
    audited.await_line("operation copy /a /b ok");
}

#[test]
fn links_and_attributes_are_requests_of_their_own() {
    let fixture = Fixture::new();
    let file = fixture.write("d/file", "abc");
    let mut client = fixture.client();
    client.make_link(&remote("/d/link"), "file", false).unwrap();
    assert_eq!(std::fs::read_link(fixture.path("d/link")).unwrap(), Path::new("file"));
    assert_eq!(code(client.make_link(&remote("/d/link"), "other", false)).0, ErrorCode::AlreadyExists);
    client.make_link(&remote("/d/link"), "../d/file", true).unwrap();
    assert_eq!(code(client.make_link(&remote("/d/out"), "../../etc", false)).0, ErrorCode::OutsideRoot);
    let looked = client.lstat(&remote("/d/link")).unwrap();
    assert_eq!((looked.entry.kind, looked.target.as_deref()), (Kind::Link, Some("../d/file")));
    assert_eq!(client.lstat(&remote("/d/file")).unwrap().target, None);
    let modified = Timestamp::new(1_000_000_000, 7);
    client.set_attributes(&remote("/d/link"), Some(0o7640), Some(modified)).unwrap();
    let (time, mode) = attributes(&file);
    assert_eq!((Some(time), mode), (modified.to_system_time(), 0o640));
    assert_eq!(client.lstat(&remote("/d/link")).unwrap().entry.kind, Kind::Link, "the link is as it was");
    client.set_attributes(&remote("/d"), Some(0o750), None).unwrap();
    assert_eq!(attributes(&fixture.path("d")).1, 0o750);
    symlink("/etc", fixture.path("out")).unwrap();
    symlink("ring", fixture.path("ring")).unwrap();
    for path in ["/none", "/out", "/ring"] {
        assert!(client.set_attributes(&remote(path), Some(0o777), None).is_err(), "{path}");
    }
    assert_eq!(client.lstat(&remote("/out")).unwrap().entry.kind, Kind::Link);
}
