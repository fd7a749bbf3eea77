//! Files that are kept as they are: names of any bytes, links whatever they lead to, second names, special files. What
//! is uploaded and fetched again differs in nothing from what it was, by whichever way it went.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    unreachable_pub,
    reason = "tests look at the disk themselves, and fail by panicking"
)]

use crate::common;

use common::{Fixture, remote, write};
use remofile::protocol::path::NameRule;
use remofile::protocol::wire::{ErrorCode, Links, OnConflict, SendOptions};
use remofile::{
    Client, ClientOptions, Selection, Silent, SyncOptions, TransferOptions, TransferReport, Wait, synchronize_download,
    synchronize_upload,
};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, symlink};
use std::path::{Path, PathBuf};

/// The way that a tree goes to the server and comes back.
#[derive(Debug, Clone, Copy)]
enum Way {
    Transfer,
    Sync,
}

const WAYS: [Way; 2] = [Way::Transfer, Way::Sync];

fn selection() -> Selection {
    Selection { links: Links::Keep, devices: true, ..Selection::default() }
}

fn send() -> SendOptions {
    SendOptions { hard_links: true, preserve_mode: true, ..SendOptions::default() }
}

fn transfer() -> TransferOptions {
    let (selection, send, on_conflict) = (selection(), send(), OnConflict::Replace);
    TransferOptions { recursive: true, selection, send, on_conflict, encode_names: true, ..TransferOptions::default() }
}

fn synchronize() -> SyncOptions {
    let (selection, send) = (selection(), send());
    SyncOptions { selection, send, delete: true, encode_names: true, ..SyncOptions::default() }
}

fn failures(report: &TransferReport) -> Vec<(String, ErrorCode)> {
    let of = |failure: &remofile::protocol::wire::Failure| (failure.path.clone().unwrap_or_default(), failure.code);
    report.failures.iter().chain(&report.skipped).map(of).collect()
}

/// A client that waits: the lease of a sync ends a moment after it.
fn client(fixture: &Fixture) -> Client {
    Client::connect(ClientOptions { wait: Wait::Forever, ..fixture.options() }).unwrap()
}

/// Uploads `tree`, a directory in `local`, to `/tree`. Returns what failed and the number of changes of a sync.
fn up(fixture: &Fixture, local: &Path, way: Way) -> (Vec<(String, ErrorCode)>, u64) {
    let (mut client, source) = (client(fixture), local.join("tree"));
    match way {
        Way::Transfer => {
            let report = client.upload(&[&source], &remote("/"), &transfer(), &mut Silent).unwrap();
            (failures(&report), 0)
        }
        Way::Sync => {
            let to = remote("/tree");
            let report = synchronize_upload(&mut client, &source, &to, &synchronize(), &mut Silent).unwrap();
            (failures(&report.transfer), report.plan.steps.len() as u64)
        }
    }
}

/// Fetches `/tree` into `local`.
fn down(fixture: &Fixture, local: &Path, way: Way) -> (Vec<(String, ErrorCode)>, u64) {
    let mut client = client(fixture);
    match way {
        Way::Transfer => {
            let report = client.download(&[remote("/tree")], local, &transfer(), &mut Silent).unwrap();
            (failures(&report), 0)
        }
        Way::Sync => {
            let (from, to) = (remote("/tree"), local.join("tree"));
            let report = synchronize_download(&mut client, &from, &to, &synchronize(), &mut Silent).unwrap();
            (failures(&report.transfer), report.plan.steps.len() as u64)
        }
    }
}

/// All there is below a directory, by names as the disk has them; files of several names have the first of these.
fn everything(root: &Path) -> BTreeMap<PathBuf, String> {
    let (mut all, mut pending, mut names) = (BTreeMap::new(), vec![root.to_owned()], BTreeMap::new());
    while let Some(directory) = pending.pop() {
        let mut paths: Vec<PathBuf> =
            std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        for path in paths.into_iter().filter(|path| path.file_name() != Some(OsStr::new(".remofile"))) {
            let metadata = path.symlink_metadata().unwrap();
            let (below, kind) = (path.strip_prefix(root).unwrap().to_owned(), metadata.file_type());
            let what = if kind.is_dir() {
                pending.push(path);
                "directory".to_owned()
            } else if kind.is_symlink() {
                format!("-> {:?}", path.read_link().unwrap())
            } else if kind.is_file() {
                let group: &mut Vec<PathBuf> = names.entry(metadata.ino()).or_default();
                group.push(below.clone());
                format!("{:?} of {} names", std::fs::read(&path).unwrap(), metadata.nlink())
            } else {
                format!("{kind:?} {} {:o}", metadata.rdev(), metadata.mode())
            };
            all.insert(below, what);
        }
    }
    for group in names.into_values().filter(|group| group.len() > 1) {
        let mut group = group;
        group.sort();
        for name in &group {
            all.insert(name.clone(), format!("{} shared by {group:?}", all[name]));
        }
    }
    all
}

