//! Holes that other programs of this kind had and published, tried here: see the table in docs/security.md.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    unreachable_pub,
    reason = "tests look at the disk themselves, and fail by panicking"
)]
#![cfg(unix)]

use crate::common;

use common::raw::{Raw, listen, upload_to};
use common::{AtFirst, Fixture, LOCALHOST, noise, remote, visible, write};
use remofile::protocol::digest::digest;
use remofile::protocol::path::FileName;
use remofile::protocol::token::Token;
use remofile::protocol::wire::{
    Body, Done, Element, Entry, ErrorCode, Found, Header, Item, Kind, OnConflict, Request, Selected, Signal, Timestamp,
};
use remofile::store::{LocalStore, ResumeStore, StagePlan, Staged, StoreOptions, StoreResult, WriteStore};
use remofile::{
    Client, ClientOptions, LiveTokens, RetryOptions, SendOptions, Server, Silent, TokenEntry, TransferOptions,
    TransferReport,
};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

/// More than one operation has under way, so that what comes behind is not looked at before the first bytes have moved.
const MORE_THAN_CREDIT: usize = 20 * 1024 * 1024;

fn options() -> TransferOptions {
    TransferOptions {
        recursive: true,
        on_conflict: OnConflict::Replace,
        retry: RetryOptions::NEVER,
        ..TransferOptions::default()
    }
}

fn mode(path: &Path) -> u32 {
    path.symlink_metadata().unwrap().permissions().mode() & 0o7777
}

fn found(name: &str, kind: Kind, size: u64, modified: Timestamp) -> Element {
    let path = remote("/").join(name).unwrap();
    Element::Found(Found {
        name: name.to_owned(),
        entry: Entry { path, kind, size, modified, mode: None, unflushed: false },
    })
}

/// Downloads `/t` from a server that finds these elements and sends these items. Returns the report, and what the
/// client told that it wants and has.
fn download(
    into: &Path,
    options: &TransferOptions,
    elements: Vec<Element>,
    items: Vec<Item>,
) -> (remofile::Result<TransferReport>, Vec<Selected>) {
    let token = Token::generate();
    let own = token.clone();
    let (tell, told) = std::sync::mpsc::channel();
    let (address, server) = listen(move |stream| {
        let mut raw = Raw::accept(stream, &own);
        while let Some((header, _)) = raw.find(|_| true) {
            let operation = header.operation;
            match header.body {
                Body::Request(Request::Find { .. }) => {
                    let payload: Vec<u8> = elements.iter().flat_map(|found| minicbor::to_vec(found).unwrap()).collect();
                    raw.send(&Header::signal(operation, Signal::Entries), &payload);
                    raw.signal(operation, Signal::Done { done: Done::default() });
                }
                Body::Signal(Signal::Select { files }) => tell.send(files).unwrap(),
                // Where nothing is in the way, all comes without a choice.
                Body::Request(Request::Download { sources, .. }) if sources.is_empty() => {}
                Body::Request(Request::Download { .. }) | Body::Signal(Signal::Finish) => {
                    raw.data(operation, items.clone(), b"");
                    raw.signal(operation, Signal::Done { done: Done::default() });
                }
                _ => {}
            }
        }
    });
    let mut client = Client::new(ClientOptions::new("127.0.0.1", address.port(), token));
    let result = client.download(&[remote("/t")], into, options, &mut Silent);
    drop(client);
    server.join().unwrap();
    (result, told.into_iter().flatten().collect())
}

