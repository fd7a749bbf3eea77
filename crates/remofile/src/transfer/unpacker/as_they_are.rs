//! Items that keep files as they are: links whatever they lead to, second names, special files.

use super::Unpacker;
use super::across::cannot_link;
use crate::store::{NewSpecial, StoreResult};
use crate::transfer::conflict;
use crate::transfer::intake::{Effect, UnpackerMonitor};
use crate::transfer::permit::Access;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{ErrorCode, Failure, OnConflict};

/// The place that something without content gets, and the rule for what is in its way.
pub(super) struct Arrival {
    pub(super) at: RemotePath,
    pub(super) rule: OnConflict,
}

impl Unpacker {
    /// Keeps a symbolic link, whatever it leads to.
    pub(super) fn take_kept_link(
        &mut self,
        path: String,
        target: &str,
        rule: Option<OnConflict>,
        monitor: &mut dyn UnpackerMonitor,
    ) -> StoreResult<()> {
        self.arrive(
            path,
            rule,
            |_| Ok(()),
            monitor,
            |unpacker, Arrival { at, rule }| conflict::keep_link(&*unpacker.store, at, target, rule),
        )
    }

    /// Gives a file that is there another name.
    pub(super) fn take_hard_link(
        &mut self,
        path: String,
        of: &str,
        rule: Option<OnConflict>,
        monitor: &mut dyn UnpackerMonitor,
    ) -> StoreResult<()> {
        let is_earlier = of.starts_with('/');
        if is_earlier {
            self.refuse_changes()?;
        }
        let of = match is_earlier {
            true => RemotePath::parse(of),
            false => self.options.destination.join(of),
        };
        let of = of.map_err(Failure::from);
        let permitted = of.clone().and_then(|of| self.options.permit.permit(Access::Read, &of));
        let mut instead = None;
        let arrived = self.try_arrive(
            &path,
            rule,
            |_| permitted,
            monitor,
            |unpacker, Arrival { at, rule }| {
                let of = of?;
                // Of an earlier upload, which need not be on the same file system.
                instead = is_earlier.then(|| (of.clone(), at.clone(), rule));
                let lost = |failure: Failure| match failure {
                    Failure { code: ErrorCode::NotFound, detail: None, .. } => {
                        failure.because(format!("as another name of {:?}, which was to come before it", of.as_str()))
                    }
                    failure => failure,
                };
                conflict::add_name(&*unpacker.store, &of, at, rule).map_err(lost)
            },
        )?;
        match (arrived, instead) {
            (Some(Err(failure)), Some((of, at, rule))) if cannot_link(&failure) => {
                self.copy_instead(path, of, at, rule);
            }
            (arrived, _) => self.tell_arrival(path, arrived, monitor),
        }
        Ok(())
    }

    /// Makes a special file.
    pub(super) fn take_special(
        &mut self,
        path: String,
        sent: &NewSpecial,
        rule: Option<OnConflict>,
        monitor: &mut dyn UnpackerMonitor,
    ) -> StoreResult<()> {
        let new = NewSpecial { mode: sent.mode.filter(|_| self.options.preserve_mode), ..*sent };
        self.arrive(
            path,
            rule,
            |_| Ok(()),
            monitor,
            |unpacker, Arrival { at, rule }| conflict::make_special(&*unpacker.store, at, &new, rule),
        )
    }

    /// Has something without content made at a path, if `permit` admits what it needs there; `make` returns the path that it got.
    pub(super) fn arrive(
        &mut self,
        path: String,
        rule: Option<OnConflict>,
        permit: impl FnOnce(&RemotePath) -> StoreResult<()>,
        monitor: &mut dyn UnpackerMonitor,
        make: impl FnOnce(&Self, Arrival) -> StoreResult<RemotePath>,
    ) -> StoreResult<()> {
        let arrived = self.try_arrive(&path, rule, permit, monitor, make)?;
        self.tell_arrival(path, arrived, monitor);
        Ok(())
    }

    /// As [`Unpacker::arrive`], but what comes of it is not told yet. Returns `None` if that was told before.
    fn try_arrive(
        &mut self,
        path: &str,
        rule: Option<OnConflict>,
        permit: impl FnOnce(&RemotePath) -> StoreResult<()>,
        monitor: &mut dyn UnpackerMonitor,
        make: impl FnOnce(&Self, Arrival) -> StoreResult<RemotePath>,
    ) -> StoreResult<Option<StoreResult<RemotePath>>> {
        self.expect_between()?;
        if self.has_failed_backup(path) {
            return Ok(None);
        }
        let backup = self.backup_of(path, monitor);
        monitor.started(path, None, 0);
        let rule = self.options.rules.rule(path, rule).unwrap_or(self.options.on_conflict);
        Ok(Some(self.locate(path, Access::by_rule(rule)).and_then(|at| {
            // Before anything is made on the way to it.
            permit(&at)?;
            drop(self.open_or_make(&at.split()?.0)?);
            backup.map_or(Ok(()), |backup| backup.commit(monitor))?;
            make(self, Arrival { at, rule })
        })))
    }

    fn tell_arrival(
        &mut self,
        path: String,
        arrived: Option<StoreResult<RemotePath>>,
        monitor: &mut dyn UnpackerMonitor,
    ) {
        match arrived {
            None => {}
            Some(Ok(at)) => {
                self.stored.files += 1;
                let path = at.relative_to(&self.options.destination).unwrap_or(&path);
                monitor.changed(Effect::Linked { path });
                monitor.stored(path);
            }
            Some(Err(failure)) => monitor.failed(failure.at(path), false),
        }
    }
}
