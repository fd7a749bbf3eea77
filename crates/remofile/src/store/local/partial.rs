//! Partials in the staging directory, which interrupted transfers left to be resumed.
//!
//! Every destination has one at most: a file with the bytes, and a companion that names the file and version
//! that they belong to. The lock on the file with the bytes guards both. A process that only looks takes a
//! shared lock for a moment, and changes nothing.

use super::context::StoreContext;
use super::discard::discard;
use super::errors;
use super::info::{self, Info};
use super::names::{Names, PartialNames};
use super::ranges::Ranges;
use super::source::{LocalSource, changed};
use super::staging::{self, is_still_named};
use crate::store::system;
use crate::store::{Partial, ResumeAt, Source, StoreResult};
use remofile_protocol::digest::digest;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Entry, ErrorCode, Failure, Kind};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, FlockOperation, OFlags, SeekFrom, Stat};
use rustix::io::Errno;
use std::sync::Arc;

/// Partials in one listing at most.
const MOST_LISTED: usize = 10_000;

/// Empties a file that is not empty. One that is stays as it is: ext4 takes any truncation to nothing for the beginning of a new
/// version, and starts to write all of that to the disk when the file is closed, who closes it waiting.
fn empty(file: &OwnedFd) -> Result<(), Errno> {
    if length(&system::fstat(file)?) == 0 { Ok(()) } else { system::ftruncate(file, 0) }
}

/// Begins a partial anew. Returns `None` if another process is writing it.
pub(super) fn begin(staging: BorrowedFd<'_>, names: &PartialNames, info: &Info) -> Result<Option<OwnedFd>, Errno> {
    let Some(file) = staging::open_partial(staging, &names.bytes, OFlags::CREATE)? else {
        return Ok(None);
    };
    // Emptied first: whatever happens next, no byte is left that could be taken for one of another version.
    let begun = empty(&file).and_then(|()| info::write(staging, names, info));
    if let Err(errno) = begun {
        let _ = remove_files(staging, names);
        return Err(errno);
    }
    Ok(Some(file))
}

/// Opens a partial to resume it at an offset, and cuts off what is beyond. Returns `None` if it is not the partial
/// that was looked at.
pub(super) fn reopen(
    staging: BorrowedFd<'_>,
    names: &PartialNames,
    info: &Info,
    at: ResumeAt,
    doubt: &Ranges,
) -> Result<Option<OwnedFd>, Errno> {
    let file = match staging::open_partial(staging, &names.bytes, OFlags::empty()) {
        Ok(Some(file)) => file,
        Ok(None) => return Ok(None),
        Err(errno) if is_no_partial(errno) => return Ok(None),
        Err(errno) => return Err(errno),
    };
    let stat = system::fstat(&file)?;
    let is_same = version(&stat) == at.version
        && length(&stat) >= at.offset
        && at.offset <= info.size
        && !doubt.flush_failed_since(changed(&stat))
        && info::read(staging, names)?.as_ref() == Some(info);
    if !is_same {
        return Ok(None);
    }
    if length(&stat) != at.offset {
        system::ftruncate(&file, at.offset)?;
    }
    system::seek(&file, SeekFrom::Start(at.offset))?;
    Ok(Some(file))
}

/// Lists the partials that nobody is writing to.
pub(super) fn list(shared: &StoreContext) -> StoreResult<Vec<Partial>> {
    let Some(staging) = staging::look(shared)? else {
        return Ok(Vec::new());
    };
    let names = Names::read(staging.as_fd())?;
    let mut partials = Vec::new();
    for index in 0.. {
        let Some((name, _)) = names.at(index) else { break };
        let Some(names) = PartialNames::from_bytes(name) else { continue };
        let look = || look_at(staging.as_fd(), &names);
        match look().or_else(|_| look()) {
            Ok(Some(seen)) if shared.owner.is_none() || seen.info.owner == shared.owner => partials.push(seen.told()),
            Ok(Some(_)) => {}
            // A partial that cannot be seen cannot be resumed either.
            Ok(None) => {}
            Err(errno @ (Errno::MFILE | Errno::NFILE | Errno::NOMEM)) => return Err(errors::failure(errno)),
            Err(errno) => tracing::warn!(name = names.bytes, %errno, "a partial cannot be looked at"),
        }
        if partials.len() == MOST_LISTED {
            break;
        }
    }
    partials.sort_by(|left, right| left.path.cmp(&right.path));
    Ok(partials)
}

