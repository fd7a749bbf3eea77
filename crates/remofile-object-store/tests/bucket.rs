//! What a bucket has that no other store has: keys of others, metadata, parts, an owner, and a service that fails.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod double;

use double::Double;
use remofile::protocol::digest::{DigestKind, Digester};
use remofile::protocol::path::RemotePath;
use remofile::protocol::wire::{ErrorCode, Kind, Listed, Timestamp};
use remofile::store::{Checkpoint, ReadStore, ResumeAt, ResumeStore, StagePlan, Staged, StoreResult, WriteStore};
use remofile_object_store::{BucketOptions, BucketStore};
use std::time::{Duration, SystemTime};

/// A unit of content: parts have eight of them.
const UNIT: usize = double::PART_BYTES / 8;

fn path(text: &str) -> RemotePath {
    text.parse().unwrap()
}

fn code<T>(result: StoreResult<T>) -> Option<ErrorCode> {
    result.err().map(|failure| failure.code)
}

fn stage(store: &BucketStore, text: &str, plan: &StagePlan) -> StoreResult<Box<dyn Staged>> {
    let (directory, name) = path(text).split()?;
    store.directory(&directory)?.stage(&name, plan)
}

fn write(store: &BucketStore, text: &str, content: &[u8], plan: &StagePlan) -> StoreResult<()> {
    let mut staged = stage(store, text, plan)?;
    for piece in content.chunks(UNIT) {
        staged.write(piece)?;
    }
    staged.commit()
}

fn read(store: &BucketStore, text: &str) -> StoreResult<Vec<u8>> {
    let source = store.open(&path(text))?;
    let mut content = vec![0; usize::try_from(source.entry().size).unwrap() + 1];
    let (mut place, mut piece) = (0, vec![0; UNIT]);
    loop {
        let count = source.read_at(&mut piece, place as u64)?;
        if count == 0 {
            content.truncate(place);
            return Ok(content);
        }
        content[place..place + count].copy_from_slice(&piece[..count]);
        place += count;
    }
}

/// The paths of a listing, and those that failed with an exclamation mark.
fn list(store: &BucketStore, text: &str, recursive: bool) -> Vec<String> {
    let mut walk = store.walk(&path(text), recursive).unwrap();
    std::iter::from_fn(|| walk.next())
        .map(|listed| match listed {
            Listed::Entry(entry) if entry.kind == Kind::Directory => format!("{}/", entry.path),
            Listed::Entry(entry) => entry.path.to_string(),
            Listed::Failed(failure) => format!("!{}", failure.path.unwrap()),
        })
        .collect()
}

fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8
    };
    (0..length).map(|_| next()).collect()
}

#[test]
fn keys_that_are_no_paths_are_told_and_stay() {
    let double = Double::start();
    let odd = ["a//b", "../x", "c\nd", "dir/", "both", "both/inside", "plain/file", "z"];
    for key in odd {
        double.put(key, b"content", &[]);
    }
    let store = double.open();
    let recursive = [
        "!/..",
        "!/a/",
        "/both/",
        "/both/inside",
        "!/both",
        "!/c\\nd",
        "/dir/",
        "!/dir",
        "/plain/",
        "/plain/file",
        "/z",
    ];
    let mut listed = list(&store, "/", true);
    assert_eq!(listed.len(), recursive.len() + 1, "{listed:?}");
    listed.retain(|path| path != "/a/");
    listed.sort();
    let mut recursive = recursive.map(str::to_owned);
    recursive.sort();
    assert_eq!(listed, recursive);
    let flat = list(&store, "/", false);
    for told in ["!/..", "!/both", "!/c\\nd", "/plain/", "/z"] {
        assert!(flat.contains(&told.to_owned()), "{told} in {flat:?}");
    }
    // A file is reached beside a directory of the same name.
    assert_eq!(read(&store, "/both").unwrap(), b"content");
    assert_eq!(read(&store, "/both/inside").unwrap(), b"content");
    let mut removal = store.remove_tree(&path("/a")).unwrap();
    let refused = removal.step().unwrap_err();
    assert_eq!(refused.code, ErrorCode::InvalidName);
    assert_eq!(double.keys().len(), odd.len(), "nothing of it is lost");
}

