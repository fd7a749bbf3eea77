//! The log of the library, kept until Python takes it.

use pyo3::prelude::*;
use remofile::protocol::printable;
use std::collections::VecDeque;
use std::fmt::{Debug, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, Once, PoisonError};
use std::time::Duration;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Lines that are kept at most; of more, the oldest are lost.
const MOST: usize = 1000;

static LINES: Mutex<VecDeque<(u8, String)>> = Mutex::new(VecDeque::new());

/// Told when there are lines, or [`WOKEN`] was set.
static ARRIVED: Condvar = Condvar::new();

/// True if the next to wait for lines is to look around first. It changes under the lock of the lines.
static WOKEN: AtomicBool = AtomicBool::new(false);

/// Begins to keep what is logged.
pub(crate) fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Another subscriber of this process stays what it is.
        let _is_first = tracing::subscriber::set_global_default(Keeper);
    });
}

/// Levels, as Python numbers them, and lines since the last time.
#[pyfunction]
pub(crate) fn take_logs() -> Vec<(u8, String)> {
    LINES.lock().unwrap_or_else(PoisonError::into_inner).drain(..).collect()
}

/// The text with each character as an escape that a terminal would obey, or that reorders or hides text.
#[pyfunction]
pub(crate) fn harmless(text: &str) -> String {
    printable::harmless(text).into_owned()
}

/// Waits until there are lines, or somebody calls [`wake_for_logs`], or so many milliseconds.
#[pyfunction]
pub(crate) fn wait_for_logs(py: Python<'_>, timeout: u64) {
    py.detach(|| {
        let lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = |lines: &mut VecDeque<_>| lines.is_empty() && !WOKEN.swap(false, Ordering::Relaxed);
        drop(ARRIVED.wait_timeout_while(lines, Duration::from_millis(timeout), idle));
    });
}

/// Ends [`wait_for_logs`], or the next one if nobody waits.
#[pyfunction]
pub(crate) fn wake_for_logs() {
    let _lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
    WOKEN.store(true, Ordering::Relaxed);
    ARRIVED.notify_all();
}

/// Reports whether there are lines to take.
pub(crate) fn has_lines() -> bool {
    !LINES.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
}

struct Keeper;

impl Subscriber for Keeper {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::INFO
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let level = match *event.metadata().level() {
            Level::ERROR => 40,
            Level::WARN => 30,
            Level::INFO => 20,
            _ => 10,
        };
        let mut line = Line::default();
        event.record(&mut line);
        let mut lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() >= MOST {
            lines.pop_front();
        }
        let text = format!("{}{}", line.message, line.fields);
        lines.push_back((level, printable::harmless(&text).into_owned()));
        ARRIVED.notify_all();
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // Writing to a string does not fail.
        let _written = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}
