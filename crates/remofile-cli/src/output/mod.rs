//! Everything that the user sees: data on standard output, the rest on standard error.

pub(crate) mod animation;
mod background;
pub(crate) mod colors;
pub(crate) mod columns;
mod error;
#[cfg(test)]
mod hostile;
pub(crate) mod json;
pub(crate) mod partials;
pub(crate) mod plan;
pub(crate) mod prompt;
pub(crate) mod screen;
pub(crate) mod summary;
pub(crate) mod text;
pub(crate) mod time;
pub(crate) mod tokens;
pub(crate) mod transfer;
pub(crate) mod width;
mod working;

pub(crate) use error::Presentation;
pub(crate) use working::{AFTER as WORKING_AFTER, SoFar, Working};

use crate::failed::{Failed, Result};
use background::Background;
use json::Object;
use remofile::protocol::wire::Holder;
use remofile::{OnWaiting, describe_holder};
use rustix::fs::FileType;
use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};
use std::sync::atomic::{AtomicBool, Ordering};

/// Bytes that are gathered before standard output is written.
const BUFFER_BYTES: usize = 32 * 1024;

/// Standard output, for data.
pub(crate) struct Data {
    writer: BufWriter<Output>,
    is_terminal: bool,
}

enum Output {
    Direct(StdoutLock<'static>),
    Background(Background),
}

impl Data {
    /// Standard output, locked until this is dropped.
    pub(crate) fn lock() -> Self {
        let stdout = io::stdout().lock();
        let is_terminal = stdout.is_terminal();
        Self { writer: BufWriter::with_capacity(BUFFER_BYTES, Output::Direct(stdout)), is_terminal }
    }

    /// Standard output, written in the background: see [`Background`]. End it with [`Data::finish`].
    pub(crate) fn in_background() -> Result<Self> {
        let is_terminal = io::stdout().is_terminal();
        let output = Output::Background(Background::start().map_err(Failed::Output)?);
        Ok(Self { writer: BufWriter::with_capacity(BUFFER_BYTES, output), is_terminal })
    }

    /// Hands everything on and waits until it is written.
    pub(crate) fn finish(&mut self) -> Result<()> {
        self.flush()?;
        match self.writer.get_mut() {
            Output::Direct(_) => Ok(()),
            Output::Background(background) => background.finish().map_err(Failed::Output),
        }
    }

    /// Reports whether somebody watches.
    pub(crate) fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// Writes a text and a line feed: harmless to a terminal, and exactly to anything else.
    pub(crate) fn line(&mut self, text: &str) -> Result<()> {
        let text = if self.is_terminal { text::harmless(text) } else { text.into() };
        writeln!(self.writer, "{text}").map_err(Failed::Output)
    }

    /// Writes lines in the same way.
    pub(crate) fn text(&mut self, text: &str) -> Result<()> {
        let text = if self.is_terminal { text::harmless_lines(text) } else { text.into() };
        self.bytes(text.as_bytes())
    }

    /// Writes an object and a line feed.
    pub(crate) fn object(&mut self, object: &Object) -> Result<()> {
        writeln!(self.writer, "{object}").map_err(Failed::Output)
    }

    /// Writes bytes as they are, to a terminal too: the content of files.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
        self.writer.write_all(bytes).map_err(Failed::Output)
    }

    /// Hands everything on.
    pub(crate) fn flush(&mut self) -> Result<()> {
        self.writer.flush().map_err(Failed::Output)
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Direct(stdout) if stdout.is_terminal() => screen::above(|| stdout.write(bytes)),
            Self::Direct(stdout) => stdout.write(bytes),
            Self::Background(background) => background.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Direct(stdout) => stdout.flush(),
            Self::Background(background) => background.flush(),
        }
    }
}

/// Reports whether standard output takes everything and keeps nothing. One that was closed does so, too: the null device
/// has been put in its place before the command began.
pub(crate) fn is_thrown_away() -> bool {
    let null = rustix::fs::stat("/dev/null").map(|null| null.st_rdev);
    let stdout = rustix::fs::fstat(io::stdout());
    stdout.is_ok_and(|stdout| FileType::from_raw_mode(stdout.st_mode).is_char_device() && Ok(stdout.st_rdev) == null)
}

/// Prints data and hands it on.
pub(crate) fn data(text: &str) -> Result<()> {
    let mut data = Data::lock();
    data.text(text)?;
    data.flush()
}

/// Tells the user something that is neither data nor an error.
pub(crate) fn note(text: &str) {
    stderr_line(&note_line(text));
}

/// Tells whom a command waits for, in words or as an object.
pub(crate) fn on_waiting(json: bool) -> OnWaiting {
    OnWaiting::new(move |holders| match json {
        true => stderr_object(&Object::from(&json::waiting(holders))),
        false => note(&waiting_for(holders)),
    })
}

fn waiting_for(holders: &[Holder]) -> String {
    let who: Vec<String> = holders.iter().map(describe_holder).collect();
    format!("waiting for {}", who.join(", "))
}

/// The line that [`note`] shows.
fn note_line(text: &str) -> String {
    format!("remofile: {}", text::harmless(text))
}

/// Warns the user.
pub(crate) fn warn(text: &str) {
    match ARE_WARNINGS_LOGGED.load(Ordering::Relaxed) {
        true => tracing::warn!("{text}"),
        false => note(&format!("warning: {text}")),
    }
}

/// True if standard error is a log of objects, in which a line of text would be wrong.
static ARE_WARNINGS_LOGGED: AtomicBool = AtomicBool::new(false);

/// Has warnings logged from now on.
pub(crate) fn log_warnings() {
    ARE_WARNINGS_LOGGED.store(true, Ordering::Relaxed);
}

/// A line on standard error in one write. Nobody can be told if that fails.
pub(crate) fn stderr_line(text: &str) {
    stderr_text(&format!("{text}\n"));
}

/// An object on a line of standard error.
pub(crate) fn stderr_object(object: &Object) {
    stderr_line(&object.to_string());
}

/// Everything that goes to standard error and stays there goes this way.
fn stderr_text(text: &str) {
    screen::write(text::harmless_lines(text).as_bytes());
}
