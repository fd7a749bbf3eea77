//! Every operation of a client on a server, over a real socket.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "tests say what went wrong by panicking, and look at the disk directly"
)]

use crate::common;

use common::{Fixture, noise, remote, tree, write};
use remofile::protocol::wire::{ErrorCode, Kind, Listed, OnConflict};
use remofile::{Error, Silent, TransferOptions, TransferReport};
use std::io::Cursor;
use std::sync::LazyLock;
use std::sync::{Arc, Mutex};

fn code(error: &Error) -> ErrorCode {
    match error {
        Error::Remote(failure) | Error::Local(failure) => failure.code,
        other => panic!("{other:?}"),
    }
}

fn names(fixture: &Fixture, path: &str, recursive: bool) -> Vec<String> {
    let mut names = Vec::new();
    let listed = fixture.client().list(&remote(path), recursive, &mut |listed| {
        match listed {
            Listed::Entry(entry) => names.push(entry.path.to_string()),
            Listed::Failed(failure) => names.push(format!("failed {failure}")),
        }
        Ok(())
    });
    listed.unwrap();
    names
}

#[test]
fn an_empty_directory_lists_nothing() {
    assert!(names(&Fixture::new(), "/", true).is_empty());
}

#[test]
fn a_listing_is_sorted_and_recursive_on_request() {
    let fixture = Fixture::new();
    for name in ["b/2", "b/1", "a", "b-c", "ü/ø"] {
        fixture.write(name, name);
    }
    assert_eq!(names(&fixture, "/", false), ["/a", "/b", "/b-c", "/ü"]);
    assert_eq!(names(&fixture, "/", true), ["/a", "/b", "/b/1", "/b/2", "/b-c", "/ü", "/ü/ø"]);
    assert_eq!(names(&fixture, "/b", true), ["/b/1", "/b/2"]);
}

#[test]
fn a_listing_larger_than_any_credit_streams() {
    let fixture = Fixture::new();
    let directory = "d".repeat(200);
    std::fs::create_dir(fixture.path(&directory)).unwrap();
    for number in 0..20_000 {
        std::fs::File::create(fixture.path(&format!("{directory}/{number:0>150}"))).unwrap();
    }
    assert_eq!(names(&fixture, "/", true).len(), 20_001);
}

#[test]
fn a_callback_that_has_seen_enough_ends_the_listing_and_keeps_the_session() {
    let fixture = Fixture::new();
    for number in 0..5000 {
        fixture.write(&format!("{number}"), "");
    }
    let mut client = fixture.client();
    let result = client.list(&remote("/"), false, &mut |_| Err(Error::Usage("enough")));
    assert!(matches!(result, Err(Error::Usage("enough"))));
    assert!(client.stat(&remote("/1")).is_ok());
}

#[test]
fn files_and_directories_are_created_told_of_moved_and_removed() {
    let fixture = Fixture::new();
    let mut client = fixture.client();
    client.make_directory(&remote("/a/b/c"), false, true).unwrap();
    client.create_file(&remote("/a/b/c/file"), false).unwrap();
    assert_eq!(client.stat(&remote("/a/b/c/file")).unwrap().kind, Kind::File);
    assert_eq!(client.stat(&remote("/a/b")).unwrap().kind, Kind::Directory);
    client.rename(&remote("/a/b/c/file"), &remote("/moved"), false).unwrap();
    assert!(fixture.path("moved").is_file());
    assert_eq!(code(&client.remove(&remote("/a"), false).unwrap_err()), ErrorCode::NotEmpty);
    let removed = client.remove(&remote("/a"), true).unwrap();
    assert_eq!((removed.files, removed.directories), (0, 3));
    client.remove(&remote("/moved"), false).unwrap();
    assert!(names(&fixture, "/", true).is_empty());
}

