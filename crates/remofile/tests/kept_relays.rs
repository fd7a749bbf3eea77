//! Copies from one server to another that keep what files have beside their contents.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    unreachable_pub,
    reason = "tests look at the disk themselves, and fail by panicking"
)]

use crate::common;

use common::archive::{OWN, make_tree, set_time, tree};
use common::{Fixture, remote, write};
use remofile::protocol::path::NameRule;
use remofile::protocol::wire::{ErrorCode, Links, OnConflict};
use remofile::store::MemoryStore;
use remofile::{
    AttributeSet, Client, ClientOptions, Error, RelayEnd, RelayError, RelaySide, Selection, SendOptions, Server,
    Silent, TransferOptions, TransferReport, foresee_relay, relay,
};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, symlink};
use std::path::Path;
use std::sync::Arc;

fn options() -> TransferOptions {
    let send = SendOptions { preserve_mode: true, hard_links: true, attributes: OWN, ..SendOptions::default() };
    let selection = Selection { links: Links::Keep, devices: true, ..Selection::default() };
    TransferOptions { recursive: true, send, selection, encode_names: true, ..TransferOptions::default() }
}

fn between(
    from: &mut Client,
    to: &mut Client,
    source: &str,
    directory: &str,
    options: &TransferOptions,
) -> Result<TransferReport, RelayError> {
    let ends = [(from, "a:"), (to, "b:")];
    let [from, to] = ends.map(|(client, label)| RelayEnd { client, label: label.to_owned() });
    relay(from, to, &[remote(source)], &remote(directory), options, &mut Silent)
}

fn whole(report: TransferReport) -> TransferReport {
    assert_eq!((&report.failures, &report.skipped), (&Vec::new(), &Vec::new()));
    report
}

fn upload(fixture: &Fixture, source: &Path) {
    whole(fixture.client().upload(&[source], &remote("/"), &options(), &mut Silent).unwrap());
}

fn download(fixture: &Fixture, path: &str, into: &Path) {
    whole(fixture.client().download(&[remote(path)], into, &options(), &mut Silent).unwrap());
}

