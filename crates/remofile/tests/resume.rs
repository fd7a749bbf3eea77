//! Transfers that break off go on where they were: in the same call, and in the same call made again.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    unreachable_pub,
    reason = "tests look at the disk themselves, and fail by panicking"
)]

use crate::common;

use common::proxy::{CuttingLine, Harm};
use common::{Fixture, noise, remote, tree, visible, write};
use proptest::prelude::*;
use remofile::protocol::limits::CREDIT_WINDOW_BYTES;
use remofile::protocol::wire::OnConflict;
use remofile::{
    Client, ClientOptions, Error, Event, LocalPartials, Monitor, Result, RetryOptions, Silent, TransferOptions,
    TransferReport, Wait,
};
use std::path::Path;
use std::time::Duration;

const MIB: usize = 1024 * 1024;

/// Bytes that a lost connection may cost beside the credit window: handshakes, headers, questions.
const SLACK: u64 = 64 * 1024;

/// The direction of a transfer.
#[derive(Debug, Clone, Copy)]
enum Way {
    Up,
    Down,
}

const WAYS: [Way; 2] = [Way::Up, Way::Down];

impl Way {
    fn source<'a>(self, fixture: &'a Fixture, local: &'a Path) -> &'a Path {
        match self {
            Self::Up => local,
            Self::Down => fixture.root(),
        }
    }

    fn destination<'a>(self, fixture: &'a Fixture, local: &'a Path) -> &'a Path {
        match self {
            Self::Up => fixture.root(),
            Self::Down => local,
        }
    }

    fn cut(self, at: u64) -> (Harm, Harm) {
        match self {
            Self::Up => (Harm::Cut(at), Harm::None),
            Self::Down => (Harm::None, Harm::Cut(at)),
        }
    }

    fn run(self, client: &mut Client, local: &Path, name: &str, options: &TransferOptions) -> Result<TransferReport> {
        match self {
            Self::Up => client.upload(&[local.join(name)], &remote("/"), options, &mut Silent),
            Self::Down => client.download(&[remote(&format!("/{name}"))], local, options, &mut Silent),
        }
    }
}

fn patiently(fixture: &Fixture, port: u16) -> Client {
    Client::new(ClientOptions { port, wait: Wait::For(Duration::from_secs(60)), ..fixture.options() })
}

fn once() -> TransferOptions {
    TransferOptions { recursive: true, retry: RetryOptions::NEVER, ..TransferOptions::default() }
}

fn tirelessly() -> TransferOptions {
    TransferOptions {
        recursive: true,
        retry: RetryOptions { times: 5, pause: Duration::ZERO },
        ..TransferOptions::default()
    }
}

/// Breaks a transfer of `name` off after so many bytes on the line.
fn break_off(way: Way, fixture: &Fixture, local: &Path, name: &str, at: u64) {
    let line = CuttingLine::new(fixture.address, vec![way.cut(at)]);
    let mut client = patiently(fixture, line.address.port());
    let error = way.run(&mut client, local, name, &once()).unwrap_err();
    assert!(matches!(error, Error::ConnectionLost(_)), "{error:?}");
    drop(client);
    line.end();
}

#[test]
fn a_transfer_that_broke_off_goes_on_in_the_next_call() {
    for way in WAYS {
        let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
        let content = noise(24 * MIB);
        write(way.source(&fixture, local.path()), "file", &content);
        break_off(way, &fixture, local.path(), "file", 20 * MIB as u64);
        assert_eq!(visible(way.destination(&fixture, local.path())), [""; 0], "half a file is no file");
        let line = CuttingLine::new(fixture.address, Vec::new());
        let mut client = patiently(&fixture, line.address.port());
        let report = way.run(&mut client, local.path(), "file", &once()).unwrap();
        assert_eq!((report.files, report.present), (1, 0), "{way:?}");
        assert!(report.resumed_bytes >= 18 * MIB as u64, "{way:?} {report:?}");
        drop(client);
        let (up, down, _) = line.end();
        assert!(up.max(down) < 6 * MIB as u64 + SLACK, "{way:?}: {up} {down}");
        let destination = way.destination(&fixture, local.path());
        assert!(std::fs::read(destination.join("file")).unwrap() == content);
        assert_eq!(std::fs::read_dir(destination).unwrap().count(), 1, "{way:?}: something is left behind");
    }
}

