//! A listing of a directory.

use super::listing::{Elements, Listing};
use crate::store::Store;
use crate::transfer::{Filter, Next, Scan, ScanDepth};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Element, Entry, Failure, Listed, Timestamp};
use std::sync::Arc;

/// The fields of entries that are listed.
#[derive(Debug, Clone, Copy)]
pub(super) struct ListOptions {
    /// The attributes that are looked for.
    pub(super) depth: ScanDepth,
    /// True if the client knows the mark of files that may not be on the disk.
    pub(super) unflushed: bool,
}

/// The entries of a directory.
pub(super) struct Directory {
    scan: Scan,
    options: ListOptions,
}

pub(super) fn list(
    store: &Arc<dyn Store>,
    path: &RemotePath,
    recursive: bool,
    rules: &[String],
    options: ListOptions,
) -> Result<Listing<Directory>, Failure> {
    let filter = Filter::new(rules, None, None)?;
    let scan = Scan::new(store, path, recursive, filter, options.depth).map_err(|failure| failure.at(path))?;
    Ok(Listing::new(Directory { scan, options }))
}

impl Elements for Directory {
    fn next(&mut self) -> Next<Element> {
        match self.scan.next_element() {
            Next::Item(element) if !self.options.unflushed => Next::Item(nobodys_time(element)),
            next => next,
        }
    }

    fn memory_bytes(&self) -> u64 {
        self.scan.memory_bytes()
    }
}

/// Changes the time of a file that may not be on the disk, for clients that know files by size and time alone: so
/// they send it again instead of taking it for the same file.
fn nobodys_time(element: Element) -> Element {
    match element {
        Element::Listed(Listed::Entry(entry)) if entry.unflushed => {
            let (seconds, nanoseconds) = (entry.modified.seconds(), entry.modified.nanoseconds());
            // Never a whole second, which stands for any time in it.
            let beside = if nanoseconds < 2 { nanoseconds + 1 } else { nanoseconds - 1 };
            Element::Listed(Listed::Entry(Entry { modified: Timestamp::new(seconds, beside), ..entry }))
        }
        element => element,
    }
}
