//! Files in the way of a transfer: nothing is changed before what becomes of each is known.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    unreachable_pub,
    reason = "tests look at the disk themselves, and fail by panicking"
)]

use crate::common;

use common::{Fixture, noise, remote, visible, write};
use remofile::protocol::wire::{ErrorCode, OnConflict};
use remofile::{Conflict, Error, Event, Monitor, Result, Silent, TransferOptions, TransferReport};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, SystemTime};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Up,
    Down,
}

const WAYS: [Way; 2] = [Way::Up, Way::Down];

fn moved(
    way: Way,
    from: &Fixture,
    into: &Fixture,
    options: &TransferOptions,
    on: &mut dyn Monitor,
) -> Result<TransferReport> {
    match way {
        Way::Up => into.client().upload(&[from.path("t")], &remote("/"), options, on),
        Way::Down => from.client().download(&[remote("/t")], into.root(), options, on),
    }
}

fn options(on_conflict: OnConflict) -> TransferOptions {
    TransferOptions { recursive: true, on_conflict, ..TransferOptions::default() }
}

/// Every visible file and directory with its content.
fn contents(fixture: &Fixture) -> BTreeMap<String, Vec<u8>> {
    let content = |name: &String| std::fs::read(fixture.path(name)).unwrap_or_default();
    visible(fixture.root()).into_iter().map(|name| (name.clone(), content(&name))).collect()
}

fn set_time(path: &Path, seconds: u64) {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    std::fs::File::options().append(true).open(path).unwrap().set_modified(time).unwrap();
}

/// 200 files, the first of a few megabytes; the other side has what `there` says.
fn trees(there: impl Fn(u64) -> Option<&'static str>) -> (Fixture, Fixture) {
    let (from, into) = (Fixture::new(), Fixture::new());
    for number in 0..200 {
        let name = format!("t/{}/{number:03}", number % 7);
        let content = if number == 0 { noise(3_000_000) } else { format!("content {number}").into_bytes() };
        set_time(&from.write(&name, content), 1_000_000_000);
        if let Some(content) = there(number) {
            into.write(&name, content);
        }
    }
    (from, into)
}

#[test]
fn one_file_in_the_way_of_many_stops_all_before_anything_is_changed() {
    for way in WAYS {
        for in_the_way in [0, 1, 199] {
            for resume in [true, false] {
                let (from, into) = trees(|number| (number == in_the_way).then_some("other"));
                let (sent, before) = (contents(&from), contents(&into));
                let options = TransferOptions { resume, ..options(OnConflict::Abort) };
                let result = moved(way, &from, &into, &options, &mut Silent);
                let Err(Error::Conflicts(conflicts)) = result else { panic!("{way:?} {result:?}") };
                assert_eq!(conflicts.len(), 1, "{way:?} {conflicts:?}");
                assert_eq!(conflicts[0].code, ErrorCode::AlreadyExists);
                let path = conflicts[0].path.as_deref().unwrap();
                assert!(path.ends_with(&format!("/t/{}/{in_the_way:03}", in_the_way % 7)), "{path}");
                assert!(contents(&into) == before && contents(&from) == sent, "{way:?} something was changed");
                assert!(!into.path(".remofile").exists(), "{way:?} something is left behind");
            }
        }
    }
}

#[test]
fn what_is_there_already_is_not_sent_again() {
    for way in WAYS {
        for on_conflict in
            [OnConflict::Abort, OnConflict::Skip, OnConflict::Replace, OnConflict::Rename, OnConflict::Newer]
        {
            let (from, into) = trees(|_| None);
            let first = moved(way, &from, &into, &options(on_conflict), &mut Silent).unwrap();
            assert_eq!((first.files, first.present, first.failures.len()), (200, 0, 0), "{way:?} {first:?}");
            let before = contents(&into);
            assert!(before == contents(&from));
            let again = moved(way, &from, &into, &options(on_conflict), &mut Silent).unwrap();
            assert_eq!((again.files, again.present, again.bytes), (0, 200, 0), "{way:?} {on_conflict:?} {again:?}");
            assert_eq!((again.failures.len(), again.skipped.len()), (0, 0), "{way:?} {on_conflict:?} {again:?}");
            // An upload begins before it knows; how much may be in vain is the first credit.
            assert!(again.sent_bytes + again.received_bytes < 1_100_000, "{again:?}");
            assert!(contents(&into) == before, "{way:?} {on_conflict:?}");
        }
    }
}