#[test]
fn a_call_goes_on_after_every_cut_and_sends_no_more_twice_than_the_credit_window() {
    for way in WAYS {
        let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
        let content = noise(48 * MIB);
        write(way.source(&fixture, local.path()), "file", &content);
        let cuts: Vec<u64> = [0, 5, 300, 400_000, 17, 9, 3].map(|mib: u64| mib * MIB as u64 / 1000 * 997).to_vec();
        let cuts: Vec<u64> = cuts.into_iter().map(|at| at % (20 * MIB as u64)).collect();
        let line = CuttingLine::new(fixture.address, cuts.iter().map(|at| way.cut(*at)).collect());
        let mut client = patiently(&fixture, line.address.port());
        let first = client.status();
        let report = way.run(&mut client, local.path(), "file", &tirelessly());
        drop((first, client));
        let (up, down, connections) = line.end();
        let report = report.unwrap_or_else(|error| panic!("{way:?} {error:?} after {connections} connections"));
        assert_eq!(report.files, 1, "{way:?}");
        let bytes = up.max(down);
        let allowed = content.len() as u64 + connections as u64 * (CREDIT_WINDOW_BYTES + SLACK);
        assert!(bytes <= allowed, "{way:?}: {bytes} bytes over {connections} connections");
        assert!(std::fs::read(way.destination(&fixture, local.path()).join("file")).unwrap() == content);
    }
}

#[test]
fn a_source_that_changed_meanwhile_starts_over() {
    for way in WAYS {
        let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
        let mut content = noise(8 * MIB);
        write(way.source(&fixture, local.path()), "file", &content);
        break_off(way, &fixture, local.path(), "file", 6 * MIB as u64);
        content[0] ^= 1;
        let path = write(way.source(&fixture, local.path()), "file", &content);
        let later = std::time::SystemTime::now() + Duration::from_secs(10);
        std::fs::File::options().write(true).open(path).unwrap().set_modified(later).unwrap();
        let mut client = patiently(&fixture, fixture.address.port());
        let report = way.run(&mut client, local.path(), "file", &once()).unwrap();
        assert_eq!((report.files, report.resumed_bytes), (1, 0), "{way:?}");
        assert!(std::fs::read(way.destination(&fixture, local.path()).join("file")).unwrap() == content);
    }
}

#[test]
fn without_resume_everything_is_sent_again() {
    for way in WAYS {
        let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
        let content = noise(8 * MIB);
        write(way.source(&fixture, local.path()), "file", &content);
        break_off(way, &fixture, local.path(), "file", 6 * MIB as u64);
        let options = TransferOptions { resume: false, ..once() };
        let mut client = patiently(&fixture, fixture.address.port());
        let report = way.run(&mut client, local.path(), "file", &options).unwrap();
        assert_eq!((report.files, report.resumed_bytes), (1, 0), "{way:?}");
        let again = TransferOptions { on_conflict: OnConflict::Replace, ..options };
        assert_eq!(way.run(&mut client, local.path(), "file", &again).unwrap().files, 1, "{way:?}");
        let error = way.run(&mut client, local.path(), "file", &TransferOptions { resume: false, ..once() });
        assert!(matches!(error, Err(Error::Conflicts(_))), "{way:?}");
        assert!(std::fs::read(way.destination(&fixture, local.path()).join("file")).unwrap() == content);
    }
}

#[test]
fn what_was_kept_is_verified_and_what_is_wrong_in_it_sent_again() {
    for way in WAYS {
        let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
        let content = noise(30 * MIB);
        write(way.source(&fixture, local.path()), "file", &content);
        break_off(way, &fixture, local.path(), "file", 28 * MIB as u64);
        // As after a power failure: the end was never written.
        let staging = way.destination(&fixture, local.path()).join(".remofile");
        let partial = std::fs::read_dir(staging).unwrap().map(|entry| entry.unwrap().path());
        let partial = partial.into_iter().find(|path| path.extension().is_some_and(|end| end == "partial")).unwrap();
        let mut kept = std::fs::read(&partial).unwrap();
        kept[20 * MIB..].fill(0);
        std::fs::write(&partial, kept).unwrap();
        let mut client = patiently(&fixture, fixture.address.port());
        let report = way.run(&mut client, local.path(), "file", &once()).unwrap();
        assert!((8 * MIB as u64..=20 * MIB as u64).contains(&report.resumed_bytes), "{way:?} {report:?}");
        assert!(std::fs::read(way.destination(&fixture, local.path()).join("file")).unwrap() == content);
    }
}