/// CVE-2024-12086: a server learned what files of the client have in them, by links it had the client follow.
#[test]
fn a_server_learns_nothing_of_what_a_link_in_the_destination_leads_to() {
    let (into, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let secret = write(outside.path(), "secret", noise(4));
    let metadata = secret.metadata().unwrap();
    let modified = {
        use std::os::unix::fs::MetadataExt;
        Timestamp::new(metadata.mtime(), u32::try_from(metadata.mtime_nsec()).unwrap())
    };
    std::fs::create_dir(into.path().join("t")).unwrap();
    symlink(outside.path(), into.path().join("t/away")).unwrap();
    symlink(&secret, into.path().join("t/file")).unwrap();
    // What has this size and this time counts as there already: whether it is, is what the server would like to know.
    for (size, when) in [(4, modified), (5, modified), (4, Timestamp::new(5, 0))] {
        for rule in [OnConflict::Abort, OnConflict::Skip, OnConflict::Replace, OnConflict::Newer] {
            let elements = vec![
                found("t", Kind::Directory, 0, when),
                found("t/away/secret", Kind::File, size, when),
                found("t/away/nothing", Kind::File, size, when),
                found("t/file", Kind::File, size, when),
            ];
            let options = TransferOptions { on_conflict: rule, ..options() };
            let (result, told) = download(into.path(), &options, elements, Vec::new());
            let shown = format!("{size} {rule:?} {result:?} {told:?}");
            assert!(told.iter().all(|selected| selected.known.is_none() && selected.parts.is_empty()), "{shown}");
            // What is there and what is not there have the same answer.
            let asked = |name: &str| told.iter().any(|selected| selected.name == name);
            assert_eq!(asked("t/away/secret"), asked("t/away/nothing"), "{shown}");
            assert!(result.map_or(true, |report| report.present == 0), "{shown}");
        }
    }
    assert_eq!(std::fs::read(&secret).unwrap(), noise(4));
}

/// CVE-2024-12085: a server sent memory that nobody had written for this.
#[test]
fn nothing_else_is_sent_in_the_place_of_what_a_file_has_lost() {
    const MIB: u64 = 1024 * 1024;
    let fixture = Fixture::new();
    fixture.write("secret", vec![b'S'; 4 * MIB as usize]);
    fixture.write("file", vec![b'N'; 8 * MIB as usize]);
    let mut raw = Raw::connect(&fixture);
    // Through the buffers of this session goes something else first.
    let operation = raw.hold_read("/secret", 16 * MIB);
    raw.outcome(operation).unwrap().unwrap();
    let operation = raw.hold_read("/file", MIB);
    let (mut received, mut aborted, mut is_cut, mut is_over) = (0, None, false, false);
    while !is_over {
        let (header, payload) = raw.until(|_| true);
        assert!(payload.iter().all(|byte| *byte == b'N'), "something else behind {received} bytes");
        received += payload.len() as u64;
        match header.body {
            Body::Signal(Signal::Data { items }) => {
                aborted = aborted.or(items.into_iter().find_map(|item| match item {
                    Item::Abort { failure } => Some(failure.code),
                    _ => None,
                }));
                if !std::mem::replace(&mut is_cut, true) {
                    let file = std::fs::File::options().write(true).open(fixture.path("file")).unwrap();
                    file.set_len(received + 100).unwrap();
                    raw.signal(operation, Signal::Credit { bytes: 16 * MIB });
                }
            }
            Body::Signal(Signal::Done { .. } | Signal::Failed { .. }) => is_over = true,
            _ => {}
        }
    }
    assert!(aborted == Some(ErrorCode::SourceChanged) && received <= 2 * MIB, "{received} {aborted:?}");
}

/// CVE-2026-35385: scp as root kept the set-user-ID bits that a server sent.
#[test]
fn set_user_id_bits_that_come_are_not_set_on_either_side() {
    let begin = |path: &str| Item::Begin {
        path: path.to_owned(),
        size: Some(0),
        modified: None,
        mode: Some(0o7755),
        rule: Some(OnConflict::Replace),
        offset: 0,
        replaces: None,
    };
    let end = Item::End { digest: digest(b"") };
    let items = |top: &str| {
        let directory = Item::Directory { path: format!("{top}d"), mode: Some(0o7755) };
        vec![directory, begin(&format!("{top}file")), end.clone(), begin(&format!("{top}d/file")), end.clone()]
    };
    let into = tempfile::tempdir().unwrap();
    let send = SendOptions { preserve_mode: true, ..SendOptions::default() };
    let elements = ["t/d", "t/file", "t/d/file"].map(|name| {
        let kind = if name == "t/d" { Kind::Directory } else { Kind::File };
        found(name, kind, 0, Timestamp::new(5, 0))
    });
    let (result, _) = download(into.path(), &TransferOptions { send, ..options() }, elements.to_vec(), items("t/"));
    assert_eq!(result.unwrap().files, 2);
    let fixture = Fixture::new();
    let mut raw = Raw::connect(&fixture);
    let operation = raw.request(upload_to("/"));
    raw.data(operation, items(""), b"");
    raw.signal(operation, Signal::Finish);
    assert_eq!(raw.outcome(operation).unwrap().unwrap().files, 2);
    for top in [into.path().join("t"), fixture.root().to_owned()] {
        for name in ["d", "file", "d/file"] {
            assert_eq!(mode(&top.join(name)), 0o755, "{name}");
        }
    }
}

/// Puts a link in a directory's place when the first content moves.
fn swapping(top: &Path) -> AtFirst<impl FnOnce() + use<>> {
    let top = top.to_owned();
    AtFirst::transferred(move || {
        std::fs::rename(top.join("d"), top.join("z")).unwrap();
        symlink("../outside", top.join("d")).unwrap();
    })
}

/// CVE-2026-53797 and CVE-2024-12747: a sender sent what was outside of its source.
#[test]
fn who_swaps_a_directory_for_a_link_during_an_upload_has_nothing_else_sent() {
    let (outer, fixture) = (tempfile::tempdir().unwrap(), Fixture::new());
    write(outer.path(), "t/a", noise(MORE_THAN_CREDIT));
    write(outer.path(), "t/d/file", "own");
    write(outer.path(), "t/d/sub/file", "own");
    write(outer.path(), "outside/file", "secret");
    write(outer.path(), "outside/sub/file", "secret");
    let top = outer.path().join("t");
    let result = fixture.client().upload(&[&top], &remote("/"), &options(), &mut swapping(&top));
    assert!(top.join("d").is_symlink(), "nothing was swapped: {result:?}");
    for name in visible(fixture.root()).into_iter().filter(|name| name.ends_with("file")) {
        assert_eq!(std::fs::read(fixture.path(&name)).unwrap(), b"own", "{name}");
    }
}

/// CVE-2026-29518, CVE-2026-53796: a receiver wrote outside of its destination.
#[test]
fn who_swaps_a_directory_for_a_link_during_a_download_has_nothing_written_elsewhere() {
    let (outer, fixture) = (tempfile::tempdir().unwrap(), Fixture::new());
    fixture.write("t/a", noise(MORE_THAN_CREDIT));
    for name in ["t/d/file", "t/d/new", "t/d/sub/file"] {
        fixture.write(name, "sent");
    }
    for name in ["t/d/file", "t/d/sub/file", "outside/file", "outside/sub/file"] {
        write(outer.path(), name, "mine");
    }
    let top = outer.path().join("t");
    let result = fixture.client().download(&[remote("/t")], outer.path(), &options(), &mut swapping(&top));
    assert!(top.join("d").is_symlink(), "nothing was swapped: {result:?}");
    let outside = outer.path().join("outside");
    assert_eq!(visible(&outside), ["file", "sub", "sub/file"], "{result:?}");
    for name in ["file", "sub/file"] {
        assert_eq!(std::fs::read(outside.join(name)).unwrap(), b"mine", "{name} {result:?}");
    }
}

/// CVE-2026-70460: what a server keeps aside was written through a link in its place.
#[test]
fn a_link_in_the_place_of_the_staging_directory_leads_nobody_out() {
    for kind in ["uploads", "downloads"] {
        let (outside, here, fixture) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), Fixture::new());
        write(outside.path(), "kept", "theirs");
        let (from, to) = match kind {
            "uploads" => (here.path(), fixture.root()),
            _ => (fixture.root(), here.path()),
        };
        symlink(outside.path(), to.join(".remofile")).unwrap();
        write(from, "t/small", "new");
        write(from, "t/large", noise(3 * 1024 * 1024));
        write(to, "t/small", "old");
        let away = outside.path().to_owned();
        let mut looking = AtFirst::transferred(move || assert_eq!(visible(&away), ["kept"]));
        let mut client = fixture.client();
        let result = match kind {
            "uploads" => client.upload(&[here.path().join("t")], &remote("/"), &options(), &mut looking),
            _ => client.download(&[remote("/t")], here.path(), &options(), &mut looking),
        };
        // Whether the files arrive without a place to stage them or fail, nothing of it is elsewhere.
        assert_eq!(visible(outside.path()), ["kept"], "{kind} {result:?}");
        assert_eq!(std::fs::read(outside.path().join("kept")).unwrap(), b"theirs");
        let small = std::fs::read_to_string(to.join("t/small")).unwrap();
        assert!(["old", "new"].contains(&small.as_str()), "{small}");
        // Nor is what is left of an upload, and nothing there is taken for it.
        let store = LocalStore::open(to, StoreOptions::default()).unwrap();
        if let Ok(mut staged) = leave_partial(&store, "/") {
            staged.write(&noise(3 << 20)).unwrap();
            staged.retain_partial();
        }
        assert_eq!(store.partials().unwrap().len(), 0, "{kind}");
        store.expire_partials(std::time::Duration::ZERO).unwrap();
        assert_eq!(visible(outside.path()), ["kept"], "{kind}");
    }
}

