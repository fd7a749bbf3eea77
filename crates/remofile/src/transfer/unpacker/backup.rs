//! What is kept of files and links that are replaced or removed.

use super::super::intake::UnpackerMonitor;
use super::super::keeping::Kept;
use super::Unpacker;
use crate::store::StoreResult;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::Failure;

impl Unpacker {
    /// Prepares to keep what is going to be replaced or removed by what comes next.
    pub(super) fn keep(&mut self, path: String, to: &str, monitor: &mut dyn UnpackerMonitor) -> StoreResult<()> {
        self.refuse_changes()?;
        self.expect_between()?;
        self.settle_kept(monitor);
        self.unkept = None;
        let to = RemotePath::parse(to).map_err(Failure::from);
        match self.locate(&path).and_then(|at| self.store.keep(&at, &to?)) {
            Ok(keeping) => self.kept = Some(Kept::new(path, keeping)),
            Err(failure) => {
                monitor.failed(failure.at(&path), false);
                self.unkept = Some(path);
            }
        }
        Ok(())
    }

    pub(super) fn cannot_keep(&mut self, failure: Failure, monitor: &mut dyn UnpackerMonitor) {
        let Some(kept) = self.kept.take() else { return };
        monitor.failed(failure.at(kept.path()), false);
        self.unkept = Some(kept.into_path());
    }

    /// What was to be kept of a path; that of another is kept now.
    pub(super) fn kept_of(&mut self, path: &str, monitor: &mut dyn UnpackerMonitor) -> Option<Kept> {
        if self.kept.as_ref().is_some_and(|kept| kept.path() != path) {
            self.settle_kept(monitor);
        }
        self.kept.take()
    }

    /// Keeps what nothing replaces or removes.
    pub(super) fn settle_kept(&mut self, monitor: &mut dyn UnpackerMonitor) {
        if let Some(kept) = self.kept.take() {
            let path = kept.path().to_owned();
            if let Err(failure) = kept.commit() {
                monitor.failed(failure.at(path), false);
            }
        }
    }

    /// Whether a path is that of what could not be kept a moment ago: its failure was told then.
    pub(super) fn is_unkept(&mut self, path: &str) -> bool {
        self.unkept.take().is_some_and(|unkept| unkept == path)
    }
}
