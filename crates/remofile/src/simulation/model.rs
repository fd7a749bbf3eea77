//! The model of the tree: which version each path may have, by who wrote what and when.
//!
//! A version is *superseded* by one that was acknowledged, if whoever wrote the former was over before the latter was
//! asked for. What is visible, or read, is a version that is not superseded; of paths that two clients write at once it is
//! that of either. All times are numbers of steps.

use remofile_protocol::digest::{Digest, digest};
use remofile_protocol::path::RemotePath;
use std::collections::BTreeMap;

/// The number of a task that changes something.
pub(super) type Change = usize;

/// The versions of all paths.
#[derive(Debug, Default)]
pub(super) struct Model {
    writes: BTreeMap<RemotePath, Vec<Write>>,
    next: Change,
    /// Tasks that are done, by what they are.
    pub(super) done: BTreeMap<&'static str, u64>,
}

#[derive(Debug, Clone)]
struct Write {
    change: Change,
    version: Version,
    began: u64,
    ended: Option<u64>,
    /// The step at which its client was told that it is done.
    acknowledged: Option<u64>,
}

/// The content of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Version {
    Absent,
    Content(Digest),
    /// The content of another path.
    Of(RemotePath),
}

impl Write {
    fn is_unfinished(&self) -> bool {
        self.acknowledged.is_none() || self.ended.is_none()
    }
}

impl Model {
    /// A new change's number.
    pub(super) fn number(&mut self) -> Change {
        self.next += 1;
        self.next
    }

    /// Takes note of a change that is about to be asked for.
    pub(super) fn begin(&mut self, change: Change, path: &RemotePath, version: Version, now: u64) {
        let nothing =
            || vec![Write { change: 0, version: Version::Absent, began: 0, ended: Some(0), acknowledged: Some(0) }];
        let write = Write { change, version, began: now, ended: None, acknowledged: None };
        self.writes.entry(path.clone()).or_insert_with(nothing).push(write);
    }

    /// A change of a path is done, and its client knows. It may be made again as long as the task is not over.
    pub(super) fn acknowledge(&mut self, change: Change, path: &RemotePath, now: u64) {
        for write in self.of(change, path) {
            write.acknowledged.get_or_insert(now);
        }
    }

    /// A task is over: what it was about may have been done or not where that was not acknowledged.
    pub(super) fn end(&mut self, change: Change, now: u64) {
        for write in self.writes.values_mut().flatten().filter(|write| write.change == change) {
            write.ended.get_or_insert(now);
        }
    }

    fn of(&mut self, change: Change, path: &RemotePath) -> impl Iterator<Item = &mut Write> {
        self.writes.get_mut(path).into_iter().flatten().filter(move |write| write.change == change)
    }

    pub(super) fn paths(&self) -> impl Iterator<Item = &RemotePath> {
        self.writes.keys()
    }

    /// Reports whether a path may have this content, for who looks at it since a step.
    pub(super) fn allows(&self, path: &RemotePath, content: Option<&[u8]>, since: u64) -> bool {
        let content = content.map(digest);
        match self.writes.get(path) {
            None => content.is_none(),
            Some(writes) => writes
                .iter()
                .any(|write| !is_superseded(write, writes, since) && self.is_of(&write.version, content, 0)),
        }
    }

    /// Takes note of a task that is done.
    pub(super) fn task_done(&mut self, kind: &'static str) {
        *self.done.entry(kind).or_default() += 1;
    }

    /// Returns something that a sync under way sends and that is not there, if that sync alone can be why a path is gone.
    pub(super) fn missing_before_deletion(
        &self,
        path: &RemotePath,
        now: u64,
        visible: &dyn Fn(&RemotePath) -> Option<Vec<u8>>,
    ) -> Option<&RemotePath> {
        let writes = self.writes.get(path).map(Vec::as_slice).unwrap_or_default();
        let causes =
            writes.iter().filter(|write| write.version == Version::Absent && !is_superseded(write, writes, now));
        let mut missing = None;
        for cause in causes {
            let may_be_early = cause.ended.is_none() && !self.is_put_back(writes, cause);
            missing = Some(may_be_early.then(|| self.half_sent(cause, visible)).flatten()?);
        }
        missing
    }

