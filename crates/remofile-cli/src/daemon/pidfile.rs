//! The pidfile: it holds the process id of a server in the background, and its lock tells whether that
//! server lives.

use super::complaints::{already_running, missing, not_ours, stale, undecided, unproven};
use super::place::{Access, MODE, Place};
use super::proof::{self, Doubt};
use crate::failed::{Failed, Result};
use rustix::fs::{FlockOperation, fchmod, flock, fstat, ftruncate};
use rustix::io::Errno;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

/// The number of looks, and the pause between them, at a file that another process is just claiming.
const ATTEMPTS: u32 = 100;
const ATTEMPT_AFTER: Duration = Duration::from_millis(10);

/// Longest content that is read: more is not a process id.
const MAX_BYTES: usize = 32;

/// A claimed pidfile: locked, with the id of this process in it. Removed when dropped.
#[derive(Debug)]
pub(super) struct Pidfile {
    file: File,
    place: Place,
}

impl Pidfile {
    /// Claims the file for this process. Takes over the file of a server that died.
    ///
    /// # Errors
    /// If a server lives, the file is none of ours, or others can have written it.
    pub(super) fn claim(path: &Path) -> Result<Self> {
        let place = Place::of(path, Access::Claim)?;
        let mut locked = Locked::Silent;
        for _ in 0..ATTEMPTS {
            let file = match place.open(Access::Claim)? {
                Some(file) => Some(file),
                None => place.create()?,
            };
            let Some(file) = file else { continue };
            if try_lock(&file, &place)? {
                if place.still_holds(&file)? {
                    return Self::write(file, place);
                }
            } else {
                locked = Locked::look(&file, &place)?;
                if let Locked::Server { process, .. } = locked {
                    return Err(already_running(place.path(), process));
                }
            }
            sleep(ATTEMPT_AFTER);
        }
        Err(locked.complaint(&place))
    }

    fn write(file: File, place: Place) -> Result<Self> {
        content(&file, &place)?;
        let written = fchmod(&file, MODE)
            .and_then(|()| ftruncate(&file, 0))
            .map_err(std::io::Error::from)
            .and_then(|()| file.write_all_at(format!("{}\n", std::process::id()).as_bytes(), 0));
        match written {
            Ok(()) => Ok(Self { file, place }),
            Err(error) => Err(place.failed(error)),
        }
    }

    /// Returns its absolute path.
    pub(super) fn path(&self) -> &Path {
        self.place.path()
    }
}

impl Drop for Pidfile {
    fn drop(&mut self) {
        if self.place.still_holds(&self.file).unwrap_or(false) {
            let _ = self.place.remove();
        }
    }
}

/// The living server of a pidfile, as proven.
#[derive(Debug)]
pub(super) struct Running {
    /// The id of its process.
    pub(super) process: u32,
    /// Its process, and no later one.
    pub(super) descriptor: OwnedFd,
}

impl Running {
    /// Looks for the server of a pidfile. The file of a server that died is removed.
    ///
    /// # Errors
    /// If there is no file, no living server, the file is none of ours, others can have written it, or the
    /// process that it names was not proven to be its server.
    pub(super) fn find(path: &Path) -> Result<Self> {
        let place = Place::of(path, Access::Look)?;
        let mut locked = Locked::Silent;
        for _ in 0..ATTEMPTS {
            let file = place.open(Access::Look)?.ok_or_else(|| missing(place.path()))?;
            if try_lock(&file, &place)? {
                let whose = whose(&content(&file, &place)?);
                if place.still_holds(&file)? {
                    place.remove()?;
                }
                return Err(stale(place.path(), &whose));
            }
            locked = Locked::look(&file, &place)?;
            if let Locked::Server { process, descriptor } = locked {
                return Ok(Self { process, descriptor });
            }
            sleep(ATTEMPT_AFTER);
        }
        Err(locked.complaint(&place))
    }
}

fn whose(content: &Content) -> String {
    match content {
        Content::Process(process) => format!("process {process}, which does not hold its lock"),
        Content::Empty => "no process".to_owned(),
    }
}

/// The content of a file that somebody has locked. All but the first may be the moment between a claim's lock and
/// what it writes, so it is looked at again.
enum Locked {
    /// Its server, which was proven to be that.
    Server { process: u32, descriptor: OwnedFd },
    /// A process that was not proven to be its server.
    Another { process: u32, doubt: Doubt },
    /// Nothing.
    Silent,
}

impl Locked {
    fn look(file: &File, place: &Place) -> Result<Self> {
        let Content::Process(process) = content(file, place)? else { return Ok(Self::Silent) };
        let stat = fstat(file).map_err(|error| place.failed(error))?;
        Ok(match proof::server(process, &stat) {
            Ok(descriptor) => Self::Server { process, descriptor },
            Err(doubt) => Self::Another { process, doubt },
        })
    }

    fn complaint(&self, place: &Place) -> Failed {
        match self {
            Self::Another { process, doubt } => unproven(place.path(), *process, doubt),
            Self::Silent | Self::Server { .. } => undecided(place.path()),
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Content {
    Empty,
    Process(u32),
}

fn content(file: &File, place: &Place) -> Result<Content> {
    let mut bytes = [0; MAX_BYTES];
    let length = file.read_at(&mut bytes, 0).map_err(|error| place.failed(error))?;
    parse(&bytes[..length]).ok_or_else(|| not_ours(place.path(), "a file with other content"))
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

fn try_lock(file: &File, place: &Place) -> Result<bool> {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(place.failed(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;
    use rustix::fs::{Mode, OFlags, open};
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
        let stop = format!("remofile stop --pidfile {}", failed.path().unwrap());
        assert!(failed.message().contains(&stop), "{}", failed.message());
        assert!(failed.message().contains(&std::process::id().to_string()));
        assert_eq!(Running::find(&path).unwrap().process, std::process::id());
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
