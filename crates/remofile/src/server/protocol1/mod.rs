//! Protocol 1, the documented one: a request, a response, four states.
//!
//! Participants: the carrier of messages hands each request to a [`Session`] and sends its answer back. Goals:
//! clients written against the documentation work unchanged, and nothing that they do or leave undone hangs the
//! server or others. Non-goals: speed, and everything that `docs/protocol-1.md` does not name.

mod answers;
mod audited;
mod exchange;
mod leasing;
mod moving;
mod naming;
mod transfers;

pub(super) use exchange::{Enveloped, Exchange};

use super::audit::INTERRUPTED;
use super::leases::Reach;
use super::max_hold::MaxHold;
use super::session::{Peer, SharedState};
use crate::budget::{Budget, Reservation};
use crate::carrier::Waker;
use crate::store::{FlushMark, Fsync, StoreResult};
use crate::transfer::Access;
use answers::Refusals;
use audited::Audit;
use naming::{Misnamed, Misplaced, described, spelled};
use remofile_protocol::path::{FileName, RemotePath};
use remofile_protocol::protocol1::{ListedFile, Request, Response};
use remofile_protocol::wire::{ErrorCode, Kind, Listed, OperationId};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use transfers::{Download, Upload};

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
    audit: Audit,
    /// True once the disk has kept the upload at hand waiting.
    is_slow: bool,
    /// Called when its lease is lost, if anybody listens.
    bell: Option<Waker>,
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
            audit: Audit::begin(&shared, &peer),
            shared,
            peer,
            state: TransferState::Idle { was_download: false },
            operation: OperationId::SESSION,
            begun,
            is_slow: false,
            bell: None,
        }
    }

    /// Has somebody called when there is something to do without a request: [`Session::leave_if_lost`].
    fn wake_by(&mut self, waker: &Waker) {
        self.bell = Some(waker.clone());
    }

    /// Answers a request.
    pub(super) fn answer(&mut self, now: Duration, bytes: &[u8]) -> Vec<u8> {
        self.leave_if_lost();
        let Ok(request) = Request::decode(bytes) else {
            // As a chunk of the wrong length does, one that is no bytes ends the upload.
            if self.is_uploading() && Request::means_chunk(bytes) {
                self.end_transfer(false, ErrorCode::BadRequest.name());
            }
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
        let asked = self.audit.asked(&request);
        match (request, &self.state) {
            (Request::ListFiles { directory }, _) => {
                let response = self.list(directory.as_str());
                self.audit.answered(&asked, &response)
            }
            (Request::SendChunk { data }, TransferState::Uploading { .. }) => self.take_chunk(now, &data).encode(),
            (Request::ReceiveChunk, TransferState::Downloading { .. }) => self.give_chunk(now),
            (Request::CancelTransfer, TransferState::Uploading { .. } | TransferState::Downloading { .. }) => {
                self.end_transfer(false, ErrorCode::Cancelled.name());
                Response::TransferCancelled.encode()
            }
            (Request::CancelTransfer, TransferState::Idle { .. }) if was_download => {
                Response::TransferCancelled.encode()
            }
            (request, TransferState::Idle { .. }) => {
                let response = self.begin(now, request);
                self.audit.answered(&asked, &response)
            }
            _ => self.audit.answered(&asked, &Response::BadRequest),
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
            TransferState::Idle { .. } => self.with_lease(self.claims().of_look(), "list", list),
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
        self.with_lease(self.claims().of_path(&path, Reach::Entry), "create", |session| {
            let store = &session.peer.grant.store;
            let created = match kind {
                Kind::Directory => store.make_directory(&path, false, false).map(drop),
                _ => store.create_file(&path, false),
            };
            match created.and_then(|()| session.make_durable()) {
                Ok(()) if kind == Kind::Directory => Response::DirectoryCreated,
                Ok(()) => Response::FileCreated,
                Err(failure) => Refusals::CREATION.response(&session.peer.grant.told(failure)),
            }
        })
    }

    fn remove(&mut self, name: &str, directory: &str) -> Response<'static> {
        let path = match self.place(Access::Remove, name, directory) {
            Ok(path) => path,
            Err(refused) => return refused.or(Response::FileNotFound),
        };
        self.with_lease(self.claims().of_path(&path, Reach::Subtree), "remove", |session| {
            let removed = session.peer.grant.store.remove(&path);
            match removed.and_then(|_| session.make_durable()) {
                Ok(()) => Response::FileRemoved,
                Err(failure) => Refusals::CREATION.response(&session.peer.grant.told(failure)),
            }
        })
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
            Err(failure) => {
                self.audit.denied(failure.code);
                Err(Misplaced::Refused(failure))
            }
        }
    }

    /// Returns the time at which [`Session::handle_timeout`] is to be called.
    pub(super) fn next_timeout(&self) -> Option<Duration> {
        match &self.state {
            TransferState::Uploading { since, hold, .. } | TransferState::Downloading { since, hold, .. } => {
                Some(since.saturating_add(self.shared.limits.current().idle_timeout).min(hold.ends_at()))
            }
            TransferState::Idle { .. } => None,
        }
    }

    /// Reports whether no transfer is under way.
    pub(super) fn is_idle(&self) -> bool {
        matches!(self.state, TransferState::Idle { .. })
    }

    fn is_uploading(&self) -> bool {
        matches!(self.state, TransferState::Uploading { .. })
    }

    /// Learns that the disk takes its time.
    fn notice_slow_disk(&mut self) {
        self.is_slow = true;
    }

    /// Reports whether so many bytes may have to wait for the disk. While it is quick, what is not flushed does not.
    fn may_wait_for_chunk(&self, bytes: usize) -> bool {
        let TransferState::Uploading { upload, .. } = &self.state else { return false };
        self.is_slow
            || match self.shared.options.fsync {
                Fsync::Each => true,
                Fsync::End => upload.is_completed_by(bytes),
                Fsync::None => false,
            }
    }

    /// Ends a transfer that its client has abandoned, or does not get on with.
    pub(super) fn handle_timeout(&mut self, now: Duration) {
        self.leave_if_lost();
        if self.next_timeout().is_some_and(|at| at <= now) {
            tracing::info!(client = self.peer.client, address = self.peer.address, "an abandoned transfer was ended");
            self.end_transfer(false, INTERRUPTED);
        }
    }
}

/// However a session ends, its leases do.
impl Drop for Session {
    fn drop(&mut self) {
        self.release();
    }
}