#[test]
fn a_listing_is_in_our_order_however_few_keys_come_at_once() {
    let double = Double::start();
    let names =
        ["a-1/x", "a-2", "a.b/c", "a/b-1", "a/b/c", "a/b/d", "a/b.c", "a!", "b", "a-1.x", "a b", "c-d/e", "c/f"];
    for name in names {
        double.put(name, b"", &[]);
    }
    let mut expected: Vec<String> = names.iter().map(|name| format!("/{name}")).collect();
    for directory in ["/a-1/", "/a.b/", "/a/", "/a/b/", "/c-d/", "/c/"] {
        expected.push(directory.to_owned());
    }
    expected.sort_by_key(|name| name.parse::<RemotePath>().or_else(|_| name.trim_end_matches('/').parse()).unwrap());
    let flat: Vec<String> =
        expected.iter().filter(|name| !name.trim_end_matches('/')[1..].contains('/')).cloned().collect();
    for (page, waiting_keys) in [(1000, 10_000), (1, 10_000), (2, 1), (3, 2), (1, 3), (1000, 1)] {
        double.lock().faults.page = Some(page);
        let store = double.open_with(BucketOptions { waiting_keys, ..double.options() }).unwrap();
        assert_eq!(list(&store, "/", true), expected, "{page} keys a page, {waiting_keys} wait");
        assert_eq!(list(&store, "/", false), flat, "{page} keys a page, {waiting_keys} wait");
    }
}

#[test]
fn times_and_modes_are_where_rclone_has_them() {
    let double = Double::start();
    let store = double.open();
    let modified = Timestamp::new(1_700_000_000, 123_456_789);
    let plan = StagePlan { modified: Some(modified), mode: Some(0o640), ..StagePlan::default() };
    write(&store, "/file", b"x", &plan).unwrap();
    let golden = [("x-amz-meta-mode", "100640"), ("x-amz-meta-mtime", "1700000000.123456789")];
    assert_eq!(double.headers("file"), golden.map(|(name, value)| (name.to_owned(), value.to_owned())));
    write(&store, "/large", &noise(20 * UNIT), &plan).unwrap();
    assert_eq!(double.headers("large"), golden.map(|(name, value)| (name.to_owned(), value.to_owned())));
    double.put("theirs", b"y", &[("x-amz-meta-mtime", "1600000000.5"), ("x-amz-meta-mode", "100755")]);
    let entry = store.stat(&path("/theirs")).unwrap();
    assert_eq!((entry.modified, entry.mode), (Timestamp::new(1_600_000_000, 500_000_000), Some(0o755)));
    store.make_directory(&path("/empty"), false, false).unwrap();
    assert_eq!((double.keys().contains(&"empty/".to_owned()), double.content("empty/").len()), (true, 0));
    // What others keep there stays when a time is changed.
    double.put("kept", b"z", &[("x-amz-meta-colour", "red"), ("content-type", "text/plain")]);
    remofile::store::PosixStore::set_modified(&store, &path("/kept"), modified).unwrap();
    let kept = double.headers("kept");
    for (name, value) in
        [("x-amz-meta-colour", "red"), ("content-type", "text/plain"), ("x-amz-meta-mtime", golden[1].1)]
    {
        assert!(kept.contains(&(name.to_owned(), value.to_owned())), "{kept:?}");
    }
}

#[test]
fn times_that_are_known_cost_no_request() {
    let double = Double::start();
    for number in 0..500 {
        double.put(&format!("d/{number:04}"), b"", &[("x-amz-meta-mtime", "5.0")]);
    }
    let store = double.open();
    let heads = || double.lock().requests.iter().filter(|request| request.starts_with("HEAD")).count();
    assert_eq!(list(&store, "/d", false).len(), 500);
    let first = heads();
    assert!(first >= 500);
    assert_eq!(list(&store, "/d", true).len(), 500);
    assert_eq!(heads(), first);
    double.put("d/0007", b"", &[("x-amz-meta-mtime", "6.0")]);
    list(&store, "/d", true);
    assert_eq!(heads(), first + 1, "only what has changed is looked at");
}

#[test]
fn a_directory_stays_when_the_last_file_in_it_goes() {
    let double = Double::start();
    double.put("theirs/file", b"", &[]);
    let store = double.open();
    store.remove(&path("/theirs/file")).unwrap();
    assert_eq!(list(&store, "/", true), ["/theirs/"]);
    assert_eq!(store.remove(&path("/theirs")).unwrap(), Kind::Directory);
    assert_eq!(double.keys(), [""; 0]);
}

