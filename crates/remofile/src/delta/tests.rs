//! Searches as a whole: what they find, what they cost, and what nobody can make of them.

use super::memory::{Memory, Searched, all, edit, literal_bytes, makes, random, search, search_ahead};
use super::{Piece, Search, Signer};
use crate::error::Error;
use proptest::prelude::*;
use remofile_protocol::digest::digest;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// Searches, at once and while signatures still come, and checks the recipes; how many bytes of the local and of the
/// remote file must be sent: the more of both ways.
fn literals(local: &Memory, remote: &Memory) -> (u64, u64) {
    let (at_once, ahead) = (literals_of(local, remote, usize::MAX), literals_of(local, remote, 13));
    (at_once.0.max(ahead.0), at_once.1.max(ahead.1))
}

fn literals_of(local: &Memory, remote: &Memory, at_once: usize) -> (u64, u64) {
    let (upload, download) = search_ahead(local, remote, at_once).search.recipes();
    assert!(makes(&upload, &local.bytes, &remote.bytes), "the local file out of the remote one");
    assert!(makes(&download, &remote.bytes, &local.bytes), "the remote file out of the local one");
    (literal_bytes(&upload), literal_bytes(&download))
}

/// Searches with the new file on either side. Returns the bytes that an upload and a download of it must send.
fn both_ways(new: Vec<u8>, old: Vec<u8>) -> (u64, u64) {
    let (new, old) = (Memory::new(new), Memory::new(old));
    (literals(&new, &old).0, literals(&old, &new).1)
}

#[test]
fn equal_files_need_nothing() {
    for bytes in [0, 1, 255, 256, 4096, 4097, 100_000, 3 * MIB + 17] {
        let file = random(bytes, 1);
        let expected = if bytes <= 4096 { bytes as u64 } else { 0 };
        assert_eq!(both_ways(file.clone(), file), (expected, expected), "{bytes} bytes");
    }
}

#[test]
fn a_byte_at_the_front_costs_little() {
    let old = random(16 * MIB, 1);
    let new = [&[1], &old[..]].concat();
    let (upload, download) = both_ways(new, old);
    assert!(upload == 1 && download < 8 * KIB as u64, "{upload}, {download}");
}

#[test]
fn edits_in_place_cost_little_more_than_themselves() {
    let old = random(16 * MIB, 1);
    let mut new = old.clone();
    edit(&mut new, 100, KIB);
    let (upload, download) = both_ways(new, old);
    let most = 100 * (KIB as u64 + 2 * 256);
    assert!(upload <= most && download <= most, "{upload}, {download}");
}

#[test]
fn what_was_found_ahead_is_not_looked_for_again() {
    let old = random(16 * MIB, 1);
    let mut new = [&[1], &old[..]].concat();
    edit(&mut new, 20, KIB);
    let (new, old) = (Memory::new(new), Memory::new(old));
    let hashed = |at_once| search_ahead(&new, &old, at_once).search.hashed();
    let (ahead, at_once) = (hashed(100), hashed(usize::MAX));
    assert!(ahead < at_once + at_once / 8, "{ahead} bytes were hashed instead of {at_once}");
    let mut search = Search::new(new.size(), old.size(), 7);
    let wanted = search.wanted().unwrap();
    let mut signatures = Vec::new();
    let mut signer = Signer::new(Box::new(old.clone()), wanted.block_bytes, wanted.ranges, 7, false).unwrap();
    while !signer.step(&mut signatures).unwrap() {}
    for come in [signatures.len() / 2 / 12 * 12, signatures.len()] {
        search.look_ahead(&new, &signatures[..come], &mut || Ok(())).unwrap();
    }
    let mut checks = 0;
    let mut check = || {
        checks += 1;
        Ok(())
    };
    search.look(&new, &signatures, &mut check).unwrap();
    assert_eq!(checks, 0, "no more than a few MiB of the file are read again");
}

#[test]
fn changes_in_every_large_block_do_not_hide_what_is_between_them() {
    let old = random(16 * MIB, 1);
    let mut new = old.clone();
    edit(&mut new, 1024, 100);
    let (upload, download) = both_ways(new, old);
    let most = 1024 * 2 * KIB as u64;
    assert!(upload <= most && download <= most, "{upload}, {download}");
}

#[test]
fn what_was_moved_is_copied() {
    let old = random(16 * MIB, 1);
    let mut new = old.clone();
    let moved: Vec<u8> = new.drain(2 * MIB + 333..3 * MIB + 333).collect();
    new.splice(9 * MIB + 77..9 * MIB + 77, moved);
    let (upload, download) = both_ways(new, old);
    assert!(upload < 8 * KIB as u64 && download < 8 * KIB as u64, "{upload}, {download}");
}

