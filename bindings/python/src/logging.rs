//! The log of the library, kept until Python takes it.

use pyo3::prelude::*;
use remofile::protocol::printable;
use std::collections::VecDeque;
use std::fmt::{Debug, Write};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, Once, PoisonError};
use std::time::Duration;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Lines that are kept at most; of more, the oldest are lost.
const MOST: usize = 1000;

/// Processes, each forked from the one before, that have a queue. Later ones have no log.
const MOST_PROCESSES: usize = 64;

/// A queue for this process and for those that are forked from it. A fork may meet a thread that holds the lock of its queue: in the new
/// process nobody gives that back, so it has a queue of its own, and never touches the old one.
static QUEUES: [Queue; MOST_PROCESSES] = [const { Queue::new() }; MOST_PROCESSES];

/// The lines of one process.
struct Queue {
    /// The process; 0 if it is nobody's yet.
    process: AtomicU32,
    lines: Mutex<VecDeque<(u8, String)>>,
    /// Told when there are lines, or `is_woken` was set.
    arrived: Condvar,
    /// True if the next to wait for lines is to look around first. It changes under the lock of the lines.
    is_woken: AtomicBool,
}

impl Queue {
    const fn new() -> Self {
        Self {
            process: AtomicU32::new(0),
            lines: Mutex::new(VecDeque::new()),
            arrived: Condvar::new(),
            is_woken: AtomicBool::new(false),
        }
    }

    /// Returns the queue of this process, without a lock that a fork could meet.
    fn own() -> Option<&'static Self> {
        let process = std::process::id();
        QUEUES.iter().find(|queue| {
            let taken = queue.process.compare_exchange(0, process, Ordering::AcqRel, Ordering::Acquire);
            taken.map_or_else(|owner| owner == process, |_| true)
        })
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(u8, String)>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

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
    Queue::own().map(|queue| queue.lock().drain(..).collect()).unwrap_or_default()
}

/// The text with each character as an escape that a terminal would obey, or that reorders or hides text.
#[pyfunction]
pub(crate) fn harmless(text: &str) -> String {
    printable::harmless(text).into_owned()
}

/// Waits until there are lines, or somebody calls [`wake_for_logs`], or so many milliseconds.
#[pyfunction]
pub(crate) fn wait_for_logs(py: Python<'_>, timeout: u64) {
    let timeout = Duration::from_millis(timeout);
    py.detach(|| {
        let Some(queue) = Queue::own() else { return std::thread::sleep(timeout) };
        let idle = |lines: &mut VecDeque<_>| lines.is_empty() && !queue.is_woken.swap(false, Ordering::Relaxed);
        drop(queue.arrived.wait_timeout_while(queue.lock(), timeout, idle));
    });
}

/// Ends [`wait_for_logs`], or the next one if nobody waits.
#[pyfunction]
pub(crate) fn wake_for_logs() {
    if let Some(queue) = Queue::own() {
        let _lines = queue.lock();
        queue.is_woken.store(true, Ordering::Relaxed);
        queue.arrived.notify_all();
    }
}

/// Reports whether there are lines to take.
pub(crate) fn has_lines() -> bool {
    Queue::own().is_some_and(|queue| !queue.lock().is_empty())
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
        let Some(queue) = Queue::own() else { return };
        let mut lines = queue.lock();
        if lines.len() >= MOST {
            lines.pop_front();
        }
        let text = format!("{}{}", line.message, line.fields);
        lines.push_back((level, printable::harmless(&text).into_owned()));
        queue.arrived.notify_all();
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
