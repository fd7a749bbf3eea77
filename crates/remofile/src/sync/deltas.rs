//! The search for what changed in files of which both sides have a version.

mod measuring;

use super::SyncOptions;
use crate::client::Syncing;
use crate::delta::{BlocksToSign, Piece, Search};
use crate::error::{Error, Result};
use crate::store::{Source, Store};
use remofile_protocol::digest::Digest;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Element, Entry, Listed, Part, Request, ToSign};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

/// Files that are looked at together, so that they share round trips: their most number, and their most bytes.
const BATCH_FILES: usize = 64;
const BATCH_BYTES: u64 = 2 * 1024 * 1024 * 1024;

/// Pieces of all files that are remembered until they are sent (100 MiB). Beyond that, files are sent completely.
const MOST_PIECES: usize = 1 << 22;

/// Bytes of a request's header for the files that it names.
const REQUEST_BYTES: usize = 48 * 1024;

/// A file of both sides.
pub(super) struct Candidate {
    /// The index of its step.
    pub(super) index: usize,
    pub(super) path: Box<str>,
    pub(super) local_bytes: u64,
    pub(super) remote_bytes: u64,
}

/// The differences that were found in a file.
pub(super) struct Changed {
    pub(super) index: usize,
    pub(super) path: Box<str>,
    /// Pieces by which the new version is made of the old one.
    pub(super) pieces: Vec<Piece>,
    /// Entry of the file on this side.
    pub(super) local: Entry,
    /// Entry of the file on the other side. `digest` is its digest, for a download.
    pub(super) remote: Entry,
    pub(super) digest: Option<Digest>,
}

impl Changed {
    /// Reports whether nothing changed, as far as blocks tell.
    pub(super) fn is_same(&self) -> bool {
        let size = self.local.size;
        size == self.remote.size && self.pieces == [Piece::Copy { offset: 0, length: size }]
    }

    /// Returns the number of pieces that have to be sent.
    fn literals(&self) -> usize {
        self.pieces.iter().filter(|piece| matches!(piece, Piece::Literal { .. })).count()
    }
}

/// Looks at files one batch after the other.
pub(super) struct Deltas<'a> {
    pub(super) store: Arc<dyn Store>,
    pub(super) local: &'a RemotePath,
    pub(super) remote: &'a RemotePath,
    pub(super) is_upload: bool,
    /// Most parts of one file that may have to be sent. A file of more parts is sent completely.
    pub(super) most_literals: usize,
}

/// A file that is being looked at.
struct Open {
    candidate: Candidate,
    source: Box<dyn Source>,
    search: Search,
    seed: u64,
    signatures: Vec<u8>,
    /// Bytes of signatures that were asked for.
    asked_bytes: u64,
    remote: Option<(Entry, Option<Digest>)>,
    is_lost: bool,
}

