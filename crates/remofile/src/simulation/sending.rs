//! Files that a simulated client sends: made from the number of their change, packed by the real packer.

use super::chance::Chance;
use super::model::{Change, Version};
use crate::carrier::MessageWriter;
use crate::client::{ConflictPolicy, Present, UploadJudge};
use crate::store::{MemoryStore, StagePlan, Store, WriteStore};
use crate::transfer::{Feed, FeedOptions, Feeding, Filter, InStore, Packed, Packer, PackerMonitor, PackerOptions};
use remofile_protocol::digest::{Digest, DigestKind, digest};
use remofile_protocol::limits::{DEFAULT_FILE_SIZE_LIMIT, DEFAULT_PAYLOAD_BYTES};
use remofile_protocol::path::{NameRule, RemotePath};
use remofile_protocol::session::ClientSession;
use remofile_protocol::wire::{Failure, Header, Links, OnConflict, OperationId, Selection, SendOptions, Timestamp};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The files of one upload, on the side of their client.
pub(super) struct Sources {
    store: Arc<MemoryStore>,
    files: Vec<(String, Digest)>,
}

impl Sources {
    /// Makes the files of an upload: no two uploads have a file of the same content and time.
    pub(super) fn make(change: Change, sources: &[(String, usize)]) -> Self {
        let store = Arc::new(MemoryStore::new());
        let mut files = Vec::new();
        for (name, size) in sources {
            let content = content(change, name, *size);
            let path: RemotePath = format!("/{name}").parse().unwrap();
            let (directory, file_name) = path.split().unwrap();
            store.make_directory(&directory, true, true).unwrap();
            let modified = Some(Timestamp::new(1_000_000 + change as i64, 0));
            let plan = StagePlan { modified, ..StagePlan::default() };
            let mut staged = store.directory(&directory).unwrap().stage(&file_name, &plan).unwrap();
            staged.write(&content).unwrap();
            staged.commit().unwrap();
            files.push((name.clone(), digest(&content)));
        }
        Self { store, files }
    }

    pub(super) fn store(&self) -> Arc<dyn Store> {
        self.store.clone()
    }

    /// The paths that they will have, and what will be there.
    pub(super) fn versions<'a>(
        &'a self,
        directory: &'a RemotePath,
    ) -> impl Iterator<Item = (RemotePath, Version)> + 'a {
        self.files.iter().map(|(name, digest)| (directory.join(name).unwrap(), Version::Content(*digest)))
    }
}

pub(super) fn content(change: Change, name: &str, size: usize) -> Vec<u8> {
    let mut content = format!("{name} {change} ").into_bytes();
    // A block again and again: what matters is that it is nobody else's.
    let mut chance = Chance::new(change as u64);
    let block: Vec<u8> = (0..32).flat_map(|_| chance.next().to_le_bytes()).collect();
    while content.len() < size {
        content.extend_from_slice(&block);
    }
    content.truncate(size);
    content
}

/// An upload that is being sent.
pub(super) struct Uploading {
    packer: Packer,
    seen: Seen,
    /// True if the server has accepted it.
    pub(super) is_granted: bool,
    is_blind: bool,
    /// True if nothing is sent before that.
    awaits_grant: bool,
    blind_bytes: u64,
    is_finished: bool,
    failed: BTreeSet<String>,
}

/// Learns what is packed.
#[derive(Default)]
struct Seen {
    packed: u64,
    failed: Vec<String>,
}

impl PackerMonitor for Seen {
    fn finished(&mut self, _path: &str, _size: u64) {
        self.packed += 1;
    }

    fn failed(&mut self, failure: &Failure) {
        self.failed.push(failure.to_string());
    }
}

impl Uploading {
    /// Begins to send files, of which those are left out that are at the destination already.
    pub(super) fn new(sources: &Sources, present: Option<Arc<Present>>, awaits_grant: bool) -> Self {
        let store: Arc<dyn Store> = sources.store.clone();
        let paths = sources.files.iter().map(|(name, _)| format!("/{name}").parse().unwrap()).collect();
        let options = FeedOptions {
            recursive: false,
            permit: Arc::new(NameRule::Posix),
            filter: Filter::of(&Selection::default()).unwrap(),
            links: Links::Skip,
            devices: false,
            hard_links: false,
        };
        let feed = Feed::new(Box::new(InStore::new(store, paths, false)), options);
        let is_blind = present.is_none();
        let feed = match present {
            None => feed,
            Some(present) => {
                let policy =
                    ConflictPolicy { on_conflict: OnConflict::Replace, ask: false, resume: true, preserve_mode: false };
                feed.judged_by(Box::new(UploadJudge { present, policy }))
            }
        };
        Self { is_blind, awaits_grant, ..Self::of(feed) }
    }

    /// Begins to send what a feed gives.
    pub(super) fn of(feed: impl Feeding + 'static) -> Self {
        let options = PackerOptions::of(SendOptions::default(), DEFAULT_FILE_SIZE_LIMIT, DigestKind::Xxh3).unwrap();
        Self {
            packer: Packer::new(feed, options).unwrap(),
            seen: Seen::default(),
            is_granted: false,
            is_blind: true,
            awaits_grant: false,
            blind_bytes: 0,
            is_finished: false,
            failed: BTreeSet::new(),
        }
    }

    /// Returns the next message, if there is one now.
    pub(super) fn produce(
        &mut self,
        machine: &mut ClientSession,
        operation: OperationId,
        blind_bytes: u64,
    ) -> Result<Option<(Header, Vec<u8>)>, String> {
        while !self.is_finished && (self.is_granted || !self.awaits_grant) {
            let limit = match self.is_blind && !self.is_granted {
                true => blind_bytes.saturating_sub(self.blind_bytes),
                false => u64::MAX,
            };
            let mut payload = Vec::new();
            let mut message = MessageWriter::new(&mut payload, 0, DEFAULT_PAYLOAD_BYTES as usize);
            match self.packer.pack(&mut message, machine.credit(operation), limit, &mut self.seen) {
                Packed::Items(items) => {
                    let bytes = message.payload_bytes();
                    payload.truncate(bytes);
                    self.blind_bytes += bytes as u64;
                    let header = machine.data(operation, items, bytes).map_err(|error| error.to_string())?;
                    return Ok(Some((header, payload)));
                }
                Packed::Working => {}
                Packed::Finished => {
                    self.is_finished = true;
                    machine.finish(operation);
                }
                Packed::Blocked | Packed::Stopped => return Ok(None),
            }
        }
        Ok(None)
    }

    /// Sends no more.
    pub(super) fn stop(&mut self) {
        self.is_finished = true;
    }

    pub(super) fn item_failed(&mut self, failure: &Failure) {
        self.is_granted = true;
        if let Some(path) = &failure.path {
            self.packer.abort(path, failure);
            self.failed.insert(path.clone());
        }
    }

    pub(super) fn packed(&self) -> u64 {
        self.seen.packed
    }

    pub(super) fn failures(&self) -> u64 {
        (self.failed.len() + self.seen.failed.len()) as u64
    }

    pub(super) fn has_failed(&self, name: &str) -> bool {
        self.failed.contains(name)
    }
}
