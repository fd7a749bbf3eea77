//! Files that stay open between the reads of a client, for a while.
//!
//! A client names a file anew with each read. A file that is replaced between two of them would be gone, and of one that
//! grows nobody could tell that it is still the same. So a server keeps what was read lately open: a bounded number of
//! files, each for a bounded time since its last read. It also remembers what it sent of each, so that a file that was
//! written to can be looked at again. What is not kept any more is opened anew; then it has to be the same file, or the
//! same version.

use super::principal::PrincipalId;
use crate::carrier::clock;
use crate::store::{Source, StoreResult};
use remofile_protocol::digest::digest;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::Version;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Files that are kept open at most.
pub(super) const MOST_OPEN: usize = 64;

/// The time for which a file is kept open after its last read.
const KEPT_FOR: Duration = Duration::from_secs(60);

/// Pieces that are remembered of a file at most, the last ones: some 100 KiB.
const MOST_PIECES: usize = 4096;

/// The files that a server keeps open.
#[derive(Default)]
pub(super) struct OpenFiles(Mutex<Vec<Kept>>);

/// A file as one client knows it.
pub(super) struct OpenFile {
    pub(super) source: Box<dyn Source>,
    /// The version that its reader began with, and the size that it had.
    pub(super) version: Version,
    pub(super) size: u64,
    history: Mutex<History>,
}

/// The name of an open file: whose it is, its path as they see it, and the version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileKey {
    pub(super) principal: PrincipalId,
    pub(super) path: RemotePath,
    pub(super) version: Version,
}

struct Kept {
    key: FileKey,
    file: Arc<OpenFile>,
    used: Instant,
}

/// A part of a file that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    offset: u64,
    length: u32,
    digest: u64,
}

/// The parts of a file that were sent.
#[derive(Default)]
struct History {
    pieces: VecDeque<Piece>,
    /// Bytes of the pieces that were found unchanged, and of those that came since.
    proved: u64,
    unproved: u64,
    /// The version at which they were found unchanged.
    proved_at: Option<Version>,
    /// The end of the last piece.
    end: u64,
}

impl OpenFiles {
    fn lock(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the number of files that are open.
    pub(super) fn count(&self) -> usize {
        self.lock().len()
    }

    /// Returns the file of this name, if it is still open.
    pub(super) fn find(&self, key: &FileKey) -> Option<Arc<OpenFile>> {
        let mut kept = self.lock();
        let found = kept.iter_mut().find(|kept| kept.key.version == key.version && kept.key == *key)?;
        found.used = clock::now();
        Some(Arc::clone(&found.file))
    }

    /// Keeps a file open. The one that was read least lately makes room.
    pub(super) fn keep(&self, key: FileKey, file: &Arc<OpenFile>) {
        let (now, mut kept) = (clock::now(), self.lock());
        let oldest = |kept: &[Kept]| kept.iter().enumerate().min_by_key(|(_, kept)| kept.used).map(|(at, _)| at);
        let gone = match kept.iter().position(|kept| kept.key == key) {
            Some(same) => Some(kept.swap_remove(same)),
            None if kept.len() >= MOST_OPEN => oldest(&kept).map(|at| kept.swap_remove(at)),
            None => None,
        };
        kept.push(Kept { key, file: Arc::clone(file), used: now });
        drop(kept);
        // Closed without the lock: the last name of a large file may be gone.
        drop(gone);
    }

    /// Returns the time at which there is a file to close.
    pub(super) fn next_close(&self) -> Option<Instant> {
        self.lock().iter().map(|kept| kept.used).min().map(|used| used + KEPT_FOR)
    }

    /// Takes the files that were not read for long, to be closed where nobody waits.
    pub(super) fn take_old(&self, now: Instant) -> Vec<Arc<OpenFile>> {
        let mut kept = self.lock();
        let old = kept.extract_if(.., |kept| kept.used + KEPT_FOR <= now);
        old.map(|kept| kept.file).collect()
    }
}

impl OpenFile {
    /// Makes a file of one that was opened now.
    pub(super) fn new(source: Box<dyn Source>) -> Self {
        let (version, size) = (source.version(), source.entry().size);
        Self::again(source, version, size)
    }

    /// Makes a file of one that was opened again: its reader began with this version.
    pub(super) fn again(source: Box<dyn Source>, version: Version, size: u64) -> Self {
        Self { source, version, size, history: Mutex::default() }
    }

    fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of bytes that are sent.
    pub(super) fn sent(&self, offset: u64, bytes: &[u8]) {
        let piece = Piece { offset, length: u32::try_from(bytes.len()).unwrap_or(u32::MAX), digest: digest_of(bytes) };
        let mut history = self.history();
        if history.pieces.len() == MOST_PIECES {
            history.pieces.pop_front();
        }
        history.pieces.push_back(piece);
        history.unproved += u64::from(piece.length);
        history.end = offset + u64::from(piece.length);
    }

    /// Reports whether a read goes on where the last one ended.
    pub(super) fn goes_on_at(&self, offset: u64) -> bool {
        self.history().end == offset
    }

    /// Returns the pieces to look at again, of a file that has this version now. That is not done for each read of a file
    /// that is always written to, but when twice as much was read as the last time, and for the end of a file that is read
    /// from one end to the other.
    pub(super) fn doubted(&self, now: Version, is_end: bool) -> Vec<Piece> {
        let history = self.history();
        let is_due = history.proved_at != Some(now) && (is_end || history.unproved >= history.proved);
        if is_due { history.pieces.iter().copied().collect() } else { Vec::new() }
    }

    /// Takes note that the pieces are unchanged at this version.
    pub(super) fn proved(&self, now: Version, bytes: u64) {
        let mut history = self.history();
        (history.proved, history.unproved, history.proved_at) = (bytes, 0, Some(now));
    }

    /// Reports whether a piece is still in the file as it was sent.
    ///
    /// # Errors
    /// `disk-failure`, ...
    pub(super) fn has(&self, piece: Piece, buffer: &mut Vec<u8>) -> StoreResult<bool> {
        buffer.resize(piece.length as usize, 0);
        let count = self.source.read_at(buffer, piece.offset)?;
        Ok(count == buffer.len() && digest_of(buffer) == piece.digest)
    }
}

impl Piece {
    pub(super) fn bytes(self) -> u64 {
        self.length.into()
    }
}

fn digest_of(bytes: &[u8]) -> u64 {
    digest(bytes).first_chunk().map_or(0, |half| u64::from_be_bytes(*half))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{LocalStore, ReadStore, StoreOptions};

    #[expect(clippy::disallowed_methods, reason = "a test prepares its files itself")]
    fn opened(directory: &tempfile::TempDir, name: &str) -> (FileKey, Arc<OpenFile>) {
        std::fs::write(directory.path().join(name), name).unwrap();
        let store = LocalStore::open(directory.path(), StoreOptions::default()).unwrap();
        let path: RemotePath = format!("/{name}").parse().unwrap();
        let file = Arc::new(OpenFile::new(store.open(&path).unwrap()));
        (FileKey { principal: PrincipalId(0), path, version: file.version }, file)
    }

    #[test]
    fn as_many_files_as_there_may_be_stay_open_and_each_for_a_while() {
        let directory = tempfile::tempdir().unwrap();
        let files = OpenFiles::default();
        assert_eq!(files.next_close(), None);
        let keys: Vec<FileKey> = (0..=MOST_OPEN)
            .map(|number| {
                let (key, file) = opened(&directory, &format!("f{number}"));
                files.keep(key.clone(), &file);
                key
            })
            .collect();
        assert!(files.find(&keys[0]).is_none(), "it has made room");
        assert!(keys[1..].iter().all(|key| files.find(key).is_some()));
        let other = FileKey { principal: PrincipalId(1), ..keys[1].clone() };
        assert!(files.find(&other).is_none(), "it is somebody else's");
        let first = files.next_close().unwrap();
        assert!(files.take_old(first - Duration::from_millis(1)).is_empty());
        assert_eq!(files.take_old(first + KEPT_FOR).len(), MOST_OPEN);
        assert_eq!(files.next_close(), None);
    }

    #[test]
    fn what_was_sent_is_looked_at_again_ever_more_rarely_and_at_the_end() {
        let directory = tempfile::tempdir().unwrap();
        let (_, file) = opened(&directory, "abcdef");
        let version = |number: u8| Version([number; 16]);
        file.sent(0, b"ab");
        let doubted = file.doubted(version(1), false);
        assert_eq!(doubted.len(), 1);
        assert!(file.has(doubted[0], &mut Vec::new()).unwrap());
        file.proved(version(1), 2);
        file.sent(2, b"c");
        assert!(file.doubted(version(1), true).is_empty(), "it is the same version still");
        assert!(file.doubted(version(2), false).is_empty(), "too little has come since");
        assert_eq!(file.doubted(version(2), true).len(), 2);
        file.sent(3, b"x");
        let doubted = file.doubted(version(2), false);
        assert!(!file.has(doubted[2], &mut Vec::new()).unwrap());
    }
}
