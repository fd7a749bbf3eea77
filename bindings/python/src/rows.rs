//! Entries of listings and what else servers tell, as Python takes them.

use crate::entries::kind_name;
use crate::errors::told_holders;
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use remofile::protocol::path::RemotePath;
use remofile::protocol::wire::{Element, Entry, Failure, Kind, Listed};
use remofile::{Client, Error, Looked, ServerStatus};
use std::time::Duration;

/// Name or path, kind, size in bytes, time, permission bits, whether it is a link.
pub(crate) type Row = (String, &'static str, u64, f64, Option<u32>, bool);

/// Path, kind of the entry itself, size in bytes, seconds and nanoseconds of its time, permission bits, target of a link.
pub(crate) type EntryRow = (String, &'static str, u64, i64, u32, Option<u32>, Option<String>);

/// Path of what could not be listed, as far as it can be written, and the reason.
pub(crate) type Unlisted = (Option<String>, String);

pub(crate) fn list(client: &mut Client, path: &RemotePath, recursive: bool) -> Result<(Vec<Row>, Vec<String>), Error> {
    let (mut entries, mut failures) = (Vec::new(), Vec::new());
    client.list(path, recursive, &mut |listed| {
        match listed {
            Listed::Entry(entry) => entries.push(entry),
            Listed::Failed(failure) => failures.push(failure.to_string()),
        }
        Ok(())
    })?;
    let mut rows = Vec::with_capacity(entries.len());
    for entry in entries {
        if entry.kind != Kind::Link {
            rows.push(row(entry, false));
            continue;
        }
        // A link is shown as what it leads to, under its own name.
        match client.stat(&entry.path) {
            Ok(target) => rows.push(row(Entry { path: entry.path, ..target }, true)),
            Err(Error::Remote(_)) => rows.push(row(entry, true)),
            Err(error) => return Err(error),
        }
    }
    Ok((rows, failures))
}

pub(crate) fn row(entry: Entry, is_link: bool) -> Row {
    let kind = kind_name(entry.kind);
    // As Python computes st_mtime, to the last bit.
    let modified = entry.modified.seconds() as f64 + 1e-9 * f64::from(entry.modified.nanoseconds());
    (entry.path.to_string(), kind, entry.size, modified, entry.mode, is_link)
}

/// Lists entries as what they are.
pub(crate) fn scan(
    client: &mut Client,
    path: &RemotePath,
    recursive: bool,
) -> Result<(Vec<EntryRow>, Vec<Unlisted>), Error> {
    let (mut rows, mut unlisted) = (Vec::new(), Vec::new());
    client.list_with_targets(path, recursive, &mut |element| {
        match element {
            Element::Listed(Listed::Entry(entry)) => rows.push(entry_row(entry, None)),
            Element::Link(entry, target) => rows.push(entry_row(entry, Some(target))),
            Element::Listed(Listed::Failed(failure)) => {
                let why = Failure { path: None, ..failure.clone() }.to_string();
                unlisted.push((failure.path, why));
            }
            // Nothing else is told of a listing.
            _ => {}
        }
        Ok(())
    })?;
    Ok((rows, unlisted))
}

/// Tells of one path: of what it leads to, or of what it is itself.
pub(crate) fn entry(client: &mut Client, path: &RemotePath, follow: bool) -> Result<EntryRow, Error> {
    if follow {
        return Ok(entry_row(client.stat(path)?, None));
    }
    let Looked { entry, target } = client.lstat(path)?;
    Ok(entry_row(entry, target))
}

fn entry_row(entry: Entry, target: Option<String>) -> EntryRow {
    let (seconds, nanoseconds) = (entry.modified.seconds(), entry.modified.nanoseconds());
    (entry.path.to_string(), kind_name(entry.kind), entry.size, seconds, nanoseconds, entry.mode, target)
}

/// Tells how a server is.
pub(crate) fn told_status(py: Python<'_>, status: ServerStatus) -> PyResult<Py<PyAny>> {
    let (report, told) = (status.report, PyDict::new(py));
    told.set_item("agent", report.agent)?;
    told.set_item("uptime", Duration::from_millis(report.uptime_milliseconds).as_secs_f64())?;
    told.set_item("holders", told_holders(py, &report.holders)?)?;
    told.set_item("waiting", report.waiting)?;
    told.set_item("cipher", status.cipher)?;
    told.set_item("round_trip", status.round_trip.as_secs_f64())?;
    told.set_item("token", report.token)?;
    told.set_item("used", report.used)?;
    told.set_item("quota", report.quota)?;
    told.set_item("hides_others", report.hides_others)?;
    told.into_py_any(py)
}
