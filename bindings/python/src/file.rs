//! An open remote file.

use crate::call::{Caller, PyInterrupt, run};
use crate::errors::{errno, to_python};
use crate::limits::TURN;
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use remofile::{Error, Interrupt, OpenOptions, RemoteFile, Wait};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

/// One file; `None` once it is closed.
#[pyclass(frozen, module = "remofile._remofile")]
pub(crate) struct NativeFile {
    file: Mutex<Option<RemoteFile>>,
    timeout: Option<Duration>,
    wait: Wait,
    appends: bool,
    /// The process that opened it: a forked one has its connections only seemingly.
    process: u32,
}

const CLOSED: Error = Error::Usage("I/O operation on closed file");

/// Reads the mode of `open`: one of `r`, `w`, `a`, `x`, and perhaps `+`.
pub(crate) fn options(mode: &str) -> PyResult<OpenOptions> {
    let (kind, is_both) = match mode.strip_suffix('+') {
        Some(kind) => (kind, true),
        None => (mode, false),
    };
    let options = OpenOptions::new();
    Ok(match kind {
        "r" => options.read(true).write(is_both),
        "w" => options.rewrite().read(is_both),
        "a" => options.append(true).create(true).read(is_both),
        "x" => options.write(true).create_new(true).read(is_both),
        _ => return Err(PyValueError::new_err(format!("invalid mode: {mode:?}"))),
    })
}

impl NativeFile {
    pub(crate) fn new(file: RemoteFile, timeout: Option<Duration>, wait: Wait, appends: bool) -> Self {
        Self { file: Mutex::new(Some(file)), timeout, wait, appends, process: std::process::id() }
    }

    fn is_inherited(&self) -> bool {
        self.process != std::process::id()
    }

    /// Before it is locked: a thread of the other process may hold it here for ever.
    fn refuse_inherited(&self) -> PyResult<()> {
        let why = "the file was opened by the process that this one was forked from: open it again";
        if self.is_inherited() { Err(PyValueError::new_err(why)) } else { Ok(()) }
    }

    fn call<T: Send>(
        &self,
        py: Python<'_>,
        interrupt: Option<&PyInterrupt>,
        body: impl FnOnce(&mut RemoteFile) -> Result<T, Error> + Send,
    ) -> PyResult<T> {
        self.refuse_inherited()?;
        let interrupt = interrupt.map(|interrupt| interrupt.0.clone()).unwrap_or_default();
        let work = |caller: &Arc<Caller>| {
            let mut file = self.turn(&interrupt)?;
            let file = file.as_mut().ok_or(CLOSED)?;
            file.set_limits(self.timeout, self.wait, interrupt.clone());
            file.set_on_waiting(caller.on_waiting());
            body(file)
        };
        run(py, &|| interrupt.trigger(), work)?.map_err(|error| match error {
            // A size or position that no file has.
            Error::Usage(what) => PyOSError::new_err((errno::FBIG, what)),
            error => to_python(py, error),
        })
    }

    /// Waits until no other thread makes a call of this file.
    fn turn(&self, interrupt: &Interrupt) -> Result<MutexGuard<'_, Option<RemoteFile>>, Error> {
        loop {
            match self.file.try_lock() {
                Ok(file) => return Ok(file),
                Err(TryLockError::Poisoned(poisoned)) => return Ok(PoisonError::into_inner(poisoned)),
                Err(TryLockError::WouldBlock) if interrupt.is_triggered() => return Err(Error::Interrupted),
                Err(TryLockError::WouldBlock) => std::thread::sleep(TURN),
            }
        }
    }

    /// For what is done without the server.
    fn locally<T>(&self, body: impl FnOnce(&mut RemoteFile) -> Result<T, Error>) -> Result<T, Error> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        body(file.as_mut().ok_or(CLOSED)?)
    }

    /// A call that moves the position, but only if the caller hears of it: who makes it again means the same bytes.
    fn moving<T: Send>(
        &self,
        py: Python<'_>,
        interrupt: Option<&PyInterrupt>,
        body: impl FnOnce(&mut RemoteFile) -> Result<T, Error> + Send,
    ) -> PyResult<T> {
        let mut before = None;
        let result = self.call(py, interrupt, |file| {
            let start = SeekFrom::Start(file.position());
            match body(file) {
                Ok(value) => {
                    before = Some(start);
                    Ok(value)
                }
                Err(error) => file.seek(start).map_err(own).and(Err(error)),
            }
        });
        // A signal came when it was done. Who else has the file by now moves it anyway.
        if let (Err(_), Some(before)) = (&result, before)
            && let Ok(mut file) = self.file.try_lock()
            && let Some(file) = &mut *file
        {
            file.seek(before).map_err(|error| to_python(py, own(error)))?;
        }
        result
    }

    fn take(&self) -> Option<RemoteFile> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for NativeFile {
    fn drop(&mut self) {
        if self.is_inherited() {
            // To drop it would end the other process's connections and remove its temporary file.
            std::mem::forget(self.file.get_mut().unwrap_or_else(PoisonError::into_inner).take());
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
    /// At most `size` bytes from the position; fewer only at the end of the file.
    fn read<'py>(
        &self,
        py: Python<'py>,
        size: usize,
        interrupt: Option<&PyInterrupt>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = self.moving(py, interrupt, |file| {
            let left = file.size()?.saturating_sub(file.position());
            let mut bytes = Vec::new();
            // Its size is what the server says.
            let room = bytes.try_reserve_exact(usize::try_from(left).unwrap_or(usize::MAX).min(size));
            room.map_err(|_| own(ErrorKind::OutOfMemory.into()))?;
            file.take(size as u64).read_to_end(&mut bytes).map_err(own)?;
            Ok(bytes)
        })?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// Gives how many bytes were taken: all of them, or fewer of what is appended.
    fn write(&self, py: Python<'_>, data: &[u8], interrupt: Option<&PyInterrupt>) -> PyResult<usize> {
        self.moving(py, interrupt, |file| match self.appends {
            true => append(file, data),
            false => file.write_all(data).map(|()| data.len()).map_err(own),
        })
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

    /// In bytes, with what was written and not sent yet.
    fn size(&self, py: Python<'_>) -> PyResult<u64> {
        self.refuse_inherited()?;
        py.detach(|| self.locally(|file| file.size())).map_err(|error| to_python(py, error))
    }

    fn tell(&self, py: Python<'_>) -> PyResult<u64> {
        self.refuse_inherited()?;
        py.detach(|| self.locally(|file| Ok(file.position()))).map_err(|error| to_python(py, error))
    }

    fn truncate(&self, py: Python<'_>, size: i64, interrupt: Option<&PyInterrupt>) -> PyResult<()> {
        let size = u64::try_from(size).map_err(|_| invalid())?;
        self.call(py, interrupt, |file| file.set_len(size))
    }

    fn flush(&self, py: Python<'_>, interrupt: Option<&PyInterrupt>) -> PyResult<()> {
        self.call(py, interrupt, |file| file.flush().map_err(own))
    }

    /// Ends the work on it; what was rewritten becomes visible.
    fn close(&self, py: Python<'_>, interrupt: Option<&PyInterrupt>) -> PyResult<()> {
        self.call(py, interrupt, RemoteFile::try_close)?;
        drop(self.take());
        Ok(())
    }

    /// Ends the work on it without what was not sent yet.
    fn abort(&self, py: Python<'_>) {
        if !self.is_inherited()
            && let Some(file) = py.detach(|| self.take())
        {
            file.abort();
        }
    }
}
