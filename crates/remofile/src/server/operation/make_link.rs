//! The making of a symbolic link.

use super::change::Change;
use crate::store::Store;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::Done;
use std::sync::Arc;

pub(super) fn make_link(store: &Arc<dyn Store>, path: RemotePath, target: String, replace: bool) -> Change {
    Change::new(store, move |store| {
        store.make_link(&path, &target, replace).map_err(|failure| failure.at(&path))?;
        Ok(Done::default())
    })
}
