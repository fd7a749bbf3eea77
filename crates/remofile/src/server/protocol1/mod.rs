//! Protocol 1, the documented one: a request, a response, four states.
//!
//! Participants: the carrier of messages hands each request to a [`Session`] and sends its answer back. Goals:
//! clients written against the documentation work unchanged, and nothing that they do or leave undone hangs the
//! server or others. Non-goals: speed, and everything that `docs/protocol-1.md` does not name.

mod answers;
mod transfers;

use super::leases::{self, Answer, Claim};
use super::max_hold::MaxHold;
use super::session::{Peer, SharedState};
use crate::budget::{Budget, Reservation};
use crate::store::{FlushMark, Fsync, StoreResult};
use crate::transfer::Access;
use answers::{Refusals, busy};
use remofile_protocol::path::{FileName, RemotePath};
use remofile_protocol::protocol1::{ListedFile, Request, Response};
use remofile_protocol::wire::{Entry, ErrorCode, Failure, Kind, Listed, OperationId, Timestamp};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use transfers::{Download, Given, Taken, Upload};

/// Memory of a file in the answer to a request for a listing, beside its name, in bytes.
const ANSWER_BYTES_A_FILE: usize = 64;

/// So much more is reserved at once, in bytes, that it is done rarely.
const RESERVED_AHEAD: u64 = 64 * 1024;

/// One connection of protocol 1.
pub(super) struct Session {
    shared: Arc<SharedState>,
    peer: Peer,
    state: TransferState,
    /// Of the lease that was claimed last.
    operation: OperationId,
    /// Position in the history of flushes at which that lease was claimed.
    begun: FlushMark,
}

/// The documented states; removals are over before they are answered.
enum TransferState {
    /// `was_download`: a download ended with the last answer, and its client may still want to cancel it.
    Idle {
        was_download: bool,
    },
    /// `since` the last word of the client. `hold` learns of chunks alone: listings do not move a transfer.
    Uploading {
        upload: Upload,
        since: Duration,
        hold: MaxHold,
    },
    Downloading {
        download: Download,
        since: Duration,
        hold: MaxHold,
    },
}

/// A file as requests name it.
#[derive(Clone, Copy)]
struct FileNamed<'a> {
    name: &'a str,
    directory: &'a str,
}

impl Session {
    pub(super) fn new(shared: Arc<SharedState>, peer: Peer) -> Self {
        let begun = peer.grant.store.flush_mark();
        Self {
            shared,
            peer,
            state: TransferState::Idle { was_download: false },
            operation: OperationId::SESSION,
            begun,
        }
    }

    /// Answers a request.
    pub(super) fn answer(&mut self, now: Duration, request: &[u8]) -> Vec<u8> {
        let Ok(request) = Request::decode(request) else {
            return Response::BadRequest.encode();
        };
        if self.shared.stopping.load(Ordering::Acquire) {
            return answers::other(&ErrorCode::ShuttingDown.into()).encode();
        }
        match &mut self.state {
            TransferState::Uploading { since, .. } | TransferState::Downloading { since, .. } => *since = now,
            TransferState::Idle { .. } => {}
        }
        // A cancel may cross the last chunk of a download; any other request shows that the client has that chunk.
        let was_download = matches!(self.state, TransferState::Idle { was_download: true });
        if was_download {
            self.state = TransferState::Idle { was_download: false };
        }
        match (request, &self.state) {
            (Request::ListFiles { directory }, _) => self.list(directory.as_str()).encode(),
            (Request::SendChunk { data }, TransferState::Uploading { .. }) => self.take_chunk(now, &data).encode(),
            (Request::ReceiveChunk, TransferState::Downloading { .. }) => self.give_chunk(now),
            (Request::CancelTransfer, TransferState::Uploading { .. } | TransferState::Downloading { .. }) => {
                self.end_transfer(false);
                Response::TransferCancelled.encode()
            }
            (Request::CancelTransfer, TransferState::Idle { .. }) if was_download => {
                Response::TransferCancelled.encode()
            }
            (request, TransferState::Idle { .. }) => self.begin(now, request).encode(),
            _ => Response::BadRequest.encode(),
        }
    }

