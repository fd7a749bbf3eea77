//! Servers of directories inside one another: neither knows of the other's clients, so each is told of the other.
//!
//! A server marks its directory, and those above it, by locks that hinder nobody: each is a shared one of a single byte, and the
//! number of that byte says who has it. So servers find each other without a walk, whichever began first and whoever runs
//! them, and nothing is left of a mark when its process ends, however that is.

use super::lock_holder::holder_of;
use super::system;
use rustix::fd::{AsFd, AsRawFd, OwnedFd};
use rustix::fs::{Mode, OFlags, fstat};
use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Directories above a served one that are marked at most, the nearest first: each costs an open file.
const MOST_ABOVE: usize = 16;

/// The marks of a server, and the other servers that it has told of.
#[derive(Debug)]
pub(super) struct NestedServers {
    /// The served directory, and those above it.
    levels: Vec<Level>,
    told: Mutex<BTreeSet<Neighbour>>,
}

/// A directory that is open, with a mark if that can be had.
#[derive(Debug)]
struct Level {
    directory: OwnedFd,
    path: PathBuf,
}

/// The reason why a server marks a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// A server, which serves it.
    Served,
    /// A server that serves a directory below.
    ServedBelow,
}

/// The process of a server; `None` if it is one of another container, where numbers mean others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Process(pub(super) Option<u32>);

/// Another server, and how many directories above it is; 0 if it is below.
type Neighbour = (usize, Process);

impl NestedServers {
    /// Marks a directory for its server, and those above it as far as they can be opened.
    pub(super) fn mark(served: impl AsFd) -> Self {
        let levels = levels_from(served);
        for (above, level) in levels.iter().enumerate() {
            marks::set(&level.directory, if above == 0 { Mark::Served } else { Mark::ServedBelow });
        }
        Self { levels, told: Mutex::default() }
    }

    /// Logs each server above or below once, and returns how many of them are new. The first look is before the server confines
    /// itself.
    pub(super) fn look(&self, is_first: bool) -> usize {
        let found = self.neighbours(is_first);
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let new: Vec<Neighbour> = found.difference(&told).copied().collect();
        for (above, process) in &new {
            match self.levels.get(*above) {
                Some(level) if *above > 0 => {
                    let above = level.path.display();
                    tracing::warn!(%above, %process, "another server serves a directory above: the two do not know of each other's clients");
                }
                _ => {
                    tracing::warn!(%process, "another server serves a directory below: the two do not know of each other's clients");
                }
            }
        }
        // One that ends and begins again is another one.
        *told = found;
        new.len()
    }

    fn neighbours(&self, is_first: bool) -> BTreeSet<Neighbour> {
        let mut found = BTreeSet::new();
        for (above, level) in self.levels.iter().enumerate() {
            let mark = if above == 0 { Mark::ServedBelow } else { Mark::Served };
            let marked = marks::of(&level.directory, mark);
            // Where no mark could be had, as in a directory that its server may enter and not read, the kernel's list may
            // tell of the lock.
            let holder = || fstat(&level.directory).ok().and_then(|stat| holder_of(&stat));
            let locked = (is_first && above > 0 && marked.is_empty()).then(holder).flatten();
            let processes = marked.into_iter().chain(locked.map(|process| Process(Some(process))));
            found.extend(processes.map(|process| (above, process)));
        }
        found
    }
}

/// Returns a server that serves a directory itself, as far as its mark tells.
pub(super) fn server_of(directory: &OwnedFd) -> Option<Process> {
    marks::of(directory, Mark::Served).into_iter().next()
}

impl Drop for NestedServers {
    fn drop(&mut self) {
        // At once, also if a process that was forked has a copy of the descriptors.
        self.levels.iter().for_each(|level| marks::clear(&level.directory));
    }
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(number) => number.fmt(f),
            None => f.write_str("of another container"),
        }
    }
}

/// Opens a directory once more, and those above it up to the topmost one.
fn levels_from(served: impl AsFd) -> Vec<Level> {
    let Some(mut directory) = open_from(&served, ".") else { return Vec::new() };
    let path = std::fs::read_link(format!("/proc/self/fd/{}", directory.as_raw_fd())).unwrap_or_default();
    let mut paths = path.ancestors();
    let mut levels = Vec::new();
    loop {
        let above = (levels.len() < MOST_ABOVE).then(|| open_from(&directory, "..")).flatten();
        let above = above.filter(|above| !is_same(above, &directory));
        let path = paths.next().unwrap_or(Path::new("..")).to_owned();
        levels.push(Level { directory, path });
        match above {
            Some(above) => directory = above,
            None => return levels,
        }
    }
}

