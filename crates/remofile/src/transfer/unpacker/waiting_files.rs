//! The files that wait for a flush, and their bounds.

use super::super::receiving::{CompleteFile, FileNames};
use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Files that wait for one flush at most; each is open, and so may be its directory. As many may be in the flush before.
const MOST_FILES: usize = 1024;

/// Bytes of content in files that wait for one flush: with more it would take too long.
const MOST_BYTES: u64 = 64 * 1024 * 1024;

/// The part of what may wait with which a flush begins that nobody waits for, as its inverse.
const EARLY: usize = 2;

/// The longest time that a complete file waits while others come. In tests of the library it is out of reach, so that a slow
/// machine flushes no earlier than the test expects.
pub const LONGEST_WAIT: Duration = Duration::from_secs(if cfg!(test) { 60 } else { 1 });

/// Descriptors of a process for each file that may wait in it: most are for other things.
const DESCRIPTORS_A_FILE: u64 = 8;

/// Memory of a file that waits, beside its paths, in bytes.
const FILE_BYTES: usize = 512;

/// The files of this process that wait.
static IN_PROCESS: AtomicUsize = AtomicUsize::new(0);

/// Files that wait for a flush.
#[derive(Default)]
pub(super) struct WaitingFiles {
    pub(super) files: Vec<(CompleteFile, InProcess)>,
    /// Their paths as they were sent, and as they will be, in small letters.
    pub(super) paths: HashSet<String>,
    /// The directories above them.
    directories: HashSet<String>,
    bytes: u64,
    path_bytes: usize,
    limits: Limits,
    since: Option<Instant>,
    pub(super) is_due: bool,
}

#[derive(Default)]
struct Limits {
    in_process: usize,
    bytes: u64,
}

/// One of the files of this process that wait.
pub(super) struct InProcess;

impl InProcess {
    fn new() -> Self {
        IN_PROCESS.fetch_add(1, Ordering::Relaxed);
        Self
    }
}

impl Drop for InProcess {
    fn drop(&mut self) {
        IN_PROCESS.fetch_sub(1, Ordering::Relaxed);
    }
}

impl WaitingFiles {
    /// Adds a file. `most_bytes` is the limit for those that wait together, beside the general one.
    pub(super) fn push(&mut self, file: CompleteFile, most_bytes: impl FnOnce() -> u64) {
        if self.files.is_empty() {
            self.limits = Limits { in_process: most_in_process(), bytes: MOST_BYTES.min(most_bytes()) };
        }
        let FileNames { sent_as, stored_as } = file.names();
        self.add_path(sent_as);
        if sent_as != stored_as {
            self.add_path(stored_as);
        }
        self.bytes = self.bytes.saturating_add(file.bytes());
        self.files.push((file, InProcess::new()));
        self.since.get_or_insert_with(Instant::now);
        self.is_due |= self.files.len() >= MOST_FILES
            || self.bytes >= self.limits.bytes
            || IN_PROCESS.load(Ordering::Relaxed) >= self.limits.in_process;
        self.look_at_clock();
    }

    /// Reports whether there are enough files for a flush beside those that come meanwhile.
    pub(super) fn are_many(&self) -> bool {
        let has_many_bytes = self.files.len() > 1 && self.bytes >= self.limits.bytes / EARLY as u64;
        self.files.len() >= MOST_FILES / EARLY || has_many_bytes
    }

    /// Makes a flush due if the first file has waited for long.
    pub(super) fn look_at_clock(&mut self) {
        self.is_due |= self.since.is_some_and(|since| since.elapsed() >= LONGEST_WAIT);
    }

    #[cfg(test)]
    pub(super) fn have_waited(&mut self, time: Duration) {
        self.since = self.since.and_then(|since| since.checked_sub(time));
    }

    fn add_path(&mut self, path: &str) {
        let path = path.to_lowercase();
        self.path_bytes += path.len();
        let mut rest = &*path;
        while let Some((directory, _)) = rest.rsplit_once('/')
            && self.directories.insert(directory.to_owned())
        {
            self.path_bytes += directory.len();
            rest = directory;
        }
        self.paths.insert(path);
    }

    /// Reports whether a path is that of a file that waits, or of a directory above one.
    pub(super) fn meets(&self, path: &str) -> bool {
        let path = path.to_lowercase();
        self.paths.contains(&path) || self.directories.contains(&path)
    }

    pub(super) fn memory_bytes(&self) -> usize {
        // The files themselves may be with the thread that commits them.
        self.paths.len() * FILE_BYTES + self.path_bytes
    }
}

fn most_in_process() -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    limit.map_or(MOST_FILES, |limit| usize::try_from(limit / DESCRIPTORS_A_FILE).unwrap_or(MOST_FILES)).max(1)
}
