//! The proof that a process is the server of a pidfile: nothing that the file says is believed without it.
//!
//! What is written in a pidfile may be stale or planted, the process of that number may be any by now, and
//! that the file is locked says nothing: who may read a file may lock it. So the kernel is asked about the process
//! itself, by way of `/proc`: it runs as the file's owner, its program is remofile, and the lock
//! belongs to one of its own descriptors of the file. All of this is about the process that a pidfd was opened
//! for before, which no later process can be taken for.

use crate::files::open_to_read_at;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{AtFlags, CWD, Dir, Mode, OFlags, Stat, openat, readlinkat, statat};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::ffi::{CStr, OsStr};
use std::fmt;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The names of our programs.
const PROGRAMS: [&str; 2] = ["remofile", "rmf"];

/// Most bytes read of one file of `/proc`: what is asked for stands before.
const MAX_BYTES: u64 = 64 * 1024;

/// The reason a process is not taken for the server of a pidfile.
#[derive(Debug)]
pub(super) enum Doubt {
    /// There is none, at least not here.
    Ended,
    /// The process belongs to another user than the file.
    OtherUser,
    /// The process runs another program.
    OtherProgram,
    /// The lock is not its own.
    NotHolding,
    /// The kernel does not tell.
    Hidden(io::Error),
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended => f.write_str("does not run on this system (is the server in another container?)"),
            Self::OtherUser => f.write_str("runs as another user than the owner of the file"),
            Self::OtherProgram => f.write_str("is another program"),
            Self::NotHolding => f.write_str("does not hold that lock"),
            Self::Hidden(error) => write!(f, "could not be examined in /proc ({error})"),
        }
    }
}

impl From<Errno> for Doubt {
    fn from(error: Errno) -> Self {
        match error {
            Errno::NOENT | Errno::SRCH => Self::Ended,
            error => Self::Hidden(error.into()),
        }
    }
}

impl From<io::Error> for Doubt {
    fn from(error: io::Error) -> Self {
        Errno::from_io_error(&error).map_or_else(|| Self::Hidden(error), Self::from)
    }
}

/// A descriptor of the process if it is the server of a locked pidfile.
///
/// # Errors
/// If that cannot be proven, for whatever reason.
pub(super) fn server(process: u32, pidfile: &Stat) -> Result<OwnedFd, Doubt> {
    let pid = i32::try_from(process).ok().and_then(Pid::from_raw).ok_or(Doubt::Ended)?;
    let descriptor = pidfd_open(pid, PidfdFlags::empty())?;
    let how = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let about = openat(CWD, format!("/proc/{process}"), how, Mode::empty())?;
    check_user(about.as_fd(), pidfile)?;
    check_program(about.as_fd())?;
    check_lock(about.as_fd(), pidfile)?;
    // As long as it lives its number is no other's, so all of this was about it.
    if has_ended(&descriptor)? { Err(Doubt::Ended) } else { Ok(descriptor) }
}

/// Asks the process to end.
pub(super) fn terminate(process: &OwnedFd) -> Result<(), Errno> {
    pidfd_send_signal(process, Signal::TERM)
}

/// Its four user ids: a program that changes its user might be what somebody else has started.
fn check_user(about: BorrowedFd<'_>, pidfile: &Stat) -> Result<(), Doubt> {
    let status = read(about, c"status")?;
    let line = status.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"Uid:"));
    let owner = pidfile.st_uid.to_string();
    let mut users = words(line.unwrap_or_default()).peekable();
    let is_owner = users.peek().is_some() && users.all(|user| user == owner.as_bytes());
    if is_owner { Ok(()) } else { Err(Doubt::OtherUser) }
}