    fn begin(&mut self, now: Duration, request: Request<'_>) -> Response<'static> {
        match request {
            Request::CreateFile { name, directory } => self.create(Kind::File, &name, directory.as_str()),
            Request::MakeDirectory { name, directory } => self.create(Kind::Directory, &name, directory.as_str()),
            Request::RemoveFile { name, directory } => self.remove(&name, directory.as_str()),
            Request::UploadFile { name, directory, file_size, chunk_size } => {
                let file = FileNamed { name: &name, directory: directory.as_str() };
                self.begin_upload(now, file, file_size, chunk_size)
            }
            Request::DownloadFile { name, directory, chunk_size } => {
                let file = FileNamed { name: &name, directory: directory.as_str() };
                self.begin_download(now, file, chunk_size)
            }
            _ => Response::BadRequest,
        }
    }

    /// Runs something that needs the lease for as long as it takes.
    fn with_lease(
        &mut self,
        access: leases::Access,
        activity: &'static str,
        run: impl FnOnce(&Self) -> Response<'static>,
    ) -> Response<'static> {
        if let Err(busy) = self.claim(access, activity) {
            return busy;
        }
        let response = run(self);
        self.release();
        response
    }

    fn claim(&mut self, access: leases::Access, activity: &'static str) -> Result<(), Response<'static>> {
        self.operation = OperationId(self.operation.0 + 1);
        self.begun = self.peer.grant.store.flush_mark();
        let claim = Claim {
            session: self.peer.session,
            operation: self.operation,
            access,
            group: None,
            client: self.peer.client.clone(),
            address: self.peer.address.clone(),
            activity,
        };
        match self.shared.leases.claim(Instant::now(), claim, None) {
            Answer::Granted => Ok(()),
            Answer::Busy(holders) => Err(busy(&holders)),
        }
    }

    fn release(&self) {
        self.shared.leases.release_session(Instant::now(), self.peer.session);
    }

    fn list(&mut self, directory: &str) -> Response<'static> {
        let path = spelled(directory).map_err(Misplaced::Directory);
        let path = match path.and_then(|path| self.authorised(Access::Read, path)) {
            Ok(path) => path,
            Err(refused) => return refused.or(Response::FileNotFound),
        };
        let list = |session: &Self| match session.listed(&path) {
            Ok(files) => Response::FilesListed(files),
            Err(failure) => Refusals::LISTING.response(&failure),
        };
        match self.state {
            // It has its lease, which a listing must not end.
            TransferState::Uploading { .. } | TransferState::Downloading { .. } => list(self),
            TransferState::Idle { .. } => self.with_lease(leases::Access::Read, "list", list),
        }
    }

    fn listed(&self, directory: &RemotePath) -> StoreResult<Vec<ListedFile>> {
        let mut walk = self.peer.grant.store.walk(directory, false)?;
        let (mut files, mut bytes) = (Vec::new(), walk.memory_bytes());
        let memory = Budget::of_session(&self.shared.memory, self.peer.grant.principal.limits.session_memory);
        let mut memory = Reservation::new(&memory);
        while let Some(listed) = walk.next() {
            // A file whose name cannot be written is left out.
            let Listed::Entry(entry) = listed else { continue };
            let Some(name) = entry.path.file_name() else { continue };
            let entry = match entry.kind {
                // Protocol 1 has no links: one is listed as the file it leads to, if that is in reach.
                Kind::Link => self.peer.grant.store.stat(&entry.path).unwrap_or(entry),
                _ => entry,
            };
            // As it is kept until the answer is made, and in that.
            bytes += (2 * size_of::<ListedFile>() + 3 * name.as_str().len() + ANSWER_BYTES_A_FILE) as u64;
            if bytes > memory.bytes() {
                memory.resize(bytes + RESERVED_AHEAD)?;
            }
            files.push(described(&name, &entry));
        }
        Ok(files)
    }