#[test]
fn appended_and_cut_off_bytes_cost_themselves() {
    let old = random(5 * MIB + 100, 1);
    let appended = [&old[..], &random(MIB, 2)].concat();
    let (upload, download) = both_ways(appended, old.clone());
    assert!(upload < (MIB + 4 * KIB) as u64 && download < (MIB + 4 * KIB) as u64, "{upload}, {download}");
    let (upload, download) = both_ways(old[..3 * MIB + 5].to_vec(), old);
    assert!(upload < 4 * KIB as u64 && download < 4 * KIB as u64, "{upload}, {download}");
}

#[test]
fn a_block_that_is_there_many_times_is_found_each_time() {
    let tile = random(64 * KIB, 1);
    let (few, many) = (tile.repeat(20), tile.repeat(100));
    assert_eq!(both_ways(many.clone(), few.clone()), (0, 0));
    assert_eq!(both_ways(few, many), (0, 0));
}

#[test]
fn a_block_that_replaces_another_in_place_is_copied() {
    let old = random(16 * MIB, 1);
    let mut new = old.clone();
    new.copy_within(MIB..MIB + 48 * KIB, 5 * MIB);
    new.copy_within(2 * MIB..2 * MIB + 16 * KIB, 9 * MIB);
    assert_eq!(both_ways(new, old).0, 0);
}

#[test]
fn zeros_are_copied_in_long_runs() {
    let (local, remote) = (Memory::new(vec![0; 4 * MIB]), Memory::new(vec![0; 16 * MIB]));
    assert_eq!(literals(&local, &remote), (0, 0));
    let pieces = search(&local, &remote).search.remote_recipe().len();
    assert!(pieces <= 5, "{pieces} pieces");
}

#[test]
fn a_hole_is_not_gone_over() {
    let remote = Memory::new(random(4 * MIB, 1));
    let mut local = Memory::new([&random(MIB, 1)[..], &vec![0; 64 * MIB], &random(4 * MIB, 1)[MIB..]].concat());
    local.hole = MIB as u64..65 * MIB as u64;
    let Searched { search, .. } = search(&local, &remote);
    assert_eq!(literal_bytes(&search.local_recipe()), 64 * MIB as u64);
}

/// Returns the bytes that rsync 3 sends for the same: seven for each block of the root of the size, and the changed
/// blocks.
fn of_rsync(bytes: u64, blocks_touched: u64) -> u64 {
    let block_bytes = (bytes.isqrt() & !7).clamp(700, 128 * KIB as u64);
    bytes.div_ceil(block_bytes) * 7 + blocks_touched * block_bytes
}

#[test]
fn fewer_bytes_cross_the_line_than_with_rsync() {
    let old = random(64 * MIB, 1);
    let mut new = old.clone();
    edit(&mut new, 1000, 640);
    let blocks_touched = {
        let block_bytes = (old.len().isqrt() & !7).max(700);
        let is_touched = |(one, other): &(&[u8], &[u8])| one != other;
        old.chunks(block_bytes).zip(new.chunks(block_bytes)).filter(is_touched).count() as u64
    };
    let (new, old) = (Memory::new(new), Memory::new(old));
    for (local, remote, is_upload) in [(&new, &old, true), (&old, &new, false)] {
        let searched = search(local, remote);
        let (wire, questions) = (searched.wire_bytes, searched.questions);
        let search = searched.search;
        let recipe = if is_upload { search.local_recipe() } else { search.remote_recipe() };
        let (ours, theirs) = (wire + literal_bytes(&recipe), of_rsync(old.size(), blocks_touched));
        assert!(ours * 4 < theirs && questions <= 3, "{ours} bytes against {theirs}, {questions} questions");
    }
    let inserted = Memory::new([&[1], &old.bytes[..]].concat());
    for (local, remote) in [(&inserted, &old), (&old, &inserted)] {
        let (sent, received) = literals(local, remote);
        let ours = search(local, remote).wire_bytes + sent.max(received);
        let theirs = of_rsync(old.size(), 1);
        assert!(ours * 2 < theirs, "{ours} bytes against {theirs}");
    }
}