/// The same program as this one, or one of the same name: it may have been replaced by a newer version since.
fn check_program(about: BorrowedFd<'_>) -> Result<(), Doubt> {
    let own = openat(CWD, "/proc/self", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let identity = |stat: Stat| (stat.st_dev, stat.st_ino);
    if identity(statat(about, c"exe", AtFlags::empty())?) == identity(statat(&own, c"exe", AtFlags::empty())?) {
        return Ok(());
    }
    let link = readlinkat(about, c"exe", Vec::new())?;
    let is_ours = PROGRAMS.iter().any(|name| program_name(link.to_bytes()) == Some(OsStr::new(name)));
    if is_ours { Ok(()) } else { Err(Doubt::OtherProgram) }
}

/// The name of a program that may have been removed or replaced since it was started.
fn program_name(link: &[u8]) -> Option<&OsStr> {
    let path = link.strip_suffix(b" (deleted)").unwrap_or(link);
    Path::new(OsStr::from_bytes(path)).file_name()
}

/// One of its descriptors is of the file, and has the lock.
fn check_lock(about: BorrowedFd<'_>, pidfile: &Stat) -> Result<(), Doubt> {
    let how = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let (infos, files) = (openat(about, c"fdinfo", how, Mode::empty())?, openat(about, c"fd", how, Mode::empty())?);
    for entry in Dir::read_from(&infos)? {
        let entry = entry?;
        let name = entry.file_name();
        // It may have been closed meanwhile.
        let is_locked = read(infos.as_fd(), name).is_ok_and(|info| info.split(|byte| *byte == b'\n').any(is_our_lock));
        if !is_locked {
            continue;
        }
        let file = statat(&files, name, AtFlags::empty());
        if file.is_ok_and(|file| (file.st_dev, file.st_ino) == (pidfile.st_dev, pidfile.st_ino)) {
            return Ok(());
        }
    }
    Err(Doubt::NotHolding)
}

/// `lock: 1: FLOCK  ADVISORY  WRITE 4711 fe:00:1234 0 EOF`: the lock that a claim takes.
fn is_our_lock(line: &[u8]) -> bool {
    let mut words = words(line);
    let (field, kind) = (words.next(), words.nth(1));
    let mode = words.nth(1);
    (field, kind, mode) == (Some(b"lock:"), Some(b"FLOCK"), Some(b"WRITE"))
}

fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

fn read(directory: BorrowedFd<'_>, name: &CStr) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_to_read_at(directory, name)?.take(MAX_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reports whether the process of a descriptor has ended.
fn has_ended(descriptor: &OwnedFd) -> Result<bool, Errno> {
    poll(&mut [PollFd::new(descriptor, PollFlags::IN)], Some(&Timespec::default())).map(|events| events > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{FlockOperation, flock, fstat};

    #[test]
    fn only_who_holds_the_exclusive_lock_is_the_server() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let stat = fstat(&file).unwrap();
        let this = std::process::id();
        let another = file.reopen().unwrap();
        assert!(matches!(server(this, &stat), Err(Doubt::NotHolding)), "nobody");
        flock(&another, FlockOperation::LockShared).unwrap();
        assert!(matches!(server(this, &stat), Err(Doubt::NotHolding)), "a shared lock");
        flock(&another, FlockOperation::LockExclusive).unwrap();
        assert!(server(this, &stat).is_ok());
        let other = tempfile::NamedTempFile::new().unwrap();
        assert!(matches!(server(this, &fstat(&other).unwrap()), Err(Doubt::NotHolding)), "the lock of another file");
        let mut foreign = stat;
        foreign.st_uid += 1;
        assert!(matches!(server(this, &foreign), Err(Doubt::OtherUser)));
    }

    #[test]
    fn no_process_is_no_server() {
        let stat = fstat(tempfile::tempfile().unwrap()).unwrap();
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        for process in [child.id(), 0, u32::MAX] {
            assert!(matches!(server(process, &stat), Err(Doubt::Ended)), "{process}");
        }
    }

    #[test]
    fn a_program_that_was_replaced_is_known_by_its_name() {
        let name = |link: &str| program_name(link.as_bytes()).map(|name| name.to_str().unwrap().to_owned());
        assert_eq!(name("/usr/bin/remofile").unwrap(), "remofile");
        assert_eq!(name("/usr/bin/rmf (deleted)").unwrap(), "rmf");
        assert_eq!(name("/remofile/sleep").unwrap(), "sleep");
        assert_eq!(name("/"), None);
    }

    #[test]
    fn locks_are_recognised() {
        assert!(is_our_lock(b"lock:\t1: FLOCK  ADVISORY  WRITE 4711 fe:00:1234 0 EOF"));
        for other in [
            "lock:\t1: FLOCK  ADVISORY  READ 4711 fe:00:1234 0 EOF",
            "lock:\t1: POSIX  ADVISORY  WRITE 1",
            "pos:\t0",
            "",
        ] {
            assert!(!is_our_lock(other.as_bytes()), "{other}");
        }
    }
}