fn open_from(directory: impl AsFd, name: &str) -> Option<OwnedFd> {
    let open = |how| system::openat(&directory, name, how | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).ok();
    #[cfg(target_os = "linux")]
    return open(OFlags::RDONLY).or_else(|| open(OFlags::PATH));
    #[cfg(not(target_os = "linux"))]
    open(OFlags::RDONLY)
}

fn is_same(one: &OwnedFd, other: &OwnedFd) -> bool {
    let place = |directory| fstat(directory).ok().map(|stat| (stat.st_dev, stat.st_ino));
    place(one) == place(other)
}

#[cfg(target_os = "linux")]
mod marks {
    use super::{Mark, Process};
    use nix::fcntl::{FcntlArg, fcntl};
    use nix::libc::{self, off_t};
    use rustix::fd::OwnedFd;
    use std::os::unix::fs::MetadataExt;
    use std::sync::OnceLock;

    /// Bits of a byte's number: the process, the container in which it has its number, and the mark.
    const PROCESS_BITS: u32 = 22;
    const CONTAINER_BITS: u32 = 32;
    const MARK_BITS: u32 = PROCESS_BITS + CONTAINER_BITS;

    /// Marks of a directory that are looked at.
    const MOST_MARKS: usize = 16;

    type Kind = libc::c_int;

    /// Sets a mark of this process, if the directory takes any.
    pub(super) fn set(directory: &OwnedFd, mark: Mark) {
        change(directory, own_byte(mark), 1, libc::F_RDLCK);
    }

    /// Clears all marks that were set by this descriptor.
    pub(super) fn clear(directory: &OwnedFd) {
        change(directory, 0, 0, libc::F_UNLCK);
    }

    /// Returns who else has such a mark there.
    pub(super) fn of(directory: &OwnedFd, mark: Mark) -> Vec<Process> {
        let mut found = Vec::new();
        let mut ranges = vec![(first_byte(mark), first_byte(mark) + (1 << MARK_BITS))];
        while let Some((start, end)) = ranges.pop() {
            let Some(lock) = lock_of(start, end - start, libc::F_WRLCK) else { continue };
            // The kernel tells one lock in the range at a time, in no order.
            let Some(byte) = conflict(directory, lock).filter(|byte| (start..end).contains(byte)) else { continue };
            found.push(process_at(byte - first_byte(mark)));
            if found.len() == MOST_MARKS {
                break;
            }
            ranges.extend([(start, byte), (byte + 1, end)].into_iter().filter(|(start, end)| start < end));
        }
        found
    }

    fn conflict(directory: &OwnedFd, mut lock: libc::flock) -> Option<u64> {
        fcntl(directory, FcntlArg::F_OFD_GETLK(&mut lock)).ok()?;
        (Kind::from(lock.l_type) != libc::F_UNLCK).then(|| u64::try_from(lock.l_start).ok()).flatten()
    }

    fn change(directory: &OwnedFd, start: u64, length: u64, kind: Kind) {
        if let Some(lock) = lock_of(start, length, kind) {
            // Where the file system has no such locks, servers inside one another are not told.
            let _changed = fcntl(directory, FcntlArg::F_OFD_SETLK(&lock));
        }
    }

    /// Makes the description of a lock; `None` where the system's numbers are too small.
    fn lock_of(start: u64, length: u64, kind: Kind) -> Option<libc::flock> {
        Some(libc::flock {
            l_type: kind.try_into().ok()?,
            l_whence: libc::SEEK_SET.try_into().ok()?,
            l_start: off_t::try_from(start).ok()?,
            l_len: off_t::try_from(length).ok()?,
            l_pid: 0,
        })
    }

    fn first_byte(mark: Mark) -> u64 {
        let number: u64 = match mark {
            Mark::Served => 1,
            Mark::ServedBelow => 2,
        };
        number << MARK_BITS
    }

    fn own_byte(mark: Mark) -> u64 {
        let process = u64::from(std::process::id()) & ((1 << PROCESS_BITS) - 1);
        first_byte(mark) + (own_container() << PROCESS_BITS) + process
    }

