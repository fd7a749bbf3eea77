//! Items that keep files as they are: links whatever they lead to, second names, special files.

use super::Unpacker;
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
        if of.starts_with('/') {
            self.refuse_changes()?;
        }
        let of = match of.starts_with('/') {
            true => RemotePath::parse(of),
            false => self.options.destination.join(of),
        };
        let of = of.map_err(Failure::from);
        let permitted = of.clone().and_then(|of| self.options.permit.permit(Access::Read, &of));
        self.arrive(
            path,
            rule,
            |_| permitted,
            monitor,
            |unpacker, Arrival { at, rule }| {
                let of = of?;
                let lost = |failure: Failure| match failure {
                    Failure { code: ErrorCode::NotFound, detail: None, .. } => {
                        failure.because(format!("as another name of {:?}, which was to come before it", of.as_str()))
                    }
                    failure => failure,
                };
                conflict::add_name(&*unpacker.store, &of, at, rule).map_err(lost)
            },
        )
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
        self.expect_between()?;
        if self.has_failed_backup(&path) {
            return Ok(());
        }
        let backup = self.backup_of(&path, monitor);
        monitor.started(&path, None, 0);
        let rule = self.options.rules.rule(&path, rule).unwrap_or(self.options.on_conflict);
        let made = self.locate(&path, Access::by_rule(rule)).and_then(|at| {
            // Before anything is made on the way to it.
            permit(&at)?;
            drop(self.open_or_make(&at.split()?.0)?);
            backup.map_or(Ok(()), |backup| backup.commit(monitor))?;
            make(self, Arrival { at, rule })
        });
        match made {
            Ok(at) => {
                self.stored.files += 1;
                let path = at.relative_to(&self.options.destination).unwrap_or(&path);
                monitor.changed(Effect::Linked { path });
                monitor.stored(path);
            }
            Err(failure) => monitor.failed(failure.at(path), false),
        }
        Ok(())
    }
}
