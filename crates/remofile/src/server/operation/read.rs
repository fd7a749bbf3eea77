//! A read: a part of a file that is sent.

use super::interface::{Content, Operation, OperationTurn, StartContext, Step};
use crate::carrier::clock;
use crate::server::bandwidth::{Bandwidth, Direction};
use crate::server::open_files::{FileKey, OpenFile, Piece};
use crate::store::{SourceState, StoreResult};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Done, Entry, ErrorCode, Failure, Growing, Version};
use std::sync::Arc;
use std::time::Duration;

/// The longest time for which pieces are looked at before others have their turn.
const TURN: Duration = Duration::from_millis(50);

/// A part of a file, in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    pub(super) offset: u64,
    pub(super) length: u64,
}

/// A part of a file on its way.
pub(super) struct Read {
    path: RemotePath,
    file: Arc<OpenFile>,
    growing: Option<Growing>,
    /// Size of the file as its reader sees it.
    size: u64,
    /// Position of the next byte to send. `end` is where the part ends.
    at: u64,
    end: u64,
    sent: u64,
    /// True if the part goes on where the last one ended, to the end of the file.
    is_end: bool,
    /// Pieces that are looked at again, since the file was written to.
    doubt: Option<Doubt>,
    /// The bytes that the principal may send, and the time at which it may send more, if it may not now.
    bandwidth: Arc<Bandwidth>,
    ready_at: Option<Duration>,
}

/// Pieces of a file that were sent before it was written to.
struct Doubt {
    /// The version that the file has now.
    now: Version,
    pieces: Vec<Piece>,
    /// The number of those that are unchanged.
    checked: usize,
    buffer: Vec<u8>,
}

impl Read {
    pub(super) fn new(
        context: &StartContext<'_>,
        path: RemotePath,
        part: Part,
        version: Option<Version>,
        growing: Option<Growing>,
    ) -> Result<Self, Failure> {
        let file = open(context, &path, version, growing).map_err(|failure| failure.at(&path))?;
        let follows = growing.is_some_and(|growing| growing.follow);
        let size = if follows { file.source.size_now()? } else { file.size };
        let (at, end) = (part.offset.min(size), part.offset.saturating_add(part.length).min(size));
        // Whoever follows goes on with the file that has taken its place.
        if follows && version.is_some() && at == end && file.source.has_left()? {
            return Err(Failure::new(ErrorCode::SourceChanged).at(&path));
        }
        let is_end = end == size && at < end && file.goes_on_at(at);
        let bandwidth = Arc::clone(&context.grant.bandwidth);
        Ok(Self { path, file, growing, size, at, end, sent: 0, is_end, doubt: None, bandwidth, ready_at: None })
    }

    /// Ends the read, unless pieces have to be looked at again before. Fails with `source-changed` if the file changed, so
    /// that the bytes are those of one version.
    fn end(&mut self) -> StoreResult<Option<Done>> {
        if let Some(doubt) = &mut self.doubt {
            if !doubt.look(&self.file)? {
                return Ok(None);
            }
            return Ok(Some(self.done()));
        }
        let Some(growing) = self.growing else {
            return if self.file.source.is_unchanged()? { Ok(Some(self.done())) } else { Err(changed()) };
        };
        if growing.follow {
            return Ok(Some(self.done()));
        }
        match self.file.source.state()? {
            SourceState::Unchanged => Ok(Some(self.done())),
            SourceState::Lost => Err(changed()),
            SourceState::Written(now) => {
                let pieces = self.file.doubted(now, self.is_end);
                if pieces.is_empty() {
                    return Ok(Some(self.done()));
                }
                self.doubt = Some(Doubt { now, pieces, checked: 0, buffer: Vec::new() });
                Ok(None)
            }
        }
    }

