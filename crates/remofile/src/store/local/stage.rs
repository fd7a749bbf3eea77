//! The staging of a new file: the place where it is written until it becomes visible, at once and complete.
//!
//! A small file has no name until it is committed: `O_TMPFILE` and `linkat`, five system calls in all.
//! A large one whose version is known is a partial in the staging directory, which may be kept for a
//! later attempt, where that is on the same file system. Where neither can be had it is a hidden
//! temporary file beside its destination.

use super::context::StoreContext;
use super::directory_handle::DirectoryHandle;
use super::disk_name::DiskName;
use super::info::Info;
use super::names::{is_temporary, temporary_name, temporary_name_beside};
use super::ranges::Ranges;
use super::resolve;
use super::source::{kind_of, known_entry_of};
use super::staged::{StagedFile, Whereabouts};
use super::staging::{self, Guard, Staging};
use super::{errors, flush, partial, remove};
use crate::store::resume::LEAST_PARTIAL_BYTES;
use crate::store::system;
use crate::store::{Directory, ResumeAt, StagePlan, Staged, StoreResult};
use remofile_protocol::path::{FileName, RemotePath};
use remofile_protocol::wire::{Entry, ErrorCode, Failure, Kind};
use rustix::fd::{BorrowedFd, OwnedFd};
use rustix::fs::AtFlags;
#[cfg(target_os = "linux")]
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
#[cfg(target_os = "linux")]
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock, PoisonError};

/// A directory that files are staged in.
pub(super) struct LocalDirectory {
    pub(super) handle: Arc<DirectoryHandle>,
    /// The ranges in doubt, once an entry was looked at: as a walk does, it tells what was known when that began.
    doubt: OnceLock<Ranges>,
}

impl LocalDirectory {
    pub(super) fn open(shared: &Arc<StoreContext>, path: &RemotePath) -> StoreResult<Self> {
        DirectoryHandle::open(shared, path).map(Self::of)
    }

    fn of(handle: Arc<DirectoryHandle>) -> Self {
        Self { handle, doubt: OnceLock::new() }
    }

    fn doubt(&self) -> StoreResult<&Ranges> {
        if let Some(doubt) = self.doubt.get() {
            return Ok(doubt);
        }
        let doubt = self.handle.shared.doubt()?;
        Ok(self.doubt.get_or_init(|| doubt))
    }

    fn look_at(&self, name: &FileName) -> StoreResult<Option<Entry>> {
        let DirectoryHandle { shared, place, path, .. } = &*self.handle;
        let (path, name) = (path.child(name)?, DiskName::of(name.clone(), shared.options.encoding)?);
        place.refuse_reserved(&name)?;
        let stat =
            system::statat(&place.directory, name.bytes(), AtFlags::SYMLINK_NOFOLLOW).map_err(errors::failure)?;
        match kind_of(&stat) {
            Kind::Link => Ok(None),
            _ => Ok(Some(known_entry_of(path, &stat, self.doubt()?))),
        }
    }

    /// Returns the directory and the name that a link of this name leads to, if it is one. Nothing that becomes of links
    /// later leads elsewhere: the file is made in that directory, by a rename, which follows none.
    fn target_of(&self, name: &DiskName) -> StoreResult<Option<(Self, DiskName)>> {
        let handle = &self.handle;
        match system::readlinkat(&handle.place.directory, name.bytes()) {
            Ok(_) => {}
            Err(Errno::INVAL | Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(errors::failure(errno)),
        }
        let path = handle.path.child(name.in_paths())?;
        let (place, target) = resolve::target(handle.shared.jail()?, &path)?;
        let target = DiskName::read(&target, handle.shared.options.encoding)?;
        handle.shared.refuse_forbidden(&target)?;
        Ok(Some((Self::of(DirectoryHandle::at(&handle.shared, place, &handle.path)), target)))
    }
}

impl Directory for LocalDirectory {
    fn stage(&self, name: &FileName, plan: &StagePlan) -> StoreResult<Box<dyn Staged>> {
        self.stage_named(&DiskName::of(name.clone(), self.handle.shared.options.encoding)?, plan)
    }

    fn remove(&self, name: &FileName) -> Option<StoreResult<()>> {
        let DirectoryHandle { shared, place, .. } = &*self.handle;
        let name = DiskName::of(name.clone(), shared.options.encoding);
        Some(name.and_then(|name| remove::remove_in(shared, place, &name)))
    }

    fn flush_file_system(&self) -> StoreResult<()> {
        flush::flush_around(self.handle.directory())
    }

    fn look(&self, name: &FileName) -> Option<StoreResult<Entry>> {
        self.look_at(name).transpose()
    }
}

impl LocalDirectory {
    fn stage_named(&self, name: &DiskName, plan: &StagePlan) -> StoreResult<Box<dyn Staged>> {
        if plan.through_link
            && let Some((directory, target)) = self.target_of(name)?
        {
            return directory.stage_named(&target, &StagePlan { through_link: false, ..*plan });
        }
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
            is_handed_mode: plan.mode.is_none() && (plan.replace || plan.expected.is_some()),
            file,
            whereabouts,
            length: plan.resume.map_or(0, |at| at.offset),
            unflushed: 0,
            begun,
            ended: None,
            is_prepared: false,
            flushing: None,
            is_lost: false,
            expected: plan.expected,
            may_move: plan.through_link,
        };
        staged.apply_mode(plan)?;
        Ok(Box::new(staged))
    }
}

