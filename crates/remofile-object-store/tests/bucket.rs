//! Tests of what a bucket has that no other store has: keys of others, metadata, and a service that fails.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use crate::content::{UNIT, code, list, noise, path, read, stage, write};
use crate::double::{Double, Faults, Sort};
use remofile::protocol::path::{FileName, NameRule, RemotePath};
use remofile::protocol::wire::{ErrorCode, Listed, Timestamp};
use remofile::store::{Prefix, ReadStore, RemovalProgress, ResumeStore, StagePlan, WriteStore};
use remofile_object_store::{BucketOptions, BucketStore};
use std::sync::Arc;
use std::time::Duration;

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
fn no_removal_takes_what_no_client_can_see() {
    let double = Double::start();
    let (long, deep) = (format!("d/{}", "n".repeat(300)), format!("d/{}/in", "m".repeat(300)));
    let theirs = [long.as_str(), deep.as_str(), "d/marker/", "d/sub/", "marker/"];
    for key in theirs {
        double.put(key, b"content", &[]);
    }
    for key in ["d/", "d/file", "d/marker/file", "d/sub/file"] {
        double.put(key, b"", &[]);
    }
    let store = double.open();
    let refused = store.remove_tree(&path("/d")).unwrap().step().unwrap_err();
    let detail = refused.detail.unwrap_or_default();
    assert!(refused.code == ErrorCode::InvalidName && detail.contains("3 files are gone"), "{detail}");
    assert_eq!(code(store.remove(&path("/marker"))), Some(ErrorCode::InvalidName));
    assert_eq!(code(store.remove_tree(&path("/marker")).unwrap().step()), Some(ErrorCode::InvalidName));
    let left = double.keys();
    assert!(theirs.iter().all(|key| left.iter().any(|left| left == key)), "{left:?}");
}

#[test]
fn names_that_no_list_of_removals_can_hold_are_removed_with_all_others() {
    let double = Double::start();
    for key in ["d/a", "d/b\u{fffe}", "d/b\u{ffff}/in", "d/c", "one\u{fffe}"] {
        double.put(key, b"content", &[]);
    }
    let store = double.open();
    let removed = store.remove_tree(&path("/d")).unwrap().step().unwrap();
    assert_eq!(removed, RemovalProgress::Done { files: 4, directories: 2 });
    store.remove(&path("/one\u{fffe}")).unwrap();
    assert_eq!(double.keys(), [""; 0]);
}

#[test]
fn a_removal_that_fails_in_a_directory_of_a_bucket_tells_nothing_of_what_is_above() {
    let double = Double::start();
    for key in ["above/d//odd", "above/d/file"] {
        double.put(key, b"", &[]);
    }
    let scope = Prefix::new(Arc::new(double.open()), path("/above")).unwrap();
    let refused = scope.remove_tree(&path("/d")).unwrap().step().unwrap_err().to_string();
    assert!(
        refused.contains("/d//odd") && refused.contains("1 file is gone") && !refused.contains("above"),
        "{refused}"
    );
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
    // And so it does when it is copied.
    let mut staged = stage(&store, "/copy", &plan).unwrap();
    assert_eq!(staged.share(&*store.open(&path("/kept")).unwrap()).unwrap(), Some(1));
    staged.commit().unwrap();
    for key in ["kept", "copy"] {
        let kept = double.headers(key);
        for (name, value) in
            [("x-amz-meta-colour", "red"), ("content-type", "text/plain"), ("x-amz-meta-mtime", golden[1].1)]
        {
            assert!(kept.contains(&(name.to_owned(), value.to_owned())), "{key}: {kept:?}");
        }
    }
}

