//! Measurements in memory, run by hand:
//! `cargo test --release -p remofile-core --lib delta::bench -- --ignored --nocapture`.

use super::memory::{Memory, Searched, all, edit, literal_bytes, random, search};
use super::{Search, Signer, runs::Side};
use remofile_protocol::block::{SIGNATURE_BYTES, Signature, Window, strong};
use std::hint::black_box;
use std::time::Instant;

const BYTES: usize = 1 << 30;

fn report(what: &str, bytes: usize, began: Instant) {
    let seconds = began.elapsed().as_secs_f64();
    println!("{what:<44} {:6.2} GB/s  {seconds:6.3} s", bytes as f64 / 1e9 / seconds);
}

fn measure(what: &str, local: &Memory, remote: &Memory) {
    for side in [Side::Local, Side::Remote] {
        let began = Instant::now();
        let Searched { search, questions, wire_bytes } = search(local, remote);
        report(&format!("{what}, {side:?}"), local.bytes.len(), began);
        let hashed = search.hashed();
        let recipe = if side == Side::Local { search.local_recipe() } else { search.remote_recipe() };
        let literal = literal_bytes(&recipe);
        println!(
            "    {questions} questions, {wire_bytes} bytes + {literal} literal, {} pieces, {hashed} hashed",
            recipe.len()
        );
    }
}

#[test]
#[ignore = "measures, and takes 3 GiB of memory"]
fn hashes() {
    let bytes = random(1 << 20, 1);
    for block_bytes in [256, 512, 4096, 65536, 131_072] {
        let began = Instant::now();
        for _ in 0..1024 {
            for block in black_box(&bytes).chunks(block_bytes) {
                black_box(Window::of(block));
            }
        }
        report(&format!("weak, {block_bytes}"), BYTES, began);
        let began = Instant::now();
        for _ in 0..1024 {
            for block in black_box(&bytes).chunks(block_bytes) {
                black_box(strong(block, 1));
            }
        }
        report(&format!("strong, {block_bytes}"), BYTES, began);
    }
}

#[test]
#[ignore = "measures, and takes 3 GiB of memory"]
fn searches() {
    let old = Memory::new(random(BYTES, 1));
    for (what, block_bytes, whole) in
        [("sign", 128 * 1024, false), ("sign with digest", 128 * 1024, true), ("sign, large blocks", 4 << 20, false)]
    {
        let began = Instant::now();
        let mut signer = Signer::new(Box::new(old.clone()), block_bytes, all(&old), 1, whole).unwrap();
        let mut signatures = Vec::new();
        while !signer.step(&mut signatures).unwrap() {}
        report(what, BYTES, began);
    }
    first_level("identical", &old, &old);
    measure("identical", &old, &old);

    let mut edited = old.bytes.to_vec();
    edit(&mut edited, 1000, 10 * 1024);
    let edited = Memory::new(edited);
    measure("1,000 edits of 10 KiB", &edited, &old);
    drop(edited);

    let mut inserted = old.bytes.to_vec();
    inserted.insert(0, 1);
    let inserted = Memory::new(inserted);
    measure("one byte inserted, upload", &inserted, &old);
    measure("one byte inserted, download", &old, &inserted);
    drop(inserted);

    let other = Memory::new(random(BYTES, 2));
    first_level("entirely different", &other, &old);
    measure("entirely different", &other, &old);
    drop(other);

    let zeros = Memory::new(vec![0; BYTES]);
    first_level("zeros", &zeros, &zeros);
    measure("zeros, and a random file", &zeros, &old);
    let mut search = Search::new(zeros.size(), old.size(), 7);
    let count = search.wanted().unwrap().signature_bytes() as usize / SIGNATURE_BYTES;
    let hostile = [0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6].repeat(count);
    let began = Instant::now();
    search.look(&zeros, &hostile, &mut || Ok(())).unwrap();
    report("hostile: every window has the weak hash", BYTES, began);
}

/// Measures a first level: the best of three times, since other work on the machine is not to be measured.
fn first_level(what: &str, local: &Memory, remote: &Memory) {
    let sign = |block_bytes: u32| -> Vec<u8> {
        let blocks = remote.bytes.chunks(block_bytes as usize);
        blocks.flat_map(|block| Signature::of(block, 7).to_bytes()).collect()
    };
    let signatures = sign(Search::new(local.size(), remote.size(), 7).wanted().unwrap().block_bytes);
    let once = || {
        let mut search = Search::new(local.size(), remote.size(), 7);
        let began = Instant::now();
        search.look(local, &signatures, &mut || Ok(())).unwrap();
        began.elapsed()
    };
    let best = (0..3).map(|_| once()).min().unwrap();
    println!("{what}, first level without signing: {:.2} GB/s", local.bytes.len() as f64 / 1e9 / best.as_secs_f64());
}
