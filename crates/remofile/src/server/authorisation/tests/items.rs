//! Items of an upload, taken by an unpacker.

use super::*;
use crate::transfer::{Checked, ItemRules, Unpacker, UnpackerMonitor, UnpackerOptions};
use Right::{Create, Read, Remove, Replace};
use remofile_protocol::digest::{DigestKind, digest};
use remofile_protocol::wire::{Attributes, Item, Kind, OnConflict, Special, Version};
use std::collections::BTreeSet;

/// The number of kinds of items.
const ITEMS: usize = 20;

/// A number for each kind of item below [`ITEMS`]. A new one does not compile until it is here, and the test fails until
/// it is in [`cases`].
fn number(item: &Item) -> usize {
    match item {
        Item::Directory { .. } => 0,
        Item::Begin { .. } => 1,
        Item::Data { .. } => 2,
        Item::End { .. } => 3,
        Item::Abort { .. } => 4,
        Item::Failed { .. } => 5,
        Item::Hole { .. } => 6,
        Item::Compressed { .. } => 7,
        Item::Link { .. } => 8,
        Item::Base { .. } => 9,
        Item::Copy { .. } => 10,
        Item::Move { .. } => 11,
        Item::Remove { .. } => 12,
        Item::Touch { .. } => 13,
        Item::Keep { .. } => 14,
        Item::Place { .. } => 15,
        Item::KeptLink { .. } => 16,
        Item::HardLink { .. } => 17,
        Item::Special { .. } => 18,
        Item::Attributes { .. } => 19,
    }
}

/// Items that come together, and the rights that they take.
struct Case {
    items: Vec<Item>,
    payload: &'static [u8],
    needed: Vec<Right>,
}

fn case(items: Vec<Item>, payload: &'static [u8], needed: &[Right]) -> Case {
    Case { items, payload, needed: needed.to_vec() }
}

fn begin(path: &str, rule: Option<OnConflict>) -> Item {
    let (path, modified) = (path.to_owned(), None);
    Item::Begin { path, size: None, modified, mode: None, rule, offset: 0, replaces: None }
}

/// A file with this content.
fn file(path: &str, rule: Option<OnConflict>) -> Vec<Item> {
    vec![begin(path, rule), Item::Data { length: 3 }, Item::End { digest: digest(b"new") }]
}

fn link(rule: Option<OnConflict>) -> Vec<Item> {
    vec![Item::Link { path: "l".to_owned(), target: "f".to_owned(), rule }]
}

fn kept_link(rule: Option<OnConflict>) -> Vec<Item> {
    vec![Item::KeptLink { path: "l".to_owned(), target: "/elsewhere".to_owned(), rule }]
}

fn hard_link(rule: Option<OnConflict>) -> Vec<Item> {
    vec![Item::HardLink { path: "h".to_owned(), of: "f".to_owned(), rule }]
}

fn special(rule: Option<OnConflict>) -> Vec<Item> {
    vec![Item::Special { path: "p".to_owned(), special: Special::Pipe, modified: None, mode: Some(0o600), rule }]
}