/// Opens the bytes of a partial.
pub(super) fn read(shared: &StoreContext, path: &RemotePath) -> StoreResult<Box<dyn Source>> {
    let missing = || Failure::new(ErrorCode::NotFound);
    let staging = staging::look(shared)?.ok_or_else(missing)?;
    let names = PartialNames::of(path, shared.owner.as_deref());
    let seen = look_at(staging.as_fd(), &names).map_err(errors::failure)?.ok_or_else(missing)?;
    if shared.doubt()?.flush_failed_since(changed(&seen.stat)) {
        return Err(missing()); // What is read of it may be in memory alone, and never be written.
    }
    // The reader must not block the upload that resumes the partial, which may be its own.
    let _ = system::flock(&seen.file, FlockOperation::Unlock);
    let entry = Entry {
        path: path.clone(),
        kind: Kind::File,
        size: length(&seen.stat),
        modified: seen.info.modified,
        mode: Some(super::source::permissions(&seen.stat) & 0o777),
        unflushed: false,
    };
    Ok(Box::new(LocalSource::of(seen.file, entry, &seen.stat)))
}

/// Removes the partial of a path. Returns true if there was one that nobody is writing.
pub(super) fn remove(shared: &Arc<StoreContext>, path: &RemotePath) -> StoreResult<bool> {
    let Some(staging) = staging::find(shared)? else {
        return Ok(false);
    };
    let is_own = remove_named(staging.directory(), &PartialNames::of(path, shared.owner.as_deref()))?;
    if shared.owner.is_some() {
        return Ok(is_own);
    }
    // Who sees all removes those of every owner.
    let (listed, mut is_removed) = (Names::read(staging.directory())?, is_own);
    for names in (0..).map_while(|index| listed.at(index)).filter_map(|(name, _)| PartialNames::from_info(name)) {
        let info = info::read(staging.directory(), &names).ok().flatten();
        if info.is_some_and(|info| info.path == *path && info.owner.is_some()) {
            is_removed |= remove_named(staging.directory(), &names)?;
        }
    }
    Ok(is_removed)
}

/// Removes a partial. Returns false if there is none, or if it is being written.
fn remove_named(staging: BorrowedFd<'_>, names: &PartialNames) -> StoreResult<bool> {
    match staging::open_partial(staging, &names.bytes, OFlags::empty()) {
        // Locked until it is gone.
        Ok(Some(_file)) => remove_files(staging, names).map_err(errors::failure).map(|()| true),
        Ok(None) => Ok(false),
        Err(errno) if is_no_partial(errno) => Ok(false),
        Err(errno) => Err(errors::failure(errno)),
    }
}

/// Removes a partial that is locked by the caller. The companion goes first: another upload that makes the file
/// anew makes a companion too, which must stay.
pub(super) fn remove_files(staging: BorrowedFd<'_>, names: &PartialNames) -> Result<(), Errno> {
    // One that cannot be removed harms nobody: it fits no other bytes, and is replaced with them.
    discard(staging, &names.info);
    let remove = || system::unlinkat(staging, &names.bytes, AtFlags::empty());
    remove().or_else(|_| match remove() {
        Err(Errno::NOENT) => Ok(()),
        removed => removed,
    })
}

/// A partial that was looked at, under a shared lock.
struct Seen {
    file: OwnedFd,
    stat: Stat,
    info: Info,
}

impl Seen {
    fn told(self) -> Partial {
        Partial {
            path: self.info.path,
            size: self.info.size,
            modified: self.info.modified,
            received: length(&self.stat),
            touched: changed(&self.stat),
            version: version(&self.stat),
            checkpoints: Vec::new(),
        }
    }
}

fn look_at(staging: BorrowedFd<'_>, names: &PartialNames) -> Result<Option<Seen>, Errno> {
    let Some(file) = info::open_regular(staging, &names.bytes)? else {
        return Ok(None);
    };
    // Any other answer: there are no locks here, so nobody makes partials.
    if system::flock(&file, FlockOperation::NonBlockingLockShared) == Err(Errno::WOULDBLOCK) {
        return Ok(None);
    }
    let stat = system::fstat(&file)?;
    let is_ours = stat.st_uid == rustix::process::geteuid().as_raw() && stat.st_nlink == 1;
    if !is_ours || !is_still_named(staging, &names.bytes, &stat)? {
        return Ok(None);
    }
    let info = info::read(staging, names)?.filter(|info| length(&stat) <= info.size);
    Ok(info.map(|info| Seen { file, stat, info }))
}

/// Reports whether an error of opening a partial means that there is none.
fn is_no_partial(errno: Errno) -> bool {
    matches!(errno, Errno::NOENT | Errno::LOOP | Errno::NXIO | Errno::ISDIR | Errno::INVAL)
}

fn length(stat: &Stat) -> u64 {
    u64::try_from(stat.st_size).unwrap_or(0)
}

/// Returns the version of a partial, which changes whenever it is written to.
fn version(stat: &Stat) -> u128 {
    let changed = changed(stat);
    let told = format!("{} {} {} {}", stat.st_ino, changed.seconds(), changed.nanoseconds(), stat.st_size);
    u128::from_be_bytes(digest(told.as_bytes()))
}
