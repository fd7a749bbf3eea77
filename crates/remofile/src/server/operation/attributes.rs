//! The setting of permission bits and times.

use super::change::Change;
use super::interface::StartContext;
use crate::transfer::{Access, real_path};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Done, Timestamp};
use std::sync::Arc;

pub(super) fn set_attributes(
    context: &StartContext<'_>,
    path: RemotePath,
    mode: Option<u32>,
    modified: Option<Timestamp>,
) -> Change {
    let permit = Arc::clone(&context.permit);
    Change::new(&context.grant.store, move |store| {
        let set = || {
            let path = real_path(store, &path)?;
            permit.permit(Access::Change, &path)?;
            if let Some(modified) = modified {
                store.set_modified(&path, modified)?;
            }
            // Last, as these may be the bits by which the owner itself is kept out.
            mode.map_or(Ok(()), |mode| store.set_mode(&path, mode & 0o777))
        };
        set().map_err(|failure| failure.at(&path))?;
        Ok(Done::default())
    })
}
