//! The renaming of a file or directory.

use super::change::Change;
use super::missing::Blame;
use crate::store::Store;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::Done;
use std::sync::Arc;

pub(super) fn rename(
    store: &Arc<dyn Store>,
    blame: Blame,
    source: RemotePath,
    destination: RemotePath,
    replace: bool,
) -> Change {
    Change::new(store, move |store| {
        let renamed = store.rename(&source, &destination, replace);
        renamed.map_err(|failure| blame.at_either(store, &source, &destination, failure))?;
        Ok(Done::default())
    })
}