    fn done(&self) -> Done {
        let entry = Entry { size: self.size, ..self.file.source.entry().clone() };
        let identity = self.growing.and_then(|_| self.file.source.identity());
        Done { bytes: self.sent, entry: Some(entry), version: Some(self.file.version), identity, ..Done::default() }
    }
}

/// Opens a file, or finds it among those that are open.
fn open(
    context: &StartContext<'_>,
    path: &RemotePath,
    version: Option<Version>,
    growing: Option<Growing>,
) -> StoreResult<Arc<OpenFile>> {
    let key = |version| FileKey { principal: context.grant.principal.id, path: path.clone(), version };
    if let (Some(version), Some(_)) = (version, growing)
        && let Some(file) = context.open_files.find(&key(version))
    {
        return Ok(file);
    }
    let source = context.grant.store.open(path)?;
    let identity = source.identity();
    let file = match (version, growing) {
        (None, _) => OpenFile::new(source),
        (Some(version), _) if version == source.version() => OpenFile::new(source),
        // The file that it was, and not shorter: so it has grown, or got other times.
        (Some(version), Some(known))
            if identity.is_some()
                && identity == known.identity
                && (known.follow || source.entry().size >= known.size) =>
        {
            OpenFile::again(source, version, known.size)
        }
        (Some(_), _) => return Err(changed()),
    };
    let file = Arc::new(file);
    if growing.is_some() && identity.is_some() {
        context.open_files.keep(key(file.version), &file);
    }
    Ok(file)
}

impl Doubt {
    /// Looks at more pieces. Returns true when all are as they were sent.
    fn look(&mut self, file: &OpenFile) -> StoreResult<bool> {
        let began = clock::now();
        while let Some(piece) = self.pieces.get(self.checked) {
            if !file.has(*piece, &mut self.buffer)? {
                return Err(changed());
            }
            self.checked += 1;
            if clock::now() - began >= TURN {
                return Ok(false);
            }
        }
        file.proved(self.now, self.pieces.iter().map(|piece| piece.bytes()).sum());
        Ok(true)
    }
}

fn changed() -> Failure {
    ErrorCode::SourceChanged.into()
}

impl Operation for Read {
    fn step(&mut self, turn: &mut OperationTurn<'_, '_>) -> Step {
        if self.at >= self.end {
            return match self.end() {
                Ok(None) => Step::Work,
                Ok(Some(done)) => Step::Ended(Ok(done)),
                Err(failure) => Step::Ended(Err(failure.at(&self.path))),
            };
        }
        self.ready_at = self.bandwidth.wait(Direction::Sent).map(|wait| turn.now + wait);
        if self.ready_at.is_some() {
            return Step::Nothing;
        }
        let message = &mut *turn.message;
        let allowed = turn.credit.min(self.bandwidth.allowance(Direction::Sent));
        let wanted = (self.end - self.at).min(allowed).min(message.room() as u64);
        let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
        if wanted == 0 {
            return Step::Nothing;
        }
        let space = message.space(wanted);
        let count = match self.file.source.read_at(space, self.at) {
            // The end is within the size at opening: the file has become shorter since.
            Ok(0) => return Step::Ended(Err(changed().at(&self.path))),
            Ok(count) => count,
            Err(failure) => return Step::Ended(Err(failure.at(&self.path))),
        };
        if self.growing.is_some_and(|growing| !growing.follow) {
            self.file.sent(self.at, &space[..count]);
        }
        message.advance(count);
        self.bandwidth.spend(Direction::Sent, count as u64);
        (self.at, self.sent) = (self.at + count as u64, self.sent + count as u64);
        Step::Message(Content::Bytes)
    }

    fn ready_at(&self) -> Option<Duration> {
        self.ready_at
    }

    fn memory_bytes(&self) -> u64 {
        let doubt = |doubt: &Doubt| doubt.buffer.capacity() + doubt.pieces.capacity() * size_of::<Piece>();
        self.doubt.as_ref().map_or(0, |found| doubt(found) as u64)
    }
}
