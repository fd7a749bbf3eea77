//! The connection to a server of protocol 1, which all requests share, and the size of its chunks.

use super::answers::refused;
use super::names::Names;
use super::requests::Requests;
use crate::store::StoreResult;
use remofile_protocol::path::RemotePath;
use remofile_protocol::protocol1::{Directory, Request, Response};
use remofile_protocol::wire::{ErrorCode, Failure};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Bytes of a chunk, if the client has not chosen: first what servers accept unless they were told otherwise, then what others
/// may accept.
const CHUNK_SIZES: [u32; 14] =
    [8192, 512, 65_536, 16_384, 32_768, 4096, 2048, 1024, 131_072, 262_144, 524_288, 256, 128, 64];

/// The one connection, which all requests share.
#[derive(Clone)]
pub(super) struct SharedConnection(Arc<Mutex<Connection>>, ChosenChunk);

/// The size of chunks that the client has chosen, in bytes; 0 for any. Clones are the same choice.
#[derive(Debug, Clone, Default)]
pub(crate) struct ChosenChunk(Arc<Choice>);

#[derive(Debug, Default)]
struct Choice {
    bytes: AtomicU32,
    /// True until it is known whether the server takes it.
    is_unproved: AtomicBool,
}

impl ChosenChunk {
    /// Chooses a size; `None` for any that the server takes. The next look at the root tells whether it does.
    pub(crate) fn choose(&self, bytes: Option<NonZeroU32>) {
        self.0.bytes.store(bytes.map_or(0, NonZeroU32::get), Ordering::Relaxed);
        self.0.is_unproved.store(bytes.is_some(), Ordering::Release);
    }

    fn get(&self) -> Option<u32> {
        Some(self.0.bytes.load(Ordering::Relaxed)).filter(|bytes| *bytes > 0)
    }

    fn take_unproved(&self) -> Option<u32> {
        self.get().filter(|_| self.0.is_unproved.swap(false, Ordering::AcqRel))
    }
}

/// A name that no file has: a server refuses the size of chunks before it looks for one.
const NO_NAME: &str = "?";

struct Connection {
    requests: Requests,
    /// The directory that was listed last, with its files: a caller that reads many files of one directory asks for it
    /// again and again.
    listed: Option<(RemotePath, Instant, Arc<Names>)>,
    /// The size of chunks that the server took last, if the client had not chosen.
    taken: Option<u32>,
}

/// Time for which a listing may be used again, if this side has changed nothing.
const LISTING_AGE: Duration = Duration::from_secs(2);

impl SharedConnection {
    pub(super) fn new(requests: Requests, chosen: ChosenChunk) -> Self {
        Self(Arc::new(Mutex::new(Connection { requests, listed: None, taken: None })), chosen)
    }

    pub(super) fn ask(&self, request: &Request<'_>) -> StoreResult<Response<'static>> {
        let mut connection = self.lock();
        if !matches!(request, Request::ListFiles { .. } | Request::DownloadFile { .. } | Request::ReceiveChunk) {
            connection.listed = None;
        }
        connection.requests.ask(request)
    }

    /// Returns the files in a directory.
    pub(super) fn list(&self, directory: &RemotePath) -> StoreResult<Arc<Names>> {
        let mut connection = self.lock();
        if let Some((listed, at, files)) = &connection.listed
            && listed == directory
            && at.elapsed() < LISTING_AGE
        {
            return Ok(Arc::clone(files));
        }
        match connection.requests.ask(&Request::ListFiles { directory: Directory::new(directory.as_str()) })? {
            Response::FilesListed(files) => {
                let files = Arc::new(Names::new(files)?);
                connection.listed = Some((directory.clone(), Instant::now(), Arc::clone(&files)));
                Ok(files)
            }
            other => Err(refused(other)),
        }
    }

    /// Reports whether nothing will be answered any more.
    pub(super) fn is_broken(&self) -> bool {
        self.lock().requests.is_broken()
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A request that was cut short has left its failure.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the size of chunks to begin with, as far as it is known.
    pub(super) fn likely_chunk(&self) -> u32 {
        self.1.get().or(self.lock().taken).unwrap_or(CHUNK_SIZES[0])
    }

    /// Asks whether the server takes chunks of the size that the client has chosen, if that is not known.
    pub(super) fn prove_chunk(&self) -> StoreResult<()> {
        let Some(chosen) = self.1.take_unproved() else { return Ok(()) };
        let (name, directory) = (NO_NAME.to_owned(), Directory::new("/"));
        match self.ask(&Request::DownloadFile { name, directory, chunk_size: chosen.into() })? {
            Response::IncorrectChunkSize => {
                self.1.choose(None);
                Err(Failure::new(ErrorCode::IncorrectChunkSize).because(format!("{chosen} bytes")))
            }
            Response::TransferAccepted { .. } => {
                self.cancel();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Begins a transfer with chunks as the client has chosen them, or of a size that the server accepts.
    pub(super) fn begin(&self, request: impl Fn(u32) -> Request<'static>) -> StoreResult<(usize, Response<'static>)> {
        let chosen = self.1.get();
        let (first, others) = match chosen {
            Some(chosen) => (chosen, &[][..]),
            None => (self.likely_chunk(), &CHUNK_SIZES[..]),
        };
        for chunk_size in std::iter::once(first).chain(others.iter().copied().filter(|&other| other != first)) {
            match self.ask(&request(chunk_size))? {
                Response::IncorrectChunkSize => {}
                response => {
                    self.lock().taken = chosen.is_none().then_some(chunk_size);
                    return Ok((chunk_size as usize, response));
                }
            }
        }
        let what = match chosen {
            Some(chosen) => format!("{chosen} bytes"),
            None => "none of the usual sizes: choose one that it takes".to_owned(),
        };
        Err(Failure::new(ErrorCode::IncorrectChunkSize).because(what))
    }

    pub(super) fn cancel(&self) {
        // Its answer is ignored, since nothing more can be done.
        let _answered = self.ask(&Request::CancelTransfer);
    }
}
