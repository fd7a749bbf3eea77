//! A remote file does what a local one does, whatever is done to them.

use crate::common::{Fixture, remote};
use remofile::{Client, OpenOptions, RemoteFile};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

/// Operations of a run, unless the environment says otherwise; `make soak` makes it a million.
const OPERATIONS: u64 = 40_000;

/// Files of the first test are cut when they have more bytes.
const LARGE: u64 = 256 * 1024;

#[test]
fn random_operations_do_what_they_do_to_a_local_file() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let operations = number("REMOFILE_MODEL_OPERATIONS").unwrap_or(OPERATIONS);
    let seed = number("REMOFILE_MODEL_SEED").unwrap_or_else(|| std::process::id().into());
    run(operations, seed, Sizes { large: LARGE, piece_bits: 16 });
}

/// The same beyond what is read ahead or waits to be written.
#[test]
fn so_they_do_to_a_large_file() {
    run(3_000, std::process::id().into(), Sizes { large: 16 * 1024 * 1024, piece_bits: 22 });
}

fn run(operations: u64, seed: u64, sizes: Sizes) {
    println!("seed {seed}");
    let fixture = Fixture::new();
    let mut pair = Pair::new(&fixture, Random(seed), sizes);
    for _ in 0..operations {
        pair.step();
    }
    pair.reopen();
    println!("{} files were opened, {} bytes read", pair.opened, pair.read);
}

/// The sizes of a random test.
#[derive(Clone, Copy)]
struct Sizes {
    /// Files are cut when they have more bytes.
    large: u64,
    /// Pieces have up to so many bits of bytes.
    piece_bits: u32,
}

/// The same file twice.
struct Pair {
    random: Random,
    sizes: Sizes,
    client: Client,
    served: PathBuf,
    local: PathBuf,
    file: Option<(RemoteFile, File)>,
    /// Content that a file which is rewritten had before.
    before: Option<Vec<u8>>,
    opened: u64,
    read: u64,
    buffers: (Vec<u8>, Vec<u8>),
    _directory: tempfile::TempDir,
}

impl Pair {
    fn new(fixture: &Fixture, random: Random, sizes: Sizes) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (served, local) = (fixture.path("f"), directory.path().join("f"));
        for path in [&served, &local] {
            std::fs::write(path, "").unwrap();
        }
        let buffers = (vec![0; 1 << sizes.piece_bits], vec![0; 1 << sizes.piece_bits]);
        Self {
            random,
            sizes,
            client: fixture.client(),
            served,
            local,
            file: None,
            before: None,
            opened: 0,
            read: 0,
            buffers,
            _directory: directory,
        }
    }

    fn step(&mut self) {
        let choice = self.random.below(1000);
        let Some((remote, local)) = &mut self.file else { return self.reopen() };
        match choice {
            0..350 => {
                let length = self.random.length(self.sizes.piece_bits);
                let (one, other) = (&mut self.buffers.0[..length], &mut self.buffers.1[..length]);
                let (one, other) = (fill(remote, one), fill(local, other));
                assert_eq!(one.is_ok(), other.is_ok(), "{one:?} {other:?}");
                let count = one.unwrap_or(0);
                assert_eq!(count, other.unwrap_or(0));
                assert!(self.buffers.0[..count] == self.buffers.1[..count], "bytes differ");
                self.read += count as u64;
            }
            350..650 => {
                let length = self.random.length(self.sizes.piece_bits);
                let bytes = &mut self.buffers.0[..length];
                bytes.fill(self.random.below(256) as u8);
                let (one, other) = (remote.write_all(bytes), local.write_all(bytes));
                assert!(one.is_ok() == other.is_ok() || length == 0, "{one:?} {other:?}");
            }
            650..930 => {
                let size = local.metadata().unwrap().len();
                let to = match self.random.below(3) {
                    0 => SeekFrom::Start(self.random.below(size + size / 8 + 1)),
                    1 => SeekFrom::Current(self.random.below(20_000) as i64 - 10_000),
                    _ => SeekFrom::End(-(self.random.below(size + 10) as i64)),
                };
                let (one, other) = (remote.seek(to), local.seek(to));
                assert_eq!(one.is_ok(), other.is_ok(), "{to:?} {one:?} {other:?}");
            }
            930..960 => remote.flush().unwrap(),
            960..980 => {
                let size = local.metadata().unwrap().len();
                let large = self.sizes.large;
                let most = if size > large { large / 2 } else { size + size / 8 + 100 };
                let length = self.random.below(most);
                let (one, other) = (remote.set_len(length), local.set_len(length));
                assert_eq!(one.is_ok(), other.is_ok(), "{one:?} {other:?}");
            }
            _ => return self.reopen(),
        }
        let (remote, local) = self.file.as_mut().unwrap();
        assert_eq!(remote.stream_position().unwrap(), local.stream_position().unwrap());
        assert_eq!(remote.size().unwrap(), local.metadata().unwrap().len());
    }

    fn reopen(&mut self) {
        if let Some((remote, local)) = self.file.take() {
            drop(local);
            match (self.before.take(), self.random.below(4)) {
                (Some(before), 0) => {
                    remote.abort();
                    std::fs::write(&self.local, before).unwrap();
                }
                (Some(before), 1) => {
                    drop(remote);
                    std::fs::write(&self.local, before).unwrap();
                }
                (None, 0) => drop(remote),
                _ => remote.close().unwrap(),
            }
            assert!(std::fs::read(&self.served).unwrap() == std::fs::read(&self.local).unwrap(), "contents differ");
        }
        let (options, local) = self.random.options();
        let before = std::fs::read(&self.local).unwrap();
        let remote = self.client.open(&remote("/f"), options).unwrap();
        self.before = (local.1).then_some(before);
        self.file = Some((remote, local.0.open(&self.local).unwrap()));
        self.opened += 1;
    }
}

/// Reads until a buffer is full or the file ends.
fn fill(mut file: impl Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..])? {
            0 => break,
            count => filled += count,
        }
    }
    Ok(filled)
}

struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end.max(1)
    }

    /// Up to so many bits, small ones most likely.
    fn length(&mut self, bits: u32) -> usize {
        let most = 1 << self.below(u64::from(bits) + 1);
        self.below(most + 1) as usize
    }

    /// The same options twice, and whether the file is rewritten.
    fn options(&mut self) -> (OpenOptions, (std::fs::OpenOptions, bool)) {
        let read = self.below(3) > 0;
        let kind = self.below(6);
        let (write, append, truncate) = (matches!(kind, 1..=3 | 5), kind == 4, kind == 5);
        let read = read || kind == 0;
        let create = (write || append) && self.below(2) == 0;
        let options = OpenOptions::new().read(read).write(write).append(append).truncate(truncate).create(create);
        let mut local = std::fs::OpenOptions::new();
        local.read(read).write(write).append(append).truncate(truncate).create(create);
        (options, (local, truncate))
    }
}