#[test]
fn a_tree_that_was_moved_in_part_is_completed_and_the_same_call_again_moves_nothing() {
    for way in WAYS {
        let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
        let source = way.source(&fixture, local.path()).to_owned();
        for index in 0..300 {
            write(&source, &format!("tree/d{}/f{index}", index % 7), noise(index * 13));
        }
        write(&source, "tree/large", noise(6 * MIB));
        std::fs::create_dir(source.join("tree/empty")).unwrap();
        for at in [100_000, 300_000, 3 * MIB as u64] {
            break_off(way, &fixture, local.path(), "tree", at);
        }
        let mut client = patiently(&fixture, fixture.address.port());
        let report = way.run(&mut client, local.path(), "tree", &once()).unwrap();
        assert_eq!(report.files + report.present, 301, "{way:?} {report:?}");
        assert!(report.present > 50, "{way:?} {report:?}");
        assert_eq!(tree(&source.join("tree")), tree(&way.destination(&fixture, local.path()).join("tree")));
        for on_conflict in [OnConflict::Abort, OnConflict::Replace, OnConflict::Rename, OnConflict::Skip] {
            let options = TransferOptions { on_conflict, ..once() };
            let report = way.run(&mut client, local.path(), "tree", &options).unwrap();
            assert_eq!((report.files, report.present, report.skipped.len()), (0, 301, 0), "{way:?} {on_conflict:?}");
        }
        assert_eq!(tree(&source.join("tree")), tree(&way.destination(&fixture, local.path()).join("tree")));
    }
}

#[test]
fn what_is_left_of_uploads_and_downloads_can_be_listed_and_cleared() {
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    write(local.path(), "up", noise(8 * MIB));
    fixture.write("down", noise(9 * MIB));
    break_off(Way::Up, &fixture, local.path(), "up", 4 * MIB as u64);
    break_off(Way::Down, &fixture, local.path(), "down", 4 * MIB as u64);
    let mut client = patiently(&fixture, fixture.address.port());
    let partials = loop {
        let partials = client.partials().unwrap();
        // The server may not have noticed yet that the connection was cut.
        if !partials.is_empty() {
            break partials;
        }
    };
    assert_eq!(partials.len(), 1);
    assert_eq!((partials[0].path.as_str(), partials[0].size), ("/up", 8 * MIB as u64));
    assert!(partials[0].received > 2 * MIB as u64);
    let here = LocalPartials::open(local.path()).unwrap();
    assert_eq!(here.list().unwrap()[0].path.as_str(), "/down");
    assert_eq!(client.clear_partials(&[remote("/other")]).unwrap_err().kind(), "not-found");
    assert_eq!(client.clear_partials(&[]).unwrap(), 1);
    assert_eq!(here.clear(&[remote("/down")]).unwrap(), 1);
    assert_eq!(client.partials().unwrap(), []);
    for root in [fixture.root(), local.path()] {
        assert!(!root.join(".remofile").exists(), "{root:?}");
    }
}

/// Notes what a transfer tells of its attempts.
#[derive(Default)]
struct Attempts {
    retries: Vec<u32>,
}

impl Monitor for Attempts {
    fn report(&mut self, event: Event<'_>) {
        if let Event::Retrying { attempt, .. } = event {
            self.retries.push(attempt);
        }
    }
}

