//! Items that give attributes to what has come.

use super::Unpacker;
use crate::store::StoreResult;
use crate::transfer::intake::{Effect, UnpackerMonitor};
use crate::transfer::permit::Access;
use remofile_protocol::wire::{AttributeSet, Attributes};

impl Unpacker {
    pub(super) fn take_attributes(
        &mut self,
        path: &str,
        attributes: &Attributes,
        monitor: &mut dyn UnpackerMonitor,
    ) -> StoreResult<()> {
        self.refuse_changes()?;
        self.expect_between()?;
        let at = match path {
            // The destination itself.
            "" => self
                .options
                .permit
                .permit(Access::Change, &self.options.destination)
                .map(|()| self.options.destination.clone()),
            path => self.locate(path, Access::Change),
        };
        let given = at.and_then(|at| self.attributes.give(&*self.store, &at, path, attributes, AttributeSet::ALL));
        match given {
            Ok(true) => monitor.changed(Effect::Touched { path }),
            Ok(false) => {}
            Err(failure) => monitor.failed(failure.at(path), false),
        }
        Ok(())
    }

    /// Tells of the attributes that could not be given.
    pub(super) fn finish_attributes(&mut self, monitor: &mut dyn UnpackerMonitor) {
        let given = std::mem::take(&mut self.attributes);
        self.stored.attributes += given.changed;
        given.failures().into_iter().for_each(|failure| monitor.failed(failure, false));
    }
}
