//! Files that are written anew at the server: sent while they are written, whatever becomes of the line, and through links.

use crate::common::proxy::{CuttingLine, Harm};
use crate::common::{Fixture, noise, remote, visible};
use crate::open_files::{code, io_code};
use remofile::protocol::wire::ErrorCode;
use remofile::{Client, ClientOptions, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

fn rewriting() -> OpenOptions {
    OpenOptions::new().rewrite()
}

fn write(client: &mut Client, path: &str, content: &[u8]) -> remofile::Result<()> {
    let mut file = client.open(&remote(path), rewriting())?;
    for piece in content.chunks(700_000) {
        file.write_all(piece).unwrap();
    }
    file.close()
}

#[test]
fn what_is_written_is_sent_before_it_is_closed() {
    let fixture = Fixture::with(|options| options.file_size_limit = 5_000_000);
    let path = fixture.write("f", "old");
    let mut file = fixture.client().open(&remote("/f"), rewriting()).unwrap();
    // What the server refuses is told while the file is written.
    let refused = noise(40_000_000).chunks(1 << 20).find_map(|piece| file.write_all(piece).err());
    assert_eq!(io_code::<()>(Err(refused.unwrap())), ErrorCode::FileTooLarge);
    drop(file);
    assert_eq!(std::fs::read(path).unwrap(), b"old");
    assert_eq!(visible(fixture.root()), ["f"]);
}

#[test]
fn a_large_file_is_written_read_and_changed_before_anybody_sees_it() {
    let fixture = Fixture::new();
    let mut content = noise(30_000_000);
    let mut file = fixture.client().open(&remote("/f"), rewriting().read(true)).unwrap();
    file.write_all(&content).unwrap();
    for (at, length) in [(0, 10), (12_345_678, 3_000_000), (29_999_990, 10)] {
        let piece = noise(length);
        file.seek(SeekFrom::Start(at as u64)).unwrap();
        file.write_all(&piece).unwrap();
        content[at..at + length].copy_from_slice(&piece);
    }
    for at in [29_000_000, 0, 12_345_000, 15_345_000] {
        let mut there = vec![0; 1000];
        file.seek(SeekFrom::Start(at as u64)).unwrap();
        file.read_exact(&mut there).unwrap();
        assert!(there == content[at..at + 1000], "{at}");
    }
    assert_eq!(visible(fixture.root()), [""; 0]);
    file.close().unwrap();
    assert!(std::fs::read(fixture.path("f")).unwrap() == content);
}

#[test]
fn of_two_that_are_open_at_once_both_succeed_and_the_last_is_seen() {
    let fixture = Fixture::new();
    let mut client = fixture.client();
    let mut open = || client.open(&remote("/f"), rewriting()).unwrap();
    let (mut one, mut other) = (open(), open());
    for piece in noise(5_000_000).chunks(500_000) {
        one.write_all(piece).unwrap();
        other.write_all(&piece[1..]).unwrap();
    }
    other.close().unwrap();
    one.close().unwrap();
    assert!(std::fs::read(fixture.path("f")).unwrap() == noise(5_000_000));
}

#[test]
fn a_lost_connection_loses_nothing_wherever_it_is_lost() {
    let fixture = Fixture::new();
    let content = noise(9_000_000);
    for cut in [500, 200_000, 1_500_000, 5_000_000, 8_999_000] {
        for harm in [(Harm::Cut(cut), Harm::None), (Harm::None, Harm::Cut(cut / 1000))] {
            let line = CuttingLine::new(fixture.address, vec![harm]);
            let options = ClientOptions::new("127.0.0.1", line.address.port(), fixture.token.clone());
            let written = Client::connect(options).and_then(|mut client| write(&mut client, "/f", &content));
            match written {
                Ok(()) => assert!(std::fs::read(fixture.path("f")).unwrap() == content, "{harm:?}"),
                // The first connection was lost before there was a session.
                Err(error) => assert!(cut == 500 || cut == 200_000, "{harm:?}: {error}"),
            }
            let _removed = std::fs::remove_file(fixture.path("f"));
            line.end();
        }
    }
}

#[test]
fn what_a_server_has_forgotten_is_told_and_the_old_file_is_untouched() {
    let mut fixture = Fixture::new();
    let path = fixture.write("f", "old");
    let mut file = fixture.client().open(&remote("/f"), rewriting()).unwrap();
    file.write_all(&noise(3_000_000)).unwrap();
    fixture.stop().unwrap();
    assert!(file.close().is_err());
    assert_eq!(std::fs::read(path).unwrap(), b"old");
    assert_eq!(visible(fixture.root()), ["f"]);
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

#[test]
fn a_file_keeps_its_permission_bits_and_a_new_one_has_those_of_new_ones() {
    let fixture = Fixture::with(|options| options.file_mode = Some(0o640));
    let path = fixture.write("f", "old");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let mut client = fixture.client();
    for size in [3, 3_000_000] {
        write(&mut client, "/f", &noise(size)).unwrap();
        assert_eq!(mode(&path), 0o600);
    }
    write(&mut client, "/new", b"new").unwrap();
    assert_eq!(mode(&fixture.path("new")), 0o640);
}

#[test]
fn a_link_is_written_through_and_stays() {
    let fixture = Fixture::new();
    let target = fixture.write("d/target", "old");
    std::fs::set_permissions(&target, std::fs::Permissions::from_mode(0o600)).unwrap();
    symlink("d/target", fixture.path("link")).unwrap();
    symlink("../link", fixture.path("d/again")).unwrap();
    symlink("d/none", fixture.path("broken")).unwrap();
    let mut client = fixture.client();
    for (link, at) in [("/link", "d/target"), ("/d/again", "d/target"), ("/broken", "d/none")] {
        for size in [5, 2_000_000] {
            write(&mut client, link, &noise(size)).unwrap();
            assert!(std::fs::read(fixture.path(at)).unwrap() == noise(size), "{link}");
            assert!(fixture.path(&link[1..]).symlink_metadata().unwrap().is_symlink(), "{link}");
        }
    }
    assert_eq!(mode(&target), 0o600);
    // What must be new is not what a link leads to, as with a local file.
    let new = OpenOptions::new().write(true).create_new(true);
    symlink("d/nothing", fixture.path("taken")).unwrap();
    assert_eq!(code(client.open(&remote("/taken"), new)), ErrorCode::AlreadyExists);
}

#[test]
fn a_link_that_leads_out_is_neither_followed_nor_replaced() {
    let fixture = Fixture::new();
    let outside = tempfile::tempdir().unwrap();
    let secret = outside.path().join("secret");
    std::fs::write(&secret, "secret").unwrap();
    std::fs::create_dir(fixture.path("d")).unwrap();
    symlink(&secret, fixture.path("absolute")).unwrap();
    symlink("../../outside", fixture.path("d/climbing")).unwrap();
    symlink("loop", fixture.path("loop")).unwrap();
    symlink(".remofile/x", fixture.path("staging")).unwrap();
    symlink("none/f", fixture.path("nowhere")).unwrap();
    symlink("d", fixture.path("directory")).unwrap();
    let before = visible(fixture.root());
    let mut client = fixture.client();
    for (link, expected) in [
        ("/absolute", ErrorCode::OutsideRoot),
        ("/d/climbing", ErrorCode::OutsideRoot),
        ("/loop", ErrorCode::LinkLoop),
        ("/staging", ErrorCode::InvalidName),
        ("/nowhere", ErrorCode::NotFound),
        ("/directory", ErrorCode::NotAFile),
    ] {
        assert_eq!(code(client.open(&remote(link), rewriting())), expected, "{link}");
        assert!(fixture.path(&link[1..]).symlink_metadata().unwrap().is_symlink(), "{link}");
    }
    assert_eq!(std::fs::read(&secret).unwrap(), b"secret");
    assert_eq!(visible(fixture.root()), before);
}

/// A link that is swapped while the file is written: it is written where the link led when it was opened.
#[test]
fn a_link_that_is_swapped_meanwhile_leads_nowhere_else() {
    let fixture = Fixture::new();
    let outside = tempfile::tempdir().unwrap();
    let secret = outside.path().join("secret");
    std::fs::write(&secret, "secret").unwrap();
    fixture.write("d/target", "old");
    symlink("d/target", fixture.path("link")).unwrap();
    let mut file = fixture.client().open(&remote("/link"), rewriting()).unwrap();
    file.write_all(b"new").unwrap();
    std::fs::remove_file(fixture.path("link")).unwrap();
    symlink(&secret, fixture.path("link")).unwrap();
    std::fs::remove_file(fixture.path("d/target")).unwrap();
    symlink(&secret, fixture.path("d/target")).unwrap();
    file.close().unwrap();
    assert_eq!(std::fs::read(fixture.path("d/target")).unwrap(), b"new");
    assert_eq!(std::fs::read(&secret).unwrap(), b"secret");
    assert_eq!(fixture.path("link").read_link().unwrap(), secret);
}
