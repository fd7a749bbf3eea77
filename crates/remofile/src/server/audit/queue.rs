//! The queue of lines, and the thread that writes them.
//!
//! Goals: a line costs its session a copy of some hundred bytes; the file gets whole batches; nothing is dropped while
//! the file takes what it is given. Who adds a line waits only for room. While the file takes nothing, lines wait up to
//! the same bound, and beyond it they are counted and told when it works again.

use super::line::Line;
use crate::store::AppendFile;
use std::io::{self, Write};
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Bytes of lines that wait at most, and of those that are being written.
const MOST_BYTES: usize = 1024 * 1024;

/// Bytes that are written without waiting for more.
const BATCH_BYTES: usize = 64 * 1024;

/// The time for which lines are gathered into a batch.
const GATHERING: Duration = Duration::from_millis(100);

/// Time between two attempts to write to a file that takes nothing.
const RETRYING: Duration = Duration::from_secs(1);

/// Least time between two errors in the server's log.
const COMPLAINING: Duration = Duration::from_secs(60);

/// The file or writer that lines go to.
pub(super) trait Sink: Send {
    /// Appends bytes, and returns how many of them.
    fn append(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Opens what has its name now.
    fn reopen(&mut self) -> io::Result<()>;
}

impl Sink for AppendFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Self::append(self, bytes)
    }

    fn reopen(&mut self) -> io::Result<()> {
        Self::reopen(self)
    }
}

/// A writer as a sink.
pub(super) struct Writer<W>(pub(super) W);

impl<W: Write + Send> Sink for Writer<W> {
    fn append(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.0.write(bytes)?;
        self.0.flush()?;
        Ok(count)
    }

