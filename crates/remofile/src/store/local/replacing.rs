//! Replacing a file only if it is a certain version.
//!
//! A look followed by a rename loses what another program writes in between. Where the file system can exchange two
//! names, the new file and the old are exchanged, the old one is looked at where nobody else writes, and goes back if
//! it is not what it was.

use super::context::StoreContext;
use super::discard::discard;
use super::source::{Version, kind_of};
use super::{errors, resolve};
use crate::store::StoreResult;
use crate::store::system;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{self, ErrorCode, Failure, Kind};
use rustix::fd::BorrowedFd;
use rustix::fs::{AtFlags, RenameFlags, Stat};
use rustix::io::Errno;

/// A name in an open directory.
#[derive(Clone, Copy)]
pub(super) struct Named<'a> {
    pub(super) directory: BorrowedFd<'a>,
    pub(super) name: &'a [u8],
}

/// A place that a file takes.
pub(super) struct Place<'a> {
    pub(super) shared: &'a StoreContext,
    pub(super) at: Named<'a>,
    /// The same from the root on.
    pub(super) path: &'a RemotePath,
}

/// Gives a file the name of another, if what that leads to is the expected version; the old file is gone then.
///
/// # Errors
/// `source-changed` if it is not: then everything is as it was.
pub(super) fn replace_version(new: Named<'_>, place: &Place<'_>, expected: wire::Version) -> StoreResult<()> {
    replace_between(new, place, expected, || {})
}

/// Replaces a file if it is the expected version; `between` is called between the look and the exchange.
fn replace_between(
    new: Named<'_>,
    place: &Place<'_>,
    expected: wire::Version,
    between: impl FnOnce(),
) -> StoreResult<()> {
    let own = new.stat().map_err(errors::failure)?;
    let seen = place.look(expected)?;
    between();
    match exchange(new, place.at) {
        Ok(()) => {}
        Err(Errno::NOENT) => return Err(changed()),
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => return replace_seen(new, place, expected),
        Err(errno) => return Err(errors::naming_failure(errno)),
    }
    let old = new.stat().map_err(errors::failure)?;
    if is_untouched(&seen, &old) {
        discard(new.directory, new.name);
        return Ok(());
    }
    put_back(new, place.at, &own, &old)?;
    Err(changed())
}

/// Replaces a file where names cannot be exchanged: by a look, then a rename.
fn replace_seen(new: Named<'_>, place: &Place<'_>, expected: wire::Version) -> StoreResult<()> {
    place.look(expected)?;
    system::renameat(new.directory, new.name, place.at.directory, place.at.name).map_err(errors::naming_failure)
}

/// Undoes an exchange. A file that others put into the place meanwhile stays there.
fn put_back(new: Named<'_>, at: Named<'_>, own: &Stat, old: &Stat) -> StoreResult<()> {
    for _ in 0..2 {
        match exchange(new, at) {
            Ok(()) => {}
            Err(Errno::NOENT) => {
                // Another program removed the new file, meaning the old one: that gets its name back unless the name
                // is taken.
                let there =
                    system::renameat_with(new.directory, new.name, at.directory, at.name, RenameFlags::NOREPLACE);
                return there.map_err(errors::failure);
            }
            Err(errno) => return Err(errors::failure(errno)),
        }
        let out = new.stat().map_err(errors::failure)?;
        if is_same_file(&out, own) {
            return new.unlink().map_err(errors::failure);
        }
        if is_same_file(&out, old) {
            // Another file had taken the place since the exchange, and stays there: the old one was replaced by it.
            return new.unlink().map_err(errors::failure);
        }
    }
    Ok(())
}

impl Named<'_> {
    fn stat(&self) -> Result<Stat, Errno> {
        system::statat(self.directory, self.name, AtFlags::SYMLINK_NOFOLLOW)
    }

    fn unlink(&self) -> Result<(), Errno> {
        system::unlinkat(self.directory, self.name, AtFlags::empty())
    }
}

impl Place<'_> {
    /// Returns the state of the file at the place, if it is the expected version. A link stands for what it leads to.
    fn look(&self, expected: wire::Version) -> StoreResult<Stat> {
        let itself = match self.at.stat() {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return Err(changed()),
            Err(errno) => return Err(errors::failure(errno)),
        };
        let version = match kind_of(&itself) {
            Kind::Directory => return Err(errors::directory_in_the_way()),
            Kind::Link => resolve::stat_target(self.shared.jail()?, self.path).map(|stat| Version::of(&stat)),
            Kind::File | Kind::Special => Ok(Version::of(&itself)),
        };
        match version {
            Ok(version) if version.number() == expected => Ok(itself),
            _ => Err(changed()),
        }
    }
}

