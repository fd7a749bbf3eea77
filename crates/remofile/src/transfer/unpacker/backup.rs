//! Backups of files and links that are replaced or removed.

use super::super::intake::UnpackerMonitor;
use super::super::named_backup::NamedBackup;
use super::super::permit::Access;
use super::Unpacker;
use crate::store::StoreResult;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::Failure;

impl Unpacker {
    /// Prepares a backup of the file or link that the next item replaces or removes.
    pub(super) fn prepare_backup(
        &mut self,
        path: String,
        to: &str,
        monitor: &mut dyn UnpackerMonitor,
    ) -> StoreResult<()> {
        self.refuse_changes()?;
        self.expect_between()?;
        self.settle_backup(monitor);
        self.failed_backup = None;
        let to = RemotePath::parse(to).map_err(Failure::from).and_then(|to| {
            self.options.permit.permit(Access::Replace, &to)?;
            Ok(to)
        });
        let prepared = self.locate(&path, Access::Read).and_then(|at| {
            let to = to?;
            if self.was_backed_up(&at, &to) {
                return Ok(None);
            }
            let backup = self.store.prepare_backup(&at, &to)?;
            Ok(Some(NamedBackup::new(path.clone(), to, backup)))
        });
        match prepared {
            Ok(backup) => self.backup = backup,
            Err(failure) => {
                monitor.failed(failure.at(&path), false);
                self.failed_backup = Some(path);
            }
        }
        Ok(())
    }

    /// Reports whether a backup is that of an earlier run whose flush failed: it has the last version that is whole, and
    /// must not give way to a file that may not be.
    fn was_backed_up(&self, path: &RemotePath, to: &RemotePath) -> bool {
        let is_in_doubt = |path| self.store.stat(path).is_ok_and(|entry| entry.unflushed);
        self.has_doubt && is_in_doubt(path) && is_in_doubt(to)
    }

    pub(super) fn waits_for_backup(&self) -> bool {
        self.backup.as_ref().is_some_and(|backup| !backup.is_ready())
    }

    /// Copies some MiB of a backup that is not ready; whether there was one.
    pub(super) fn copy_backup(&mut self, monitor: &mut dyn UnpackerMonitor) -> bool {
        let Some(backup) = self.backup.as_mut().filter(|backup| !backup.is_ready()) else { return false };
        if let Err(failure) = backup.step() {
            self.backup_failed(failure, monitor);
        }
        true
    }

    pub(super) fn backup_failed(&mut self, failure: Failure, monitor: &mut dyn UnpackerMonitor) {
        let Some(backup) = self.backup.take() else { return };
        monitor.failed(failure.at(backup.path()), false);
        self.failed_backup = Some(backup.into_path());
    }

    /// Takes the backup of a path; that of another is committed now.
    pub(super) fn backup_of(&mut self, path: &str, monitor: &mut dyn UnpackerMonitor) -> Option<NamedBackup> {
        if self.backup.as_ref().is_some_and(|backup| backup.path() != path) {
            self.settle_backup(monitor);
        }
        self.backup.take()
    }

    /// Commits a backup whose file no item replaces or removes.
    pub(super) fn settle_backup(&mut self, monitor: &mut dyn UnpackerMonitor) {
        if let Some(backup) = self.backup.take() {
            let path = backup.path().to_owned();
            if let Err(failure) = backup.commit(monitor) {
                monitor.failed(failure.at(path), false);
            }
        }
    }

    /// Reports whether the backup of a path failed just before. The failure was reported then.
    pub(super) fn has_failed_backup(&mut self, path: &str) -> bool {
        self.failed_backup.take().is_some_and(|failed_backup| failed_backup == path)
    }
}
