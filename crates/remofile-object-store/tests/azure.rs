//! Containers of Azure's storage: what a service does seldom, on a double, and uploads to the one that the environment names.
//!
//! With `REMOFILE_TEST_BUCKET=az://CONTAINER/PREFIX`, and the variables that say where it is, the latter run on it as the suite of stores does.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "tests fail by panicking")]

use crate::content::{UNIT, code, list, noise, path, read, stage, write};
use crate::double::PART_BYTES;
use crate::double::azure::AzureDouble;
use crate::double::http::Answer;
use remofile::protocol::digest::{DigestKind, Digester};
use remofile::protocol::wire::{ErrorCode, Timestamp};
use remofile::store::WriteStore;
use remofile::store::{Checkpoint, PosixStore, ReadStore, RemovalProgress, ResumeAt, ResumeStore, StagePlan};
use remofile_object_store::{BucketOptions, BucketStore};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

fn plan_of(content: &[u8]) -> StagePlan {
    StagePlan { size: Some(content.len() as u64), modified: Some(Timestamp::new(5, 0)), ..StagePlan::default() }
}

/// An answer to a listing that has these names.
fn page(names: &[&str], next: &str) -> Answer {
    let blob = |name: &&str| {
        format!(
            "<Blob><Name>{name}</Name><Properties><Last-Modified>Tue, 14 Nov 2023 22:13:20 GMT</Last-Modified><Etag>0x1</Etag>\
             <Content-Length>1</Content-Length></Properties><Metadata/></Blob>"
        )
    };
    let blobs: String = names.iter().map(blob).collect();
    let next = format!("<NextMarker>{next}</NextMarker>");
    Answer::of(200, format!("<EnumerationResults><Blobs>{blobs}</Blobs>{next}</EnumerationResults>"))
}

#[test]
fn a_copy_that_takes_its_time_is_waited_for_and_one_that_fails_is_told() {
    for (last, expected) in [("success", None), ("failed", Some(ErrorCode::OutOfResources))] {
        let mut looks = 0;
        let double = AzureDouble::start(move |request, _| {
            let answer = |status, state: &str| {
                Some(Some(
                    Answer::of(status, "")
                        .with("x-ms-copy-status", state)
                        .with("x-ms-copy-id", "7")
                        .with("etag", "\"0x1\""),
                ))
            };
            if request.header("x-ms-copy-source").is_some() {
                return answer(202, "pending");
            }
            if request.method != "HEAD" || request.key != "p/to" {
                return None;
            }
            looks += 1;
            // It is looked at before the copy.
            match looks {
                1 => None,
                2 | 3 => answer(200, "pending"),
                _ => answer(200, last),
            }
        });
        let store = double.open().unwrap();
        write(&store, "/from", b"x", &StagePlan::default()).unwrap();
        let moved = store.rename(&path("/from"), &path("/to"), false);
        assert_eq!(code(moved), expected, "{last}");
        let is_there = double.lock().blobs.contains_key("p/from");
        assert_eq!(is_there, expected.is_some(), "the source stays until the copy is whole");
        let state = double.lock();
        let copies = state.requests.iter().filter(|request| request.starts_with("PUT /bucket/p/to?"));
        assert_eq!(copies.count(), 1, "{:?}", state.requests);
    }
}

#[test]
fn pages_without_names_are_no_end_and_a_removal_goes_on_behind_each() {
    let double = AzureDouble::start(|request, _| {
        if request.query.get("comp").is_none_or(|comp| comp != "list") {
            return None;
        }
        let marker = request.query.get("marker").map_or("", String::as_str);
        Some(Some(match (request.query["prefix"].as_str(), marker) {
            ("p/d/", "") => page(&[], "one"),
            ("p/d/", "one") => page(&["p/d/a", "p/d/b"], "two"),
            ("p/d/", "two") => page(&[], "three"),
            ("p/d/", "three") => page(&["p/d/c"], ""),
            _ => page(&[], ""),
        }))
    });
    let store = double.open().unwrap();
    assert_eq!(list(&store, "/d", true), ["/d/a", "/d/b", "/d/c"]);
    let mut removal = store.remove_tree(&path("/d")).unwrap();
    let removed = loop {
        match removal.step().unwrap() {
            RemovalProgress::More => {}
            RemovalProgress::Done { files, .. } => break files,
        }
    };
    assert_eq!(removed, 3);
    let state = double.lock();
    let first = state.requests.iter().filter(|request| request.contains("comp=list") && !request.contains("marker="));
    let first = first.filter(|request| request.contains("p%2Fd%2F") && !request.contains("maxresults"));
    assert_eq!(first.count(), 2, "neither reads the listing from its beginning more than once");
}