#[test]
fn each_rule_does_what_it_says_in_a_tree_that_is_half_there() {
    for way in WAYS {
        for on_conflict in [OnConflict::Skip, OnConflict::Replace, OnConflict::Rename, OnConflict::Newer] {
            let (from, into) = trees(|number| (number % 2 == 0).then_some("other"));
            for number in (0..200).step_by(2) {
                // Every second one of these is older than what is sent.
                let seconds = if number % 4 == 0 { 900_000_000 } else { 1_100_000_000 };
                set_time(&into.path(&format!("t/{}/{number:03}", number % 7)), seconds);
            }
            let report = moved(way, &from, &into, &options(on_conflict), &mut Silent).unwrap();
            let expected = match on_conflict {
                OnConflict::Skip => (100, 100),
                OnConflict::Newer => (150, 50),
                _ => (200, 0),
            };
            assert_eq!((report.files, report.skipped.len()), expected, "{way:?} {on_conflict:?}");
            assert!(report.failures.is_empty(), "{report:?}");
            let (sent, now) = (contents(&from), contents(&into));
            for number in 0..200 {
                let name = format!("t/{}/{number:03}", number % 7);
                let is_kept = match on_conflict {
                    OnConflict::Skip | OnConflict::Rename => number % 2 == 0,
                    OnConflict::Newer => number % 4 == 2,
                    _ => false,
                };
                assert!(now[&name] == if is_kept { b"other".to_vec() } else { sent[&name].clone() }, "{name}");
                let copy = now.get(&format!("{name} (1)"));
                assert_eq!(copy, sent.get(&name).filter(|_| on_conflict == OnConflict::Rename && number % 2 == 0));
            }
        }
    }
}

/// Answers by name, and notes who was asked about.
#[derive(Default)]
struct Asked {
    answers: BTreeMap<&'static str, OnConflict>,
    paths: Vec<String>,
    moved: u64,
}

impl Monitor for Asked {
    fn report(&mut self, event: Event<'_>) {
        if let Event::Transferred { bytes } = event {
            self.moved += bytes;
        }
    }

    fn resolve(&mut self, conflict: &Conflict<'_>) -> OnConflict {
        assert_eq!(self.moved, 0, "asked when something had been moved");
        assert_eq!(conflict.existing.size, 3, "{conflict:?}");
        assert_eq!(conflict.new.size, 4, "{conflict:?}");
        self.paths.push(conflict.path.to_owned());
        self.answers[conflict.path]
    }
}

