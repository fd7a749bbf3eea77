//! A watch: one answer that goes on, a line for each change.

use crate::wire::{Streamed, WatchAnswer};
use remofile::server::coordination::{CoordinatorError, CoordinatorResult, Event, Watch};
use std::io::{BufRead, BufReader, Read};
use zeroize::Zeroizing;

/// Bytes of one line at most: all changes of one revision are in it.
const MOST_LINE_BYTES: u64 = 64 * 1024 * 1024;

pub(crate) struct EtcdWatch {
    lines: BufReader<Box<dyn Read + Send>>,
    prefix: String,
}

impl EtcdWatch {
    pub(crate) fn new(stream: Box<dyn Read + Send>, prefix: String) -> Self {
        Self { lines: BufReader::new(stream), prefix }
    }

    fn line(&mut self) -> CoordinatorResult<Zeroizing<Vec<u8>>> {
        let ended = |why: String| CoordinatorError::Unreachable(why);
        let mut line = Zeroizing::new(Vec::new());
        let mut limited = self.lines.by_ref().take(MOST_LINE_BYTES);
        limited.read_until(b'\n', &mut line).map_err(|error| ended(error.to_string()))?;
        if line.last() == Some(&b'\n') { Ok(line) } else { Err(ended("the watch has ended".to_owned())) }
    }
}

impl Watch for EtcdWatch {
    fn next(&mut self) -> CoordinatorResult<Vec<Event>> {
        let line = self.line()?;
        let answer: Streamed<WatchAnswer> =
            serde_json::from_slice(&line).map_err(|error| CoordinatorError::Unreachable(error.to_string()))?;
        let Some(result) = answer.result else {
            let why = answer.error.map(|error| error.message).unwrap_or_default();
            return Err(CoordinatorError::Unreachable(why));
        };
        if result.canceled {
            let is_forgotten = result.compact_revision.0 > 0;
            let why = CoordinatorError::Unreachable(result.cancel_reason);
            return Err(if is_forgotten { CoordinatorError::Forgotten } else { why });
        }
        Ok(result.events.into_iter().filter_map(|event| event.event(&self.prefix)).collect())
    }
}
