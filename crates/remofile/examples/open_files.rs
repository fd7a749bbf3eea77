//! A remote file that is read at random places, and streams that are written and read through `open`: operations and bytes a
//! second, beside the same work on a local file.
//!
//!     cargo run --release --example open_files -- PORT TOKEN DIRECTORY MEBIBYTES READS
//!
//! Makes the file `/open-file` and one of that name in the local directory, and removes both. Says one object of JSON.
//! `bench/load.py` uses it.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]
#![expect(clippy::disallowed_methods, reason = "it measures local files beside remote ones")]

use remofile::protocol::path::RemotePath;
use remofile::protocol::token::Token;
use remofile::{Client, ClientOptions, OpenOptions};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::Path;
use std::time::Instant;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const MIB: usize = 1024 * 1024;

/// The bytes of one call of a stream.
const PIECE_BYTES: usize = 64 * 1024;

/// The bytes of a read at a random place.
const READ_BYTES: usize = 4096;

/// Reads that are asked for in one call.
const AT_ONCE: usize = 100;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [port, token, directory, mebibytes, reads] = &arguments[..] else {
        return Err("usage: open_files PORT TOKEN DIRECTORY MEBIBYTES READS".into());
    };
    let (mebibytes, reads): (usize, usize) = (mebibytes.parse()?, reads.parse()?);
    let bytes = mebibytes * MIB;
    let mut client = Client::connect(ClientOptions::new("127.0.0.1", port.parse()?, Token::parse(token)?))?;
    let remote: RemotePath = "/open-file".parse()?;
    let local = Path::new(directory).join("open-file");
    let places = places(reads, bytes - READ_BYTES);

    let write = seconds(|| {
        let mut file = client.open(&remote, OpenOptions::new().write(true).rewrite())?;
        write_all(&mut file, bytes)?;
        Ok(file.close()?)
    })?;
    let local_write = seconds(|| write_all(&mut File::create(&local)?, bytes))?;
    let mut file = client.open(&remote, OpenOptions::new().read(true))?;
    let read = seconds(|| read_all(&mut file, bytes))?;
    let random = seconds(|| read_at(&mut file, &places))?;
    let ranges: Vec<Range<u64>> = places.iter().map(|place| *place..*place + READ_BYTES as u64).collect();
    let together = seconds(|| {
        let counts = ranges.chunks(AT_ONCE).map(|ranges| file.read_ranges(ranges).map(|read| read.len()));
        let read: usize = counts.sum::<remofile::Result<usize>>()?;
        (read == reads).then_some(()).ok_or_else(|| "ranges are missing".into())
    })?;
    file.close()?;
    let mut file = File::open(&local)?;
    let local_read = seconds(|| read_all(&mut file, bytes))?;
    let local_random = seconds(|| read_at(&mut file, &places))?;
    client.remove(&remote, false)?;
    std::fs::remove_file(&local)?;
    println!(
        "{{\"bytes\": {bytes}, \"reads\": {reads}, \"write_seconds\": {write:.5}, \"read_seconds\": {read:.5}, \
         \"random_seconds\": {random:.5}, \"together_seconds\": {together:.5}, \"local_write_seconds\": {local_write:.5}, \
         \"local_read_seconds\": {local_read:.5}, \"local_random_seconds\": {local_random:.5}}}"
    );
    Ok(())
}

/// Returns offsets that are random enough, and the same each time.
fn places(count: usize, most: usize) -> Vec<u64> {
    let mut state = 20u64;
    std::iter::repeat_with(|| {
        // Xorshift.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % (most as u64 + 1)
    })
    .take(count)
    .collect()
}

fn write_all(file: &mut impl Write, bytes: usize) -> Result<()> {
    let piece: Vec<u8> = (0..PIECE_BYTES).map(|number| (number * 7 + number / 251) as u8).collect();
    (0..bytes / PIECE_BYTES).try_for_each(|_| file.write_all(&piece))?;
    Ok(file.flush()?)
}

fn read_all(file: &mut impl Read, bytes: usize) -> Result<()> {
    let mut piece = vec![0; PIECE_BYTES];
    let mut left = bytes;
    while left > 0 {
        match file.read(&mut piece)? {
            0 => return Err(format!("{left} bytes are missing").into()),
            count => left -= count,
        }
    }
    Ok(())
}

fn read_at(file: &mut (impl Read + Seek), places: &[u64]) -> Result<()> {
    let mut piece = [0; READ_BYTES];
    for place in places {
        file.seek(SeekFrom::Start(*place))?;
        file.read_exact(&mut piece)?;
    }
    Ok(())
}

fn seconds(mut work: impl FnMut() -> Result<()>) -> Result<f64> {
    let began = Instant::now();
    work()?;
    Ok(began.elapsed().as_secs_f64())
}
