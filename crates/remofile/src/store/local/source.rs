//! Regular files that are read.

use super::disk_name::Encoding;
use super::jail::Jail;
use super::options::StoreOptions;
use super::ranges::Ranges;
use super::root::Root;
use super::{errors, resolve};
use crate::store::system;
use crate::store::{Extent, FollowLinks, Source, SourceState, StoreResult};
use remofile_protocol::digest::digest;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{self, Entry, ErrorCode, Failure, Kind, Timestamp};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, FileType, OFlags, SeekFrom, Stat};
use rustix::io::Errno;
use std::sync::Arc;

/// An open regular file.
pub(super) struct LocalSource {
    file: OwnedFd,
    entry: Entry,
    version: Version,
    device: u64,
    /// Number of the names that the file had when it was opened.
    names: u64,
    /// The root in which its path led to it, the links that were followed and the encoding of names; `None` of a file without a path.
    origin: Option<(Arc<Root>, FollowLinks, Encoding)>,
}

/// The version of a file: the attributes that tell it from others.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Version {
    size: i64,
    inode: u64,
    modified: Timestamp,
    changed: Timestamp,
}

impl LocalSource {
    pub(super) fn open(root: &Arc<Root>, options: &StoreOptions, path: &RemotePath) -> StoreResult<Self> {
        let StoreOptions { follow, encoding, .. } = options;
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
        let opened = resolve::open(Jail::new(root.as_fd(), follow, *encoding), path, flags);
        // There is nothing in a root that was removed, so that it need not be looked at for each file that is opened.
        let file = opened.map_err(|failure| root.existing().err().unwrap_or(failure))?;
        let stat = system::fstat(&file).map_err(errors::failure)?;
        let entry = entry_of(path.clone(), &stat);
        if entry.kind != Kind::File {
            return Err(Failure::new(ErrorCode::NotAFile));
        }
        Ok(Self { origin: Some((Arc::clone(root), follow.clone(), *encoding)), ..Self::of(file, entry, &stat) })
    }

    pub(super) fn of(file: OwnedFd, entry: Entry, stat: &Stat) -> Self {
        Self {
            file,
            entry,
            version: Version::of(stat),
            device: device(stat),
            names: count(stat.st_nlink),
            origin: None,
        }
    }

    /// Reports whether its content is that of the moment it was opened, as far as its attributes tell.
    fn is_as_opened(&self, stat: &Stat) -> StoreResult<bool> {
        let now = Version::of(stat);
        if self.version == now {
            return Ok(true);
        }
        if self.version != (Version { changed: self.version.changed, ..now }) {
            return Ok(false);
        }
        // A file that got or lost a name has another time of change for that alone. What has taken the place of an open
        // file, or removed it, leaves its content as it was. If it got a name as a backup and lost its own, it has as many
        // as before.
        Ok(self.names != count(stat.st_nlink) || self.is_elsewhere(stat)?)
    }

    /// Reports whether its path leads to something else than this file.
    fn is_elsewhere(&self, file: &Stat) -> StoreResult<bool> {
        let Some((root, follow, encoding)) = &self.origin else { return Ok(false) };
        match stat_followed(Jail::new(root.existing()?, follow, *encoding), &self.entry.path) {
            Ok(there) => Ok((there.st_dev, there.st_ino) != (file.st_dev, file.st_ino)),
            Err(failure) if leads_nowhere(failure.code) => Ok(true),
            Err(failure) => Err(failure),
        }
    }
}

