//! The pidfile: it holds the process id of a server in the background, and its lock tells whether that
//! server lives.

use crate::exit::Exit;
use crate::failed::{Failed, Result};
use rustix::fs::{
    AtFlags, CWD, FileType, FlockOperation, Mode, OFlags, Stat, fchmod, flock, fstat, ftruncate, open, statat, unlink,
};
use rustix::io::Errno;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

/// How often, and how long apart, to look again at a file that another process is just claiming.
const ATTEMPTS: u32 = 100;
const ATTEMPT_AFTER: Duration = Duration::from_millis(10);

/// Longest content that is read: more is not a process id.
const MAX_BYTES: usize = 32;

/// A claimed pidfile: locked, with the id of this process in it. Removed when dropped.
#[derive(Debug)]
pub(super) struct Pidfile {
    file: File,
    path: PathBuf,
}

impl Pidfile {
    /// Claims the file for this process. Takes over the file of a server that died.
    ///
    /// # Errors
    /// If a server lives, or the file is none of ours.
    pub(super) fn claim(path: &Path) -> Result<Self> {
        let path = std::path::absolute(path).map_err(|error| Failed::file(path, error))?;
        for _ in 0..ATTEMPTS {
            let file = open_file(&path, OFlags::RDWR | OFlags::CREATE)?;
            if try_lock(&file, &path)? {
                if is_same_file(&file, &path)? {
                    return Self::write(file, path);
                }
            } else if let Content::Process(process) = content(&file, &path)? {
                return Err(already_running(&path, process));
            }
            sleep(ATTEMPT_AFTER);
        }
        Err(undecided(&path))
    }

    fn write(file: File, path: PathBuf) -> Result<Self> {
        content(&file, &path)?;
        let written = fchmod(&file, Mode::from_raw_mode(0o644))
            .and_then(|()| ftruncate(&file, 0))
            .map_err(std::io::Error::from)
            .and_then(|()| file.write_all_at(format!("{}\n", std::process::id()).as_bytes(), 0));
        match written {
            Ok(()) => Ok(Self { file, path }),
            Err(error) => Err(Failed::file(&path, error)),
        }
    }

    /// Where it is, absolute.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Pidfile {
    fn drop(&mut self) {
        if is_same_file(&self.file, &self.path).unwrap_or(false) {
            let _ = unlink(&self.path);
        }
    }
}

/// The pidfile of a living server.
pub(super) struct Running {
    file: File,
    /// The id of its process.
    pub(super) process: u32,
}

impl Running {
    /// Looks for the server of a pidfile. The file of a server that died is removed.
    ///
    /// # Errors
    /// If there is no file, no living server, or the file is none of ours.
    pub(super) fn find(path: &Path) -> Result<Self> {
        for _ in 0..ATTEMPTS {
            let file = open_file(path, OFlags::RDONLY)?;
            if try_lock(&file, path)? {
                return Err(stale(&file, path)?);
            }
            if let Content::Process(process) = content(&file, path)? {
                return Ok(Self { file, process });
            }
            sleep(ATTEMPT_AFTER);
        }
        Err(undecided(path))
    }

    /// Whether the server still lives, and its id is no other process's therefore.
    pub(super) fn is_alive(&self, path: &Path) -> Result<bool> {
        try_lock(&self.file, path).map(|locked| !locked)
    }
}

fn stale(file: &File, path: &Path) -> Result<Failed> {
    let whose = match content(file, path)? {
        Content::Process(process) => format!("process {process}, which has ended"),
        Content::Empty => "no process".to_owned(),
    };
    if is_same_file(file, path)? {
        unlink(path).map_err(|error| Failed::file(path, error))?;
    }
    let path = path.display().to_string();
    let message = format!("{path} is stale: it names {whose}; it is removed, and no server runs");
    Ok(Failed::Daemon { kind: "stale-pidfile", path, message, exit: Exit::Failure })
}

#[derive(Debug, PartialEq, Eq)]
enum Content {
    Empty,
    Process(u32),
}

fn open_file(path: &Path, how: OFlags) -> Result<File> {
    // Without NONBLOCK a named pipe would hold us up.
    let flags = how | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    match open(path, flags, Mode::from_raw_mode(0o644)) {
        Ok(descriptor) => regular(File::from(descriptor), path),
        Err(Errno::LOOP) => Err(not_ours(path, "a symbolic link")),
        Err(Errno::ISDIR) => Err(not_ours(path, "a directory")),
        Err(Errno::NXIO) => Err(not_ours(path, "a special file")),
        Err(Errno::NOENT) if !how.contains(OFlags::CREATE) => Err(missing(path)),
        Err(error) => Err(Failed::file(path, error)),
    }
}

fn regular(file: File, path: &Path) -> Result<File> {
    let stat = fstat(&file).map_err(|error| Failed::file(path, error))?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Ok(file),
        FileType::Directory => Err(not_ours(path, "a directory")),
        _ => Err(not_ours(path, "a special file")),
    }
}

fn content(file: &File, path: &Path) -> Result<Content> {
    let mut bytes = [0; MAX_BYTES];
    let length = file.read_at(&mut bytes, 0).map_err(|error| Failed::file(path, error))?;
    parse(&bytes[..length]).ok_or_else(|| not_ours(path, "a file with other content"))
}

