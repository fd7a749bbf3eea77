//! Uploads of large files to a bucket: parts, and what is kept of them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use crate::content::{UNIT, code, noise, stage};
use crate::double::{Double, Faults};
use remofile::protocol::digest::{DigestKind, Digester};
use remofile::protocol::path::RemotePath;
use remofile::protocol::wire::{ErrorCode, Timestamp};
use remofile::store::{Checkpoint, ReadStore, ResumeAt, ResumeStore, StagePlan, Staged, Store, WriteStore};
use remofile_object_store::BucketOptions;
use std::time::{Duration, SystemTime};

fn checkpoint(content: &[u8]) -> Checkpoint {
    let mut digester = Digester::resumable(DigestKind::Xxh3);
    digester.update(content);
    Checkpoint::restore(content.len() as u64, &digester.save().unwrap()).unwrap()
}

/// Uploads the first bytes of a file with a checkpoint behind each nine units and one at their end, and breaks off.
fn break_off(store: &(impl WriteStore + ?Sized), content: &[u8], plan: &StagePlan) {
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
fn resume(store: &(impl Store + ?Sized), plan: &StagePlan) -> (Box<dyn Staged>, usize) {
    let partial = store.partials().unwrap().remove(0);
    let resume = Some(ResumeAt { offset: partial.received, version: partial.version });
    let staged = stage(store, "/file", &StagePlan { resume, ..*plan }).unwrap();
    (staged, usize::try_from(partial.received).unwrap())
}

#[test]
fn each_owner_goes_on_with_its_own_upload_and_who_sees_all_clears_them() {
    let (double, content) = (Double::start(), noise(40 * UNIT));
    let (store, plan) = (double.open(), plan_of(&content));
    let owners = ["scanner", "alice"].map(|owner| store.owned_by(owner).unwrap());
    let path: RemotePath = "/file".parse().unwrap();
    break_off(&*owners[0], &content[..28 * UNIT], &plan);
    assert_eq!((owners[0].partials().unwrap().len(), owners[1].partials().unwrap().len()), (1, 0));
    assert_eq!(store.partials().unwrap().len(), 1);
    assert!(!owners[1].remove_partial(&path).unwrap());
    // Neither ends the other's.
    break_off(&*owners[1], &content[..18 * UNIT], &plan);
    break_off(&store, &content[..9 * UNIT], &plan);
    assert_eq!(store.partials().unwrap().len(), 3);
    for (owner, units) in owners.iter().zip([28, 18]) {
        let (mut staged, from) = resume(&**owner, &plan);
        assert_eq!(from, units * UNIT);
        content[from..].chunks(UNIT).for_each(|piece| staged.write(piece).unwrap());
        staged.retain_partial();
    }
    assert!(store.remove_partial(&path).unwrap());
    let state = double.lock();
    assert!(state.uploads.is_empty() && state.objects.keys().all(|key| !key.contains("uploads/")));
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
        double.lock().faults = Faults::default();
        assert_eq!(double.keys(), [""; 0]);
        let (mut staged, from) = resume(&store, &plan);
        assert!(from >= 27 * UNIT, "{from}");
        staged.write(&content[from..]).unwrap();
        staged.commit().unwrap();
        assert!(double.content("file") == content);
    }
}