impl Source for LocalSource {
    fn entry(&self) -> &Entry {
        &self.entry
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> StoreResult<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            let at = offset.saturating_add(filled as u64);
            if i64::try_from(at).is_err() {
                break;
            }
            match system::pread(&self.file, &mut buffer[filled..], at) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(errno) => return Err(errors::failure(errno)),
            }
            if offset.saturating_add(filled as u64) == self.entry.size {
                break; // One call less for every small file; who appends meanwhile is found out anyway.
            }
        }
        Ok(filled)
    }

    fn extent_at(&self, offset: u64) -> StoreResult<Extent> {
        let rest = self.entry.size.saturating_sub(offset);
        if rest == 0 {
            return Ok(Extent::Data(0));
        }
        let data = match system::seek(&self.file, SeekFrom::Data(offset)) {
            Ok(data) => data,
            // No data from here on.
            Err(Errno::NXIO) => return Ok(Extent::Hole(rest)),
            Err(errno) => return data_if_unknown(errno, rest),
        };
        if data > offset {
            return Ok(Extent::Hole(rest.min(data - offset)));
        }
        match system::seek(&self.file, SeekFrom::Hole(offset)) {
            Ok(hole) if hole > offset => Ok(Extent::Data(rest.min(hole - offset))),
            // The file became shorter, or is changing right now; reading it finds that out.
            Ok(_) | Err(Errno::NXIO) => Ok(Extent::Data(rest)),
            Err(errno) => data_if_unknown(errno, rest),
        }
    }

    fn is_unchanged(&self) -> StoreResult<bool> {
        self.is_as_opened(&system::fstat(&self.file).map_err(errors::failure)?)
    }

    fn state(&self) -> StoreResult<SourceState> {
        let stat = system::fstat(&self.file).map_err(errors::failure)?;
        Ok(match self.is_as_opened(&stat)? {
            true => SourceState::Unchanged,
            false if stat.st_size < self.version.size => SourceState::Lost,
            false => SourceState::Written(Version::of(&stat).number()),
        })
    }

    fn size_now(&self) -> StoreResult<u64> {
        let stat = system::fstat(&self.file).map_err(errors::failure)?;
        Ok(u64::try_from(stat.st_size).unwrap_or(0))
    }

    fn has_left(&self) -> StoreResult<bool> {
        self.is_elsewhere(&system::fstat(&self.file).map_err(errors::failure)?)
    }

    fn identity(&self) -> Option<u64> {
        self.origin.as_ref()?;
        let born = born(&self.file);
        let digest = digest(format!("{} {} {born:?}", self.device, self.version.inode).as_bytes());
        let (half, _) = digest.split_first_chunk()?;
        Some(u64::from_be_bytes(*half))
    }

    fn local_file(&self) -> Option<BorrowedFd<'_>> {
        Some(self.file.as_fd())
    }

    fn version(&self) -> wire::Version {
        self.version.number()
    }
}

/// Returns the rest as data if the error means that the file system does not know of holes.
fn data_if_unknown(errno: Errno, rest: u64) -> StoreResult<Extent> {
    match errno {
        Errno::INVAL | Errno::OPNOTSUPP | Errno::NOTTY | Errno::NOSYS => Ok(Extent::Data(rest)),
        _ => Err(errors::failure(errno)),
    }
}

impl Version {
    /// Returns the version as peers see it.
    pub(super) fn number(&self) -> wire::Version {
        wire::Version(digest(format!("{self:?}").as_bytes()))
    }

    pub(super) fn of(stat: &Stat) -> Self {
        Self {
            size: stat.st_size,
            inode: stat.st_ino,
            modified: Timestamp::new(stat.st_mtime, nanoseconds(stat.st_mtime_nsec)),
            changed: changed(stat),
        }
    }
}

/// Returns the time at which a file was last written to or changed otherwise.
pub(super) fn changed(stat: &Stat) -> Timestamp {
    Timestamp::new(stat.st_ctime, nanoseconds(stat.st_ctime_nsec))
}

/// Returns the entry of a path, links followed where they lead to something in the root.
pub(super) fn stat(jail: Jail<'_>, path: &RemotePath, doubt: &Ranges) -> StoreResult<Entry> {
    let itself = stat_itself(jail, path)?;
    if kind_of(&itself) != Kind::Link {
        return Ok(known_entry_of(path.clone(), &itself, doubt));
    }
    match resolve::stat_target(jail, path) {
        Ok(target) => Ok(known_entry_of(path.clone(), &target, doubt)),
        Err(failure) if leads_nowhere(failure.code) => Ok(entry_of(path.clone(), &itself)),
        Err(failure) => Err(failure),
    }
}

