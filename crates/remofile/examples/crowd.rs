//! Many sessions in one process that work at once: large files that each moves in its turn, or small operations.
//!
//!     cargo run --release --example crowd -- PORT TOKEN move CLIENTS MEBIBYTES AT_ONCE
//!     cargo run --release --example crowd -- PORT TOKEN ask SESSIONS OPERATIONS
//!
//! `move` has each client upload its file from memory, download it and remove it; `AT_ONCE` of them have their turn at a
//! time, all others wait with their session open. `ask` has each session write, look at, read and remove a small file, again and
//! again. Both say one object of JSON. The directory `/crowd` has to be there. `bench/load.py` uses it.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use remofile::protocol::path::RemotePath;
use remofile::protocol::token::Token;
use remofile::{Client, ClientOptions, Silent, TransferOptions};
use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

const MIB: u64 = 1024 * 1024;

/// The content of a small file.
const SMALL: [u8; 1024] = [7; 1024];

/// The stack of each thread: a thousand of them are of one process.
const STACK_BYTES: usize = 512 * 1024;

/// Turns that clients take.
struct Turns {
    free: Mutex<usize>,
    freed: Condvar,
}

impl Turns {
    fn take(&self) {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        while *free == 0 {
            free = self.freed.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
        *free -= 1;
    }

    fn give_back(&self) {
        *self.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.freed.notify_one();
    }
}

/// Some bytes again and again, which no compression and no hole makes less of.
struct Content {
    block: Arc<Vec<u8>>,
    left: u64,
}

impl Read for Content {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let from = (self.left % self.block.len() as u64) as usize;
        let count = buffer.len().min(self.block.len() - from).min(usize::try_from(self.left).unwrap_or(usize::MAX));
        buffer[..count].copy_from_slice(&self.block[from..from + count]);
        self.left -= count as u64;
        Ok(count)
    }
}

/// A writer that counts what comes.
struct Counted(Arc<AtomicU64>);

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Does the work of many clients, each in a thread and a session of its own, and returns the seconds from when all
/// sessions were open to the end of the last one.
fn together<T: Send>(
    options: &ClientOptions,
    clients: usize,
    work: impl Fn(usize, &mut Client) -> Result<T> + Sync,
) -> Result<(f64, Vec<T>)> {
    let opened = Barrier::new(clients + 1);
    std::thread::scope(|scope| {
        let (opened, work) = (&opened, &work);
        let mut threads = Vec::with_capacity(clients);
        for number in 0..clients {
            let options = options.clone();
            let builder = std::thread::Builder::new().stack_size(STACK_BYTES);
            threads.push(builder.spawn_scoped(scope, move || -> Result<T> {
                let connected = Client::connect(options);
                // Also if it failed, or all others would wait for it.
                opened.wait();
                work(number, &mut connected?)
            })?);
        }
        opened.wait();
        let began = Instant::now();
        let mut results = Vec::with_capacity(clients);
        for thread in threads {
            results.push(thread.join().map_err(|_| "a thread panicked")??);
        }
        Ok((began.elapsed().as_secs_f64(), results))
    })
}

fn move_files(options: &ClientOptions, clients: usize, mebibytes: u64, at_once: usize) -> Result<()> {
    let turns = Turns { free: Mutex::new(at_once.max(1)), freed: Condvar::new() };
    let mut state = 1u64;
    let block: Vec<u8> = std::iter::repeat_with(|| {
        // Xorshift.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    })
    .take((MIB / 8) as usize)
    .flatten()
    .collect();
    let block = Arc::new(block);
    let (seconds, parts) = together(options, clients, |number, client| {
        turns.take();
        let moved = move_one(client, number, &block, mebibytes * MIB);
        turns.give_back();
        moved
    })?;
    let sums = |part: fn(&(f64, f64)) -> f64| parts.iter().map(part).sum::<f64>();
    println!(
        "{{\"clients\": {clients}, \"bytes\": {}, \"seconds\": {seconds:.4}, \"up_seconds\": {:.4}, \"down_seconds\": {:.4}}}",
        2 * clients as u64 * mebibytes * MIB,
        sums(|part| part.0),
        sums(|part| part.1),
    );
    Ok(())
}

/// Returns the seconds of the upload and those of the download.
fn move_one(client: &mut Client, number: usize, block: &Arc<Vec<u8>>, bytes: u64) -> Result<(f64, f64)> {
    let path: RemotePath = format!("/crowd/large-{number}").parse()?;
    let options = TransferOptions::default();
    let began = Instant::now();
    let content = Content { block: Arc::clone(block), left: bytes };
    client.upload_stream(Box::new(content), &path, &options, &mut Silent)?;
    let up = began.elapsed().as_secs_f64();
    let came = Arc::new(AtomicU64::new(0));
    client.download_stream(&path, Box::new(Counted(Arc::clone(&came))), &options, &mut Silent)?;
    let down = began.elapsed().as_secs_f64() - up;
    if came.load(Ordering::Relaxed) != bytes {
        return Err(format!("{} of {bytes} bytes came back", came.load(Ordering::Relaxed)).into());
    }
    client.remove(&path, false)?;
    Ok((up, down))
}

fn ask(options: &ClientOptions, sessions: usize, operations: usize) -> Result<()> {
    let (seconds, taken) = together(options, sessions, |number, client| {
        let path: RemotePath = format!("/crowd/small-{number}").parse()?;
        (0..operations).map(|turn| one_operation(client, &path, turn)).collect::<Result<Vec<Duration>>>()
    })?;
    let mut taken: Vec<_> = taken.into_iter().flatten().collect();
    taken.sort_unstable();
    let at = |percent: usize| {
        let place = (taken.len() * percent / 100).min(taken.len().saturating_sub(1));
        taken.get(place).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
    };
    println!(
        "{{\"sessions\": {sessions}, \"operations\": {}, \"seconds\": {seconds:.4}, \"p50_ms\": {:.3}, \"p99_ms\": {:.3}, \"max_ms\": {:.3}}}",
        taken.len(),
        at(50),
        at(99),
        at(100),
    );
    Ok(())
}

fn one_operation(client: &mut Client, path: &RemotePath, turn: usize) -> Result<Duration> {
    let began = Instant::now();
    match turn % 4 {
        0 => client.write_file(path, &SMALL, true)?,
        1 => drop(client.stat(path)?),
        2 => {
            let came = Arc::new(AtomicU64::new(0));
            client.download_stream(
                path,
                Box::new(Counted(Arc::clone(&came))),
                &TransferOptions::default(),
                &mut Silent,
            )?;
            if came.load(Ordering::Relaxed) != SMALL.len() as u64 {
                return Err("a small file came back with another size".into());
            }
        }
        _ => drop(client.remove(path, false)?),
    }
    Ok(began.elapsed())
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        [port, token, "move", clients, mebibytes, at_once] => {
            let options = ClientOptions::new("127.0.0.1", port.parse()?, Token::parse(token)?);
            move_files(&options, clients.parse()?, mebibytes.parse()?, at_once.parse()?)
        }
        [port, token, "ask", sessions, operations] => {
            let options = ClientOptions::new("127.0.0.1", port.parse()?, Token::parse(token)?);
            ask(&options, sessions.parse()?, operations.parse()?)
        }
        _ => Err("usage: crowd PORT TOKEN move CLIENTS MEBIBYTES AT_ONCE, or ask SESSIONS OPERATIONS".into()),
    }
}
