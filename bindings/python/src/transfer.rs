//! What a transfer may be told, and what it tells.

use crate::call::Caller;
use crate::errors::to_python;
use crate::limits::CallLimits;
use crate::monitor::{ChunkCallback, PythonMonitor};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use remofile::protocol::path::RemotePath;
use remofile::protocol::wire::{Failure, OnConflict};
use remofile::transfer::CompressLevel;
use remofile::{Error, LocalPartials, SyncOptions, TransferOptions, TransferReport};
use std::num::{NonZeroU32, NonZeroU64};
use std::path::PathBuf;
use std::sync::Arc;

/// The options of a transfer, as a dictionary.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Settings {
    recursive: bool,
    on_conflict: String,
    exclude: Vec<String>,
    compress: Option<u8>,
    preserve_mode: bool,
    bytes_per_second: Option<u64>,
    resume: bool,
    total: bool,
    /// Of a synchronisation.
    dry_run: bool,
    delete: bool,
    checksum: bool,
}

/// Who wants to know what, as a dictionary.
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
    pub(crate) fn transfer(&self) -> PyResult<TransferOptions> {
        Ok(TransferOptions {
            recursive: self.recursive,
            on_conflict: on_conflict(&self.on_conflict)?,
            rules: self.exclude.clone(),
            compress: self.compress_level()?,
            preserve_mode: self.preserve_mode,
            bytes_per_second: self.bytes_per_second.and_then(NonZeroU64::new),
            resume: self.resume,
            total: self.total,
            ..TransferOptions::default()
        })
    }

    pub(crate) fn sync(&self) -> PyResult<SyncOptions> {
        Ok(SyncOptions {
            dry_run: self.dry_run,
            delete: self.delete,
            checksum: self.checksum,
            rules: self.exclude.clone(),
            compress: self.compress_level()?,
            preserve_mode: self.preserve_mode,
            bytes_per_second: self.bytes_per_second.and_then(NonZeroU64::new),
            ..SyncOptions::default()
        })
    }

    fn compress_level(&self) -> PyResult<Option<CompressLevel>> {
        let wrong = || PyValueError::new_err("compress must be a level from 1 to 19");
        self.compress.map(|level| CompressLevel::new(level).ok_or_else(wrong)).transpose()
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

/// What a transfer did.
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
