//! The options of a transfer, and its report.

use crate::call::Caller;
use crate::conflicts::on_conflict;
use crate::errors::to_python;
use crate::limits::CallLimits;
use crate::monitor::{ChunkCallback, PythonMonitor};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use remofile::protocol::path::RemotePath;
use remofile::protocol::wire::{Failure, Links};
use remofile::store::Fsync;
use remofile::transfer::CompressLevel;
use remofile::{
    AttributeSet, Client, Delta, Error, ListedPaths, LocalPartials, RetryOptions, SyncOptions, TransferOptions,
    TransferReport,
};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

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
    /// True if the caller has chosen that size, and so servers are to take it.
    chosen: bool,
    name: Option<String>,
    /// Called with each file in the way, to decide.
    resolve: Option<Py<PyAny>>,
    /// Milliseconds that the call may go without progress.
    stall_timeout: Option<u64>,
}

impl Interest {
    pub(crate) fn monitor<'a>(self, caller: &'a Caller, limits: &'a CallLimits) -> PythonMonitor<'a> {
        let Self { observer, detailed, process_chunk, chunk_size, name, resolve, .. } = self;
        let chunks = process_chunk.zip(NonZeroU32::new(chunk_size)).map(|(function, chunk_bytes)| ChunkCallback {
            function: Arc::new(function),
            chunk_bytes,
            name,
        });
        let monitor = PythonMonitor::new(caller, limits, observer.map(Arc::new), detailed, chunks);
        monitor.asking(resolve.map(Arc::new))
    }

    pub(crate) fn stall_timeout(&self) -> Option<u64> {
        self.stall_timeout
    }

    /// The size of chunks that servers are to take; `None` for any.
    pub(crate) fn chosen_chunk(&self) -> Option<NonZeroU32> {
        NonZeroU32::new(self.chunk_size).filter(|_| self.chosen)
    }
}

impl Settings {
    /// Takes a keyword: the one table of them. Their defaults are the library's.
    fn set(&mut self, keyword: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let Self { transfer, sync } = self;
        match keyword {
            "recursive" => transfer.recursive = value.extract()?,
            "on_conflict" => transfer.on_conflict = on_conflict(&value.extract::<String>()?)?,
            "ask" => transfer.ask = value.extract()?,
            "resume" => transfer.resume = value.extract()?,
            "total" => transfer.total = value.extract()?,
            "exclude" => transfer.selection.rules = value.extract()?,
            "min_size" => transfer.selection.min_size = value.extract()?,
            "max_size" => transfer.selection.max_size = value.extract()?,
            "links" => transfer.selection.links = links(&value.extract::<String>()?)?,
            "sparse" => transfer.send.sparse = value.extract()?,
            "message_size" => transfer.send.chunk_bytes = value.extract()?,
            "transfers" => transfer.transfers = transfers(value.extract()?)?,
            "strict" => transfer.send.strict = value.extract()?,
            "retries" => transfer.retry = retries(value.extract()?),
            "partial_expiry" => transfer.receive.partial_expiry = seconds("partial_expiry", value.extract()?)?,
            "compress" => transfer.send.compress_level = compress_level(value.extract()?)?,
            "preserve_mode" => transfer.send.preserve_mode = value.extract()?,
            "archive" => archive(transfer, value.extract()?),
            "owner" => attributes(transfer, AttributeSet::OWNER, value.extract()?),
            "xattrs" => attributes(transfer, AttributeSet::EXTENDED, value.extract()?),
            "numeric_ids" => attributes(transfer, AttributeSet::NUMERIC, value.extract()?),
            "hard_links" => transfer.send.hard_links = value.extract()?,
            "devices" => transfer.selection.devices = value.extract()?,
            "encode_names" => transfer.encode_names = value.extract()?,
            "link_dest" => transfer.link_dest = value.extract::<Option<String>>()?.map(directory).transpose()?,
            "fsync" => transfer.receive.fsync = fsync(&value.extract::<String>()?)?,
            "bytes_per_second" => transfer.send.bytes_per_second = value.extract()?,
            "dry_run" => {
                transfer.dry_run = value.extract()?;
                sync.dry_run = transfer.dry_run;
            }
            "delete" => sync.delete = value.extract()?,
            "checksum" => sync.checksum = value.extract()?,
            "max_delete" => sync.max_delete = value.extract()?,
            "size_only" => sync.size_only = value.extract()?,
            "update" => sync.update = value.extract()?,
            "existing" => sync.existing = value.extract()?,
            "ignore_existing" => sync.ignore_existing = value.extract()?,
            "modify_window" => sync.modify_window = seconds("modify_window", value.extract()?)?,
            "backup" => sync.backup = value.extract()?,
            "whole_file" => sync.delta = delta(value.extract()?),
            "listed" => sync.listed = Some(listed(value.extract()?)?),
            _ => return Err(PyTypeError::new_err(format!("unexpected keyword argument '{keyword}'"))),
        }
        Ok(())
    }

