//! The disk of a simulation: what is visible, what of that is on it, and what is left when its power fails.
//!
//! It promises what [`crate::store::DurableStore`] does: a file that replaces another is flushed before it takes its place; a
//! new one may be visible before that and is in doubt until a flush has succeeded. On a crash of the machine any part of the
//! changes since the last flush may be lost, and of what is in doubt the bytes.

use super::chance::Chance;
use super::image::{Change, Data, Image};
use super::mutant::Mutant;
use super::store::SimulatedStore;
use crate::store::{Fsync, MemoryStore, ReadStore, ResumeStore, Source, StagePlan, Store, WriteStore};
use remofile_protocol::digest::{Digest, digest};
use remofile_protocol::handshake::ClientIdentity;
use remofile_protocol::path::RemotePath;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, Weak};

/// A disk, which outlives servers.
#[derive(Clone)]
pub(super) struct Disk(Arc<Mutex<DiskState>>);

pub(super) struct DiskState {
    pub(super) chance: Chance,
    pub(super) fsync: Fsync,
    pub(super) mutant: Option<Mutant>,
    /// Calls of 1,000 that fail, and that take their time.
    pub(super) failing: u32,
    pub(super) slow: u32,
    live: MemoryStore,
    /// The number of times the disk has come up.
    pub(super) epoch: u64,
    durable: Image,
    /// Changes since the last flush.
    pub(super) log: Vec<Change>,
    /// Files that are visible and may not be on the disk.
    pub(super) doubt: BTreeSet<RemotePath>,
    pub(super) failed_flushes: u64,
    /// Number of files that were given no time, and so got one.
    pub(super) stamps: i64,
    /// Number of files whose writing has ended, and of those whose content is on the disk since a flush that they shared.
    pub(super) written: u64,
    pub(super) flushed: u64,
    /// Files that are being written, and the sessions that do.
    pub(super) staged: Vec<(RemotePath, Writer)>,
    /// Paths that changed since the last look.
    pub(super) touched: Vec<RemotePath>,
    pub(super) broken: Option<String>,
    /// Contents that no client sent: what is left of files that were not flushed.
    damaged: Vec<Digest>,
    /// The steps at which mirrors that write to it began.
    mirrors: Vec<Weak<u64>>,
}

/// A mirror that writes to a disk, until this is dropped.
pub(super) struct MirrorGuard {
    /// The first step of the server of which a file on the disk may be: that at which the first of all mirrors that wrote to
    /// the disk beside this one began. Each puts there what it has compared, whatever another has put there meanwhile.
    pub(super) since: u64,
    _began: Arc<u64>,
}

/// A session that writes a file, and its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Writer {
    pub(super) session: u64,
    pub(super) client: Option<ClientIdentity>,
}

impl Writer {
    /// Reports whether both may write one file at once: connections of one client that is not in its own way.
    pub(super) fn may_be_beside(&self, other: &Self) -> bool {
        let are_beside = |one: ClientIdentity, other: ClientIdentity| {
            one.client == other.client && one.incarnation == other.incarnation && one.connection != other.connection
        };
        self.session == other.session
            || self.client.zip(other.client).is_some_and(|(one, other)| are_beside(one, other))
    }
}

/// The end of what a machine does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fall {
    /// The server's process: what the system has cached is still written.
    Process,
    /// The machine's power.
    Machine,
}

