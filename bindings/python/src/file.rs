//! An open remote file.

use crate::call::{Caller, answer};
use crate::errors::{errno, to_python};
use crate::interrupt::PyInterrupt;
use crate::limits::CallLimits;
use crate::making::told_whole;
use crate::place::{Place, is_closed};
use crate::pool::{Pool, Turn};
use pyo3::IntoPyObjectExt;
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use remofile::{Error, OpenOptions, RemoteFile, Wait};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

#[pyclass(frozen, module = "remofile._remofile")]
pub(crate) struct NativeFile {
    place: Arc<Place>,
    pool: Arc<Pool>,
    timeout: Option<Duration>,
    wait: Wait,
    manner: Manner,
    /// The process that opened it: a forked one has its connections only seemingly.
    process: u32,
}

/// The uses that a file is open for.
#[derive(Clone, Copy)]
pub(crate) struct Manner {
    writes: bool,
    appends: bool,
    /// True if reading waits at its end.
    follows: bool,
}

impl Manner {
    /// Returns the manner of a mode of `open`.
    pub(crate) fn of(mode: &str, follows: bool) -> Self {
        Self { writes: mode != "r", appends: mode.starts_with('a'), follows }
    }
}

impl Place {}

/// Reads the mode of `open`: one of `r`, `w`, `a`, `x`, and perhaps `+`.
pub(crate) fn options(mode: &str, strict: bool, follow: bool) -> PyResult<OpenOptions> {
    let (kind, is_both) = match mode.strip_suffix('+') {
        Some(kind) => (kind, true),
        None => (mode, false),
    };
    let options = OpenOptions::new().strict(strict).follow(follow);
    Ok(match kind {
        "r" => options.read(true).write(is_both),
        "w" => options.rewrite().read(is_both),
        "a" => options.append(true).create(true).read(is_both),
        "x" => options.write(true).create_new(true).read(is_both),
        _ => return Err(PyValueError::new_err(format!("invalid mode: {mode:?}"))),
    })
}

impl NativeFile {
    pub(crate) fn new(
        pool: Arc<Pool>,
        file: RemoteFile,
        timeout: Option<Duration>,
        wait: Wait,
        manner: Manner,
    ) -> Self {
        Self { place: Arc::new(Place::new(file)), pool, timeout, wait, manner, process: std::process::id() }
    }

    fn is_inherited(&self) -> bool {
        self.process != std::process::id()
    }

    /// Before it is locked: a thread of the other process may hold it here for ever.
    fn refuse_inherited(&self) -> PyResult<()> {
        let why = "the file was opened by the process that this one was forked from: open it again";
        if self.is_inherited() { Err(PyValueError::new_err(why)) } else { Ok(()) }
    }

    /// Makes a call: its answer is returned, or comes to a mailbox.
    fn answer<T: Send + 'static>(
        &self,
        py: Python<'_>,
        interrupt: Option<&PyInterrupt>,
        body: impl FnOnce(&mut RemoteFile) -> Result<T, Error> + Send + 'static,
        into: impl FnOnce(Python<'_>, T) -> PyResult<Py<PyAny>> + Send + 'static,
    ) -> PyResult<Py<PyAny>> {
        self.refuse_inherited()?;
        let limits = CallLimits::anew(self.timeout, interrupt);
        let (place, wait, own, follows) = (Arc::clone(&self.place), self.wait, limits.clone(), self.manner.follows);
        let work = move |turn: Turn, caller: &Arc<Caller>| {
            if follows {
                // For whoever writes to it: that takes nobody's turn.
                caller.note_waiting();
            }
            let mut file = place.take(|| own.left().map(drop))?;
            let file = file.file()?;
            file.set_limits(own.left()?, wait, own.interrupt.clone());
            file.set_waited_by(turn.waited_by());
            file.set_on_waiting(caller.on_waiting());
            body(file).map_err(|error| match told_whole(error, &own) {
                // A size or position that no file has.
                Error::Usage(what) if !is_closed(what) => {
                    let source = std::io::Error::from_raw_os_error(errno::FBIG);
                    Error::System { what, source }
                }
                error => error,
            })
        };
        answer(py, &self.pool, limits, None, work, into)
    }

    /// For what is done without the server.
    fn locally<T>(&self, body: impl FnOnce(&mut RemoteFile) -> Result<T, Error>) -> Result<T, Error> {
        body(self.place.take(|| Ok(()))?.file()?)
    }

