//! Files that change, end, block or cannot be read while they are sent: each is named, the rest goes
//! on, and nothing half is left.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    unreachable_pub,
    reason = "tests look at the disk themselves, and fail by panicking"
)]

use crate::common;

use common::{AtFirst, Fixture, noise, remote, tree, visible, write};
use remofile::protocol::wire::{ErrorCode, OnConflict};
use remofile::{Error, LocalSource, RemoteSource, Selection, SendOptions, Silent, TransferOptions, TransferReport};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::fs::OpenOptions;
use std::io::{Cursor, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::LazyLock;

const MIB: u64 = 1024 * 1024;
static REPLACE: LazyLock<TransferOptions> = LazyLock::new(|| TransferOptions {
    recursive: true,
    on_conflict: OnConflict::Replace,
    resume: false,
    total: true,
    ..TransferOptions::default()
});
static INTO: LazyLock<TransferOptions> = LazyLock::new(|| TransferOptions {
    recursive: true,
    on_conflict: OnConflict::Replace,
    resume: false,
    total: true,
    ..TransferOptions::default()
});

fn hollow(path: &Path, size: u64) {
    std::fs::File::create(path).unwrap().set_len(size).unwrap();
}

fn fifo(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
}

type Change = fn(&Path);

/// Changes that a file may undergo while it is sent, so that what was sent is not in it any more.
const CHANGES: [(&str, Change); 3] = [
    ("truncated", |path| writable(path).set_len(MIB / 2).unwrap()),
    ("emptied", |path| writable(path).set_len(0).unwrap()),
    ("written", |path| {
        writable(path).write_all_at(b"else", 80 * MIB).unwrap();
        writable(path).write_all_at(b"else", 5).unwrap();
    }),
];

/// Changes that leave what was sent in it.
const GROWTHS: [(&str, Change); 4] = [
    ("grown", |path| writable(path).write_all_at(b"more", 80 * MIB).unwrap()),
    ("written further on", |path| writable(path).write_all_at(&[0; 4], 70 * MIB).unwrap()),
    ("touched", |path| writable(path).set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap()),
    ("touched and grown", |path| {
        writable(path).set_len(90 * MIB).unwrap();
        writable(path).set_modified(std::time::SystemTime::now()).unwrap();
    }),
];

fn writable(path: &Path) -> std::fs::File {
    OpenOptions::new().write(true).open(path).unwrap()
}

fn is_changed(report: &TransferReport, what: &str) {
    assert_eq!((report.files, report.failures.len()), (1, 1), "{what} {report:?}");
    assert_eq!(report.failures[0].code, ErrorCode::SourceChanged, "{what}");
    assert!(report.failures[0].path.as_deref().unwrap().ends_with("a"), "{report:?}");
}

#[test]
fn a_source_that_changes_while_it_is_uploaded_fails_alone() {
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    let next = write(local.path(), "b", noise(100));
    let path = local.path().join("a");
    for (what, change) in CHANGES {
        fixture.write("a", "old");
        hollow(&path, 80 * MIB);
        let mut monitor = AtFirst::transferred(|| change(&path));
        let report =
            fixture.client().upload(&[path.clone(), next.clone()], &remote("/"), &REPLACE, &mut monitor).unwrap();
        is_changed(&report, what);
        assert_eq!(std::fs::read(fixture.path("a")).unwrap(), b"old", "{what}");
        assert_eq!(std::fs::read_dir(fixture.root()).unwrap().count(), 2, "{what}: something is left behind");
    }
}

#[test]
fn a_served_file_that_changes_while_it_is_downloaded_fails_alone() {
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    fixture.write("b", noise(100));
    let path = fixture.path("a");
    for (what, change) in CHANGES {
        write(local.path(), "a", "old");
        hollow(&path, 80 * MIB);
        let mut monitor = AtFirst::transferred(|| change(&path));
        let sources = [remote("/a"), remote("/b")];
        let report = fixture.client().download(&sources, local.path(), &INTO, &mut monitor).unwrap();
        is_changed(&report, what);
        assert_eq!(std::fs::read(local.path().join("a")).unwrap(), b"old", "{what}");
        assert_eq!(std::fs::read_dir(local.path()).unwrap().count(), 2, "{what}: something is left behind");
        hollow(&path, 80 * MIB);
        let mut monitor = AtFirst::transferred(|| change(&path));
        let streamed = fixture.client().download_stream(&remote("/a"), Box::new(std::io::sink()), &INTO, &mut monitor);
        assert_eq!(streamed.unwrap_err().kind(), "source-changed", "{what}");
    }
}

/// Checks what has come of an 80 MiB file of zeros: all of it, with the time that it had when it was opened.
fn is_whole(path: &Path, time: std::time::SystemTime, what: &str) {
    let there = std::fs::metadata(path).unwrap();
    assert_eq!((there.len(), there.modified().unwrap()), (80 * MIB, time), "{what}");
}

#[test]
fn a_source_that_grows_while_it_is_uploaded_arrives_as_it_was() {
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    let path = local.path().join("a");
    for (what, change) in GROWTHS {
        hollow(&path, 80 * MIB);
        let time = std::fs::metadata(&path).unwrap().modified().unwrap();
        for sparse in [false, true] {
            let options = TransferOptions { send: SendOptions { sparse, ..SendOptions::default() }, ..REPLACE.clone() };
            hollow(&path, 80 * MIB);
            writable(&path).set_modified(time).unwrap();
            let mut monitor = AtFirst::transferred(|| change(&path));
            let sources = std::slice::from_ref(&path);
            let report = fixture.client().upload(sources, &remote("/"), &options, &mut monitor).unwrap();
            assert_eq!((report.files, &report.failures[..]), (1, &[][..]), "{what}");
            is_whole(&fixture.path("a"), time, what);
        }
    }
}

#[test]
fn a_served_file_that_grows_while_it_is_downloaded_arrives_as_it_was() {
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    let path = fixture.path("a");
    for (what, change) in GROWTHS {
        hollow(&path, 80 * MIB);
        let time = std::fs::metadata(&path).unwrap().modified().unwrap();
        let mut monitor = AtFirst::transferred(|| change(&path));
        let report = fixture.client().download(&[remote("/a")], local.path(), &INTO, &mut monitor).unwrap();
        assert_eq!((report.files, &report.failures[..]), (1, &[][..]), "{what}");
        is_whole(&local.path().join("a"), time, what);
        hollow(&path, 80 * MIB);
        let mut monitor = AtFirst::transferred(|| change(&path));
        let streamed = fixture.client().download_stream(&remote("/a"), Box::new(std::io::sink()), &INTO, &mut monitor);
        assert_eq!(streamed.unwrap().bytes, 80 * MIB, "{what}");
    }
}

#[test]
fn a_strict_transfer_sends_no_file_that_is_written_to_meanwhile() {
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    let strict = TransferOptions { send: SendOptions { strict: true, ..SendOptions::default() }, ..REPLACE.clone() };
    let path = local.path().join("a");
    for (what, change) in GROWTHS {
        hollow(&path, 80 * MIB);
        let mut monitor = AtFirst::transferred(|| change(&path));
        let report = fixture.client().upload(std::slice::from_ref(&path), &remote("/"), &strict, &mut monitor).unwrap();
        assert_eq!(report.failures[0].code, ErrorCode::SourceChanged, "{what}");
        hollow(&fixture.path("a"), 80 * MIB);
        let mut monitor = AtFirst::transferred(|| change(&fixture.path("a")));
        let report = fixture.client().download(&[remote("/a")], local.path(), &strict, &mut monitor).unwrap();
        assert_eq!(report.failures[0].code, ErrorCode::SourceChanged, "{what}");
    }
}

#[test]
fn a_source_that_is_removed_while_it_is_sent_arrives_or_fails_as_a_whole() {
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    let path = local.path().join("a");
    hollow(&path, 20 * MIB);
    let mut monitor = AtFirst::transferred(|| std::fs::remove_file(&path).unwrap());
    let report = fixture.client().upload(std::slice::from_ref(&path), &remote("/"), &REPLACE, &mut monitor).unwrap();
    match report.failures.as_slice() {
        [] => assert_eq!(std::fs::metadata(fixture.path("a")).unwrap().len(), 20 * MIB),
        [failure] => assert_eq!((failure.code, visible(fixture.root()).len()), (ErrorCode::SourceChanged, 0)),
        more => panic!("{more:?}"),
    }
}

#[test]
fn what_is_no_file_is_named_and_does_not_block() {
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    for root in [local.path(), fixture.root()] {
        std::fs::create_dir(root.join("tree")).unwrap();
        fifo(&root.join("tree/fifo"));
        let _socket = std::os::unix::net::UnixListener::bind(root.join("tree/socket")).unwrap();
        for (link, target) in [("dangling", "nowhere"), ("loop", "loop"), ("out", "/etc"), ("absolute", "/etc/passwd")]
        {
            std::os::unix::fs::symlink(target, root.join("tree").join(link)).unwrap();
        }
        write(root, "tree/file", "content");
    }
    let into = tempfile::tempdir().unwrap();
    let report = fixture.client().download(&[remote("/tree")], into.path(), &INTO, &mut Silent).unwrap();
    assert_eq!((report.files, report.failures.len(), report.skipped.len()), (1, 0, 6), "{report:?}");
    assert_eq!(visible(into.path()), ["tree", "tree/file"]);
    for name in ["fifo", "socket", "dangling", "loop", "out", "absolute"] {
        let source = remote(&format!("/tree/{name}"));
        let report = fixture.client().download(std::slice::from_ref(&source), into.path(), &INTO, &mut Silent).unwrap();
        assert_eq!((report.files, report.failures.len()), (0, 1), "{name} {report:?}");
        assert!(fixture.client().download_stream(&source, Box::new(std::io::sink()), &INTO, &mut Silent).is_err());
    }
    let server = Fixture::new();
    let report = server.client().upload(&[local.path().join("tree")], &remote("/"), &REPLACE, &mut Silent).unwrap();
    assert_eq!((report.files, report.failures.len(), report.skipped.len()), (1, 0, 6), "{report:?}");
    for name in ["fifo", "socket", "dangling", "loop"] {
        let source = local.path().join("tree").join(name);
        let report = server.client().upload(&[source], &remote("/"), &REPLACE, &mut Silent).unwrap();
        assert_eq!((report.files, report.failures.len()), (0, 1), "{name} {report:?}");
    }
    assert_eq!(visible(server.root()), ["tree", "tree/file"]);
}

#[test]
fn what_may_not_be_read_is_named_and_the_rest_goes_on() {
    use std::os::unix::fs::PermissionsExt;
    if rustix::process::geteuid().is_root() {
        // Root may read everything.
        return;
    }
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    let (secret, open) = (write(local.path(), "a", "secret"), write(local.path(), "b", "open"));
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o0)).unwrap();
    let report = fixture.client().upload(&[secret, open], &remote("/"), &REPLACE, &mut Silent).unwrap();
    assert_eq!((report.files, report.failures[0].code), (1, ErrorCode::PermissionDenied));
}

