//! Files that are written now and become visible later, at once and whole.
//!
//! A small file has no name until it is committed: `O_TMPFILE` and `linkat`, five system calls in all.
//! A large one, or one of unknown size, is a partial in the staging directory, which may be kept for a
//! later attempt, where that is on the same file system. Where neither can be had it is a hidden
//! temporary file beside its destination.

use super::names::{partial_name, temporary_name, temporary_name_beside};
use super::resolve::{self, Place};
use super::source::{kind_of, permissions};
use super::staging::{self, Staging};
use super::{FileSystem, Shared, errors};
use crate::store::{Directory, Fsync, StagePlan, Staged, StoreResult};
use remofile_protocol::path::{FileName, RemotePath};
use remofile_protocol::wire::{ErrorCode, Failure, Kind, Timestamp};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, Mode, OFlags, RenameFlags, Timespec, Timestamps, UTIME_OMIT};
use rustix::io::Errno;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Files of fewer bytes are not worth keeping for a later attempt.
const LEAST_PARTIAL_BYTES: u64 = 1024 * 1024;

/// With [`Fsync::Each`], a file is flushed on the way, too: one flush of a large file in the end would take
/// longer than a peer waits for a word.
const FLUSH_EVERY_BYTES: u64 = 32 * 1024 * 1024;

/// No mode was observed yet.
const NOTHING_OBSERVED: u64 = u64::MAX;

/// A directory that files are staged in.
pub(super) struct LocalDirectory {
    held: Arc<Held>,
}

/// The directory, and what was found out about it.
struct Held {
    shared: Arc<Shared>,
    place: Place,
    path: RemotePath,
    is_with_root: OnceLock<bool>,
    refuses_unnamed: AtomicBool,
    /// The mode last asked for in the upper half, what came of it in the lower.
    observed_mode: AtomicU64,
    /// Keeps the staging directory from going and coming with every file.
    staging: Mutex<Option<Arc<Staging>>>,
}

/// A file that is not visible yet.
struct StagedFile {
    held: Arc<Held>,
    name: FileName,
    replace: bool,
    modified: Option<Timestamp>,
    file: OwnedFd,
    whereabouts: Whereabouts,
    /// Bytes written since the file was last flushed.
    unflushed: u64,
}

/// Where the bytes of a staged file are.
enum Whereabouts {
    /// Nowhere that has a name.
    Unnamed,
    /// In the staging directory, if that was held, or else beside the destination.
    Named { staging: Option<Arc<Staging>>, name: String, is_partial: bool },
    /// Visible, or kept: nothing is left to be removed.
    Settled,
}

impl LocalDirectory {
    pub(super) fn open(shared: &Arc<Shared>, path: &RemotePath) -> StoreResult<Self> {
        let place = resolve::directory(shared.root.as_fd(), path)?;
        Ok(Self {
            held: Arc::new(Held {
                shared: Arc::clone(shared),
                place,
                path: path.clone(),
                is_with_root: OnceLock::new(),
                refuses_unnamed: AtomicBool::new(false),
                observed_mode: AtomicU64::new(NOTHING_OBSERVED),
                staging: Mutex::new(None),
            }),
        })
    }
}

impl Directory for LocalDirectory {
    fn stage(&self, name: &FileName, plan: &StagePlan) -> StoreResult<Box<dyn Staged>> {
        let held = &self.held;
        held.shared.refuse_if_read_only()?;
        held.shared.refuse_forbidden(name)?;
        held.place.refuse_reserved(name)?;
        let is_small = plan.size.is_some_and(|size| size < LEAST_PARTIAL_BYTES);
        let (file, whereabouts) = if is_small { held.stage_unkept(plan)? } else { held.stage_large(name, plan)? };
        let staged = StagedFile {
            held: Arc::clone(held),
            name: name.clone(),
            replace: plan.replace,
            modified: plan.modified,
            file,
            whereabouts,
            unflushed: 0,
        };
        staged.apply_mode(plan)?;
        Ok(Box::new(staged))
    }
}