#[test]
fn signatures_that_are_hit_everywhere_cost_no_more_than_the_file() {
    for period in [1, 3, 256, 1000] {
        let local = Memory::new(random(period, 5).repeat(8 * MIB / period + 1));
        let mut search = Search::new(local.size(), local.size(), 7);
        let mut questions = 0;
        while let Some(wanted) = search.wanted() {
            // The weak hashes are those of windows that are there, the strong ones of none.
            let source = Box::new(local.clone());
            let mut signatures = Vec::new();
            let mut signer = Signer::new(source, wanted.block_bytes, wanted.ranges, 7, false).unwrap();
            while !signer.step(&mut signatures).unwrap() {}
            for signature in signatures.as_chunks_mut::<12>().0 {
                signature[6..].copy_from_slice(b"wrong!");
            }
            search.look(&local, &signatures, &mut || Ok(())).unwrap();
            questions += 1;
        }
        let most = questions * (local.size() * 5 / 2);
        assert!(search.hashed() <= most, "{} of {most} hashed for period {period}", search.hashed());
        assert_eq!(literal_bytes(&search.local_recipe()), local.size());
    }
}

#[test]
fn blocks_that_differ_and_have_the_same_weak_hash_are_told_apart() {
    // To move two bytes towards each other, one as far as the other, keeps both sums.
    let tile = [[0, 1, 0, 0, 1, 0, 0, 0], [0, 0, 1, 1, 0, 0, 0, 0]];
    let remote: Vec<u8> = (0..MIB).flat_map(|n| tile[n.count_ones() as usize % 2]).collect();
    let local: Vec<u8> = (0..MIB).flat_map(|n| tile[(n / 7).count_ones() as usize % 2]).collect();
    let mixed = [&remote[MIB..3 * MIB], &local, &remote[..MIB]].concat();
    both_ways(local, remote.clone());
    let (upload, _) = both_ways(mixed, remote);
    assert!(upload <= 8 * MIB as u64 + 16 * KIB as u64, "{upload}");
}

#[test]
fn as_many_signatures_as_were_wanted_must_come() {
    let file = Memory::new(random(MIB, 1));
    for surplus in [-12_i64, -1, 1, 12] {
        let mut search = Search::new(file.size(), file.size(), 7);
        let count = search.wanted().unwrap().signature_bytes() as i64 + surplus;
        let looked = search.look(&file, &vec![0; count as usize], &mut || Ok(()));
        assert!(matches!(looked, Err(Error::Protocol(_))), "{surplus}: {looked:?}");
    }
    let mut over = Search::new(0, 0, 7);
    assert!(over.wanted().is_none());
    assert!(matches!(over.look(&file, &[], &mut || Ok(())), Err(Error::Protocol(_))));
}

#[test]
fn a_check_ends_the_search() {
    let (local, remote) = (Memory::new(random(16 * MIB, 1)), Memory::new(random(16 * MIB, 2)));
    let mut search = Search::new(local.size(), remote.size(), 7);
    let signatures = vec![1; search.wanted().unwrap().signature_bytes() as usize];
    let mut checks = 0;
    let mut check = || {
        checks += 1;
        if checks == 2 { Err(Error::Interrupted) } else { Ok(()) }
    };
    assert!(matches!(search.look(&local, &signatures, &mut check), Err(Error::Interrupted)));
    assert_eq!(checks, 2);
}

#[test]
fn a_local_file_that_became_shorter_is_an_error() {
    let file = Memory::new(random(MIB, 1));
    let mut search = Search::new(file.size() + 1, file.size(), 7);
    let signatures = vec![1; search.wanted().unwrap().signature_bytes() as usize];
    assert!(matches!(search.look(&file, &signatures, &mut || Ok(())), Err(Error::Local(_))));
}

#[test]
fn the_digest_of_the_whole_is_computed_on_the_way() {
    let file = Memory::new(random(10 * MIB + 5, 1));
    let mut signer = Signer::new(Box::new(file.clone()), 4096, all(&file), 7, true).unwrap();
    let (mut signatures, mut steps) = (Vec::new(), 1);
    while !signer.step(&mut signatures).unwrap() {
        assert!(signer.digest().is_none());
        steps += 1;
    }
    assert_eq!((signer.digest(), steps), (Some(digest(&file.bytes)), 3));
    assert_eq!(signatures.len(), file.bytes.len().div_ceil(4096) * 12);
    let mut empty = Signer::new(Box::new(Memory::new(Vec::new())), 4096, Vec::new(), 7, true).unwrap();
    assert!(empty.step(&mut signatures).unwrap());
    assert_eq!(empty.digest(), Some(digest(b"")));
}

