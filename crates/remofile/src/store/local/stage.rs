//! The staging of a new file: the place where it is written until it becomes visible, at once and complete.
//!
//! A small file has no name until it is committed: `O_TMPFILE` and `linkat`, five system calls in all.
//! A large one whose version is known is a partial in the staging directory, which may be kept for a
//! later attempt, where that is on the same file system. Where neither can be had it is a hidden
//! temporary file beside its destination.

use super::context::StoreContext;
use super::directory_handle::{DirectoryHandle, NOTHING_OBSERVED};
use super::info::Info;
use super::names::{PartialNames, temporary_name, temporary_name_beside};
use super::resolve;
use super::source::kind_of;
use super::staged::{StagedFile, Whereabouts};
use super::staging::{self, Staging};
use super::{errors, partial};
use crate::store::{Directory, ResumeAt, StagePlan, Staged, StoreResult};
use remofile_protocol::path::{FileName, RemotePath};
use remofile_protocol::wire::{ErrorCode, Failure, Kind};
use rustix::fd::{BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Files of fewer bytes are not worth keeping for a later attempt.
const LEAST_PARTIAL_BYTES: u64 = 1024 * 1024;

/// A directory that files are staged in.
pub(super) struct LocalDirectory {
    pub(super) handle: Arc<DirectoryHandle>,
}

impl LocalDirectory {
    pub(super) fn open(shared: &Arc<StoreContext>, path: &RemotePath) -> StoreResult<Self> {
        let place = resolve::directory(shared.jail()?, path)?;
        Ok(Self {
            handle: Arc::new(DirectoryHandle {
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
        let handle = &self.handle;
        handle.shared.refuse_forbidden(name)?;
        handle.place.refuse_reserved(name)?;
        handle.place.refuse_to_become_staging(name)?;
        // Before the file is opened, so that all its bytes are written after this mark.
        let begun = handle.shared.ledger.mark();
        let is_small = plan.size.is_some_and(|size| size < LEAST_PARTIAL_BYTES);
        let (file, whereabouts) = match plan.resume {
            Some(at) => handle.stage_resumed(name, plan, at)?,
            None if is_small => handle.stage_unkept(plan)?,
            None => handle.stage_large(name, plan)?,
        };
        let staged = StagedFile {
            handle: Arc::clone(handle),
            name: name.clone(),
            replace: plan.replace,
            modified: plan.modified,
            last_mode: plan.mode.map(|mode| mode & 0o777).filter(|mode| mode & 0o600 != 0o600),
            file,
            whereabouts,
            length: plan.resume.map_or(0, |at| at.offset),
            unflushed: 0,
            begun,
            is_lost: false,
            expected: plan.expected,
        };
        staged.apply_mode(plan)?;
        Ok(Box::new(staged))
    }
}

impl DirectoryHandle {
    fn stage_unkept(&self, plan: &StagePlan) -> StoreResult<(OwnedFd, Whereabouts)> {
        // A file in the way is found by the commit, which follows soon: a look here would cost each small file a
        // system call.
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
        let Some(info) = self.info(name, plan) else {
            return self.stage_unkept(plan);
        };
        let names = PartialNames::of(&info.path);
        match staging::make_in(&self.shared, |staging| partial::begin(staging, &names, &info)) {
            Ok((staging, Some(file))) => Ok((file, Whereabouts::Partial { staging, names })),
            // Somebody else is at the same file, or there can be no staging directory: what comes
            // now will not be found by a later attempt.
            Ok((_, None)) | Err(_) => self.stage_unkept(plan),
        }
    }

    fn stage_resumed(&self, name: &FileName, plan: &StagePlan, at: ResumeAt) -> StoreResult<(OwnedFd, Whereabouts)> {
        self.refuse_taken(name, plan.replace)?;
        let changed = || Failure::new(ErrorCode::PartialChanged);
        let info = self.info(name, plan).filter(|_| self.is_with_root()).ok_or_else(changed)?;
        let names = PartialNames::of(&info.path);
        let staging = staging::find(&self.shared)?.ok_or_else(changed)?;
        match partial::reopen(staging.directory(), &names, &info, at, &self.shared.doubt()?) {
            Ok(Some(file)) => Ok((file, Whereabouts::Partial { staging, names })),
            Ok(None) => Err(changed()),
            Err(errno) => Err(errors::failure(errno)),
        }
    }

    /// Returns the description of a file's partial; `None` for a file whose version is not known, which cannot be
    /// resumed.
    fn info(&self, name: &FileName, plan: &StagePlan) -> Option<Info> {
        let size = plan.size.filter(|&size| size >= LEAST_PARTIAL_BYTES)?;
        Some(Info::new(self.path.child(name).ok()?, size, plan.modified?))
    }

    /// Stages in a file that has a name, but one that no later attempt will find.
    fn stage_temporary(&self, mode: u32) -> StoreResult<(OwnedFd, Whereabouts)> {
        let made = self.make_temporary(|directory, name| staging::create_locked(directory, name, mode));
        let (staging, name, file) = made.map_err(errors::failure)?;
        Ok((file, Whereabouts::Named { staging, name }))
    }

    /// Makes something under a new name: in the staging directory, or else beside the destination.
    pub(super) fn make_temporary<T>(
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

    pub(super) fn refuse_taken(&self, name: &FileName, replace: bool) -> StoreResult<()> {
        match rustix::fs::statat(self.directory(), name.as_str(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) if kind_of(&stat) == Kind::Directory => Err(errors::directory_in_the_way()),
            Ok(_) if !replace => Err(Failure::new(ErrorCode::AlreadyExists)),
            Ok(_) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(errors::failure(errno)),
        }
    }

    /// Returns the mode that the file must have exactly, if one was asked for. Its user may write until it is
    /// complete.
    pub(super) fn exact_mode(&self, plan: &StagePlan) -> Option<u32> {
        let configured = self.shared.options.file_mode.map(|mode| mode & 0o666);
        plan.mode.map(|mode| mode & 0o777).or(configured).map(|mode| mode | 0o600)
    }

    pub(super) fn asked_mode(&self, plan: &StagePlan) -> u32 {
        self.exact_mode(plan).unwrap_or(0o666)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::store::{LocalStore, ReadStore, StoreOptions, WriteStore};

    #[test]
    fn where_files_cannot_be_unnamed_temporary_ones_do_the_same() {
        let root = tempfile::tempdir().unwrap();
        let store = LocalStore::open(root.path(), StoreOptions::default()).unwrap();
        for is_with_root in [true, false] {
            let directory = LocalDirectory::open(&store.shared, &RemotePath::root()).unwrap();
            directory.handle.refuses_unnamed.store(true, Ordering::Relaxed);
            directory.handle.is_with_root.set(is_with_root).unwrap();
            let name = FileName::parse("file", Default::default()).unwrap();
            let plan = |replace| StagePlan { size: Some(3), replace, ..StagePlan::default() };
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
}