impl Held {
    fn directory(&self) -> BorrowedFd<'_> {
        self.place.directory.as_fd()
    }

    /// Whether files can be renamed to here from the staging directory.
    fn is_with_root(&self) -> bool {
        *self.is_with_root.get_or_init(|| {
            let here = FileSystem::of(self.directory());
            here.is_some() && here == self.shared.file_system
        })
    }

    /// Whether a file must be on the disk before it becomes visible. The flush at the end reaches
    /// the root's file system only.
    fn is_durable_at_once(&self) -> bool {
        match self.shared.options.fsync {
            Fsync::Each => true,
            Fsync::End => !self.is_with_root(),
            Fsync::None => false,
        }
    }

    fn stage_unkept(&self, plan: &StagePlan) -> StoreResult<(OwnedFd, Whereabouts)> {
        // What is in the way is found by the commit, which is never far from here.
        let mode = self.asked_mode(plan);
        match self.open_unnamed(mode) {
            Some(file) => Ok((file, Whereabouts::Unnamed)),
            None => self.stage_temporary(mode),
        }
    }

    fn stage_large(&self, name: &FileName, plan: &StagePlan) -> StoreResult<(OwnedFd, Whereabouts)> {
        self.refuse_taken(name, plan.replace)?;
        if !self.is_with_root() {
            return self.stage_unkept(plan);
        }
        let partial = partial_name(&format!("{}\0{name}\0{:?}\0{:?}", self.path, plan.size, plan.modified));
        match staging::make_in(&self.shared, |staging| staging::open_partial(staging, &partial)) {
            Ok((staging, Some(file))) => {
                let whereabouts = Whereabouts::Named { staging: Some(staging), name: partial, is_partial: true };
                Ok((file, whereabouts))
            }
            // Somebody else is at the same upload, or there can be no staging directory: what comes
            // now will not be found by a later attempt.
            Ok((_, None)) | Err(_) => self.stage_unkept(plan),
        }
    }

    /// Stages in a file that has a name, but one that no later attempt will find.
    fn stage_temporary(&self, mode: u32) -> StoreResult<(OwnedFd, Whereabouts)> {
        let made = self.make_temporary(|directory, name| staging::create_locked(directory, name, mode));
        let (staging, name, file) = made.map_err(errors::failure)?;
        Ok((file, Whereabouts::Named { staging, name, is_partial: false }))
    }

    /// Makes something under a new name: in the staging directory, or else beside the destination.
    fn make_temporary<T>(
        &self,
        make: impl Fn(BorrowedFd<'_>, &str) -> Result<T, Errno>,
    ) -> Result<(Option<Arc<Staging>>, String, T), Errno> {
        if self.is_with_root() {
            let name = temporary_name();
            if let Ok((staging, made)) = staging::make_in(&self.shared, |staging| make(staging, &name)) {
                let kept = Some(Arc::clone(&staging));
                *self.staging.lock().unwrap_or_else(PoisonError::into_inner) = kept;
                return Ok((Some(staging), name, made));
            }
        }
        let name = temporary_name_beside();
        let made = make(self.directory(), &name)?;
        Ok((None, name, made))
    }

    #[cfg(target_os = "linux")]
    fn open_unnamed(&self, mode: u32) -> Option<OwnedFd> {
        if self.refuses_unnamed.load(Ordering::Relaxed) {
            return None;
        }
        let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
        // The file system's answers to a flag it does not know differ; whatever is really wrong the
        // attempt with a named file finds again.
        match rustix::fs::openat(self.directory(), ".", flags, Mode::from_raw_mode(mode)) {
            Ok(file) => Some(file),
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => {
                self.refuses_unnamed.store(true, Ordering::Relaxed);
                None
            }
            Err(_) => None,
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn open_unnamed(&self, _mode: u32) -> Option<OwnedFd> {
        None
    }

    fn refuse_taken(&self, name: &FileName, replace: bool) -> StoreResult<()> {
        match rustix::fs::statat(self.directory(), name.as_str(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) if kind_of(&stat) == Kind::Directory => Err(errors::directory_in_the_way()),
            Ok(_) if !replace => Err(Failure::new(ErrorCode::AlreadyExists)),
            Ok(_) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(errors::failure(errno)),
        }
    }

    /// The mode the file shall have exactly, if any was asked for.
    fn exact_mode(&self, plan: &StagePlan) -> Option<u32> {
        let configured = self.shared.options.file_mode.map(|mode| mode & 0o666);
        plan.mode.map(|mode| mode & 0o777).or(configured).map(|mode| mode | 0o600)
    }

    fn asked_mode(&self, plan: &StagePlan) -> u32 {
        self.exact_mode(plan).unwrap_or(0o666)
    }
}

impl StagedFile {
    /// Corrects what the umask or the directory made of the mode.
    fn apply_mode(&self, plan: &StagePlan) -> StoreResult<()> {
        let got = self.mode_got(self.held.asked_mode(plan))?;
        let wanted = self.held.exact_mode(plan).unwrap_or(got & 0o666 | 0o600);
        if got == wanted {
            return Ok(());
        }
        rustix::fs::fchmod(&self.file, Mode::from_raw_mode(wanted as _)).map_err(errors::failure)
    }

    /// The mode the file came into being with. Unnamed files of one directory are made alike, so that
    /// the first tells for those after it.
    fn mode_got(&self, asked: u32) -> StoreResult<u32> {
        let is_fresh = matches!(self.whereabouts, Whereabouts::Unnamed);
        let observed = self.held.observed_mode.load(Ordering::Relaxed);
        if is_fresh && observed != NOTHING_OBSERVED && observed >> 32 == u64::from(asked) {
            return Ok(observed as u32);
        }
        let got = permissions(&rustix::fs::fstat(&self.file).map_err(errors::failure)?);
        if is_fresh {
            self.held.observed_mode.store(u64::from(asked) << 32 | u64::from(got), Ordering::Relaxed);
        }
        Ok(got)
    }

    fn apply_time(&self) -> StoreResult<()> {
        let Some(modified) = self.modified else {
            return Ok(());
        };
        let times = Timestamps {
            last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT as _ },
            last_modification: Timespec { tv_sec: modified.seconds(), tv_nsec: modified.nanoseconds().into() },
        };
        rustix::fs::futimens(&self.file, &times).map_err(errors::failure)
    }

    /// Gives the file its name; whatever happens, no other name of it is left.
    fn settle(&mut self) -> StoreResult<()> {
        if let Whereabouts::Unnamed = self.whereabouts {
            match link_unnamed(&self.file, self.held.directory(), self.name.as_str()) {
                Err(Errno::EXIST) if self.replace => self.name_temporarily()?,
                Err(errno) => return Err(self.naming_failure(errno)),
                Ok(()) => {
                    self.whereabouts = Whereabouts::Settled;
                    return Ok(());
                }
            }
        }
        self.rename_into_place().map_err(|errno| self.naming_failure(errno))?;
        self.whereabouts = Whereabouts::Settled;
        Ok(())
    }

    fn name_temporarily(&mut self) -> StoreResult<()> {
        let made = self.held.make_temporary(|directory, name| link_unnamed(&self.file, directory, name));
        let (staging, name, ()) = made.map_err(errors::failure)?;
        self.whereabouts = Whereabouts::Named { staging, name, is_partial: false };
        Ok(())
    }

    fn rename_into_place(&self) -> Result<(), Errno> {
        let Some((from, temporary)) = self.named() else {
            return Ok(());
        };
        let (to, name) = (self.held.directory(), self.name.as_str());
        if self.replace {
            return rustix::fs::renameat(from, temporary, to, name);
        }
        match rename_without_replacing(from, temporary, to, name) {
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                rustix::fs::linkat(from, temporary, to, name, AtFlags::empty())?;
                rustix::fs::unlinkat(from, temporary, AtFlags::empty())
            }
            result => result,
        }
    }

    fn named(&self) -> Option<(BorrowedFd<'_>, &str)> {
        match &self.whereabouts {
            Whereabouts::Named { staging: Some(staging), name, .. } => Some((staging.directory(), name)),
            Whereabouts::Named { staging: None, name, .. } => Some((self.held.directory(), name)),
            Whereabouts::Unnamed | Whereabouts::Settled => None,
        }
    }

    fn naming_failure(&self, errno: Errno) -> Failure {
        match errno {
            Errno::EXIST | Errno::ISDIR => self
                .held
                .refuse_taken(&self.name, self.replace)
                .err()
                .unwrap_or_else(|| Failure::new(ErrorCode::AlreadyExists)),
            _ => errors::failure(errno),
        }
    }
}