/// Every kind of item, in all ways that matter. `f` is there.
fn cases() -> Vec<Case> {
    let named = |text: &str| text.to_owned();
    let (creating, replacing) = (&[Create][..], &[Create, Replace][..]);
    let in_place_of = Item::Begin {
        path: named("f"),
        size: None,
        modified: None,
        mode: None,
        rule: None,
        offset: 0,
        replaces: Some(Version([1; 16])),
    };
    let made_of_another = vec![
        begin("g", None),
        Item::Base { path: named("f") },
        Item::Copy { offset: 0, length: 3 },
        Item::End { digest: digest(b"old") },
    ];
    let thin = vec![
        begin("g", None),
        Item::Hole { length: 3 },
        Item::Compressed { length: 1, size: 1 },
        Item::Abort { failure: ErrorCode::DiskFailure.into() },
        Item::Failed { failure: ErrorCode::DiskFailure.into() },
    ];
    let mut cases = vec![
        case(vec![Item::Directory { path: named("d"), mode: None }], b"", creating),
        case(vec![Item::Directory { path: named("d"), mode: Some(0o700) }], b"", replacing),
        case(vec![in_place_of, Item::Abort { failure: ErrorCode::DiskFailure.into() }], b"", replacing),
        case(thin, b"z", creating),
        case(made_of_another, b"", &[Create, Read]),
        case(vec![Item::Move { from: named("f"), path: named("g") }], b"", &[Remove, Create]),
        case(vec![Item::Remove { path: named("f") }], b"", &[Remove]),
        case(vec![Item::Touch { path: named("f"), modified: None, mode: Some(0o600) }], b"", &[Replace]),
        case(vec![Item::Attributes { path: named("f"), attributes: mode_of_file() }], b"", &[Replace]),
        case(vec![Item::Attributes { path: String::new(), attributes: mode_of_file() }], b"", &[Replace]),
        case(vec![Item::Keep { path: named("f"), to: named("/kept/f") }], b"", &[Read, Create, Replace]),
    ];
    for rule in [None, Some(OnConflict::Abort), Some(OnConflict::Skip), Some(OnConflict::Rename)] {
        cases.push(case(file("f", rule), b"new", creating));
        cases.push(case(link(rule), b"", creating));
        cases.push(case(kept_link(rule), b"", creating));
        cases.push(case(hard_link(rule), b"", &[Read, Create]));
        cases.push(case(special(rule), b"", creating));
    }
    for rule in [OnConflict::Replace, OnConflict::Newer] {
        cases.push(case(file("f", Some(rule)), b"new", replacing));
        cases.push(case(link(Some(rule)), b"", replacing));
        cases.push(case(kept_link(Some(rule)), b"", replacing));
        cases.push(case(hard_link(Some(rule)), b"", &[Read, Create, Replace]));
        cases.push(case(special(Some(rule)), b"", replacing));
    }
    cases
}

fn mode_of_file() -> Box<Attributes> {
    Box::new(Attributes { mode: Some(0o4600), ..Attributes::of(Kind::File) })
}

#[derive(Default)]
struct Failures(Vec<Failure>);

impl UnpackerMonitor for Failures {
    fn failed(&mut self, failure: Failure, by_sender: bool) {
        if !by_sender {
            self.0.push(failure);
        }
    }
}

/// An unpacker as an upload of protocol 2 has it.
fn unpacker(scene: &Scene) -> Unpacker {
    let options = UnpackerOptions {
        destination: RemotePath::root(),
        on_conflict: OnConflict::Abort,
        file_size_limit: u64::MAX,
        sizes: 0..=u64::MAX,
        permit: Arc::clone(&scene.grant) as Arc<dyn Permit>,
        preserve_mode: true,
        rules: ItemRules::Theirs,
        changes: true,
        digest: DigestKind::Xxh3,
    };
    Unpacker::new(Arc::clone(&scene.grant.store), options, Checked::default()).unwrap()
}

#[test]
fn every_item_is_refused_without_its_rights_and_changes_nothing() {
    let covered: BTreeSet<usize> = cases().iter().flat_map(|case| &case.items).map(number).collect();
    let place = number(&Item::Place { offset: 0, length: 0 });
    let expected = (0..ITEMS).filter(|number| *number != place);
    assert_eq!(covered, expected.collect(), "a place is no item of an upload, and names nothing");
    for rights in every_set() {
        for Case { items, payload, needed } in cases() {
            let (scene, told) = (Scene::new(&rights), format!("{items:?} with {rights:?}"));
            let before = scene.tree();
            let (mut unpacker, mut failures) = (unpacker(&scene), Failures::default());
            unpacker.take(items, payload, &mut failures).unwrap();
            unpacker.finish(&mut failures).unwrap();
            let denials = failures.0.into_iter().filter(|failure| failure.code == ErrorCode::PermissionDenied);
            let denied: Vec<_> = denials.map(|failure| failure.detail.unwrap()).collect();
            // One that is asked about twice is refused for what is missed first.
            let may_miss =
                |denied: &str| needed.iter().any(|right| !rights.contains(right) && denied == denial(*right));
            match missing(&rights, &needed) {
                None => assert_eq!(denied, [""; 0], "{told}"),
                Some(_) => assert!(denied.len() == 1 && may_miss(&denied[0]), "{told}: {denied:?}"),
            }
            assert!(denied.is_empty() || scene.tree() == before, "{told}");
        }
    }
}
