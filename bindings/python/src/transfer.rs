//! The options of a transfer, and its report.

use crate::call::Caller;
use crate::errors::to_python;
use crate::limits::CallLimits;
use crate::monitor::{ChunkCallback, PythonMonitor};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use remofile::protocol::path::RemotePath;
use remofile::protocol::wire::{Failure, OnConflict};
use remofile::transfer::CompressLevel;
use remofile::{Error, LocalPartials, SyncOptions, TransferOptions, TransferReport};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;

/// The options of a transfer or synchronisation, of a dictionary of keywords.
#[derive(Default)]
pub(crate) struct Settings {
    transfer: TransferOptions,
    /// Options that only a synchronisation has.
    sync: SyncOptions,
}

/// The callbacks of a transfer, as a dictionary.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Interest {
    observer: Option<Py<PyAny>>,
    detailed: bool,
    process_chunk: Option<Py<PyAny>>,
    chunk_size: u32,
    name: Option<String>,
}

impl Interest {
    pub(crate) fn monitor<'a>(self, caller: &'a Caller, limits: &'a CallLimits) -> PythonMonitor<'a> {
        let Self { observer, detailed, process_chunk, chunk_size, name } = self;
        let chunks = process_chunk.zip(NonZeroU32::new(chunk_size)).map(|(function, chunk_bytes)| ChunkCallback {
            function: Arc::new(function),
            chunk_bytes,
            name,
        });
        PythonMonitor::new(caller, limits, observer.map(Arc::new), detailed, chunks)
    }
}

impl Settings {
    /// Takes a keyword: the one table of them. Their defaults are the library's.
    fn set(&mut self, keyword: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let Self { transfer, sync } = self;
        match keyword {
            "recursive" => transfer.recursive = value.extract()?,
            "on_conflict" => transfer.on_conflict = on_conflict(&value.extract::<String>()?)?,
            "resume" => transfer.resume = value.extract()?,
            "total" => transfer.total = value.extract()?,
            "exclude" => transfer.selection.rules = value.extract()?,
            "compress" => transfer.send.compress_level = compress_level(value.extract()?)?,
            "preserve_mode" => transfer.send.preserve_mode = value.extract()?,
            "bytes_per_second" => transfer.send.bytes_per_second = value.extract()?,
            "dry_run" => sync.dry_run = value.extract()?,
            "delete" => sync.delete = value.extract()?,
            "checksum" => sync.checksum = value.extract()?,
            _ => return Err(PyTypeError::new_err(format!("unexpected keyword argument '{keyword}'"))),
        }
        Ok(())
    }

    pub(crate) fn transfer(self) -> TransferOptions {
        self.transfer
    }

    pub(crate) fn sync(self) -> SyncOptions {
        let TransferOptions { selection, send, .. } = self.transfer;
        SyncOptions { selection, send, ..self.sync }
    }
}

impl<'py> FromPyObject<'_, 'py> for Settings {
    type Error = PyErr;

    fn extract(keywords: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let mut settings = Self::default();
        for (keyword, value) in keywords.cast::<PyDict>()?.iter() {
            settings.set(&keyword.extract::<String>()?, &value)?;
        }
        Ok(settings)
    }
}

fn compress_level(level: Option<u8>) -> PyResult<Option<u8>> {
    match level {
        Some(level) if CompressLevel::new(level).is_none() => {
            Err(PyValueError::new_err("compress must be a level from 1 to 19"))
        }
        level => Ok(level),
    }
}

fn on_conflict(text: &str) -> PyResult<OnConflict> {
    Ok(match text {
        "abort" => OnConflict::Abort,
        "replace" => OnConflict::Replace,
        "skip" => OnConflict::Skip,
        "rename" => OnConflict::Rename,
        "newer" => OnConflict::Newer,
        _ => return Err(PyValueError::new_err("on_conflict must be abort, replace, skip, rename or newer")),
    })
}

/// The report of a transfer.
#[pyclass(frozen, get_all, name = "Report", module = "remofile._remofile")]
pub(crate) struct Report {
    files: u64,
    directories: u64,
    bytes: u64,
    present: u64,
    resumed_bytes: u64,
    sent_bytes: u64,
    received_bytes: u64,
    deleted: u64,
    skipped: Vec<String>,
    skipped_left_out: u64,
}

#[pymethods]
impl Report {
    fn __repr__(&self) -> String {
        let Self { files, directories, bytes, .. } = self;
        format!("<remofile.Report: {files} files, {directories} directories, {bytes} bytes>")
    }
}

impl Report {
    /// The report of a transfer; what failed of it is raised.
    pub(crate) fn of(py: Python<'_>, report: TransferReport, deleted: u64) -> PyResult<Self> {
        if let Some(failure) = report.failures.into_iter().next() {
            return Err(crate::errors::of_failure(py, failure));
        }
        Ok(Self {
            files: report.files,
            directories: report.directories,
            bytes: report.bytes,
            present: report.present,
            resumed_bytes: report.resumed_bytes,
            sent_bytes: report.sent_bytes,
            received_bytes: report.received_bytes,
            deleted,
            skipped: report.skipped.iter().map(ToString::to_string).collect(),
            skipped_left_out: report.skipped_left_out,
        })
    }
}

/// Removes what an interrupted download into a directory left of a path, and below it.
#[pyfunction]
pub(crate) fn clear_local_partials(py: Python<'_>, directory: PathBuf, path: &str) -> PyResult<u64> {
    let clear = || -> Result<u64, Error> {
        let (path, partials) = (remote(path)?, LocalPartials::open(&directory)?);
        let paths: Vec<RemotePath> =
            partials.list()?.into_iter().map(|partial| partial.path).filter(|kept| kept.is_within(&path)).collect();
        if paths.is_empty() { Ok(0) } else { partials.clear(&paths) }
    };
    py.detach(clear).map_err(|error| to_python(py, error))
}

/// A path at the server.
pub(crate) fn remote(path: &str) -> Result<RemotePath, Error> {
    RemotePath::parse(path).map_err(|invalid| Error::Local(Failure::from(invalid).at(path)))
}