impl Staged for StagedFile {
    fn write(&mut self, mut bytes: &[u8]) -> StoreResult<()> {
        self.unflushed += bytes.len() as u64;
        while !bytes.is_empty() {
            match resolve::retry(|| rustix::io::write(&self.file, bytes)) {
                Ok(0) => return Err(Failure::new(ErrorCode::DiskFailure).because("nothing more could be written")),
                Ok(count) => bytes = &bytes[count..],
                Err(errno) => return Err(errors::failure(errno)),
            }
        }
        if self.unflushed >= FLUSH_EVERY_BYTES && self.held.is_durable_at_once() {
            self.unflushed = 0;
            resolve::retry(|| rustix::fs::fdatasync(&self.file)).map_err(errors::failure)?;
        }
        Ok(())
    }

    fn commit(mut self: Box<Self>) -> StoreResult<()> {
        self.apply_time()?;
        let is_durable = self.held.is_durable_at_once();
        if is_durable {
            resolve::retry(|| rustix::fs::fsync(&self.file)).map_err(errors::failure)?;
        }
        self.settle()?;
        if is_durable { super::flush_names(self.held.directory()) } else { Ok(()) }
    }

    fn keep(mut self: Box<Self>) {
        if let Whereabouts::Named { is_partial: true, .. } = self.whereabouts {
            self.whereabouts = Whereabouts::Settled;
        }
    }
}

