//! Symbolic links: reading their targets, and making new ones.

use super::context::StoreContext;
use super::discard::discard;
use super::disk_name::DiskName;
use super::jail::{Bounds, Jail};
use super::remove::kind_at;
use super::resolve::{self, LinkPlace};
use super::stage::LocalDirectory;
use super::{alias, errors};
use crate::store::system;
use crate::store::{StoreResult, target};
use remofile_protocol::path::{RemotePath, decode, encode_target};
use remofile_protocol::wire::{ErrorCode, Failure, Kind};
use rustix::fd::{AsFd, BorrowedFd};
use rustix::io::Errno;
use std::borrow::Cow;
use std::sync::Arc;

/// Returns the target of a link.
pub(super) fn read(shared: &StoreContext, path: &RemotePath) -> StoreResult<String> {
    let (place, name) = resolve::parent(shared.jail()?, path)?;
    let target = match system::readlinkat(&place.directory, name.bytes()) {
        Ok(target) => target.into_bytes(),
        Err(Errno::INVAL) => return Err(Failure::new(ErrorCode::BadRequest).because("it is not a symbolic link")),
        Err(errno) => return Err(errors::failure(errno)),
    };
    if shared.options.encoding.is_some() {
        return Ok(encode_target(&target).into_owned());
    }
    let unspeakable = "the target of the symbolic link is no UTF-8, or has control characters";
    match String::from_utf8(target) {
        Ok(target) if !target.chars().any(char::is_control) => Ok(target),
        _ => Err(Failure::new(ErrorCode::Other).because(unspeakable)),
    }
}

/// Makes a link, atomically. With `leads_anywhere` its target may be outside of the root: it is kept, and never followed
/// there.
pub(super) fn make(
    shared: &Arc<StoreContext>,
    path: &RemotePath,
    target: &str,
    leads_anywhere: bool,
    replace: bool,
) -> StoreResult<()> {
    target::refuse_malformed(target)?;
    let bytes = target_on_disk(shared, target)?;
    let LinkPlace { place, name, names, root, bounds } = resolve::link_place(shared.jail()?, path)?;
    shared.refuse_forbidden(&name)?;
    place.refuse_to_become_staging(&name)?;
    if !leads_anywhere {
        refuse_leading_out(root.as_ref().map(AsFd::as_fd), bounds, &names, target)?;
    }
    let (parent, _) = path.split()?;
    let directory = place.directory.as_fd();
    match system::symlinkat(&*bytes, directory, name.bytes()) {
        Ok(()) => {}
        Err(Errno::EXIST) => take_the_place(shared, &parent, directory, &name, &bytes, replace)?,
        Err(errno) => return Err(errors::failure(errno)),
    }
    shared.flush_directory(directory)
}

/// Returns what a target is on the disk. What nothing encodes to is refused: it could hold dots and slashes unseen.
fn target_on_disk<'a>(shared: &StoreContext, target: &'a str) -> StoreResult<Cow<'a, [u8]>> {
    if shared.options.encoding.is_none() {
        return Ok(Cow::Borrowed(target.as_bytes()));
    }
    let bytes = decode(target);
    match encode_target(&bytes) == target && !bytes.contains(&0) {
        true => Ok(bytes),
        false => {
            Err(Failure::new(ErrorCode::InvalidName)
                .because("the target of the symbolic link is not encoded as names are"))
        }
    }
}

/// Refuses to give a link a place from which it leads out, unless it does that already.
pub(super) fn refuse_to_lead_out_from(
    jail: Jail<'_>,
    source: &RemotePath,
    destination: &RemotePath,
) -> StoreResult<()> {
    let there = resolve::link_place(jail, destination)?;
    let here = resolve::link_place(jail, source)?;
    let target = system::readlinkat(&here.place.directory, here.name.bytes());
    // A target that is no text was not made by this store.
    let Some(target) = target.ok().and_then(|target| target.into_string().ok()) else { return Ok(()) };
    let leads_out = |LinkPlace { root, bounds, names, .. }: &LinkPlace| {
        refuse_leading_out(root.as_ref().map(AsFd::as_fd), *bounds, names, &target)
    };
    leads_out(&there).or_else(|failure| if leads_out(&here).is_ok() { Err(failure) } else { Ok(()) })
}

