//! Private slots: small files with a secret, of which each process has one for itself while it runs.

use super::system;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{CWD, FileType, FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use std::io;
use std::path::Path;
use zeroize::Zeroizing;

/// Slots in a directory at most: processes that have one at the same time.
const MOST_SLOTS: usize = 128;

const SECRET_BYTES: usize = 32;
const MARK_BYTES: usize = 16;
const PLACE_BYTES: usize = 16;
const FILE_BYTES: usize = SECRET_BYTES + MARK_BYTES;

/// The mark of a slot whose last process has left nothing behind.
const SETTLED: [u8; MARK_BYTES] = [0; MARK_BYTES];

type Secret = [u8; SECRET_BYTES];
type Mark = [u8; MARK_BYTES];

/// A file with a secret that no other process has at the same time. The lock goes with the process, however that ends.
#[derive(Debug)]
pub struct PrivateSlot {
    file: OwnedFd,
    secret: Hidden,
    place: [u8; PLACE_BYTES],
}

struct Hidden(Zeroizing<Secret>);

/// A slot that is free, and how well it fits. The least is the best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    /// A process with the same mark was killed.
    SameMark,
    Settled,
    /// A process with another mark was killed.
    OtherMark,
}

impl PrivateSlot {
    /// Takes a slot in a directory, which is made if need be. `mark` makes of a secret what it is used for: a slot whose
    /// process was killed while it used it for the same is the best, one that was used for something else the last.
    ///
    /// # Errors
    /// Those of the operating system; [`io::ErrorKind::ResourceBusy`] if all slots are taken.
    pub fn take(directory: &Path, mark: impl Fn(&Secret) -> Mark, generate: impl Fn() -> Secret) -> io::Result<Self> {
        make_private_directory(directory)?;
        let directory = system::openat(CWD, directory, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        refuse_others(&directory)?;
        let mut best: Option<(Fit, Self)> = None;
        let is_better = |fit, best: &Option<(Fit, Self)>| best.as_ref().is_none_or(|(other, _)| fit < *other);
        for number in 0..MOST_SLOTS {
            let file = match open(&directory, number, OFlags::empty())? {
                None if is_better(Fit::Settled, &best) => open(&directory, number, OFlags::CREATE)?,
                found => found,
            };
            // They are made in order, so there is none behind it.
            let Some(file) = file else { break };
            // Most have left nothing, and one such is as good as another: no need to lock it only to pass it over.
            if !is_better(Fit::Settled, &best) && read_mark(&file)? == Some(SETTLED) {
                continue;
            }
            let Some((slot, found)) = Self::lock(file, &generate)? else { continue };
            let fit = match found {
                SETTLED => Fit::Settled,
                found if found == mark(&slot.secret()) => Fit::SameMark,
                _ => Fit::OtherMark,
            };
            if is_better(fit, &best) {
                best = Some((fit, slot));
            }
            if fit == Fit::SameMark {
                break;
            }
        }
        let (_, slot) = best.ok_or(io::ErrorKind::ResourceBusy)?;
        slot.set_mark(&mark(&slot.secret()))?;
        Ok(slot)
    }

    /// Its secret, made into another one for each place of the file: a home that several machines or containers share, or
    /// have copies of, is no reason that two of them have the same.
    #[must_use]
    pub fn secret(&self) -> Zeroizing<Secret> {
        let mut secret = self.secret.0.clone();
        secret.iter_mut().zip(self.place).for_each(|(byte, place)| *byte ^= place);
        secret
    }

    /// Notes that nothing is left behind.
    pub fn settle(&self) {
        if let Err(error) = self.set_mark(&SETTLED) {
            tracing::debug!(%error, "cannot note that nothing is left of a client");
        }
    }

    /// Locks a slot, and reads it, or writes it if it is new; `None` if another process has it, or it is none.
    fn lock(file: OwnedFd, generate: impl Fn() -> Secret) -> io::Result<Option<(Self, Mark)>> {
        let stat = system::fstat(&file)?;
        let is_own = stat.st_uid == rustix::process::geteuid().as_raw();
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile || !is_own || !try_lock(&file)? {
            return Ok(None);
        }
        let place = super::boot::place_of(stat.st_dev as u64, stat.st_ino).map_or([0; PLACE_BYTES], |place| place.0);
        let mut secret = Zeroizing::new([0; SECRET_BYTES]);
        let read = system::pread(&file, &mut secret[..], 0)?;
        if read == SECRET_BYTES
            && let Some(mark) = read_mark(&file)?
        {
            return Ok(Some((Self { file, secret: Hidden(secret), place }, mark)));
        }
        // New, or of a process that was killed as it made it.
        let slot = Self { file, secret: Hidden(Zeroizing::new(generate())), place };
        slot.write()?;
        Ok(Some((slot, SETTLED)))
    }

    fn write(&self) -> io::Result<()> {
        let mut content = Zeroizing::new([0; FILE_BYTES]);
        content[..SECRET_BYTES].copy_from_slice(&self.secret.0[..]);
        match system::pwrite(&self.file, &content[..], 0)? {
            FILE_BYTES => Ok(()),
            _ => Err(io::ErrorKind::WriteZero.into()),
        }
    }

    fn set_mark(&self, mark: &Mark) -> io::Result<()> {
        match system::pwrite(&self.file, &mark[..], SECRET_BYTES as u64)? {
            MARK_BYTES => Ok(()),
            _ => Err(io::ErrorKind::WriteZero.into()),
        }
    }
}

/// Nothing of it is shown.
impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("hidden")
    }
}