impl Drop for StagedFile {
    fn drop(&mut self) {
        if let Some((directory, name)) = self.named() {
            // What cannot be removed now, expires.
            let _ = rustix::fs::unlinkat(directory, name, AtFlags::empty());
        }
    }
}

/// Gives an unnamed file a name that is not taken.
#[cfg(target_os = "linux")]
fn link_unnamed(file: &OwnedFd, directory: BorrowedFd<'_>, name: &str) -> Result<(), Errno> {
    static NEEDS_PROC: AtomicBool = AtomicBool::new(false);
    if !NEEDS_PROC.load(Ordering::Relaxed) {
        match rustix::fs::linkat(file, "", directory, name, AtFlags::EMPTY_PATH) {
            // Without a capability older kernels say so, but also where the directory is gone.
            Err(Errno::NOENT | Errno::PERM) => {}
            result => return result,
        }
    }
    link_by_proc(file, directory, name)?;
    NEEDS_PROC.store(true, Ordering::Relaxed);
    Ok(())
}

#[cfg(target_os = "linux")]
fn link_by_proc(file: &OwnedFd, directory: BorrowedFd<'_>, name: &str) -> Result<(), Errno> {
    use std::os::fd::AsRawFd;
    let own = format!("/proc/self/fd/{}", file.as_raw_fd());
    rustix::fs::linkat(rustix::fs::CWD, own, directory, name, AtFlags::SYMLINK_FOLLOW)
}

#[cfg(not(target_os = "linux"))]
fn link_unnamed(_file: &OwnedFd, _directory: BorrowedFd<'_>, _name: &str) -> Result<(), Errno> {
    Err(Errno::OPNOTSUPP)
}

/// Renames, unless the new name is taken (`EXIST`).
pub(super) fn rename_without_replacing(
    from: BorrowedFd<'_>,
    old: &str,
    to: BorrowedFd<'_>,
    new: &str,
) -> Result<(), Errno> {
    rustix::fs::renameat_with(from, old, to, new, RenameFlags::NOREPLACE)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::store::{LocalStore, Store, StoreOptions};
    use rustix::fs::CWD;

    #[test]
    fn where_files_cannot_be_unnamed_temporary_ones_do_the_same() {
        let root = tempfile::tempdir().unwrap();
        let store = LocalStore::open(root.path(), StoreOptions::default()).unwrap();
        for is_with_root in [true, false] {
            let directory = LocalDirectory::open(&store.shared, &RemotePath::root()).unwrap();
            directory.held.refuses_unnamed.store(true, Ordering::Relaxed);
            directory.held.is_with_root.set(is_with_root).unwrap();
            let name = FileName::parse("file", Default::default()).unwrap();
            let plan = |replace| StagePlan { size: Some(3), replace, modified: None, mode: None };
            let staged = directory.stage(&name, &plan(false)).unwrap();
            assert!(store.walk(&RemotePath::root(), true).unwrap().next().is_none());
            drop(staged);
            for (replace, expected) in [(false, None), (true, None), (false, Some(ErrorCode::AlreadyExists))] {
                let staged = directory.stage(&name, &plan(replace)).unwrap();
                assert_eq!(staged.commit().err().map(|failure| failure.code), expected);
            }
            drop(directory);
            assert_eq!(root.path().read_dir().unwrap().count(), 1, "nothing but the file is left");
            store.remove(&"/file".parse().unwrap()).unwrap();
        }
    }

    #[test]
    fn an_unnamed_file_can_be_linked_without_privileges_too() {
        let root = tempfile::tempdir().unwrap();
        let open = |flags| rustix::fs::openat(CWD, root.path(), flags, Mode::RUSR | Mode::WUSR).unwrap();
        let (directory, file) = (open(OFlags::DIRECTORY), open(OFlags::TMPFILE | OFlags::WRONLY));
        link_by_proc(&file, directory.as_fd(), "linked").unwrap();
        assert_eq!(link_by_proc(&file, directory.as_fd(), "linked"), Err(Errno::EXIST));
        assert!(root.path().join("linked").exists());
    }
}