impl Deltas<'_> {
    /// Finds out what changed, in those files where that is expected to take less time than to send them.
    pub(super) fn find(
        &self,
        syncing: &mut Syncing<'_>,
        candidates: Vec<Candidate>,
        options: &SyncOptions,
    ) -> Result<Vec<Changed>> {
        let (candidates, round_trip_bytes) = self.worthwhile(syncing, candidates, options)?;
        let mut found = Vec::new();
        let mut batch = Vec::new();
        let mut bytes = 0u64;
        for candidate in candidates {
            // The other side may claim any size.
            bytes = candidate.local_bytes.max(candidate.remote_bytes).saturating_add(bytes);
            batch.push(candidate);
            if batch.len() == BATCH_FILES || bytes >= BATCH_BYTES {
                self.look_at(syncing, std::mem::take(&mut batch), round_trip_bytes, &mut found)?;
                bytes = 0;
            }
        }
        self.look_at(syncing, batch, round_trip_bytes, &mut found)?;
        Ok(found)
    }

    fn look_at(
        &self,
        syncing: &mut Syncing<'_>,
        candidates: Vec<Candidate>,
        round_trip_bytes: u64,
        found: &mut Vec<Changed>,
    ) -> Result<()> {
        let room = MOST_PIECES.saturating_sub(found.iter().map(|changed| changed.pieces.len()).sum());
        let mut open: Vec<Open> =
            candidates.into_iter().filter_map(|candidate| self.open(candidate, round_trip_bytes)).collect();
        loop {
            let wanted: Vec<(usize, BlocksToSign)> =
                open.iter().enumerate().filter_map(|(at, file)| Some((at, file.wanted()?))).collect();
            if wanted.is_empty() {
                break;
            }
            self.look_for(syncing, &mut open, wanted, room)?;
        }
        let closed = open.into_iter().filter_map(|file| file.close(self.is_upload));
        found.extend(closed.filter(|changed| changed.literals() <= self.most_literals));
        Ok(())
    }

    fn open(&self, candidate: Candidate, round_trip_bytes: u64) -> Option<Open> {
        let source = self.store.open(&self.local.join(&candidate.path).ok()?).ok()?;
        // Random, so that nobody can prepare files that collide.
        let seed = RandomState::new().hash_one(candidate.index);
        let search = Search::new(source.entry().size, candidate.remote_bytes, seed).over_line(round_trip_bytes);
        Some(Open {
            candidate,
            source,
            search,
            seed,
            signatures: Vec::new(),
            asked_bytes: 0,
            remote: None,
            is_lost: false,
        })
    }

    /// Asks for signatures, as many at once as fit in a request, and looks for their blocks.
    fn look_for(
        &self,
        syncing: &mut Syncing<'_>,
        open: &mut [Open],
        wanted: Vec<(usize, BlocksToSign)>,
        room: usize,
    ) -> Result<()> {
        let (mut files, mut bytes) = (Vec::new(), 0);
        for (at, wanted) in wanted {
            let Some(file) = open.get_mut(at) else { continue };
            file.asked_bytes = wanted.signature_bytes();
            let Ok(path) = self.remote.join(&file.candidate.path) else { continue };
            let part = |range: &std::ops::Range<u64>| Part { offset: range.start, length: range.end - range.start };
            // The first time it is the whole file.
            let parts: Vec<Part> =
                if file.remote.is_none() { Vec::new() } else { wanted.ranges.iter().map(part).collect() };
            let cost = path.as_str().len() + 32 + parts.len() * 14;
            let to_sign =
                ToSign { path, block_bytes: wanted.block_bytes, seed: file.seed, parts, undigested: self.is_upload };
            if bytes + cost > REQUEST_BYTES && !files.is_empty() {
                ask(syncing, open, std::mem::take(&mut files), room)?;
                bytes = 0;
            }
            bytes += cost;
            files.push((at, to_sign));
        }
        if files.is_empty() { Ok(()) } else { ask(syncing, open, files, room) }
    }
}

/// Asks for signatures of files, and looks for their blocks while the server signs the next ones.
fn ask(syncing: &mut Syncing<'_>, open: &mut [Open], files: Vec<(usize, ToSign)>, room: usize) -> Result<()> {
    let (order, files): (Vec<usize>, Vec<ToSign>) = files.into_iter().unzip();
    let (called, looked) = syncing.list_in_background(Request::Sign { files }, |incoming, check| {
        // The server answers in the order of the request.
        let mut order = order.into_iter();
        let mut current = order.next();
        while let Some(element) = incoming.next()? {
            let Some((at, file)) = current.and_then(|at| Some((at, open.get_mut(at)?))) else { continue };
            match element {
                Element::Signatures(signatures) => file.take(&signatures, check)?,
                Element::Signed { entry, digest } => {
                    file.signed(entry, digest);
                    file.look(check)?;
                    // After each file, so that the pieces of a batch never take much more memory than they may.
                    lose_beyond(open, at, room);
                    current = order.next();
                }
                Element::Listed(Listed::Failed(_)) => {
                    // A file that cannot be signed is sent completely.
                    file.lose();
                    current = order.next();
                }
                _ => {}
            }
        }
        // Nor can one of which the server has not told anything.
        for at in current.into_iter().chain(order) {
            if let Some(file) = open.get_mut(at) {
                file.lose();
            }
        }
        Ok(())
    })?;
    match looked {
        // What ended the work is told by the request.
        Err(Error::Stopped) => called.and(Err(Error::Stopped)),
        Err(error) => Err(error),
        Ok(()) => called,
    }
}

/// Gives up the file that was just looked at if the open files have more pieces than there is room for.
fn lose_beyond(open: &mut [Open], at: usize, room: usize) {
    let pieces: usize = open.iter().map(|file| file.search.most_pieces()).sum();
    if pieces > room
        && let Some(file) = open.get_mut(at)
    {
        file.lose();
    }
}

impl Open {
    fn wanted(&self) -> Option<BlocksToSign> {
        if self.is_lost { None } else { self.search.wanted() }
    }

    /// Gives the file up: it is sent completely, and its signatures and pieces are dropped.
    fn lose(&mut self) {
        (self.is_lost, self.signatures, self.search) = (true, Vec::new(), Search::new(0, 0, 0));
    }

