//! The arguments of an upload or download, told apart.

use super::file_list::{FileList, ListedFile, Source};
use crate::args::Transfer;
use crate::failed::Result;
use remofile::protocol::wire::Failure;
use std::path::PathBuf;

/// The arguments of an upload or download, told apart.
#[derive(Debug, PartialEq)]
pub(super) struct Arguments {
    /// Sources that are written on the command line.
    pub(super) sources: Vec<PathBuf>,
    /// Files that are listed.
    pub(super) listed: Vec<ListedFile>,
    /// The destination, if there is one.
    pub(super) destination: Option<PathBuf>,
}

impl Arguments {
    /// Reads the list, if there is one; `source` is where its paths are. Without one a single argument is the source. Returns
    /// the failures of lines as well.
    pub(super) fn of(
        mut paths: Vec<PathBuf>,
        transfer: &Transfer,
        source: impl FnOnce() -> Result<Source>,
    ) -> Result<(Self, Vec<Failure>)> {
        let listed = match &transfer.files_from {
            Some(path) => Some(FileList::read(path, transfer.from_nul, &source()?)?),
            None => None,
        };
        let is_destination_last = listed.is_some() || paths.len() > 1;
        let destination = if is_destination_last { paths.pop() } else { None };
        let FileList { files, failures } = listed.unwrap_or_default();
        Ok((Self { sources: paths, listed: files, destination }, failures))
    }
}
