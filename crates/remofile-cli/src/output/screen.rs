//! The terminal of standard error: lines that stay, and below them a block that is drawn anew all the time.
//!
//! Invariant: between two writes the cursor is at the beginning of the block. So whatever becomes of the terminal in
//! between, if it is made narrower and breaks the lines of the block, too, one sequence erases the block and nothing else.

use crate::own_process::OwnProcess;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::stdio::stderr as descriptor;
use rustix::termios::{isatty, tcgetpgrp, tcgetwinsize};
use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Erases what is behind the cursor, and below it.
const ERASE: &str = "\r\x1b[J";
/// Erases what is behind the cursor in its line.
const ERASE_LINE: &str = "\x1b[K";
/// A line that turns out to be too long loses its end, and does not go on in the next one.
const CUT_LINES: &str = "\x1b[?7l";
const WRAP_LINES: &str = "\x1b[?7h";

/// The size of a terminal that does not know its own.
const USUAL_SIZE: Size = Size { columns: 80, rows: 24 };

static SCREEN: Mutex<Screen> = Mutex::new(Screen { drawn: None, holds: 0 });

/// The lines that the terminal shows besides those that stay.
struct Screen {
    /// The block that is on the terminal, as it was written.
    drawn: Option<String>,
    /// The number of those who want no block for now.
    holds: usize,
}

/// The size of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) columns: usize,
    pub(crate) rows: usize,
}

/// Reports whether standard error is a terminal that blocks can be drawn on.
pub(crate) fn can_draw() -> bool {
    can_move_cursor(std::env::var("TERM").ok().as_deref()) && isatty(descriptor())
}

fn can_move_cursor(term: Option<&str>) -> bool {
    !matches!(term, None | Some("" | "dumb"))
}

/// Returns the size that the terminal has just now.
pub(crate) fn size() -> Size {
    let Ok(size) = tcgetwinsize(descriptor()) else { return USUAL_SIZE };
    let told = |count: u16, usual| if count == 0 { usual } else { usize::from(count) };
    Size { columns: told(size.ws_col, USUAL_SIZE.columns), rows: told(size.ws_row, USUAL_SIZE.rows) }
}

/// Writes to standard error what stays there. Nobody can be told if that fails.
pub(super) fn write(bytes: &[u8]) {
    let _ = above(|| io::stderr().write_all(bytes));
}

/// Does something that may write to the terminal, with the block out of the way.
pub(crate) fn above<T>(write: impl FnOnce() -> T) -> T {
    let mut screen = lock();
    screen.erase(&mut io::stderr());
    write()
}

/// Draws the lines in place of those that were drawn last. They must not be wider than the terminal.
pub(super) fn draw(lines: &[String]) {
    let mut screen = lock();
    if screen.holds == 0 && is_in_foreground() {
        screen.draw(lines, &mut io::stderr());
    }
}

/// Takes the lines away.
pub(super) fn clear() {
    above(|| {});
}

/// Takes them away at once, for a process that ends: a terminal that takes nothing is left alone.
pub(crate) fn clear_at_the_end() {
    let descriptor = descriptor();
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    let is_drawn = SCREEN.try_lock().is_ok_and(|screen| screen.drawn.is_some());
    if is_drawn && poll(&mut [PollFd::new(&descriptor, PollFlags::OUT)], Some(&now)).is_ok_and(|ready| ready > 0) {
        let _gone = rustix::io::write(descriptor, ERASE.as_bytes());
    }
}

/// Keeps blocks away until it is dropped.
pub(crate) struct Hold(());

impl Hold {
    pub(crate) fn begin() -> Self {
        let mut screen = lock();
        screen.erase(&mut io::stderr());
        screen.holds += 1;
        Self(())
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        lock().holds -= 1;
    }
}

/// Standard error for whoever needs a writer.
pub(crate) struct Stderr;

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        above(|| io::stderr().write_all(bytes)).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Screen {
    fn erase(&mut self, terminal: &mut impl Write) {
        if self.drawn.take().is_some() {
            let _ = terminal.write_all(ERASE.as_bytes());
        }
    }

    fn draw(&mut self, lines: &[String], terminal: &mut impl Write) {
        let block = block(lines);
        if self.drawn.as_ref() != Some(&block) {
            let _ = terminal.write_all(block.as_bytes());
            self.drawn = Some(block);
        }
    }
}

/// Returns what draws lines over others, and goes back to the beginning of the first one.
pub(crate) fn block(lines: &[String]) -> String {
    let ends = format!("{ERASE_LINE}\r\n");
    let back = match lines.len() {
        0 | 1 => String::new(),
        count => format!("\x1b[{}A", count - 1),
    };
    format!("\r{CUT_LINES}{}\x1b[J{WRAP_LINES}\r{back}", lines.join(&ends))
}

/// Reports whether the terminal is not another command's just now: a command in the background draws nothing.
fn is_in_foreground() -> bool {
    match tcgetpgrp(descriptor()) {
        Ok(group) => OwnProcess::read().group().is_none_or(|own| own == group.as_raw_nonzero().get()),
        // It is a terminal that no command is in control of.
        Err(_) => true,
    }
}

fn lock() -> MutexGuard<'static, Screen> {
    SCREEN.lock().unwrap_or_else(PoisonError::into_inner)
}