#[test]
fn a_busy_service_is_asked_again_and_one_that_stays_so_is_told_of() {
    let double = Double::start();
    double.put("file", b"content", &[]);
    let store = double.open();
    double.lock().faults.busy = 3;
    assert_eq!(read(&store, "/file").unwrap(), b"content");
    double.lock().faults.busy = 3;
    write(&store, "/new", b"new", &StagePlan::default()).unwrap();
    double.lock().faults.busy = 2;
    assert_eq!(list(&store, "/", true), ["/file", "/new"]);
    let impatient =
        double.open_with(BucketOptions { patience: Duration::from_millis(300), ..double.options() }).unwrap();
    double.lock().faults.refuses = Some((503, "SlowDown"));
    assert_eq!(code(impatient.stat(&path("/file"))), Some(ErrorCode::OutOfResources));
    assert_eq!(code(read(&impatient, "/file")), Some(ErrorCode::OutOfResources));
    assert_eq!(code(write(&impatient, "/other", b"", &StagePlan::default())), Some(ErrorCode::OutOfResources));
    assert_eq!(code(impatient.walk(&path("/"), true).map(drop)), Some(ErrorCode::OutOfResources));
}

#[test]
fn what_the_service_refuses_is_told_with_what_to_do() {
    let double = Double::start();
    double.put("file", b"content", &[]);
    let store = double.open();
    for (status, service, expected) in [
        (403, "AccessDenied", ErrorCode::PermissionDenied),
        (403, "RequestTimeTooSkewed", ErrorCode::PermissionDenied),
        (403, "InvalidAccessKeyId", ErrorCode::PermissionDenied),
        (507, "InsufficientStorage", ErrorCode::NoSpace),
        (403, "QuotaExceeded", ErrorCode::NoSpace),
    ] {
        double.lock().faults.refuses_changes = Some((status, service));
        let impatient = BucketOptions { patience: Duration::from_millis(200), ..double.options() };
        let store = double.open_with(impatient.clone()).unwrap();
        let failure = write(&store, "/new", b"new", &StagePlan::default()).unwrap_err();
        assert_eq!(failure.code, expected, "{service}: {failure}");
        double.lock().faults.refuses_changes = None;
        double.lock().faults.refuses = Some((status, service));
        let refused = double.open_with(impatient).unwrap_err().to_string();
        assert!(
            refused.starts_with("s3://bucket/pre/fix/: ") && !refused.contains("words of the service"),
            "{refused}"
        );
        double.lock().faults.refuses = None;
    }
    assert_eq!(double.keys(), ["file"]);
    drop(store);
    let elsewhere = BucketStore::open_with(&"s3://none/x".parse().unwrap(), double.options(), &|_| None);
    assert!(elsewhere.is_err());
}

#[test]
fn a_body_that_breaks_off_is_never_taken_for_the_end_of_a_file() {
    let double = Double::start();
    let content = noise(160 * UNIT);
    double.put("file", &content, &[]);
    double.put("small", &content[..1000], &[]);
    let store = double.open();
    for name in ["/file", "/small"] {
        double.lock().faults.cuts = 2;
        match read(&store, name) {
            Ok(read) => assert!(read == content[..read.len()] && [1000, content.len()].contains(&read.len())),
            Err(failure) => assert!(!matches!(failure.code, ErrorCode::NotFound), "{failure}"),
        }
    }
    double.lock().faults.cuts = 0;
    let impatient = BucketOptions { patience: Duration::from_millis(300), ..double.options() };
    let store = double.open_with(impatient).unwrap();
    double.lock().faults.exaggerates = 100;
    for name in ["/file", "/small"] {
        assert!(read(&store, name).is_err(), "a length that is none");
    }
}

