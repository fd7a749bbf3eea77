//! The ways in which files are moved: with their permission bits, with their holes, compressed, slowly, in small
//! messages. The contents are the same however they come.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    unreachable_pub,
    reason = "tests look at the disk themselves, and fail by panicking"
)]

use crate::common;

use common::{Fixture, noise, remote, tree, write};
use remofile::protocol::limits::MAX_HOLE_BYTES;
use remofile::{SendOptions, Silent, TransferOptions, TransferReport};
use std::io::Cursor;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::Path;
use std::sync::{Arc, Mutex};

const MIB: u64 = 1024 * 1024;

fn options() -> TransferOptions {
    TransferOptions { recursive: true, ..TransferOptions::default() }
}

/// Moves `t` from a directory that is filled by `plant` into others: up, down into an empty directory, and
/// down into one that has something in it. `check` sees where it comes from and where it came to.
fn every_way(plant: &dyn Fn(&Path), options: &TransferOptions, check: &dyn Fn(&str, &Path, &Path, TransferReport)) {
    let from = Fixture::new();
    plant(from.root());
    let into = Fixture::new();
    let report = into.client().upload(&[from.path("t")], &remote("/"), options, &mut Silent).unwrap();
    assert!(report.failures.is_empty(), "{report:?}");
    check("up", from.root(), into.root(), report);
    for way in ["down", "down beside others"] {
        let into = tempfile::tempdir().unwrap();
        if way != "down" {
            write(into.path(), "t/~used", "x");
        }
        let report = from.client().download(&[remote("/t")], into.path(), options, &mut Silent).unwrap();
        assert!(report.failures.is_empty(), "{way} {report:?}");
        let _absent = std::fs::remove_file(into.path().join("t/~used"));
        check(way, from.root(), into.path(), report);
    }
}