fn named(directory: &Path, bytes: &[u8]) -> PathBuf {
    directory.join(OsStr::from_bytes(bytes))
}

/// Names that the protocol has no room for, that portable names must not have, or that look like encoded ones.
fn plant_names(tree: &Path) {
    let names: [&[u8]; 13] = [
        b"line\nfeed",
        b"tab\t",
        b"\x7f",
        b"caf\xe9",
        b"\xff\xfe",
        b"back\\slash",
        b"Foo::Bar",
        b"what?",
        b"a*b|c<d>\"",
        "‛".as_bytes(),
        "‛0A".as_bytes(),
        "a\u{85}b".as_bytes(),
        "メモ：␊".as_bytes(),
    ];
    for name in names {
        std::fs::create_dir_all(named(tree, name)).unwrap();
        std::fs::write(named(&named(tree, name), name), name).unwrap();
    }
    std::fs::write(tree.join("plain"), "plain").unwrap();
}

fn plant_links(tree: &Path) {
    write(tree, "dir/file", "content");
    let long = "x/".repeat(2047);
    for (name, target) in [
        ("absolute", "/etc/passwd"),
        ("out", "../../../etc"),
        ("dangling", "nothing"),
        ("itself", "itself"),
        ("inside", "dir/file"),
        ("directory", "dir"),
        ("up-again", "dir/../dir/file"),
        ("staging", ".remofile/x"),
        ("long", &long),
    ] {
        symlink(target, tree.join(name)).unwrap();
    }
    symlink(OsStr::from_bytes(b"caf\xe9\n"), tree.join("raw")).unwrap();
}

fn plant_special(tree: &Path) {
    std::fs::create_dir_all(tree).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        tree.join("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o640),
        0,
    )
    .unwrap();
    drop(std::os::unix::net::UnixListener::bind(tree.join("socket")).unwrap());
}

/// Takes a tree there and back, twice; the second time there is nothing to do.
fn there_and_back(way: Way, rule: NameRule, plant: &dyn Fn(&Path)) {
    let (local, back) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let fixture = Fixture::with(|options| options.names = rule);
    let tree = local.path().join("tree");
    plant(&tree);
    let expected = everything(&tree);
    for round in 0..2 {
        let (failed, steps) = up(&fixture, local.path(), way);
        assert_eq!(failed, [], "{way:?} {rule:?} {round}");
        assert_eq!(steps > 0, round == 0 && matches!(way, Way::Sync), "{way:?} {rule:?} {round} up");
        let (failed, steps) = down(&fixture, back.path(), way);
        assert_eq!(failed, [], "{way:?} {rule:?} {round}");
        assert_eq!(steps > 0, round == 0 && matches!(way, Way::Sync), "{way:?} {rule:?} {round} down");
        assert_eq!(everything(&back.path().join("tree")), expected, "{way:?} {rule:?} {round}");
    }
}

#[test]
fn names_of_any_bytes_come_back() {
    for way in WAYS {
        for rule in [NameRule::Portable, NameRule::Posix] {
            there_and_back(way, rule, &plant_names);
        }
    }
}

#[test]
fn links_come_back_whatever_they_lead_to() {
    for way in WAYS {
        there_and_back(way, NameRule::Portable, &plant_links);
    }
}

#[test]
fn special_files_come_back() {
    for way in WAYS {
        there_and_back(way, NameRule::Portable, &plant_special);
    }
}

#[test]
fn second_names_come_back() {
    let plant = |tree: &Path| {
        write(tree, "a/one", "shared");
        write(tree, "a/alone", "alone");
        std::fs::create_dir_all(tree.join("b")).unwrap();
        std::fs::hard_link(tree.join("a/one"), tree.join("a/two")).unwrap();
        std::fs::hard_link(tree.join("a/one"), tree.join("b/three")).unwrap();
    };
    for way in WAYS {
        there_and_back(way, NameRule::Portable, &plant);
    }
}

#[test]
fn a_name_that_is_too_long_when_it_is_encoded_fails_alone() {
    let (local, fixture) = (tempfile::tempdir().unwrap(), Fixture::new());
    write(local.path(), "tree/good", "good");
    std::fs::write(named(&local.path().join("tree"), &[b'\n'; 60]), "").unwrap();
    for way in WAYS {
        let (failed, _) = up(&fixture, local.path(), way);
        assert!(matches!(&failed[..], [(_, ErrorCode::InvalidName)]), "{failed:?}");
        assert!(fixture.path("tree/good").exists());
    }
}