impl Disk {
    /// A disk with some directories.
    pub(super) fn new(chance: Chance, fsync: Fsync, mutant: Option<Mutant>, directories: &[RemotePath]) -> Self {
        let durable = Image { directories: directories.iter().cloned().collect(), ..Image::default() };
        Self(Arc::new(Mutex::new(DiskState {
            chance,
            fsync,
            mutant,
            failing: 0,
            slow: 0,
            live: live(&durable),
            epoch: 0,
            durable,
            log: Vec::new(),
            doubt: BTreeSet::new(),
            failed_flushes: 0,
            stamps: 0,
            written: 0,
            flushed: 0,
            staged: Vec::new(),
            touched: Vec::new(),
            broken: None,
            damaged: Vec::new(),
            mirrors: Vec::new(),
        })))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, DiskState> {
        self.0.lock().unwrap()
    }

    /// The store as a session of a client has it.
    pub(super) fn store(&self, session: u64, client: Option<ClientIdentity>) -> Arc<dyn Store> {
        let (state, writer) = (self.lock(), Writer { session, client });
        Arc::new(SimulatedStore { disk: self.clone(), live: state.live.clone(), epoch: state.epoch, writer })
    }

    /// Notes a mirror that writes to the disk from a step on.
    pub(super) fn begin_mirror(&self, step: u64) -> MirrorGuard {
        let (mut state, began) = (self.lock(), Arc::new(step));
        state.mirrors.retain(|other| other.strong_count() > 0);
        let since = state.mirrors.iter().filter_map(Weak::upgrade).map(|other| *other).fold(step, u64::min);
        state.mirrors.push(Arc::downgrade(&began));
        MirrorGuard { since, _began: began }
    }

    /// Brings the disk up again after a fall.
    pub(super) fn fall(&self, fall: Fall) {
        let mut state = self.lock();
        let state = &mut *state;
        state.epoch += 1;
        let image = state.survivor(fall);
        let fresh = live(&image);
        state.keep_partials(&fresh, fall);
        let in_doubt = image.files.iter().filter(|(_, file)| file.data != Data::Safe).map(|(path, _)| path.clone());
        state.doubt = in_doubt.collect();
        let known = state.durable.files.keys().cloned();
        state.touched.extend(known.chain(image.files.keys().cloned()));
        state.touched.extend(state.log.iter().flat_map(Change::paths));
        state.log.clear();
        state.staged.clear();
        state.durable = image;
        state.live = fresh;
    }
}

impl DiskState {
    /// The content of a visible file; `None` if there is none.
    pub(super) fn visible(&self, path: &RemotePath) -> Option<Vec<u8>> {
        content_of(&*self.live.open(path).ok()?)
    }

    pub(super) fn is_in_doubt(&self, path: &RemotePath) -> bool {
        self.doubt.contains(path)
    }

    /// Reports whether some content is what a fall left of a file.
    pub(super) fn is_damaged(&self, content: &[u8]) -> bool {
        self.damaged.contains(&digest(content))
    }

    /// Returns what is left of transfers.
    pub(super) fn remainder(&self) -> Option<String> {
        let partials = self.live.partials().unwrap();
        let is_left = !partials.is_empty() || !self.staged.is_empty();
        is_left.then(|| format!("partials {partials:?} and staged files {:?} are left", self.staged))
    }

    /// The tree after a fall.
    fn survivor(&mut self, fall: Fall) -> Image {
        let mut image = self.durable.clone();
        // In order, as a journal has it, or any of them, as some file systems have it.
        let first = if self.chance.one_in(2) { self.chance.below(self.log.len() + 1) } else { usize::MAX };
        let loses_any = first == usize::MAX;
        for (at, change) in self.log.iter().enumerate() {
            let survives = match (fall, loses_any) {
                (Fall::Process, _) => true,
                (Fall::Machine, true) => self.chance.one_in(2),
                (Fall::Machine, false) => at < first,
            };
            if survives {
                image.apply(change);
            }
        }
        match fall {
            Fall::Process => image.flush(),
            Fall::Machine => {
                for file in image.files.values_mut().filter(|file| file.data != Data::Safe) {
                    file.data = Data::Lost;
                    file.content = Arc::new(damaged(&mut self.chance, &file.content));
                    self.damaged.push(digest(&file.content));
                }
            }
        }
        image
    }