fn same(way: &str, from: &Path, into: &Path) {
    let visible =
        |root: &Path| -> Vec<_> { tree(root).into_iter().filter(|(name, _)| !name.starts_with(".remofile")).collect() };
    assert!(visible(from) == visible(into), "{way}: the contents differ");
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

const MODES: [(&str, u32); 7] = [
    ("t/file", 0o640),
    ("t/program", 0o4755),
    ("t/group", 0o2710),
    ("t/large", 0o611),
    ("t/shut/inner/deep", 0o400),
    ("t/shut/inner", 0o511),
    ("t/shut", 0o500),
];

fn plant_modes(root: &Path) {
    for name in ["t/file", "t/program", "t/group", "t/shut/inner/deep"] {
        write(root, name, name);
    }
    write(root, "t/large", noise(3_000_000));
    for (name, mode) in MODES {
        set_mode(&root.join(name), mode);
    }
    set_mode(&root.join("t"), 0o1731);
}

#[test]
fn permission_bits_are_kept_where_they_are_asked_for() {
    let options = TransferOptions { send: SendOptions { preserve_mode: true, ..options().send }, ..options() };
    every_way(&plant_modes, &options, &|way, _, into, report| {
        assert_eq!(report.files, 5, "{way}");
        for (name, expected) in MODES {
            assert_eq!(mode(&into.join(name)), expected & 0o777, "{way} {name}");
        }
        assert_eq!(mode(&into.join("t")), 0o731, "{way}");
    });
}

#[test]
fn permission_bits_are_not_taken_over_without_being_asked_for() {
    let fixture = Fixture::new();
    fixture.client().create_file(&remote("/file"), false).unwrap();
    let usual = mode(&fixture.path("file"));
    every_way(&plant_modes, &options(), &|way, _, into, _| {
        for (name, _) in MODES.iter().filter(|(name, _)| into.join(name).is_file()) {
            assert_eq!(mode(&into.join(name)), usual, "{way} {name}");
        }
        for name in ["t", "t/shut", "t/shut/inner"] {
            assert_eq!(mode(&into.join(name)) & 0o700, 0o700, "{way} {name}");
            assert_eq!(mode(&into.join(name)) & 0o7002, 0, "{way} {name}");
        }
    });
}

#[test]
fn permission_bits_follow_when_a_tree_is_sent_again() {
    let (local, fixture) = (tempfile::tempdir().unwrap(), Fixture::new());
    plant_modes(local.path());
    let options = TransferOptions { send: SendOptions { preserve_mode: true, ..options().send }, ..options() };
    for files in [5, 0] {
        let sources = [local.path().join("t")];
        let report = fixture.client().upload(&sources, &remote("/"), &options, &mut Silent).unwrap();
        assert_eq!((report.files, report.present, report.failures.len()), (files, 5 - files, 0), "{report:?}");
        assert_eq!(mode(&fixture.path("t/shut")), 0o500);
    }
}

/// A file with bytes at some offsets, and holes between them.
fn hollow(path: &Path, size: u64, data: &[(u64, usize)]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let file = std::fs::File::create(path).unwrap();
    file.set_len(size).unwrap();
    for &(offset, length) in data {
        file.write_all_at(&noise(length), offset).unwrap();
    }
}

fn plant_holes(root: &Path) {
    hollow(&root.join("t/between"), 9 * MIB, &[(0, 4096), (5 * MIB, 70_000), (9 * MIB - 10, 10)]);
    hollow(&root.join("t/at the end"), 6 * MIB + 1, &[(MIB, 3_000_000)]);
    hollow(&root.join("t/all"), 5 * MIB, &[]);
    hollow(&root.join("t/small"), 100, &[]);
    hollow(&root.join("t/none"), 100_000, &[(0, 100_000)]);
    hollow(&root.join("t/empty"), 0, &[]);
}

#[test]
fn holes_stay_holes_where_that_is_asked_for() {
    let blocks = |root: &Path, name: &str| root.join("t").join(name).metadata().unwrap().blocks();
    let compress = Some(3);
    for options in [
        TransferOptions { send: SendOptions { sparse: true, ..options().send }, ..options() },
        TransferOptions { send: SendOptions { sparse: true, compress_level: compress, ..options().send }, ..options() },
        TransferOptions {
            resume: false,
            send: SendOptions { sparse: true, chunk_bytes: Some(10_000), ..options().send },
            ..options()
        },
    ] {
        every_way(&plant_holes, &options, &|way, from, into, report| {
            same(way, from, into);
            assert_eq!(report.files, 6, "{way}");
            for name in ["between", "at the end", "all"] {
                if blocks(from, name) * 512 > 4 * MIB {
                    println!("this file system makes no holes: not looked at");
                    continue;
                }
                assert!(blocks(into, name) <= blocks(from, name) + 64, "{way} {name}: the holes are filled");
            }
            assert!(report.sent_bytes + report.received_bytes < 4 * MIB, "{way} {report:?}");
        });
    }
}

#[test]
fn holes_are_zeros_where_nothing_is_asked_for() {
    for options in
        [options(), TransferOptions { send: SendOptions { compress_level: Some(3), ..options().send }, ..options() }]
    {
        every_way(&plant_holes, &options, &|way, from, into, _| same(way, from, into));
    }
}

#[test]
fn a_hole_larger_than_any_message_tells_is_one() {
    let size = if common::soaks() { 3072 * MIB } else { MAX_HOLE_BYTES } + 50 * MIB;
    let plant = |root: &Path| hollow(&root.join("t/huge"), size, &[(size - 1, 1)]);
    every_way(
        &plant,
        &TransferOptions { send: SendOptions { sparse: true, ..options().send }, ..options() },
        &|way, from, into, report| {
            let [from, into] = [from, into].map(|root| std::fs::File::open(root.join("t/huge")).unwrap());
            assert_eq!(into.metadata().unwrap().len(), size, "{way}");
            assert_eq!(report.bytes, size);
            if from.metadata().unwrap().blocks() < 1000 {
                assert!(into.metadata().unwrap().blocks() < 1000, "{way}");
            }
            let mut last = [0; 2];
            into.read_exact_at(&mut last, size - 2).unwrap();
            assert_eq!(last, [0, noise(1)[0]], "{way}");
        },
    );
}

fn text(length: usize) -> Vec<u8> {
    include_bytes!("content.rs").iter().copied().cycle().take(length).collect()
}

fn compressed(level: u8) -> TransferOptions {
    TransferOptions { send: SendOptions { compress_level: Some(level), ..options().send }, ..options() }
}

fn traffic(report: &TransferReport) -> u64 {
    report.sent_bytes + report.received_bytes
}

#[test]
fn text_shrinks_on_its_way() {
    let plant = |root: &Path| {
        write(root, "t/text", text(5_000_000));
        write(root, "t/empty", "");
        write(root, "t/one", "1");
    };
    for options in [compressed(1), compressed(19), TransferOptions { resume: false, ..compressed(3) }] {
        every_way(&plant, &options, &|way, from, into, report| {
            same(way, from, into);
            assert_eq!((report.files, report.bytes), (3, 5_000_001), "{way}");
            assert!(traffic(&report) < 1_000_000, "{way} {report:?}");
        });
    }
    every_way(&plant, &options(), &|way, _, _, report| assert!(traffic(&report) > 5_000_000, "{way} {report:?}"));
}

#[test]
fn noise_does_not_grow() {
    let plant = |root: &Path| {
        write(root, "t/noise", noise(5_000_000));
    };
    every_way(&plant, &compressed(3), &|way, from, into, report| {
        same(way, from, into);
        assert!((5_000_000..5_100_000).contains(&traffic(&report)), "{way} {report:?}");
    });
}

#[test]
fn many_small_files_arrive_compressed_as_they_are() {
    let plant = |root: &Path| {
        for number in 0..600 {
            let length = number * 7 % 2000;
            write(root, &format!("t/{number}"), if number % 5 == 0 { noise(length) } else { text(length) });
        }
    };
    for options in [
        compressed(1),
        TransferOptions { send: SendOptions { chunk_bytes: Some(100), ..compressed(9).send }, ..compressed(9) },
    ] {
        every_way(&plant, &options, &|way, from, into, report| {
            same(way, from, into);
            assert_eq!(report.files, 600, "{way}");
        });
    }
}

/// A writer whose content can be looked at afterwards.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn streams_are_what_they_were_whatever_is_asked_for() {
    let fixture = Fixture::new();
    let mut content = text(3_000_000);
    content.extend(noise(500_000));
    content.extend(vec![0; 2_000_000]);
    fixture.write("file", &content);
    for options in [
        compressed(3),
        TransferOptions {
            send: SendOptions { sparse: true, preserve_mode: true, ..compressed(1).send },
            ..compressed(1)
        },
        TransferOptions {
            send: SendOptions { bytes_per_second: Some(60_000_000), ..compressed(19).send },
            ..compressed(19)
        },
    ] {
        let sink = Sink::default();
        let report =
            fixture.client().download_stream(&remote("/file"), Box::new(sink.clone()), &options, &mut Silent).unwrap();
        assert_eq!((report.files, report.bytes), (1, content.len() as u64));
        assert!(*sink.0.lock().unwrap() == content);
        let source = Box::new(Cursor::new(content.clone()));
        fixture.client().upload_stream(source, &remote("/back"), &options, &mut Silent).unwrap();
        assert!(std::fs::read(fixture.path("back")).unwrap() == content);
        std::fs::remove_file(fixture.path("back")).unwrap();
    }
}

