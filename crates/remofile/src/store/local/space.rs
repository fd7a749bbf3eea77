//! The room of the disk that a path is on.

use super::context::StoreContext;
use super::{errors, resolve};
use crate::store::{StoreResult, system};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{DiskSpace, ErrorCode};

/// Asks the file system that a directory is on, or that of a file's directory: a file itself is not opened.
pub(super) fn space(shared: &StoreContext, path: &RemotePath) -> StoreResult<DiskSpace> {
    let place = match (resolve::directory(shared.jail()?, path), path.parent()) {
        (Err(failure), Some(parent)) if failure.code == ErrorCode::NotADirectory => {
            resolve::stat_target(shared.jail()?, path)?;
            resolve::directory(shared.jail()?, &parent)?
        }
        (found, _) => found?,
    };
    let told = system::fstatvfs(&place.directory).map_err(errors::failure)?;
    let bytes = |blocks: u64| blocks.saturating_mul(told.f_frsize);
    // Some file systems make files as long as there is room, and tell no number.
    let has_files = told.f_files > 0;
    Ok(DiskSpace {
        size: bytes(told.f_blocks),
        used: bytes(told.f_blocks.saturating_sub(told.f_bfree)),
        free: bytes(told.f_bavail),
        files: has_files.then_some(told.f_files),
        free_files: has_files.then_some(told.f_favail),
    })
}
