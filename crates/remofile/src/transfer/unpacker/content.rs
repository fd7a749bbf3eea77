//! The file that comes: staged when it begins, written, and complete, given up or aborted in the end.

use super::open_directories::OpenDirectory;
use super::{Beginning, Current, Unpacker, out_of_order};
use crate::store::{StagePlan, Staged, StoreResult};
use crate::transfer::chunks::Chunker;
use crate::transfer::conflict::{FileStamp, Resolved};
use crate::transfer::intake::UnpackerMonitor;
use crate::transfer::permit::Access;
use crate::transfer::receiving::{FileNames, Receiving, ReceivingSetup, Written};
use crate::transfer::trouble::Trouble;
use remofile_protocol::digest::{Digest, Digester};
use remofile_protocol::wire::{ErrorCode, Failure};

impl Unpacker {
    pub(super) fn begin(&mut self, file: Beginning, monitor: &mut dyn UnpackerMonitor) -> StoreResult<()> {
        self.expect_between()?;
        if self.has_failed_backup(&file.path) {
            monitor.unwanted(&file.path);
            self.current = Current::Unwanted;
            return Ok(());
        }
        if self.is_sent_again(&file) {
            monitor.unwanted(&file.path);
            self.stored.files += 1;
            self.current = Current::Unwanted;
            return Ok(());
        }
        let backup = self.backup_of(&file.path, monitor);
        self.current = match self.stage_with_room(&file, monitor) {
            Ok((stored_as, staged, digester)) => {
                monitor.started(&file.path, file.size, file.offset);
                let chunks = monitor.chunk_size().map(Chunker::new);
                let limit = self.options.file_size_limit;
                Current::Open(Box::new(Receiving::new(ReceivingSetup {
                    names: FileNames { sent_as: file.path, stored_as },
                    staged,
                    size: file.size,
                    limit,
                    digest: self.options.digest,
                    resumed: digester.map(|digester| (file.offset, digester)),
                    chunks,
                    backup,
                })))
            }
            Err(failure) => {
                monitor.unwanted(&file.path);
                monitor.failed(failure.at(file.path), false);
                Current::Unwanted
            }
        };
        Ok(())
    }

    /// Stages a file. Where there is no room, the files that wait are flushed, since what they replace takes room as well.
    fn stage_with_room(
        &mut self,
        file: &Beginning,
        monitor: &mut dyn UnpackerMonitor,
    ) -> StoreResult<(String, Box<dyn Staged>, Option<Digester>)> {
        let staged = self.stage(file, monitor);
        if file.offset == 0 && self.has_waiting() && staged.as_ref().err().is_some_and(is_full) {
            self.flush_waiting(monitor);
            return self.stage(file, monitor);
        }
        staged
    }

    /// Stages a file. Returns the path that it will have below the destination, which a rule may change, and the
    /// digest of the bytes that are there.
    fn stage(
        &mut self,
        file: &Beginning,
        monitor: &mut dyn UnpackerMonitor,
    ) -> StoreResult<(String, Box<dyn Staged>, Option<Digester>)> {
        if file.size.is_some_and(|size| size > self.options.file_size_limit) {
            return Err(Failure::larger_than(self.options.file_size_limit));
        }
        self.options.admit_size(file.size)?;
        let rule = self.options.rules.rule(&file.path, file.rule).unwrap_or(self.options.on_conflict);
        let access = if file.replaces.is_some() { Access::Replace } else { Access::by_rule(rule) };
        let path = self.locate(&file.path, access)?;
        let resolved = match file.replaces {
            Some(_) => self.refuse_changes().map(|()| Resolved { path, replace: true })?,
            None => {
                let stamp = FileStamp { size: file.size, modified: file.modified };
                self.resolve(path, stamp, rule, monitor)?
            }
        };
        if resolved.replace && access == Access::Create {
            // One that may not be on the disk, of the same size and time: be it somebody else's.
            self.options.permit.permit(Access::Replace, &resolved.path)?;
        }
        let resumed = match file.offset {
            0 => None,
            offset => Some(self.checked.resume(&resolved.path, offset).ok_or(ErrorCode::PartialChanged)?),
        };
        // Without `replace`, the commit itself refuses a name that is taken in whatever case.
        if resolved.replace {
            self.names.refuse_other_case(&*self.store, &resolved.path)?;
        }
        let (parent, name) = resolved.path.split()?;
        // Files of one directory come together, so it stays open for the next one.
        let held = match self.open.take(&parent) {
            Some(open) => open,
            None => OpenDirectory::new(self.open_or_make(&parent)?),
        };
        let (resume, digester) = resumed.unzip();
        let plan = StagePlan {
            size: file.size,
            replace: resolved.replace,
            modified: file.modified,
            mode: file.mode,
            resume,
            expected: file.replaces,
            through_link: false,
        };
        let staged = held.directory.stage(&name, &plan);
        self.open.put(parent, held);
        let relative = resolved.path.relative_to(&self.options.destination).unwrap_or_default().to_owned();
        Ok((relative, staged?, digester))
    }

    pub(super) fn write(&mut self, written: Written<'_>, monitor: &mut dyn UnpackerMonitor) -> Result<(), Trouble> {
        let open = match &mut self.current {
            Current::Open(open) => open,
            Current::Unwanted => return Ok(()),
            Current::Between => return Err(out_of_order().into()),
        };
        // A large file may take minutes.
        self.waiting.look_at_clock();
        match open.write(written, &mut self.decompressor, monitor) {
            Err(Trouble::Failed(failure)) => {
                if is_full(&failure) {
                    // What they replace is gone then: there may be room for what comes next, and to keep this one's part.
                    self.flush_waiting(monitor);
                }
                self.give_up(failure, monitor);
                Ok(())
            }
            result => result,
        }
    }

    pub(super) fn give_up(&mut self, failure: Failure, monitor: &mut dyn UnpackerMonitor) {
        if let Current::Open(open) = std::mem::replace(&mut self.current, Current::Unwanted) {
            monitor.unwanted(open.path());
            monitor.failed(open.give_up(failure), false);
        }
    }

    pub(super) fn end(&mut self, digest: Digest, monitor: &mut dyn UnpackerMonitor) -> Result<(), Trouble> {
        match std::mem::replace(&mut self.current, Current::Between) {
            Current::Between => Err(out_of_order().into()),
            Current::Unwanted => Ok(()),
            Current::Open(mut open) => {
                let path = open.path().to_owned();
                match open.last_chunk(monitor).and_then(|()| Ok(open.complete(digest)?)) {
                    Err(Trouble::Stopped) => return Err(Trouble::Stopped),
                    Err(Trouble::Failed(failure)) => monitor.failed(failure.at(path), false),
                    Ok(file) => self.take_complete(file, monitor),
                }
                Ok(())
            }
        }
    }

    pub(super) fn abort(&mut self, failure: Failure, monitor: &mut dyn UnpackerMonitor) -> StoreResult<()> {
        match std::mem::replace(&mut self.current, Current::Between) {
            Current::Between => Err(out_of_order()),
            Current::Unwanted => Ok(()),
            Current::Open(_) => {
                monitor.failed(failure, true);
                Ok(())
            }
        }
    }
}

fn is_full(failure: &Failure) -> bool {
    matches!(failure.code, ErrorCode::NoSpace | ErrorCode::QuotaExceeded)
}
