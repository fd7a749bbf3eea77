//! Callbacks that see every chunk of a file before it is sent or written, and may stop everything.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    unreachable_pub,
    reason = "tests look at the disk themselves, and fail by panicking"
)]

use crate::common;

use common::{Fixture, noise, remote, visible};
use remofile::protocol::wire::OnConflict;
use remofile::{
    Chunk, Client, ClientOptions, Error, Event, Monitor, Result, SendOptions, TransferOptions, TransferReport, Wait,
};
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::Path;

type Outcome = std::result::Result<bool, Box<dyn std::error::Error + Send + Sync>>;

const MIB: usize = 1024 * 1024;

/// Checks every chunk, and keeps what it has seen.
struct Watch<F> {
    size: usize,
    seen: BTreeMap<String, Vec<u8>>,
    seen_bytes: u64,
    calls: u64,
    transferred: u64,
    /// Answers a call by its number, counted from 1.
    answer: F,
}

impl<F: FnMut(u64) -> Outcome> Watch<F> {
    fn new(size: usize, answer: F) -> Self {
        Self { size, seen: BTreeMap::new(), seen_bytes: 0, calls: 0, transferred: 0, answer }
    }
}

impl<F: FnMut(u64) -> Outcome> Monitor for Watch<F> {
    fn report(&mut self, event: Event<'_>) {
        if let Event::Transferred { bytes } = event {
            self.transferred += bytes;
            assert!(self.transferred <= self.seen_bytes, "bytes moved that were not shown");
        }
    }

    fn chunk_size(&self) -> Option<NonZeroU32> {
        NonZeroU32::new(u32::try_from(self.size).unwrap())
    }

    fn process_chunk(&mut self, chunk: &Chunk<'_>) -> Outcome {
        self.calls += 1;
        let before = self.seen.entry(chunk.file_name.to_owned()).or_default();
        let rest = usize::try_from(chunk.file_size).unwrap() - before.len();
        assert_eq!(usize::try_from(chunk.remaining_bytes).unwrap(), rest, "{}", chunk.file_name);
        assert_eq!(chunk.data.len(), rest.min(self.size), "{}", chunk.file_name);
        assert!(!chunk.data.is_empty());
        before.extend_from_slice(chunk.data);
        self.seen_bytes += chunk.data.len() as u64;
        (self.answer)(self.calls)
    }
}

fn manners() -> Vec<TransferOptions> {
    let plain = TransferOptions { recursive: true, ..TransferOptions::default() };
    let compress = Some(3);
    vec![
        plain.clone(),
        TransferOptions {
            resume: false,
            send: SendOptions { compress_level: compress, sparse: true, ..plain.send },
            ..plain.clone()
        },
        TransferOptions { send: SendOptions { sparse: true, chunk_bytes: Some(700), ..plain.send }, ..plain.clone() },
        TransferOptions {
            on_conflict: OnConflict::Replace,
            send: SendOptions { compress_level: compress, ..plain.send },
            ..plain
        },
    ]
}

#[derive(Clone, Copy, PartialEq)]
enum Way {
    Up,
    Down,
}

/// Moves `t` from a directory into another.
fn moved(
    way: Way,
    from: &Fixture,
    into: &Fixture,
    options: &TransferOptions,
    on: &mut dyn Monitor,
) -> Result<TransferReport> {
    // The flush of what was stored before may keep the lease for a moment.
    let client = |of: &Fixture| Client::new(ClientOptions { wait: Wait::Forever, ..of.options() });
    match way {
        Way::Up => client(into).upload(&[from.path("t")], &remote("/"), options, on),
        Way::Down => client(from).download(&[remote("/t")], into.root(), options, on),
    }
}

fn content(length: usize) -> Vec<u8> {
    let mut content = noise(length);
    // Something to compress, and something that may be a hole.
    let half = length / 2;
    content[half..].fill(b'x');
    content[length - length / 4..].fill(0);
    content
}