    pub(crate) fn transfer(self) -> TransferOptions {
        self.transfer
    }

    pub(crate) fn sync(self) -> SyncOptions {
        let TransferOptions { selection, send, receive, retry, transfers, resume, encode_names, link_dest, .. } =
            self.transfer;
        SyncOptions { selection, send, receive, retry, transfers, resume, encode_names, link_dest, ..self.sync }
    }
}

/// Tells which option has a value of a wrong type: the conversion does not know.
fn named(py: Python<'_>, keyword: &str, error: PyErr) -> PyErr {
    let message = error.value(py).to_string();
    match error.is_instance_of::<PyTypeError>(py) && !message.contains(keyword) {
        true => PyTypeError::new_err(format!("{keyword}: {message}")),
        false => error,
    }
}

/// Keeps some attributes, or not.
fn attributes(transfer: &mut TransferOptions, some: AttributeSet, are_kept: bool) {
    let set = &mut transfer.send.attributes;
    *set = if are_kept { set.and(some) } else { set.without(some) };
}

/// Keeps what an archive keeps: all permission bits, times of directories and links, links, holes and names.
fn archive(transfer: &mut TransferOptions, is_archive: bool) {
    attributes(transfer, AttributeSet::TIMES_AND_MODES, is_archive);
    if is_archive {
        (transfer.send.preserve_mode, transfer.send.sparse, transfer.encode_names) = (true, true, true);
        if transfer.selection.links == Links::Skip {
            transfer.selection.links = Links::Keep;
        }
    }
}

impl<'py> FromPyObject<'_, 'py> for Settings {
    type Error = PyErr;

    fn extract(keywords: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let mut settings = Self::default();
        for (keyword, value) in keywords.cast::<PyDict>()?.iter() {
            let keyword = keyword.extract::<String>()?;
            settings.set(&keyword, &value).map_err(|error| named(keywords.py(), &keyword, error))?;
        }
        Ok(settings)
    }
}

fn directory(path: String) -> PyResult<RemotePath> {
    RemotePath::parse(&path).map_err(|invalid| PyValueError::new_err(format!("link_dest {path:?}: {invalid}")))
}

fn links(text: &str) -> PyResult<Links> {
    Ok(match text {
        "skip" => Links::Skip,
        "follow" => Links::Follow,
        "copy" => Links::Copy,
        "keep" => Links::Keep,
        _ => return Err(PyValueError::new_err("links must be skip, follow, copy or keep")),
    })
}

fn transfers(count: u8) -> PyResult<u8> {
    match count {
        1..=16 => Ok(count),
        _ => Err(PyValueError::new_err("transfers must be a number from 1 to 16")),
    }
}

fn listed(paths: Vec<String>) -> PyResult<ListedPaths> {
    ListedPaths::new(paths).map_err(|failure| PyValueError::new_err(failure.to_string()))
}

fn retries(times: u32) -> RetryOptions {
    match times {
        0 => RetryOptions::NEVER,
        times => RetryOptions { times, ..RetryOptions::default() },
    }
}

fn delta(whole_file: Option<bool>) -> Delta {
    match whole_file {
        None => Delta::Measured,
        Some(true) => Delta::Never,
        Some(false) => Delta::Always,
    }
}

pub(crate) fn seconds(name: &str, seconds: f64) -> PyResult<Duration> {
    let wrong = |_| PyValueError::new_err(format!("{name} must be a number of seconds, 0 or more"));
    Duration::try_from_secs_f64(seconds).map_err(wrong)
}

fn compress_level(level: Option<u64>) -> PyResult<Option<u8>> {
    let Some(level) = level else { return Ok(None) };
    let known = u8::try_from(level).ok().filter(|&level| CompressLevel::new(level).is_some());
    known.map(Some).ok_or_else(|| PyValueError::new_err("compress must be a level from 1 to 19"))
}

pub(crate) fn fsync(text: &str) -> PyResult<Fsync> {
    Ok(match text {
        "none" => Fsync::None,
        "end" => Fsync::End,
        "each" => Fsync::Each,
        _ => return Err(PyValueError::new_err("fsync must be none, end or each")),
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

/// Removes what the server keeps of interrupted uploads to a path, and below it.
pub(crate) fn clear_partials(client: &mut Client, path: &RemotePath) -> Result<u64, Error> {
    let kept = client.partials()?.into_iter().map(|partial| partial.path);
    let paths: Vec<RemotePath> = kept.filter(|kept| kept.is_within(path)).collect();
    if paths.is_empty() { Ok(0) } else { client.clear_partials(&paths) }
}

/// A path at the server.
pub(crate) fn remote(path: &str) -> Result<RemotePath, Error> {
    RemotePath::parse(path).map_err(|invalid| Error::Local(Failure::from(invalid).at(path)))
}
