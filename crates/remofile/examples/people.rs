//! Many clients in one process that read and write the same few files, and what each of them found.
//!
//!     cargo run --release --example people -- PORT TOKEN READERS WRITERS SECONDS
//!
//! Each file that a writer uploads is one number, again and again; a reader fails if a file that it reads has two. One
//! writer more, with a file of its own, uploads ten times a second; how long that takes is what is told. The directory
//! `/people` has to be there. `bench/people.py` uses it.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use remofile::protocol::path::RemotePath;
use remofile::protocol::token::Token;
use remofile::{Client, ClientOptions, Error, OpenOptions, Silent, TransferOptions};
use std::io::{Cursor, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Files that all readers and writers use.
const FILES: u64 = 32;

/// The length of each, in numbers of eight bytes.
const NUMBERS: usize = 64 * 1024 / 8;

/// The pause of each reader and writer after each file.
const PAUSE: Duration = Duration::from_millis(100);

/// Everything that all threads count.
#[derive(Default)]
struct Counts {
    reads: AtomicU64,
    writes: AtomicU64,
    missing: AtomicU64,
}

/// A client of the server, and a source of numbers that are random enough.
struct Person {
    client: Client,
    state: u64,
}

impl Person {
    fn new(port: u16, token: &Token, seed: u64) -> Self {
        Self { client: Client::new(ClientOptions::new("127.0.0.1", port, token.clone())), state: seed | 1 }
    }

    fn number(&mut self) -> u64 {
        // Xorshift.
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state
    }

    fn path(&mut self) -> Result<RemotePath> {
        Ok(format!("/people/{}", self.number() % FILES).parse()?)
    }

    fn write(&mut self, path: &RemotePath) -> Result<()> {
        let number = self.number();
        let content: Vec<u8> = number.to_le_bytes().repeat(NUMBERS);
        let options = TransferOptions {
            on_conflict: remofile::protocol::wire::OnConflict::Replace,
            ..TransferOptions::default()
        };
        self.client.upload_stream(Box::new(Cursor::new(content)), path, &options, &mut Silent)?;
        Ok(())
    }

    fn read(&mut self, counts: &Counts) -> Result<()> {
        let path = self.path()?;
        let mut content = Vec::new();
        let read = self.client.open(&path, OpenOptions::new().read(true));
        match read {
            Err(Error::Remote(failure)) if failure.code.name() == "not-found" => {
                counts.missing.fetch_add(1, Ordering::Relaxed);
                return Ok(());
            }
            other => other?.read_to_end(&mut content)?,
        };
        let (numbers, rest) = content.as_chunks::<8>();
        let is_whole = numbers.len() == NUMBERS && rest.is_empty() && numbers.windows(2).all(|pair| pair[0] == pair[1]);
        if !is_whole {
            return Err(format!("{path} is a mixture, or has {} bytes", content.len()).into());
        }
        counts.reads.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [port, token, readers, writers, seconds] = &arguments[..] else {
        return Err("usage: people PORT TOKEN READERS WRITERS SECONDS".into());
    };
    let (port, token) = (port.parse()?, Token::parse(token)?);
    let (readers, writers): (u64, u64) = (readers.parse()?, writers.parse()?);
    let (counts, end) = (Counts::default(), Instant::now() + Duration::from_secs(seconds.parse()?));
    let mut taken = Vec::new();
    std::thread::scope(|scope| -> Result<()> {
        let (counts, token) = (&counts, &token);
        let mut threads = Vec::new();
        for number in 0..readers + writers {
            threads.push(scope.spawn(move || -> Result<()> {
                let mut person = Person::new(port, token, (number + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
                while Instant::now() < end {
                    if number < readers {
                        person.read(counts)?;
                    } else {
                        let path = person.path()?;
                        person.write(&path)?;
                        counts.writes.fetch_add(1, Ordering::Relaxed);
                    }
                    std::thread::sleep(PAUSE);
                }
                Ok(())
            }));
        }
        let mut person = Person::new(port, token, 7);
        let path = "/people/own".parse()?;
        while Instant::now() < end {
            let began = Instant::now();
            person.write(&path)?;
            taken.push(began.elapsed());
            std::thread::sleep(PAUSE);
        }
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| "a thread panicked")?)
    })?;
    taken.sort_unstable();
    let at = |percent: usize| taken.get((taken.len() * percent / 100).min(taken.len().saturating_sub(1)));
    let shown = |percent| at(percent).map_or_else(String::new, |time| format!("{:.1}", time.as_secs_f64() * 1000.0));
    println!(
        "reads {} missing {} writes {} uploads {} p50-ms {} p99-ms {} max-ms {}",
        counts.reads.into_inner(),
        counts.missing.into_inner(),
        counts.writes.into_inner(),
        taken.len(),
        shown(50),
        shown(99),
        shown(100),
    );
    Ok(())
}