    /// Reports whether somebody has moved to a path what a sync sends to another one: then the sync renames it.
    fn is_put_back(&self, writes: &[Write], cause: &Write) -> bool {
        let is_sent =
            |path: &RemotePath| self.writes.get(path).into_iter().flatten().any(|write| write.change == cause.change);
        writes.iter().any(|write| matches!(&write.version, Version::Of(from) if is_sent(from)))
    }

    /// Returns something that a change sends, and that is not there although nobody else has changed it since.
    fn half_sent(&self, cause: &Write, visible: &dyn Fn(&RemotePath) -> Option<Vec<u8>>) -> Option<&RemotePath> {
        let is_missing = |path: &RemotePath, writes: &[Write]| {
            let sent = writes.iter().find(|write| write.change == cause.change);
            let Some(Version::Content(content)) = sent.map(|write| &write.version) else { return false };
            !writes.iter().any(|write| meets(cause, write))
                && visible(path).is_none_or(|visible| digest(&visible) != *content)
        };
        self.writes.iter().find(|(path, writes)| is_missing(path, writes)).map(|(path, _)| path)
    }

    /// Reports whether a path may have had this content at any time.
    pub(super) fn was_ever(&self, path: &RemotePath, content: &[u8]) -> bool {
        let (writes, content) = (self.writes.get(path), Some(digest(content)));
        writes.into_iter().flatten().any(|write| self.is_of(&write.version, content, 0))
    }

    /// Reports whether somebody may have begun to write a path and was never told that it is done.
    pub(super) fn is_unsettled(&self, path: &RemotePath, now: u64) -> bool {
        let writes = self.writes.get(path).map(Vec::as_slice).unwrap_or_default();
        let is_open = |write: &Write| {
            // What its task has made may be made again as long as that is not over, if others have changed it.
            let is_meant_again = write.ended.is_none() && writes.iter().any(|other| meets(write, other));
            // A file that was moved before its upload was acknowledged may be lost as it may be at its first place.
            let is_from_open = match &write.version {
                Version::Of(from) => self.writes.get(from).into_iter().flatten().any(|write| write.is_unfinished()),
                Version::Absent | Version::Content(_) => false,
            };
            write.acknowledged.is_none() || is_meant_again || is_from_open
        };
        writes.iter().any(|write| is_open(write) && !is_superseded(write, writes, now))
    }

    /// Reports whether a path may have what was moved there before whoever wrote it was told that it is done. If it is lost, only
    /// what was written to its first place is written again.
    pub(super) fn may_be_of_open(&self, path: &RemotePath) -> bool {
        let writes = self.writes.get(path).map(Vec::as_slice).unwrap_or_default();
        let was_open = |write: &Write, moved: &Write| {
            moved.ended.is_none_or(|ended| write.began <= ended)
                && write.acknowledged.is_none_or(|acknowledged| acknowledged >= moved.began)
        };
        writes.iter().filter(|moved| !is_superseded(moved, writes, u64::MAX)).any(|moved| match &moved.version {
            Version::Of(from) => self.writes.get(from).into_iter().flatten().any(|write| was_open(write, moved)),
            Version::Absent | Version::Content(_) => false,
        })
    }

    fn is_of(&self, version: &Version, content: Option<Digest>, depth: usize) -> bool {
        match version {
            Version::Absent => content.is_none(),
            Version::Content(own) => content == Some(*own),
            // A chain of moves ends after as many as there are.
            Version::Of(path) if depth < 8 => {
                let writes = self.writes.get(path).map(Vec::as_slice).unwrap_or_default();
                content.is_some() && writes.iter().any(|write| self.is_of(&write.version, content, depth + 1))
            }
            Version::Of(_) => content.is_some(),
        }
    }

    /// The versions that a path may have had, for people.
    pub(super) fn told(&self, path: &RemotePath) -> String {
        format!("{:?}", self.writes.get(path))
    }
}

/// Reports whether another change was not over when one began.
fn meets(write: &Write, other: &Write) -> bool {
    other.change != write.change && other.ended.is_none_or(|ended| ended >= write.began)
}

/// Reports whether another write took a write's place before a step, for certain.
fn is_superseded(write: &Write, writes: &[Write], since: u64) -> bool {
    let Some(ended) = write.ended else { return false };
    writes.iter().any(|other| {
        other.change != write.change
            && ended < other.began
            && other.acknowledged.is_some_and(|acknowledged| acknowledged <= since)
    })
}
