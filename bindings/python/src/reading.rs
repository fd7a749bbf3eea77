//! Reads of a client into memory: whole files, and parts of them.

use crate::errors::to_python;
use crate::transfer::remote;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use remofile::{Client, Error, FileRange};

/// A part of a file: path, offset and length; `None` for all that follows.
pub(crate) type RangeRow = (String, u64, Option<u64>);

/// Reads parts of files in one flight.
pub(crate) fn read_ranges(client: &mut Client, ranges: &[RangeRow]) -> Result<Vec<Result<Vec<u8>, Error>>, Error> {
    let part = |(path, offset, length): &RangeRow| -> Result<FileRange, Error> {
        Ok(FileRange { path: remote(path)?, offset: *offset, length: length.unwrap_or(u64::MAX) })
    };
    client.read_ranges(&ranges.iter().map(part).collect::<Result<Vec<_>, Error>>()?)
}

/// Returns the bytes of a part, or the exception that tells why there are none.
pub(crate) fn part_to_python<'py>(py: Python<'py>, part: Result<Vec<u8>, Error>) -> Bound<'py, PyAny> {
    match part {
        Ok(bytes) => PyBytes::new(py, &bytes).into_any(),
        Err(error) => to_python(py, error).into_value(py).into_bound(py).into_any(),
    }
}