/// Something under a temporary name that has no lock of its own.
pub(super) struct Guarded {
    staging: Option<Arc<Staging>>,
    pub(super) name: String,
    _guard: Option<Guard>,
}

impl Guarded {
    /// Returns the directory that it is in, made by a handle of its destination.
    pub(super) fn directory<'a>(&'a self, destination: &'a DirectoryHandle) -> BorrowedFd<'a> {
        self.staging.as_ref().map_or(destination.directory(), |staging| staging.directory())
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

    fn stage_large(&self, name: &DiskName, plan: &StagePlan) -> StoreResult<(OwnedFd, Whereabouts)> {
        self.refuse_taken(name, plan.replace)?;
        if !self.is_with_root() {
            return self.stage_unkept(plan);
        }
        let Some(info) = self.info(name, plan) else {
            return self.stage_unkept(plan);
        };
        let names = info.names();
        match staging::make_in(&self.shared, |staging| partial::begin(staging, &names, &info)) {
            Ok((staging, Some(file))) => Ok((file, Whereabouts::Partial { staging, names })),
            // Somebody else is at the same file, or there can be no staging directory: what comes
            // now will not be found by a later attempt.
            Ok((_, None)) | Err(_) => self.stage_unkept(plan),
        }
    }

    fn stage_resumed(&self, name: &DiskName, plan: &StagePlan, at: ResumeAt) -> StoreResult<(OwnedFd, Whereabouts)> {
        self.refuse_taken(name, plan.replace)?;
        let changed = || Failure::new(ErrorCode::PartialChanged);
        let info = self.info(name, plan).filter(|_| self.is_with_root()).ok_or_else(changed)?;
        let names = info.names();
        let staging = staging::find(&self.shared)?.ok_or_else(changed)?;
        match partial::reopen(staging.directory(), &names, &info, at, &self.shared.doubt()?) {
            Ok(Some(file)) => Ok((file, Whereabouts::Partial { staging, names })),
            Ok(None) => Err(changed()),
            Err(errno) => Err(errors::failure(errno)),
        }
    }

    /// Returns the description of a file's partial; `None` for a file whose version is not known, which cannot be
    /// resumed.
    fn info(&self, name: &DiskName, plan: &StagePlan) -> Option<Info> {
        let size = plan.size.filter(|&size| size >= LEAST_PARTIAL_BYTES)?;
        let owner = self.shared.owner.as_deref();
        Some(Info::new(self.path.child(name.in_paths()).ok()?, size, plan.modified?, owner))
    }

    /// Stages in a file that has a name, but one that no later attempt will find.
    fn stage_temporary(&self, mode: u32) -> StoreResult<(OwnedFd, Whereabouts)> {
        let made = self.make_temporary(|directory, name| staging::create_locked(directory, name, mode));
        let (staging, name, file) = made.map_err(errors::failure)?;
        Ok((file, Whereabouts::Named { staging, name }))
    }

    /// Makes something that cannot be locked under a new name, as [`Self::make_temporary`] does. In the staging directory
    /// it is guarded until the guard is dropped.
    pub(super) fn make_guarded(
        &self,
        make: impl Fn(BorrowedFd<'_>, &str) -> Result<(), Errno>,
    ) -> Result<Guarded, Errno> {
        let (staging, name, guard) = self.make_temporary(|directory, name| {
            // No other directory is locked for it: a server has its root locked for as long as it serves it.
            let guard = if is_temporary(name) { Guard::shared(directory) } else { None };
            make(directory, name).map(|()| guard)
        })?;
        Ok(Guarded { staging, name, _guard: guard })
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
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        // The file system's answers to a flag it does not know differ; whatever is really wrong the
        // attempt with a named file finds again.
        match system::openat(self.directory(), ".", flags, Mode::from_raw_mode(mode)) {
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

    pub(super) fn refuse_taken(&self, name: &DiskName, replace: bool) -> StoreResult<()> {
        match system::statat(self.directory(), name.bytes(), AtFlags::SYMLINK_NOFOLLOW) {
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
    use crate::store::{LocalStore, ReadStore, StoreOptions, WriteStore, system_faults};
    use remofile_protocol::wire::Timestamp;

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

    #[test]
    fn only_what_is_left_of_a_partial_is_emptied() {
        let root = tempfile::tempdir().unwrap();
        let store = LocalStore::open(root.path(), StoreOptions::default()).unwrap();
        let directory = store.directory(&RemotePath::root()).unwrap();
        let name = FileName::parse("file", Default::default()).unwrap();
        for emptied in [0, 1] {
            let modified = Some(Timestamp::new(5, 7));
            let plan = StagePlan { size: Some(LEAST_PARTIAL_BYTES), modified, ..StagePlan::default() };
            let (mut staged, calls) = system_faults::count(|| directory.stage(&name, &plan).unwrap());
            assert_eq!(calls.iter().filter(|call| call.name == "ftruncate").count(), emptied);
            staged.write(b"x").unwrap();
            staged.retain_partial();
        }
    }
}
