//! Attributes beside those of entries: told, and given.

use super::attributed::{Attributed, SET_GROUP_ID, SET_USER_ID, modified, only_wanted};
use super::context::StoreContext;
use super::source::permissions;
use super::{errors, extended, held};
use crate::store::accounts::{Names, accounts};
use crate::store::{Given, StoreResult, system};
use remofile_protocol::limits::MAX_EXTENDED_BYTES;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{
    Account, AttributeSet, Attributes, ErrorCode, ExtendedAttribute, Failure, Kind, Timestamp, extended_bytes,
};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, Gid, Mode, Stat, Timespec, Timestamps, UTIME_OMIT, Uid};
use rustix::io::Errno;

/// Returns the attributes of what a path names.
pub(super) fn attributes(shared: &StoreContext, path: &RemotePath, wanted: AttributeSet) -> StoreResult<Attributes> {
    let target = Attributed::of(shared, path)?;
    let mut told = target.own(wanted);
    let (holds, reads) = (shared.options.holds_attributes, wanted.has(AttributeSet::EXTENDED));
    if target.can_be_opened() && (holds || reads) {
        match target.open() {
            Err(Errno::ACCESS) if !reads => {}
            file => {
                let file = file.map_err(errors::failure)?;
                told.extended = reads.then(|| extended::read(&file)).transpose().map_err(errors::failure)?;
                if holds && let Some(held) = held::read(&file).map_err(errors::failure)? {
                    held::overlay(&mut told, held, target.is_root);
                }
            }
        }
    } else if holds {
        (told.owner, told.group) = target.held_owner(wanted)?.unwrap_or((told.owner, told.group));
    }
    let told = only_wanted(told, wanted);
    match told.extended.as_deref().map_or(0, extended_bytes) {
        bytes if bytes > MAX_EXTENDED_BYTES => {
            let why =
                format!("its extended attributes have {bytes} bytes; those of {MAX_EXTENDED_BYTES} are transferred");
            Err(Failure::new(ErrorCode::OutOfResources).because(why))
        }
        _ => Ok(told),
    }
}

/// Gives attributes to what a path names, if they are of it.
pub(super) fn give(
    shared: &StoreContext,
    path: &RemotePath,
    attributes: &Attributes,
    wanted: AttributeSet,
) -> StoreResult<Given> {
    let target = Attributed::of(shared, path)?;
    if !target.is_meant(attributes) {
        return Ok(Given::default());
    }
    let mut giving = Giving { target: &target, attributes, wanted, given: Given::default() };
    if !target.can_be_opened() {
        if !(shared.options.holds_attributes && giving.has_held_owner()?) {
            giving.give_owner()?;
        }
        giving.set_time()?;
        return Ok(giving.given);
    }
    let (file, former) = target.open_anyhow()?;
    let stat = system::fstat(&file).map_err(errors::failure)?;
    if (stat.st_dev, stat.st_ino) != (target.stat.st_dev, target.stat.st_ino) {
        // Somebody has exchanged it since: this is not what they are of.
        return Ok(Given::default());
    }
    // What is in doubt stays so, though its change is another then.
    shared.carrying_doubt(&target.stat, |_| {
        let mode = if shared.options.holds_attributes { giving.hold(&file) } else { giving.give(&file) };
        if let (Err(_), Some(former)) = (&mode, former) {
            giving.set_mode(&file, former)?;
        }
        giving.set_mode(&file, mode?)?;
        giving.set_time()
    })?;
    if giving.given.is_changed {
        shared.flush_file(&file)?;
    }
    Ok(giving.given)
}

/// Attributes that are being given.
struct Giving<'a> {
    target: &'a Attributed,
    attributes: &'a Attributes,
    wanted: AttributeSet,
    given: Given,
}