#[test]
fn what_exists_or_is_missing_is_a_failure_with_its_path() {
    let fixture = Fixture::new();
    fixture.write("file", "x");
    let mut client = fixture.client();
    let cases: [(&str, remofile::Result<()>, ErrorCode); 7] = [
        ("create", client.create_file(&remote("/file"), false), ErrorCode::AlreadyExists),
        ("make", client.make_directory(&remote("/file"), true, false), ErrorCode::AlreadyExists),
        ("stat", client.stat(&remote("/missing")).map(drop), ErrorCode::NotFound),
        ("list a file", client.list(&remote("/file"), false, &mut |_| Ok(())), ErrorCode::NotADirectory),
        ("list nothing", client.list(&remote("/missing"), false, &mut |_| Ok(())), ErrorCode::NotFound),
        ("remove", client.remove(&remote("/missing"), true).map(drop), ErrorCode::NotFound),
        ("move", client.rename(&remote("/missing"), &remote("/x"), false), ErrorCode::NotFound),
    ];
    for (what, result, expected) in cases {
        let error = result.unwrap_err();
        assert_eq!(code(&error), expected, "{what}");
        assert!(error.path().is_some(), "{what}: {error}");
    }
    assert!(client.create_file(&remote("/file"), true).is_ok());
}

#[test]
fn the_root_itself_cannot_be_removed_moved_or_created() {
    let fixture = Fixture::new();
    fixture.write("file", "x");
    let mut client = fixture.client();
    assert!(client.remove(&remote("/"), true).is_err());
    assert!(client.rename(&remote("/"), &remote("/x"), false).is_err());
    assert!(client.create_file(&remote("/"), false).is_err());
    assert!(fixture.path("file").exists());
}

fn upload(fixture: &Fixture, sources: &[std::path::PathBuf], options: &TransferOptions) -> TransferReport {
    fixture.client().upload(sources, &remote("/"), options, &mut Silent).unwrap()
}

static RECURSIVE: LazyLock<TransferOptions> = LazyLock::new(|| TransferOptions {
    recursive: true,
    on_conflict: OnConflict::Abort,
    total: false,
    ..TransferOptions::default()
});