#[test]
fn attempts_are_counted_and_end() {
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    let file = write(local.path(), "file", noise(100));
    // Every connection is cut within its handshake, but for the first.
    let line = CuttingLine::new(fixture.address, vec![(Harm::Cut(900), Harm::Cut(400)); 20]);
    let mut client = patiently(&fixture, line.address.port());
    let options =
        TransferOptions { retry: RetryOptions { times: 3, pause: Duration::ZERO }, ..TransferOptions::default() };
    let mut attempts = Attempts::default();
    let result = client.upload(&[file], &remote("/"), &options, &mut attempts);
    drop(client);
    line.end();
    assert!(result.is_ok() || attempts.retries == [1, 2, 3], "{result:?} {:?}", attempts.retries);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 20))]

    #[test]
    fn however_often_a_line_is_cut_every_file_arrives_whole(
        up in any::<bool>(),
        cuts in prop::collection::vec(0..6_000_000u64, 1..8),
        large in 1_000_000..9_000_000usize,
    ) {
        let way = if up { Way::Up } else { Way::Down };
        let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
        let source = way.source(&fixture, local.path()).to_owned();
        for index in 0..40 {
            write(&source, &format!("tree/f{index:02}"), noise(index * 1000));
        }
        write(&source, "tree/f20-large", noise(large));
        write(&source, "tree/f30-large", noise(large / 2));
        let line = CuttingLine::new(fixture.address, cuts.iter().map(|at| way.cut(*at)).collect());
        let options = TransferOptions { retry: RetryOptions { times: 20, pause: Duration::ZERO }, ..tirelessly() };
        let mut client = patiently(&fixture, line.address.port());
        let report = loop {
            match way.run(&mut client, local.path(), "tree", &options) {
                // The very first connection was cut in its handshake.
                Err(Error::NotRemofile { .. } | Error::ConnectionLost(_)) => {}
                result => break result.unwrap(),
            }
        };
        drop(client);
        line.end();
        prop_assert_eq!(report.files + report.present, 42);
        prop_assert!(tree(&source.join("tree")) == tree(&way.destination(&fixture, local.path()).join("tree")));
        prop_assert!(!way.destination(&fixture, local.path()).join(".remofile").exists());
    }
}

#[test]
fn attempts_that_get_nowhere_end_however_much_they_send() {
    for way in WAYS {
        let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
        // Too small to be kept in part.
        write(way.source(&fixture, local.path()), "file", noise(900_000));
        let line = CuttingLine::new(fixture.address, vec![way.cut(500_000); 50]);
        let mut client = patiently(&fixture, line.address.port());
        let error = way.run(&mut client, local.path(), "file", &tirelessly()).unwrap_err();
        drop(client);
        let (.., connections) = line.end();
        assert!(matches!(error, Error::ConnectionLost(_)), "{error:?}");
        assert_eq!(connections, 6, "{way:?}");
    }
}

#[test]
fn a_file_that_goes_beside_another_goes_on_too_and_arrives_once() {
    for way in WAYS {
        let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
        let (source, destination) = (way.source(&fixture, local.path()), way.destination(&fixture, local.path()));
        let options = TransferOptions { on_conflict: OnConflict::Rename, ..tirelessly() };
        for name in ["tree/a", "tree/b", "tree/c"] {
            write(source, name, noise(5 * MIB));
            write(destination, name, "old");
        }
        write(destination, "tree/b (1)", "old as well");
        let line = CuttingLine::new(fixture.address, [3, 4, 2, 6].map(|mib| way.cut(mib * MIB as u64)).to_vec());
        let mut client = patiently(&fixture, line.address.port());
        let report = way.run(&mut client, local.path(), "tree", &options).unwrap();
        assert_eq!((report.files, report.retries), (3, 4), "{way:?} {report:?}");
        let names = ["tree", "tree/a", "tree/a (1)", "tree/b", "tree/b (1)", "tree/b (2)", "tree/c", "tree/c (1)"];
        assert_eq!(visible(destination), names, "{way:?}");
        let report = way.run(&mut client, local.path(), "tree", &options).unwrap();
        assert_eq!((report.files, report.present), (0, 3), "{way:?} {report:?}");
        drop(client);
        let (up, down, _) = line.end();
        assert!(up.max(down) < 16 * MIB as u64 + 4 * 2 * MIB as u64, "{way:?} {up} {down}");
        // One file alone, in another call.
        write(source, "file", noise(6 * MIB));
        write(destination, "file", "old");
        let once = TransferOptions { retry: RetryOptions::NEVER, ..options.clone() };
        let line = CuttingLine::new(fixture.address, vec![way.cut(4 * MIB as u64)]);
        let mut client = patiently(&fixture, line.address.port());
        assert!(way.run(&mut client, local.path(), "file", &once).is_err());
        let report = way.run(&mut client, local.path(), "file", &once).unwrap();
        // Up to a socket's buffer of what was sent is lost with the line, if its reader was held up.
        assert!(report.files == 1 && report.resumed_bytes > MIB as u64, "{way:?} {report:?}");
        assert_eq!(way.run(&mut client, local.path(), "file", &once).unwrap().present, 1, "{way:?}");
        drop(client);
        line.end();
        assert!(std::fs::read(destination.join("file (1)")).unwrap() == noise(6 * MIB));
    }
}
