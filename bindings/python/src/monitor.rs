//! Tells Python code what a transfer does, and asks it about chunks.

use crate::call::Caller;
use crate::conflicts::on_conflict;
use crate::entries::{kind_name, seconds_of};
use crate::limits::CallLimits;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use remofile::protocol::wire::{Entry, OnConflict};
use remofile::{Chunk, Conflict, Event, Monitor, describe_holder};
use std::error::Error;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Bytes that moved are told so often.
const TELL_EVERY: Duration = Duration::from_millis(50);

/// A function that wants to see every chunk.
pub(crate) struct ChunkCallback {
    pub(crate) function: Arc<Py<PyAny>>,
    pub(crate) chunk_bytes: NonZeroU32,
    /// The name to give it; `None` for the file's own.
    pub(crate) name: Option<String>,
}

pub(crate) struct PythonMonitor<'a> {
    caller: &'a Caller,
    limits: &'a CallLimits,
    /// Called with the name of an event, a text and two numbers.
    observer: Option<Arc<Py<PyAny>>>,
    /// True if it wants to know more than that the call waits.
    detailed: bool,
    chunks: Option<ChunkCallback>,
    /// Called with each file in the way, to decide.
    resolve: Option<Arc<Py<PyAny>>>,
    moved: u64,
    told: Instant,
}

impl<'a> PythonMonitor<'a> {
    pub(crate) fn new(
        caller: &'a Caller,
        limits: &'a CallLimits,
        observer: Option<Arc<Py<PyAny>>>,
        detailed: bool,
        chunks: Option<ChunkCallback>,
    ) -> Self {
        Self { caller, limits, observer, detailed, chunks, resolve: None, moved: 0, told: Instant::now() }
    }

    /// The same that asks this function about files in the way.
    pub(crate) fn asking(mut self, resolve: Option<Arc<Py<PyAny>>>) -> Self {
        self.resolve = resolve;
        self
    }

    fn tell(&self, name: &'static str, text: String, first: u64, second: u64) {
        let Some(observer) = &self.observer else { return };
        let observer = Arc::clone(observer);
        self.caller.tell(move |py| observer.call1(py, (name, text, first, second)).map(drop));
    }

    fn tell_moved(&mut self) {
        if self.moved > 0 {
            self.tell("moved", String::new(), self.moved, 0);
            self.moved = 0;
        }
        self.told = Instant::now();
    }
}

impl Monitor for PythonMonitor<'_> {
    fn report(&mut self, event: Event<'_>) {
        match event {
            Event::Waiting { holders } => {
                self.caller.note_waiting();
                let who: Vec<String> = holders.iter().map(describe_holder).collect();
                self.tell("waiting", who.join(", "), 0, 0);
            }
            Event::Retrying { error, attempt, of, .. } => {
                self.tell("retrying", error.to_string(), attempt.into(), of.into());
            }
            _ if !self.detailed => {}
            Event::Transferred { bytes } => {
                self.moved += bytes;
                if self.told.elapsed() >= TELL_EVERY {
                    self.tell_moved();
                }
            }
            other => {
                self.tell_moved();
                match other {
                    Event::Total { files, bytes } => self.tell("total", String::new(), files, bytes),
                    Event::FilePresent { path, size } => self.tell("present", path.to_owned(), size, 0),
                    Event::FileStarted { path, size, offset } => {
                        self.tell("started", path.to_owned(), size.unwrap_or_default(), offset);
                    }
                    Event::FileFinished { path } => self.tell("finished", path.to_owned(), 0, 0),
                    Event::FileSkipped { failure } => self.tell("skipped", failure.to_string(), 0, 0),
                    Event::FileFailed { failure } => self.tell("failed", failure.to_string(), 0, 0),
                    Event::Planned { .. }
                    | Event::Waiting { .. }
                    | Event::Retrying { .. }
                    | Event::Transferred { .. } => {}
                }
            }
        }
    }

    fn resolve(&mut self, conflict: &Conflict<'_>) -> OnConflict {
        let Some(resolve) = &self.resolve else { return OnConflict::Abort };
        let (resolve, path) = (Arc::clone(resolve), conflict.path.to_owned());
        let (existing, new) = (Found::of(conflict.existing), Found::of(conflict.new));
        let answer = self.caller.ask(move |py| {
            let told = |found: Found| (found.kind, found.size, found.modified, found.mode);
            on_conflict(&resolve.call1(py, (path, told(existing), told(new)))?.extract::<String>(py)?)
        });
        match answer {
            Some(Ok(decision)) => decision,
            Some(Err(raised)) => {
                // It ends the call, and is what comes of it.
                self.caller.tell(move |_| Err(raised));
                OnConflict::Abort
            }
            None => OnConflict::Abort,
        }
    }

    fn chunk_size(&self) -> Option<NonZeroU32> {
        self.chunks.as_ref().map(|chunks| chunks.chunk_bytes)
    }

    fn process_chunk(&mut self, chunk: &Chunk<'_>) -> Result<bool, Box<dyn Error + Send + Sync>> {
        let Some(chunks) = &self.chunks else { return Ok(true) };
        // The library looks at its own only between messages, which hold many chunks.
        self.limits.left()?;
        let function = Arc::clone(&chunks.function);
        let name = chunks.name.clone().unwrap_or_else(|| chunk.file_name.to_owned());
        let (data, remaining, size) = (chunk.data.to_vec(), chunk.remaining_bytes, chunk.file_size);
        let answer = self.caller.ask(move |py| {
            let answer = function.call1(py, (PyBytes::new(py, &data), remaining, size, name))?;
            answer.bind(py).is_truthy()
        });
        match answer {
            Some(Ok(goes_on)) => Ok(goes_on),
            Some(Err(raised)) => Err(Box::new(raised)),
            None => Ok(false),
        }
    }
}

/// Logs what a call waits for and tries again, and nothing else.
pub(crate) struct LogMonitor<'a>(pub(crate) &'a Caller);

impl Monitor for LogMonitor<'_> {
    fn report(&mut self, event: Event<'_>) {
        match event {
            Event::Waiting { holders } => {
                self.0.note_waiting();
                let who: Vec<String> = holders.iter().map(describe_holder).collect();
                self.0.log("waiting", who.join(", "), 0, 0);
            }
            Event::Retrying { error, attempt, of, .. } => {
                self.0.log("retrying", error.to_string(), attempt.into(), of.into());
            }
            _ => {}
        }
    }
}

/// A file that is in the way or is to take its place.
struct Found {
    kind: &'static str,
    size: u64,
    modified: f64,
    mode: Option<u32>,
}

impl Found {
    fn of(entry: &Entry) -> Self {
        let (kind, modified) = (kind_name(entry.kind), seconds_of(entry.modified));
        Self { kind, size: entry.size, modified, mode: entry.mode }
    }
}

/// Reports what moved last, too.
impl Drop for PythonMonitor<'_> {
    fn drop(&mut self) {
        self.tell_moved();
    }
}