#[test]
fn a_directory_that_is_listed_out_of_turn_is_read_over_when_its_turn_comes() {
    let double = AzureDouble::start(|request, _| {
        if request.query.get("comp").is_none_or(|comp| comp != "list") {
            return None;
        }
        let marker = request.query.get("marker").map_or("", String::as_str);
        Some(Some(match (request.query["prefix"].as_str(), marker) {
            ("p/", "") => page(&["p/a-1", "p/a-2", "p/a-3"], "one"),
            ("p/", "one") => page(&["p/a/x"], "two"),
            ("p/", "two") => page(&["p/a/y", "p/b"], ""),
            ("p/a/", _) => page(&["p/a/x", "p/a/y"], ""),
            _ => page(&[], ""),
        }))
    });
    let store = double.open_with(BucketOptions { waiting_keys: 2, ..double.options() }).unwrap();
    assert_eq!(list(&store, "/", true), ["/a/", "/a/x", "/a/y", "/a-1", "/a-2", "/a-3", "/b"]);
    let state = double.lock();
    let first =
        state.requests.iter().filter(|request| request.contains("prefix=p%2F&sv=") && !request.contains("marker="));
    assert_eq!(first.count(), 1, "{:?}", state.requests);
}

#[test]
fn names_that_come_in_another_order_are_no_listing() {
    let double = AzureDouble::start(|request, _| {
        let is_list = request.query.get("comp").is_some_and(|comp| comp == "list");
        let marker = request.query.get("marker").map_or("", String::as_str);
        let answer = if marker.is_empty() { page(&["p/\u{1f600}"], "one") } else { page(&["p/\u{ff0e}a"], "") };
        is_list.then_some(Some(answer))
    });
    let store = double.open().unwrap();
    assert!(list(&store, "/", true).iter().any(|listed| listed.starts_with('!')));
}

#[test]
fn an_account_with_directories_of_its_own_is_refused() {
    let double = AzureDouble::start(|request, _| {
        let asks = request.query.get("restype").is_some_and(|kind| kind == "account");
        asks.then(|| Some(Answer::of(200, "").with("x-ms-is-hns-enabled", "true")))
    });
    let refused = double.open().unwrap_err().to_string();
    assert!(refused.contains("hierarchical namespace"), "{refused}");
}

#[test]
fn what_azure_refuses_is_told_with_what_to_do_and_without_the_token() {
    for (status, service, what) in [
        (404, "ContainerNotFound", "create it"),
        (403, "AuthenticationFailed", "AZURE_STORAGE_KEY"),
        (403, "AuthorizationPermissionMismatch", "the right to"),
        (404, "NobodyKnows", "is no storage of Azure's"),
    ] {
        let double = AzureDouble::start(move |_, _| Some(Some(Answer::error(status, service))));
        let refused = double.open().unwrap_err().to_string();
        assert!(refused.starts_with("az://bucket/p/: ") && refused.contains(what), "{refused}");
        assert!(!refused.contains("secret"), "{refused}");
        assert!(double.lock().requests[0].contains("sig=secret"), "the token is in each address");
    }
    // The answer to a look has no body.
    let double = AzureDouble::start(|request, _| {
        let is_head = request.method == "HEAD";
        is_head.then(|| Some(Answer::of(404, "").with("x-ms-error-code", "ContainerNotFound")))
    });
    let store = double.open().unwrap();
    assert_eq!(code(store.stat(&path("/file"))), Some(ErrorCode::PermissionDenied));
}

#[test]
fn an_end_whose_answer_is_lost_is_told_as_what_it_is() {
    for is_another in [false, true] {
        let mut ends = 0;
        let double = AzureDouble::start(move |request, _| {
            let is_end = request.query.get("comp").is_some_and(|comp| comp == "blocklist");
            ends += u32::from(is_end);
            let size = noise(20 * UNIT).len() + usize::from(is_another);
            let is_look = request.method == "HEAD" && request.key == "p/file" && ends > 0;
            match (is_end, ends) {
                // It was heeded; the second attempt finds its own blob in the way.
                (true, 1) => Some(None),
                _ if is_look => Some(Some(Answer {
                    length: Some(size as u64),
                    ..Answer::of(200, "")
                        .with("etag", "\"0x9\"")
                        .with("x-ms-meta-mtime", "1970-01-01T00:00:05.000000000Z")
                })),
                _ => None,
            }
        });
        let store = double.open().unwrap();
        let content = noise(20 * UNIT);
        let written = write(&store, "/file", &content, &plan_of(&content));
        assert_eq!(code(written), is_another.then_some(ErrorCode::AlreadyExists));
    }
}

/// A place of its own in the container that the environment names.
fn on_service() -> Option<(String, BucketOptions)> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let Some(bucket) = std::env::var("REMOFILE_TEST_BUCKET").ok().filter(|bucket| bucket.starts_with("az://")) else {
        eprintln!("skipped: REMOFILE_TEST_BUCKET names no container of Azure's storage");
        return None;
    };
    let since = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap().as_nanos();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let endpoint = std::env::var("REMOFILE_TEST_ENDPOINT").ok();
    let options = BucketOptions { endpoint, part_bytes: PART_BYTES, ..BucketOptions::default() };
    Some((format!("{}/azure-{since}-{count}", bucket.trim_end_matches('/')), options))
}

fn open(place: &(String, BucketOptions)) -> BucketStore {
    BucketStore::open(&place.0.parse().unwrap(), place.1.clone()).unwrap()
}

