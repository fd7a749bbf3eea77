//! Servers that tell other things than they have, or do not do what they say.

use crate::common::raw::{Raw, file, listen};
use crate::common::{remote, write};
use crate::synchronising::scene::{deleting, look};
use remofile::protocol::token::Token;
use remofile::protocol::wire::{
    Body, Done, Element, Entry, ErrorCode, Failure, Header, Item, Kind, Links, Listed, OperationId, Request, Signal,
    Timestamp,
};
use remofile::{Client, ClientOptions, Error, RetryOptions, Selection, Silent, SyncOptions, SyncReport};
use remofile::{synchronize_download, synchronize_upload};
use tempfile::TempDir;

const CREDIT: u64 = 16 << 20;

fn entry(path: &str, kind: Kind, size: u64) -> Element {
    let modified = Timestamp::new(1_000_000_000, 0);
    Element::Listed(Listed::Entry(Entry {
        path: remote(path),
        kind,
        size,
        modified,
        mode: Some(0o644),
        unflushed: false,
    }))
}

/// Grants holds, answers every question for a listing with `list`, and gives everything else to `other`, then says
/// that it is done.
fn serve(list: Vec<Element>, mut other: impl FnMut(&mut Raw, OperationId, Request) + Send + 'static) -> Client {
    let token = Token::generate();
    let own = token.clone();
    let (address, _server) = listen(move |stream| {
        let mut raw = Raw::accept(stream, &own);
        while let Some((operation, request)) = raw.next_request() {
            match request {
                Request::Hold { .. } => {
                    raw.signal(operation, Signal::Credit { bytes: CREDIT });
                    continue;
                }
                // Nothing of this side's is hidden by a backup.
                Request::Stat { .. } => {
                    raw.signal(operation, Signal::Failed { failure: ErrorCode::NotFound.into() });
                    continue;
                }
                Request::List { .. } | Request::Find { .. } => {
                    let mut payload = Vec::new();
                    list.iter().for_each(|element| minicbor::encode(element, &mut payload).unwrap());
                    if !payload.is_empty() {
                        raw.send(&Header::signal(operation, Signal::Entries), &payload);
                    }
                }
                request => other(&mut raw, operation, request),
            }
            raw.signal(operation, Signal::Done { done: Done::default() });
        }
    });
    Client::new(ClientOptions::new("127.0.0.1", address.port(), token))
}

fn fetch(client: &mut Client, local: &TempDir, options: &SyncOptions) -> remofile::Result<SyncReport> {
    let options = SyncOptions { retry: RetryOptions::NEVER, ..options.clone() };
    synchronize_download(client, &remote("/"), local.path(), &options, &mut Silent)
}

/// A destination with a directory in the way of the file `b`, one in the way of `c`, and a file that is to go.
fn destination() -> TempDir {
    let local = tempfile::tempdir().unwrap();
    for path in ["b/x", "c/y", "extra"] {
        write(local.path(), path, "precious");
    }
    local
}

const PRECIOUS: [&str; 5] = ["b", "b/x", "c", "c/y", "extra"];

fn names(local: &TempDir) -> Vec<String> {
    look(local.path()).into_keys().collect()
}

#[test]
fn what_is_excluded_is_not_overwritten_whatever_is_listed() {
    let local = tempfile::tempdir().unwrap();
    write(local.path(), "keep/secret", "mine");
    write(local.path(), "backup/old", "yesterday");
    let files = ["backup/old", "keep/secret"];
    let mut list = Vec::new();
    for path in files {
        let directory = path.split('/').next().unwrap();
        list.extend([entry(&format!("/{directory}"), Kind::Directory, 0), entry(&format!("/{path}"), Kind::File, 4)]);
    }
    let mut client = serve(list, move |raw, operation, request| {
        if let Request::Download { .. } = request {
            for path in files {
                raw.data(operation, file(path, b"evil"), b"evil");
            }
        }
    });
    let rules = vec!["/keep/".to_owned()];
    let options = SyncOptions {
        backup: Some("backup".to_owned()),
        selection: Selection { rules, ..deleting().selection },
        ..deleting()
    };
    let report = fetch(&mut client, &local, &options).unwrap();
    assert_eq!(report.plan.steps, vec![]);
    assert_eq!(std::fs::read(local.path().join("keep/secret")).unwrap(), b"mine");
    assert_eq!(std::fs::read(local.path().join("backup/old")).unwrap(), b"yesterday");
}

#[test]
fn files_that_do_not_come_are_failures_and_nothing_is_deleted() {
    for list in [&["/a", "/b"][..], &["/b"]] {
        let local = destination();
        let mut client = serve(list.iter().map(|path| entry(path, Kind::File, 4)).collect(), |_, _, _| {});
        let report = fetch(&mut client, &local, &deleting()).unwrap();
        assert_eq!(report.transfer.failures.len(), 1, "{:?}", report.transfer.failures);
        assert_eq!(names(&local), PRECIOUS);
    }
}

