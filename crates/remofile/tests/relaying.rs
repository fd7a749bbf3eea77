//! Files from one server to another through a client, which keeps nothing of them.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    unreachable_pub,
    reason = "tests look at the disk themselves, and fail by panicking"
)]

use crate::common;

use common::proxy::{CuttingLine, Harm};
use common::{Fixture, noise, remote, tree, visible};
use remofile::protocol::wire::{ErrorCode, Links, OnConflict};
use remofile::{
    Client, ClientOptions, Error, RelayEnd, RelayError, RelaySide, RetryOptions, Selection, SendOptions, Silent,
    TransferOptions, TransferReport, Wait, relay,
};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::{Duration, SystemTime};

/// Two servers.
struct Pair {
    from: Fixture,
    to: Fixture,
}

impl Pair {
    fn new() -> Self {
        Self { from: Fixture::new(), to: Fixture::new() }
    }

    fn relay(&self, source: &str, directory: &str, options: &TransferOptions) -> Result<TransferReport, RelayError> {
        between(self.from.options(), self.to.options(), source, directory, options)
    }
}

fn between(
    from: ClientOptions,
    to: ClientOptions,
    source: &str,
    directory: &str,
    options: &TransferOptions,
) -> Result<TransferReport, RelayError> {
    let (mut from, mut to) = (Client::new(from), Client::new(to));
    let ends = [(&mut from, "a:"), (&mut to, "b:")];
    let [from, to] = ends.map(|(client, label)| RelayEnd { client, label: label.to_owned() });
    relay(from, to, &[remote(source)], &remote(directory), options, &mut Silent)
}

fn recursive() -> TransferOptions {
    TransferOptions { recursive: true, ..TransferOptions::default() }
}

#[test]
fn a_tree_arrives_as_it_is_with_times_permissions_and_links() {
    let pair = Pair::new();
    let large = noise(5_000_000);
    for (name, content) in [("d/a", &b"a"[..]), ("d/empty", b""), ("d/e/large", &large), ("d/e/f/x", b"x")] {
        pair.from.write(name, content);
    }
    std::fs::create_dir(pair.from.path("d/none")).unwrap();
    std::os::unix::fs::symlink("../a", pair.from.path("d/e/link")).unwrap();
    std::fs::set_permissions(pair.from.path("d/a"), PermissionsExt::from_mode(0o640)).unwrap();
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    std::fs::File::options().write(true).open(pair.from.path("d/a")).unwrap().set_modified(time).unwrap();
    let options = TransferOptions {
        selection: Selection { links: Links::Copy, ..Selection::default() },
        send: SendOptions { preserve_mode: true, ..SendOptions::default() },
        ..recursive()
    };
    let report = pair.relay("/d", "/", &options).unwrap();
    assert_eq!((report.files, report.directories, report.bytes), (5, 4, 5_000_002), "{report:?}");
    assert!(report.failures.is_empty() && report.skipped.is_empty(), "{report:?}");
    assert_eq!(tree(&pair.from.path("d")), tree(&pair.to.path("d")));
    assert_eq!(std::fs::read_link(pair.to.path("d/e/link")).unwrap().to_str(), Some("../a"));
    let copied = std::fs::metadata(pair.to.path("d/a")).unwrap();
    assert_eq!((copied.modified().unwrap(), copied.mode() & 0o777), (time, 0o640));
    // Another run finds all of it.
    let again = pair.relay("/d", "/", &options).unwrap();
    assert_eq!((again.files - 1, again.present), (0, 4), "links are looked at by the server: {again:?}");
}

#[test]
fn content_passes_compressed_and_holes_stay_holes() {
    let pair = Pair::new();
    pair.from.write("text", "the same words once more\n".repeat(100_000));
    let sparse = pair.from.write("sparse", b"begin");
    std::fs::File::options().write(true).open(sparse).unwrap().set_len(64 << 20).unwrap();
    let send = SendOptions { compress_level: Some(3), sparse: true, ..SendOptions::default() };
    let report = pair.relay("/", "/", &TransferOptions { send, ..recursive() }).unwrap();
    assert_eq!(report.files, 2);
    assert!(report.sent_bytes + report.received_bytes < 1_000_000, "{report:?}");
    for name in ["text", "sparse"] {
        assert!(std::fs::read(pair.from.path(name)).unwrap() == std::fs::read(pair.to.path(name)).unwrap(), "{name}");
    }
    assert!(std::fs::metadata(pair.to.path("sparse")).unwrap().blocks() * 512 < 1 << 20);
}