#[test]
fn a_tree_goes_up_and_comes_back_the_same() {
    let (fixture, local, back) = (Fixture::new(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for (name, length) in [
        ("t/empty", 0),
        ("t/one", 1),
        ("t/deep/er/small", 4096),
        ("t/large", 3 * 1024 * 1024 + 17),
        ("t/日本語 ñ/x y", 9),
    ] {
        write(local.path(), name, noise(length));
    }
    std::fs::create_dir(local.path().join("t/hollow")).unwrap();
    let report = upload(&fixture, &[local.path().join("t")], &RECURSIVE);
    assert_eq!((report.files, report.directories, report.failures.len()), (5, 5, 0), "{report:?}");
    assert_eq!(tree(fixture.root()), tree(local.path()));
    let options = TransferOptions { recursive: true, total: true, ..TransferOptions::default() };
    let report = fixture.client().download(&[remote("/t")], back.path(), &options, &mut Silent).unwrap();
    assert_eq!((report.files, report.directories, report.failures.len()), (5, 5, 0), "{report:?}");
    assert_eq!(tree(back.path()), tree(local.path()));
    let modified = |root: &std::path::Path| root.join("t/large").metadata().unwrap().modified().unwrap();
    assert_eq!(modified(back.path()), modified(local.path()));
}

#[test]
fn the_whole_root_comes_down_without_a_directory_of_its_own() {
    let (fixture, back) = (Fixture::new(), tempfile::tempdir().unwrap());
    fixture.write("a/b", "b");
    fixture.write("c", "c");
    let options = TransferOptions { recursive: true, ..TransferOptions::default() };
    let report = fixture.client().download(&[remote("/")], back.path(), &options, &mut Silent).unwrap();
    assert!(report.failures.is_empty(), "{report:?}");
    assert_eq!(tree(back.path()), tree(fixture.root()));
}

#[test]
fn a_directory_without_recursion_is_named_and_the_rest_goes_on() {
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    write(local.path(), "dir/inner", "x");
    let file = write(local.path(), "file", "x");
    let report =
        upload(&fixture, &[local.path().join("dir"), file, local.path().join("missing")], &TransferOptions::default());
    assert_eq!(report.files, 1);
    let codes: Vec<ErrorCode> = report.failures.iter().map(|failure| failure.code).collect();
    assert_eq!(codes, [ErrorCode::NotAFile, ErrorCode::NotFound]);
    assert_eq!(names(&fixture, "/", true), ["/file"]);
}

#[test]
fn a_file_in_the_way_stays_unless_it_is_to_be_replaced() {
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    for length in [10, 5 * 1024 * 1024] {
        fixture.write("file", "old");
        let file = write(local.path(), "file", noise(length));
        let options = TransferOptions::default();
        let result = fixture.client().upload(std::slice::from_ref(&file), &remote("/"), &options, &mut Silent);
        let Err(Error::Conflicts(conflicts)) = result else { panic!("{result:?}") };
        assert_eq!((conflicts.len(), conflicts[0].path.as_deref()), (1, Some("/file")));
        assert_eq!(std::fs::read(fixture.path("file")).unwrap(), b"old");
        let report = upload(
            &fixture,
            &[file],
            &TransferOptions { on_conflict: OnConflict::Replace, ..TransferOptions::default() },
        );
        assert_eq!((report.files, report.failures.len()), (1, 0));
        assert_eq!(std::fs::read(fixture.path("file")).unwrap(), noise(length));
    }
    assert_eq!(tree(fixture.root()).len(), 1, "something was left behind");
}

#[test]
fn a_missing_destination_fails_the_upload_as_a_whole() {
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    let file = write(local.path(), "file", noise(40 * 1024 * 1024));
    fixture.write("plain", "");
    let mut client = fixture.client();
    for (destination, expected) in [("/missing", ErrorCode::NotFound), ("/plain", ErrorCode::NotADirectory)] {
        let error =
            client.upload(std::slice::from_ref(&file), &remote(destination), &RECURSIVE, &mut Silent).unwrap_err();
        assert_eq!(code(&error), expected);
    }
    assert!(client.stat(&remote("/plain")).is_ok(), "the session survived");
}

#[test]
fn a_stream_of_unknown_length_becomes_one_file() {
    let fixture = Fixture::new();
    for length in [0, 1, 3_000_000] {
        let content = noise(length);
        let name = remote(&format!("/stream-{length}"));
        let source = Box::new(Cursor::new(content.clone()));
        let report = fixture.client().upload_stream(source, &name, &TransferOptions::default(), &mut Silent).unwrap();
        assert_eq!((report.files, report.bytes), (1, length as u64));
        assert_eq!(std::fs::read(fixture.path(name.as_relative())).unwrap(), content);
    }
}

/// A writer whose content can be looked at afterwards.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_file_comes_down_into_a_writer() {
    let fixture = Fixture::new();
    for length in [0, 1, 9_000_000] {
        fixture.write("file", noise(length));
        let sink = Sink::default();
        let options = TransferOptions::default();
        let report =
            fixture.client().download_stream(&remote("/file"), Box::new(sink.clone()), &options, &mut Silent).unwrap();
        assert_eq!((report.files, report.bytes), (1, length as u64));
        assert!(*sink.0.lock().unwrap() == noise(length));
    }
    let error = fixture.client().download_stream(
        &remote("/none"),
        Box::new(Sink::default()),
        &TransferOptions::default(),
        &mut Silent,
    );
    assert_eq!(code(&error.unwrap_err()), ErrorCode::NotFound);
}

#[test]
fn a_file_beyond_the_limit_is_not_stored_and_the_rest_goes_on() {
    let (fixture, local) = (Fixture::with(|options| options.file_size_limit = 100), tempfile::tempdir().unwrap());
    let (small, large) = (write(local.path(), "small", noise(100)), write(local.path(), "large", noise(101)));
    let report = upload(&fixture, &[large, small], &TransferOptions::default());
    assert_eq!((report.files, report.failures[0].code), (1, ErrorCode::FileTooLarge));
    let stream = fixture.client().upload_stream(
        Box::new(Cursor::new(noise(101))),
        &remote("/s"),
        &TransferOptions::default(),
        &mut Silent,
    );
    assert_eq!(stream.unwrap().failures[0].code, ErrorCode::FileTooLarge);
    assert_eq!(names(&fixture, "/", true), ["/small"]);
}

#[test]
fn a_read_only_server_refuses_every_change_and_serves_the_rest() {
    let fixture = Fixture::with(|options| options.read_only = true);
    fixture.write("file", "x");
    let mut client = fixture.client();
    for result in [
        client.create_file(&remote("/new"), false),
        client.make_directory(&remote("/new"), false, false),
        client.remove(&remote("/file"), false).map(drop),
        client.rename(&remote("/file"), &remote("/new"), false),
        client
            .upload_stream(Box::new(Cursor::new(b"x")), &remote("/new"), &TransferOptions::default(), &mut Silent)
            .map(drop),
    ] {
        assert_eq!(code(&result.unwrap_err()), ErrorCode::ReadOnly);
    }
    assert_eq!(client.stat(&remote("/file")).unwrap().size, 1);
    assert_eq!(names(&fixture, "/", true), ["/file"]);
}

#[test]
fn every_change_succeeds_however_durable_it_has_to_be() {
    use remofile::store::Fsync;
    for fsync in [Fsync::None, Fsync::End, Fsync::Each] {
        let (fixture, local) = (Fixture::with(|options| options.fsync = fsync), tempfile::tempdir().unwrap());
        write(local.path(), "t/small", noise(10));
        write(local.path(), "t/large", noise(40 * 1024 * 1024));
        let mut client = fixture.client();
        let report = client.upload(&[local.path().join("t")], &remote("/"), &RECURSIVE, &mut Silent).unwrap();
        assert_eq!((report.files, report.failures.len()), (2, 0), "{fsync:?}");
        client.make_directory(&remote("/a/b"), false, true).unwrap();
        client.create_file(&remote("/a/b/c"), false).unwrap();
        client.rename(&remote("/t"), &remote("/a/t"), false).unwrap();
        assert_eq!(std::fs::read(fixture.path("a/t/large")).unwrap(), noise(40 * 1024 * 1024));
        let removed = client.remove(&remote("/a"), true).unwrap();
        assert_eq!((removed.files, removed.directories), (3, 3), "{fsync:?}");
        assert!(client.status().unwrap().report.holders.is_empty(), "{fsync:?} kept the lease");
    }
}

#[test]
fn the_names_rule_of_the_server_decides() {
    let local = tempfile::tempdir().unwrap();
    let file = write(local.path(), "a:b", "x");
    let portable = Fixture::new();
    let report = upload(&portable, std::slice::from_ref(&file), &TransferOptions::default());
    assert_eq!(report.failures[0].code, ErrorCode::InvalidName);
    assert!(report.failures[0].to_string().contains("--names posix"), "{}", report.failures[0]);
    let mut client = portable.client();
    assert_eq!(code(&client.create_file(&remote("/a:b"), false).unwrap_err()), ErrorCode::InvalidName);
    assert_eq!(code(&client.stat(&remote("/a:b")).unwrap_err()), ErrorCode::NotFound);
    let posix = Fixture::with(|options| options.names = remofile::protocol::path::NameRule::Posix);
    assert_eq!(upload(&posix, &[file], &TransferOptions::default()).files, 1);
}

#[test]
fn what_others_named_against_the_rule_is_read_moved_and_removed() {
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    for name in ["d/a:b", "d/e:f/g", "d/fine"] {
        fixture.write(name, name);
    }
    let mut client = fixture.client();
    assert_eq!(client.stat(&remote("/d/a:b")).unwrap().size, 5);
    assert_eq!(names(&fixture, "/d/e:f", false), ["/d/e:f/g"]);
    let report = client.download(&[remote("/d")], local.path(), &RECURSIVE, &mut Silent).unwrap();
    assert_eq!((report.files, report.failures.len()), (3, 0));
    assert_eq!(std::fs::read(local.path().join("d/e:f/g")).unwrap(), b"d/e:f/g");
    let taken = client.rename(&remote("/d/fine"), &remote("/d/a:c"), false);
    assert_eq!(code(&taken.unwrap_err()), ErrorCode::InvalidName, "nothing gets such a name");
    client.rename(&remote("/d/a:b"), &remote("/d/ab"), false).unwrap();
    client.remove(&remote("/d/e:f"), true).unwrap();
    assert_eq!(names(&fixture, "/d", true), ["/d/ab", "/d/fine"]);
}

#[test]
fn names_that_cannot_be_sent_are_named_and_the_rest_goes_on() {
    use std::os::unix::ffi::OsStrExt;
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    for name in [&b"caf\xe9"[..], b"line\nbreak", b"fine"] {
        std::fs::write(local.path().join(std::ffi::OsStr::from_bytes(name)), "x").unwrap();
    }
    let report = upload(&fixture, &[local.path().to_owned()], &RECURSIVE);
    assert_eq!((report.files, report.failures.len()), (1, 2), "{report:?}");
    assert!(report.failures.iter().all(|failure| failure.code == ErrorCode::InvalidName));
}

#[test]
fn the_status_tells_of_the_server() {
    let fixture = Fixture::new();
    let status = fixture.client().status().unwrap();
    assert!(status.report.agent.starts_with("remofile/"));
    assert!(status.report.holders.is_empty());
    assert_eq!(status.address, fixture.address);
}

#[test]
fn a_client_connects_again_after_the_server_was_restarted() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    assert!(client.status().is_ok());
    fixture.stop().unwrap();
    assert!(client.status().is_err());
    let server = Arc::clone(&fixture.server);
    let bound = server.bind(fixture.address.port(), Some(common::LOCALHOST)).unwrap();
    std::thread::scope(|scope| {
        let serving = scope.spawn(move || bound.serve());
        assert!(client.status().is_ok());
        server.terminate().unwrap();
        serving.join().unwrap().unwrap();
    });
}