    /// A call that begins at a position, if one is given, and moves it, but only if the caller hears of it: who makes it
    /// again means the same bytes.
    fn moving<T: Send + 'static>(
        &self,
        py: Python<'_>,
        position: Option<u64>,
        interrupt: Option<&PyInterrupt>,
        body: impl FnOnce(&mut RemoteFile) -> Result<T, Error> + Send + 'static,
        into: impl FnOnce(Python<'_>, T) -> PyResult<Py<PyAny>> + Send + 'static,
    ) -> PyResult<Py<PyAny>> {
        let moved_from = Arc::new(Mutex::new(None));
        let before = Arc::clone(&moved_from);
        let whole = move |file: &mut RemoteFile| {
            if let Some(position) = position {
                file.seek(SeekFrom::Start(position)).map_err(own)?;
            }
            let start = SeekFrom::Start(file.position());
            match body(file) {
                Ok(value) => {
                    *before.lock().unwrap_or_else(PoisonError::into_inner) = Some(start);
                    Ok(value)
                }
                Err(error) => file.seek(start).map_err(own).and(Err(error)),
            }
        };
        let result = self.answer(py, interrupt, whole, into);
        // A signal came when it was done. Who else has the file by now moves it anyway.
        if result.is_err()
            && let Some(before) = moved_from.lock().unwrap_or_else(PoisonError::into_inner).take()
        {
            self.locally(|file| file.seek(before).map_err(own)).map_err(|error| to_python(py, error))?;
        }
        result
    }
}

impl Drop for NativeFile {
    fn drop(&mut self) {
        if self.is_inherited() {
            // To drop it would end the other process's connections and remove its temporary file.
            std::mem::forget(Arc::clone(&self.place));
        }
    }
}

/// The library's own error, which its traits carry.
fn own(error: std::io::Error) -> Error {
    error.downcast::<Error>().unwrap_or_else(|source| Error::System { what: "the file cannot be used", source })
}

/// There is no such position or size.
fn invalid() -> PyErr {
    PyOSError::new_err((errno::INVAL, "Invalid argument"))
}

/// Writes until an error, which is that of the next call if something was taken: appended it must not be again.
fn append(file: &mut RemoteFile, data: &[u8]) -> Result<usize, Error> {
    let mut count = 0;
    while count < data.len() {
        match file.write(&data[count..]) {
            Ok(taken) => count += taken,
            Err(error) if count == 0 => return Err(own(error)),
            Err(_) => break,
        }
    }
    Ok(count)
}

#[pymethods]
impl NativeFile {
    /// At most `size` bytes from the position, or from the offset; fewer only at the end of the file.
    #[pyo3(signature = (size, interrupt, offset = None))]
    fn read(
        &self,
        py: Python<'_>,
        size: usize,
        interrupt: Option<&PyInterrupt>,
        offset: Option<u64>,
    ) -> PyResult<Py<PyAny>> {
        let body = move |file: &mut RemoteFile| {
            let left = file.size()?.saturating_sub(file.position());
            let mut bytes = Vec::new();
            // Its size is what the server says.
            let room = bytes.try_reserve_exact(usize::try_from(left).unwrap_or(usize::MAX).min(size));
            room.map_err(|_| own(ErrorKind::OutOfMemory.into()))?;
            file.take(size as u64).read_to_end(&mut bytes).map_err(own)?;
            Ok(bytes)
        };
        self.moving(py, offset, interrupt, body, |py, bytes| PyBytes::new(py, &bytes).into_py_any(py))
    }

    /// Gives at least the bytes that are wanted, unless the file ends before, and further ones up to `most` that are here:
    /// from the position, or from the offset.
    #[pyo3(signature = (wanted, most, interrupt, offset = None))]
    fn read_some(
        &self,
        py: Python<'_>,
        wanted: usize,
        most: usize,
        interrupt: Option<&PyInterrupt>,
        offset: Option<u64>,
    ) -> PyResult<Py<PyAny>> {
        self.refuse_inherited()?;
        // What is here costs no thread.
        if offset.is_none()
            && let Some(bytes) = self.place.read_here(wanted, most)
        {
            return PyBytes::new(py, &bytes.map_err(|error| to_python(py, error))?).into_py_any(py);
        }
        let body = move |file: &mut RemoteFile| file.read_ahead(wanted, most);
        self.moving(py, offset, interrupt, body, |py, bytes| PyBytes::new(py, &bytes).into_py_any(py))
    }