#[test]
fn an_upload_whose_end_was_not_answered_is_told_as_what_it_is() {
    let content = noise(40 * UNIT);
    let plan = StagePlan { replace: true, ..plan_of(&content) };
    for is_there in [false, true] {
        let double = Double::start();
        let store = double.open();
        // What is there has the same size and time: only that it was replaced tells the one from the other.
        if is_there {
            let mut staged = stage(&store, "/file", &plan).unwrap();
            staged.write(&vec![0; content.len()]).unwrap();
            staged.commit().unwrap();
        }
        let before = is_there.then(|| double.content("file"));
        let mut staged = stage(&store, "/file", &plan).unwrap();
        staged.write(&content).unwrap();
        // Another tool gives it up, so that nothing is made of it.
        double.lock().uploads.clear();
        assert_eq!(code(staged.commit()), Some(ErrorCode::PartialChanged));
        assert_eq!(before, double.keys().first().map(|key| double.content(key)));

        let mut staged = stage(&store, "/file", &plan).unwrap();
        staged.write(&content).unwrap();
        double.lock().faults.loses_ends = 1;
        staged.commit().unwrap();
        assert!(double.content("file") == content);
        let state = double.lock();
        assert_eq!(state.faults.loses_ends, 0);
        assert!(state.objects.keys().all(|key| !key.contains("uploads/")));
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
fn bytes_that_belong_to_no_record_are_cleared_when_they_are_old() {
    let content = noise(30 * UNIT);
    let (double, plan) = (Double::start(), plan_of(&content));
    let store = double.open();
    break_off(&store, &content[..20 * UNIT], &plan);
    double.lock().objects.retain(|key, _| key.ends_with(".tail"));
    double.lock().uploads.clear();
    assert_eq!(store.expire_partials(Duration::ZERO).unwrap(), 0, "its record may be under way");
    (0..30).for_each(|_| double.age());
    assert_eq!(store.expire_partials(Duration::ZERO).unwrap(), 1);
    assert!(double.lock().objects.is_empty());
}

#[test]
fn partials_that_are_not_old_are_not_looked_at_one_by_one() {
    let content = noise(30 * UNIT);
    let (double, plan) = (Double::start(), plan_of(&content));
    let store = double.open();
    for number in 0..20 {
        let mut staged = stage(&store, &format!("/{number}"), &plan).unwrap();
        staged.write(&content[..20 * UNIT]).unwrap();
        staged.checkpoint(checkpoint(&content[..20 * UNIT]));
        staged.retain_partial();
    }
    double.lock().requests.clear();
    assert_eq!(store.expire_partials(Duration::from_secs(3600)).unwrap(), 0);
    assert_eq!(double.lock().requests.len(), 2, "a list of records, and one of uploads");
    assert_eq!(store.expire_partials(Duration::ZERO).unwrap(), 20);
    assert!(double.lock().uploads.is_empty() && double.lock().objects.is_empty());
}

#[test]
fn of_two_uploads_to_one_path_the_end_of_one_leaves_the_other_under_way() {
    let content = noise(30 * UNIT);
    let (double, plan) = (Double::start(), plan_of(&content));
    let store = double.open();
    let first = stage(&store, "/file", &plan).unwrap();
    let mut second = stage(&store, "/file", &plan).unwrap();
    second.write(&content[..20 * UNIT]).unwrap();
    second.checkpoint(checkpoint(&content[..20 * UNIT]));
    drop(first);
    assert!(store.partials().unwrap().is_empty());
    assert_eq!(store.expire_partials(Duration::ZERO).unwrap(), 0);
    second.write(&content[20 * UNIT..]).unwrap();
    second.commit().unwrap();
    assert!(double.content("file") == content);
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
fn a_part_takes_as_long_as_a_slow_line_needs_and_is_sent_once() {
    let double = Double::start();
    let options = BucketOptions { answer_timeout: Duration::from_millis(100), ..double.options() };
    let store = double.open_with(options).unwrap();
    let content = noise(20 * UNIT);
    let mut staged = stage(&store, "/file", &plan_of(&content)).unwrap();
    double.lock().faults.mute_key = Some("silent");
    std::thread::scope(|scope| {
        // The service says nothing to it, three times for as long as it may when it was asked for little.
        scope.spawn(|| store.stat(&RemotePath::parse("/silent").unwrap()));
        staged.write(&content).unwrap();
        staged.commit().unwrap();
    });
    assert_eq!(double.content("file"), content);
    let parts = double.lock().requests.iter().filter(|request| request.contains("partNumber=1&")).count();
    assert_eq!(parts, 1);
}
