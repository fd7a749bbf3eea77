//! The attributes that a dry run tells are those that a run gives, and nothing is told of what has them.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    unreachable_pub,
    reason = "tests look at the disk themselves, and fail by panicking"
)]

use crate::common;

use common::archive::{OWN, make_tree, set_extended, set_mode, set_time};
use common::{Fixture, remote};
use remofile::protocol::wire::{Links, OnConflict};
use remofile::sync::plan::{Action, AttributeChange, Plan};
use remofile::{
    ClientOptions, Event, Monitor, Selection, SendOptions, Silent, SyncOptions, TransferOptions, Wait,
    synchronize_download, synchronize_upload,
};
use std::path::Path;

/// The last plan that was told.
#[derive(Default)]
struct Told(Option<Plan>);

impl Monitor for Told {
    fn report(&mut self, event: Event<'_>) {
        if let Event::Planned { plan } = event {
            self.0 = Some(plan.clone());
        }
    }
}

impl Told {
    /// The paths of what gets attributes, with letters for them, and of all else that a plan has.
    fn lines(self) -> Vec<String> {
        let letters = |change: &AttributeChange| {
            let AttributeChange { kind: _, time, mode, owner, group, acl, extended } = *change;
            [(time, 't'), (mode, 'p'), (owner, 'o'), (group, 'g'), (acl, 'a'), (extended, 'x')]
                .iter()
                .filter_map(|(differs, letter)| differs.then_some(*letter))
                .collect::<String>()
        };
        let line = |step: remofile::sync::plan::Step| match &step.action {
            Action::Attributes(change) => format!("{} {}", step.path, letters(change)),
            Action::Touch(touch) if touch.mode.is_some() => format!("{} p", step.path),
            other => format!("{} {other:?}", step.path),
        };
        let mut lines: Vec<_> = self.0.unwrap().steps.iter().map(line).collect();
        lines.sort_unstable();
        lines
    }
}

fn send() -> SendOptions {
    SendOptions { preserve_mode: true, attributes: OWN, ..SendOptions::default() }
}

fn transfer(dry_run: bool) -> TransferOptions {
    let selection = Selection { links: Links::Keep, ..Selection::default() };
    let on_conflict = OnConflict::Replace;
    TransferOptions { recursive: true, send: send(), selection, dry_run, on_conflict, ..TransferOptions::default() }
}

fn synchronize(dry_run: bool) -> SyncOptions {
    let selection = Selection { links: Links::Keep, ..Selection::default() };
    SyncOptions { send: send(), selection, dry_run, delete: true, ..SyncOptions::default() }
}

/// Changes a tree of [`make_tree`] in each attribute.
fn change(tree: &Path) {
    set_mode(&tree.join("set-user"), 0o4711);
    set_extended(&tree.join("plain"), "user.more", b"x");
    set_time(&tree.join("d/e"), 1);
    set_time(&tree.join("link"), 2);
    set_mode(&tree.join("sticky"), 0o755);
}

const CHANGED: [&str; 5] = ["d/e t", "link t", "plain x", "set-user p", "sticky p"];

#[test]
fn a_dry_run_tells_what_differs_in_either_direction_and_by_either_way() {
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    let (source, back) = (local.path().join("tree"), local.path().join("back"));
    std::fs::create_dir_all(&source).unwrap();
    make_tree(&source);
    let client = || remofile::Client::connect(ClientOptions { wait: Wait::Forever, ..fixture.options() }).unwrap();
    client().upload(&[&source], &remote("/"), &transfer(false), &mut Silent).unwrap();
    let upload = || {
        let mut told = Told::default();
        client().upload(&[&source], &remote("/"), &transfer(true), &mut told).unwrap();
        told.lines().into_iter().map(|line| line.trim_start_matches("tree/").to_owned()).collect::<Vec<_>>()
    };
    let sync_up = |dry_run| {
        let (mut told, options) = (Told::default(), SyncOptions { tells_attributes: true, ..synchronize(dry_run) });
        synchronize_upload(&mut client(), &source, &remote("/tree"), &options, &mut told).unwrap();
        told.lines()
    };
    let sync_down = |dry_run| {
        let (mut told, options) = (Told::default(), SyncOptions { tells_attributes: true, ..synchronize(dry_run) });
        synchronize_download(&mut client(), &remote("/tree"), &back, &options, &mut told).unwrap();
        told.lines()
    };
    sync_down(false);
    assert_eq!((upload(), sync_up(true), sync_down(true)), (Vec::new(), Vec::new(), Vec::new()), "all have theirs");
    change(&source);
    assert_eq!(upload(), CHANGED);
    assert_eq!(sync_up(true), CHANGED);
    assert_eq!(sync_up(false), CHANGED, "told before it is done");
    assert_eq!(sync_up(true), Vec::<String>::new());
    assert_eq!(sync_down(true), CHANGED);
    let mut told = Told::default();
    let options = TransferOptions { dry_run: true, ..transfer(true) };
    std::fs::rename(&back, local.path().join("other")).unwrap();
    std::fs::create_dir(&back).unwrap();
    std::fs::rename(local.path().join("other"), back.join("tree")).unwrap();
    client().download(&[remote("/tree")], &back, &options, &mut told).unwrap();
    let lines: Vec<_> = told.lines().into_iter().map(|line| line.trim_start_matches("tree/").to_owned()).collect();
    assert_eq!(lines, CHANGED);
}

#[test]
fn what_comes_anew_is_told_once_and_attributes_that_are_not_kept_are_not_compared() {
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    let source = local.path().join("tree");
    std::fs::create_dir_all(&source).unwrap();
    make_tree(&source);
    let mut told = Told::default();
    let nothing = SyncOptions { dry_run: true, send: SendOptions::default(), ..synchronize(true) };
    let mut client = fixture.client();
    synchronize_upload(&mut client, &source, &remote("/tree"), &synchronize(true), &mut told).unwrap();
    assert!(told.lines().iter().all(|line| line.contains("Create") || line.contains("Make") || line.contains("Link")));
    client.upload(&[&source], &remote("/"), &transfer(false), &mut Silent).unwrap();
    change(&source);
    let mut told = Told::default();
    synchronize_upload(&mut client, &source, &remote("/tree"), &nothing, &mut told).unwrap();
    assert_eq!(told.lines(), Vec::<String>::new());
}