#[test]
fn options_change_only_while_the_server_is_idle() {
    let mut fixture = Fixture::new();
    let options = fixture.server.options();
    assert!(matches!(fixture.server.set_options(options.clone()), Err(Error::Usage(_))));
    assert!(matches!(fixture.server.run(0, None), Err(Error::Usage(_))));
    fixture.stop().unwrap();
    assert!(fixture.server.set_options(options.clone()).is_ok());
    assert!(matches!(fixture.server.terminate(), Err(Error::Usage(_))));
    for wrong in [
        remofile::ServerOptions { file_size_limit: 0, ..options.clone() },
        remofile::ServerOptions { chunk_size_range: (0, 1), ..options.clone() },
        remofile::ServerOptions { chunk_size_range: (2, 1), ..options },
    ] {
        assert!(matches!(fixture.server.set_options(wrong), Err(Error::Usage(_))));
    }
}

#[test]
fn a_rule_decides_what_becomes_of_a_file_in_the_way() {
    use std::time::{Duration, SystemTime};
    let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let times =
        |path: &std::path::Path, time| std::fs::File::options().append(true).open(path).unwrap().set_modified(time);
    for length in [10, 3 * 1024 * 1024] {
        let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
        let new = noise(length);
        let file = write(local.path(), "file.txt", &new);
        times(&file, old).unwrap();
        let there = fixture.write("file.txt", "there");
        let run = |on_conflict| {
            upload(
                &fixture,
                std::slice::from_ref(&file),
                &TransferOptions { on_conflict, ..TransferOptions::default() },
            )
        };

        let report = run(OnConflict::Skip);
        assert_eq!((report.files, report.skipped.len(), report.failures.len()), (0, 1, 0));
        let report = run(OnConflict::Newer);
        assert_eq!((report.files, report.skipped.len(), report.failures.len()), (0, 1, 0));
        assert_eq!(std::fs::read(&there).unwrap(), b"there");

        let report = run(OnConflict::Rename);
        assert_eq!((report.files, report.skipped.len(), report.failures.len()), (1, 0, 0));
        assert_eq!(run(OnConflict::Rename).present, 1, "it is there already, beside the other");
        let again = TransferOptions { on_conflict: OnConflict::Rename, resume: false, ..TransferOptions::default() };
        upload(&fixture, std::slice::from_ref(&file), &again);
        assert_eq!(names(&fixture, "/", true), ["/file (1).txt", "/file (2).txt", "/file.txt"]);
        assert_eq!(std::fs::read(fixture.path("file (2).txt")).unwrap(), new);

        times(&there, old - Duration::from_secs(1)).unwrap();
        assert_eq!(run(OnConflict::Newer).files, 1);
        assert_eq!(std::fs::read(&there).unwrap(), new);
    }
}

#[test]
fn a_rule_holds_for_downloads_and_streams_too() {
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    fixture.write("file", "there");
    let here = write(local.path(), "file", "here");
    let download = |on_conflict| {
        let options = TransferOptions { on_conflict, ..TransferOptions::default() };
        fixture.client().download(&[remote("/file")], local.path(), &options, &mut Silent).unwrap()
    };
    assert_eq!(download(OnConflict::Skip).skipped.len(), 1);
    assert_eq!(std::fs::read(&here).unwrap(), b"here");
    assert_eq!(download(OnConflict::Rename).files, 1);
    assert_eq!(std::fs::read(local.path().join("file (1)")).unwrap(), b"there");
    assert_eq!(download(OnConflict::Replace).files, 1);
    assert_eq!(std::fs::read(&here).unwrap(), b"there");

    let options = TransferOptions { on_conflict: OnConflict::Skip, ..TransferOptions::default() };
    let source = Box::new(Cursor::new(noise(5_000_000)));
    let report = fixture.client().upload_stream(source, &remote("/file"), &options, &mut Silent).unwrap();
    assert_eq!((report.files, report.skipped.len(), report.failures.len()), (0, 1, 0));
}
