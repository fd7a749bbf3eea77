//! The removal of files that unfinished transfers left long ago.

use super::context::StoreContext;
use super::names::{Names, PartialNames};
use super::staging::{self, is_still_named, lock};
use super::{errors, partial, resolve};
use crate::store::StoreResult;
use remofile_protocol::wire::ErrorCode;
use rustix::fd::{BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, FileType, OFlags};
use rustix::io::Errno;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Removes the files in the staging directory that are older than `older_than` and that no process is writing.
/// Returns the number removed, companions of partials not counted.
pub(super) fn expire(shared: &Arc<StoreContext>, older_than: Duration) -> StoreResult<u64> {
    let Some(staging) = staging::find(shared)? else {
        return Ok(0);
    };
    let names = Names::read(staging.directory())?;
    let mut removed = 0;
    for index in 0.. {
        let Some((name, _)) = names.at(index) else { break };
        match expire_one(staging.directory(), name, older_than) {
            Ok(is_removed) => removed += u64::from(is_removed),
            Err(failure) if failure.code == ErrorCode::NotFound => {}
            Err(failure) => return Err(failure),
        }
    }
    Ok(removed)
}

fn expire_one(staging: BorrowedFd<'_>, name: &[u8], older_than: Duration) -> StoreResult<bool> {
    if let Some(names) = PartialNames::from_info(name) {
        return expire_info(staging, &names).map(|()| false).map_err(errors::failure);
    }
    let stat = rustix::fs::statat(staging, name, AtFlags::SYMLINK_NOFOLLOW).map_err(errors::failure)?;
    let file_type = FileType::from_raw_mode(stat.st_mode);
    // The time of the last change of any kind: the time of modification may be the source's already.
    if file_type == FileType::Directory || age(stat.st_ctime) < older_than {
        return Ok(false);
    }
    let mut _locked = None;
    if file_type == FileType::RegularFile {
        let Some(file) = lock_old(staging, name)? else {
            return Ok(false);
        };
        _locked = Some(file);
    }
    match PartialNames::from_bytes(name) {
        Some(names) => partial::remove_files(staging, &names),
        None => rustix::fs::unlinkat(staging, name, AtFlags::empty()),
    }
    .map_err(errors::failure)?;
    Ok(true)
}

/// Opens and locks a file; `None` if another process is writing it.
fn lock_old(staging: BorrowedFd<'_>, name: &[u8]) -> StoreResult<Option<OwnedFd>> {
    let file = resolve::open_one(staging, name, OFlags::RDONLY | OFlags::NONBLOCK).map_err(errors::failure)?;
    if !lock(&file).unwrap_or(true) {
        return Ok(None);
    }
    let stat = rustix::fs::fstat(&file).map_err(errors::failure)?;
    // Somebody may have finished it before it was locked, and begun another.
    let is_same = is_still_named(staging, name, &stat).map_err(errors::failure)?;
    Ok(is_same.then_some(file))
}

/// Removes a companion whose partial is gone. It goes with its partial otherwise, however old it is.
fn expire_info(staging: BorrowedFd<'_>, names: &PartialNames) -> Result<(), Errno> {
    match rustix::fs::statat(staging, &names.bytes, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(_) => return Ok(()),
        Err(Errno::NOENT) => {}
        Err(errno) => return Err(errno),
    }
    match rustix::fs::unlinkat(staging, &names.info, AtFlags::empty()) {
        // A directory is none of ours; some systems say that it is not permitted.
        Ok(()) | Err(Errno::ISDIR | Errno::PERM) => Ok(()),
        Err(errno) => Err(errno),
    }
}

fn age(seconds: i64) -> Duration {
    let changed = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    SystemTime::now().duration_since(changed).unwrap_or_default()
}