#[test]
fn a_file_that_is_replaced_while_it_is_read_is_told() {
    let double = Double::start();
    double.put("file", &noise(80 * UNIT), &[]);
    let store = double.open();
    let source = store.open(&path("/file")).unwrap();
    assert!(source.is_unchanged().unwrap());
    double.put("file", &noise(80 * UNIT), &[]);
    assert!(!source.is_unchanged().unwrap());
    let mut buffer = vec![0; UNIT];
    assert_eq!(code(source.read_at(&mut buffer, 75 * UNIT as u64)), Some(ErrorCode::SourceChanged));
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

fn plan_of(content: &[u8]) -> StagePlan {
    StagePlan { size: Some(content.len() as u64), modified: Some(Timestamp::new(5, 0)), ..StagePlan::default() }
}

#[test]
fn a_file_whose_part_was_lost_is_never_stored_without_it() {
    let content = noise(40 * UNIT);
    for at in [9 * UNIT, 18 * UNIT] {
        let double = Double::start();
        let options = BucketOptions { patience: Duration::from_millis(200), ..double.options() };
        let store = double.open_with(options).unwrap();
        let mut staged = stage(&store, "/file", &plan_of(&content)).unwrap();
        let mut written = 0;
        for piece in content.chunks(9 * UNIT) {
            written += piece.len();
            // Every change is refused for the length of one checkpoint.
            double.lock().faults.refuses_changes = (written == at).then_some((403, "AccessDenied"));
            if staged.write(piece).is_err() {
                break;
            }
            staged.checkpoint(checkpoint(&content[..written]));
        }
        double.lock().faults.refuses_changes = None;
        let committed = staged.commit();
        assert!(committed.is_err() || double.content("file") == content, "at {at}");
        assert_eq!(committed.is_err(), !double.keys().contains(&"file".to_owned()), "at {at}");
    }
}

#[test]
fn an_upload_goes_on_by_another_server_at_any_checkpoint() {
    let content = noise(40 * UNIT);
    let plan = plan_of(&content);
    for number in 0..4 {
        let double = Double::start();
        break_off(&double.open(), &content[..28 * UNIT], &plan);
        assert_eq!(double.keys(), [""; 0], "nobody sees half a file");
        let store = double.open();
        let partial = store.partials().unwrap().remove(0);
        let offsets: Vec<u64> = partial.checkpoints.iter().map(|checkpoint| checkpoint.offset).collect();
        assert_eq!(offsets, [9, 18, 27, 28].map(|units| units * UNIT as u64));
        let offset = offsets[number];
        let resume = Some(ResumeAt { offset, version: partial.version });
        let mut staged = stage(&store, "/file", &StagePlan { resume, ..plan }).unwrap();
        for piece in content[usize::try_from(offset).unwrap()..].chunks(UNIT) {
            staged.write(piece).unwrap();
        }
        staged.commit().unwrap();
        assert!(double.content("file") == content, "from {offset}");
        let state = double.lock();
        assert!(state.uploads.is_empty());
        assert_eq!(state.objects.keys().filter(|key| key.contains(".remofile")).count(), 0);
    }
}

/// Goes on with what is kept of a file, and returns the place it goes on from.
fn resume(store: &BucketStore, plan: &StagePlan) -> (Box<dyn Staged>, usize) {
    let partial = store.partials().unwrap().remove(0);
    let resume = Some(ResumeAt { offset: partial.received, version: partial.version });
    let staged = stage(store, "/file", &StagePlan { resume, ..*plan }).unwrap();
    (staged, usize::try_from(partial.received).unwrap())
}

#[test]
fn an_upload_that_a_slow_service_does_not_end_is_kept() {
    let content = noise(40 * UNIT);
    let plan = plan_of(&content);
    for is_end in [true, false] {
        let double = Double::start();
        let impatient = BucketOptions { patience: Duration::from_millis(200), ..double.options() };
        let store = double.open_with(impatient).unwrap();
        let mut staged = stage(&store, "/file", &plan).unwrap();
        let mut sent = 0;
        for piece in content.chunks(9 * UNIT) {
            staged.write(piece).unwrap();
            sent += piece.len();
            staged.checkpoint(checkpoint(&content[..sent]));
        }
        let slow = Some((503, "SlowDown"));
        // Either just the end of it, or everything.
        if is_end {
            double.lock().faults.refuses_ends = slow;
        } else {
            double.lock().faults.refuses_changes = slow;
        }
        assert_eq!(code(staged.commit()), Some(ErrorCode::OutOfResources));
        double.lock().faults = double::Faults::default();
        assert_eq!(double.keys(), [""; 0]);
        let (mut staged, from) = resume(&store, &plan);
        assert!(from >= 27 * UNIT, "{from}");
        staged.write(&content[from..]).unwrap();
        staged.commit().unwrap();
        assert!(double.content("file") == content);
    }
}

#[test]
fn a_second_interruption_loses_nothing_of_what_the_first_kept() {
    let content = noise(30 * UNIT);
    let (double, plan) = (Double::start(), plan_of(&content));
    break_off(&double.open(), &content[..20 * UNIT], &plan);
    for _ in 0..3 {
        let store = double.open();
        let (staged, from) = resume(&store, &plan);
        assert_eq!(from, 20 * UNIT);
        staged.retain_partial();
        let offsets: Vec<u64> = store.partials().unwrap()[0].checkpoints.iter().map(|place| place.offset).collect();
        assert_eq!(offsets, [9, 18, 20].map(|units| units * UNIT as u64));
    }
    let store = double.open();
    let (mut staged, from) = resume(&store, &plan);
    staged.write(&content[from..]).unwrap();
    staged.commit().unwrap();
    assert!(double.content("file") == content);
}

#[test]
fn parts_that_are_not_what_the_record_says_are_not_gone_on_with() {
    let content = noise(30 * UNIT);
    let (double, plan) = (Double::start(), plan_of(&content));
    break_off(&double.open(), &content[..20 * UNIT], &plan);
    let store = double.open();
    let partial = store.partials().unwrap().remove(0);
    let resume = Some(ResumeAt { offset: 18 * UNIT as u64, version: partial.version });
    for upload in double.lock().uploads.values_mut() {
        upload.parts.remove(&1);
    }
    assert_eq!(code(stage(&store, "/file", &StagePlan { resume, ..plan })), Some(ErrorCode::PartialChanged));
    double.lock().uploads.clear();
    assert_eq!(code(stage(&store, "/file", &StagePlan { resume, ..plan })), Some(ErrorCode::PartialChanged));
}

#[test]
fn what_is_abandoned_is_cleared_when_it_is_old() {
    let content = noise(30 * UNIT);
    let (double, plan) = (Double::start(), plan_of(&content));
    break_off(&double.open(), &content[..20 * UNIT], &plan);
    let store = double.open();
    assert_eq!(store.expire_partials(Duration::from_secs(3600)).unwrap(), 0);
    assert_eq!(double.lock().uploads.len(), 1);
    assert_eq!(store.expire_partials(Duration::ZERO).unwrap(), 1);
    assert!(double.lock().uploads.is_empty() && double.lock().objects.is_empty());
    // One of which a server left no record, being killed in between.
    break_off(&store, &content[..20 * UNIT], &plan);
    double.lock().objects.clear();
    assert_eq!(store.expire_partials(Duration::ZERO).unwrap(), 0, "it may be another tool's");
    let old = SystemTime::now() - Duration::from_secs(30 * 24 * 3600);
    double.lock().uploads.values_mut().for_each(|upload| upload.begun = old);
    assert_eq!(store.expire_partials(Duration::ZERO).unwrap(), 1);
    assert!(double.lock().uploads.is_empty());
}

#[test]
fn an_upload_that_is_given_up_leaves_nothing() {
    let (double, content) = (Double::start(), noise(40 * UNIT));
    let store = double.open();
    let mut staged = stage(&store, "/file", &StagePlan::default()).unwrap();
    staged.write(&content).unwrap();
    drop(staged);
    let state = double.lock();
    assert!(state.uploads.is_empty() && state.objects.is_empty());
}

#[test]
fn a_create_never_replaces_what_another_tool_put_there_meanwhile() {
    for has_no_conditions in [false, true] {
        let double = Double::start();
        double.lock().faults.has_no_conditions = has_no_conditions;
        let store = double.open();
        for content in [vec![1; 10], noise(20 * UNIT)] {
            let mut staged = stage(&store, "/file", &StagePlan::default()).unwrap();
            staged.write(&content).unwrap();
            double.put("file", b"theirs", &[]);
            assert_eq!(code(staged.commit()), Some(ErrorCode::AlreadyExists));
            assert_eq!(double.content("file"), b"theirs");
            double.lock().objects.remove("pre/fix/file");
        }
    }
}

#[test]
fn files_and_directories_are_moved_by_the_service_itself() {
    let double = Double::start();
    let store = double.open();
    for number in 0..50 {
        double.put(
            &format!("old/{}/{number}", number % 3),
            format!("{number}").as_bytes(),
            &[("x-amz-meta-mtime", "7.0")],
        );
    }
    store.rename(&path("/old"), &path("/new"), false).unwrap();
    assert_eq!(double.keys().iter().filter(|key| key.starts_with("new/") && !key.ends_with('/')).count(), 50);
    assert!(!double.keys().iter().any(|key| key.starts_with("old/")));
    assert_eq!(read(&store, "/new/1/4").unwrap(), b"4");
    assert_eq!(store.stat(&path("/new/1/4")).unwrap().modified, Timestamp::new(7, 0));
}
