//! Lines that are shown again and again while a command runs, whether anything happens or not.

use super::screen;
use super::stderr_line;
use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// The time between two pictures on a terminal.
const BETWEEN_PICTURES: Duration = Duration::from_millis(100);

/// The time between two lines where there is no terminal.
pub(crate) const BETWEEN_LINES: Duration = Duration::from_secs(10);

/// A thread that shows something until this is dropped.
pub(crate) struct Animation {
    end: Arc<End>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct End {
    is_reached: Mutex<bool>,
    changed: Condvar,
}

impl Animation {
    /// Draws on the terminal of standard error, for the first time after a while, what `picture` gives for the time since the
    /// beginning and the size of the terminal.
    pub(crate) fn on_terminal(
        first: Duration,
        mut picture: impl FnMut(Duration, screen::Size) -> Vec<String> + Send + 'static,
    ) -> io::Result<Self> {
        Self::start(first, BETWEEN_PICTURES, move |elapsed| screen::draw(&picture(elapsed, screen::size())))
    }

    /// Writes a line to standard error now and then.
    pub(crate) fn in_lines(mut line: impl FnMut(Duration) -> String + Send + 'static) -> io::Result<Self> {
        Self::start(BETWEEN_LINES, BETWEEN_LINES, move |elapsed| stderr_line(&line(elapsed)))
    }

    fn start(first: Duration, between: Duration, mut show: impl FnMut(Duration) + Send + 'static) -> io::Result<Self> {
        let end = Arc::new(End::default());
        let (watched, started) = (end.clone(), Instant::now());
        let run = move || {
            let mut pause = first;
            while !watched.comes_within(pause) {
                show(started.elapsed());
                pause = between;
            }
        };
        let thread = thread::Builder::new().name("progress".to_owned()).spawn(run)?;
        Ok(Self { end, thread: Some(thread) })
    }
}

impl Drop for Animation {
    fn drop(&mut self) {
        *self.end.is_reached.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.end.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
        screen::clear();
    }
}

impl End {
    /// Waits for the end, so long at most.
    fn comes_within(&self, pause: Duration) -> bool {
        let is_reached = self.is_reached.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(is_reached, pause, |is_reached| !*is_reached);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}