    /// Takes signatures of the file, and looks for what they tell already. More than were asked for are not kept.
    fn take(&mut self, signatures: &[u8], check: &(dyn Fn() -> Result<()> + Sync)) -> Result<()> {
        const MOST_BYTES: u64 = 64 * 1024 * 1024;
        let bytes = (self.signatures.len() + signatures.len()) as u64;
        if self.is_lost {
            return Ok(());
        }
        if bytes <= self.asked_bytes.min(MOST_BYTES) {
            self.signatures.extend_from_slice(signatures);
            let ahead = self.search.look_ahead(&*self.source, &self.signatures, &mut || check());
            self.keep_on(ahead)?;
        } else if bytes > self.asked_bytes && self.remote.is_some() {
            return Err(Error::Protocol("it signed more of a file than was asked for".to_owned()));
        } else {
            // The first question is for the whole file, which may have grown since it was listed.
            self.lose();
        }
        Ok(())
    }

    fn signed(&mut self, entry: Entry, digest: Option<Digest>) {
        match (&self.remote, digest) {
            // The blocks were planned for the size that was listed.
            (None, digest) if entry.size == self.candidate.remote_bytes => self.remote = Some((entry, digest)),
            (Some((before, _)), _) if before.size == entry.size && before.modified == entry.modified => {}
            // The file changed between two questions: its signatures are of two versions.
            _ => self.lose(),
        }
    }

    fn look(&mut self, check: &(dyn Fn() -> Result<()> + Sync)) -> Result<()> {
        let signatures = std::mem::take(&mut self.signatures);
        if self.is_lost {
            return Ok(());
        }
        let looked = self.search.look(&*self.source, &signatures, &mut || check());
        self.keep_on(looked)
    }

    /// Gives the file up if it cannot be searched.
    fn keep_on(&mut self, looked: Result<()>) -> Result<()> {
        match looked {
            // A file that cannot be read here is reported when it is to be sent.
            Err(Error::Local(_) | Error::Protocol(_)) => self.lose(),
            other => other?,
        }
        Ok(())
    }

    fn close(self, is_upload: bool) -> Option<Changed> {
        let Self { candidate: Candidate { index, path, .. }, source, search, remote, is_lost, .. } = self;
        let (remote, digest) = remote.filter(|_| !is_lost)?;
        let pieces = if is_upload { search.local_recipe() } else { search.remote_recipe() };
        Some(Changed { index, path, pieces, local: source.entry().clone(), remote, digest })
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests write to the disk themselves")]
mod tests {
    use super::*;
    use crate::store::{LocalStore, StoreOptions};

    fn open(bytes: usize) -> Open {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("f"), vec![1; bytes]).unwrap();
        let store = Arc::new(LocalStore::open(root.path(), StoreOptions::default()).unwrap());
        let top = RemotePath::root();
        let deltas = Deltas { store, local: &top, remote: &top, is_upload: false, most_literals: 1 };
        let size = bytes as u64;
        deltas.open(Candidate { index: 0, path: "f".into(), local_bytes: size, remote_bytes: size }, 0).unwrap()
    }

    #[test]
    fn files_of_more_pieces_than_there_is_room_for_go_whole() {
        let mut files = [open(100_000), open(100_000)];
        lose_beyond(&mut files, 1, 2);
        assert!(!files[0].is_lost && !files[1].is_lost);
        lose_beyond(&mut files, 1, 1);
        assert!(!files[0].is_lost && files[1].is_lost && files[1].wanted().is_none());
    }

    #[test]
    fn signatures_that_nobody_asked_for_are_not_kept() {
        let mut file = open(100_000);
        file.asked_bytes = file.wanted().unwrap().signature_bytes();
        let asked = vec![7; file.asked_bytes as usize];
        file.take(&asked, &|| Ok(())).unwrap();
        assert_eq!(file.signatures, asked);
        file.take(&[7; 12], &|| Ok(())).unwrap();
        assert!(file.is_lost && file.signatures.capacity() == 0 && file.wanted().is_none());
        file.take(&[7; 12], &|| Ok(())).unwrap();
        assert_eq!(file.signatures.capacity(), 0);
    }

    #[test]
    fn more_signatures_of_parts_than_were_asked_for_are_an_error() {
        let mut file = open(100_000);
        file.signed(file.source.entry().clone(), None);
        file.asked_bytes = 24;
        file.take(&[7; 24], &|| Ok(())).unwrap();
        assert!(matches!(file.take(&[7; 12], &|| Ok(())), Err(Error::Protocol(_))));
    }
}