fn checkpoint(content: &[u8]) -> Checkpoint {
    let mut digester = Digester::resumable(DigestKind::Xxh3);
    digester.update(content);
    Checkpoint::restore(content.len() as u64, &digester.save().unwrap()).unwrap()
}

/// Uploads the first bytes of a file with a checkpoint behind each nine units and one at their end, and breaks off.
fn break_off(store: &BucketStore, content: &[u8], plan: &StagePlan) {
    let mut staged = stage(store, "/file", plan).unwrap();
    let mut sent = 0;
    for piece in content.chunks(9 * UNIT) {
        staged.write(piece).unwrap();
        sent += piece.len();
        staged.checkpoint(checkpoint(&content[..sent]));
    }
    staged.retain_partial();
}

#[test]
fn an_upload_in_blocks_goes_on_by_another_server_at_any_checkpoint() {
    let content = noise(40 * UNIT);
    let plan = StagePlan { mode: Some(0o640), ..plan_of(&content) };
    for number in 0..4 {
        let Some(place) = on_service() else { return };
        break_off(&open(&place), &content[..28 * UNIT], &plan);
        let store = open(&place);
        assert_eq!(list(&store, "/", true), [""; 0], "nobody sees half a file");
        let partial = store.partials().unwrap().remove(0);
        let offsets: Vec<u64> = partial.checkpoints.iter().map(|checkpoint| checkpoint.offset).collect();
        assert_eq!(offsets, [9, 18, 27, 28].map(|units| units * UNIT as u64));
        let offset = offsets[number];
        let resume = Some(ResumeAt { offset, version: partial.version });
        let mut staged = stage(&store, "/file", &StagePlan { resume, ..plan }).unwrap();
        content[usize::try_from(offset).unwrap()..].chunks(UNIT).for_each(|piece| staged.write(piece).unwrap());
        staged.commit().unwrap();
        assert!(read(&store, "/file").unwrap() == content, "from {offset}");
        let entry = store.stat(&path("/file")).unwrap();
        assert_eq!((entry.modified, entry.mode), (Timestamp::new(5, 0), Some(0o640)));
        assert!(store.partials().unwrap().is_empty());
        assert_eq!(store.expire_partials(Duration::ZERO), Ok(0));
    }
}

#[test]
fn blocks_that_the_service_has_forgotten_are_not_gone_on_with() {
    let Some(place) = on_service() else { return };
    let content = noise(30 * UNIT);
    let (store, plan) = (open(&place), plan_of(&content));
    break_off(&store, &content[..20 * UNIT], &plan);
    let partial = store.partials().unwrap().remove(0);
    let resume = Some(ResumeAt { offset: 18 * UNIT as u64, version: partial.version });
    // A blob that is stored whole takes their place.
    store.create_file(&path("/file"), false).unwrap();
    store.remove(&path("/file")).unwrap();
    assert_eq!(code(stage(&store, "/file", &StagePlan { resume, ..plan })), Some(ErrorCode::PartialChanged));
    write(&store, "/file", &content, &plan).unwrap();
    assert!(read(&store, "/file").unwrap() == content);
}

#[test]
fn a_large_create_replaces_nothing_that_came_meanwhile() {
    let Some(place) = on_service() else { return };
    let (store, content) = (open(&place), noise(30 * UNIT));
    let mut staged = stage(&store, "/file", &plan_of(&content)).unwrap();
    staged.write(&content).unwrap();
    write(&store, "/file", b"theirs", &StagePlan::default()).unwrap();
    assert_eq!(code(staged.commit()), Some(ErrorCode::AlreadyExists));
    assert_eq!(read(&store, "/file").unwrap(), b"theirs");
}

#[test]
fn names_and_times_come_back_as_they_were_given() {
    let Some(place) = on_service() else { return };
    let store = open(&place);
    let names = ["/ a", "/+&=%2B <x>.txt", "/a b/c#?", "/ä/\u{1f600}", "/~-_.!'()*,;:@$"];
    for (number, name) in names.iter().enumerate() {
        let (above, _) = path(name).split().unwrap();
        store.make_directory(&above, true, true).unwrap();
        let modified = Timestamp::new(i64::try_from(number).unwrap() - 2, 5);
        let plan = StagePlan { modified: Some(modified), ..StagePlan::default() };
        write(&store, name, name.as_bytes(), &plan).unwrap();
        assert_eq!(store.stat(&path(name)).unwrap().modified, modified);
        assert_eq!(read(&store, name).unwrap(), name.as_bytes());
    }
    let mut listed = list(&store, "/", true);
    listed.retain(|name| !name.ends_with('/'));
    listed.sort();
    let mut expected = names.map(str::to_owned);
    expected.sort();
    assert_eq!(listed, expected);
    for name in names {
        let moved = format!("{name} moved");
        store.rename(&path(name), &path(&moved), false).unwrap();
        store.set_mode(&path(&moved), 0o600).unwrap();
        assert_eq!(read(&store, &moved).unwrap(), name.as_bytes());
    }
    for name in ["/a.", "/b\\c"] {
        assert_eq!(code(write(&store, name, b"x", &StagePlan::default())), Some(ErrorCode::InvalidName), "{name}");
    }
}
