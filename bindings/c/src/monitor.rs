//! The callbacks of a transfer.

#![expect(unsafe_code, reason = "functions of C are called")]

use crate::codes::{of_error, of_failure};
use crate::entries::metadata;
use crate::fault::Fault;
use crate::flags;
use crate::texts::c_text;
use crate::types::{self, Monitor};
use remofile::protocol::wire::{Failure, OnConflict};
use remofile::{Chunk, Conflict, Error, Event, Interrupt, describe_holder};
use std::ffi::{CString, c_char};
use std::num::NonZeroU32;

/// Bytes of a chunk where none are chosen.
const CHUNK_BYTES: NonZeroU32 = NonZeroU32::new(8192).expect("it is more than 0");

/// The monitor of a transfer that calls functions of C.
pub(crate) struct CallbackMonitor {
    monitor: Monitor,
    interrupt: Interrupt,
    /// The reason to end the call that a callback gave.
    ended: Option<Fault>,
}

impl CallbackMonitor {
    pub(crate) fn new(monitor: Option<&Monitor>, interrupt: Interrupt) -> Self {
        let silent = Monitor {
            struct_size: size_of::<Monitor>(),
            user: std::ptr::null_mut(),
            on_event: None,
            on_chunk: None,
            chunk_size: 0,
            on_conflict: None,
        };
        Self { monitor: monitor.copied().unwrap_or(silent), interrupt, ended: None }
    }

    /// True if it decides about files in the way.
    pub(crate) fn decides(&self) -> bool {
        self.monitor.on_conflict.is_some()
    }

    /// The size of chunks that the caller has chosen.
    pub(crate) fn chosen_chunk(&self) -> Option<NonZeroU32> {
        self.monitor.on_chunk.and(NonZeroU32::new(self.monitor.chunk_size))
    }

    /// Returns what comes of the call: what a callback said comes first.
    pub(crate) fn outcome<T>(self, result: Result<T, Error>) -> (Option<T>, Option<Fault>) {
        match (result, self.ended) {
            (Ok(value), ended) => (Some(value), ended),
            (Err(_), Some(ended)) => (None, Some(ended)),
            // A chunk was refused because the call was cancelled.
            (Err(Error::Stopped), None) if self.interrupt.is_triggered() => (None, Some(Error::Interrupted.into())),
            (Err(error), None) => (None, Some(error.into())),
        }
    }

    /// Ends the call.
    fn end(&mut self, why: Fault) {
        self.ended.get_or_insert(why);
        self.interrupt.trigger();
    }

    fn tell(&mut self, happened: &Happening<'_>) {
        let Some(on_event) = self.monitor.on_event else { return };
        if self.ended.is_some() {
            return;
        }
        let (path, text) = (happened.path.map(c_text), happened.text.map(c_text));
        let event = types::Event {
            struct_size: size_of::<types::Event>(),
            kind: happened.kind,
            code: happened.code,
            path: pointer(path.as_ref()),
            text: pointer(text.as_ref()),
            bytes: happened.bytes.unwrap_or(types::REMOFILE_UNKNOWN),
            count: happened.count,
        };
        // SAFETY: the function is the caller's, and by its contract may be called with these.
        if unsafe { on_event(self.monitor.user, &raw const event) } != 0 {
            self.end(Error::Stopped.into());
        }
    }

    fn tell_failure(&mut self, kind: u32, failure: &Failure) {
        let (code, text) = (of_failure(failure.code), failure.to_string());
        let path = failure.path.as_deref();
        self.tell(&Happening { code, path, text: Some(&text), ..Happening::new(kind) });
    }
}

/// An event on its way to C.
struct Happening<'a> {
    kind: u32,
    code: i32,
    path: Option<&'a str>,
    text: Option<&'a str>,
    bytes: Option<u64>,
    count: u64,
}

impl Happening<'_> {
    /// One of which nothing but its kind is told.
    fn new(kind: u32) -> Self {
        Self { kind, code: 0, path: None, text: None, bytes: None, count: 0 }
    }
}

