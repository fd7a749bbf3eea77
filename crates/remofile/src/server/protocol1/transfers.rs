//! The two kinds of transfers of protocol 1: chunk by chunk, one answer each.

use crate::store::{Source, SourceState, StagePlan, Staged, Store, StoreResult};
use remofile_protocol::digest::Digester;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{ErrorCode, Failure};

/// A file that is being received. Dropped, nothing is left of it.
pub(super) struct Upload {
    staged: Box<dyn Staged>,
    left: u64,
    chunk_size: usize,
}

/// The outcome of taking a chunk.
pub(super) enum Taken {
    More,
    /// The chunk was the last one.
    Complete,
    /// The chunk does not have the size that it must have.
    Misfit,
}

impl Upload {
    pub(super) fn begin(store: &dyn Store, path: &RemotePath, size: u64, chunk_size: usize) -> StoreResult<Self> {
        let (directory, name) = path.split()?;
        match store.stat(path) {
            // The store itself looks only when the file is complete.
            Ok(_) => return Err(ErrorCode::AlreadyExists.into()),
            Err(failure) if failure.code == ErrorCode::NotFound => {}
            Err(failure) => return Err(failure),
        }
        let plan = StagePlan { size: Some(size), ..StagePlan::default() };
        let staged = store.directory(&directory)?.stage(&name, &plan)?;
        Ok(Self { staged, left: size, chunk_size })
    }

    pub(super) fn take(&mut self, chunk: &[u8]) -> StoreResult<Taken> {
        let expected = usize::try_from(self.left).unwrap_or(usize::MAX).min(self.chunk_size);
        if chunk.len() != expected {
            return Ok(Taken::Misfit);
        }
        self.staged.write(chunk)?;
        self.left -= chunk.len() as u64;
        Ok(if self.left == 0 { Taken::Complete } else { Taken::More })
    }

    /// Reports whether nothing is missing behind so many bytes more.
    pub(super) fn is_completed_by(&self, bytes: usize) -> bool {
        self.left <= bytes as u64
    }

    /// Makes the file visible.
    pub(super) fn commit(self) -> StoreResult<()> {
        self.staged.commit()
    }
}

/// The largest file that is read once more before its last chunk, if it was written to meanwhile: the chunk waits for
/// that.
const MOST_REREAD_BYTES: u64 = 64 * 1024 * 1024;

/// A file that is being sent.
pub(super) struct Download {
    source: Box<dyn Source>,
    size: u64,
    sent: u64,
    chunk_size: usize,
    digester: Digester,
}

/// The next bytes.
pub(super) enum Given {
    Part(Vec<u8>),
    Last(Vec<u8>),
}

impl Download {
    pub(super) fn begin(store: &dyn Store, path: &RemotePath, chunk_size: usize) -> StoreResult<Self> {
        // Looked at first, since protocol 1 tells a missing directory from a missing file.
        let (directory, _) = path.split()?;
        if let Err(failure) = store.directory(&directory) {
            let missing = matches!(failure.code, ErrorCode::NotFound | ErrorCode::NotADirectory);
            return Err(if missing { ErrorCode::NotADirectory.into() } else { failure });
        }
        let source = store.open(path)?;
        let size = source.entry().size;
        Ok(Self { source, size, sent: 0, chunk_size, digester: Digester::new() })
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    pub(super) fn give(&mut self) -> StoreResult<Given> {
        let left = self.size - self.sent;
        let mut chunk = vec![0; usize::try_from(left).unwrap_or(usize::MAX).min(self.chunk_size)];
        if self.source.read_at(&mut chunk, self.sent)? != chunk.len() {
            return Err(changed());
        }
        self.sent += chunk.len() as u64;
        self.digester.update(&chunk);
        if self.sent < self.size {
            return Ok(Given::Part(chunk));
        }
        // Chunks of two versions must not pass for one file.
        if self.is_whole()? { Ok(Given::Last(chunk)) } else { Err(changed()) }
    }

    /// Reports whether what was sent is what the file had when it was opened. Of a large file that was written to, that
    /// is believed if it has grown.
    fn is_whole(&self) -> StoreResult<bool> {
        match self.source.state()? {
            SourceState::Unchanged => Ok(true),
            SourceState::Lost => Ok(false),
            SourceState::Written(_) if self.size > MOST_REREAD_BYTES => Ok(self.source.size_now()? > self.size),
            SourceState::Written(_) => {
                let (mut again, mut at) = (Digester::new(), 0);
                let mut buffer = vec![0; 256 * 1024];
                while at < self.size {
                    let wanted = usize::try_from(self.size - at).unwrap_or(usize::MAX).min(buffer.len());
                    if self.source.read_at(&mut buffer[..wanted], at)? < wanted {
                        return Ok(false);
                    }
                    again.update(&buffer[..wanted]);
                    at += wanted as u64;
                }
                Ok(again.finish() == self.digester.finish())
            }
        }
    }
}

fn changed() -> Failure {
    ErrorCode::SourceChanged.into()
}