/// Sizes of chunks, and for each the lengths of the files that are made of them.
type Chunks = [(usize, &'static [usize])];

const SOME_CHUNKS: &Chunks = &[
    (1, &[0, 1, 2, 70_000]),
    (512, &[0, 1, 511, 512, 513, 1024, MIB + 7]),
    (4096, &[0, 1, 4095, 4096, 4097, MIB]),
    (MIB + 1, &[0, MIB, MIB + 1, MIB + 2, 3 * MIB]),
    (4 * MIB, &[0, 4 * MIB, 4 * MIB + 1]),
];

const ALL_CHUNKS: &Chunks = &[
    (1, &[0, 1, 2, 70_000, 300_000]),
    (2, &[0, 1, 2, 3, 70_001]),
    (511, &[0, 510, 511, 512, 1022, MIB]),
    (512, &[0, 1, 511, 512, 513, 1024, 3 * MIB + 7]),
    (4096, &[0, 1, 4095, 4096, 4097, 3 * MIB]),
    (8192, &[0, 8191, 8192, 8193, 3 * MIB]),
    (65_537, &[0, 65_536, 65_537, 65_538, 3 * MIB]),
    (MIB - 1, &[0, MIB - 1, MIB, 5 * MIB]),
    (MIB, &[0, MIB - 1, MIB, MIB + 1, 5 * MIB]),
    (MIB + 1, &[0, MIB, MIB + 1, MIB + 2, 5 * MIB]),
    (4 * MIB, &[0, 1, 4 * MIB - 1, 4 * MIB, 4 * MIB + 1, 9 * MIB]),
    (16 * MIB, &[0, 1, 16 * MIB, 16 * MIB + 1, 40 * MIB]),
];

#[test]
fn chunks_have_the_size_that_was_asked_for_and_are_the_file() {
    let sizes = if common::soaks() { ALL_CHUNKS } else { SOME_CHUNKS };
    for &(size, lengths) in sizes {
        let files: BTreeMap<String, Vec<u8>> =
            lengths.iter().map(|&length| (format!("{length:08}"), content(length))).collect();
        for options in manners() {
            let from = Fixture::new();
            for (name, content) in &files {
                from.write(&format!("t/{name}"), content);
            }
            hollow(&from.path("t/hollow"), 300_000);
            for way in [Way::Up, Way::Down] {
                let into = Fixture::new();
                let mut watch = Watch::new(size, |_| Ok(true));
                let report = moved(way, &from, &into, &options, &mut watch).unwrap();
                assert_eq!((report.files, report.failures.len()), (files.len() as u64 + 1, 0), "{report:?}");
                for (name, content) in &files {
                    assert!(std::fs::read(into.path(&format!("t/{name}"))).unwrap() == *content, "{size} {name}");
                    assert!(watch.seen.get(name).unwrap_or(&Vec::new()) == content, "{size} {name}");
                }
                assert!(watch.seen["hollow"] == vec![0; 300_000]);
                assert_eq!(watch.transferred, report.bytes);
            }
        }
    }
}

fn hollow(path: &Path, size: u64) {
    std::fs::File::create(path).unwrap().set_len(size).unwrap();
}

/// Returns all names that are left in a directory, those of staged files included.
fn everything(root: &Path) -> Vec<String> {
    common::tree(root).into_iter().map(|(name, _)| name).filter(|name| name != ".remofile").collect()
}

#[test]
fn who_stops_at_the_first_chunk_gets_nothing_and_keeps_the_session() {
    for options in manners() {
        for length in [1, 100_000, 6 * MIB] {
            let from = Fixture::new();
            from.write("t", content(length));
            let into = Fixture::new();
            let mut up = into.client();
            let mut watch = Watch::new(4096, |_| Ok(false));
            let result = up.upload(&[from.path("t")], &remote("/"), &options, &mut watch);
            assert!(matches!(result, Err(Error::Stopped)), "{result:?}");
            assert_eq!((watch.calls, watch.transferred), (1, 0));
            assert_eq!(up.status().unwrap().report.holders.len(), 0, "the lease is free");
            assert_eq!(everything(into.root()), [""; 0]);
            let into = Fixture::new();
            let mut down = from.client();
            let mut watch = Watch::new(4096, |_| Ok(false));
            let result = down.download(&[remote("/t")], into.root(), &options, &mut watch);
            assert!(matches!(result, Err(Error::Stopped)), "{result:?}");
            assert_eq!((watch.calls, watch.transferred), (1, 0));
            assert!(down.status().is_ok());
            assert_eq!(everything(into.root()), [""; 0], "{length}");
        }
    }
}

#[test]
fn who_stops_later_loses_the_file_and_keeps_those_before() {
    for options in manners() {
        for way in [Way::Up, Way::Down] {
            for (call, names) in [(2, 1), (3, 1), (900, 1)] {
                let (from, into) = (Fixture::new(), Fixture::new());
                from.write("t/a", content(100));
                from.write("t/b", content(6 * MIB));
                let mut watch = Watch::new(4096, |number| Ok(number < call));
                let result = moved(way, &from, &into, &options, &mut watch);
                assert!(matches!(result, Err(Error::Stopped)), "{result:?}");
                assert_eq!(watch.calls, call);
                let left: Vec<_> = visible(into.root()).into_iter().filter(|name| name == "t/b").collect();
                assert_eq!(left, [""; 0]);
                assert!(everything(into.root()).len() <= names + 1, "{:?}", everything(into.root()));
                let options = TransferOptions { on_conflict: OnConflict::Replace, ..options.clone() };
                moved(way, &from, &into, &options, &mut Watch::new(4096, |_| Ok(true))).unwrap();
                assert!(std::fs::read(into.path("t/b")).unwrap() == content(6 * MIB));
            }
        }
    }
}

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("number {0}")]
struct Mine(u64);

#[test]
fn an_error_of_a_callback_comes_back_as_it_was() {
    for way in [Way::Up, Way::Down] {
        for call in [1, 2, 1000] {
            let (from, into) = (Fixture::new(), Fixture::new());
            from.write("t", content(6 * MIB));
            let fail = |number| if number == call { Err(Mine(number).into()) } else { Ok(true) };
            let result = moved(way, &from, &into, &TransferOptions::default(), &mut Watch::new(4096, fail));
            let Err(Error::Callback(error)) = result else { panic!("{result:?}") };
            assert_eq!(error.downcast_ref(), Some(&Mine(call)));
            assert_eq!(everything(into.root()), [""; 0]);
        }
    }
}

#[test]
fn a_file_that_grows_or_shrinks_is_shown_no_further_than_it_goes() {
    for (length, arrives) in [(3 * MIB as u64, false), (5 * MIB as u64, true)] {
        let (from, into) = (Fixture::new(), Fixture::new());
        let path = from.write("t", noise(4 * MIB));
        let change = |number| {
            if number == 1 {
                std::fs::File::options().write(true).open(&path).unwrap().set_len(length).unwrap();
            }
            Ok(true)
        };
        let mut watch = Watch::new(MIB + 1, change);
        let report = moved(Way::Up, &from, &into, &TransferOptions::default(), &mut watch).unwrap();
        if arrives {
            assert_eq!((report.files, report.bytes, report.failures.len()), (1, 4 * MIB as u64, 0), "{report:?}");
        } else {
            assert_eq!((report.files, report.failures.len()), (0, 1), "{report:?}");
            assert_eq!(everything(into.root()), [""; 0]);
        }
    }
}

#[test]
fn a_callback_sees_nothing_of_what_is_not_sent() {
    let (from, into) = (Fixture::new(), Fixture::new());
    from.write("t/a", content(100));
    from.write("t/b", content(100));
    let mut watch = Watch::new(10, |_| Ok(true));
    let plain = TransferOptions { recursive: true, ..TransferOptions::default() };
    moved(Way::Up, &from, &into, &plain, &mut watch).unwrap();
    assert_eq!(watch.calls, 20);
    into.write("t/b", "other");
    for (way, from, into) in [(Way::Up, &from, &into), (Way::Down, &into, &from)] {
        let mut watch = Watch::new(10, |_| Ok(true));
        let result = moved(way, from, into, &plain, &mut watch);
        assert!(matches!(result, Err(Error::Conflicts(_))), "{result:?}");
        assert_eq!(watch.calls, 0);
        let options = TransferOptions { on_conflict: OnConflict::Skip, ..plain.clone() };
        let report = moved(way, from, into, &options, &mut watch).unwrap();
        assert_eq!((watch.calls, report.present, report.skipped.len()), (0, 1, 1), "{report:?}");
    }
}