#[test]
fn what_cannot_be_signed_is_refused() {
    let file = Memory::new(random(1000, 1));
    let sign = |block_bytes, ranges: &[std::ops::Range<u64>], whole| {
        Signer::new(Box::new(file.clone()), block_bytes, ranges.to_vec(), 7, whole).is_ok()
    };
    assert!(sign(100, &[0..500, 500..1000], false) && sign(100, std::slice::from_ref(&(0..1000)), true));
    assert!(!sign(0, &[0..500, 600..700], false), "no block size");
    assert!(!sign(u32::MAX, &[0..500, 600..700], false), "too large a block");
    assert!(!sign(100, &[0..500, 400..700], false), "they overlap");
    assert!(!sign(100, &[500..600, 0..100], false), "out of order");
    assert!(!sign(100, &[0..100, 600..600], false), "an empty one");
    assert!(!sign(100, &[0..100, 600..1001], false), "behind the end");
    assert!(!sign(100, &[0..500, 500..1000], true), "not one");
}

/// One change of a file; numbers are parts of its size, in 65,536ths.
#[derive(Debug, Clone)]
enum Change {
    Overwrite(u16, usize, u64),
    Insert(u16, usize, u64),
    Remove(u16, usize),
    Move(u16, u16, usize),
    Duplicate(u16, u16, usize),
    Truncate(u16),
    Append(usize, u64),
}

fn change() -> impl Strategy<Value = Change> {
    let length = || prop_oneof![1..20usize, 1..5000usize, 1..100_000usize];
    prop_oneof![
        (any::<u16>(), length(), any::<u64>()).prop_map(|(at, length, seed)| Change::Overwrite(at, length, seed)),
        (any::<u16>(), length(), any::<u64>()).prop_map(|(at, length, seed)| Change::Insert(at, length, seed)),
        (any::<u16>(), length()).prop_map(|(at, length)| Change::Remove(at, length)),
        (any::<u16>(), any::<u16>(), length()).prop_map(|(from, to, length)| Change::Move(from, to, length)),
        (any::<u16>(), any::<u16>(), length()).prop_map(|(from, to, length)| Change::Duplicate(from, to, length)),
        (40_000..u16::MAX).prop_map(Change::Truncate),
        (length(), any::<u64>()).prop_map(|(length, seed)| Change::Append(length, seed)),
    ]
}

fn apply(file: &mut Vec<u8>, change: &Change) {
    let size = file.len();
    let place = |part: u16| size * usize::from(part) / 65_536;
    let part = |part: u16, length: usize| place(part)..(place(part) + length).min(size);
    match *change {
        Change::Overwrite(at, length, seed) => {
            let part = part(at, length);
            file.splice(part.clone(), random(part.len(), seed));
        }

        Change::Insert(at, length, seed) => drop(file.splice(place(at)..place(at), random(length, seed))),
        Change::Remove(at, length) => drop(file.drain(part(at, length))),
        Change::Move(from, to, length) => {
            let moved: Vec<u8> = file.drain(part(from, length)).collect();
            let to = place(to).min(file.len());
            file.splice(to..to, moved);
        }
        Change::Duplicate(from, to, length) => {
            let copied = file[part(from, length)].to_vec();
            file.splice(place(to)..place(to), copied);
        }
        Change::Truncate(at) => file.truncate(place(at)),
        Change::Append(length, seed) => file.extend(random(length, seed)),
    }
}

fn content() -> impl Strategy<Value = Vec<u8>> {
    let size = || prop_oneof![0..10_000usize, 0..600_000usize];
    prop_oneof![
        (size(), any::<u64>()).prop_map(|(size, seed)| random(size, seed)),
        (size(), any::<u64>()).prop_map(|(size, seed)| random(size, seed).iter().map(|byte| byte & 1).collect()),
        (size(), 1..3000usize, any::<u64>())
            .prop_map(|(size, period, seed)| random(period, seed).repeat(size / period)),
        size().prop_map(|size| vec![0; size]),
    ]
}

proptest! {
    #[test]
    fn both_recipes_make_the_files(old in content(), changes in prop::collection::vec(change(), 0..12)) {
        let mut new = old.clone();
        for change in &changes {
            apply(&mut new, change);
        }
        both_ways(new, old);
    }

    #[test]
    fn any_signatures_end_in_recipes_that_fit(
        local in content(),
        remote_bytes in 0..1_000_000u64,
        pattern in prop::collection::vec(any::<u8>(), 1..50),
    ) {
        let local = Memory::new(local);
        let mut search = Search::new(local.size(), remote_bytes, 7);
        while let Some(wanted) = search.wanted() {
            let count = wanted.signature_bytes() as usize;
            let signatures: Vec<u8> = pattern.iter().copied().cycle().take(count).collect();
            search.look(&local, &signatures, &mut || Ok(())).unwrap();
        }
        let recipe = search.remote_recipe();
        let made: u64 = recipe.iter().map(|piece| match piece {
            Piece::Copy { length, .. } | Piece::Literal { length, .. } => *length,
        }).sum();
        prop_assert_eq!(made, remote_bytes);
    }
}
