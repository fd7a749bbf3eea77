//! The removal of files that unfinished transfers left long ago.

use super::context::StoreContext;
use super::info;
use super::names::{Names, PartialNames, is_temporary};
use super::source::permissions;
use super::staging::{self, Guard, is_still_named, lock};
use super::{errors, file_system, partial, resolve};
use crate::store::StoreResult;
use crate::store::system;
use rustix::fd::BorrowedFd;
use rustix::fs::{AtFlags, FileType, OFlags, Stat};
use rustix::io::Errno;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Time for which a file is kept where another machine may be writing it unseen: it is written to all the time, or gone.
const USELESS_UNSEEN: Duration = Duration::from_secs(60 * 60);

/// Removes the files in the staging directory that no process is writing, if they are older than `older_than`, or if
/// nobody can go on with them: what a process that is gone left of a small file, or of one that replaced another. Returns
/// the number removed, companions of partials not counted.
pub(super) fn expire(shared: &Arc<StoreContext>, older_than: Duration) -> StoreResult<u64> {
    let Some(staging) = staging::find(shared)? else {
        return Ok(0);
    };
    // While somebody else shares the guard, there are files of the living without locks.
    let guard = Guard::alone(staging.directory());
    let useless_after = if file_system::may_hide_locks(staging.directory()) { USELESS_UNSEEN } else { Duration::ZERO };
    let expiry = Expiry { staging: staging.directory(), older_than, useless_after, is_alone: guard.is_some() };
    let names = Names::read(staging.directory())?;
    let (mut removed, mut failed) = (0, Ok(()));
    for (name, _) in (0..).map_while(|index| names.at(index)) {
        match expiry.of(name) {
            Ok(is_removed) => removed += u64::from(is_removed),
            Err(Errno::NOENT) => {}
            Err(errno) => failed = Err(errors::failure(errno)),
        }
    }
    failed.map(|()| removed)
}

struct Expiry<'a> {
    staging: BorrowedFd<'a>,
    older_than: Duration,
    /// Time for which what nobody can go on with is kept all the same.
    useless_after: Duration,
    /// True if whoever makes files that cannot be locked waits until this is over.
    is_alone: bool,
}

impl Expiry<'_> {
    /// Removes a file if it is time. Returns true if it is gone.
    fn of(&self, name: &[u8]) -> Result<bool, Errno> {
        let staging = self.staging;
        if let Some(names) = PartialNames::from_info(name) {
            return expire_info(staging, &names).map(|()| false);
        }
        let stat = system::statat(staging, name, AtFlags::SYMLINK_NOFOLLOW)?;
        let file_type = FileType::from_raw_mode(stat.st_mode);
        // The time of the last change of any kind: the time of modification may be the source's already.
        let age = age(stat.st_ctime);
        let is_old = age >= self.older_than;
        let is_useless = || Ok(age >= self.useless_after && self.is_useless(name)?);
        if file_type == FileType::Directory || !(is_old || is_useless()?) {
            if age >= self.useless_after {
                keep_writable(staging, name, &stat);
            }
            return Ok(false);
        }
        let remove = || system::unlinkat(staging, name, AtFlags::empty()).map(|()| true);
        if file_type != FileType::RegularFile {
            return remove();
        }
        let file = match resolve::open_one(staging, name, OFlags::RDONLY | OFlags::NONBLOCK) {
            // What may not be read cannot be locked.
            Err(Errno::ACCESS) => return if is_old { remove() } else { Ok(false) },
            opened => opened?,
        };
        let is_unused = match lock(&file) {
            Ok(is_unused) => is_unused,
            // Without locks only its age tells that nobody writes it.
            Err(_) => is_old,
        };
        // Somebody may have finished it before it was locked, and begun another, or gone on with it.
        if !is_unused || !is_still_named(staging, name, &system::fstat(&file)?)? || !(is_old || is_useless()?) {
            return Ok(false);
        }
        match PartialNames::from_bytes(name) {
            Some(names) => partial::remove_files(staging, &names).map(|()| true),
            None => remove(),
        }
    }

    /// Reports whether no later attempt can go on with a file, provided that nobody is writing it.
    fn is_useless(&self, name: &[u8]) -> Result<bool, Errno> {
        match PartialNames::from_bytes(name) {
            Some(names) => Ok(info::read(self.staging, &names)?.is_none()),
            None => Ok(self.is_alone && std::str::from_utf8(name).is_ok_and(is_temporary)),
        }
    }
}

/// Gives a partial its mode back that has the one of a complete file, as one has whose process died just before it got its
/// name: it can then be gone on with.
fn keep_writable(staging: BorrowedFd<'_>, name: &[u8], stat: &Stat) {
    if let Some(names) = PartialNames::from_bytes(name)
        && permissions(stat) & 0o600 != 0o600
        && let Err(errno) = staging::make_writable(staging, &names.bytes)
    {
        tracing::warn!(name = names.bytes, %errno, "a partial that may not be written cannot be gone on with");
    }
}