/// Makes a tree with everything that there is.
fn make_everything(source: &Path) {
    std::fs::create_dir_all(source).unwrap();
    make_tree(source);
    symlink("/etc/passwd", source.join("sticky/out")).unwrap();
    std::fs::hard_link(source.join("plain"), source.join("sticky/second")).unwrap();
    let pipe = source.join("sticky/pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    std::fs::write(source.join("sticky").join(OsStr::from_bytes(b"bad\xff\n:")), "raw").unwrap();
    for (count, name) in ["sticky/out", "sticky/pipe", "sticky", ""].iter().enumerate() {
        set_time(&source.join(name), 1_000_000 + count as i64);
    }
}

#[test]
fn a_tree_with_everything_comes_down_from_the_second_server_as_it_went_up_to_the_first() {
    for names in [[NameRule::Portable; 2], [NameRule::Portable, NameRule::Posix], [NameRule::Posix, NameRule::Portable]]
    {
        let [from, to] = names.map(|names| Fixture::with(|options| options.names = names));
        let local = tempfile::tempdir().unwrap();
        let source = local.path().join("tree");
        make_everything(&source);
        upload(&from, &source);
        let report = whole(between(&mut from.client(), &mut to.client(), "/tree", "/", &options()).unwrap());
        assert!(report.attributes > 0, "{report:?}");
        let back = local.path().join("back");
        std::fs::create_dir(&back).unwrap();
        download(&to, "/tree", &back);
        assert_eq!(tree(&back.join("tree")), tree(&source), "{names:?}");
        let inode = |path: &str| to.path("tree").join(path).metadata().unwrap().ino();
        assert_eq!(inode("plain"), inode("sticky/second"));
        assert!(to.path("tree/sticky/pipe").symlink_metadata().unwrap().file_type().is_fifo());
        // Another run finds all of it.
        let again = between(&mut from.client(), &mut to.client(), "/tree", "/", &options()).unwrap();
        assert_eq!((again.failures.len(), again.attributes, again.bytes), (0, 0, 0), "{again:?}");
    }
}

#[test]
fn attributes_alone_that_changed_pass_as_well() {
    let (from, to, local) = (Fixture::new(), Fixture::new(), tempfile::tempdir().unwrap());
    let source = local.path().join("tree");
    make_everything(&source);
    upload(&from, &source);
    whole(between(&mut from.client(), &mut to.client(), "/tree", "/", &options()).unwrap());
    common::archive::set_mode(&source.join("set-user"), 0o6711);
    set_time(&source.join("d"), 77);
    let replacing = TransferOptions { on_conflict: OnConflict::Replace, ..options() };
    whole(from.client().upload(&[&source], &remote("/"), &replacing, &mut Silent).unwrap());
    let report = whole(between(&mut from.client(), &mut to.client(), "/tree", "/", &replacing).unwrap());
    assert_eq!((report.attributes, report.bytes), (2, 0), "{report:?}");
    let back = local.path().join("back");
    std::fs::create_dir(&back).unwrap();
    download(&to, "/tree", &back);
    assert_eq!(tree(&back.join("tree")), tree(&source));
}

#[test]
fn what_did_not_change_since_an_earlier_copy_becomes_names_of_it() {
    let (from, to) = (Fixture::new(), Fixture::new());
    for name in ["d/same", "d/e/same", "d/other"] {
        from.write(name, name);
    }
    let plain = TransferOptions { recursive: true, ..TransferOptions::default() };
    to.write("monday/keep", "");
    let (mut source, mut destination) = (from.client(), to.client());
    whole(between(&mut source, &mut destination, "/d", "/monday", &plain).unwrap());
    from.write("d/other", "another content");
    to.write("tuesday/keep", "");
    let link_dest = Some(remote("/monday"));
    let linking = TransferOptions { link_dest, ..plain.clone() };
    let report = whole(between(&mut source, &mut destination, "/d", "/tuesday", &linking).unwrap());
    assert_eq!(report.bytes, 15, "{report:?}");
    let inode = |path: &str| to.path(path).metadata().unwrap().ino();
    assert_eq!(inode("monday/d/same"), inode("tuesday/d/same"));
    assert_eq!(inode("monday/d/e/same"), inode("tuesday/d/e/same"));
    assert_ne!(inode("monday/d/other"), inode("tuesday/d/other"));
    assert_eq!(std::fs::read(to.path("tuesday/d/other")).unwrap(), b"another content");
}

#[test]
fn owners_are_refused_before_anything_passes_where_a_server_keeps_none() {
    use remofile::protocol::token::Token;
    let from = Fixture::new();
    from.write("d/f", "content");
    let token = Token::generate();
    let server = Arc::new(Server::with_store(Arc::new(MemoryStore::new()), token.clone()));
    let bound = server.bind(0, Some(common::LOCALHOST)).unwrap();
    let address = bound.addresses()[0];
    let thread = std::thread::spawn(move || bound.serve());
    let mut to = Client::new(ClientOptions::new("127.0.0.1", address.port(), token));
    let with = |attributes| TransferOptions {
        recursive: true,
        send: SendOptions { attributes, ..SendOptions::default() },
        ..TransferOptions::default()
    };
    let refused = between(&mut from.client(), &mut to, "/d", "/", &with(OWN)).unwrap_err();
    assert_eq!(refused.side, RelaySide::Destination);
    assert!(matches!(refused.error, Error::Remote(failure) if failure.code == ErrorCode::Unsupported));
    assert!(to.stat(&remote("/d")).is_err(), "nothing has passed");
    let report = between(&mut from.client(), &mut to, "/d", "/", &with(AttributeSet::TIMES_AND_MODES)).unwrap();
    assert_eq!((report.files, report.failures.len(), report.skipped.len()), (1, 0, 1), "{report:?}");
    server.terminate().unwrap();
    thread.join().unwrap().unwrap();
}

#[test]
fn what_would_pass_is_foreseen_with_special_files_and_encoded_names() {
    let from = Fixture::with(|options| options.names = NameRule::Posix);
    let to = Fixture::new();
    write(from.root(), "d/a:b", "x");
    let (mut source, mut destination) = (from.client(), to.client());
    let ends = [(&mut source, "a:"), (&mut destination, "b:")];
    let [one, other] = ends.map(|(client, label)| RelayEnd { client, label: label.to_owned() });
    let (copies, report) = foresee_relay(one, other, &[remote("/d")], &remote("/"), &options(), &mut Silent).unwrap();
    whole(report);
    let copies: Vec<_> = copies.iter().map(|copy| (copy.source.as_str(), copy.name.as_str())).collect();
    assert_eq!(copies, [("/d/a:b", "d/a\u{201b}3Ab")]);
    assert!(std::fs::read_dir(to.root()).unwrap().next().is_none(), "nothing is changed");
}
