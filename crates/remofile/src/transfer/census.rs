//! The census: what a feed will give is counted before it is sent.

use super::feed::Feed;
use super::feeding::{Feeding, Next};
use super::roll::Roll;
use remofile_protocol::wire::Kind;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The time for which a census counts before others have their turn.
const CENSUS_TURN: Duration = Duration::from_millis(5);

/// Counts what a feed will give, some hundred entries a step.
pub struct Census {
    feed: Feed,
    files: u64,
    bytes: u64,
    roll: Roll,
}

/// The result of a census.
#[derive(Debug)]
pub struct Counted {
    /// Number of regular files.
    pub files: u64,
    /// Bytes in them.
    pub bytes: u64,
    /// The files themselves.
    pub roll: Arc<Roll>,
}

impl Census {
    /// Counts this feed, which is then used up.
    #[must_use]
    pub fn new(feed: Feed) -> Self {
        Self { feed, files: 0, bytes: 0, roll: Roll::default() }
    }

    /// Returns the memory that the census holds, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        self.feed.memory_bytes() + self.roll.memory_bytes()
    }

    /// Counts on. Returns what was counted at the end, or where the feed waits for sources to be named.
    pub fn step(&mut self) -> Option<Counted> {
        let began = Instant::now();
        while began.elapsed() < CENSUS_TURN {
            match self.feed.find() {
                Next::End | Next::Pending => {
                    let roll = Arc::new(std::mem::take(&mut self.roll));
                    return Some(Counted { files: self.files, bytes: self.bytes, roll });
                }
                Next::Item(Ok(found)) if found.entry.kind == Kind::File => {
                    self.files += 1;
                    let (source, below) = found.places();
                    self.roll.add(source, below, &found.shown);
                    self.bytes = self.bytes.saturating_add(found.entry.size);
                }
                Next::Item(_) | Next::Working => {}
            }
        }
        None
    }
}