fn exchange(one: Named<'_>, other: Named<'_>) -> Result<(), Errno> {
    system::renameat_with(one.directory, one.name, other.directory, other.name, RenameFlags::EXCHANGE)
}

/// Reports whether a file is what it was before an exchange. The exchange itself changes its time of last change,
/// so that is not compared.
fn is_untouched(before: &Stat, after: &Stat) -> bool {
    let of = |stat: &Stat| (stat.st_size, stat.st_mtime, stat.st_mtime_nsec);
    is_same_file(before, after) && of(before) == of(after)
}

fn is_same_file(one: &Stat, other: &Stat) -> bool {
    (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)
}

fn changed() -> Failure {
    Failure::new(ErrorCode::SourceChanged).because("another program changed the file that it was to replace")
}

#[cfg(all(test, target_os = "linux"))]
#[expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "the tests do what others do to a directory")]
mod tests {
    use super::*;
    use crate::store::{LocalStore, ReadStore, StoreOptions};
    use rustix::fd::AsFd;
    use rustix::fs::{CWD, Mode, OFlags};
    use std::path::Path;

    /// Replaces `f` by `new`, with something done between look and exchange.
    fn replace(root: &Path, between: impl FnOnce()) -> Option<ErrorCode> {
        std::fs::write(root.join("new"), "new").unwrap();
        let store = LocalStore::open(root, StoreOptions::default()).unwrap();
        let directory = rustix::fs::openat(CWD, root, OFlags::DIRECTORY, Mode::empty()).unwrap();
        let path = RemotePath::parse("/f").unwrap();
        let version = store.open(&path).unwrap().version();
        let at = |name: &'static str| Named { directory: directory.as_fd(), name: name.as_bytes() };
        let place = Place { shared: &store.shared, at: at("f"), path: &path };
        replace_between(at("new"), &place, version, between).err().map(|failure| failure.code)
    }

    fn tree(root: &Path) -> Vec<(String, String)> {
        let read = |entry: std::io::Result<std::fs::DirEntry>| {
            let entry = entry.unwrap();
            (entry.file_name().into_string().unwrap(), std::fs::read_to_string(entry.path()).unwrap_or_default())
        };
        let mut found: Vec<_> = std::fs::read_dir(root).unwrap().map(read).collect();
        found.sort();
        found
    }

    fn only(content: &str) -> Vec<(String, String)> {
        vec![("f".to_owned(), content.to_owned())]
    }

    #[test]
    fn the_expected_version_is_replaced_and_gone() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("f"), "old").unwrap();
        assert_eq!(replace(root.path(), || {}), None);
        assert_eq!(tree(root.path()), only("new"));
    }

    #[test]
    fn what_other_programs_write_between_the_look_and_the_rename_is_not_lost() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("f");
        let longer = || std::fs::write(&file, "theirs").unwrap();
        let by_rename = || {
            std::fs::write(root.path().join("g"), "theirs").unwrap();
            std::fs::rename(root.path().join("g"), &file).unwrap();
        };
        let ways: [&dyn Fn(); 2] = [&longer, &by_rename];
        for way in ways {
            std::fs::write(&file, "old").unwrap();
            assert_eq!(replace(root.path(), way), Some(ErrorCode::SourceChanged));
            assert!(tree(root.path()).contains(&("f".to_owned(), "theirs".to_owned())), "{:?}", tree(root.path()));
        }
        let removed = || std::fs::remove_file(&file).unwrap();
        assert_eq!(replace(root.path(), removed), Some(ErrorCode::SourceChanged));
        assert!(!file.exists());
    }

    #[test]
    fn a_link_stands_for_what_it_leads_to() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("target"), "old").unwrap();
        std::os::unix::fs::symlink("target", root.path().join("f")).unwrap();
        let write = || std::fs::write(root.path().join("target"), "theirs").unwrap();
        assert_eq!(replace(root.path(), || {}), None);
        assert_eq!(std::fs::read_to_string(root.path().join("target")).unwrap(), "old");
        std::fs::remove_file(root.path().join("f")).unwrap();
        std::os::unix::fs::symlink("target", root.path().join("f")).unwrap();
        let other = || {
            std::fs::remove_file(root.path().join("f")).unwrap();
            std::fs::write(root.path().join("f"), "theirs").unwrap();
        };
        assert_eq!(replace(root.path(), other), Some(ErrorCode::SourceChanged));
        assert_eq!(std::fs::read_to_string(root.path().join("f")).unwrap(), "theirs");
        write();
    }
}
