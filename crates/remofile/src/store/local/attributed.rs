//! Something whose attributes are told or given: what a path names, a link as what it is.

use super::context::StoreContext;
use super::source::{kind_of, permissions};
use super::{attributes, errors, held, resolve};
use crate::store::accounts::{Names, accounts};
use crate::store::{StoreResult, system};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Account, AttributeSet, Attributes, Kind, Timestamp};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, OFlags, Stat};
use rustix::io::Errno;

pub(super) const SET_USER_ID: u32 = 0o4000;
pub(super) const SET_GROUP_ID: u32 = 0o2000;

/// Something that has attributes.
pub(super) struct Attributed {
    pub(super) directory: OwnedFd,
    /// The name on the disk, in that; `.` of the root directory.
    pub(super) name: Vec<u8>,
    pub(super) is_root: bool,
    pub(super) stat: Stat,
}

impl Attributed {
    pub(super) fn of(shared: &StoreContext, path: &RemotePath) -> StoreResult<Self> {
        let (directory, name) = if path.is_root() {
            (resolve::directory(shared.jail()?, path)?.directory, b".".to_vec())
        } else {
            let (place, name) = resolve::parent(shared.jail()?, path)?;
            (place.directory, name.bytes().to_vec())
        };
        let stat = system::statat(&directory, name.as_slice(), AtFlags::SYMLINK_NOFOLLOW).map_err(errors::failure)?;
        Ok(Self { directory, name, is_root: path.is_root(), stat })
    }

    pub(super) fn kind(&self) -> Kind {
        kind_of(&self.stat)
    }

    /// Reports whether it can be opened without doing something.
    pub(super) fn can_be_opened(&self) -> bool {
        matches!(self.kind(), Kind::File | Kind::Directory)
    }

    pub(super) fn open(&self) -> Result<OwnedFd, Errno> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
        resolve::open_one(self.directory.as_fd(), &self.name, flags)
    }

    /// Opens it, be it by giving its user the right to. Returns the mode that it had then.
    pub(super) fn open_anyhow(&self) -> StoreResult<(OwnedFd, Option<u32>)> {
        match self.open() {
            Err(Errno::ACCESS) if !self.is_root => {}
            file => return Ok((file.map_err(errors::failure)?, None)),
        }
        let former = permissions(&self.stat);
        let needed = if self.kind() == Kind::Directory { 0o700 } else { 0o600 };
        attributes::set_mode_unread(self.directory.as_fd(), &self.name, former & 0o777 | needed)?;
        Ok((self.open().map_err(errors::failure)?, Some(former)))
    }

    /// Returns what its own state tells of it: everything but extended attributes.
    pub(super) fn own(&self, wanted: AttributeSet) -> Attributes {
        let (stat, kind) = (&self.stat, self.kind());
        Attributes {
            size: (kind == Kind::File).then(|| u64::try_from(stat.st_size).unwrap_or(0)),
            modified: Some(modified(stat)),
            mode: (kind != Kind::Link).then(|| permissions(stat)),
            owner: Some(account(stat.st_uid, &accounts().users, wanted)),
            group: Some(account(stat.st_gid, &accounts().groups, wanted)),
            ..Attributes::of(kind)
        }
    }

    /// Returns owner and group that are held for something for which nothing can be held: those of its directory, if it
    /// belongs to the user of this process, who could not give it away.
    pub(super) fn held_owner(&self, wanted: AttributeSet) -> StoreResult<Option<(Option<Account>, Option<Account>)>> {
        let user = rustix::process::geteuid();
        if user.is_root() || self.stat.st_uid != user.as_raw() {
            return Ok(None);
        }
        let above = resolve::open_one(self.directory.as_fd(), b".", resolve::READABLE).map_err(errors::failure)?;
        let stat = system::fstat(&above).map_err(errors::failure)?;
        let Some(held) = held::read(&above).map_err(errors::failure)? else { return Ok(None) };
        let owner = held.owner.unwrap_or_else(|| account(stat.st_uid, &accounts().users, wanted));
        let group = held.group.unwrap_or_else(|| account(stat.st_gid, &accounts().groups, wanted));
        Ok(Some((Some(owner), Some(group))))
    }

    /// Reports whether attributes are of this: of something of its kind, and of a file of its size and time.
    pub(super) fn is_meant(&self, attributes: &Attributes) -> bool {
        let is_same_file = || {
            attributes.size.is_none_or(|size| u64::try_from(self.stat.st_size) == Ok(size))
                && attributes.modified.is_none_or(|time| is_same_time(time, modified(&self.stat)))
        };
        self.kind() == attributes.kind && (self.kind() != Kind::File || is_same_file())
    }
}

/// Removes what nobody asked for. What set-user-ID and set-group-ID bits of a file are worth depends on its owner and group.
pub(super) fn only_wanted(told: Attributes, wanted: AttributeSet) -> Attributes {
    let is_set_id = told.kind == Kind::File && told.mode.is_some_and(|mode| mode & (SET_USER_ID | SET_GROUP_ID) != 0);
    let has_owner = wanted.has(AttributeSet::OWNER) || is_set_id;
    Attributes {
        owner: told.owner.filter(|_| has_owner),
        group: told.group.filter(|_| has_owner),
        extended: told.extended.filter(|_| wanted.has(AttributeSet::EXTENDED)),
        ..told
    }
}

/// Returns the time of last modification of a `stat`.
pub(super) fn modified(stat: &Stat) -> Timestamp {
    Timestamp::new(stat.st_mtime, u32::try_from(stat.st_mtime_nsec).unwrap_or(0))
}

/// Reports whether a file has the time of its source, as far as its file system keeps times.
fn is_same_time(source: Timestamp, here: Timestamp) -> bool {
    source == here || (here.nanoseconds() == 0 && source.seconds() == here.seconds())
}

fn account(id: u32, names: &Names, wanted: AttributeSet) -> Account {
    let name = names.name(id).filter(|_| !wanted.has(AttributeSet::NUMERIC));
    Account { id, name: name.map(str::to_owned) }
}