/// Makes a link whose name is taken. It never replaces a directory, and anything else only with `replace`.
fn take_the_place(
    shared: &Arc<StoreContext>,
    parent: &RemotePath,
    directory: BorrowedFd<'_>,
    name: &DiskName,
    target: &[u8],
    replace: bool,
) -> StoreResult<()> {
    if kind_at(directory, name).is_ok_and(|kind| kind == Kind::Directory) {
        return Err(errors::directory_in_the_way());
    }
    if !replace {
        return Err(ErrorCode::AlreadyExists.into());
    }
    // A link cannot be changed in place: a new one is made under a temporary name and renamed over it.
    let handle = LocalDirectory::open(shared, parent)?.handle;
    let made = handle.make_guarded(|directory, temporary| system::symlinkat(target, directory, temporary));
    let made = made.map_err(errors::failure)?;
    let from = made.directory(&handle);
    let renamed = system::renameat(from, &made.name, directory, name.bytes());
    if renamed.is_err() {
        discard(from, &made.name);
    }
    renamed.map_err(errors::naming_failure)
}

fn refuse_leading_out(root: Option<BorrowedFd<'_>>, bounds: Bounds, names: &[u8], target: &str) -> StoreResult<()> {
    let is_staging = |name: &[u8]| root.is_some_and(|root| alias::is_staging(root, name));
    target::refuse_leading_out(&is_staging, bounds == Bounds::Scope, names, target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_counted_from_the_directory_of_the_link() {
        let root = tempfile::tempdir().unwrap();
        let root = rustix::fs::open(root.path(), resolve::READABLE, rustix::fs::Mode::empty()).unwrap();
        for (names, target, is_inside) in [
            ("", "a", true),
            ("", "./a//b/", true),
            ("", "a/../b", false),
            ("a/b", "../c/../d", false),
            ("a/b", "..//./../c/d", true),
            ("", "..", false),
            ("", "a/../../b", false),
            ("", "/a", false),
            ("", ".remofile", false),
            ("", "a/../.remofile/x", false),
            ("a/b", "../..", true),
            ("a/b", "../../..", false),
            ("a/b", "../../.remofile", false),
            ("a/b", ".remofile", true),
            ("a/b", "../.remofile", true),
        ] {
            let refused = refuse_leading_out(Some(root.as_fd()), Bounds::Root, names.as_bytes(), target);
            assert_eq!(refused.is_ok(), is_inside, "{names} {target}");
        }
    }

    #[test]
    fn a_target_that_hides_dots_in_its_encoding_is_refused() {
        use crate::store::{LocalStore, PosixStore, StoreOptions};
        use remofile_protocol::path::NameRule;
        let root = tempfile::tempdir().unwrap();
        let options = StoreOptions { encoding: Some(NameRule::Posix), ..StoreOptions::default() };
        let store = LocalStore::open(root.path(), options).unwrap();
        let path = "/link".parse().unwrap();
        for target in ["‛2E‛2E/x", "..‛2Fx", "‛2Fetc", "a‛00"] {
            assert_eq!(store.make_link(&path, target, false).unwrap_err().code, ErrorCode::InvalidName, "{target}");
            assert_eq!(store.keep_link(&path, target, false).unwrap_err().code, ErrorCode::InvalidName, "{target}");
        }
        store.make_link(&path, "caf‛E9", false).unwrap();
        assert_eq!(rustix::fs::readlink(root.path().join("link"), Vec::new()).unwrap().as_bytes(), b"caf\xe9");
    }
}
