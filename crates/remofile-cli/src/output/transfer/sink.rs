//! The sink of lines while a transfer runs: the transfer must not wait for their reader.

use crate::failed::{Failed, Result};
use crate::output::json::Object;
use crate::output::{Data, stderr_line, stderr_object};

/// The destination of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EventsTo {
    /// Standard output.
    Stdout,
    /// Standard error, because standard output has the file.
    Stderr,
}

/// Takes lines.
pub(super) enum Sink {
    Stdout(Box<Data>),
    Stderr,
    /// Nobody reads any more, or nothing can be written.
    Failed(Failed),
}

impl Sink {
    pub(super) fn new(to: EventsTo) -> Result<Self> {
        Ok(match to {
            EventsTo::Stdout => Self::Stdout(Box::new(Data::in_background()?)),
            EventsTo::Stderr => Self::Stderr,
        })
    }

    /// Takes a line.
    pub(super) fn line(&mut self, line: &str) {
        match self {
            Self::Stdout(data) => {
                let written = data.line(line);
                self.note(written);
            }
            Self::Stderr => stderr_line(line),
            Self::Failed(_) => {}
        }
    }

    /// Hands an object on.
    pub(super) fn object(&mut self, object: &Object) {
        match self {
            Self::Stdout(data) => {
                let written = data.object(object);
                self.note(written);
            }
            Self::Stderr => stderr_object(object),
            Self::Failed(_) => {}
        }
    }

    /// Hands on what it has taken.
    pub(super) fn flush(&mut self) {
        if let Self::Stdout(data) = self {
            let written = data.flush();
            self.note(written);
        }
    }

    /// Waits until everything is written.
    pub(super) fn finish(self) -> Result<()> {
        match self {
            Self::Stdout(mut data) => data.finish(),
            Self::Stderr => Ok(()),
            Self::Failed(failed) => Err(failed),
        }
    }

    fn note(&mut self, written: Result<()>) {
        if let Err(failed) = written {
            *self = Self::Failed(failed);
        }
    }
}
