//! Files that get what other files of this machine have: shared with them, or copied by the system.

use crate::store::{Source, StoreResult};
use rustix::fd::OwnedFd;
#[cfg(target_os = "linux")]
use {super::errors, crate::store::system, rustix::fs::SeekFrom, rustix::io::Errno};

/// Bytes that the system copies in one call: on a slow disk it should not take long.
#[cfg(target_os = "linux")]
const RANGE_BYTES: usize = 16 * 1024 * 1024;

/// Makes an empty file share all that another one has, and returns its length; `None` if the disk cannot do that.
#[cfg(target_os = "linux")]
pub(super) fn share(file: &OwnedFd, source: &dyn Source) -> StoreResult<Option<u64>> {
    let Some(other) = source.local_file() else { return Ok(None) };
    // Whatever else is wrong with it will be with a copy, too.
    if system::clone_file(file, other).is_err() {
        return Ok(None);
    }
    // The other one may have become longer or shorter since it was opened.
    system::seek(file, SeekFrom::End(0)).map(Some).map_err(errors::failure)
}

/// Appends some bytes of another file, and returns their number; `None` if the system does not do it.
#[cfg(target_os = "linux")]
pub(super) fn copy(file: &OwnedFd, source: &dyn Source, offset: u64, length: u64) -> StoreResult<Option<u64>> {
    let Some(other) = source.local_file() else { return Ok(None) };
    let most = usize::try_from(length).unwrap_or(usize::MAX).min(RANGE_BYTES);
    match system::copy_range(file, other, offset, most) {
        // Some file systems say so of files whose size they do not know: reading them tells.
        Ok(0) => Ok(None),
        Ok(count) => Ok(Some(count as u64)),
        Err(errno @ (Errno::NOSPC | Errno::DQUOT | Errno::IO | Errno::FBIG)) => Err(errors::failure(errno)),
        // Not between these two, or not at all here.
        Err(_) => Ok(None),
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn share(_: &OwnedFd, _: &dyn Source) -> StoreResult<Option<u64>> {
    Ok(None)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn copy(_: &OwnedFd, _: &dyn Source, _: u64, _: u64) -> StoreResult<Option<u64>> {
    Ok(None)
}