    pub(super) fn process_at(byte: u64) -> Process {
        let process = u32::try_from(byte & ((1 << PROCESS_BITS) - 1)).ok();
        Process(process.filter(|_| byte >> PROCESS_BITS == own_container()))
    }

    /// The number of the system's table of processes that this one is in; 0 if nobody tells. It is asked for once, before the
    /// server confines itself.
    pub(super) fn own_container() -> u64 {
        static OWN: OnceLock<u64> = OnceLock::new();
        *OWN.get_or_init(|| {
            let number = std::fs::metadata("/proc/self/ns/pid").map_or(0, |table| table.ino());
            number & ((1 << CONTAINER_BITS) - 1)
        })
    }
}

#[cfg(not(target_os = "linux"))]
mod marks {
    use super::{Mark, Process};
    use rustix::fd::OwnedFd;

    pub(super) fn set(_: &OwnedFd, _: Mark) {}

    pub(super) fn clear(_: &OwnedFd) {}

    pub(super) fn of(_: &OwnedFd, _: Mark) -> Vec<Process> {
        Vec::new()
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    fn open(path: &Path) -> OwnedFd {
        open_from(rustix::fs::CWD, path.to_str().unwrap()).unwrap()
    }

    fn make(path: &Path) -> OwnedFd {
        rustix::fs::mkdir(path, Mode::RWXU).unwrap();
        open(path)
    }

    fn own() -> Process {
        Process(Some(std::process::id()))
    }

    /// Servers of the directory that is given and far below, with those that each finds.
    #[test]
    fn servers_inside_one_another_find_each_other_whichever_began_first() {
        let outer = tempfile::tempdir().unwrap();
        let (top, _middle) = (open(outer.path()), make(&outer.path().join("a")));
        let bottom = make(&outer.path().join("a/b"));
        for (first, second, first_is_above) in [(&top, &bottom, true), (&bottom, &top, false)] {
            let (one, at_two) = if first_is_above { (0, 2) } else { (2, 0) };
            let first = NestedServers::mark(first);
            assert_eq!(first.neighbours(true), BTreeSet::new());
            let second = NestedServers::mark(second);
            assert_eq!(first.neighbours(true), BTreeSet::from([(one, own())]));
            assert_eq!(second.neighbours(true), BTreeSet::from([(at_two, own())]));
            drop(second);
            assert_eq!(first.neighbours(true), BTreeSet::new());
        }
    }

    #[test]
    fn servers_beside_one_another_and_of_the_same_directory_are_none_of_these() {
        let outer = tempfile::tempdir().unwrap();
        let both = ["a", "b"].map(|name| make(&outer.path().join(name)));
        let both = both.each_ref().map(NestedServers::mark);
        let same = ["a", "a"].map(|name| NestedServers::mark(open(&outer.path().join(name))));
        for servers in both.iter().chain(&same) {
            assert_eq!(servers.neighbours(true), BTreeSet::new());
        }
    }

    #[test]
    fn all_servers_below_are_found_and_those_above_with_their_paths() {
        let outer = tempfile::tempdir().unwrap();
        let path = outer.path().canonicalize().unwrap();
        let top = NestedServers::mark(open(&path));
        let below = ["a", "b", "c"].map(|name| NestedServers::mark(make(&path.join(name))));
        // Three marks of one process are one byte: those of other processes have bytes of their own.
        assert_eq!(marks::of(&top.levels[0].directory, Mark::ServedBelow), [own()]);
        for (server, name) in below.iter().zip(["a", "b", "c"]) {
            assert_eq!(server.levels[0].path, path.join(name));
            assert_eq!(server.levels[1].path, path);
            assert_eq!(server.neighbours(true), BTreeSet::from([(1, own())]));
        }
    }

    #[test]
    fn a_process_of_another_container_is_told_without_its_number() {
        let byte = |container: u64| (container << 22) + 77;
        assert_eq!(marks::process_at(byte(marks::own_container())).to_string(), "77");
        assert_eq!(marks::process_at(byte(marks::own_container() + 1)).to_string(), "of another container");
    }

    #[test]
    fn no_more_directories_are_kept_open_than_some_of_those_above() {
        let outer = tempfile::tempdir().unwrap();
        let deep = outer.path().join("d/".repeat(MOST_ABOVE + 9));
        std::process::Command::new("mkdir").arg("-p").arg(&deep).status().unwrap();
        assert_eq!(NestedServers::mark(open(&deep)).levels.len(), MOST_ABOVE + 1);
    }
}