fn round_trip(fixture: &Fixture, local: &Path, path: &Path) {
    let up = fixture.client().upload(&[path.to_owned()], &remote("/"), &REPLACE, &mut Silent).unwrap();
    assert!(up.failures.is_empty(), "{up:?}");
    let name = path.file_name().unwrap().to_str().unwrap();
    let back = local.join("back");
    std::fs::create_dir_all(&back).unwrap();
    let down = fixture.client().download(&[remote(&format!("/{name}"))], &back, &INTO, &mut Silent).unwrap();
    assert!(down.failures.is_empty(), "{down:?}");
    assert!(std::fs::read(path).unwrap() == std::fs::read(back.join(name)).unwrap(), "{name}");
    assert!(std::fs::read(path).unwrap() == std::fs::read(fixture.path(name)).unwrap(), "{name}");
}

#[test]
fn sizes_around_every_limit_go_up_and_come_back() {
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    let content = noise(usize::try_from(17 * MIB + 1).unwrap());
    for around in [256 * 1024, MIB, 16 * MIB, 17 * MIB] {
        for size in [around - 1, around, around + 1] {
            let path = write(local.path(), &size.to_string(), &content[..usize::try_from(size).unwrap()]);
            round_trip(&fixture, local.path(), &path);
        }
    }
}