fn asked(answers: &[(&'static str, OnConflict)]) -> Asked {
    Asked { answers: answers.iter().copied().collect(), ..Asked::default() }
}

fn conflicting() -> (Fixture, Fixture) {
    let (from, into) = (Fixture::new(), Fixture::new());
    for name in ["abort", "later", "newer", "rename", "replace", "skip"] {
        set_time(&from.write(&format!("t/{name}"), "new!"), 1_000_000_000);
        set_time(&into.write(&format!("t/{name}"), "old"), 1_100_000_000);
    }
    set_time(&into.path("t/newer"), 900_000_000);
    for fixture in [&from, &into] {
        set_time(&fixture.write("t/same", "same"), 1_000_000_000);
    }
    from.write("t/lone", "new!");
    (from, into)
}

#[test]
fn each_answer_does_what_it_says() {
    for way in WAYS {
        for (resume, default) in [(true, OnConflict::Abort), (true, OnConflict::Replace), (false, OnConflict::Skip)] {
            let (from, into) = conflicting();
            std::fs::remove_file(from.path("t/abort")).unwrap();
            if !resume {
                // Without it, what is the same is asked about as well.
                std::fs::remove_file(from.path("t/same")).unwrap();
            }
            let mut monitor = asked(&[
                ("t/later", OnConflict::Newer),
                ("t/newer", OnConflict::Newer),
                ("t/rename", OnConflict::Rename),
                ("t/replace", OnConflict::Replace),
                ("t/skip", OnConflict::Skip),
            ]);
            let options = TransferOptions { ask: true, resume, ..options(default) };
            let report = moved(way, &from, &into, &options, &mut monitor).unwrap();
            assert_eq!(monitor.paths, ["t/later", "t/newer", "t/rename", "t/replace", "t/skip"], "{way:?}");
            assert_eq!((report.files, report.skipped.len(), report.failures.len()), (4, 2, 0), "{way:?} {report:?}");
            assert_eq!(report.present, u64::from(resume));
            let now = contents(&into);
            for (name, expected) in [
                ("t/later", "old"),
                ("t/newer", "new!"),
                ("t/rename", "old"),
                ("t/rename (1)", "new!"),
                ("t/replace", "new!"),
                ("t/skip", "old"),
                ("t/lone", "new!"),
                ("t/abort", "old"),
            ] {
                assert_eq!(std::str::from_utf8(&now[name]).unwrap(), expected, "{way:?} {name}");
            }
        }
    }
}

#[test]
fn who_answers_abort_changes_nothing() {
    for way in WAYS {
        let (from, into) = conflicting();
        let (sent, before) = (contents(&from), contents(&into));
        let answers =
            ["later", "newer", "rename", "replace", "skip"].map(|name| ["t/", name].concat()).map(|name| name);
        let mut monitor = asked(&[("t/abort", OnConflict::Abort)]);
        for name in answers {
            monitor.answers.insert(Box::leak(name.into_boxed_str()), OnConflict::Replace);
        }
        let options = TransferOptions { ask: true, ..options(OnConflict::Replace) };
        let result = moved(way, &from, &into, &options, &mut monitor);
        assert!(matches!(result, Err(Error::Conflicts(_))), "{way:?} {result:?}");
        assert_eq!(monitor.paths, ["t/abort"], "{way:?} asked on");
        assert!(contents(&into) == before && contents(&from) == sent, "{way:?} something was changed");
    }
}

#[test]
fn without_resume_what_is_the_same_is_asked_about_too() {
    struct Count(u64);
    impl Monitor for Count {
        fn report(&mut self, _: Event<'_>) {}
        fn resolve(&mut self, _: &Conflict<'_>) -> OnConflict {
            self.0 += 1;
            OnConflict::Replace
        }
    }
    for way in WAYS {
        for (resume, questions) in [(true, 0), (false, 200)] {
            let (from, into) = trees(|_| None);
            let options = TransferOptions { ask: true, resume, ..options(OnConflict::Skip) };
            let mut count = Count(0);
            moved(way, &from, &into, &options, &mut count).unwrap();
            assert_eq!(count.0, 0);
            let report = moved(way, &from, &into, &options, &mut count).unwrap();
            assert_eq!((count.0, report.files, report.present), (questions, questions, 200 - questions), "{way:?}");
        }
    }
}

#[test]
fn a_directory_and_a_file_of_one_name_do_not_replace_each_other() {
    for way in WAYS {
        for (sent, there) in [("t/x", "t/x/inner"), ("t/x/inner", "t/x")] {
            for on_conflict in [OnConflict::Abort, OnConflict::Skip, OnConflict::Replace, OnConflict::Newer] {
                let (from, into) = (Fixture::new(), Fixture::new());
                set_time(&from.write(sent, "new"), 2_000_000_000);
                from.write("t/beside", "new");
                into.write(there, "old");
                let before = contents(&into);
                let result = moved(way, &from, &into, &options(on_conflict), &mut Silent);
                let told = format!("{way:?} {sent} {on_conflict:?} {result:?}");
                assert_eq!(std::fs::read(into.path(there)).unwrap(), b"old", "{told}");
                match result {
                    Err(Error::Conflicts(conflicts)) => {
                        assert_eq!((on_conflict, conflicts.len()), (OnConflict::Abort, 1), "{told}");
                        assert!(contents(&into) == before, "{told}");
                    }
                    Err(_) => panic!("{told}"),
                    Ok(report) => {
                        assert_ne!(on_conflict, OnConflict::Abort, "{told}");
                        assert!(!report.failures.is_empty() || report.skipped.len() == 1, "{told}");
                        assert_eq!(std::fs::read(into.path("t/beside")).unwrap(), b"new", "{told}");
                    }
                }
            }
        }
    }
}

#[test]
fn failures_come_in_the_same_order_every_time() {
    let local = tempfile::tempdir().unwrap();
    for name in ["t/a:b", "t/c/d?", "t/z|", "t/ok", "t/c/ok", "t/large"] {
        write(local.path(), name, name);
    }
    write(local.path(), "t/large", noise(3_000_000));
    std::os::unix::fs::symlink("nowhere", local.path().join("t/c/link")).unwrap();
    let run = || {
        let fixture = Fixture::with(|options| options.file_size_limit = 1_000_000);
        let sources = [local.path().join("missing"), local.path().join("t"), local.path().join("also missing")];
        let report = fixture.client().upload(&sources, &remote("/"), &options(OnConflict::Abort), &mut Silent).unwrap();
        (report.failures, report.skipped)
    };
    let first = run();
    assert_eq!((first.0.len(), first.1.len()), (6, 1), "{first:?}");
    for _ in 0..5 {
        assert_eq!(run(), first);
    }
}

/// The version that a client saw is checked where the new file takes its place: nothing that comes in between is lost.
#[test]
fn what_others_write_while_a_file_is_on_its_way_is_not_replaced_by_it() {
    use common::raw::{Raw, piece};
    use remofile::protocol::digest::digest;
    use remofile::protocol::wire::{Body, Item, Request, Signal};
    let fixture = Fixture::new();
    for size in [4, 2_000_000] {
        for is_changed in [false, true] {
            let path = fixture.write("f", "old");
            let mut client = fixture.client();
            let read = client.open(&remote("/f"), remofile::OpenOptions::new().read(true)).unwrap();
            let replaces = read.version();
            let content = noise(size);
            let mut raw = Raw::connect(&fixture);
            let on_conflict = OnConflict::Abort;
            let request =
                Request::Upload { destination: remote("/"), on_conflict, names: None, group: None, claims: None };
            let operation = raw.request(request);
            raw.until(|header| matches!(header.body, Body::Signal(Signal::Credit { .. })));
            let begin = Item::Begin {
                path: "f".to_owned(),
                size: Some(size as u64),
                modified: Some(remofile::protocol::wire::Timestamp::new(5, 5)),
                mode: None,
                rule: None,
                offset: 0,
                replaces,
            };
            for (number, part) in content.chunks(500_000).enumerate() {
                let begin = (number == 0).then(|| begin.clone());
                raw.data(operation, begin.into_iter().chain([piece(part.len())]).collect(), part);
            }
            // All of the file is on its way or there, and nothing but its end is missing.
            if is_changed {
                std::fs::write(&path, "theirs").unwrap();
            }
            raw.data(operation, vec![Item::End { digest: digest(&content) }], &[]);
            raw.signal(operation, Signal::Finish);
            let stored = raw.outcome(operation).unwrap().unwrap().files;
            assert_eq!(stored, u64::from(!is_changed));
            let expected = if is_changed { b"theirs".to_vec() } else { content };
            assert!(std::fs::read(&path).unwrap() == expected);
        }
    }
    assert!(!fixture.path(".remofile").exists());
}