#[test]
fn without_them_being_asked_for_all_are_told_and_nothing_else_is_lost() {
    let (local, fixture) = (tempfile::tempdir().unwrap(), Fixture::new());
    let tree = local.path().join("tree");
    write(&tree, "good", "good");
    plant_special(&tree);
    symlink("/etc", tree.join("out")).unwrap();
    std::fs::write(named(&tree, b"bad\xff"), "").unwrap();
    let options = TransferOptions { recursive: true, ..TransferOptions::default() };
    let report = client(&fixture).upload(&[&tree], &remote("/"), &options, &mut Silent).unwrap();
    assert_eq!((report.failures.len(), report.skipped.len()), (1, 3), "{:?}", failures(&report));
    assert!(fixture.path("tree/good").exists());
}

#[test]
fn a_name_that_the_server_has_and_does_not_admit_is_told_with_what_fetches_it() {
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    fixture.write("tree/a:b", "content");
    let report = synchronize_download(
        &mut client(&fixture),
        &remote("/tree"),
        &local.path().join("sync"),
        &synchronize(),
        &mut Silent,
    );
    let failure = report.unwrap().transfer.failures.remove(0).to_string();
    for part in ["\"a:b\"", "a\u{201b}3Ab", "--names posix", "'remofile download --archive'"] {
        assert!(failure.contains(part), "{failure}");
    }
    assert!(!failure.contains("quote character"), "{failure}");
    client(&fixture).download(&[remote("/tree")], local.path(), &transfer(), &mut Silent).unwrap();
    assert_eq!(std::fs::read(local.path().join("tree/a:b")).unwrap(), b"content");
    let without = |rule: &str| Selection { rules: vec![rule.to_owned()], ..selection() };
    let leaving_out = TransferOptions { selection: without("a:*"), ..transfer() };
    let elsewhere = local.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    client(&fixture).download(&[remote("/tree")], &elsewhere, &leaving_out, &mut Silent).unwrap();
    assert_eq!(std::fs::read_dir(elsewhere.join("tree")).unwrap().count(), 0, "it was excluded");
    let leaving_out = SyncOptions { selection: without("a:b"), ..synchronize() };
    let report = synchronize_download(&mut client(&fixture), &remote("/tree"), &elsewhere, &leaving_out, &mut Silent);
    assert_eq!(report.unwrap().transfer.failure_count(), 0);
}

#[test]
fn what_only_the_destination_has_may_have_any_name_unless_it_is_to_be_deleted() {
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    fixture.write("tree/plain", "");
    fixture.write("tree/a:b", "");
    write(local.path(), "tree/plain", "");
    std::fs::write(named(&local.path().join("tree"), b"bad\xff"), "").unwrap();
    let below = local.path().join("tree");
    for delete in [false, true] {
        let options = SyncOptions { delete, selection: Selection::default(), ..SyncOptions::default() };
        let mut client = client(&fixture);
        let empty = local.path().join("empty");
        std::fs::create_dir_all(&empty).unwrap();
        let up = synchronize_upload(&mut client, &empty, &remote("/tree"), &options, &mut Silent).unwrap();
        let down = synchronize_download(&mut client, &remote("/"), &below, &options, &mut Silent).unwrap();
        let failed = [up, down].map(|report| report.transfer.failure_count() > 0);
        assert_eq!(failed, [false, delete]);
    }
    assert!(named(&below, b"bad\xff").exists());
}

#[test]
fn rules_mean_names_as_they_are_on_the_disk() {
    let (local, fixture) = (tempfile::tempdir().unwrap(), Fixture::new());
    for name in ["Foo::Bar", "Foo::Baz", "plain"] {
        write(local.path(), &format!("tree/{name}"), name);
    }
    let rules = vec!["*::Bar".to_owned()];
    let options = TransferOptions { selection: Selection { rules, ..selection() }, ..transfer() };
    client(&fixture).upload(&[local.path().join("tree")], &remote("/"), &options, &mut Silent).unwrap();
    let names: Vec<PathBuf> = everything(&fixture.path("tree")).into_keys().collect();
    assert_eq!(names, [PathBuf::from("Foo‛3A‛3ABaz"), PathBuf::from("plain")]);
}