#[test]
fn a_stream_tells_of_its_traffic() {
    let fixture = Fixture::new();
    fixture.write("file", text(3_000_000));
    let sink = Box::new(std::io::sink());
    let report = fixture.client().download_stream(&remote("/file"), sink, &compressed(3), &mut Silent).unwrap();
    assert!((1000..600_000).contains(&report.received_bytes), "{report:?}");
}

#[test]
fn a_slow_transfer_moves_the_same() {
    let plant = |root: &Path| {
        write(root, "t/noise", noise(90_000));
        write(root, "t/text", text(30_000));
        hollow(&root.join("t/hollow"), MIB, &[(500_000, 5)]);
        for number in 0..50 {
            write(root, &format!("t/{number}"), text(number));
        }
    };
    let bytes_per_second = Some(400_000);
    for options in [
        TransferOptions { send: SendOptions { bytes_per_second, sparse: true, ..options().send }, ..options() },
        TransferOptions { send: SendOptions { bytes_per_second, ..compressed(3).send }, ..compressed(3) },
        TransferOptions {
            send: SendOptions { bytes_per_second, chunk_bytes: Some(1000), sparse: true, ..compressed(3).send },
            ..compressed(3)
        },
    ] {
        every_way(&plant, &options, &|way, from, into, report| {
            same(way, from, into);
            assert_eq!(report.files, 53, "{way}");
        });
    }
}

#[test]
fn messages_of_one_byte_are_slow_and_right() {
    let plant = |root: &Path| {
        write(root, "t/a", noise(1000));
        write(root, "t/b", "");
        write(root, "t/c", text(300));
    };
    for options in [
        TransferOptions { send: SendOptions { chunk_bytes: Some(1), ..options().send }, ..options() },
        TransferOptions { send: SendOptions { chunk_bytes: Some(1), ..compressed(3).send }, ..compressed(3) },
        TransferOptions { send: SendOptions { chunk_bytes: Some(4 << 20), ..options().send }, ..options() },
    ] {
        every_way(&plant, &options, &|way, from, into, _| same(way, from, into));
    }
}
