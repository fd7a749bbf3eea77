//! The partials of a download that are on this side already, as far as they can be gone on with.

use crate::error::Result;
use crate::store::{Partial, Store};
use crate::transfer::{Checked, known};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::Known;
use std::collections::HashMap;

/// The local partials that were checked.
#[derive(Default)]
pub(crate) struct PartialsHere {
    pub(crate) checked: Checked,
    /// By the paths of the files.
    pub(crate) known: HashMap<RemotePath, Known>,
    pub(super) bytes: u64,
}

impl PartialsHere {
    pub(super) fn look_at(
        &mut self,
        store: &dyn Store,
        partial: &Partial,
        check: &dyn Fn() -> Result<()>,
    ) -> Result<()> {
        // A partial that cannot be read is not resumed.
        let Ok(mut checking) = self.checked.begin(store, partial) else { return Ok(()) };
        loop {
            check()?;
            match checking.step() {
                Ok(false) => {}
                Ok(true) => break,
                Err(_) => return Ok(()),
            }
        }
        let entry = self.checked.finish(checking);
        self.bytes += entry.received;
        self.known.insert(entry.path.clone(), known(entry));
        Ok(())
    }
}
