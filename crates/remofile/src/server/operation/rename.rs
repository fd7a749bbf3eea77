//! The renaming of a file or directory.

use super::change::Change;
use crate::store::Store;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Done, ErrorCode};
use std::sync::Arc;

pub(super) fn rename(store: &Arc<dyn Store>, source: RemotePath, destination: RemotePath, replace: bool) -> Change {
    Change::new(store, move |store| {
        store.rename(&source, &destination, replace).map_err(|failure| {
            // The failure names the path that the user has to change.
            let concerns_destination = matches!(failure.code, ErrorCode::AlreadyExists | ErrorCode::NotADirectory);
            failure.at(if concerns_destination { &destination } else { &source })
        })?;
        Ok(Done::default())
    })
}