#[test]
fn a_file_that_was_asked_for_is_never_just_left_out() {
    for is_begun in [false, true] {
        let local = destination();
        let mut client = serve(vec![entry("/a", Kind::File, 4)], move |raw, operation, request| {
            let failure = Failure::new(ErrorCode::Skipped).at("/a");
            let items = match is_begun {
                true => vec![file("a", b"evil").remove(0), Item::Abort { failure }],
                false => vec![Item::Failed { failure }],
            };
            if let Request::Download { .. } = request {
                raw.data(operation, items, b"");
            }
        });
        let report = fetch(&mut client, &local, &deleting()).unwrap();
        assert_eq!(report.transfer.failures.len(), 1, "{:?}", report.transfer.failures);
        assert_eq!(names(&local), PRECIOUS);
    }
}

#[test]
fn no_directory_makes_way_before_all_files_for_such_places_have_come() {
    let local = destination();
    let list = ["/b", "/c"].map(|path| entry(path, Kind::File, 4)).to_vec();
    let mut client = serve(list, |raw, operation, request| {
        if let Request::Download { .. } = request {
            let (header, _) = raw.until(|header| matches!(header.body, Body::Signal(Signal::Select { .. })));
            let Body::Signal(Signal::Select { files }) = header.body else { panic!("nothing was named") };
            raw.data(operation, file(&files[0].name, b"good"), b"good");
        }
    });
    let report = fetch(&mut client, &local, &deleting()).unwrap();
    assert_eq!((report.transfer.files, report.transfer.failures.len()), (1, 1), "{:?}", report.transfer.failures);
    assert_eq!(names(&local), PRECIOUS, "and what has come is not left");
}

#[test]
fn a_source_that_is_not_told_to_be_a_directory_is_none() {
    let skipped = Element::Listed(Listed::Failed(Failure::new(ErrorCode::Skipped).at("/")));
    for list in [vec![], vec![skipped], vec![entry("/a", Kind::File, 1)]] {
        let local = destination();
        let mut client = serve(list, |_, _, _| {});
        let result = fetch(
            &mut client,
            &local,
            &SyncOptions { selection: Selection { links: Links::Follow, ..deleting().selection }, ..deleting() },
        );
        let is_refused = matches!(&result, Err(Error::Local(failure)) if failure.code == ErrorCode::NotADirectory);
        assert!(is_refused, "{result:?}");
        assert_eq!(names(&local), PRECIOUS);
    }
}

#[test]
fn an_upload_that_stores_less_than_was_sent_is_no_success() {
    let local = tempfile::tempdir().unwrap();
    write(local.path(), "a", "a");
    let mut client = serve(vec![entry("/extra", Kind::File, 1)], |raw, operation, request| {
        if let Request::Upload { .. } = request {
            raw.signal(operation, Signal::Credit { bytes: CREDIT });
            raw.until(|header| matches!(header.body, Body::Signal(Signal::Finish)));
        }
    });
    let options = SyncOptions { retry: RetryOptions::NEVER, ..deleting() };
    let result = synchronize_upload(&mut client, local.path(), &remote("/"), &options, &mut Silent);
    assert!(matches!(result, Err(Error::Protocol(_))), "{result:?}");
}

#[test]
fn nothing_comes_through_a_link_of_the_same_listing_or_of_an_earlier_run() {
    let local = tempfile::tempdir().unwrap();
    write(local.path(), "keep/secret", "mine");
    let Element::Listed(Listed::Entry(link)) = entry("/l", Kind::Link, 0) else { panic!("an entry") };
    let evil = |raw: &mut Raw, operation, request| {
        if let Request::Download { .. } = request {
            raw.data(operation, file("l/secret", b"evil"), b"evil");
        }
    };
    let options = SyncOptions {
        selection: Selection { rules: vec!["/keep/".to_owned()], links: Links::Copy, ..deleting().selection },
        ..deleting()
    };
    let untouched = || assert_eq!(std::fs::read(local.path().join("keep/secret")).unwrap(), b"mine");
    // What is in a link: the listing makes no sense.
    let list = vec![Element::Link(link.clone(), "keep".to_owned()), entry("/l/secret", Kind::File, 4)];
    let report = fetch(&mut serve(list, evil), &local, &options).unwrap();
    let told = report.transfer.failures[0].to_string();
    assert!(told.contains("the listing has it in something that is no directory"), "{told}");
    untouched();
    // The link is there now; a directory takes its place before anything is stored in that.
    let link_first = vec![Element::Link(link, "keep".to_owned())];
    fetch(&mut serve(link_first, |_, _, _| {}), &local, &options).unwrap();
    assert_eq!(std::fs::read_link(local.path().join("l")).unwrap().to_str(), Some("keep"));
    let list = vec![entry("/l", Kind::Directory, 0), entry("/l/secret", Kind::File, 4)];
    let report = fetch(&mut serve(list, evil), &local, &options).unwrap();
    assert_eq!(report.transfer.failures, []);
    assert_eq!(std::fs::read(local.path().join("l/secret")).unwrap(), b"evil");
    untouched();
    // A listing that leaves the directory out: nothing is stored through the link of that name.
    std::fs::remove_dir_all(local.path().join("l")).unwrap();
    std::os::unix::fs::symlink("keep", local.path().join("l")).unwrap();
    let list = vec![entry("/l/secret", Kind::File, 4)];
    let options = SyncOptions { delete: false, ..options };
    let report = fetch(&mut serve(list, evil), &local, &options).unwrap();
    let told = report.transfer.failures[0].to_string();
    assert!(told.contains("a symbolic link is in the way, and nothing is received through links"), "{told}");
    untouched();
}
