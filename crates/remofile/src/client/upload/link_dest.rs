//! Snapshots: files that did not change since an earlier upload become names of what is there of it.

use crate::client::Client;
use crate::client::listing::handler::ListHandler;
use crate::client::session::context::CallContext;
use crate::client::transfer::progress_recorder::ProgressRecorder;
use crate::client::upload::survey::{MOST_REMEMBERED, UploadJudge, too_many_files};
use crate::error::{Error, Result};
use crate::transfer::{FoundItem, ItemRules, Judge, Verdict};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Element, Entry, ErrorCode, Failure, Kind, Listed, Request, Timestamp};
use std::collections::HashMap;
use std::sync::Arc;

/// The files of an earlier upload, by their paths in it.
#[derive(Debug)]
pub(crate) struct Earlier {
    directory: RemotePath,
    files: HashMap<u128, EarlierFile>,
    /// True if permission bits have to be the same: a second name has those of the first.
    compares_modes: bool,
}

#[derive(Debug)]
struct EarlierFile {
    size: u64,
    modified: Timestamp,
    mode: Option<u32>,
}

impl Earlier {
    pub(crate) fn new(directory: RemotePath, compares_modes: bool) -> Self {
        Self { directory, files: HashMap::new(), compares_modes }
    }

    /// Returns the request that lists it.
    pub(crate) fn request(&self) -> Request {
        let (path, rules) = (self.directory.clone(), Vec::new());
        Request::List { path, recursive: true, rules, targets: false, unflushed: true, extras: false }
    }

    /// Takes an element of its listing.
    ///
    /// # Errors
    /// The error of a server that lists more files than are remembered.
    pub(crate) fn add(&mut self, element: Element) -> Result<()> {
        // What cannot be listed is sent.
        let Element::Listed(Listed::Entry(Entry { path, kind: Kind::File, size, modified, mode, unflushed: false })) =
            element
        else {
            return Ok(());
        };
        let Some(below) = path.relative_to(&self.directory) else { return Ok(()) };
        self.files.insert(ItemRules::key(below), EarlierFile { size, modified, mode });
        if self.files.len() > MOST_REMEMBERED { Err(too_many_files(MOST_REMEMBERED)) } else { Ok(()) }
    }

    /// As [`Earlier::same`], of a file that may be of a single source, whose copy may have another name than the earlier one.
    pub(crate) fn same_of(&self, path: &str, entry: &Entry, is_alone: bool) -> Option<RemotePath> {
        let below = path.split_once('/').map(|(_, below)| below).filter(|_| is_alone);
        self.same(path, entry).or_else(|| self.same(below?, entry))
    }

    /// Returns the path of the file that one at a path below the destination is another name of, if it is the same.
    pub(crate) fn same(&self, path: &str, entry: &Entry) -> Option<RemotePath> {
        let EarlierFile { size, modified, mode } = self.files.get(&ItemRules::key(path))?;
        let is_same_mode = !self.compares_modes || *mode == entry.mode;
        let is_same = entry.kind == Kind::File && *size == entry.size && *modified == entry.modified && is_same_mode;
        if is_same { self.directory.join(path).ok() } else { None }
    }
}

/// Makes the failure of a directory of an earlier upload that is not there: what would be linked is sent.
pub(crate) fn missing(directory: &RemotePath, failure: Failure) -> Failure {
    failure.at(directory).because("nothing is linked to it, and everything is sent: see '--link-dest'")
}

/// A judge that has files which did not change become names of what is there.
pub(super) struct LinkingJudge {
    pub(super) judge: Option<UploadJudge>,
    pub(super) earlier: Arc<Earlier>,
    /// True if a single source is sent: its copy may have another name than the earlier one.
    pub(super) is_alone: bool,
}

impl Judge for LinkingJudge {
    fn judge(&mut self, found: &FoundItem) -> Verdict {
        let verdict = match &mut self.judge {
            Some(judge) => judge.judge(found),
            None => Verdict::Send { rule: None, known: None },
        };
        let below = || self.is_alone.then(|| self.earlier.same(found.below(), &found.entry)).flatten();
        match (verdict, self.earlier.same(&found.path, &found.entry).or_else(below)) {
            (Verdict::Send { rule, .. }, Some(of)) => Verdict::Link { of, rule },
            (verdict, _) => verdict,
        }
    }
}

impl Client {
    /// Lists an earlier upload, if there is one to link to.
    pub(crate) fn earlier(
        &mut self,
        directory: &RemotePath,
        compares_modes: bool,
        context: &CallContext,
        recorder: &mut ProgressRecorder<'_>,
    ) -> Result<Option<Arc<Earlier>>> {
        let mut earlier = Earlier::new(directory.clone(), compares_modes);
        let request = earlier.request();
        let mut add = |element| earlier.add(element);
        let listed = self.call_in(context, request, &mut ListHandler::new(&mut add, recorder.monitor));
        match listed {
            Ok(_) => Ok(Some(Arc::new(earlier))),
            Err(Error::Remote(failure)) if matches!(failure.code, ErrorCode::NotFound | ErrorCode::NotADirectory) => {
                recorder.failed(missing(directory, failure));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}