#[test]
fn the_holes_of_a_file_arrive_as_zeros() {
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    let path = local.path().join("sparse");
    hollow(&path, 9 * MIB);
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    file.write_all_at(b"in the middle", 5 * MIB).unwrap();
    round_trip(&fixture, local.path(), &path);
}

/// Gives this much, then fails in its way.
struct Failing(u64, fn() -> std::io::Result<usize>);

impl Read for Failing {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self.0 {
            0 => (self.1)(),
            left => {
                let count = std::io::repeat(1).take(left).read(buffer)?;
                self.0 -= count as u64;
                Ok(count)
            }
        }
    }
}

impl Write for Failing {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        match self.0 {
            0 => (self.1)(),
            left => {
                let count = left.min(buffer.len() as u64);
                self.0 -= count;
                Ok(count as usize)
            }
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_reader_that_fails_or_panics_uploads_nothing() {
    let fixture = Fixture::new();
    fixture.write("file", "old");
    let mut client = fixture.client();
    for size in [0, 1, 100_000, 5 * MIB] {
        for way in [|| Err(std::io::Error::other("broken")), || panic!("a reader's own panic")] {
            let source = Box::new(Failing(size, way));
            let error = client.upload_stream(source, &remote("/file"), &REPLACE, &mut Silent).unwrap_err();
            assert!(matches!(error, Error::Local(_)), "{error:?}");
            assert_eq!(std::fs::read(fixture.path("file")).unwrap(), b"old");
        }
    }
    assert!(client.upload_stream(Box::new(Cursor::new("new")), &remote("/file"), &REPLACE, &mut Silent).is_ok());
    assert_eq!(std::fs::read_dir(fixture.root()).unwrap().count(), 1);
}

#[test]
fn a_writer_that_fails_or_panics_fails_the_download() {
    let fixture = Fixture::new();
    let mut client = fixture.client();
    for size in [1, 100_000, 30 * MIB] {
        hollow(&fixture.path("file"), size);
        for left in [0, size / 2] {
            for way in [|| Err(std::io::Error::other("broken")), || panic!("a writer's own panic")] {
                let sink = Box::new(Failing(left, way));
                let error = client.download_stream(&remote("/file"), sink, &INTO, &mut Silent).unwrap_err();
                assert!(matches!(error, Error::Local(_)), "{error:?}");
            }
        }
        let full = Box::new(OpenOptions::new().write(true).open("/dev/full").unwrap());
        assert_eq!(client.download_stream(&remote("/file"), full, &INTO, &mut Silent).unwrap_err().kind(), "no-space");
    }
}

#[test]
fn two_sources_of_one_name_are_refused_before_anything_is_changed() {
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    let (one, other) = (write(local.path(), "a/file", "1"), write(local.path(), "b/file", "2"));
    for sources in [[one.clone(), other.clone()], [one.clone(), one.clone()]] {
        let error = fixture.client().upload(&sources, &remote("/"), &REPLACE, &mut Silent).unwrap_err();
        assert_eq!((error.kind(), error.path()), ("already-exists", sources[1].to_str()));
    }
    assert_eq!(visible(fixture.root()), [""; 0]);
    let sources =
        [LocalSource::from(one), LocalSource { name: Some("dir/renamed".to_owned()), ..LocalSource::from(other) }];
    let report = fixture.client().upload(&sources, &remote("/"), &REPLACE, &mut Silent).unwrap();
    assert_eq!(report.files, 2);
    assert_eq!(visible(fixture.root()), ["dir", "dir/renamed", "file"]);
    let into = tempfile::tempdir().unwrap();
    let twice = [remote("/file"), remote("/file")];
    let error = fixture.client().download(&twice, into.path(), &INTO, &mut Silent).unwrap_err();
    assert_eq!(error.kind(), "already-exists");
    let sources = [
        RemoteSource { path: remote("/file"), name: Some("deep/er/file".to_owned()) },
        RemoteSource::from(remote("/file")),
        RemoteSource { path: remote("/dir"), name: Some("other".to_owned()) },
    ];
    let report = fixture.client().download(&sources, into.path(), &INTO, &mut Silent).unwrap();
    assert_eq!((report.files, report.failures.len()), (3, 0), "{report:?}");
    assert_eq!(visible(into.path()), ["deep", "deep/er", "deep/er/file", "file", "other", "other/renamed"]);
}

#[test]
fn a_file_in_the_way_of_a_directory_is_a_conflict_or_a_failure_of_its_own() {
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    write(local.path(), "tree/inner", "x");
    let file = write(local.path(), "file", "y");
    fixture.write("tree", "a file");
    let sources = [file, local.path().join("tree")];
    let options = TransferOptions { recursive: true, ..TransferOptions::default() };
    let error = fixture.client().upload(&sources, &remote("/"), &options, &mut Silent).unwrap_err();
    assert!(matches!(&error, Error::Conflicts(conflicts) if conflicts.len() == 1), "{error:?}");
    assert_eq!(visible(fixture.root()), ["tree"], "nothing was changed");
    let report = fixture.client().upload(&sources, &remote("/"), &REPLACE, &mut Silent).unwrap();
    assert_eq!((report.files, report.failures.len()), (1, 2), "{report:?}");
    assert_eq!(std::fs::read(fixture.path("tree")).unwrap(), b"a file");
}

#[test]
fn a_list_may_name_a_directory_and_what_is_in_it() {
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    write(local.path(), "t/a", "1");
    write(local.path(), "t/d/b", "2");
    let names = ["t", "t/a", "t/d", "t/d/b"];
    let sources =
        names.map(|name| LocalSource { name: Some(name.to_owned()), ..LocalSource::from(local.path().join(name)) });
    let report = fixture.client().upload(&sources, &remote("/"), &REPLACE, &mut Silent).unwrap();
    assert_eq!((report.files, report.failures.len()), (2, 0), "{report:?}");
    let into = tempfile::tempdir().unwrap();
    let sources = names.map(|name| RemoteSource { path: remote(&format!("/{name}")), name: Some(name.to_owned()) });
    let report = fixture.client().download(&sources, into.path(), &INTO, &mut Silent).unwrap();
    assert_eq!((report.files, report.failures.len()), (2, 0), "{report:?}");
    assert_eq!(visible(into.path()), ["t", "t/a", "t/d", "t/d/b"]);
}

#[test]
fn a_directory_is_not_sent_into_itself() {
    let fixture = Fixture::new();
    fixture.write("tree/file", "x");
    std::fs::create_dir_all(fixture.path("tree/below")).unwrap();
    let mut client = fixture.client();
    let before = tree(fixture.root());
    for (source, destination) in [("tree", "/tree"), ("tree", "/tree/below"), ("", "/tree/below"), ("..", "/")] {
        let source = fixture.path(source);
        let error = client.upload(&[source], &remote(destination), &REPLACE, &mut Silent).unwrap_err();
        assert_eq!(error.kind(), "into-itself", "{destination}");
    }
    for (source, destination) in [("/tree", "tree"), ("/tree", "tree/below"), ("/", "tree/below"), ("/", "")] {
        let error = client.download(&[remote(source)], &fixture.path(destination), &INTO, &mut Silent).unwrap_err();
        assert_eq!(error.kind(), "into-itself", "{destination}");
    }
    assert_eq!(tree(fixture.root()), before);
    // Beside it is fine, and a tree to where it is already changes nothing.
    let again = TransferOptions { recursive: true, ..TransferOptions::default() };
    assert_eq!(client.upload(&[fixture.path("tree")], &remote("/"), &again, &mut Silent).unwrap().present, 1);
    assert_eq!(client.download(&[remote("/tree")], fixture.root(), &again, &mut Silent).unwrap().present, 1);
    // What rules leave out may be in it; and what a pattern matches is known before anything is written.
    let without = TransferOptions {
        selection: Selection { rules: vec!["below".to_owned()], ..INTO.selection.clone() },
        ..INTO.clone()
    };
    let report = client.download(&[remote("/tree")], &fixture.path("tree/below"), &without, &mut Silent).unwrap();
    assert_eq!(report.files, 1);
    client.download(&[remote("/*")], &fixture.path("tree/below"), &INTO, &mut Silent).unwrap();
}
