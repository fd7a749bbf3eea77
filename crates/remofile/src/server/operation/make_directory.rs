//! The making of a directory.

use super::change::Change;
use super::missing::Blame;
use crate::store::Store;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::Done;
use std::sync::Arc;

pub(super) fn make_directory(
    store: &Arc<dyn Store>,
    blame: Blame,
    path: RemotePath,
    update: bool,
    parents: bool,
) -> Change {
    Change::new(store, move |store| {
        let made =
            store.make_directory(&path, update, parents).map_err(|failure| blame.at_missing(store, &path, failure))?;
        Ok(Done { directories: made.into(), ..Done::default() })
    })
}