#[test]
fn a_link_that_was_kept_is_never_written_through() {
    let (local, outside, fixture) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), Fixture::new());
    let tree = local.path().join("tree");
    std::fs::create_dir(&tree).unwrap();
    symlink(outside.path(), tree.join("way")).unwrap();
    for way in WAYS {
        assert_eq!(up(&fixture, local.path(), way).0, []);
    }
    // Neither by the server...
    let mut client = client(&fixture);
    let file = write(local.path(), "file", "x");
    let report = client.upload(&[file], &remote("/tree/way"), &TransferOptions::default(), &mut Silent);
    assert!(report.is_err(), "{report:?}");
    assert!(client.make_directory(&remote("/tree/way/new"), false, true).is_err());
    // ... nor by a client that has the link of an earlier download.
    let back = tempfile::tempdir().unwrap();
    assert_eq!(down(&fixture, back.path(), Way::Transfer).0, []);
    std::fs::remove_file(fixture.path("tree/way")).unwrap();
    write(fixture.root(), "tree/way/stolen", "x");
    let (failed, _) = down(&fixture, back.path(), Way::Transfer);
    assert!(!failed.is_empty());
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
}

#[test]
fn a_special_file_is_never_opened() {
    let (local, fixture) = (tempfile::tempdir().unwrap(), Fixture::new());
    plant_special(&local.path().join("tree"));
    // To open the pipe would wait for a writer without end.
    for way in WAYS {
        assert_eq!(up(&fixture, local.path(), way).0, []);
    }
    assert!(fixture.path("tree/pipe").symlink_metadata().unwrap().file_type().is_fifo());
    assert!(fixture.path("tree/socket").symlink_metadata().unwrap().file_type().is_socket());
}

#[test]
fn a_file_that_is_replaced_at_one_name_stays_what_it_was_at_the_other() {
    let (local, fixture) = (tempfile::tempdir().unwrap(), Fixture::new());
    let tree = local.path().join("tree");
    write(&tree, "one", "first");
    std::fs::hard_link(tree.join("one"), tree.join("two")).unwrap();
    for way in WAYS {
        assert_eq!(up(&fixture, local.path(), way).0, []);
        let one = write(local.path(), "one", "other");
        client(&fixture).upload(&[one], &remote("/tree"), &transfer(), &mut Silent).unwrap();
        assert_eq!(std::fs::read_to_string(fixture.path("tree/two")).unwrap(), "first", "{way:?}");
        assert_eq!(std::fs::read_to_string(fixture.path("tree/one")).unwrap(), "other", "{way:?}");
    }
}

#[test]
fn what_did_not_change_since_an_earlier_upload_becomes_another_name_of_it() {
    let (local, fixture) = (tempfile::tempdir().unwrap(), Fixture::new());
    let tree = local.path().join("tree");
    for name in ["same", "changed", "sub/same"] {
        write(&tree, name, name);
    }
    for day in ["monday", "tuesday", "wednesday", "sync"] {
        std::fs::create_dir(fixture.path(day)).unwrap();
    }
    let mut client = client(&fixture);
    client.upload(&[&tree], &remote("/monday"), &transfer(), &mut Silent).unwrap();
    write(&tree, "changed", "changed since");
    let inode = |path: &str| fixture.path(path).metadata().unwrap().ino();
    let options = TransferOptions { link_dest: Some(remote("/monday")), ..transfer() };
    let report = client.upload(&[&tree], &remote("/tuesday"), &options, &mut Silent).unwrap();
    assert_eq!(failures(&report), []);
    let earlier = SyncOptions { link_dest: Some(remote("/monday/tree")), ..synchronize() };
    let report = synchronize_upload(&mut client, &tree, &remote("/sync/tree"), &earlier, &mut Silent).unwrap();
    assert_eq!(failures(&report.transfer), []);
    for day in ["tuesday", "sync"] {
        for name in ["same", "sub/same"] {
            assert_eq!(inode(&format!("{day}/tree/{name}")), inode(&format!("monday/tree/{name}")), "{day} {name}");
        }
        assert_eq!(std::fs::read_to_string(fixture.path(&format!("{day}/tree/changed"))).unwrap(), "changed since");
    }
    assert_eq!(std::fs::read_to_string(fixture.path("monday/tree/changed")).unwrap(), "changed");
    // Of an earlier upload that is not there nothing is linked, everything is sent, and that is told.
    let options = TransferOptions { link_dest: Some(remote("/sunday")), ..transfer() };
    let report = client.upload(&[&tree], &remote("/wednesday"), &options, &mut Silent).unwrap();
    assert_eq!(failures(&report), [("/sunday".to_owned(), ErrorCode::NotFound)]);
    assert!(fixture.path("wednesday/tree/sub/same").exists());
}