fn open(directory: &impl AsFd, number: usize, flags: OFlags) -> io::Result<Option<OwnedFd>> {
    // Without waiting, so that a pipe of that name does not hold the process.
    let flags = flags | OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    match system::openat(directory, &number.to_string(), flags, Mode::RUSR | Mode::WUSR) {
        Ok(file) => Ok(Some(file)),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

/// Reads the mark of a slot; `None` if it is not whole.
fn read_mark(file: &OwnedFd) -> io::Result<Option<Mark>> {
    let mut mark = SETTLED;
    let read = system::pread(file, &mut mark[..], SECRET_BYTES as u64)?;
    Ok((read == MARK_BYTES).then_some(mark))
}

fn try_lock(file: &OwnedFd) -> io::Result<bool> {
    match system::flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

/// Refuses a directory in which others could put secrets that they know.
fn refuse_others(directory: &OwnedFd) -> io::Result<()> {
    let stat = system::fstat(directory)?;
    let is_own = stat.st_uid == rustix::process::geteuid().as_raw();
    if is_own && stat.st_mode & 0o022 == 0 { Ok(()) } else { Err(io::ErrorKind::PermissionDenied.into()) }
}

/// Makes a directory and those above it that are missing, for this user alone.
fn make_private_directory(directory: &Path) -> io::Result<()> {
    match system::mkdirat(CWD, directory, Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(Errno::NOENT) => {
            let above = directory.parent().filter(|above| !above.as_os_str().is_empty());
            make_private_directory(above.ok_or(io::ErrorKind::NotFound)?)?;
            match system::mkdirat(CWD, directory, Mode::RWXU) {
                Ok(()) | Err(Errno::EXIST) => Ok(()),
                Err(errno) => Err(errno.into()),
            }
        }
        Err(errno) => Err(errno.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(directory: &Path) -> PrivateSlot {
        let generate = || std::array::from_fn(|at| at as u8);
        PrivateSlot::take(directory, |secret| std::array::from_fn(|at| secret[at]), generate).unwrap()
    }

    #[test]
    fn a_copy_of_a_slot_has_another_secret() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let first = take(one.path()).secret();
        std::fs::copy(one.path().join("0"), other.path().join("0")).unwrap();
        assert_ne!(take(other.path()).secret(), first);
        assert_eq!(take(one.path()).secret(), first);
    }

    #[test]
    fn slots_are_bounded_and_for_their_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let home = tempfile::tempdir().unwrap();
        let directory = home.path().join("a/b");
        let slots: Vec<_> = (0..MOST_SLOTS).map(|_| take(&directory)).collect();
        let full = PrivateSlot::take(&directory, |_| SETTLED, || [1; SECRET_BYTES]).unwrap_err();
        assert_eq!(full.kind(), io::ErrorKind::ResourceBusy);
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&directory), mode(&directory.join("0"))), (0o700, 0o600));
        drop(slots);
        take(&directory);
        rustix::fs::chmod(&directory, Mode::from_raw_mode(0o777)).unwrap();
        let refused = PrivateSlot::take(&directory, |_| SETTLED, || [1; SECRET_BYTES]).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied);
    }

    #[test]
    fn a_slot_that_was_half_made_is_made_anew() {
        let home = tempfile::tempdir().unwrap();
        rustix::fs::ftruncate(&take(home.path()).file, 7).unwrap();
        drop(take(home.path()));
        assert_eq!(home.path().join("0").metadata().unwrap().len(), FILE_BYTES as u64);
        assert!(!home.path().join("1").exists());
    }
}