impl Giving<'_> {
    /// Holds what nobody on this machine is to have. Returns the mode that is left to set.
    fn hold(&mut self, file: &OwnedFd) -> StoreResult<u32> {
        let Self { target, attributes, .. } = *self;
        let own = permissions(&target.stat);
        let mode = match attributes.mode {
            // Who may enter the root directory is no client's to say.
            Some(mode) if !target.is_root => held::own_mode(mode, target.kind(), own),
            _ => own,
        };
        let former = held::read(file).map_err(errors::failure)?;
        let extended = extended::read(file).map_err(errors::failure)?;
        let held = held::merge(attributes, former.as_ref(), &target.stat, mode, &extended);
        if held == former {
            return Ok(mode);
        }
        match self.writing(file, |file| held::write(file, held.as_ref())) {
            Ok(()) => self.given.is_changed = true,
            Err(errno) if extended::is_refused(errno) => {
                let held = held.unwrap_or_else(|| Attributes::of(target.kind()));
                self.given.refused.owner = held.owner.is_some() || held.group.is_some();
                self.given.refused.set_id = held.mode.is_some();
                self.given.refused.extended = held.extended.is_some();
            }
            Err(errno) => return Err(errors::failure(errno)),
        }
        Ok(mode)
    }

    /// Gives everything but mode and time. Returns the mode that is left to set.
    fn give(&mut self, file: &OwnedFd) -> StoreResult<u32> {
        if let Some((owner, group)) = self.other_owner() {
            // A user who is not root may give a file to another of its own groups.
            let (user, group) = (owner.map(Uid::from_raw), group.map(Gid::from_raw));
            self.note_owner(match system::fchown(file, user, group) {
                Err(errno) if user.is_some() && group.is_some() => system::fchown(file, None, group).and(Err(errno)),
                changed => changed,
            })?;
        }
        if self.wanted.has(AttributeSet::EXTENDED)
            && let Some(wanted) = &self.attributes.extended
        {
            self.set_extended(file, wanted)?;
        }
        let stat = system::fstat(file).map_err(errors::failure)?;
        Ok(match self.attributes.mode.filter(|_| self.wanted.has(AttributeSet::TIMES_AND_MODES)) {
            Some(mode) => self.worthy(mode, &stat),
            None => permissions(&self.target.stat),
        })
    }

    /// Returns a mode without the bits that would give its user's rights to others than at its source.
    fn worthy(&mut self, mode: u32, stat: &Stat) -> u32 {
        if self.attributes.kind != Kind::File {
            return mode & 0o7777;
        }
        let (owner, group) = (self.id_of_owner(), self.id_of_group());
        let lost_user = if owner == Some(stat.st_uid) { 0 } else { SET_USER_ID };
        let lost_group = if group == Some(stat.st_gid) { 0 } else { SET_GROUP_ID };
        self.given.refused.set_id |= mode & (lost_user | lost_group) != 0;
        mode & 0o7777 & !(lost_user | lost_group)
    }

    fn set_extended(&mut self, file: &OwnedFd, wanted: &[ExtendedAttribute]) -> StoreResult<()> {
        let present = extended::read(file).map_err(errors::failure)?;
        let is_wanted = |name: &str| wanted.iter().any(|one| one.name == name);
        let gone = present.iter().filter(|one| !is_wanted(&one.name)).map(|one| (one.name.as_str(), None));
        let new = wanted.iter().filter(|one| extended::is_transferred(&one.name) && !present.contains(one));
        for (name, value) in gone.chain(new.map(|one| (one.name.as_str(), Some(one.value.as_slice())))) {
            match self.writing(file, |file| extended::set(file, name, value)) {
                Ok(()) => self.given.is_changed = true,
                Err(errno) if extended::is_refused(errno) => self.given.refused.extended = true,
                Err(errno) => return Err(errors::failure(errno)),
            }
        }
        Ok(())
    }

    /// Makes a change that needs the right to write the file, which its user can take for a moment.
    fn writing(&self, file: &OwnedFd, change: impl Fn(&OwnedFd) -> Result<(), Errno>) -> Result<(), Errno> {
        match change(file) {
            Err(Errno::ACCESS) => {}
            changed => return changed,
        }
        let mode = permissions(&system::fstat(file)?);
        system::fchmod(file, Mode::from_raw_mode((mode | 0o200) as _))?;
        let changed = change(file);
        system::fchmod(file, Mode::from_raw_mode(mode as _))?;
        changed
    }

    fn set_mode(&mut self, file: &OwnedFd, mode: u32) -> StoreResult<()> {
        let now = permissions(&system::fstat(file).map_err(errors::failure)?);
        if now != mode {
            system::fchmod(file, Mode::from_raw_mode(mode as _)).map_err(errors::failure)?;
        }
        self.given.is_changed |= permissions(&self.target.stat) != mode;
        Ok(())
    }

    /// Sets the time of what is no regular file: that has it already.
    fn set_time(&mut self) -> StoreResult<()> {
        let Self { target, attributes, .. } = *self;
        let wanted = attributes.modified.filter(|_| self.wanted.has(AttributeSet::TIMES_AND_MODES));
        let Some(time) = wanted.filter(|time| target.kind() != Kind::File && *time != modified(&target.stat)) else {
            return Ok(());
        };
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        system::utimensat(&target.directory, target.name.as_slice(), &times(time), flags).map_err(errors::failure)?;
        self.given.is_changed = true;
        Ok(())
    }

    /// Reports whether a link or special file is told to have its owner and group already.
    fn has_held_owner(&self) -> StoreResult<bool> {
        let Some((owner, group)) = self.target.held_owner(AttributeSet::ALL)? else { return Ok(false) };
        let is_same = |wanted: &Option<Account>, held: &Option<Account>| match (wanted, held) {
            (Some(wanted), Some(held)) if wanted.name.is_none() => wanted.id == held.id,
            (Some(_), _) => wanted == held,
            (None, _) => true,
        };
        Ok(is_same(&self.attributes.owner, &owner) && is_same(&self.attributes.group, &group))
    }

    /// Gives owner and group to a link or special file, which is not opened for it.
    fn give_owner(&mut self) -> StoreResult<()> {
        if let Some((owner, group)) = self.other_owner() {
            let (directory, name) = (self.target.directory.as_fd(), self.target.name.as_slice());
            let (user, group) = (owner.map(Uid::from_raw), group.map(Gid::from_raw));
            self.note_owner(system::chownat(directory, name, user, group, AtFlags::SYMLINK_NOFOLLOW))?;
        }
        Ok(())
    }

    /// Returns owner and group that it does not have and is to have.
    fn other_owner(&self) -> Option<(Option<u32>, Option<u32>)> {
        let stat = &self.target.stat;
        let owner = self.id_of_owner().filter(|owner| *owner != stat.st_uid);
        let group = self.id_of_group().filter(|group| *group != stat.st_gid);
        (self.wanted.has(AttributeSet::OWNER) && (owner.is_some() || group.is_some())).then_some((owner, group))
    }

    fn note_owner(&mut self, changed: Result<(), Errno>) -> StoreResult<()> {
        match changed {
            Ok(()) => self.given.is_changed = true,
            Err(Errno::PERM | Errno::INVAL | Errno::OPNOTSUPP) => self.given.refused.owner = true,
            Err(errno) => return Err(errors::failure(errno)),
        }
        Ok(())
    }

    fn id_of_owner(&self) -> Option<u32> {
        self.attributes.owner.as_ref().map(|owner| self.id(owner, &accounts().users))
    }

    fn id_of_group(&self) -> Option<u32> {
        self.attributes.group.as_ref().map(|group| self.id(group, &accounts().groups))
    }

    /// Returns the number that an account has here.
    fn id(&self, account: &Account, names: &Names) -> u32 {
        let name = account.name.as_deref().filter(|_| !self.wanted.has(AttributeSet::NUMERIC));
        name.and_then(|name| names.id(name)).unwrap_or(account.id)
    }
}

fn times(modified: Timestamp) -> Timestamps {
    Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT as _ },
        last_modification: Timespec { tv_sec: modified.seconds(), tv_nsec: modified.nanoseconds().into() },
    }
}