/// Begins a file that is large enough to be kept when it breaks off.
fn leave_partial(store: &LocalStore, directory: &str) -> StoreResult<Box<dyn Staged>> {
    let plan = StagePlan { modified: Some(Timestamp::new(1, 0)), size: Some(4 << 20), ..StagePlan::default() };
    store.directory(&remote(directory))?.stage(&FileName::parse("part", Default::default()).unwrap(), &plan)
}

/// CVE-2026-49244, CVE-2026-35605, CVE-2026-54097: a path was held to be in a directory because it began like it.
#[test]
fn a_directory_whose_name_begins_like_that_of_a_token_is_none_of_its_business() {
    let root = tempfile::tempdir().unwrap();
    let store = LocalStore::open(root.path(), StoreOptions::default()).unwrap();
    for directory in ["press", "press2", "press.old"] {
        write(root.path(), &format!("{directory}/of-{directory}"), "x");
        let mut staged = leave_partial(&store, &format!("/{directory}")).unwrap();
        staged.write(&noise(3 << 20)).unwrap();
        staged.retain_partial();
    }
    drop(store);
    let (tokens, token) = (LiveTokens::default(), Token::generate());
    let entry = TokenEntry { below: remote("/press"), ..TokenEntry::new("press".parse().unwrap(), &token) };
    tokens.change(|tokens| tokens.add(entry)).unwrap();
    let server = Server::with_tokens(root.path(), tokens).unwrap();
    let bound = server.bind(0, Some(LOCALHOST)).unwrap();
    let port = bound.addresses()[0].port();
    let serving = std::thread::spawn(move || bound.serve());
    let mut client = Client::connect(ClientOptions::new("127.0.0.1", port, token)).unwrap();
    let mut listed = Vec::new();
    let mut each = |entry| {
        listed.push(format!("{entry:?}"));
        Ok(())
    };
    client.list(&remote("/"), true, &mut each).unwrap();
    assert!(matches!(&listed[..], [entry] if entry.contains("of-press")), "{listed:?}");
    let partials: Vec<_> = client.partials().unwrap().into_iter().map(|partial| partial.path.to_string()).collect();
    assert_eq!(partials, ["/part"]);
    for path in ["/2/of-press2", "/.old/of-press.old", "/press2/of-press2"] {
        assert!(client.stat(&remote(path)).is_err() && client.remove(&remote(path), true).is_err(), "{path}");
    }
    drop(client);
    server.terminate().unwrap();
    serving.join().unwrap().unwrap();
    assert!(root.path().join("press2/of-press2").exists() && root.path().join("press.old/of-press.old").exists());
}