#[test]
fn times_that_are_known_cost_no_request() {
    let double = Double::start();
    for number in 0..500 {
        double.put(&format!("d/{number:04}"), b"", &[("x-amz-meta-mtime", "5.0")]);
    }
    double.age();
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
fn times_that_are_changed_within_one_second_are_told() {
    let double = Double::start();
    double.put("file", b"content", &[("x-amz-meta-mtime", "5.0")]);
    let store = double.open();
    let modified = || {
        let mut walk = store.walk(&path("/"), false).unwrap();
        let Some(Listed::Entry(entry)) = walk.next() else { panic!("no entry") };
        entry.modified.seconds()
    };
    assert_eq!(modified(), 5);
    // Another tool gives it another time: the content, so the tag, and the second stay what they were.
    for stored in double.lock().objects.values_mut() {
        stored.headers = vec![("x-amz-meta-mtime".to_owned(), "6.0".to_owned())];
    }
    assert_eq!(modified(), 6);
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
fn what_small_files_replace_is_looked_at_side_by_side() {
    let double = Double::start();
    let names = || (0..8).map(|number| format!("f{number}"));
    names().for_each(|name| double.put(&name, b"old", &[("x-amz-meta-mode", "100640")]));
    double.put("d/file", b"content", &[]);
    let store = double.open();
    let directory = store.directory(&path("/")).unwrap();
    let plan = StagePlan { replace: true, size: Some(3), ..StagePlan::default() };
    let stage = |name: &str| {
        let mut staged = directory.stage(&FileName::parse(name, NameRule::Portable).unwrap(), &plan).unwrap();
        staged.write(b"new").unwrap();
        staged
    };
    double.awaits_together(Sort::Look, 8);
    let staged: Vec<_> = names().map(|name| stage(&name)).collect();
    staged.into_iter().for_each(|staged| staged.commit().unwrap());
    for name in names() {
        assert_eq!(double.content(&name), b"new");
        assert!(double.headers(&name).contains(&("x-amz-meta-mode".to_owned(), "100640".to_owned())), "{name}");
    }
    assert_eq!(code(stage("d").commit()), Some(ErrorCode::AlreadyExists));
    assert_eq!(double.content("d/file"), b"content");
}

#[test]
fn a_store_is_opened_at_a_service_that_is_busy_at_first() {
    let double = Double::start();
    let options = BucketOptions { first_patience: Duration::ZERO, ..double.options() };
    double.lock().faults.busy = 2;
    double.open_with(options.clone()).unwrap();
    assert_eq!(double.lock().faults.busy, 0);
    // What only stands in front of a service says nothing of it.
    double.lock().faults.refuses = Some((503, ""));
    let begun = double.lock().requests.len();
    assert!(double.open_with(options).unwrap_err().to_string().contains("busy"));
    assert_eq!(double.lock().requests.len(), begun + 1);
}

#[test]
fn a_service_that_has_little_is_not_asked_again_for_what_it_does_not_have() {
    let double = Double::start();
    double.lock().faults.has_little = true;
    let store = double.open();
    assert_eq!(store.expire_partials(Duration::ZERO), Ok(0));
    let plan = StagePlan { size: Some(2 << 20), modified: Some(Timestamp::new(7, 0)), ..StagePlan::default() };
    write(&store, "/large", &noise(2 << 20), &plan).unwrap();
    for content in [&b""[..], b"content"] {
        let name = format!("/file{}", content.len());
        write(&store, &name, content, &StagePlan::default()).unwrap();
        assert_eq!(read(&store, &name).unwrap(), content);
        assert_eq!(code(write(&store, &name, b"new", &StagePlan::default())), Some(ErrorCode::AlreadyExists));
        assert_eq!(code(store.create_file(&path(&name), false)), Some(ErrorCode::AlreadyExists));
    }
    store.rename(&path("/large"), &path("/renamed"), false).unwrap();
    assert_eq!(double.keys(), ["file0", "file7", "renamed"]);
    let requests = std::mem::take(&mut double.lock().requests);
    for once in ["GET /bucket?uploads", "PUT /bucket/pre/fix/.remofile/condition-"] {
        assert_eq!(requests.iter().filter(|request| request.contains(once)).count(), 1, "{once}");
    }
}

#[test]
fn a_version_is_replaced_once_whatever_the_service_does_with_conditions() {
    for faults in [
        Faults::default(),
        Faults { compares_bare_tags: true, ..Faults::default() },
        Faults { has_no_conditions: true, ..Faults::default() },
        Faults { has_little: true, ..Faults::default() },
    ] {
        let double = Double::start();
        double.lock().faults = faults;
        let store = double.open();
        write(&store, "/file", b"first", &StagePlan::default()).unwrap();
        let expected = Some(store.open(&path("/file")).unwrap().version());
        let plan = StagePlan { replace: true, expected, ..StagePlan::default() };
        write(&store, "/file", b"second", &plan).unwrap();
        assert_eq!(code(write(&store, "/file", b"third", &plan)), Some(ErrorCode::SourceChanged));
        assert_eq!((double.keys(), double.content("file")), (vec!["file".to_owned()], b"second".to_vec()));
    }
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
fn a_service_that_is_not_there_or_none_is_told_with_its_address() {
    let gone = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let double = Double::start();
    let options = BucketOptions { patience: Duration::from_millis(200), ..double.options() };
    let absent = BucketOptions { endpoint: Some(gone.clone()), ..options.clone() };
    let refused = double.open_with(absent).unwrap_err().to_string();
    for part in [&format!("{gone}/bucket does not answer"), "refused", "correct '--endpoint'"] {
        assert!(refused.contains(part), "{part} in {refused}");
    }
    double.lock().faults.refuses = Some((404, "Not an answer of such a service"));
    let refused = double.open_with(options).unwrap_err().to_string();
    assert!(refused.contains("no S3 service") && refused.contains(&double.address), "{refused}");
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

#[test]
fn a_file_is_read_ahead_as_far_as_all_files_together_may_be() {
    for (all_ranges, ahead) in [(32, 6), (3, 5), (0, 2)] {
        let double = Double::start();
        double.put("large", &vec![7; 60 << 20], &[]);
        let store = double.open_with(BucketOptions { all_ranges, ..double.options() }).unwrap();
        let source = store.open(&path("/large")).unwrap();
        let mut buffer = vec![0; 1 << 20];
        // What comes with the opening is no range of these.
        assert_eq!(source.read_at(&mut buffer[..256 << 10], 0).unwrap(), 256 << 10);
        double.awaits_together(Sort::Read, ahead);
        assert_eq!(source.read_at(&mut buffer, 256 << 10).unwrap(), 1 << 20);
        assert_eq!(double.came(Sort::Read), ahead);
        for start in (0..60).map(|mebibyte| mebibyte << 20) {
            assert_eq!(source.read_at(&mut buffer, start).unwrap(), 1 << 20);
            assert!(buffer.iter().all(|byte| *byte == 7));
        }
    }
}