impl remofile::Monitor for CallbackMonitor {
    fn report(&mut self, event: Event<'_>) {
        let new = Happening::new;
        match event {
            Event::Waiting { holders } => {
                let who = holders.iter().map(describe_holder).collect::<Vec<_>>().join(", ");
                self.tell(&Happening { text: Some(&who), ..new(flags::REMOFILE_EVENT_WAITING) });
            }
            Event::Retrying { error, attempt, .. } => {
                let (code, text, count) = (of_error(error), error.to_string(), attempt.into());
                self.tell(&Happening { code, text: Some(&text), count, ..new(flags::REMOFILE_EVENT_RETRYING) });
            }
            Event::Planned { plan } => {
                let count = plan.steps.len() as u64;
                self.tell(&Happening { count, ..new(flags::REMOFILE_EVENT_PLANNED) });
            }
            Event::Total { files: count, bytes } => {
                self.tell(&Happening { bytes: Some(bytes), count, ..new(flags::REMOFILE_EVENT_TOTAL) });
            }
            Event::FilePresent { path, size } => {
                self.tell(&Happening { path: Some(path), bytes: Some(size), ..new(flags::REMOFILE_EVENT_PRESENT) });
            }
            Event::FileStarted { path, size: bytes, offset: count } => {
                self.tell(&Happening { path: Some(path), bytes, count, ..new(flags::REMOFILE_EVENT_STARTED) });
            }
            Event::Transferred { bytes } => {
                self.tell(&Happening { bytes: Some(bytes), ..new(flags::REMOFILE_EVENT_MOVED) });
            }
            Event::FileFinished { path } => {
                self.tell(&Happening { path: Some(path), ..new(flags::REMOFILE_EVENT_FINISHED) });
            }
            Event::FileSkipped { failure } => self.tell_failure(flags::REMOFILE_EVENT_SKIPPED, failure),
            Event::FileFailed { failure } => self.tell_failure(flags::REMOFILE_EVENT_FAILED, failure),
        }
    }

    fn resolve(&mut self, conflict: &Conflict<'_>) -> OnConflict {
        let Some(on_conflict) = self.monitor.on_conflict.filter(|_| self.ended.is_none()) else {
            return OnConflict::Abort;
        };
        let path = c_text(conflict.path);
        let told = types::Conflict {
            struct_size: size_of::<types::Conflict>(),
            path: path.as_ptr(),
            existing: metadata(conflict.existing),
            replacement: metadata(conflict.new),
        };
        // SAFETY: the function is the caller's, and by its contract may be called with these.
        let answer = unsafe { on_conflict(self.monitor.user, &raw const told) };
        flags::on_conflict(answer).unwrap_or_else(|fault| {
            self.end(fault);
            OnConflict::Abort
        })
    }

    fn chunk_size(&self) -> Option<NonZeroU32> {
        self.monitor.on_chunk.map(|_| NonZeroU32::new(self.monitor.chunk_size).unwrap_or(CHUNK_BYTES))
    }

    fn process_chunk(&mut self, chunk: &Chunk<'_>) -> Result<bool, Box<dyn std::error::Error + Send + Sync>> {
        let Some(on_chunk) = self.monitor.on_chunk else { return Ok(true) };
        // The library looks at it only between messages, which hold many chunks.
        if self.interrupt.is_triggered() {
            return Ok(false);
        }
        let file_name = c_text(chunk.file_name);
        let told = types::Chunk {
            struct_size: size_of::<types::Chunk>(),
            data: chunk.data.as_ptr(),
            length: chunk.data.len(),
            remaining_bytes: chunk.remaining_bytes,
            file_size: chunk.file_size,
            file_name: file_name.as_ptr(),
        };
        // SAFETY: the function is the caller's, and by its contract may be called with these.
        Ok(unsafe { on_chunk(self.monitor.user, &raw const told) } == 0)
    }
}

fn pointer(text: Option<&CString>) -> *const c_char {
    text.map_or(std::ptr::null(), |text| text.as_ptr())
}