/// Returns the entry of what a path names itself.
pub(super) fn look(jail: Jail<'_>, path: &RemotePath, doubt: &Ranges) -> StoreResult<Entry> {
    Ok(known_entry_of(path.clone(), &stat_itself(jail, path)?, doubt))
}

/// Returns the state of what a path leads to, through all links; a failure if they lead nowhere.
pub(super) fn stat_followed(jail: Jail<'_>, path: &RemotePath) -> StoreResult<Stat> {
    let itself = stat_itself(jail, path)?;
    if kind_of(&itself) == Kind::Link { resolve::stat_target(jail, path) } else { Ok(itself) }
}

pub(super) fn stat_itself(jail: Jail<'_>, path: &RemotePath) -> StoreResult<Stat> {
    if path.is_root() {
        return system::fstat(jail.root()).map_err(errors::failure);
    }
    let (place, name) = resolve::parent(jail, path)?;
    system::statat(&place.directory, name.bytes(), AtFlags::SYMLINK_NOFOLLOW).map_err(errors::failure)
}

fn leads_nowhere(code: ErrorCode) -> bool {
    use ErrorCode::{InvalidName, LinkLoop, NotADirectory, NotFound, OutsideRoot};
    matches!(code, NotFound | NotADirectory | OutsideRoot | LinkLoop | InvalidName)
}

/// Returns the entry that `stat` describes.
pub(super) fn entry_of(path: RemotePath, stat: &Stat) -> Entry {
    let kind = kind_of(stat);
    Entry {
        path,
        kind,
        size: if kind == Kind::File { u64::try_from(stat.st_size).unwrap_or(0) } else { 0 },
        modified: Timestamp::new(stat.st_mtime, nanoseconds(stat.st_mtime_nsec)),
        mode: Some(permissions(stat) & 0o777),
        unflushed: false,
    }
}

/// Returns the entry that `stat` describes, marked as unflushed if it is in doubt.
pub(super) fn known_entry_of(path: RemotePath, stat: &Stat, doubt: &Ranges) -> Entry {
    let entry = entry_of(path, stat);
    Entry { unflushed: entry.kind == Kind::File && doubt.cover(changed(stat)), ..entry }
}

/// Returns the kind that a `stat` describes.
pub(super) fn kind_of(stat: &Stat) -> Kind {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Directory,
        FileType::Symlink => Kind::Link,
        _ => Kind::Special,
    }
}

/// Returns the permission bits of a `stat`, setuid, setgid and sticky included.
#[cfg_attr(target_os = "linux", expect(clippy::unnecessary_cast, reason = "narrower elsewhere"))]
pub(super) fn permissions(stat: &Stat) -> u32 {
    stat.st_mode as u32 & 0o7777
}

/// Returns a number whose type differs from platform to platform.
fn count(number: impl Into<u64>) -> u64 {
    number.into()
}

/// Returns the time at which a file was made, if that is known: its inode may have been another file's before.
#[cfg(target_os = "linux")]
fn born(file: &OwnedFd) -> Option<(i64, u32)> {
    use rustix::fs::StatxFlags;
    let found = system::statx(file, "", AtFlags::EMPTY_PATH, StatxFlags::BTIME).ok()?;
    let is_known = found.stx_mask & StatxFlags::BTIME.bits() != 0;
    is_known.then_some((found.stx_btime.tv_sec, found.stx_btime.tv_nsec))
}

#[cfg(not(target_os = "linux"))]
fn born(_file: &OwnedFd) -> Option<(i64, u32)> {
    None
}

/// Returns the number of the device that a file is on.
#[cfg_attr(target_os = "linux", expect(clippy::unnecessary_cast, reason = "signed elsewhere"))]
fn device(stat: &Stat) -> u64 {
    stat.st_dev as u64
}

fn nanoseconds(count: impl TryInto<u32>) -> u32 {
    count.try_into().unwrap_or(0)
}
