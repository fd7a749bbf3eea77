//! The creation of an empty file.

use super::change::Change;
use super::missing::Blame;
use crate::store::Store;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::Done;
use std::sync::Arc;

pub(super) fn create_file(store: &Arc<dyn Store>, blame: Blame, path: RemotePath, update: bool) -> Change {
    Change::new(store, move |store| {
        store.create_file(&path, update).map_err(|failure| blame.at_missing(store, &path, failure))?;
        Ok(Done { files: 1, ..Done::default() })
    })
}