/// Digits and a line feed, which one who wrote it by hand may have forgotten.
fn parse(bytes: &[u8]) -> Option<Content> {
    if bytes.is_empty() {
        return Some(Content::Empty);
    }
    let digits = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let process: u32 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    (process > 0 && i32::try_from(process).is_ok()).then_some(Content::Process(process))
}

fn try_lock(file: &File, path: &Path) -> Result<bool> {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(Failed::file(path, error)),
    }
}

/// Whether the path still leads to the open file: it may have been removed or replaced before the lock.
fn is_same_file(file: &File, path: &Path) -> Result<bool> {
    let identity = |stat: Stat| (stat.st_dev, stat.st_ino);
    let open = fstat(file).map_err(|error| Failed::file(path, error))?;
    match statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(named) => Ok(identity(named) == identity(open)),
        Err(Errno::NOENT) => Ok(false),
        Err(error) => Err(Failed::file(path, error)),
    }
}

fn not_ours(path: &Path, what: &str) -> Failed {
    let path = path.display().to_string();
    let message = format!("{path} is {what}, not a pidfile: nothing was changed (choose another with '--pidfile')");
    Failed::Daemon { kind: "not-a-pidfile", path, message, exit: Exit::Failure }
}

fn missing(path: &Path) -> Failed {
    let path = path.display().to_string();
    let message = format!(
        "there is no pidfile {path}: no server was started with it, or it has ended (name another with '--pidfile')"
    );
    Failed::Daemon { kind: "not-running", path, message, exit: Exit::Failure }
}

fn already_running(path: &Path, process: u32) -> Failed {
    let path = path.display().to_string();
    let message =
        format!("a server runs already: process {process}, according to {path} (end it with 'remofile stop')");
    Failed::Daemon { kind: "already-running", path, message, exit: Exit::Failure }
}

fn undecided(path: &Path) -> Failed {
    let path = path.display().to_string();
    let message = format!("{path} is held by another process that is starting or ending (try again)");
    Failed::Daemon { kind: "already-running", path, message, exit: Exit::Failure }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn directory() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    fn write(path: &Path, text: &str) {
        let descriptor =
            open(path, OFlags::CREATE | OFlags::WRONLY | OFlags::TRUNC, Mode::from_raw_mode(0o600)).unwrap();
        File::from(descriptor).write_all(text.as_bytes()).unwrap();
    }

    fn kind<T>(result: Result<T>) -> &'static str {
        result.err().unwrap().kind()
    }

    #[test]
    fn a_claimed_file_holds_our_id_with_exact_permissions_and_goes_in_the_end() {
        let directory = directory();
        let path = directory.path().join("daemon.pid");
        let pidfile = Pidfile::claim(&path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{}\n", std::process::id()));
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o7777, 0o644);
        drop(pidfile);
        assert!(!path.exists());
    }

    #[test]
    fn a_second_claim_is_refused_and_names_the_first() {
        let directory = directory();
        let path = directory.path().join("daemon.pid");
        let _first = Pidfile::claim(&path).unwrap();
        let failed = Pidfile::claim(&path).unwrap_err();
        assert_eq!(failed.kind(), "already-running");
        assert!(failed.message().contains(&std::process::id().to_string()));
        let running = Running::find(&path).unwrap();
        assert_eq!(running.process, std::process::id());
        assert!(running.is_alive(&path).unwrap());
    }

    #[test]
    fn of_many_claims_at_once_exactly_one_wins() {
        let directory = directory();
        let path = directory.path().join("daemon.pid");
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let path = path.clone();
                std::thread::spawn(move || Pidfile::claim(&path))
            })
            .collect();
        let claims: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert_eq!(claims.iter().filter(|claim| claim.is_ok()).count(), 1);
    }

    #[test]
    fn a_stale_file_is_taken_over_and_a_long_one_leaves_nothing() {
        let directory = directory();
        let path = directory.path().join("daemon.pid");
        write(&path, "1234567890\n");
        let _pidfile = Pidfile::claim(&path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{}\n", std::process::id()));
    }

    #[test]
    fn stopping_a_dead_server_says_so_and_removes_its_file() {
        let directory = directory();
        let path = directory.path().join("daemon.pid");
        assert_eq!(kind(Running::find(&path)), "not-running");
        write(&path, "4194300\n");
        let failed = Running::find(&path).err().unwrap();
        assert_eq!((failed.kind(), failed.exit()), ("stale-pidfile", Exit::Failure));
        assert!(failed.message().contains("4194300"));
        assert!(!path.exists());
    }

    #[test]
    fn what_is_not_ours_is_left_alone() {
        let directory = directory();
        let path = directory.path().join("notes.txt");
        for text in ["my notes\n", "12 34\n", "0\n", "-5\n", "\n", "99999999999\n"] {
            write(&path, text);
            assert_eq!(kind(Pidfile::claim(&path)), "not-a-pidfile", "{text:?}");
            assert_eq!(kind(Running::find(&path)), "not-a-pidfile", "{text:?}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
        let link = directory.path().join("link");
        symlink("nowhere", &link).unwrap();
        for path in [link.as_path(), directory.path()] {
            assert_eq!(kind(Pidfile::claim(path)), "not-a-pidfile");
            assert_eq!(kind(Running::find(path)), "not-a-pidfile");
        }
        assert!(!directory.path().join("nowhere").exists());
    }
}
