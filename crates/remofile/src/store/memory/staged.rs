//! Files in memory that are not visible yet, and partials.

use super::file::{Content, MemoryFile};
use super::kept::Kept;
use super::shared::{Shared, Tree};
use super::stamps::{identity, now};
use super::tree::{Node, taken};
use crate::store::resume::LEAST_PARTIAL_BYTES;
use crate::store::{Capability, Checkpoint, Directory, ResumeAt, StagePlan, Staged, StoreResult, unsupported};
use remofile_protocol::path::{FileName, RemotePath};
use remofile_protocol::wire::{ErrorCode, Version};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A directory that files are staged in.
pub(super) struct MemoryDirectory {
    pub(super) shared: Arc<Shared>,
    /// As the caller names it, and as it really is.
    pub(super) path: RemotePath,
    pub(super) real: Vec<String>,
}

impl Directory for MemoryDirectory {
    fn stage(&self, name: &FileName, plan: &StagePlan) -> StoreResult<Box<dyn Staged>> {
        let path = self.path.child(name)?;
        let mut tree = self.shared.lock();
        tree.root.real(&path, false)?;
        if let Some(there) = tree.root.at(&self.real)?.entries.get(name.as_str()) {
            self.shared.refuse_in_the_way(there, plan.replace)?;
        }
        let kept = match plan.resume {
            None => {
                // Begun anew: nothing is left that could be taken for a part of it.
                if is_worth_keeping(plan) {
                    tree.partials.remove(&path);
                }
                None
            }
            Some(at) => Some(take_partial(&mut tree, &path, plan, at)?),
        };
        let (content, checkpoints) = match (kept, plan.resume) {
            (Some(kept), Some(at)) => kept.up_to(at.offset)?,
            _ => (Content::new(&self.shared.room), Vec::new()),
        };
        Ok(Box::new(MemoryStaged {
            shared: Arc::clone(&self.shared),
            path,
            real: self.real.clone(),
            name: name.to_string(),
            plan: *plan,
            content,
            checkpoints,
        }))
    }
}

/// Takes what is to be gone on with; what is not what it was stays.
fn take_partial(tree: &mut Tree, path: &RemotePath, plan: &StagePlan, at: ResumeAt) -> StoreResult<Kept> {
    let is_same = |kept: &Kept| {
        kept.version == at.version
            && kept.content.len() >= at.offset
            && (Some(kept.size), Some(kept.modified)) == (plan.size, plan.modified)
    };
    match tree.partials.get(path) {
        Some(kept) if is_same(kept) => {}
        _ => return Err(ErrorCode::PartialChanged.into()),
    }
    tree.partials.remove(path).ok_or_else(|| ErrorCode::PartialChanged.into())
}

struct MemoryStaged {
    shared: Arc<Shared>,
    path: RemotePath,
    real: Vec<String>,
    name: String,
    plan: StagePlan,
    content: Content,
    checkpoints: Vec<Checkpoint>,
}

impl Staged for MemoryStaged {
    fn write(&mut self, bytes: &[u8]) -> StoreResult<()> {
        self.content.write_at(bytes, self.content.len())
    }

    fn write_hole(&mut self, bytes: u64) -> StoreResult<()> {
        let end = self.content.len().checked_add(bytes).filter(|end| i64::try_from(*end).is_ok());
        self.content.set_len(end.ok_or(ErrorCode::FileTooLarge)?)
    }

    fn write_at(&mut self, bytes: &[u8], offset: u64) -> StoreResult<()> {
        self.content.write_at(bytes, offset)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> StoreResult<usize> {
        Ok(self.content.read_at(buffer, offset))
    }

    fn set_length(&mut self, length: u64) -> StoreResult<()> {
        self.content.set_len(length)
    }

    fn wants_checkpoints(&self) -> bool {
        !self.shared.has(Capability::ReadablePartials) && self.is_worth_keeping()
    }

    fn checkpoint(&mut self, checkpoint: Checkpoint) {
        self.checkpoints.push(checkpoint);
    }

    fn commit(mut self: Box<Self>) -> StoreResult<()> {
        self.try_commit()
    }

    fn try_commit(&mut self) -> StoreResult<()> {
        let Self { shared, real, name, plan, content, .. } = self;
        let modified = plan.modified.filter(|_| shared.has(Capability::Times));
        let mut tree = shared.lock();
        let folder = tree.root.at_mut(real)?;
        let there = folder.entries.get(name.as_str());
        if let Some(there) = there {
            shared.refuse_in_the_way(there, plan.replace || plan.expected.is_some())?;
        }
        if let Some(expected) = plan.expected {
            match there {
                Some(Node::File(file)) if file.version() == expected => {}
                _ => return Err(ErrorCode::SourceChanged.into()),
            }
        }
        let handed_on = match there {
            Some(Node::File(file)) => file.mode(),
            Some(_) | None => None,
        };
        let mode = plan.mode.or(handed_on).map_or(0o644, |mode| mode & 0o777);
        let content = std::mem::replace(content, Content::new(&shared.room));
        folder.insert(name, Node::File(MemoryFile::new(content, modified, Some(mode))));
        shared.is_unflushed.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn expect_version(&mut self, version: Version) -> StoreResult<()> {
        self.plan.expected = Some(version);
        Ok(())
    }

    fn retain_partial(self: Box<Self>) {
        let is_worth_keeping = self.is_worth_keeping();
        let Self { shared, path, plan, content, checkpoints, .. } = *self;
        let (Some(size), Some(modified), true) = (plan.size, plan.modified, is_worth_keeping) else { return };
        let (content, version) = (Arc::new(content), u128::from(identity()));
        let kept = Kept { content, size, modified, touched: now(), version, checkpoints };
        shared.lock().partials.insert(path, kept);
    }
}

impl MemoryStaged {
    fn is_worth_keeping(&self) -> bool {
        let is_whole_or_less = self.plan.size.is_some_and(|size| self.content.len() <= size);
        is_whole_or_less && is_worth_keeping(&self.plan) && self.shared.has(Capability::Partials)
    }
}

/// Reports whether a file is large enough for its partial to be kept, and its version known.
fn is_worth_keeping(plan: &StagePlan) -> bool {
    plan.size.is_some_and(|size| size >= LEAST_PARTIAL_BYTES) && plan.modified.is_some()
}

impl Shared {
    /// Refuses a new file where a directory is, or where what is there must stay.
    fn refuse_in_the_way(&self, there: &Node, replace: bool) -> StoreResult<()> {
        if there.is_directory() || !replace {
            return Err(taken(there));
        }
        if self.has(Capability::Replacing) { Ok(()) } else { Err(unsupported("replace files: remove it first")) }
    }
}