/// Removes a companion whose partial is gone. It goes with its partial otherwise, however old it is.
fn expire_info(staging: BorrowedFd<'_>, names: &PartialNames) -> Result<(), Errno> {
    match system::statat(staging, &names.bytes, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(_) => return Ok(()),
        Err(Errno::NOENT) => {}
        Err(errno) => return Err(errno),
    }
    match system::unlinkat(staging, &names.info, AtFlags::empty()) {
        // A directory is none of ours; some systems say that it is not permitted.
        Ok(()) | Err(Errno::ISDIR | Errno::PERM) => Ok(()),
        Err(errno) => Err(errno),
    }
}

fn age(seconds: i64) -> Duration {
    let changed = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    SystemTime::now().duration_since(changed).unwrap_or_default()
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the tests do what a process that dies does to a directory")]
mod tests {
    use super::super::names::{temporary_name, temporary_name_beside};
    use crate::store::{DEFAULT_PARTIAL_EXPIRY, LocalStore, ResumeStore, StagePlan, StoreOptions, WriteStore};
    use crate::store::{STAGING_NAME, system};
    use remofile_protocol::path::{FileName, NameRule, RemotePath};
    use remofile_protocol::wire::Timestamp;
    use rustix::fd::{AsFd, OwnedFd};
    use rustix::fs::{CWD, Mode, OFlags};
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;
    use std::time::Duration;

    /// A store with a staging directory.
    struct Scene {
        _root: tempfile::TempDir,
        store: LocalStore,
        path: PathBuf,
        staging: OwnedFd,
    }

    fn scene() -> Scene {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join(STAGING_NAME);
        system::mkdirat(CWD, &path, Mode::RWXU).unwrap();
        let staging = system::openat(CWD, &path, OFlags::RDONLY, Mode::empty()).unwrap();
        let store = LocalStore::open(root.path(), StoreOptions::default()).unwrap();
        Scene { _root: root, store, path, staging }
    }

    #[test]
    fn what_a_dead_process_left_and_nobody_can_go_on_with_is_removed_however_young_it_is() {
        let scene = scene();
        let partial = |suffix: &str| scene.path.join(format!("{:032x}.{suffix}", 1));
        std::fs::write(scene.path.join(temporary_name()), "half").unwrap();
        std::os::unix::fs::symlink("nowhere", scene.path.join(temporary_name())).unwrap();
        std::fs::write(partial("partial"), "whose description is missing").unwrap();
        assert_eq!(scene.store.expire_partials(DEFAULT_PARTIAL_EXPIRY).unwrap(), 3);
        assert!(!scene.path.exists());
    }

    #[test]
    fn what_a_living_process_is_writing_stays_with_a_lock_or_under_the_guard() {
        let scene = scene();
        let name = temporary_name();
        let locked = super::staging::create_locked(scene.staging.as_fd(), &name, 0o600).unwrap();
        assert_eq!(scene.store.expire_partials(Duration::ZERO).unwrap(), 0);
        drop(locked);
        let guard = super::Guard::shared(scene.staging.as_fd());
        assert_eq!(scene.store.expire_partials(DEFAULT_PARTIAL_EXPIRY).unwrap(), 0);
        drop(guard);
        assert_eq!(scene.store.expire_partials(DEFAULT_PARTIAL_EXPIRY).unwrap(), 1);
    }

    #[test]
    fn what_others_put_there_stays_until_it_is_old() {
        let scene = scene();
        std::fs::write(scene.path.join("notes"), "").unwrap();
        std::fs::write(scene.path.join(temporary_name_beside()), "").unwrap();
        assert_eq!(scene.store.expire_partials(DEFAULT_PARTIAL_EXPIRY).unwrap(), 0);
        assert_eq!(scene.store.expire_partials(Duration::ZERO).unwrap(), 2);
    }

    #[test]
    fn a_partial_that_has_the_mode_of_a_read_only_file_already_can_be_gone_on_with() {
        let scene = scene();
        let path = "/file".parse().unwrap();
        let directory = scene.store.directory(&RemotePath::root()).unwrap();
        let modified = Some(Timestamp::new(7, 0));
        let plan = StagePlan { size: Some(8 << 20), modified, ..StagePlan::default() };
        let mut staged = directory.stage(&FileName::parse("file", NameRule::Posix).unwrap(), &plan).unwrap();
        staged.write(b"some").unwrap();
        staged.retain_partial();
        let names = super::PartialNames::of(&path, None);
        let kept = scene.path.join(&names.bytes);
        let mode = || std::fs::metadata(&kept).unwrap().permissions().mode() & 0o777;
        std::fs::set_permissions(&kept, PermissionsExt::from_mode(0o444)).unwrap();
        assert_eq!(scene.store.expire_partials(DEFAULT_PARTIAL_EXPIRY).unwrap(), 0);
        assert_eq!(mode(), 0o600);
        assert_eq!(scene.store.partials().unwrap().len(), 1);
    }

    #[test]
    fn where_other_machines_may_write_unseen_what_is_young_stays() {
        let scene = scene();
        let name = temporary_name();
        std::fs::write(scene.path.join(&name), "half").unwrap();
        for (useless_after, is_removed) in [(super::USELESS_UNSEEN, false), (Duration::ZERO, true)] {
            let (staging, older_than) = (scene.staging.as_fd(), DEFAULT_PARTIAL_EXPIRY);
            let expiry = super::Expiry { staging, older_than, useless_after, is_alone: true };
            assert_eq!(expiry.of(name.as_bytes()), Ok(is_removed));
        }
    }
}