    /// Gives parts of the file, each by its offset and length; the position stays.
    fn read_ranges(
        &self,
        py: Python<'_>,
        ranges: Vec<(u64, u64)>,
        interrupt: Option<&PyInterrupt>,
    ) -> PyResult<Py<PyAny>> {
        let range = |(offset, length): (u64, u64)| offset..offset.saturating_add(length);
        let ranges: Vec<_> = ranges.into_iter().map(range).collect();
        let body = move |file: &mut RemoteFile| file.read_ranges(&ranges);
        self.answer(py, interrupt, body, |py, parts| {
            parts.iter().map(|bytes| PyBytes::new(py, bytes)).collect::<Vec<_>>().into_py_any(py)
        })
    }

    /// Gives how many bytes were taken: all of them, or fewer of what is appended.
    #[pyo3(signature = (data, interrupt, offset = None))]
    fn write(
        &self,
        py: Python<'_>,
        data: Vec<u8>,
        interrupt: Option<&PyInterrupt>,
        offset: Option<u64>,
    ) -> PyResult<Py<PyAny>> {
        let appends = self.manner.appends;
        let body = move |file: &mut RemoteFile| match appends {
            true => append(file, &data),
            false => file.write_all(&data).map(|()| data.len()).map_err(own),
        };
        self.moving(py, offset, interrupt, body, |py, count| count.into_py_any(py))
    }

    fn seek(&self, py: Python<'_>, offset: i64, whence: u8) -> PyResult<u64> {
        let to = match (whence, u64::try_from(offset)) {
            (0, Ok(offset)) => SeekFrom::Start(offset),
            (1, _) => SeekFrom::Current(offset),
            (2, _) => SeekFrom::End(offset),
            _ => return Err(invalid()),
        };
        self.refuse_inherited()?;
        py.detach(|| self.locally(|file| file.seek(to).map_err(own))).map_err(|error| match error {
            // As local files say it: who seeks from the end looks by this whether there is so much.
            Error::Usage(_) => invalid(),
            error => to_python(py, error),
        })
    }

    /// In bytes, with what was written and not sent yet. With an interrupt it is a call like others.
    #[pyo3(signature = (interrupt = None))]
    fn size(&self, py: Python<'_>, interrupt: Option<&PyInterrupt>) -> PyResult<Py<PyAny>> {
        if interrupt.is_some() {
            return self.answer(py, interrupt, |file| file.size(), |py, size| size.into_py_any(py));
        }
        self.refuse_inherited()?;
        let size = py.detach(|| self.locally(|file| file.size())).map_err(|error| to_python(py, error))?;
        size.into_py_any(py)
    }

    fn tell(&self, py: Python<'_>) -> PyResult<u64> {
        self.refuse_inherited()?;
        py.detach(|| self.locally(|file| Ok(file.position()))).map_err(|error| to_python(py, error))
    }

    fn truncate(&self, py: Python<'_>, size: i64, interrupt: Option<&PyInterrupt>) -> PyResult<Py<PyAny>> {
        let size = u64::try_from(size).map_err(|_| invalid())?;
        self.answer(py, interrupt, move |file| file.set_len(size), |py, ()| Ok(py.None()))
    }

    fn flush(&self, py: Python<'_>, interrupt: Option<&PyInterrupt>) -> PyResult<Py<PyAny>> {
        self.answer(py, interrupt, |file| file.flush().map_err(own), |py, ()| Ok(py.None()))
    }

    /// Ends the work on it; what was rewritten becomes visible.
    fn close(&self, py: Python<'_>, interrupt: Option<&PyInterrupt>) -> PyResult<Py<PyAny>> {
        if self.is_inherited() && !self.manner.writes {
            // Nothing is lost of a file that is read, and the file of the other process stays open.
            return Ok(py.None());
        }
        self.answer(py, interrupt, RemoteFile::try_close, |py, ()| Ok(py.None()))
    }

    /// Ends the work on it without what was not sent yet: when a call that uses it is over, if there is one.
    fn abort(&self, py: Python<'_>) {
        if !self.is_inherited() {
            py.detach(|| self.place.abort());
        }
    }
}