    fn reopen(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The way to the queue. When it is dropped, every line is written, or counted as lost.
pub(super) struct Handle {
    queue: Arc<Queue>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Queue {
    state: Mutex<QueueState>,
    /// Called when the thread has something to do.
    more: Condvar,
    /// Called when the thread has done something.
    done: Condvar,
    slot: Mutex<Slot>,
}

struct Slot {
    sink: Box<dyn Sink>,
    /// Number of times that it was opened again.
    opened: u64,
}

#[derive(Default)]
struct QueueState {
    /// Whole lines.
    lines: Vec<u8>,
    /// True while the sink takes nothing.
    is_broken: bool,
    /// Lines for which there was no room, and that the log has not told yet.
    lost: u64,
    /// Flushes that were asked for, and those that are over.
    flushes: u64,
    flushed: u64,
    is_reopened: bool,
    is_closing: bool,
    has_thread: bool,
}

impl QueueState {
    fn is_full(&self) -> bool {
        self.lines.len() >= MOST_BYTES
    }

    fn is_urgent(&self) -> bool {
        self.is_closing || self.is_reopened || self.flushes > self.flushed
    }
}

impl Handle {
    pub(super) fn new(sink: Box<dyn Sink>) -> Self {
        let queue = Queue {
            state: Mutex::default(),
            more: Condvar::new(),
            done: Condvar::new(),
            slot: Mutex::new(Slot { sink, opened: 0 }),
        };
        Self { queue: Arc::new(queue), thread: Mutex::new(None) }
    }

    /// Adds a line, and waits for room for it.
    pub(super) fn append(&self, line: &str) {
        let mut state = self.queue.lock();
        while state.is_full() && !state.is_broken {
            state = self.queue.done.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        self.add(state, line, MOST_BYTES);
    }

    /// Adds a line without waiting, beyond the bound if there is no room. There must be a bound to such lines elsewhere.
    pub(super) fn append_beyond(&self, line: &str) {
        let state = self.queue.lock();
        let most = if state.is_broken { MOST_BYTES } else { usize::MAX };
        self.add(state, line, most);
    }

    /// Adds a line if there is room for it.
    pub(super) fn append_at_once(&self, line: &str) {
        self.add(self.queue.lock(), line, MOST_BYTES);
    }

    fn add(&self, mut state: MutexGuard<'_, QueueState>, line: &str, most: usize) {
        if state.lines.len() >= most {
            state.lost += 1;
            return;
        }
        let before = state.lines.len();
        state.lines.extend_from_slice(line.as_bytes());
        let is_batch = before < BATCH_BYTES && state.lines.len() >= BATCH_BYTES;
        if before == 0 || is_batch {
            self.queue.more.notify_one();
        }
        if !state.has_thread {
            self.start(&mut state);
        }
    }

    /// Starts the thread, with the first line: a server is confined before it has a second thread.
    fn start(&self, state: &mut QueueState) {
        let queue = Arc::clone(&self.queue);
        match thread::Builder::new().name("audit log".to_owned()).spawn(move || AtWork(queue).0.run()) {
            Ok(thread) => {
                state.has_thread = true;
                *self.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
            }
            // Tried again with the next line.
            Err(error) => {
                state.is_broken = true;
                tracing::error!(%error, "cannot start the thread of the audit log");
            }
        }
    }

    /// Waits until what was added before is written, or cannot be written now.
    pub(super) fn flush(&self) {
        let mut state = self.queue.lock();
        if !state.has_thread {
            return;
        }
        state.flushes += 1;
        let own = state.flushes;
        self.queue.more.notify_one();
        while state.flushed < own {
            state = self.queue.done.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub(super) fn reopen(&self) -> io::Result<()> {
        let mut slot = self.queue.slot.lock().unwrap_or_else(PoisonError::into_inner);
        slot.sink.reopen()?;
        slot.opened += 1;
        drop(slot);
        // What could not be written before is tried again at once.
        self.queue.lock().is_reopened = true;
        self.queue.more.notify_one();
        Ok(())
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.queue.lock().is_closing = true;
        self.queue.more.notify_one();
        let thread = self.thread.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        // A panic was told by the thread itself.
        let _ended = thread.map(JoinHandle::join);
    }
}

/// The queue as its thread has it. A panic of the writer costs what was being written, and keeps nobody waiting: the next
/// line starts another thread.
struct AtWork(Arc<Queue>);

impl Drop for AtWork {
    fn drop(&mut self) {
        if thread::panicking() {
            let mut state = self.0.lock();
            (state.has_thread, state.is_broken, state.flushed) = (false, true, state.flushes);
            self.0.done.notify_all();
            tracing::error!("the thread of the audit log panicked");
        }
    }
}

/// Lines that are being written.
#[derive(Default)]
struct Batch {
    bytes: Vec<u8>,
    written: usize,
    /// Number of times that the sink had been opened again when it was written to last.
    opened: u64,
}

/// One turn of the thread.
struct Turn {
    /// Flushes that were asked for before it.
    flushes: u64,
    /// True if the batch has every line that was added before.
    has_all: bool,
    is_closing: bool,
}

impl Batch {
    fn is_empty(&self) -> bool {
        self.written == self.bytes.len()
    }

    fn fill(&mut self, lines: Vec<u8>, lost: u64) {
        (self.bytes, self.written) = (lines, 0);
        if lost > 0 {
            let mut line = Line::new("lost");
            line.number("lines", lost);
            self.bytes.extend_from_slice(line.finish().as_bytes());
        }
    }

    /// Goes back to the beginning of a line of which only a part is written: the rest alone would be no line of another
    /// file.
    fn begin_line_again(&mut self) {
        let written = &self.bytes[..self.written];
        self.written = written.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    }

    fn lines_left(&self) -> u64 {
        count_lines(&self.bytes[self.written..])
    }
}

fn count_lines(lines: &[u8]) -> u64 {
    lines.iter().filter(|byte| **byte == b'\n').count() as u64
}

impl Queue {
    /// Writes lines until none will come.
    fn run(&self) {
        let (mut batch, mut complained) = (Batch::default(), None);
        loop {
            let turn = self.next_turn(&mut batch);
            let written = self.write(&mut batch);
            let mut state = self.lock();
            state.is_broken = written.is_err();
            if turn.has_all || written.is_err() {
                state.flushed = state.flushed.max(turn.flushes);
            }
            self.done.notify_all();
            // Who closes gives no more lines, and does not wait for a disk that takes nothing.
            let is_over = turn.is_closing && (written.is_err() || state.lines.is_empty());
            let waiting = batch.lines_left() + count_lines(&state.lines);
            let lost = state.lost + if is_over { waiting } else { 0 };
            drop(state);
            tell(written, lost, is_over, &mut complained);
            if is_over {
                return;
            }
        }
    }

    /// Waits for lines, or for the time to try again, and fills the batch if it is written.
    fn next_turn(&self, batch: &mut Batch) -> Turn {
        let mut state = self.lock();
        let has_all = batch.is_empty();
        if has_all {
            while state.lines.is_empty() && state.lost == 0 && !state.is_urgent() {
                state = self.more.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            state = self.wait(state, GATHERING, |state| !state.is_urgent() && state.lines.len() < BATCH_BYTES);
            // Lines are lost when there is no room, so all that wait come before them.
            batch.fill(mem::take(&mut state.lines), mem::take(&mut state.lost));
            self.done.notify_all();
        } else {
            state = self.wait(state, RETRYING, |state| !state.is_urgent());
        }
        state.is_reopened = false;
        Turn { flushes: state.flushes, has_all, is_closing: state.is_closing }
    }

    fn write(&self, batch: &mut Batch) -> io::Result<()> {
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        if batch.opened != slot.opened {
            batch.begin_line_again();
            batch.opened = slot.opened;
        }
        while !batch.is_empty() {
            match slot.sink.append(&batch.bytes[batch.written..])? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                count => batch.written = (batch.written + count).min(batch.bytes.len()),
            }
        }
        Ok(())
    }

    fn wait<'a>(
        &self,
        state: MutexGuard<'a, QueueState>,
        time: Duration,
        goes_on: impl FnMut(&mut QueueState) -> bool,
    ) -> MutexGuard<'a, QueueState> {
        self.more.wait_timeout_while(state, time, goes_on).unwrap_or_else(PoisonError::into_inner).0
    }

    fn lock(&self) -> MutexGuard<'_, QueueState> {
        // Every change is complete before it can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells the server's log that lines cannot be written, and that they can again.
fn tell(written: io::Result<()>, lost: u64, is_over: bool, complained: &mut Option<Instant>) {
    match written {
        Err(error) if is_over => tracing::error!(%error, lost, "the last lines of the audit log cannot be written"),
        Err(error) if complained.is_none_or(|at| at.elapsed() >= COMPLAINING) => {
            *complained = Some(Instant::now());
            tracing::error!(%error, lost, "the audit log cannot be written; it is tried again every second");
        }
        Err(_) => {}
        Ok(()) if complained.take().is_some() => tracing::warn!("the audit log is written again"),
        Ok(()) => {}
    }
}

#[cfg(test)]
mod tests;