#[test]
fn files_in_the_way_are_treated_as_the_rule_says_and_named_with_their_server() {
    let pair = Pair::new();
    pair.from.write("d/a", "new");
    pair.from.write("d/b", "b");
    pair.to.write("d/a", "old one");
    let with = |on_conflict| pair.relay("/d", "/", &TransferOptions { on_conflict, ..recursive() });
    let RelayError { side, error } = with(OnConflict::Abort).unwrap_err();
    assert_eq!((side, error.path()), (RelaySide::Destination, Some("b:/d/a")));
    assert!(!pair.to.path("d/b").exists(), "nothing is changed");
    let report = with(OnConflict::Skip).unwrap();
    assert_eq!((report.files, report.skipped[0].path.as_deref()), (1, Some("a:/d/a")));
    with(OnConflict::Rename).unwrap();
    assert_eq!(std::fs::read(pair.to.path("d/a (1)")).unwrap(), b"new");
    assert_eq!(std::fs::read(pair.to.path("d/a")).unwrap(), b"old one");
    with(OnConflict::Replace).unwrap();
    assert_eq!(std::fs::read(pair.to.path("d/a")).unwrap(), b"new");
}

#[test]
fn many_files_pass_over_several_connections() {
    let pair = Pair::new();
    for number in 0..2_000 {
        pair.from.write(&format!("d/{}/{number}", number % 7), number.to_string());
    }
    pair.from.write("d/large", noise(20_000_000));
    let report = pair.relay("/d", "/", &TransferOptions { transfers: 4, ..recursive() }).unwrap();
    assert_eq!((report.files, report.failures.len()), (2_001, 0), "{:?}", report.failures.first());
    assert_eq!(tree(&pair.from.path("d")), tree(&pair.to.path("d")));
}

#[test]
fn lines_that_break_on_either_side_are_opened_again_and_the_relay_goes_on() {
    for side in [RelaySide::Source, RelaySide::Destination] {
        let pair = Pair::new();
        let content = noise(12_000_000);
        pair.from.write("large", &content);
        let fixture = if side == RelaySide::Source { &pair.from } else { &pair.to };
        let cut = Harm::Cut(6_000_000);
        let harm = if side == RelaySide::Source { (Harm::None, cut) } else { (cut, Harm::None) };
        let line = CuttingLine::new(fixture.address, vec![harm]);
        let options = |fixture: &Fixture, is_it| {
            let port = if is_it { line.address.port() } else { fixture.address.port() };
            ClientOptions { port, wait: Wait::Forever, ..fixture.options() }
        };
        let (from, to) =
            (options(&pair.from, side == RelaySide::Source), options(&pair.to, side == RelaySide::Destination));
        let retry = RetryOptions { times: 3, pause: Duration::from_millis(1) };
        let report =
            between(from, to, "/large", "/", &TransferOptions { retry, ..TransferOptions::default() }).unwrap();
        assert_eq!((report.files, report.retries), (1, 1), "{side}");
        assert!(report.resumed_bytes > 1_000_000, "{side}: {report:?}");
        assert!(std::fs::read(pair.to.path("large")).unwrap() == content, "{side}");
        line.end();
    }
}