    /// Keeps what was kept of unfinished files, perhaps without bytes that were not on the disk.
    fn keep_partials(&mut self, fresh: &MemoryStore, fall: Fall) {
        for partial in self.live.partials().unwrap() {
            let read = self.live.read_partial(&partial.path).ok().and_then(|source| content_of(&*source));
            let Some(content) = read else { continue };
            let content = match fall {
                Fall::Process => content,
                Fall::Machine if self.chance.one_in(3) => continue,
                Fall::Machine => damaged(&mut self.chance, &content),
            };
            let plan = StagePlan { size: Some(partial.size), modified: Some(partial.modified), ..StagePlan::default() };
            let Ok((directory, name)) = partial.path.split() else { continue };
            let Ok(directory) = fresh.directory(&directory) else { continue };
            let plan = StagePlan { replace: true, ..plan };
            if let Ok(mut staged) = directory.stage(&name, &plan)
                && staged.write(&content).is_ok()
            {
                staged.retain_partial();
            }
        }
    }

    pub(super) fn change(&mut self, epoch: u64, change: Change) {
        if epoch != self.epoch {
            return;
        }
        self.touched.extend(change.paths());
        match &change {
            Change::Store(path, file) if file.data == Data::Safe => drop(self.doubt.remove(path)),
            Change::Store(path, _) => drop(self.doubt.insert(path.clone())),
            Change::Remove(path) => self.doubt.retain(|doubtful| !doubtful.is_within(path)),
            Change::Move(from, to) => {
                self.doubt.remove(to);
                if self.doubt.remove(from) {
                    self.doubt.insert(to.clone());
                }
            }
            Change::MakeDirectory(_) => {}
        }
        self.log.push(change);
        if self.fsync == Fsync::Each {
            self.flush();
        }
    }

    pub(super) fn flush(&mut self) {
        self.log.drain(..).for_each(|change| self.durable.apply(&change));
        self.durable.flush();
        self.doubt = self.lost();
    }

    fn lost(&self) -> BTreeSet<RemotePath> {
        let lost = self.durable.files.iter().filter(|(_, file)| file.data == Data::Lost);
        lost.map(|(path, _)| path.clone()).collect()
    }

    pub(super) fn fail_flush(&mut self) {
        self.failed_flushes += 1;
        for change in &mut self.log {
            if let Change::Store(_, file) = change
                && file.data == Data::Unflushed
            {
                file.data = Data::Lost;
            }
        }
    }
}

impl Change {
    fn paths(&self) -> Vec<RemotePath> {
        match self {
            Self::MakeDirectory(path) | Self::Store(path, _) | Self::Remove(path) => vec![path.clone()],
            Self::Move(from, to) => vec![from.clone(), to.clone()],
        }
    }
}

/// A store in memory with a tree.
fn live(image: &Image) -> MemoryStore {
    let store = MemoryStore::new();
    for directory in &image.directories {
        store.make_directory(directory, true, true).unwrap();
    }
    for (path, file) in &image.files {
        let (directory, name) = path.split().unwrap();
        let plan = StagePlan { modified: Some(file.modified), ..StagePlan::default() };
        let mut staged = store.directory(&directory).unwrap().stage(&name, &plan).unwrap();
        staged.write(&file.content).unwrap();
        staged.commit().unwrap();
    }
    store
}

/// Bytes of which some may not have reached the disk: those read as zeros.
fn damaged(chance: &mut Chance, content: &[u8]) -> Vec<u8> {
    let kept = match chance.below(3) {
        0 => content.len(),
        1 => 0,
        _ => chance.below(content.len() + 1),
    };
    let mut damaged = content[..kept].to_vec();
    damaged.resize(content.len(), 0);
    damaged
}

pub(super) fn content_of(source: &dyn Source) -> Option<Vec<u8>> {
    let mut content = vec![0; usize::try_from(source.entry().size).ok()?];
    let read = source.read_at(&mut content, 0).ok()?;
    content.truncate(read);
    Some(content)
}