    fn create(&mut self, kind: Kind, name: &str, directory: &str) -> Response<'static> {
        let path = match self.place(Access::Create, name, directory) {
            Ok(path) => path,
            Err(refused) => return refused.or(Response::FileNotFound),
        };
        self.with_lease(leases::Access::Write, "create", |session| {
            let store = &session.peer.grant.store;
            let created = match kind {
                Kind::Directory => store.make_directory(&path, false, false).map(drop),
                _ => store.create_file(&path, false),
            };
            match created.and_then(|()| session.make_durable()) {
                Ok(()) if kind == Kind::Directory => Response::DirectoryCreated,
                Ok(()) => Response::FileCreated,
                Err(failure) => Refusals::CREATION.response(&failure),
            }
        })
    }

    fn remove(&mut self, name: &str, directory: &str) -> Response<'static> {
        let path = match self.place(Access::Remove, name, directory) {
            Ok(path) => path,
            Err(refused) => return refused.or(Response::FileNotFound),
        };
        self.with_lease(leases::Access::Write, "remove", |session| {
            let removed = session.peer.grant.store.remove(&path);
            match removed.and_then(|_| session.make_durable()) {
                Ok(()) => Response::FileRemoved,
                Err(failure) => Refusals::CREATION.response(&failure),
            }
        })
    }

    fn begin_upload(
        &mut self,
        now: Duration,
        file: FileNamed<'_>,
        file_size: i64,
        chunk_size: i64,
    ) -> Response<'static> {
        // Empty files are made by `CREATE_FILE`: an upload without chunks would have no last one to answer.
        let Some(size) = u64::try_from(file_size).ok().filter(|size| self.admits_size(*size) && *size > 0) else {
            return Response::IncorrectFileSize;
        };
        let Some(chunk_size) = self.chunk_size(chunk_size) else {
            return Response::IncorrectChunkSize;
        };
        let path = match self.place(Access::Create, file.name, file.directory) {
            Ok(path) => path,
            Err(refused) => return refused.or(Response::NotADirectory),
        };
        if let Err(busy) = self.claim(leases::Access::Write, "upload") {
            return busy;
        }
        match Upload::begin(&*self.peer.grant.store, &path, size, chunk_size) {
            Ok(upload) => {
                self.state = TransferState::Uploading { upload, since: now, hold: self.hold(now) };
                Response::TransferAccepted { file_size: None }
            }
            Err(failure) => {
                self.release();
                Refusals::UPLOAD.response(&failure)
            }
        }
    }

    fn begin_download(&mut self, now: Duration, file: FileNamed<'_>, chunk_size: i64) -> Response<'static> {
        let Some(chunk_size) = self.chunk_size(chunk_size) else {
            return Response::IncorrectChunkSize;
        };
        let path = match self.place(Access::Read, file.name, file.directory) {
            Ok(path) => path,
            Err(refused) => return refused.or(Response::NotADirectory),
        };
        if let Err(busy) = self.claim(leases::Access::Read, "download") {
            return busy;
        }
        match Download::begin(&*self.peer.grant.store, &path, chunk_size) {
            Ok(download) if self.admits_size(download.size()) => {
                let size = download.size();
                self.state = TransferState::Downloading { download, since: now, hold: self.hold(now) };
                Response::TransferAccepted { file_size: Some(size) }
            }
            refused => {
                self.release();
                match refused {
                    Ok(_too_large) => Response::IncorrectFileSize,
                    Err(failure) => Refusals::DOWNLOAD.response(&failure),
                }
            }
        }
    }

    fn hold(&self, now: Duration) -> MaxHold {
        let mut hold = MaxHold::new(self.shared.options.max_hold);
        hold.progressed(now);
        hold
    }

    fn take_chunk(&mut self, now: Duration, chunk: &[u8]) -> Response<'static> {
        let TransferState::Uploading { upload, hold, .. } = &mut self.state else {
            return Response::BadRequest;
        };
        let (response, is_over) = match upload.take(chunk) {
            Ok(Taken::More) => {
                hold.progressed(now);
                return Response::ChunkReceived;
            }
            Ok(Taken::Misfit) => (Response::BadRequest, true),
            Err(failure) => (answers::other(&failure), true),
            Ok(Taken::Complete) => match self.commit() {
                Ok(()) => (Response::TransferCompleted { data: None }, true),
                // Taken by somebody else meanwhile, among others.
                Err(failure) => (answers::other(&failure), true),
            },
        };
        if is_over {
            self.end_transfer(false);
        }
        response
    }

    fn commit(&mut self) -> StoreResult<()> {
        // Whether it succeeds or fails, nothing is left of the upload afterwards.
        let state = std::mem::replace(&mut self.state, TransferState::Idle { was_download: false });
        if let TransferState::Uploading { upload, .. } = state {
            upload.commit()?;
        }
        self.make_durable()
    }

    fn give_chunk(&mut self, now: Duration) -> Vec<u8> {
        let TransferState::Downloading { download, hold, .. } = &mut self.state else {
            return Response::BadRequest.encode();
        };
        match download.give() {
            Ok(Given::Part(data)) => {
                hold.progressed(now);
                Response::ChunkSent(data.into()).encode()
            }
            Ok(Given::Last(data)) => {
                let response = Response::TransferCompleted { data: Some(data.into()) }.encode();
                // Its client may cancel before it has this answer.
                self.end_transfer(true);
                response
            }
            Err(failure) => {
                self.end_transfer(false);
                answers::other(&failure).encode()
            }
        }
    }

    fn end_transfer(&mut self, was_download: bool) {
        self.state = TransferState::Idle { was_download };
        self.release();
    }

    fn admits_size(&self, size: u64) -> bool {
        size <= self.peer.grant.principal.limits.file_size
    }

    fn chunk_size(&self, size: i64) -> Option<usize> {
        let (least, most) = self.shared.options.chunk_size_range;
        let size = u32::try_from(size).ok()?;
        (least..=most).contains(&size).then_some(size as usize)
    }

    fn make_durable(&self) -> StoreResult<()> {
        match self.shared.options.fsync {
            Fsync::End => self.peer.grant.store.sync(self.begun),
            Fsync::None | Fsync::Each => Ok(()),
        }
    }

    /// The path of a name in a directory, if it may be used so.
    fn place(&self, access: Access, name: &str, directory: &str) -> Result<RemotePath, Misplaced> {
        let name = FileName::parse(name, self.peer.grant.names).map_err(|_| Misplaced::Name)?;
        let directory = spelled(directory).map_err(Misplaced::Directory)?;
        self.authorised(access, directory.child(&name).map_err(|_| Misplaced::Name)?)
    }

    /// The path, if it may be used so. If it has a name that the rule forbids, that is one of the directory's.
    fn authorised(&self, access: Access, path: RemotePath) -> Result<RemotePath, Misplaced> {
        match self.peer.grant.authorise(access, &path) {
            Ok(()) => Ok(path),
            Err(failure) if failure.code == ErrorCode::InvalidName => Err(Misplaced::Directory(Misnamed::Nowhere)),
            Err(failure) => Err(Misplaced::Refused(failure)),
        }
    }

    /// Returns the time at which [`Session::handle_timeout`] is to be called.
    pub(super) fn next_timeout(&self) -> Option<Duration> {
        match &self.state {
            TransferState::Uploading { since, hold, .. } | TransferState::Downloading { since, hold, .. } => {
                Some(since.saturating_add(self.shared.options.idle_timeout).min(hold.ends_at()))
            }
            TransferState::Idle { .. } => None,
        }
    }

    /// Reports whether no transfer is under way.
    pub(super) fn is_idle(&self) -> bool {
        matches!(self.state, TransferState::Idle { .. })
    }

    /// Ends a transfer that its client has abandoned, or does not get on with.
    pub(super) fn handle_timeout(&mut self, now: Duration) {
        if self.next_timeout().is_some_and(|at| at <= now) {
            tracing::info!(client = self.peer.client, address = self.peer.address, "an abandoned transfer was ended");
            self.end_transfer(false);
        }
    }
}