#[test]
fn without_retries_the_error_tells_the_side_and_the_same_call_goes_on() {
    for side in [RelaySide::Source, RelaySide::Destination] {
        let pair = Pair::new();
        let content = noise(12_000_000);
        pair.from.write("large", &content);
        let fixture = if side == RelaySide::Source { &pair.from } else { &pair.to };
        let cut = Harm::Cut(6_000_000);
        let harm = if side == RelaySide::Source { (Harm::None, cut) } else { (cut, Harm::None) };
        let line = CuttingLine::new(fixture.address, vec![harm]);
        let cut = ClientOptions { port: line.address.port(), ..fixture.options() };
        let once = TransferOptions { retry: RetryOptions::NEVER, ..TransferOptions::default() };
        let broken = match side {
            RelaySide::Source => between(cut, pair.to.options(), "/large", "/", &once),
            RelaySide::Destination => between(pair.from.options(), cut, "/large", "/", &once),
        };
        let broken = broken.unwrap_err();
        assert_eq!(broken.side, side, "{broken}");
        assert!(matches!(broken.error, Error::ConnectionLost(_)), "{broken:?}");
        assert!(!pair.to.path("large").exists());
        let patient = |fixture: &Fixture| ClientOptions { wait: Wait::Forever, ..fixture.options() };
        let report = between(patient(&pair.from), patient(&pair.to), "/large", "/", &once).unwrap();
        assert!(report.resumed_bytes > 1_000_000, "{side}: {report:?}");
        assert!(std::fs::read(pair.to.path("large")).unwrap() == content, "{side}");
        line.end();
    }
}

#[test]
fn what_the_destination_refuses_is_told_and_the_rest_is_copied() {
    let pair = Pair { from: Fixture::new(), to: Fixture::with(|options| options.file_size_limit = 1000) };
    for (name, size) in [("d/a", 10), ("d/large", 5_000_000), ("d/z", 10)] {
        pair.from.write(name, noise(size));
    }
    let report = pair.relay("/d", "/", &recursive()).unwrap();
    assert_eq!(report.files, 2);
    assert_eq!(
        (report.failures[0].code, report.failures[0].path.as_deref()),
        (ErrorCode::FileTooLarge, Some("a:/d/large"))
    );
    assert_eq!(visible(&pair.to.path("d")), ["a", "z"]);
    // One that the server refuses when it has begun: others are sent on.
    std::fs::create_dir(pair.to.path("d/x")).unwrap();
    let pair = Pair { from: pair.from, to: Fixture::new() };
    pair.to.write("d/large/in the way", "x");
    let replace = TransferOptions { on_conflict: OnConflict::Replace, ..recursive() };
    let report = pair.relay("/d", "/", &replace).unwrap();
    assert_eq!((report.files, report.failures.len()), (2, 1), "{report:?}");
    assert_eq!(report.failures[0].path.as_deref(), Some("b:/d/large"));
    assert_eq!(std::fs::read(pair.to.path("d/z")).unwrap(), noise(10));
}

#[test]
fn what_is_missing_is_told_with_the_server_that_lacks_it() {
    let pair = Pair::new();
    pair.from.write("a", "a");
    let report = pair.relay("/none", "/", &recursive()).unwrap();
    assert_eq!((report.failures[0].code, report.failures[0].path.as_deref()), (ErrorCode::NotFound, Some("a:/none")));
    let RelayError { side, error } = pair.relay("/a", "/none", &recursive()).unwrap_err();
    assert_eq!((side, error.path()), (RelaySide::Destination, Some("b:/none")));
    let stranger = ClientOptions { token: remofile::protocol::token::Token::generate(), ..pair.from.options() };
    let refused = between(stranger, pair.to.options(), "/a", "/", &recursive()).unwrap_err();
    assert!(refused.side == RelaySide::Source && matches!(refused.error, Error::Refused(_)), "{refused:?}");
}

#[test]
fn nothing_is_copied_onto_or_into_itself_by_two_names_of_one_server() {
    let pair = Pair::new();
    pair.from.write("d/a", "a");
    let own = |source, directory| between(pair.from.options(), pair.from.options(), source, directory, &recursive());
    for (source, directory) in [("/d/a", "/d"), ("/d", "/d"), ("/d", "/"), ("/", "/d")] {
        let refused = own(source, directory).unwrap_err();
        assert_eq!(refused.error.kind(), ErrorCode::IntoItself.name(), "{source} {directory}: {refused}");
    }
    std::fs::create_dir(pair.from.path("e")).unwrap();
    own("/d", "/e").unwrap();
    assert_eq!(std::fs::read(pair.from.path("e/d/a")).unwrap(), b"a");
}
