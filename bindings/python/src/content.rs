//! The content of a file on its way into one object of Python.
//!
//! A vector that is made into `bytes` in the end would be there twice. So what arrives is appended, a piece at a time,
//! to an `io.BytesIO`, which grows where it is and gives away its buffer without copying it. Appending is an errand of
//! the caller's thread: the thread that writes never waits for the interpreter otherwise.

use crate::call::Caller;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::io::{Error, ErrorKind, Result, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Size of a piece in bytes; what is smaller needs no errand.
const PIECE_BYTES: usize = 1024 * 1024;

/// The content that has come, in clones that share it.
#[derive(Clone)]
pub(crate) struct Content {
    arrived: Arc<Mutex<Arrived>>,
    /// An `io.BytesIO` of the pieces.
    appended: Arc<Py<PyAny>>,
}

/// The bytes that have come.
#[derive(Default)]
struct Arrived {
    /// Those that are not appended yet.
    piece: Vec<u8>,
    /// Number of the pieces before them that are.
    appended: u64,
}

impl Content {
    pub(crate) fn new(py: Python<'_>) -> PyResult<Self> {
        let appended = py.import("io")?.call_method0("BytesIO")?.unbind();
        Ok(Self { arrived: Arc::default(), appended: Arc::new(appended) })
    }

    /// A writer of the content from its beginning, for the thread that writes.
    pub(crate) fn writer(&self, caller: &Arc<Caller>) -> Box<dyn Write + Send> {
        *self.arrived() = Arrived::default();
        Box::new(Writer { content: self.clone(), caller: Arc::clone(caller) })
    }

    /// All that was written.
    pub(crate) fn whole(self, py: Python<'_>) -> PyResult<Bound<'_, PyBytes>> {
        let Arrived { piece, appended: pieces } = std::mem::take(&mut *self.arrived());
        if pieces == 0 {
            return Ok(PyBytes::new(py, &piece));
        }
        let appended = self.appended.bind(py);
        append(appended, &piece)?;
        Ok(appended.call_method0("getvalue")?.cast_into()?)
    }

    fn arrived(&self) -> MutexGuard<'_, Arrived> {
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn append(appended: &Bound<'_, PyAny>, piece: &[u8]) -> PyResult<()> {
    appended.call_method1("write", (PyBytes::new(appended.py(), piece),)).map(drop)
}

struct Writer {
    content: Content,
    caller: Arc<Caller>,
}

impl Writer {
    /// Has a piece appended: the first one in place of what an attempt before this one has left.
    fn append(&self, piece: Vec<u8>, is_first: bool) -> Result<()> {
        let content = self.content.clone();
        let appended = self.caller.ask(move |py| {
            let appended = content.appended.bind(py);
            if is_first {
                appended.call_method1("seek", (0,))?;
                appended.call_method0("truncate")?;
            }
            append(appended, &piece)
        });
        match appended {
            Some(Ok(())) => Ok(()),
            // It is memory that is missing.
            Some(Err(error)) => Err(Error::new(ErrorKind::OutOfMemory, error.to_string())),
            None => Err(Error::from(ErrorKind::BrokenPipe)),
        }
    }
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        let full = {
            let mut arrived = self.content.arrived();
            arrived.piece.extend_from_slice(bytes);
            (arrived.piece.len() >= PIECE_BYTES).then(|| {
                arrived.appended += 1;
                (std::mem::replace(&mut arrived.piece, Vec::with_capacity(PIECE_BYTES)), arrived.appended == 1)
            })
        };
        full.map_or(Ok(()), |(piece, is_first)| self.append(piece, is_first))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}
