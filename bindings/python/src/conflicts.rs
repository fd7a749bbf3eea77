//! The rules for files in the way, by their names.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use remofile::protocol::wire::OnConflict;

pub(crate) fn on_conflict(text: &str) -> PyResult<OnConflict> {
    Ok(match text {
        "abort" => OnConflict::Abort,
        "replace" => OnConflict::Replace,
        "skip" => OnConflict::Skip,
        "rename" => OnConflict::Rename,
        "newer" => OnConflict::Newer,
        _ => return Err(PyValueError::new_err("on_conflict must be abort, replace, skip, rename or newer")),
    })
}