/// However a session ends, its leases do.
impl Drop for Session {
    fn drop(&mut self) {
        self.release();
    }
}

/// Reads a directory as clients write it: repeated slashes and `.` mean nothing, and a relative one is taken from
/// the root.
fn spelled(text: &str) -> Result<RemotePath, Misnamed> {
    if text.chars().any(char::is_control) || text.split('/').any(|name| name == "..") {
        return Err(Misnamed::Bad);
    }
    let names: Vec<&str> = text.split('/').filter(|name| !name.is_empty() && *name != ".").collect();
    RemotePath::parse(&format!("/{}", names.join("/"))).map_err(|_| Misnamed::Nowhere)
}

/// The reason why a text is no directory.
enum Misnamed {
    /// The request must not be made.
    Bad,
    /// There can be no such directory.
    Nowhere,
}

/// The reason why a name and a directory make no path.
enum Misplaced {
    Name,
    Directory(Misnamed),
    /// There may be such a path, and it may not be used so.
    Refused(Failure),
}

impl Misplaced {
    /// Returns the answer; `nowhere` is that for a missing directory.
    fn or(self, nowhere: Response<'static>) -> Response<'static> {
        match self {
            Self::Name => Response::InvalidFileName,
            Self::Directory(Misnamed::Bad) => Response::BadRequest,
            Self::Directory(Misnamed::Nowhere) => nowhere,
            Self::Refused(failure) => answers::other(&failure),
        }
    }
}

fn described(name: &FileName, entry: &Entry) -> ListedFile {
    ListedFile {
        name: name.as_str().to_owned(),
        is_directory: entry.kind == Kind::Directory,
        size: entry.size,
        modified: float_seconds(entry.modified),
    }
}

/// Returns the time as Python's `st_mtime` has it, to the last bit.
fn float_seconds(time: Timestamp) -> f64 {
    time.seconds() as f64 + 1e-9 * f64::from(time.nanoseconds())
}
