//! Attributes that a server holds for its clients: what they gave it, and no user of its machine gets.
//!
//! They are an extended attribute of the file itself, so that they go where it goes and vanish with it, and need no right but to
//! write the file.

use super::context::StoreContext;
use super::{errors, extended, resolve};
use crate::store::StoreResult;
use crate::store::accounts::accounts;
use minicbor::Decoder;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Account, Attributes, ExtendedAttribute, Kind};
use rustix::fd::AsFd;
use rustix::fs::Stat;
use rustix::io::Errno;

/// The name of the extended attribute.
const NAME: &str = "user.remofile.attributes";

/// The bits of a mode that nothing gets which it is held for.
const HELD_BITS: u32 = 0o7000;

/// Returns the mode that a file or directory gets itself. Whoever serves it may read and write it on, whoever else may not: what it
/// was given is held then.
pub(super) fn own_mode(given: u32, kind: Kind, now: u32) -> u32 {
    let needed = if kind == Kind::Directory { 0o700 } else { 0o600 };
    now & HELD_BITS | given & 0o777 | needed
}

/// Returns what is held for a file or directory; `None` if nothing is, or nothing that makes sense.
pub(super) fn read(file: impl AsFd + Copy) -> Result<Option<Attributes>, Errno> {
    let bytes = match extended::get(file, NAME) {
        Err(Errno::OPNOTSUPP) => None,
        bytes => bytes?,
    };
    Ok(bytes.and_then(|bytes| Decoder::new(&bytes).decode().ok()))
}

/// Writes what is held; what is not different from the file's own attributes need not be.
pub(super) fn write(file: impl AsFd + Copy, held: Option<&Attributes>) -> Result<(), Errno> {
    let bytes = held.map(minicbor::to_vec).transpose().map_err(|_| Errno::INVAL)?;
    extended::set(file, NAME, bytes.as_deref())
}

/// Has an open file or directory hold what is held for another one.
pub(super) fn copy(from: impl AsFd + Copy, to: impl AsFd + Copy) -> Result<(), Errno> {
    match extended::get(from, NAME) {
        Ok(Some(bytes)) => extended::set(to, NAME, Some(&bytes)),
        Ok(None) | Err(Errno::OPNOTSUPP) => Ok(()),
        Err(errno) => Err(errno),
    }
}

/// Has a directory hold what is held for another one.
pub(super) fn copy_directory(shared: &StoreContext, from: &RemotePath, to: &RemotePath) -> StoreResult<()> {
    let open = |path: &RemotePath| {
        let (place, name) = resolve::parent(shared.jail()?, path)?;
        resolve::open_one(place.directory.as_fd(), name.bytes(), resolve::READABLE).map_err(errors::failure)
    };
    copy(&open(from)?, &open(to)?).map_err(errors::failure)
}

/// Returns what is to be held for a file or directory that has these attributes of its own, when it is given others.
/// `former` is what is held already, and goes on being so where nothing else is given; `own_mode` is the mode that it gets.
pub(super) fn merge(
    given: &Attributes,
    former: Option<&Attributes>,
    stat: &Stat,
    own_mode: u32,
    own_extended: &[ExtendedAttribute],
) -> Option<Attributes> {
    let of_former = |field: fn(&Attributes) -> &Option<Account>| former.and_then(|former| field(former).clone());
    let users = accounts();
    let mode = given
        .mode
        .map_or_else(|| former.and_then(|former| former.mode), |mode| Some(mode).filter(|mode| *mode != own_mode));
    let owner = given.owner.clone().or_else(|| of_former(|held| &held.owner));
    let group = given.group.clone().or_else(|| of_former(|held| &held.group));
    let extended = given.extended.clone().or_else(|| former.and_then(|former| former.extended.clone()));
    let held = Attributes {
        mode,
        owner: owner.filter(|owner| *owner != account(stat.st_uid, users.users.name(stat.st_uid), owner)),
        group: group.filter(|group| *group != account(stat.st_gid, users.groups.name(stat.st_gid), group)),
        extended: extended.filter(|extended| extended != own_extended),
        ..Attributes::of(given.kind)
    };
    let is_any = held.mode.is_some() || held.owner.is_some() || held.group.is_some() || held.extended.is_some();
    is_any.then_some(held)
}

/// Puts what is held in the place of what the file has of its own.
pub(super) fn overlay(told: &mut Attributes, held: Attributes, is_root: bool) {
    // Whoever changed the permissions of the file itself since then meant that. Those of the root directory never become what
    // is given.
    let is_as_given = |mode: u32| is_root || told.mode.is_none_or(|own| own_mode(mode, told.kind, own) == own);
    told.mode = held.mode.filter(|mode| is_as_given(*mode)).or(told.mode);
    told.owner = held.owner.or(told.owner.take());
    told.group = held.group.or(told.group.take());
    told.extended = held.extended.or(told.extended.take());
}

/// Returns an account with its name, or without one where the other has none, so that the two can be compared.
fn account(id: u32, name: Option<&str>, other: &Account) -> Account {
    Account { id, name: name.filter(|_| other.name.is_some()).map(str::to_owned) }
}
